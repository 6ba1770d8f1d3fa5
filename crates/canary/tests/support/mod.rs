//! What the tests share: a folder of its own per test, servers that are plain processes, recorders under
//! any shell, and waiting with a limit.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "test helpers; not every test file uses every one"
)]

pub mod trial;

use std::io::{BufRead, BufReader, PipeReader, pipe};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use iapeer_canary::{
    BootId, Canary, Cause, Death, DeathRecord, Finding, Host, HostError, Incarnation, Liveness, Places,
    ProcessState, Script, Signal, Subject, ThisHost, Wait, observe, send,
};
use iapeer_statefile::{Entry, Timestamp};

/// Far longer than anything here takes, on a machine with other work too.
const LIMIT: Duration = Duration::from_secs(60);

pub fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + LIMIT;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "not in time: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A shell that takes the part of `sh`.
#[derive(Debug, Clone, Copy)]
pub struct Shell(pub &'static [&'static str]);

impl Shell {
    pub fn command(self) -> Command {
        let mut command = Command::new(self.0[0]);
        command.args(&self.0[1..]).env("LC_ALL", "C.UTF-8");
        command
    }
}

pub const SH: Shell = Shell(&["/bin/sh"]);

/// The shells of this machine among those that the script is meant for; says which are missing.
pub fn shells() -> Vec<Shell> {
    let all = [
        Shell(&["dash"]),
        Shell(&["bash"]),
        Shell(&["bash", "--posix"]),
        Shell(&["busybox", "ash"]),
        Shell(&["mksh"]),
        Shell(&["zsh", "--emulate", "sh"]),
        Shell(&["yash", "-o", "posixlycorrect"]),
    ];
    let (found, missing): (Vec<_>, Vec<_>) = all.into_iter().partition(|shell| is_there(shell.0[0]));
    if !missing.is_empty() {
        eprintln!("not on this machine, so not tried: {missing:?}");
    }
    assert!(!found.is_empty(), "there is no shell at all");
    found
}

/// Tries the same under every shell, side by side: most of the time they all wait.
pub fn under_every_shell(body: impl Fn(Shell) + Sync) {
    std::thread::scope(|scope| {
        let body = &body;
        let threads: Vec<_> =
            shells().into_iter().map(|shell| (shell, scope.spawn(move || body(shell)))).collect();
        for (shell, thread) in threads {
            assert!(thread.join().is_ok(), "under {shell:?}");
        }
    });
}

pub fn is_there(program: &str) -> bool {
    let found = Command::new("/bin/sh").args(["-c", "command -v \"$1\"", "sh", program]).output().unwrap();
    found.status.success()
}

/// So many processes a limited user may have.
pub const NPROC: usize = 6;

/// Makes a path that can be neither opened for writing nor made: a folder stands there.
pub fn block(path: &Utf8Path) {
    std::fs::create_dir_all(path).unwrap();
}

pub fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output().unwrap();
    id.stdout == b"0\n"
}

/// A machine whose clock, boot and uptime a test can move.
#[derive(Debug, Default)]
pub struct Machine {
    pub clock_secs: AtomicI64,
    pub up_secs: AtomicI64,
    pub boot: Option<BootId>,
}

impl Host for Machine {
    fn now(&self) -> Timestamp {
        let real = ThisHost::new().now();
        Timestamp::from_second(real.as_second() + self.clock_secs.load(Ordering::SeqCst)).unwrap()
    }

    fn boot_id(&self) -> Result<BootId, HostError> {
        self.boot.clone().map_or_else(|| ThisHost::new().boot_id(), Ok)
    }

    fn secs_since_boot(&self) -> Result<u64, HostError> {
        let real = ThisHost::new().secs_since_boot()?;
        Ok(real.saturating_add_signed(self.up_secs.load(Ordering::SeqCst)))
    }

    fn observe(&self, pid: u32) -> ProcessState {
        ThisHost::new().observe(pid)
    }
}

/// A folder of its own, with everything a canary needs.
pub struct Lab {
    _folder: tempfile::TempDir,
    pub root: Utf8PathBuf,
    pub places: Places,
}

impl Lab {
    pub fn new() -> Lab {
        Lab::named("lab")
    }

    pub fn named(name: &str) -> Lab {
        let folder = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(folder.path()).unwrap().join(name);
        let places = Places {
            state: root.join("state/canary"),
            forensics: root.join("logs/server-deaths"),
            exits_log: root.join("logs/exits.log"),
            lifecycle_log: root.join("logs/lifecycle.log"),
        };
        Lab { _folder: folder, root, places }
    }

    pub fn canary(&self) -> Canary {
        Canary::new(self.places.clone())
    }

    pub fn canary_on(&self, machine: Machine) -> (Canary, Arc<Machine>) {
        let machine = Arc::new(machine);
        (self.canary().on_host(machine.clone()), machine)
    }

    pub fn file(&self, subject: &Subject, kind: &str) -> Utf8PathBuf {
        self.places.state.join(format!("{}.{kind}", subject.death()))
    }

    /// The lease as a launcher writes it, before any recorder starts.
    pub fn write_lease(&self, subject: &Subject) {
        let Incarnation { boot, pid, start } = &subject.server;
        std::fs::create_dir_all(&self.places.state).unwrap();
        let identity = iapeer_statefile::quote(&subject.identity);
        let lease = format!(
            "ts=2026-11-21T01:02:03.004Z ev=lease v=1 identity={identity} server_pid={pid} server_start={start} \
             boot={boot} wait=lifeline up=1 recorder_pid=0 recorder_start=\"\" end=1\n"
        );
        std::fs::write(self.file(subject, "lease"), lease).unwrap();
    }

    /// The whole lines of a journal about an event. A line of ours that cannot be read fails the test.
    pub fn events(&self, journal: &Utf8Path, event: &str) -> Vec<Entry> {
        let text = std::fs::read_to_string(journal).unwrap_or_default();
        let lines = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
        let entries = lines.map(|line| Entry::parse(line.trim_end_matches('\n')).expect(line));
        entries.filter(|entry| entry.event() == event).collect()
    }

    pub fn server_exits(&self) -> Vec<Entry> {
        self.events(&self.places.exits_log, "server-exit")
    }

    pub fn server_stops(&self) -> Vec<Entry> {
        self.events(&self.places.lifecycle_log, "server-stop")
    }

    /// The only record of this death; its `end=1` is checked.
    pub fn only_exit(&self, subject: &Subject) -> Entry {
        let exits: Vec<_> =
            self.server_exits().into_iter().filter(|e| e.get("death") == Some(&subject.death())).collect();
        let [exit] = &exits[..] else { panic!("{} records: {exits:?}", exits.len()) };
        assert_eq!(exit.get("end"), Some("1"));
        assert_eq!(exit.get("identity"), Some(subject.identity.as_str()));
        exit.clone()
    }

    /// The files about leases, for a test that fails.
    pub fn left(&self) -> String {
        let entries = std::fs::read_dir(&self.places.state).into_iter().flatten().flatten();
        let told = |entry: std::fs::DirEntry| {
            format!(
                "{:?}: {:?}",
                entry.file_name(),
                std::fs::read_to_string(entry.path()).unwrap_or_default()
            )
        };
        entries.map(told).filter(|text| !text.contains(".sh\"")).collect::<Vec<_>>().join("; ")
    }

    pub fn sweep(&self) -> Vec<Finding> {
        sweep(&self.canary())
    }
}

/// What a sweep found; nothing may have gone wrong.
pub fn sweep(canary: &Canary) -> Vec<Finding> {
    let sweep = canary.sweep().unwrap();
    assert!(sweep.problems.is_empty(), "{:?}", sweep.problems);
    sweep.swept.into_iter().map(|swept| swept.finding).collect()
}

pub fn the_record(findings: &[Finding]) -> DeathRecord {
    let [Finding::Recorded(record)] = findings else { panic!("{findings:?}") };
    record.clone()
}

pub fn cause(record: &DeathRecord) -> Cause {
    let Death::Server(exit) = &record.what else { panic!("{record:?}") };
    exit.cause.clone()
}

/// A plain process in the part of the server. Its standard output is the write end of the lifeline.
pub struct Server {
    child: Option<Child>,
    pub incarnation: Incarnation,
    lifeline: Option<PipeReader>,
}

impl Server {
    /// A child of the test: dead, it stays a zombie, so its exit status can be read.
    pub fn start() -> Server {
        Server::run(Command::new("sleep").arg("600"))
    }

    pub fn run(command: &mut Command) -> Server {
        let (reader, writer) = pipe().unwrap();
        let child = command.stdin(Stdio::null()).stdout(writer).stderr(Stdio::null()).spawn().unwrap();
        // The command holds the write end as long as it is not given another.
        command.stdout(Stdio::null());
        let incarnation = Incarnation::of(child.id()).unwrap().unwrap();
        Server { child: Some(child), incarnation, lifeline: Some(reader) }
    }

    /// One that counts as this user's, for whoever has a limit on that user's processes.
    pub fn of_user(uid: u32) -> Server {
        use std::os::unix::fs::MetadataExt as _;
        let user = format!("--reuid={uid}");
        let server = Server::run(Command::new("setpriv").args([&user, "--clear-groups", "sleep", "600"]));
        let folder = format!("/proc/{}", server.incarnation.pid);
        wait_for("the other user", || (std::fs::metadata(&folder).ok()?.uid() == uid).then_some(()));
        server
    }

    /// Nobody's child but pid 1's, which reaps it when it likes.
    pub fn orphan() -> Server {
        let (reader, writer) = pipe().unwrap();
        let mut command = Command::new("/bin/sh");
        command.args(["-c", "sleep 600 2>/dev/null & echo $! >&2"]);
        let mut shell = command.stdin(Stdio::null()).stdout(writer).stderr(Stdio::piped()).spawn().unwrap();
        command.stdout(Stdio::null());
        let mut pid = String::new();
        BufReader::new(shell.stderr.take().unwrap()).read_line(&mut pid).unwrap();
        shell.wait().unwrap();
        let incarnation = Incarnation::of(pid.trim().parse().unwrap()).unwrap().unwrap();
        Server { child: None, incarnation, lifeline: Some(reader) }
    }

    pub fn subject(&self, identity: &str) -> Subject {
        Subject::new(identity, self.incarnation.clone())
    }

    pub fn lifeline(&mut self) -> PipeReader {
        self.lifeline.take().unwrap()
    }

    pub fn signal(&self, signal: Signal) {
        send(&self.incarnation, signal).unwrap();
    }

    /// Ends it and waits until it has ended; a child is a zombie then.
    pub fn kill(&self) {
        self.signal(Signal::KILL);
        wait_for("the end of the server", || {
            matches!(self.incarnation.state(), Liveness::Dead { .. }).then_some(())
        });
    }

    /// Waits for a dead child, so that not even a zombie is left.
    pub fn reap(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.wait().unwrap();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(send(&self.incarnation, Signal::KILL));
        if let Some(mut child) = self.child.take() {
            drop(child.wait());
        }
    }
}

/// A witness that was started by hand, under a shell of the test's choice.
pub struct Recorder {
    child: Child,
    pub incarnation: Incarnation,
}

impl Recorder {
    pub fn start(shell: Shell, text: &str, stdin: impl Into<Stdio>, folder: &Utf8Path) -> Recorder {
        Recorder::start_with_path(shell, text, stdin, folder, &std::env::var("PATH").unwrap())
    }

    pub fn start_with_path(
        shell: Shell,
        text: &str,
        stdin: impl Into<Stdio>,
        folder: &Utf8Path,
        path: &str,
    ) -> Recorder {
        std::fs::create_dir_all(folder).unwrap();
        let script = tempfile::Builder::new().prefix("witness").suffix(".sh").tempfile_in(folder).unwrap();
        std::fs::write(script.path(), text).unwrap();
        // The shell is looked for on our path; the script has the other one.
        let shell_path = Command::new("/bin/sh").args(["-c", "command -v \"$1\"", "sh", shell.0[0]]).output();
        let shell_path = String::from_utf8(shell_path.unwrap().stdout).unwrap();
        let mut command = Command::new(shell_path.trim());
        command.args(&shell.0[1..]).arg(script.into_temp_path().keep().unwrap()).current_dir(folder);
        // yash reads no script with other characters than those of its locale.
        command.env_clear().env("PATH", path).env("LC_ALL", "C.UTF-8");
        let child = command.stdin(stdin).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        // It may be a zombie by now.
        let start = match observe(child.id()) {
            ProcessState::Running { start } | ProcessState::Zombie { start, .. } => start,
            other => panic!("our own child is {other:?}"),
        };
        let incarnation = Incarnation { boot: ThisHost::new().boot_id().unwrap(), pid: child.id(), start };
        Recorder { child, incarnation }
    }

    /// As another user, and with a limit on that user's processes; to be called as root.
    pub fn start_as(uid: u32, shell: Shell, text: &str, stdin: impl Into<Stdio>, lab: &Lab) -> Recorder {
        let script = lab.root.join("witness.sh");
        for folder in [&lab.places.state, &lab.places.forensics] {
            std::fs::create_dir_all(folder).unwrap();
        }
        std::fs::write(&script, text).unwrap();
        let chmod = Command::new("chmod").args(["-R", "a+rwX"]).arg(lab.root.parent().unwrap()).status();
        assert!(chmod.unwrap().success());
        let mut command = Command::new("prlimit");
        command.arg(format!("--nproc={NPROC}:{NPROC}")).args(["setpriv", &format!("--reuid={uid}")]);
        command.arg("--clear-groups").args(shell.0).arg(script).current_dir("/").env("LC_ALL", "C.UTF-8");
        let child = command.stdin(stdin).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let incarnation = Incarnation::of(child.id()).unwrap().unwrap();
        Recorder { child, incarnation }
    }

    /// Starts the witness on its lifeline and waits until its lease names it.
    pub fn watching(lab: &Lab, shell: Shell, subject: &Subject, server: &mut Server) -> Recorder {
        let text = lifeline_script(lab, subject);
        let recorder = Recorder::start(shell, &text, server.lifeline(), &lab.root);
        recorder.wait_until_armed(lab, subject);
        recorder
    }

    pub fn wait_until_armed(&self, lab: &Lab, subject: &Subject) {
        let named = format!(" recorder_pid={} ", self.incarnation.pid);
        wait_for("the recorder's lease", || {
            std::fs::read_to_string(lab.file(subject, "lease"))
                .is_ok_and(|t| t.contains(&named))
                .then_some(())
        });
    }

    /// Waits until the shell has nothing left to do but to wait for its lifeline: by itself, or in yash,
    /// where a `read` puts traps off, by way of a `cat`.
    pub fn wait_until_at_rest(&self, shell: Shell) {
        let pid = self.incarnation.pid;
        let about = |pid: &str, what: &str| std::fs::read_to_string(format!("/proc/{pid}/{what}")).ok();
        // Before it waits for good it naps once, to make sure of its lease; so one look is not enough.
        let mut looks_at_rest = 0;
        let at_rest = || {
            let children = about(&pid.to_string(), &format!("task/{pid}/children"))?;
            let waiting = match shell.0[0] {
                "yash" => children.trim().to_owned(),
                _ => children.is_empty().then(|| pid.to_string())?,
            };
            if shell.0[0] == "yash" && about(&waiting, "comm")? != "cat\n" {
                return None;
            }
            let call = about(&waiting, "wchan")?;
            (call.contains("pipe") || call.contains("poll")).then_some(())
        };
        wait_for("the recorder to be at rest", || {
            looks_at_rest = if at_rest().is_some() { looks_at_rest + 1 } else { 0 };
            (looks_at_rest >= 50).then_some(())
        });
    }

    pub fn signal(&self, signal: Signal) {
        send(&self.incarnation, signal).unwrap();
    }

    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Tells it to end until it has. A shell that is told right before its `read` hears of it only after
    /// that: it watches meanwhile, and whoever tells it once more is heard.
    pub fn told_to_end(&mut self) -> ExitStatus {
        wait_for("the end of the recorder", || {
            self.signal(Signal::TERM);
            self.child.try_wait().unwrap()
        })
    }

    pub fn ended(&mut self) -> ExitStatus {
        wait_for("the end of the recorder", || self.child.try_wait().unwrap())
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

pub fn lifeline_script(lab: &Lab, subject: &Subject) -> String {
    Script::new(subject.clone(), lab.places.clone(), Wait::Lifeline).render().unwrap()
}

/// A client in the manner of `tmux wait-for`: it writes its pid to a file, and ends with code 1 when the
/// server does.
pub fn client(lab: &Lab, server: &Server) -> (Wait, Utf8PathBuf) {
    let pid_file = lab.root.join("client.pid");
    let code = "echo $$ >\"$2.new\"; mv \"$2.new\" \"$2\"; while kill -0 \"$1\"; do sleep 0.02; done; exit 1";
    let pid = server.incarnation.pid.to_string();
    let argv = ["/bin/sh", "-c", code, "client", &pid, pid_file.as_str()];
    (Wait::Client { argv: argv.map(str::to_owned).to_vec() }, pid_file)
}

pub fn client_of(pid_file: &Utf8Path) -> Incarnation {
    let pid = wait_for("the client's pid", || std::fs::read_to_string(pid_file).ok()?.trim().parse().ok());
    std::fs::remove_file(pid_file).unwrap();
    Incarnation::of(pid).unwrap().unwrap()
}
