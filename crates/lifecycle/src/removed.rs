//! Who was removed: a peer that was taken out of the index stays out, whatever is restored.
//!
//! One small file per peer and folder, written when the index is without the peer, and taken away before
//! the peer is born again in that folder.

use std::collections::BTreeSet;

use camino::{Utf8Path, Utf8PathBuf};
use iapeer_registry::Personality;
use iapeer_statefile::{
    ReadError, Timestamp, WriteError, ensure_dir, iso_millis, list_folder, read_file, remove_file,
    replace_file,
};
use serde::{Deserialize, Serialize};

use crate::Layout;
use crate::layout::folder_key;
use crate::undo::{Undo, UndoError};

/// No mark is larger than this, in bytes.
const LIMIT: u64 = 64 << 10;

#[derive(Debug, Serialize, Deserialize)]
struct Mark {
    personality: Personality,
    cwd: Utf8PathBuf,
    removed_at: String,
    /// State of it is left: the removal did not come to its end.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    purge_owed: bool,
}

/// How far a removal has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// The peer is out of the index, and its state is there.
    Begun,
    /// Nothing of the peer is left.
    Purged,
}

/// The peers that were removed, by name and folder.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Removals(BTreeSet<(Personality, Utf8PathBuf)>);

impl Removals {
    /// Reads all marks. One that cannot be read counts for the peer that its name tells of, wherever that
    /// is: it was removed, and only the folder is in doubt.
    ///
    /// # Errors
    ///
    /// [`ReadError`] when the folder of the marks cannot be listed.
    pub(crate) fn read(layout: &Layout) -> Result<Removals, ReadError> {
        let peer = |(told, mark): (String, Option<Mark>)| match mark {
            Some(mark) => Some((mark.personality, mark.cwd)),
            None => Some((told.parse().ok()?, Utf8PathBuf::new())),
        };
        Ok(Removals(marks(layout)?.filter_map(peer).collect()))
    }

    /// Whether this peer was removed.
    pub(crate) fn has(&self, personality: &Personality, cwd: &Utf8Path) -> bool {
        self.0.contains(&(personality.clone(), cwd.to_owned()))
            || self.0.contains(&(personality.clone(), Utf8PathBuf::new()))
    }
}

/// The folders of removed peers of this name of which state may be left, because their removal was cut off.
/// A mark that cannot be read tells of none.
///
/// # Errors
///
/// [`ReadError`] when the folder of the marks cannot be listed.
pub(crate) fn purges_owed(layout: &Layout, personality: &Personality) -> Result<Vec<Utf8PathBuf>, ReadError> {
    let of_it = marks(layout)?.filter(|(told, _)| told == personality.as_str());
    Ok(of_it.filter_map(|(_, mark)| mark).filter(|mark| mark.purge_owed).map(|mark| mark.cwd).collect())
}

/// Every mark: the peer that its name tells of, and what stands in it where that can be read.
fn marks(layout: &Layout) -> Result<impl Iterator<Item = (String, Option<Mark>)>, ReadError> {
    let folder = layout.removals();
    Ok(list_folder(&folder)?.into_iter().map(move |name| {
        let bytes = read_file(&folder.join(&name), LIMIT).ok().flatten();
        let mark = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        (name.split('.').next().unwrap_or_default().to_owned(), mark)
    }))
}

/// Remembers that a peer was removed, and how far that has come.
///
/// # Errors
///
/// [`WriteError`].
pub(crate) fn remember_removal(
    layout: &Layout,
    personality: &Personality,
    cwd: &Utf8Path,
    stage: Stage,
    now: Timestamp,
) -> Result<(), WriteError> {
    let mark = Mark {
        personality: personality.clone(),
        cwd: cwd.to_owned(),
        removed_at: iso_millis(now),
        purge_owed: stage == Stage::Begun,
    };
    let mut bytes = serde_json::to_vec_pretty(&mark).expect("a mark has only string keys");
    bytes.push(b'\n');
    ensure_dir(&layout.removals())?;
    replace_file(&removal_mark(layout, personality, cwd), &bytes)
}

/// Forgets that a peer was removed: it is about to be born again. Where it is not, `undo` remembers it.
///
/// # Errors
///
/// [`UndoError`]; it is remembered then.
pub(crate) fn forget_removal(
    layout: &Layout,
    personality: &Personality,
    cwd: &Utf8Path,
    undo: &mut Undo,
) -> Result<(), UndoError> {
    let path = removal_mark(layout, personality, cwd);
    undo.keep_file(&path)?;
    remove_file(&path)?;
    Ok(())
}

/// The mark of a removal.
pub(crate) fn removal_mark(layout: &Layout, personality: &Personality, cwd: &Utf8Path) -> Utf8PathBuf {
    layout.removals().join(format!("{personality}.{}.json", folder_key(cwd)))
}
