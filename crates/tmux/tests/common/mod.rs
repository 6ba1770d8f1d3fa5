//! A tmux server of a test's own, in a folder of its own, and ended with the test.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "every test file uses a part of this, and tests look at the environment and at files"
)]

use std::ffi::OsStr;
use std::fs;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use iapeer_provision_exec::{Run, State};
use iapeer_tmux::{Probe, Server, Tmux, probe};
use rustix::process::{Pid, Signal, kill_process, test_kill_process};

pub(crate) fn tmux() -> Tmux {
    Tmux::find(&std::env::var_os("PATH").unwrap()).expect("these tests need tmux")
}

/// Looks again and again, for far longer than anything here takes.
#[track_caller]
pub(crate) fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < Duration::from_secs(60), "not in time: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

pub(crate) fn pid(number: u32) -> Pid {
    Pid::from_raw(number.try_into().unwrap()).unwrap()
}

/// Whether a process is there and no zombie.
pub(crate) fn is_alive(number: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{number}/stat"));
    stat.is_ok_and(|stat| !stat.rsplit(')').next().unwrap().trim_start().starts_with(['Z', 'X']))
}

/// A shell command of the test itself, with arguments `$1` and so on.
pub(crate) fn sh<T: AsRef<OsStr>>(script: &str, args: impl IntoIterator<Item = T>) -> String {
    let args = args.into_iter().map(|arg| arg.as_ref().to_owned());
    let outcome = Run::new("/bin/sh").args(["-c", script, "sh"]).args(args).run();
    assert_eq!(outcome.state, State::Ok, "{script}: {:?}", outcome.detail());
    outcome.stdout.text()
}

/// A raw tmux command, to look behind the typed ones.
pub(crate) fn raw(server: &Server, words: &[&str]) -> String {
    let fixed = ["-f", "/dev/null", "-S", server.socket().to_str().unwrap()];
    let run = Run::new(server.tmux().program()).args(fixed).args(words.iter().copied());
    let outcome = run.run();
    assert_eq!(outcome.state, State::Ok, "{words:?}: {:?}", outcome.detail());
    outcome.stdout.text()
}

/// A server and its folder. Dropping it ends the server by the pid that it had when it was started.
pub(crate) struct Host {
    folder: tempfile::TempDir,
    server: Server,
    started: Option<u32>,
}

impl Host {
    /// A folder with no server in it yet.
    pub(crate) fn idle() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let server = tmux().server(folder.path().join("s")).unwrap();
        Self { folder, server, started: None }
    }

    /// An empty server.
    pub(crate) fn running() -> Self {
        let mut host = Self::idle();
        host.boot();
        host
    }

    pub(crate) fn boot(&mut self) -> u32 {
        let pid = self.server.start(None, &[]).unwrap();
        self.owns(pid);
        pid
    }

    /// Says which process to end with this host.
    pub(crate) fn owns(&mut self, server_pid: u32) {
        self.started = Some(server_pid);
    }

    pub(crate) fn pid(&self) -> u32 {
        self.started.expect("it was started")
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(pid(self.pid()), signal).unwrap();
    }

    /// Waits for the server's end.
    pub(crate) fn ended(&mut self) {
        let pid = self.started.take().expect("it was started");
        eventually("the server ends", || !is_alive(pid));
    }

    pub(crate) fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.folder.path().join(name)
    }
}

impl Deref for Host {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.server
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        if let Some(started) = self.started
            && test_kill_process(pid(started)).is_ok()
        {
            let _ = kill_process(pid(started), Signal::KILL);
        }
        // A failed test may not have got as far as to know its server.
        if let Probe::Listening { pid: left } = probe(self.server.socket())
            && left != std::process::id()
        {
            let _ = kill_process(pid(left), Signal::KILL);
        }
    }
}
