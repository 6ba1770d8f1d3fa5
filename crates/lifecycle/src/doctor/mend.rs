//! What may be mended without asking anybody, because it is provably ours. Each deed looks once more
//! whether it is still called for.

use std::fmt;

use camino::Utf8PathBuf;
use iapeer_canary::{CanaryError, CanaryState, Subject};
use iapeer_registry::Identity;
use iapeer_statefile::{LockError, WriteError, ensure_dir, remove_file, restrict_mode};
use iapeer_tmux::{Probe, probe};

use super::folders::is_old_file;
use crate::attend::arm_again;
use crate::declared::is_temporary;
use crate::facts::{FactError, Facts};
use crate::host::{Host, Warning};
use crate::observe::SessionState;
use crate::recovery::{MendIndexError, mend_index};

/// Something that can be mended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mend {
    /// A file or folder of ours to which others have access.
    Restrict {
        /// Which.
        path: Utf8PathBuf,
    },
    /// A folder of ours that is not there.
    MakeFolder {
        /// Which.
        path: Utf8PathBuf,
    },
    /// What a write of ours left that was cut off.
    RemoveTemporary {
        /// Which file.
        path: Utf8PathBuf,
    },
    /// A socket on which nobody listens, and which no session and no peer has.
    RemoveSocket {
        /// Whose it was.
        identity: Identity,
    },
    /// An index that is lost, or has entries that cannot be used.
    Index,
    /// A session's server that nobody watches.
    Arm {
        /// Whose it is.
        identity: Identity,
    },
}

/// Why something was not mended. It is as it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MendError {
    /// It could not be written or removed.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// Somebody else is at it.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// What is written down about it cannot be used.
    #[error(transparent)]
    Fact(#[from] FactError),
    /// The index could not be taken back.
    #[error(transparent)]
    Index(#[from] MendIndexError),
    /// The witnesses cannot be asked.
    #[error(transparent)]
    Canary(#[from] CanaryError),
    /// It is not as it was when it was looked at.
    #[error("it has changed meanwhile: {reason}")]
    Changed {
        /// How it is now.
        reason: String,
    },
    /// No witness could be started.
    #[error("{reason}")]
    NotArmed {
        /// Why not.
        reason: String,
    },
}

/// What will be done, as a command that is given.
impl fmt::Display for Mend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Mend::Restrict { path } => write!(f, "take the access of others from {path}"),
            Mend::MakeFolder { path } => write!(f, "make the folder {path}"),
            Mend::RemoveTemporary { path } => write!(f, "remove the temporary file {path}"),
            Mend::RemoveSocket { identity } => write!(f, "remove the dead socket of {identity}"),
            Mend::Index => write!(f, "take the index back from its backups and the profiles"),
            Mend::Arm { identity } => write!(f, "start a witness for the server of {identity}"),
        }
    }
}

/// Mends it.
///
/// # Errors
///
/// [`MendError`], also when it is not called for any more.
pub fn mend(host: &Host, what: &Mend) -> Result<(), MendError> {
    match what {
        Mend::Restrict { path } => Ok(restrict_mode(path)?),
        Mend::MakeFolder { path } => Ok(ensure_dir(path)?),
        Mend::RemoveTemporary { path } => {
            let relative = path.strip_prefix(host.layout().root()).unwrap_or(path);
            let is_left =
                is_temporary(relative) && path.symlink_metadata().is_ok_and(|meta| is_old_file(&meta));
            if !is_left {
                return Err(changed("somebody writes it, or it is gone"));
            }
            remove_file(path)?;
            Ok(())
        }
        Mend::RemoveSocket { identity } => remove_socket(host, identity),
        Mend::Index => Ok(mend_index(host)?),
        Mend::Arm { identity } => arm(host, identity),
    }
}

fn remove_socket(host: &Host, identity: &Identity) -> Result<(), MendError> {
    use std::os::unix::fs::FileTypeExt;

    // Under the lock of the identity nobody launches, so that who does not listen now will not either.
    let lock = host.lock_wake(identity)?;
    let path = host.layout().socket(identity);
    if !path.starts_with(host.layout().root()) {
        return Err(changed("it is not in the root, and may be of another one"));
    }
    if !path.symlink_metadata().is_ok_and(|meta| meta.file_type().is_socket()) {
        return Err(changed("it is gone, or is no socket"));
    }
    if host.layout().fact(identity, "session").exists() {
        return Err(changed("a session has it"));
    }
    match probe(path.as_std_path()) {
        Probe::Refused => {}
        Probe::Listening { pid } => return Err(changed(&format!("the process {pid} listens"))),
        Probe::Missing => return Err(changed("it is gone")),
        Probe::Unknown { reason } => return Err(changed(&reason)),
    }
    remove_file(&path)?;
    // Nobody has the identity, so its lock goes as it goes with a peer that is removed.
    remove_file(lock.path())?;
    Ok(())
}

fn arm(host: &Host, identity: &Identity) -> Result<(), MendError> {
    let _lock = host.lock_wake(identity)?;
    let gone = || changed("the session does not run any more");
    let session = Facts::of(host.layout(), identity).session()?.ok_or_else(gone)?;
    let server = session.server_process().map_err(|e| changed(&e.to_string()))?;
    if session.state() != SessionState::Running {
        return Err(gone());
    }
    let subject = Subject::new(identity.to_string(), server);
    let canary = host.canary();
    let mut warnings: Vec<Warning> = Vec::new();
    arm_again(host, &canary, identity, &subject, &mut warnings);
    if canary.list()?.iter().any(|s| s.subject == subject && s.state == CanaryState::Armed) {
        return Ok(());
    }
    let reasons: Vec<_> = warnings.into_iter().map(|warning| warning.message).collect();
    Err(MendError::NotArmed { reason: reasons.join("; ") })
}

fn changed(reason: &str) -> MendError {
    MendError::Changed { reason: reason.to_owned() }
}
