//! The steps of a rename. Each can be done twice, and each knows how it is taken back.

use std::io;

use camino::{Utf8Path, Utf8PathBuf};
use iapeer_registry::{Conflict, profile_document};
use iapeer_statefile::{
    CommitError, Lock, ReadError, StateFault, WriteError, move_path, read_file, remove_file, replace_file,
};

use crate::host::Host;
use crate::owed::{OwedError, load};
use crate::recovery::edit_index;
use crate::removed::removal_mark;
use crate::unfinished::{Record, Step};

/// Why a step could not be done, or not be taken back.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StepError {
    /// Something stands where a file shall go.
    #[error("{from} cannot be moved: {to} exists")]
    InTheWay {
        /// What shall go there.
        from: Utf8PathBuf,
        /// What stands there.
        to: Utf8PathBuf,
    },
    /// A path cannot be looked at.
    #[error("cannot look at {path}")]
    Look {
        /// The path.
        path: Utf8PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The profile has gone.
    #[error("there is no profile in {folder}")]
    NoProfile {
        /// The folder.
        folder: Utf8PathBuf,
    },
    /// Somebody else has the new name or folder.
    #[error(transparent)]
    Conflict(#[from] Conflict),
    /// The index or the profile cannot be used.
    #[error(transparent)]
    State(#[from] StateFault),
    /// A file cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A file cannot be written or moved.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The index or the profile could not be written.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// What is owed cannot be read or written.
    #[error(transparent)]
    Owed(#[from] OwedError),
}

/// What takes a step back. It is held in memory only, and a failure of it is told: where it fails the record of
/// the rename stays, and with it the way forward. `undo.rs` has no record behind it, and does what it can.
#[derive(Debug)]
pub(crate) enum Reversal {
    /// What is at `to` was at `from`.
    Move { from: Utf8PathBuf, to: Utf8PathBuf },
    /// What a file held; `None` where it was not there.
    File { path: Utf8PathBuf, held: Option<Vec<u8>> },
}

/// Does a step, unless it is done. What takes it back is noted before it is begun, so that an error in the
/// middle of it leaves nothing behind either.
pub(super) fn perform(
    host: &Host,
    lock: &Lock,
    record: &Record,
    step: &Step,
    undo: &mut Vec<Reversal>,
) -> Result<(), StepError> {
    match step {
        Step::Move { from, to } => {
            // Whatever is gone from both places was taken away by somebody else, and needs no new name.
            if !exists(from)? {
                return Ok(());
            }
            if exists(to)? {
                return Err(StepError::InTheWay { from: from.clone(), to: to.clone() });
            }
            undo.push(Reversal::Move { from: from.clone(), to: to.clone() });
            Ok(move_path(from, to)?)
        }
        Step::Profile => rename_profile(host, lock, record, undo),
        Step::Debt { path } => {
            let Some(mut owed) = load(path)? else { return Ok(()) };
            owed.personality = record.to.clone();
            owed.cwd.clone_from(&record.new_cwd);
            keep(&owed.path(host.layout()), undo)?;
            keep(path, undo)?;
            owed.save(host.layout())?;
            Ok(remove_file(path).map(drop)?)
        }
        Step::Index => {
            let mut edit = edit_index(host, lock)?;
            let mut index = edit.take_value().unwrap_or_default();
            if index.find(&record.from).is_none() {
                return Ok(());
            }
            index.rename(&record.from, &record.to, &record.new_cwd)?;
            keep(host.registry().path(), undo)?;
            // Before the name is in the index: a mark beside a peer that is there would cost it its life.
            let mark = removal_mark(host.layout(), &record.to, &record.new_cwd);
            keep(&mark, undo)?;
            remove_file(&mark)?;
            Ok(edit.commit(index)?)
        }
        // The absence of such a file says nothing to anybody, so it need not come back.
        Step::Remove { path } => Ok(remove_file(path).map(drop)?),
    }
}

/// Takes steps back, the last first.
pub(super) fn take_back(undo: Vec<Reversal>) -> Result<(), StepError> {
    for undo in undo.into_iter().rev() {
        match undo {
            Reversal::Move { from, to } if exists(&to)? && !exists(&from)? => move_path(&to, &from)?,
            Reversal::Move { .. } => {}
            // What was never written need not be written back, which might fail for the same reason.
            Reversal::File { path, held } => match (read_file(&path, u64::MAX)?, held) {
                (now, held) if now == held => {}
                (_, Some(bytes)) => replace_file(&path, &bytes)?,
                (_, None) => drop(remove_file(&path)?),
            },
        }
    }
    Ok(())
}

fn rename_profile(
    host: &Host,
    lock: &Lock,
    record: &Record,
    undo: &mut Vec<Reversal>,
) -> Result<(), StepError> {
    let document = profile_document(&record.new_cwd);
    let mut edit = document.edit(lock)?;
    let missing = || StepError::NoProfile { folder: record.new_cwd.clone() };
    let mut profile = edit.take_value().ok_or_else(missing)?;
    if profile.facts.personality == record.to {
        return Ok(());
    }
    let (index, _) = host.registry().read()?;
    if let Some(peer) = index.find(&record.from) {
        profile = profile.completed_by(&peer.facts);
    }
    profile.facts.personality = record.to.clone();
    keep(document.path(), undo)?;
    Ok(edit.commit(profile)?)
}

/// Notes what a file holds.
fn keep(path: &Utf8Path, undo: &mut Vec<Reversal>) -> Result<(), StepError> {
    let held = read_file(path, u64::MAX)?;
    undo.push(Reversal::File { path: path.to_owned(), held });
    Ok(())
}

/// Whether anything is at a path, be it a link to nothing.
pub(super) fn exists(path: &Utf8Path) -> Result<bool, StepError> {
    match path.symlink_metadata() {
        Ok(_) => Ok(true),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(source) => Err(StepError::Look { path: path.to_owned(), source }),
    }
}
