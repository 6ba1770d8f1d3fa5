//! One command with its limits, and the run itself.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use process_wrap::std::{ChildWrapper, CommandWrap, ProcessSession};
use rustix::io::Errno;
use rustix::process::{Pid, Signal};

use crate::family::{Family, unique_name};
use crate::watch::{Wake, Watch};
use crate::{Cancel, Exit, Outcome, RUN_VARIABLE, State, program};

/// The time limit of a [`Run`] that sets none.
pub const TIME_LIMIT: Duration = Duration::from_secs(120);

/// The time between TERM and KILL of a [`Run`] that sets none.
pub const GRACE: Duration = Duration::from_secs(2);

/// How many bytes of each stream a [`Run`] keeps that sets no other number.
pub const KEEP_OUTPUT: usize = 64 * 1024;

/// How long to wait for the end after KILL.
pub(crate) const LAST_WAIT: Duration = Duration::from_millis(500);

/// How long to read what survivors keep writing after the end.
const DRAIN: Duration = Duration::from_millis(100);

/// One command to be run, with its limits.
///
/// ```
/// use iapeer_provision_exec::{Exit, Run, State};
///
/// let outcome = Run::new("/bin/sh").args(["-c", "echo no >&2; exit 3"]).run();
/// assert_eq!((outcome.state, outcome.exit), (State::Failed, Some(Exit::Code(3))));
/// assert_eq!(outcome.detail().as_deref(), Some("no"));
/// ```
#[derive(Debug)]
#[must_use = "nothing is started until `run` is called"]
pub struct Run {
    program: OsString,
    args: Vec<OsString>,
    current_dir: Option<PathBuf>,
    env: Vec<(OsString, Option<OsString>)>,
    time_limit: Duration,
    grace: Duration,
    keep_output: usize,
    stdin: Option<OwnedFd>,
    cancel: Option<Cancel>,
    name: Option<String>,
}

impl Run {
    /// A run of `program`, which must be an absolute path: nothing is looked up.
    pub fn new(program: impl Into<OsString>) -> Self {
        Self {
            program: program.into(),
            args: Vec::new(),
            current_dir: None,
            env: Vec::new(),
            time_limit: TIME_LIMIT,
            grace: GRACE,
            keep_output: KEEP_OUTPUT,
            stdin: None,
            cancel: None,
            name: None,
        }
    }

    /// Adds arguments.
    pub fn args(mut self, args: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// The working folder. It is used only when it exists at the start; else the command runs in the
    /// caller's.
    pub fn current_dir(mut self, folder: impl Into<PathBuf>) -> Self {
        self.current_dir = Some(folder.into());
        self
    }

    /// Sets an environment variable; all others come from the caller, and [`RUN_VARIABLE`]
    /// from this crate.
    pub fn env(mut self, key: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.env.push((key.into(), Some(value.into())));
        self
    }

    /// Takes an environment variable away.
    pub fn env_remove(mut self, key: impl Into<OsString>) -> Self {
        self.env.push((key.into(), None));
        self
    }

    /// How long the command may take; [`TIME_LIMIT`] if not set.
    pub fn time_limit(mut self, limit: Duration) -> Self {
        self.time_limit = limit;
        self
    }

    /// How long the run has between TERM and KILL once its time is over; [`GRACE`] if not set.
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// How many bytes of each stream are kept, counted from its end; [`KEEP_OUTPUT`] if not set.
    pub fn keep_output(mut self, bytes: usize) -> Self {
        self.keep_output = bytes;
        self
    }

    /// What the command has as standard input; `/dev/null` if not set. The caller's side of it is
    /// closed as soon as the command has been started, or could not be.
    pub fn stdin(mut self, stdin: Option<OwnedFd>) -> Self {
        self.stdin = stdin;
        self
    }

    /// Ends the run, in the same way as at the end of its time, as soon as `cancel` says so.
    pub fn cancel(mut self, cancel: &Cancel) -> Self {
        self.cancel = Some(cancel.clone());
        self
    }

    /// Names the run, as the value of [`RUN_VARIABLE`]; a name that no other run has if not set.
    ///
    /// For callers that may be cut off: a name that was written down before is all that
    /// [`end_leftovers`](crate::end_leftovers) needs. It must be one of [`unique_name`](crate::unique_name).
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Program and arguments as they will be passed to the system.
    #[must_use]
    pub fn argv(&self) -> Vec<OsString> {
        std::iter::once(&self.program).chain(&self.args).cloned().collect()
    }

    /// Starts the command and waits for its end.
    ///
    /// Returns at the latest one second after time limit and grace, or cancel and grace, and within a
    /// quarter of a second after the end of the command, whatever it and its children do.
    #[must_use = "the outcome is the only sign of a failure"]
    pub fn run(mut self) -> Outcome {
        let argv = self.argv();
        if self.cancel.as_ref().is_some_and(Cancel::is_cancelled) {
            return Outcome::not_started(argv, State::Cancelled);
        }
        let stdin = self.stdin.take();
        let run = self.name.take().unwrap_or_else(unique_name);
        let start = Instant::now();
        let mut child = match self.start(&run, stdin) {
            Ok(child) => child,
            Err(reason) => return Outcome::not_executable(argv, reason),
        };

        let family = Family::new(leader(child.as_ref()), &run, start);
        let stdout = child.stdout().take().map(OwnedFd::from);
        let stderr = child.stderr().take().map(OwnedFd::from);
        let mut watch = Watch::new(family.leader(), [stdout, stderr], self.keep_output);

        let wake = watch.until_end(start.checked_add(self.time_limit), self.cancel.as_ref());
        if wake != Wake::Ended {
            end(&family, &mut watch, self.grace);
        }
        let elapsed = start.elapsed();
        watch.drain(DRAIN);

        // Everything that needs the leader's number comes before it is reaped.
        let seen = family.look();
        let exit = if watch.has_ended() { reap(child.as_mut()) } else { None };
        let survivors = family.survivors(seen);
        let state = match (wake, exit) {
            (Wake::TimeOver, _) => State::Timeout,
            (Wake::Cancelled, _) => State::Cancelled,
            (Wake::Ended, Some(Exit::Code(0))) => State::Ok,
            (Wake::Ended, _) => State::Failed,
        };
        let [stdout, stderr] = watch.into_tails();
        Outcome { state, exit, elapsed, argv, stdout, stderr, survivors, reason: None }
    }

    /// Starts the command in a process group of its own and without a terminal, or says why it cannot be
    /// started.
    fn start(&self, run: &str, stdin: Option<OwnedFd>) -> Result<Box<dyn ChildWrapper>, String> {
        if let Some(reason) = program::refusal(self.program.as_ref()) {
            return Err(self.cannot(&reason));
        }
        let folder = self.current_dir.as_deref().filter(|folder| folder.is_dir());
        self.spawn(run, stdin, folder).map_err(|error| self.explain(&error, folder))
    }

    /// What to tell people about a failed start.
    fn explain(&self, error: &io::Error, folder: Option<&Path>) -> String {
        // The program was good a moment ago, but it may have been taken away since.
        if let Some(reason) = program::refusal(self.program.as_ref()) {
            return self.cannot(&reason);
        }
        let place = folder.map_or_else(String::new, |folder| format!(" (in {})", folder.display()));
        // The program is there, so this is about what it names in its turn.
        let hint = match error.kind() {
            io::ErrorKind::NotFound => " (its interpreter or loader is missing)",
            _ => "",
        };
        self.cannot(&format!("{error}{hint}{place}"))
    }

    fn cannot(&self, reason: &str) -> String {
        format!("cannot run {}: {reason}", self.program.display())
    }

    /// Starts what a `Run` describes: all of them come here.
    #[expect(clippy::disallowed_methods, reason = "this is the place that starts commands")]
    fn spawn(
        &self,
        run: &str,
        stdin: Option<OwnedFd>,
        folder: Option<&Path>,
    ) -> io::Result<Box<dyn ChildWrapper>> {
        let mut command = Command::new(&self.program);
        command.args(&self.args).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.stdin(stdin.map_or_else(Stdio::null, Stdio::from));
        command.env(RUN_VARIABLE, run);
        for (key, value) in &self.env {
            match value {
                Some(value) => command.env(key, value),
                None => command.env_remove(key),
            };
        }
        if let Some(folder) = folder {
            command.current_dir(folder);
        }
        // In a session of its own it has no terminal. Where we have none either, a group of its own is as
        // good, and the system can start it without making a copy of this process first.
        if may_have_terminal() {
            CommandWrap::from(command).wrap(ProcessSession).spawn()
        } else {
            command.process_group(0);
            CommandWrap::from(command).spawn()
        }
    }
}

/// Ends everybody of the run: TERM, the grace, KILL.
fn end(family: &Family, watch: &mut Watch, grace: Duration) {
    family.signal(Signal::TERM);
    watch.until_gone(Instant::now().checked_add(grace), || family.is_gone());
    family.signal(Signal::KILL);
    // Who was started while the signals were sent is met in the next round.
    watch.until_gone(Instant::now().checked_add(LAST_WAIT), || family.signal(Signal::KILL));
}

/// Whether this process has a controlling terminal, or that is not known; see tty(4).
fn may_have_terminal() -> bool {
    let without = Some(Errno::NXIO.raw_os_error());
    File::open("/dev/tty").map_or_else(|error| error.raw_os_error() != without, |_| true)
}

/// The number of the process, which is also that of its group.
fn leader(child: &dyn ChildWrapper) -> Pid {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    pid.expect("the system gives child processes positive numbers that fit")
}

/// Takes the status of a process that has ended. Only the process itself is waited for: the wrapper
/// around it would wait for its whole group.
fn reap(child: &mut dyn ChildWrapper) -> Option<Exit> {
    // The one possible failure is that somebody else has taken the status; then it is not known.
    child.inner_mut().wait().ok().and_then(Exit::from_status)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_vanishes_before_its_start_is_missing_and_not_its_interpreter() {
        let missing = Run::new("/nowhere/at/all");
        let error = missing.spawn("1", None, None).expect_err("there is no such program");
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        let reason = missing.explain(&error, None);
        assert_eq!(reason, "cannot run /nowhere/at/all: No such file or directory (os error 2)");
    }
}
