//! The temporary host on which the story is told: running its programs, asking it, clearing it away.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use duct::cmd;
use serde_json::Value;
use tempfile::TempDir;

use crate::repository;

/// How long one program may take, and how long anything that is awaited may.
const PROGRAM_LIMIT: Duration = Duration::from_secs(60);
const WAIT_LIMIT: Duration = Duration::from_secs(10);

pub(super) struct Stage {
    folder: TempDir,
    root: PathBuf,
    programs: PathBuf,
    environment: Vec<(OsString, OsString)>,
}

/// What a program printed, and how it ended.
struct Ended {
    success: bool,
    stdout: String,
    stderr: String,
}

impl Stage {
    /// A host with nothing on it yet.
    pub(super) fn new() -> Result<Self, String> {
        let folder = tempfile::Builder::new().prefix("iapeer-demo.").tempdir();
        let folder = folder.map_err(|e| format!("cannot make a temporary folder: {e}"))?;
        // As the kernel names it, because that is what processes will be known by.
        let root = fs::canonicalize(folder.path()).map_err(|e| e.to_string())?.join("root");
        let programs = repository::workspace()?.target.join("debug");
        Ok(Self { environment: environment(&root), folder, root, programs })
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// Runs `iapeer`, shows what it prints, and wants it to succeed.
    pub(super) fn iapeer(&self, arguments: &[&str]) -> Result<(), String> {
        self.aloud("iapeer", self.programs.join("iapeer").as_os_str(), arguments)
    }

    /// The same with the example of a provider.
    pub(super) fn provider(&self, arguments: &[&str]) -> Result<(), String> {
        self.aloud("memory-provider", self.programs.join("memory-provider").as_os_str(), arguments)
    }

    /// The same with a program of the system.
    pub(super) fn show(&self, command: &[&str]) -> Result<(), String> {
        let (program, arguments) = command.split_first().ok_or("an empty command")?;
        self.aloud(program, OsStr::new(program), arguments)
    }

    /// What `iapeer … --json` says.
    pub(super) fn ask(&self, arguments: &[&str]) -> Result<Value, String> {
        let line = format!("iapeer {} --json", arguments.join(" "));
        let ended = self.run(self.programs.join("iapeer").as_os_str(), &[arguments, &["--json"]].concat())?;
        if !ended.success {
            return Err(format!("`{line}` failed: {}{}", ended.stdout, ended.stderr));
        }
        serde_json::from_str(&ended.stdout)
            .map_err(|e| format!("`{line}` gave no JSON ({e}): {}", ended.stdout))
    }

    /// One peer of `list`.
    pub(super) fn peer(&self, name: &str) -> Result<Value, String> {
        let list = self.ask(&["list"])?;
        let mut peers = list["peers"].as_array().into_iter().flatten();
        let peer = peers.find(|peer| peer["personality"] == name);
        peer.cloned().ok_or_else(|| format!("{name} is not in the list: {list}"))
    }

    /// The process of a peer's tmux server.
    pub(super) fn server_pid(&self, name: &str) -> Result<u64, String> {
        let peer = self.peer(name)?;
        let pid = peer.pointer("/runtimes/0/server_pid").and_then(Value::as_u64);
        pid.filter(|pid| *pid > 1).ok_or_else(|| format!("{name} has no server: {peer}"))
    }

    /// All records of deaths.
    pub(super) fn deaths(&self) -> Result<Vec<Value>, String> {
        let document = self.ask(&["deaths"])?;
        document["deaths"].as_array().cloned().ok_or_else(|| format!("there is no list in {document}"))
    }

    /// Asks until there is an answer.
    pub(super) fn until<T>(
        &mut self,
        what: &str,
        mut ask: impl FnMut(&mut Self) -> Result<Option<T>, String>,
    ) -> Result<T, String> {
        let start = Instant::now();
        loop {
            if let Some(answer) = ask(self)? {
                return Ok(answer);
            }
            if start.elapsed() > WAIT_LIMIT {
                return Err(format!("{what} did not come within {} s", WAIT_LIMIT.as_secs()));
            }
            sleep(Duration::from_millis(200));
        }
    }

    /// The processes that have the root in their arguments or their environment, each in one line.
    /// To look at only: nothing is ended because of what stands in its arguments.
    pub(super) fn processes(&self) -> Vec<String> {
        let root = self.root.to_string_lossy();
        if Path::new("/proc/self/environ").exists() {
            return processes_of_proc(&root);
        }
        let listing = cmd!("ps", "-A", "-ww", "-o", "pid=,command=").read().unwrap_or_default();
        listing.lines().filter(|line| line.contains(&*root)).map(|line| line.trim().to_owned()).collect()
    }

    /// Ends whatever still runs here and removes the folder, unless it is to be kept. Whatever could not
    /// be cleared away is returned.
    pub(super) fn clear(self, keep: bool) -> Vec<String> {
        let mut findings = self.end_all();
        if keep {
            let Self { folder, root, programs, .. } = self;
            let kept = folder.keep();
            println!("\nThe root is kept. To look around:");
            println!("  export IAPEER_ROOT={} IAPEER_TEST_SANDBOX=1", root.display());
            println!("  export PATH={}:$PATH", programs.display());
            println!("  iapeer deaths");
            println!("  find \"$IAPEER_ROOT\" -type f");
            println!("and in the end:");
            println!("  rm -r {}", kept.display());
        } else if let Err(e) = self.folder.close() {
            findings.push(format!("the temporary folder could not be removed: {e}"));
        }
        findings
    }

    /// Removes the peers that are left, which ends their sessions, and ends what still has a socket.
    fn end_all(&self) -> Vec<String> {
        let list = self.ask(&["list"]).unwrap_or_default();
        let mut findings = Vec::new();
        for peer in list["peers"].as_array().into_iter().flatten() {
            let name = peer["personality"].as_str().unwrap_or_default();
            if let Err(e) = self.iapeer(&["remove", name, "--force"]) {
                findings.push(e);
            }
        }
        for socket in fs::read_dir(self.root.join("socks")).into_iter().flatten().flatten() {
            let socket = socket.path();
            // Most of these have nobody behind them any more, and then there is nothing to end.
            let end = cmd!("tmux", "-S", &socket, "kill-server").stderr_null().unchecked();
            if end.run().is_ok_and(|output| output.status.success()) {
                findings.push(format!("there was still a server behind {}", socket.display()));
            }
        }
        let start = Instant::now();
        while !self.processes().is_empty() && start.elapsed() < WAIT_LIMIT {
            sleep(Duration::from_millis(200));
        }
        findings.extend(self.processes().into_iter().map(|process| format!("still running: {process}")));
        findings
    }

    fn aloud(&self, name: &str, program: &OsStr, arguments: &[&str]) -> Result<(), String> {
        let line = arguments.iter().fold(name.to_owned(), |line, word| format!("{line} {}", shown(word)));
        println!("$ {line}");
        let ended = self.run(program, arguments)?;
        print!("{}{}", ended.stdout, ended.stderr);
        check(ended.success, || format!("`{line}` failed"))
    }

    /// The output goes to files: a process that is left behind and holds it must not hold us up.
    fn run(&self, program: &OsStr, arguments: &[&str]) -> Result<Ended, String> {
        let told = |e: std::io::Error| format!("{} could not be run: {e}", program.display());
        let (out, err) = (self.folder.path().join("stdout"), self.folder.path().join("stderr"));
        let started = cmd(program, arguments)
            .full_env(self.environment.iter().cloned())
            .dir(self.folder.path())
            .stdin_null()
            .stdout_path(&out)
            .stderr_path(&err)
            .unchecked()
            .start()
            .map_err(told)?;
        let start = Instant::now();
        let success = loop {
            if let Some(output) = started.try_wait().map_err(told)? {
                break output.status.success();
            }
            if start.elapsed() > PROGRAM_LIMIT {
                started.kill().map_err(told)?;
                let limit = PROGRAM_LIMIT.as_secs();
                return Err(format!("{} {arguments:?} took more than {limit} s", program.display()));
            }
            sleep(Duration::from_millis(10));
        };
        let read = |file| fs::read(file).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        Ok(Ended { success, stdout: read(&out).map_err(told)?, stderr: read(&err).map_err(told)? })
    }
}

pub(super) fn check(holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise()) }
}

/// Our own environment without what would lead to the caller's host or session.
fn environment(root: &Path) -> Vec<(OsString, OsString)> {
    let leads_astray = |name: &OsString| {
        let name = name.to_string_lossy();
        ["IAPEER_", "PEER_", "TMUX", "CARGO_"].iter().any(|prefix| name.starts_with(prefix))
    };
    let mut environment: Vec<_> = std::env::vars_os().filter(|(name, _)| !leads_astray(name)).collect();
    environment.push(("IAPEER_ROOT".into(), root.into()));
    environment.push(("IAPEER_TEST_SANDBOX".into(), "1".into()));
    environment
}

/// A word as one would type it.
fn shown(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_=:./{}@,".contains(c);
    if word.chars().all(plain) && !word.is_empty() { word.to_owned() } else { format!("'{word}'") }
}

fn processes_of_proc(root: &str) -> Vec<String> {
    let mut found = Vec::new();
    for process in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Ok(pid) = process.file_name().to_string_lossy().parse::<u32>() else { continue };
        // Those of other users cannot be read, and are not ours.
        let read = |name: &str| fs::read(process.path().join(name)).unwrap_or_default();
        let words = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).replace('\0', " ");
        let (arguments, environment) = (words(read("cmdline")), words(read("environ")));
        if arguments.contains(root) || environment.contains(root) {
            found.push(format!("{pid} {}", arguments.trim()));
        }
    }
    found
}
