//! What the tests of real processes share.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "every test file uses a part of this, and tests look at files"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use iapeer_provision_exec::{Cancel, Outcome, Run, Survivors};
use rustix::process::{Pid, Signal, kill_process};

/// Far more than anything here takes, far less than the sleeps of those who are meant to hang.
pub(crate) const SOON: Duration = Duration::from_secs(30);

/// Enough for a shell to have set its traps, on a busy machine, too.
pub(crate) const STARTED: Duration = Duration::from_secs(2);

pub(crate) fn sh(script: &str) -> Run {
    Run::new("/bin/sh").args(["-c", script])
}

/// Runs a script that makes the file `$1` when it is ready, and does `act` then.
pub(crate) fn when_ready(script: &str, with: impl FnOnce(Run) -> Run, act: impl FnOnce()) -> Outcome {
    let folder = tempfile::tempdir().unwrap();
    let ready = folder.path().join("ready");
    let run = with(sh(script).args(["sh"]).args([&ready]).grace(SOON).time_limit(SOON * 4));
    let waiting = thread::spawn(|| run.run());
    eventually("the script is ready", || ready.exists());
    act();
    let outcome = waiting.join().unwrap();
    assert!(outcome.elapsed < SOON, "{:?}", outcome.elapsed);
    outcome
}

/// Runs such a script and cancels it then.
pub(crate) fn cancelled_when_ready(script: &str, with: impl FnOnce(Run) -> Run) -> Outcome {
    let cancel = Cancel::new().unwrap();
    when_ready(script, |run| with(run.cancel(&cancel)), || cancel.cancel())
}

/// The number that a script has printed.
pub(crate) fn pid(text: &str) -> u32 {
    text.trim().parse().unwrap()
}

/// Whether a process is there and no zombie.
pub(crate) fn is_alive(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"));
    stat.is_ok_and(|stat| !stat.rsplit(')').next().unwrap().trim_start().starts_with(['Z', 'X']))
}

/// Looks again and again, for far longer than anything here takes.
#[track_caller]
pub(crate) fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < SOON, "not in time: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

#[track_caller]
pub(crate) fn assert_ended(pid: u32) {
    eventually(&format!("the end of {pid}"), || !is_alive(pid));
}

/// Ends a process that a test has left, and asserts that it was alive until now.
#[track_caller]
pub(crate) fn end(pid: u32) {
    assert!(is_alive(pid), "{pid} has ended");
    let pid = Pid::from_raw(pid.try_into().unwrap()).unwrap();
    kill_process(pid, Signal::KILL).expect("it is alive");
}

/// Ends those who were left, and asserts that each was alive until now.
#[track_caller]
pub(crate) fn end_survivors(outcome: &Outcome) -> Vec<u32> {
    let Survivors::Processes(list) = &outcome.survivors else { return Vec::new() };
    let pids: Vec<u32> = list.iter().map(|survivor| survivor.pid).collect();
    pids.iter().copied().for_each(end);
    pids
}

/// A value for a variable `MARK` by which [`alive_with`] finds the processes of one test.
pub(crate) fn mark(test: &str) -> String {
    format!("{test}-{}", std::process::id())
}

/// The live processes that have this `MARK` in their environment.
pub(crate) fn alive_with(mark: &str) -> Vec<u32> {
    let entry = format!("MARK={mark}");
    let pids = fs::read_dir("/proc").unwrap().filter_map(|it| it.unwrap().file_name().to_str()?.parse().ok());
    let has = |pid: &u32| {
        let block = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        block.split(|&byte| byte == 0).any(|it| it == entry.as_bytes()) && is_alive(*pid)
    };
    pids.filter(has).collect()
}

/// A file with a content and a mode. Another process writes it, so that no descriptor of ours that
/// may write to it can be inherited by a neighbour's child while it is to be run.
pub(crate) fn script(folder: &Path, name: &str, content: &str, mode: u32) -> PathBuf {
    let path = folder.join(name);
    let write = sh("printf '%s' \"$1\" >\"$2\" && chmod \"$3\" \"$2\"").args(["sh", content]);
    let outcome = write.args([&path]).args([format!("{mode:o}")]).run();
    assert!(path.is_file(), "{:?}", outcome.detail());
    path
}
