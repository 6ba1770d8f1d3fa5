//! A host of a test's own.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;

use crate::machine::{kill, processes_of};

/// The program under test.
pub(crate) const IAPEER: &str = env!("CARGO_BIN_EXE_iapeer");

/// A command that has not come back by then never will.
const HUNG: Duration = Duration::from_secs(120);

/// What iapeer, its witness and the fakes of the tests call, beside tmux.
const TOOLS: [&str; 31] = [
    "cat", "chmod", "cp", "cut", "date", "dmesg", "env", "false", "grep", "head", "kill", "logger", "ls",
    "mkdir", "mktemp", "mv", "ps", "rm", "rmdir", "setsid", "sh", "sleep", "sort", "stat", "stty", "tail",
    "timeout", "touch", "tr", "true", "wc",
];

/// What differs from run to run.
const FILTERS: [(&str, &str); 19] = [
    (r"\d{8}T\d{9}Z", "[STAMP]"),
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "[TIME]"),
    (r"\.[0-9a-f]{8}\.\d+\.\d+", ".[BOOT].[PID].[START]"),
    (r#"((?:server_|recorder_|pane_)pid(?:": |=))\d+"#, "$1[PID]"),
    (r"\bpid \d+", "pid [PID]"),
    (r#"("ms": |ms=)\d+"#, "$1[MS]"),
    (r"\bin \d+ ms", "in [MS] ms"),
    (r#"("version": ?")\d+\.\d+\.\d+"#, "$1[VERSION]"),
    (r"\biapeer \d+\.\d+\.\d+", "iapeer [VERSION]"),
    (r"\biapeer-[0-9a-f]{8}\b", "iapeer-[ROOT]"),
    (r"\biapeer-service [0-9a-f]{16}\b", "iapeer-service [HASH]"),
    (r"\b(example-memory) \d+\.\d+\.\d+", "$1 [VERSION]"),
    (r"\bheartbeat \d+ s ago", "heartbeat [AGE] s ago"),
    (r#"("heartbeat_age_secs": )\d+"#, "$1[AGE]"),
    (r"\d+ MiB(?: and \d+ files)? are free", "[SPACE] are free"),
    (r"\d+ KiB in all", "[N] KiB in all"),
    (r"\btmux (?:next-)?\d+\.\w+ at ", "tmux [VERSION] at "),
    (r"oom_kill \d+, in its cgroup (?:\d+|unknown); at the death: oom_kill \d+", "[COUNTERS]"),
    // Whether the kernel killed for memory meanwhile is no matter of the test.
    (r#"("oom": "|oom=)[a-z0-9+]+"#, "$1[OOM]"),
];

/// A host of a test's own: a root, a home, a search path. Dropping it ends everything that runs there.
pub(crate) struct Host {
    folder: TempDir,
    variables: BTreeMap<String, String>,
}

/// A command that has run.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) exit: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// The words of a command: a text is split where there is white space, an array is taken as it is.
pub(crate) trait Words {
    fn words(&self) -> Vec<&str>;
}

impl Words for &str {
    fn words(&self) -> Vec<&str> {
        self.split_whitespace().collect()
    }
}

impl Words for &[&str] {
    fn words(&self) -> Vec<&str> {
        self.to_vec()
    }
}

impl<const N: usize> Words for [&str; N] {
    fn words(&self) -> Vec<&str> {
        self.to_vec()
    }
}

impl Host {
    /// An empty host: not even its root is there.
    pub(crate) fn new() -> Host {
        Host::named("iap")
    }

    /// An empty host in a folder whose name begins so.
    pub(crate) fn named(prefix: &str) -> Host {
        // The path of a socket must be short.
        Host::in_folder(tempfile::Builder::new().prefix(prefix).tempdir_in("/tmp").unwrap())
    }

    /// An empty host in memory, where the machine has a folder for that: its syncs cost nothing.
    pub(crate) fn in_memory() -> Host {
        let folder = tempfile::Builder::new().prefix("iap").tempdir_in("/dev/shm");
        folder.map_or_else(|_| Host::new(), Host::in_folder)
    }

    fn in_folder(folder: TempDir) -> Host {
        let mut host = Host { folder, variables: BTreeMap::new() };
        for name in ["home", "bin"] {
            fs::create_dir(host.path(name)).unwrap();
        }
        let search_path = std::env::var_os("PATH").expect("tests need a PATH");
        for tool in TOOLS.iter().chain(&["tmux"]) {
            let found =
                std::env::split_paths(&search_path).map(|folder| folder.join(tool)).find(|p| p.exists());
            if let Some(found) = found {
                symlink(found, host.path("bin").join(tool)).unwrap();
            }
        }
        let variables = [
            ("PATH", host.path("bin").to_str().unwrap().to_owned()),
            ("HOME", host.path("home").to_str().unwrap().to_owned()),
            ("IAPEER_ROOT", host.path("root").to_str().unwrap().to_owned()),
            ("IAPEER_TEST_SANDBOX", "1".to_owned()),
            ("SHELL", "/bin/sh".to_owned()),
            ("LC_ALL", "C.UTF-8".to_owned()),
        ];
        host.variables = variables.map(|(name, value)| (name.to_owned(), value)).into();
        host
    }

    /// A host with these peers, each with the runtime `shell`.
    pub(crate) fn with_peers(peers: &[&str]) -> Host {
        let host = Host::new();
        for peer in peers {
            host.ok(["create", peer, "--runtime", "shell"]);
        }
        host
    }

    /// A host with the peer `alpha` and its session, and the pid of its server.
    pub(crate) fn with_session() -> (Host, u32) {
        let host = Host::with_peers(&["alpha"]);
        let server = host.launch("alpha");
        (host, server)
    }

    /// Sets a variable for everything that runs from now on; its old value.
    pub(crate) fn set(&mut self, name: &str, value: impl Into<String>) -> Option<String> {
        self.variables.insert(name.to_owned(), value.into())
    }

    /// Takes a variable away from everything that runs from now on; its old value.
    pub(crate) fn unset(&mut self, name: &str) -> Option<String> {
        self.variables.remove(name)
    }

    /// The folder of this host, in which root and home are.
    pub(crate) fn folder(&self) -> &str {
        self.folder.path().to_str().unwrap()
    }

    /// A path in the folder of this host.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A path in the root.
    pub(crate) fn root(&self, name: &str) -> PathBuf {
        self.path("root").join(name)
    }

    /// A command with the environment of this host and nothing else.
    pub(crate) fn command(&self, program: impl AsRef<Path>, args: impl Words) -> Command {
        let mut command = Command::new(program.as_ref());
        command.args(args.words()).env_clear().envs(&self.variables).current_dir(self.folder.path());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs `iapeer`.
    pub(crate) fn run(&self, args: impl Words) -> Ran {
        finish(&mut self.command(IAPEER, args))
    }

    /// Runs `iapeer`, which must succeed.
    #[track_caller]
    pub(crate) fn ok(&self, args: impl Words) -> Ran {
        let ran = self.run(args);
        assert_eq!(ran.exit, 0, "{ran:?}");
        ran
    }

    /// What `iapeer … --json` says; it must succeed.
    #[track_caller]
    pub(crate) fn json(&self, args: impl Words) -> Value {
        let ran = self.ok([&args.words()[..], &["--json"]].concat().as_slice());
        serde_json::from_str(&ran.stdout).expect("one JSON document")
    }

    /// Runs commands, one after the other; all that they say.
    #[track_caller]
    pub(crate) fn told(&self, commands: &[&str]) -> String {
        commands.iter().map(|c| format!("$ iapeer {c}\n{}", self.run(*c))).collect::<Vec<_>>().join("\n")
    }

    /// Runs commands, one after the other, and holds all that they say against the snapshot `name`.
    #[track_caller]
    pub(crate) fn snapshot(&self, name: &str, commands: &[&str]) {
        self.holds(name, &self.told(commands));
    }

    /// Runs commands that must fail with this exit code, as text and as JSON, which must tell the same;
    /// holds what they say against the snapshot `name`.
    #[track_caller]
    pub(crate) fn fails(&self, name: &str, exit: i32, commands: &[&str]) {
        let told: Vec<_> =
            commands.iter().map(|c| format!("$ iapeer {c}\n{}", self.failure(exit, *c))).collect();
        self.holds(name, &told.join("\n"));
    }

    /// Runs a command that must fail with this exit code, as text and as JSON, which must tell the same.
    #[track_caller]
    pub(crate) fn failure(&self, exit: i32, args: impl Words) -> Ran {
        let text = self.run(args.words().as_slice());
        assert_eq!(text.exit, exit, "{text:?}");
        assert_eq!(text.stdout, "", "data although it failed");
        let json = self.run([&args.words()[..], &["--json"]].concat().as_slice());
        assert_eq!(json.exit, exit, "--json changed the exit code: {json:?}");
        let document: Value = serde_json::from_str(&json.stdout).expect("one JSON document");
        assert_eq!(document["schema"], "iapeer.error/1", "{document}");
        let error = &document["error"];
        let kind = ["failed", "usage", "refused", "damaged"][usize::try_from(exit).unwrap() - 1];
        assert_eq!(error["kind"], kind, "{document}");
        // In text, each is one line.
        let line = |text: &Value| text.as_str().unwrap().replace(char::is_control, " ");
        let list = |key: &str| error[key].as_array().unwrap().iter().map(line);
        let mut told = format!("error: {}\n", line(&error["message"]));
        list("causes").for_each(|cause| writeln!(told, "caused by: {cause}").unwrap());
        list("hints").for_each(|hint| writeln!(told, "hint: {hint}").unwrap());
        // The usage that is shown has the flags that were given.
        let plain = |text: &str| {
            text.lines().filter(|l| !l.starts_with("hint: Usage:")).collect::<Vec<_>>().join("\n")
        };
        assert!(plain(&text.stderr).ends_with(&plain(&told)), "not the same: {} and {told}", text.stderr);
        text
    }

    /// Holds a text against the snapshot `name`.
    #[track_caller]
    pub(crate) fn holds(&self, name: &str, text: &str) {
        let mut settings = insta::Settings::clone_current();
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings.add_filter(self.folder(), "[HOST]");
        for (pattern, word) in FILTERS {
            settings.add_filter(&format!("(?m){pattern}"), word);
        }
        settings.bind(|| insta::assert_snapshot!(name, text));
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // A process that is being started may hide from one look.
        for _ in 0..100 {
            let left = processes_of(self.folder());
            if left.is_empty() {
                return;
            }
            left.iter().for_each(|(pid, _)| kill(*pid, Signal::KILL));
            std::thread::sleep(Duration::from_millis(20));
        }
        if !std::thread::panicking() {
            panic!("processes are left: {:?}", processes_of(self.folder()));
        }
    }
}

/// Runs a command to its end. Whoever holds its output beyond that makes the test fail, as it would make
/// a script wait that reads the output.
pub(crate) fn finish(command: &mut Command) -> Ran {
    let child = command.spawn().unwrap_or_else(|e| panic!("{command:?}: {e}"));
    let (pid, (told, heard)) = (child.id(), mpsc::channel());
    std::thread::spawn(move || told.send(child.wait_with_output()));
    let Ok(output) = heard.recv_timeout(HUNG) else {
        kill(pid, Signal::KILL);
        panic!("it hangs, or somebody holds its output: {command:?}");
    };
    let Output { status, stdout, stderr } = output.unwrap();
    let text = |bytes| String::from_utf8(bytes).expect("output is UTF-8");
    Ran { exit: status.code().expect("it ends by itself"), stdout: text(stdout), stderr: text(stderr) }
}

/// Exit code, standard output and standard error; a part that is empty is left out.
impl std::fmt::Display for Ran {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "exit: {}", self.exit)?;
        for (name, text) in [("stdout", &self.stdout), ("stderr", &self.stderr)] {
            if !text.is_empty() {
                write!(f, "--- {name}\n{text}")?;
            }
        }
        Ok(())
    }
}
