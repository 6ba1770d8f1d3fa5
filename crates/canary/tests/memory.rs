//! A server that the kernel kills for want of memory, in a cgroup of its own, where the machine has the test
//! make one.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "integration tests"
)]

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;

use iapeer_canary::{OomBaseline, Script, Wait};
use support::{Lab, Recorder, Server, shells, wait_for};

/// How much memory there is in the cgroup, in bytes.
const LIMIT: &str = "16777216";

/// A cgroup with little memory; it goes when it is dropped, which takes until nobody is in it.
struct Cgroup(PathBuf);

impl Cgroup {
    /// Under the memory controller of version 1, or in version 2; `None` where there may be none.
    fn make() -> Option<Cgroup> {
        let name = format!("iapeer-test-{}", std::process::id());
        let one = ("/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.memsw.limit_in_bytes", LIMIT);
        let two = ("/sys/fs/cgroup", "memory.max", "memory.swap.max", "0");
        for (parent, memory, swap, swap_limit) in [one, two] {
            if !Path::new(parent).join("cgroup.procs").exists() {
                continue;
            }
            let cgroup = Cgroup(Path::new(parent).join(&name));
            if std::fs::create_dir(&cgroup.0).is_err()
                || std::fs::write(cgroup.0.join(memory), LIMIT).is_err()
            {
                continue;
            }
            // Without swap there is no such file, and no need for it.
            let _ = std::fs::write(cgroup.0.join(swap), swap_limit);
            return Some(cgroup);
        }
        None
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        for _ in 0..100 {
            if std::fs::remove_dir(&self.0).is_ok() {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }
}

#[test]
fn a_kill_for_want_of_memory_is_told() {
    let Some(cgroup) = Cgroup::make() else {
        eprintln!("skipped: no cgroup with a limit can be made here");
        return;
    };
    for shell in shells() {
        let lab = Lab::new();
        let go = lab.root.join("go");
        let code = "echo $$ >\"$1/cgroup.procs\" && until [ -e \"$2\" ]; do sleep 0.02 >/dev/null; done
            exec tail /dev/zero";
        let mut command = Command::new("/bin/sh");
        command.args(["-c", code, "server"]).arg(&cgroup.0).arg(&go);
        let mut server = Server::run(&mut command);
        let pid = server.incarnation.pid;
        let inside = || {
            let procs = std::fs::read_to_string(cgroup.0.join("cgroup.procs")).unwrap();
            procs.lines().any(|line| line == pid.to_string()).then_some(())
        };
        wait_for("the server to be in its cgroup", inside);
        let counters = OomBaseline::read(pid);
        if counters.cgroup.is_none() {
            eprintln!("skipped: this kernel counts no kills in a cgroup");
            return;
        }
        let subject = server.subject("claude-x");
        let script = Script::new(subject.clone(), lab.places.clone(), Wait::Lifeline).with_oom(counters);
        let mut recorder = Recorder::start(shell, &script.render().unwrap(), server.lifeline(), &lab.root);
        recorder.wait_until_armed(&lab, &subject);
        std::fs::write(&go, "").unwrap();
        assert!(recorder.ended().success(), "{shell:?}");
        let exit = lab.only_exit(&subject);
        let told = ["cause", "status", "oom"].map(|key| exit.get(key).unwrap());
        assert_eq!(told, ["server-vanished", "sig9", "cgroup+1"], "{shell:?}");
    }
}
