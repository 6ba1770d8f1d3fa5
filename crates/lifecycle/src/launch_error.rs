//! Why a session does not come up.

use std::fmt;
use std::io;
use std::time::Duration;

use camino::Utf8PathBuf;
use iapeer_canary::{CanaryError, ExitWord, HostError, ScriptError};
use iapeer_registry::{Identity, Personality, RuntimeName};
use iapeer_statefile::{LockError, WriteError};
use iapeer_tmux::TmuxError;

use crate::attend::AttendError;
use crate::cause::Refusal;
use crate::end::EndError;
use crate::facts::FactError;
use crate::find::FindError;
use crate::launch_env::LaunchEnvError;
use crate::runtime::RuntimeError;

/// Why a session did not come up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LaunchError {
    /// The peer does not have this runtime.
    #[error("{personality} has no runtime {runtime}; it has {}", list(.has))]
    NotItsRuntime {
        /// The peer.
        personality: Personality,
        /// The runtime.
        runtime: RuntimeName,
        /// Those it has.
        has: Vec<RuntimeName>,
    },
    /// It is no peer any more.
    #[error(transparent)]
    Peer(#[from] FindError),
    /// The runtime cannot be used.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    /// A guard says no.
    #[error("{identity} is not started: {}", refusal_words(.refusal, .detail))]
    Refused {
        /// Who.
        identity: Identity,
        /// Which guard.
        refusal: Refusal,
        /// Who stopped it, how often it died, or which folder is missing.
        detail: String,
    },
    /// Whether it is up could not be told, so nothing was done.
    #[error("whether {identity} is live cannot be told: {reason}")]
    Unknown {
        /// Who.
        identity: Identity,
        /// Why not.
        reason: String,
    },
    /// Somebody else's server is on its socket.
    #[error("a server that is not ours listens on {socket} (pid {pid})")]
    Foreign {
        /// The socket.
        socket: Utf8PathBuf,
        /// The server.
        pid: u32,
    },
    /// The server was gone before anything ran in it.
    #[error("the tmux server of {identity} (pid {pid}) was gone as soon as it was started")]
    ServerGone {
        /// Whose it was.
        identity: Identity,
        /// Its pid.
        pid: u32,
    },
    /// The program ended before it was ready for input. That is on record as any other end.
    #[error("{program} ended before it was ready{}", end_words(*.status))]
    Ended {
        /// Whose it was.
        identity: Identity,
        /// The program.
        program: Utf8PathBuf,
        /// How it ended, where that is on record.
        status: Option<ExitWord>,
        /// What its pane showed last.
        shown: Vec<String>,
    },
    /// The session is up, and stays so, but its runtime is not ready for input.
    #[error("{identity} is up, but not ready for input: {why}")]
    NotReady {
        /// Whose it is.
        identity: Identity,
        /// Why not.
        why: Box<NotReady>,
        /// What its pane showed last.
        shown: Vec<String>,
    },
    /// The session is up and ready, but whether it has its task is not known.
    #[error("{identity} is ready, but its task was not typed")]
    NotTyped {
        /// Whose it is.
        identity: Identity,
        /// Why not.
        #[source]
        source: TmuxError,
    },
    /// What the user adds to its environment cannot be used.
    #[error(transparent)]
    Env(#[from] LaunchEnvError),
    /// tmux could not do it.
    #[error(transparent)]
    Tmux(#[from] TmuxError),
    /// The witnesses cannot be asked.
    #[error(transparent)]
    Canary(#[from] CanaryError),
    /// The exit hook cannot be made.
    #[error(transparent)]
    Script(#[from] ScriptError),
    /// The machine does not tell about its processes.
    #[error(transparent)]
    Machine(#[from] HostError),
    /// The pipe that tells of the server's death could not be made.
    #[error("cannot make a pipe")]
    Pipe {
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// A fact cannot be used.
    #[error(transparent)]
    Fact(#[from] FactError),
    /// Something could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// Somebody else is at it.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The last session could not be looked after.
    #[error(transparent)]
    Attend(#[from] AttendError),
    /// What was started could not be ended again.
    #[error(transparent)]
    End(#[from] EndError),
}

/// Why a session that runs is not ready for input.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum NotReady {
    /// It asks what only a person can answer.
    Asks {
        /// The dialog.
        dialog: String,
        /// What the definition says about it.
        reason: String,
    },
    /// Its screen does not change, and nothing on it is known.
    UnknownScreen {
        /// For how long.
        still: Duration,
    },
    /// It has shown nothing that is known.
    NotLoaded {
        /// The limit.
        limit: Duration,
    },
    /// It has shown something that is known, and did not become ready.
    TooSlow {
        /// The limit.
        limit: Duration,
    },
}

impl fmt::Display for NotReady {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NotReady::Asks { dialog, reason } => {
                write!(f, "its dialog {dialog:?} cannot be answered: {reason}")
            }
            NotReady::UnknownScreen { still } => {
                let secs = still.as_secs();
                write!(
                    f,
                    "its screen has not changed for {secs} s, and shows neither its prompt nor a known dialog"
                )
            }
            NotReady::NotLoaded { limit } => {
                write!(f, "it has shown nothing that is known within {} s", limit.as_secs())
            }
            NotReady::TooSlow { limit } => {
                write!(f, "it has loaded, but was not ready within {} s", limit.as_secs())
            }
        }
    }
}

fn list(runtimes: &[RuntimeName]) -> String {
    runtimes.iter().map(RuntimeName::as_str).collect::<Vec<_>>().join(", ")
}

fn refusal_words(refusal: &Refusal, detail: &str) -> String {
    match refusal {
        Refusal::Stopped => format!("it was stopped ({detail})"),
        Refusal::HeldByService => "the host's service manager holds its runtime".to_owned(),
        Refusal::CrashLoop => format!("it died too often ({detail})"),
        Refusal::FolderMissing => format!("its folder {detail} is not there"),
        Refusal::NothingToResume => "there is nothing to go on with".to_owned(),
        Refusal::RuntimeCannotResume => {
            "its runtime does not say how to go on where the last session ended".to_owned()
        }
    }
}

/// How a program ended, in words.
fn end_words(status: Option<ExitWord>) -> String {
    match status {
        Some(ExitWord::Exited(code)) => format!(", with status {code}"),
        Some(ExitWord::Signaled(signal)) => format!(", by signal {signal}"),
        None => String::new(),
    }
}
