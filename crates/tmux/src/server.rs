//! One tmux server on its own socket.

use std::ffi::{OsStr, OsString};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use iapeer_provision_exec::Run;

use crate::client::{self, Script};
use crate::{Probe, Session, Tmux, TmuxError, probe};

/// How long a server has for an answer, unless [`Server::deadline`] says otherwise.
pub const DEADLINE: Duration = Duration::from_secs(10);

/// The longest path that fits into `sockaddr_un`, whose 108 bytes end with a zero byte; see unix(7).
#[cfg(target_os = "linux")]
pub const SOCKET_LIMIT: usize = 107;

/// The longest path that fits into `sockaddr_un`, whose 104 bytes end with a zero byte.
#[cfg(not(target_os = "linux"))]
pub const SOCKET_LIMIT: usize = 103;

/// Starts its arguments with its own standard input as descriptor 9, and nothing to read.
const AS_DESCRIPTOR_9: &str = r#"exec "$@" 9>&0 </dev/null"#;

/// A tmux server on its own socket, whether it runs or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    tmux: Tmux,
    socket: PathBuf,
    deadline: Duration,
}

impl Server {
    pub(crate) fn new(tmux: Tmux, socket: PathBuf) -> Result<Self, TmuxError> {
        if !socket.is_absolute() {
            return Err(TmuxError::BadPath { what: "socket", path: socket, reason: "is not absolute" });
        }
        let len = socket.as_os_str().as_bytes().len();
        if len > SOCKET_LIMIT {
            return Err(TmuxError::SocketTooLong { path: socket, len, limit: SOCKET_LIMIT });
        }
        Ok(Self { tmux, socket, deadline: DEADLINE })
    }

    /// Sets how long the server has for one answer.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// The path of its socket.
    #[must_use]
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// The program that speaks to it.
    #[must_use]
    pub fn tmux(&self) -> &Tmux {
        &self.tmux
    }

    /// A session of that name on this server, whether it exists or not. Nothing is asked.
    ///
    /// # Errors
    ///
    /// [`TmuxError::BadName`].
    pub fn session(&self, name: &str) -> Result<Session<'_>, TmuxError> {
        Session::new(self, name)
    }

    /// Starts the server without any session; it stays until it is told to go, or until the last
    /// session that [`Session::create`] made has ended. Returns its pid.
    ///
    /// The server, and nobody else, inherits `lifeline`, the write end of a pipe: end of file at the
    /// other end is its death. The caller's side of it is closed, also when this fails.
    ///
    /// `wrapper` is a command, by its absolute path, that becomes the one that is put behind it: empty for
    /// none.
    ///
    /// # Errors
    ///
    /// [`TmuxError::AlreadyRunning`], or [`TmuxError::Unclear`] when that is not known; else those of
    /// every command.
    pub fn start(&self, lifeline: Option<OwnedFd>, wrapper: &[OsString]) -> Result<u32, TmuxError> {
        match probe(&self.socket) {
            Probe::Missing | Probe::Refused => {}
            Probe::Listening { pid } => {
                return Err(TmuxError::AlreadyRunning { socket: self.socket.clone(), pid });
            }
            Probe::Unknown { reason } => {
                return Err(TmuxError::Unclear { socket: self.socket.clone(), reason });
            }
        }
        let script = Script::default()
            .command(["start-server"])
            .command(["set-option", "-s", "exit-empty", "off"])
            .command(["display-message", "-p", "#{pid}"]);
        let mut argv = [wrapper, &self.client_argv()].concat();
        argv.extend(script.into_parts().0);
        let run = match lifeline {
            None => Run::new(argv.remove(0)).args(argv),
            Some(_) => Run::new("/bin/sh").args(["-c", AS_DESCRIPTOR_9, "sh"]).args(argv).stdin(lifeline),
        };
        // The server keeps the client's folder for as long as it lives, so it gets one that stays.
        let answer = client::run(run.current_dir("/"), "start-server", self.deadline)?;
        let unexpected =
            || TmuxError::Unexpected { command: "start-server".to_owned(), answer: answer.clone() };
        answer.trim().parse().map_err(|_| unexpected())
    }

    /// Ends the server and with it every session. It may take a moment after this returns.
    ///
    /// # Errors
    ///
    /// Those of every command: [`TmuxError::NoServer`], [`TmuxError::Failed`],
    /// [`TmuxError::TimedOut`], [`TmuxError::NotRun`].
    pub fn kill(&self) -> Result<(), TmuxError> {
        self.ask(Script::default().command(["kill-server"]), None).map(|_| ())
    }

    /// A client that blocks on a channel until it is woken or the server ends, for the caller to start.
    #[must_use]
    pub fn wait_argv(&self, channel: &str) -> Vec<OsString> {
        let mut argv = self.client_argv();
        argv.extend(["wait-for", channel].map(OsString::from));
        argv
    }

    /// The names of its sessions.
    ///
    /// # Errors
    ///
    /// Those of every command, see [`Server::kill`].
    pub fn sessions(&self) -> Result<Vec<String>, TmuxError> {
        let script = Script::default().command(["list-sessions", "-F", "#{session_name}"]);
        Ok(self.ask(script, None)?.lines().map(str::to_owned).collect())
    }

    /// Program and flags of every client call.
    pub(crate) fn client_argv(&self) -> Vec<OsString> {
        let words: [&OsStr; 5] = [
            self.tmux.program().as_ref(),
            "-f".as_ref(),
            "/dev/null".as_ref(),
            "-S".as_ref(),
            self.socket.as_ref(),
        ];
        words.map(OsStr::to_owned).to_vec()
    }

    /// Has the server work off commands; what they print. The client stands in `folder`, which the
    /// server takes for that of a new session. Some commands start a server where there is none, so
    /// those must look before.
    pub(crate) fn ask(&self, script: Script, folder: Option<&Path>) -> Result<String, TmuxError> {
        let command = script.name();
        let mut argv = self.client_argv();
        let (words, env) = script.into_parts();
        argv.extend(words);
        let run = Run::new(argv.remove(0)).args(argv).current_dir(folder.unwrap_or(Path::new("/")));
        let run = env.into_iter().fold(run, |run, (name, value)| run.env(name, value));
        client::run(run, &command, self.deadline).map_err(|error| match (error, probe(&self.socket)) {
            (TmuxError::Failed { .. }, Probe::Missing | Probe::Refused) => self.nobody(),
            (error, _) => error,
        })
    }

    /// The error that says that nobody listens here.
    pub(crate) fn nobody(&self) -> TmuxError {
        TmuxError::NoServer { socket: self.socket.clone() }
    }
}
