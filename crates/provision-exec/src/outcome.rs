//! How a command ended.

use std::ffi::OsString;
use std::fmt;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::Duration;

use crate::{Survivors, Tail};

/// How many characters of standard error [`Outcome::detail`] shows.
pub const DETAIL_CHARS: usize = 400;

/// What became of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The answer in one word.
    pub state: State,
    /// Exit code or signal of the command. None when it was not started, when it outlived KILL, or
    /// when somebody else took the status away. After a timeout, or cancelled, this is how it ended then.
    pub exit: Option<Exit>,
    /// From the start until the end was seen, or until the wait for it was given up.
    pub elapsed: Duration,
    /// Program and arguments as they were passed to the system.
    pub argv: Vec<OsString>,
    /// The end of standard output.
    pub stdout: Tail,
    /// The end of standard error.
    pub stderr: Tail,
    /// Who of the run was alive after the end.
    pub survivors: Survivors,
    /// Why the command could not be started; set exactly with [`State::NotExecutable`].
    pub reason: Option<String>,
}

/// The outcome in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// It ended with exit code 0 within the limit.
    Ok,
    /// It ended within the limit with another code or by a signal.
    Failed,
    /// It was still running when its time was over, and was ended.
    Timeout,
    /// [`Cancel`](crate::Cancel) came before its end, and it was ended; or before its start, and it was
    /// not started.
    Cancelled,
    /// It could not be started.
    NotExecutable,
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Exit {
    /// It ended by itself with this code.
    Code(i32),
    /// This signal ended it.
    Signal(i32),
}

impl Outcome {
    /// The outcome of a command that could not be started. Public, so that a caller who finds the
    /// reason even before there is something to run can treat it like every other outcome.
    pub fn not_executable(argv: Vec<OsString>, reason: impl Into<String>) -> Self {
        Self { reason: Some(reason.into()), ..Self::not_started(argv, State::NotExecutable) }
    }

    pub(crate) fn not_started(argv: Vec<OsString>, state: State) -> Self {
        Self {
            state,
            exit: None,
            elapsed: Duration::ZERO,
            argv,
            stdout: Tail::default(),
            stderr: Tail::default(),
            survivors: Survivors::None,
            reason: None,
        }
    }

    /// What to tell people: the last [`DETAIL_CHARS`] characters of standard error without white
    /// space around them, `…` in front when something was cut; for a command that could not be
    /// started, the reason. None when there is nothing to tell.
    #[must_use]
    pub fn detail(&self) -> Option<String> {
        if let Some(reason) = &self.reason {
            return Some(reason.clone());
        }
        let text = self.stderr.text();
        let text = text.trim();
        if text.is_empty() {
            return None;
        }
        let surplus = text.chars().count().saturating_sub(DETAIL_CHARS);
        let end: String = text.chars().skip(surplus).collect();
        let cut = surplus > 0 || self.stderr.is_cut();
        Some(if cut { format!("…{}", end.trim_start()) } else { end })
    }
}

impl State {
    /// `ok`, `failed`, `timeout`, `cancelled` or `not-executable`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Failed => "failed",
            Self::Timeout => "timeout",
            Self::Cancelled => "cancelled",
            Self::NotExecutable => "not-executable",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// `exit 3` or `signal 15`.
impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exit {code}"),
            Self::Signal(signal) => write!(f, "signal {signal}"),
        }
    }
}

impl Exit {
    pub(crate) fn from_status(status: ExitStatus) -> Option<Self> {
        status.code().map(Self::Code).or_else(|| status.signal().map(Self::Signal))
    }
}

#[cfg(test)]
mod tests {
    use super::{Outcome, State};
    use crate::Tail;

    fn detail(stderr: &[u8], keep: usize) -> Option<String> {
        let mut outcome = Outcome::not_started(Vec::new(), State::Failed);
        outcome.stderr = Tail::new(keep);
        outcome.stderr.push(stderr);
        outcome.detail()
    }

    #[test]
    fn detail_is_the_trimmed_end_with_a_mark_when_cut() {
        assert_eq!(detail(b"", 9), None);
        assert_eq!(detail(b" \n\t", 9), None);
        assert_eq!(detail(b"\n why \n\n", 99).as_deref(), Some("why"));
        assert_eq!(detail(b"abcdef", 3).as_deref(), Some("…def"), "the stream itself was cut");
        assert_eq!(detail("ü".repeat(400).as_bytes(), 9999), Some("ü".repeat(400)));
        assert_eq!(detail("ü".repeat(401).as_bytes(), 9999), Some(format!("…{}", "ü".repeat(400))));
        let spaced = format!("x{}{}", " ".repeat(9), "y".repeat(395));
        assert_eq!(detail(spaced.as_bytes(), 9999), Some(format!("…{}", "y".repeat(395))));
    }

    #[test]
    fn detail_of_what_was_not_started_is_the_reason() {
        assert_eq!(Outcome::not_executable(Vec::new(), "missing").detail().as_deref(), Some("missing"));
    }
}
