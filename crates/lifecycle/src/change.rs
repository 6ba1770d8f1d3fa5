//! Changes of what a peer is, after its birth.

use iapeer_registry::{Conflict, Peer, Personality, RuntimeName, profile_document};
use iapeer_statefile::{CommitError, LockError, StateFault};

use crate::birth::keep_profile;
use crate::host::Host;
use crate::recovery::edit_index;
use crate::undo::{Undo, UndoError, commit};
use crate::unfinished::{Unfinished, none_unfinished};

/// Why a peer was not changed. It is as it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChangeError {
    /// Nobody has the name.
    #[error("no peer is named {personality}")]
    Unknown {
        /// The name.
        personality: Personality,
    },
    /// The peer does not have this runtime.
    #[error("{personality} has no runtime {runtime}")]
    NotItsRuntime {
        /// The peer.
        personality: Personality,
        /// The runtime.
        runtime: RuntimeName,
    },
    /// The peer has no profile to change.
    #[error("the profile of {personality} in {cwd} is missing")]
    NoProfile {
        /// The peer.
        personality: Personality,
        /// Its folder.
        cwd: camino::Utf8PathBuf,
    },
    /// The index or the profile cannot be used.
    #[error(transparent)]
    State(#[from] StateFault),
    /// The registry is locked.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// A rename is not finished.
    #[error(transparent)]
    Unfinished(#[from] Unfinished),
    /// It could not be written.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// The profile could not be kept for an undo.
    #[error(transparent)]
    Undo(#[from] UndoError),
    /// The profile says that the peer is somebody else.
    #[error(transparent)]
    Conflict(#[from] Conflict),
}

/// Makes one of a peer's runtimes the one that is meant when none is named; says whether it was not.
///
/// The profile is written first: it is the truth, and the index is made from it. Where only the index says
/// otherwise, as when an earlier change was cut off, that alone is written.
///
/// # Errors
///
/// [`ChangeError`].
pub fn set_default_runtime(
    host: &Host,
    personality: &Personality,
    runtime: &RuntimeName,
) -> Result<bool, ChangeError> {
    let lock = host.registry().lock(&host.settings().caller)?;
    none_unfinished(host)?;
    let edit = edit_index(host, &lock)?;
    let mut index = edit.value().cloned().unwrap_or_default();
    let unknown = || ChangeError::Unknown { personality: personality.clone() };
    let Peer { facts: stored, cwd, .. } = index.find(personality).ok_or_else(unknown)?.clone();
    let document = profile_document(&cwd);
    let profile_edit = document.edit(&lock)?;
    let missing = || ChangeError::NoProfile { personality: personality.clone(), cwd: cwd.clone() };
    let before = profile_edit.value().cloned().ok_or_else(missing)?;
    let mut profile = before.clone().completed_by(&stored);
    if !profile.facts.set_default_runtime(runtime) {
        return Err(ChangeError::NotItsRuntime {
            personality: personality.clone(),
            runtime: runtime.clone(),
        });
    }
    let peer = Peer::new(profile.facts.clone(), cwd);
    index.add(peer.clone())?;
    if profile == before && edit.value() == Some(&index) {
        return Ok(false);
    }
    let mut undo = Undo::default();
    let change = || {
        if profile != before {
            undo.keep_file(document.path())?;
            commit(host, &document, profile_edit, &profile)?;
        }
        Ok::<(), ChangeError>(commit(host, host.registry().document(), edit, &index)?)
    };
    if let Err(e) = change() {
        undo.run();
        return Err(e);
    }
    undo.forget();
    let mut warnings = Vec::new();
    keep_profile(host, &peer, &mut warnings);
    warnings.into_iter().for_each(|warning| host.aside(warning));
    Ok(true)
}
