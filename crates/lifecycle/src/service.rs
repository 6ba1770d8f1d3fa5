//! The entry by which the host's service manager runs the supervisor: a *user* unit of systemd, or an agent of
//! launchd.
//!
//! What an entry says follows from a [`Definition`] alone, which also stands in its head, with a hash of all
//! the rest: so an entry tells by itself whether it is ours, from which version, and whether somebody changed
//! it. What is not ours, or was changed, is left alone unless a person says otherwise.

mod apply;
mod call;
pub(crate) mod definition;
mod entry;
mod launchd;
mod record;
mod systemd;

use std::fmt;
use std::str::FromStr;

use camino::Utf8PathBuf;
use iapeer_statefile::{QuarantineError, ReadError, WriteError};
use serde::{Deserialize, Serialize};

pub use apply::{IfOthers, Installed, Started, Uninstalled, Written, install, mend_missing, uninstall};
pub(crate) use call::{lingers, user_manager};
pub use definition::{Definition, DefinitionError};
pub use entry::{Entry, EntryState, Problem, entry, problems, supervisor};

/// What runs services for a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Manager {
    /// The user's instance of systemd.
    Systemd,
    /// The user's domain of launchd.
    Launchd,
}

impl Manager {
    /// The one of the system that this is built for.
    pub fn of_this_system() -> Manager {
        if cfg!(target_os = "macos") { Manager::Launchd } else { Manager::Systemd }
    }

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Manager::Systemd => "systemd",
            Manager::Launchd => "launchd",
        }
    }
}

impl fmt::Display for Manager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Manager {
    type Err = String;

    fn from_str(text: &str) -> Result<Manager, String> {
        [Manager::Systemd, Manager::Launchd]
            .into_iter()
            .find(|manager| manager.as_str() == text)
            .ok_or_else(|| "it is neither systemd nor launchd".to_owned())
    }
}

/// Why an entry was not looked at, written or removed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServiceError {
    /// There is no folder for it.
    #[error("the home folder is not known, so there is no place for an entry of {manager}")]
    NoHome {
        /// Whose entry.
        manager: Manager,
    },
    /// It cannot be said to the service manager.
    #[error(transparent)]
    Definition(#[from] DefinitionError),
    /// Somebody changed it.
    #[error("{path} was changed by hand since iapeer wrote it")]
    Changed {
        /// The entry.
        path: Utf8PathBuf,
    },
    /// Somebody else wrote it.
    #[error("{path} was not written by iapeer")]
    Foreign {
        /// The entry.
        path: Utf8PathBuf,
    },
    /// The service manager did not do what it was asked for.
    #[error("`{command}` failed: {reason}")]
    Manager {
        /// The command.
        command: String,
        /// What it said.
        reason: String,
    },
    /// The system does not tell who holds a lock.
    #[error("this system does not tell who holds a lock")]
    Locks,
    /// What is noted about the entry cannot be understood.
    #[error("{path} is damaged: {reason}")]
    Damaged {
        /// The file.
        path: Utf8PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// Something that is there cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Something could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// What stood there could not be kept.
    #[error(transparent)]
    Quarantine(#[from] QuarantineError),
}
