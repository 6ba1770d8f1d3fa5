//! The host on which a soak runs, and its processes.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use duct::{Expression, Handle, cmd};
use serde_json::Value;
use tempfile::TempDir;

use super::Sample;
use crate::repository;

/// A host of its own in a temporary folder.
pub(super) struct Place {
    folder: TempDir,
    program: PathBuf,
}

/// A supervisor that runs.
pub(super) struct Supervisor(Handle);

impl Place {
    pub(super) fn new() -> Result<Place, String> {
        // The path of a socket must be short.
        let folder = tempfile::Builder::new().prefix("soak").tempdir_in("/tmp");
        let folder = folder.map_err(|e| format!("cannot make a temporary folder: {e}"))?;
        fs::create_dir(folder.path().join("home")).map_err(|e| format!("cannot make a home: {e}"))?;
        Ok(Place { folder, program: repository::workspace()?.target.join("release/iapeer") })
    }

    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(super) fn root(&self) -> PathBuf {
        self.folder.path().join("root")
    }

    /// What `iapeer … --json` says, also when it fails.
    pub(super) fn ask(&self, words: &[&str]) -> Value {
        let words = [words, &["--json"]].concat();
        let told = self.iapeer(&words).env("IAPEER_IDLE_SECS", "3600").stderr_null().unchecked().read();
        told.ok().and_then(|told| serde_json::from_str(&told).ok()).unwrap_or_default()
    }

    /// Starts a supervisor that puts sessions to sleep soon.
    pub(super) fn supervisor(&self) -> Supervisor {
        let command = self.iapeer(&["supervise", "--every", "1"]).env("IAPEER_IDLE_SECS", "2");
        let command = command.stdout_null().stderr_null().unchecked();
        Supervisor(command.start().expect("what was just built can be started"))
    }

    fn iapeer(&self, words: &[&str]) -> Expression {
        cmd(&self.program, words)
            .env("IAPEER_ROOT", self.root())
            .env("HOME", self.folder.path().join("home"))
            .env("IAPEER_TEST_SANDBOX", "1")
            // Its sessions are there to die.
            .env("IAPEER_CRASHLOOP_MAX", "1000000")
            .env("SHELL", "/bin/sh")
            .dir(self.folder.path())
            .stdin_null()
    }

    /// Whether this process is the server of a peer: its socket stands in its arguments.
    pub(super) fn is_server_of(&self, peer: &str, pid: u32) -> bool {
        let socket = self.root().join(format!("socks/tmux-iap-shell-{peer}.sock"));
        let arguments = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        arguments.split(|byte| *byte == 0).any(|word| Path::new(&*String::from_utf8_lossy(word)) == socket)
    }

    /// The program in the session of a peer, if that is still the one of this server.
    pub(super) fn program_of(&self, peer: &str, server: u32) -> Option<u32> {
        let session = self.root().join(format!("state/lifecycle/shell-{peer}.session"));
        let session: Value = serde_json::from_slice(&fs::read(session).ok()?).ok()?;
        let is_same = session["server"]["pid"] == server && self.is_server_of(peer, server);
        let program = session["pane"]["pid"].as_u64()?.try_into().ok()?;
        is_same.then_some(program)
    }

    /// Ends everything that runs here; what does not end is a finding, and killed.
    pub(super) fn end(&self, peers: &[String]) -> Vec<String> {
        for peer in peers {
            self.ask(&["stop", peer]);
        }
        let deadline = Instant::now() + Duration::from_secs(20);
        while !self.processes().is_empty() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(100));
        }
        let left = self.processes();
        left.iter().for_each(|(pid, _)| end_process(*pid, "KILL"));
        left.into_iter().map(|(pid, what)| format!("a process is left: {what} (pid {pid})")).collect()
    }

    /// The processes that have the folder in their arguments or in their environment.
    fn processes(&self) -> Vec<(u32, String)> {
        let folder = self.folder.path().to_string_lossy().into_owned();
        let read = |pid: u32, file: &str| {
            let bytes = fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
            String::from_utf8_lossy(&bytes).replace('\0', " ")
        };
        let pids = fs::read_dir("/proc").into_iter().flatten().flatten();
        let pids = pids.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        pids.map(|pid| (pid, read(pid, "cmdline"), read(pid, "environ")))
            .filter(|(_, arguments, environment)| {
                arguments.contains(&folder) || environment.contains(&folder)
            })
            .map(|(pid, arguments, _)| (pid, arguments))
            .collect()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // Also after a panic nothing is left that was started.
        self.processes().iter().for_each(|(pid, _)| end_process(*pid, "KILL"));
    }
}

impl Supervisor {
    pub(super) fn pid(&self) -> u32 {
        self.0.pids().first().copied().unwrap_or_default()
    }

    /// Ends it with a signal, and waits for that.
    pub(super) fn end(self, signal: &str) {
        end_process(self.pid(), signal);
        // How it ended is its own matter; that it ended is what counts.
        drop(self.0.wait());
    }
}

/// Sends a signal to a process that was just seen to be ours.
pub(super) fn end_process(pid: u32, signal: &str) {
    // It may be gone already.
    drop(cmd("kill", [format!("-{signal}"), pid.to_string()]).stderr_null().unchecked().run());
}

/// What a process uses now.
pub(super) fn sample(pid: u32) -> Option<Sample> {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
    let pss = rollup.lines().find_map(|line| line.strip_prefix("Pss:"))?;
    let descriptors = fs::read_dir(format!("/proc/{pid}/fd")).ok()?.count();
    Some(Sample { pss_kib: pss.split_whitespace().next()?.parse().ok()?, descriptors: descriptors as u64 })
}
