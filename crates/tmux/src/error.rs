//! What can go wrong between us and a tmux server.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use crate::Version;

/// Why something could not be done. None of them proves that a server or session is dead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TmuxError {
    /// No folder of the search path has the program.
    #[error("tmux was not found in {}", searched.display())]
    NotFound {
        /// The search path, as it was given.
        searched: OsString,
    },
    /// The program does not answer `-V` as tmux does.
    #[error("{} does not tell a tmux version: {answer}", program.display())]
    NotTmux {
        /// The program that was asked.
        program: PathBuf,
        /// What it said instead.
        answer: String,
    },
    /// The program is a tmux without features that are needed here.
    #[error("{} is tmux {found}, but {} or later is needed", program.display(), Version::NEEDED)]
    TooOld {
        /// The program that was asked.
        program: PathBuf,
        /// Its version.
        found: Version,
    },
    /// The path does not fit into the address of a unix socket.
    #[error("the socket path {} has {len} bytes, but only {limit} fit", path.display())]
    SocketTooLong {
        /// The path.
        path: PathBuf,
        /// Its length in bytes.
        len: usize,
        /// The longest that works on this system, in bytes.
        limit: usize,
    },
    /// A session name that tmux would change, or match with something else.
    #[error("{name:?} cannot be a session name: lower-case letters, digits and - only")]
    BadName {
        /// The name.
        name: String,
    },
    /// A path that cannot be used for its purpose.
    #[error("the {what} {} {reason}", path.display())]
    BadPath {
        /// What the path was for, such as `socket`.
        what: &'static str,
        /// The path.
        path: PathBuf,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A part of a [`SessionSpec`](crate::SessionSpec) other than a path that cannot be used.
    #[error("the session's {what} {value:?} cannot be used")]
    BadSpec {
        /// Which part, such as `variable name`.
        what: &'static str,
        /// Its value.
        value: String,
    },
    /// Somebody already listens where a server was to be started.
    #[error("process {pid} already listens on {}", socket.display())]
    AlreadyRunning {
        /// The socket.
        socket: PathBuf,
        /// Who listens there.
        pid: u32,
    },
    /// It is not known whether somebody listens, so nothing was done.
    #[error("cannot tell who listens on {}: {reason}", socket.display())]
    Unclear {
        /// The socket.
        socket: PathBuf,
        /// Why it is not known.
        reason: String,
    },
    /// Nobody listens on the socket. The server may still live, with its socket removed.
    #[error("no server listens on {}", socket.display())]
    NoServer {
        /// The socket.
        socket: PathBuf,
    },
    /// The session has no pane that could be ours.
    #[error("session {name} has no pane")]
    NoPane {
        /// The session.
        name: String,
    },
    /// The client could not be started.
    #[error("tmux {command} could not be run: {reason}")]
    NotRun {
        /// The tmux command.
        command: String,
        /// Why.
        reason: String,
    },
    /// No answer in time. What was asked for may have been done, or may be done later.
    #[error("tmux {command} gave no answer within {} ms", limit.as_millis())]
    TimedOut {
        /// The tmux command.
        command: String,
        /// The time it had.
        limit: Duration,
    },
    /// A server answered with an error.
    #[error("tmux {command} failed: {reason}")]
    Failed {
        /// The tmux command.
        command: String,
        /// What it said on standard error.
        reason: String,
    },
    /// The answer is not of the kind that was asked for.
    #[error("tmux {command} gave an unexpected answer: {answer:?}")]
    Unexpected {
        /// The tmux command.
        command: String,
        /// The answer.
        answer: String,
    },
}
