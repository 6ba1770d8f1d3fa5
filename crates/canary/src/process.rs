//! Which process, and whether it lives: a process is boot, pid and start time.

use std::fmt;
use std::io;
use std::str::FromStr;

use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::process::{Pid, Signal};

use crate::host::{Host, HostError, ThisHost};

/// A word that names a boot or a start time is not one: empty, too long, or with other characters than
/// ASCII letters, digits, `-` and `:`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{word:?} does not name a boot or a start time")]
pub struct BadWord {
    /// What was given.
    pub word: String,
}

macro_rules! word {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(String);

        impl $name {
            /// The word.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = BadWord;

            fn from_str(word: &str) -> Result<Self, BadWord> {
                let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b':');
                if (1..=64).contains(&word.len()) && word.bytes().all(fits) {
                    Ok($name(word.to_owned()))
                } else {
                    Err(BadWord { word: word.to_owned() })
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

word! {
    /// When a process started, as the system has it: on Linux field 22 of `/proc/<pid>/stat`, in clock
    /// ticks since boot; elsewhere `ps -o lstart` in UTC, to the second. Only good for comparing.
    StartTime
}

word! {
    /// What names the running boot: `/proc/sys/kernel/random/boot_id`, or `kern.bootsessionuuid`.
    BootId
}

impl BootId {
    /// The first eight characters, as they stand in file names.
    pub fn short(&self) -> &str {
        &self.0[..self.0.len().min(8)]
    }
}

/// One process among all that ever bore its pid.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Incarnation {
    /// The boot in which it ran.
    pub boot: BootId,
    /// Its pid.
    pub pid: u32,
    /// When it started.
    pub start: StartTime,
}

/// How a process ended: `exit0` or `sig9`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ExitWord {
    /// It exited with this code.
    Exited(u8),
    /// This signal ended it.
    Signaled(u8),
}

/// What stands under a pid right now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProcessState {
    /// A process that has not ended. It may be stopped or hang; that is not our question.
    Running {
        /// When it started.
        start: StartTime,
    },
    /// A process that has ended and was not yet waited for by its parent.
    Zombie {
        /// When it started.
        start: StartTime,
        /// How it ended, where the system tells us.
        exit: Option<ExitWord>,
    },
    /// There is proof that no process has this pid.
    Gone,
    /// It could not be told, and why. Never a reason to do anything destructive.
    Unknown(String),
}

/// Whether one [`Incarnation`] lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Liveness {
    /// It lives.
    Alive,
    /// It has ended: it is a zombie, is gone, its pid is another process's, or its boot is over.
    Dead {
        /// How, where the system still tells.
        status: Option<ExitWord>,
    },
    /// It could not be told, and why.
    Unknown(String),
}

/// What became of a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// It was sent to this very process.
    Sent,
    /// The process had ended; nothing was sent.
    AlreadyDead,
}

/// Why a signal was not sent.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// It could not be told whether the pid is still this process's.
    #[error("no signal was sent to pid {pid}: whether it is still the same process is unknown ({reason})")]
    Unknown {
        /// The pid.
        pid: u32,
        /// Why that is unknown.
        reason: String,
    },
    /// The system refused.
    #[error("cannot signal pid {pid}")]
    Refused {
        /// The pid.
        pid: u32,
        /// Why not.
        #[source]
        source: io::Error,
    },
}

impl Incarnation {
    /// The process that has this pid now; `None` when none has, or only a zombie.
    ///
    /// # Errors
    ///
    /// [`HostError`] when it cannot be told.
    pub fn of(pid: u32) -> Result<Option<Incarnation>, HostError> {
        let host = ThisHost::new();
        match host.observe(pid) {
            ProcessState::Running { start } => Ok(Some(Incarnation { boot: host.boot_id()?, pid, start })),
            ProcessState::Zombie { .. } | ProcessState::Gone => Ok(None),
            ProcessState::Unknown(reason) => Err(HostError::Process { pid, reason }),
        }
    }

    /// Whether it lives, on this host and now.
    pub fn state(&self) -> Liveness {
        self.state_on(&ThisHost::new())
    }

    /// Whether it lives, as `host` sees it.
    pub fn state_on(&self, host: &dyn Host) -> Liveness {
        match host.boot_id() {
            Ok(boot) if boot == self.boot => {}
            Ok(_) => return Liveness::Dead { status: None },
            Err(e) => return Liveness::Unknown(e.to_string()),
        }
        match host.observe(self.pid) {
            ProcessState::Running { start } if start == self.start => Liveness::Alive,
            ProcessState::Zombie { start, exit } if start == self.start => Liveness::Dead { status: exit },
            ProcessState::Running { .. } | ProcessState::Zombie { .. } | ProcessState::Gone => {
                Liveness::Dead { status: None }
            }
            ProcessState::Unknown(reason) => Liveness::Unknown(reason),
        }
    }
}

impl ExitWord {
    /// Reads a wait status as `wait(2)` and `/proc/<pid>/stat` have it: the signal in the low seven bits,
    /// else the exit code in the byte above.
    pub fn from_wait_status(raw: u32) -> ExitWord {
        match raw & 0x7f {
            0 => ExitWord::Exited((raw >> 8 & 0xff) as u8),
            signal => ExitWord::Signaled(signal as u8),
        }
    }
}

impl fmt::Display for ExitWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ExitWord::Exited(code) => write!(f, "exit{code}"),
            ExitWord::Signaled(signal) => write!(f, "sig{signal}"),
        }
    }
}

impl FromStr for ExitWord {
    type Err = BadWord;

    fn from_str(word: &str) -> Result<Self, BadWord> {
        let number = |digits: &str| digits.parse().map_err(|_| BadWord { word: word.to_owned() });
        match (word.strip_prefix("exit"), word.strip_prefix("sig")) {
            (Some(code), _) => number(code).map(ExitWord::Exited),
            (_, Some(signal)) => number(signal).map(ExitWord::Signaled),
            _ => Err(BadWord { word: word.to_owned() }),
        }
    }
}

/// What stands under this pid on this host.
pub fn observe(pid: u32) -> ProcessState {
    ThisHost::new().observe(pid)
}

/// Sends a signal to this very process and to no other that may have got its pid.
///
/// On Linux the process is held by a pidfd while its start time is checked, so that the pid cannot change
/// hands in between; elsewhere, and on kernels before 5.3, an instant remains between check and signal.
///
/// # Errors
///
/// [`SendError`]; nothing was sent then.
pub fn send(target: &Incarnation, signal: Signal) -> Result<Delivery, SendError> {
    let refused = |e: Errno| SendError::Refused { pid: target.pid, source: e.into() };
    let Some(pid) = i32::try_from(target.pid).ok().and_then(Pid::from_raw) else {
        return Ok(Delivery::AlreadyDead);
    };
    let held = match hold(pid) {
        Err(Errno::SRCH) => return Ok(Delivery::AlreadyDead),
        held => held.map_err(refused)?,
    };
    match target.state() {
        Liveness::Alive => {}
        Liveness::Dead { .. } => return Ok(Delivery::AlreadyDead),
        Liveness::Unknown(reason) => return Err(SendError::Unknown { pid: target.pid, reason }),
    }
    match deliver(pid, held, signal) {
        Ok(()) => Ok(Delivery::Sent),
        Err(Errno::SRCH) => Ok(Delivery::AlreadyDead),
        Err(e) => Err(refused(e)),
    }
}

/// Holds the process that has this pid, so that its pid cannot become another's unnoticed; `None` where
/// the system has no way to.
#[cfg(target_os = "linux")]
fn hold(pid: Pid) -> rustix::io::Result<Option<OwnedFd>> {
    match rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()) {
        Ok(fd) => Ok(Some(fd)),
        // Kernels before 5.3, and sandboxes that know no pidfd.
        Err(Errno::NOSYS | Errno::PERM) => Ok(None),
        Err(e) => Err(e),
    }
}

#[cfg(not(target_os = "linux"))]
fn hold(_pid: Pid) -> rustix::io::Result<Option<OwnedFd>> {
    Ok(None)
}

fn deliver(pid: Pid, held: Option<OwnedFd>, signal: Signal) -> rustix::io::Result<()> {
    match held {
        #[cfg(target_os = "linux")]
        Some(fd) => rustix::process::pidfd_send_signal(fd, signal),
        _ => rustix::process::kill_process(pid, signal),
    }
}
