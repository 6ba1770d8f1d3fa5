//! The tmux program.

use std::ffi::OsStr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use iapeer_provision_exec::Run;

use crate::{DEADLINE, Server, TmuxError, Version, client};

/// A tmux program that is known to work, by its absolute path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tmux {
    program: PathBuf,
    version: Version,
}

impl Tmux {
    /// Looks for `tmux` in the folders of a search path, as `PATH` has it, and asks for its version.
    /// Relative folders are passed over: what they mean depends on where one stands.
    ///
    /// # Errors
    ///
    /// [`TmuxError::NotFound`], and those of [`Tmux::at`] for the first program that is found.
    pub fn find(search_path: &OsStr) -> Result<Self, TmuxError> {
        Self::find_within(search_path, DEADLINE)
    }

    /// Like [`Tmux::find`], for who cannot wait that long for the version.
    ///
    /// # Errors
    ///
    /// As [`Tmux::find`].
    pub fn find_within(search_path: &OsStr, limit: Duration) -> Result<Self, TmuxError> {
        let found = std::env::split_paths(search_path)
            .filter(|folder| folder.is_absolute())
            .map(|folder| folder.join("tmux"))
            .find(|program| is_executable(program));
        match found {
            Some(program) => Self::ask(program, limit),
            None => Err(TmuxError::NotFound { searched: search_path.to_owned() }),
        }
    }

    /// The tmux at an absolute path; asks it for its version.
    ///
    /// # Errors
    ///
    /// [`TmuxError::NotRun`], [`TmuxError::TimedOut`], [`TmuxError::NotTmux`], [`TmuxError::TooOld`].
    pub fn at(program: impl Into<PathBuf>) -> Result<Self, TmuxError> {
        Self::ask(program.into(), DEADLINE)
    }

    /// Asks tmux for its version.
    fn ask(program: PathBuf, limit: Duration) -> Result<Self, TmuxError> {
        let answer = client::run(Run::new(&program).args(["-V"]), "-V", limit)?;
        match Version::parse(&answer) {
            None => Err(TmuxError::NotTmux { program, answer: answer.trim().to_owned() }),
            Some(found) if !found.is_at_least(3, 2) => Err(TmuxError::TooOld { program, found }),
            Some(version) => Ok(Self { program, version }),
        }
    }

    /// Its absolute path.
    #[must_use]
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// Its version.
    #[must_use]
    pub fn version(&self) -> &Version {
        &self.version
    }

    /// The server on a socket, whether it is there or not. Nothing is asked and nothing is started.
    ///
    /// # Errors
    ///
    /// [`TmuxError::BadPath`] when the path is not absolute, [`TmuxError::SocketTooLong`].
    pub fn server(&self, socket: impl Into<PathBuf>) -> Result<Server, TmuxError> {
        Server::new(self.clone(), socket.into())
    }
}

fn is_executable(program: &Path) -> bool {
    program.metadata().is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}
