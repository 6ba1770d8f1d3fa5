//! The processes of the machine, and waiting for what it does.

use std::fs;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// Far longer than anything here takes: who waits this long waits for what never comes.
const LIMIT: Duration = Duration::from_secs(60);

/// Looks again and again until there is an answer.
#[track_caller]
pub(crate) fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(start.elapsed() < LIMIT, "not in time: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Looks again and again until it is so.
#[track_caller]
pub(crate) fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    wait_for(what, || is_so().then_some(()));
}

/// Sends a signal to a process that a test has started. It may be gone already.
pub(crate) fn kill(pid: u32, signal: Signal) {
    let pid = Pid::from_raw(i32::try_from(pid).unwrap()).expect("no process has the number 0");
    match kill_process(pid, signal) {
        Ok(()) | Err(rustix::io::Errno::SRCH) => {}
        Err(error) => panic!("cannot signal {pid:?}: {error}"),
    }
}

/// Whether a process is there and no zombie.
pub(crate) fn is_alive(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"));
    stat.is_ok_and(|stat| !stat.rsplit(')').next().unwrap().trim_start().starts_with(['Z', 'X']))
}

/// Kills a process and waits for its end.
#[track_caller]
pub(crate) fn murder(pid: u32) {
    kill(pid, Signal::KILL);
    wait_until("the end of a killed process", || !is_alive(pid));
}

/// The processes that have `folder` in their arguments or in their environment, with their arguments.
/// The folder of a test has a name that nobody else can have.
pub(crate) fn processes_of(folder: &str) -> Vec<(u32, String)> {
    let read = |pid: u32, file: &str| {
        // A process that is gone meanwhile has neither.
        let bytes = fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).replace('\0', " ")
    };
    let pids = fs::read_dir("/proc").unwrap().filter_map(|e| e.ok()?.file_name().to_str()?.parse().ok());
    pids.filter(|pid| *pid != std::process::id())
        .map(|pid| (pid, read(pid, "cmdline"), read(pid, "environ")))
        .filter(|(_, arguments, environment)| arguments.contains(folder) || environment.contains(folder))
        .map(|(pid, arguments, _)| (pid, arguments))
        .collect()
}
