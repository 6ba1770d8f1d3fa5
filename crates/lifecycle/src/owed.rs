//! Provider commands that are still owed: written down before they run, cleared when they succeeded.
//!
//! One file per peer, runtime, folder and kind. A later occasion of the same kind takes the place of an
//! earlier one: a peer that is removed needs no provisioning any more.

use camino::Utf8PathBuf;
use iapeer_provision_exec::unique_name;
use iapeer_registry::{Identity, Personality, RuntimeName};
use iapeer_statefile::{
    ReadError, Timestamp, WriteError, ensure_dir, iso_millis, list_folder, read_file, remove_file,
    replace_file,
};
use serde::{Deserialize, Serialize};

use crate::Layout;
use crate::layout::folder_key;
use crate::occasion::Occasion;

/// No record is larger than this, in bytes.
const LIMIT: u64 = 256 << 10;

/// A command that is owed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owed {
    /// The peer; it may be removed by now.
    pub personality: Personality,
    /// The runtime.
    pub runtime: RuntimeName,
    /// The peer's folder.
    pub cwd: Utf8PathBuf,
    /// Why the command runs.
    pub occasion: Occasion,
    /// The cause of a death, for [`Occasion::SessionEnded`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// Since when it is owed, ISO 8601.
    pub since: String,
    /// How often it was begun.
    pub attempts: u32,
    /// What the last try gave; absent while it runs, and after it was cut off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<String>,
    /// The names of the runs whose processes may live, the one that is next last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub runs: Vec<String>,
}

/// Why owed work cannot be listed or written down.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OwedError {
    /// A record cannot be read, or their folder not be listed.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A record is damaged.
    #[error("{path} is damaged: {reason}")]
    Damaged {
        /// The record.
        path: Utf8PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A record cannot be written or removed.
    #[error(transparent)]
    Write(#[from] WriteError),
}

impl Owed {
    /// A command that is about to be owed.
    pub(crate) fn new(identity: &Identity, cwd: Utf8PathBuf, occasion: Occasion, now: Timestamp) -> Owed {
        Owed {
            personality: identity.personality().clone(),
            runtime: identity.runtime().clone(),
            cwd,
            occasion,
            cause: None,
            since: iso_millis(now),
            attempts: 0,
            last: None,
            runs: Vec::new(),
        }
    }

    /// Whose it is.
    pub fn identity(&self) -> Identity {
        Identity::new(self.runtime.clone(), self.personality.clone())
    }

    /// Writes down that it is about to be tried. What an earlier try may have left running is remembered,
    /// also when that was for another occasion.
    pub(crate) fn begin(&mut self, layout: &Layout) -> Result<(), OwedError> {
        if self.runs.is_empty()
            && let Some(before) = load(&self.path(layout))?
        {
            self.runs = before.runs;
        }
        self.attempts += 1;
        self.last = None;
        self.runs.push(unique_name());
        self.save(layout)
    }

    /// Writes down that it was tried in vain, and what came of it; nobody is left of the try. Where somebody
    /// has begun anew since, theirs is what counts.
    pub(crate) fn failed(&mut self, layout: &Layout, what: String) -> Result<(), OwedError> {
        if !self.is_latest(layout)? {
            return Ok(());
        }
        self.last = Some(what);
        self.runs.clear();
        self.save(layout)
    }

    /// Writes it down.
    pub(crate) fn save(&self, layout: &Layout) -> Result<(), OwedError> {
        ensure_dir(&layout.owed())?;
        let mut bytes = serde_json::to_vec_pretty(self).expect("a record has only string keys");
        bytes.push(b'\n');
        Ok(replace_file(&self.path(layout), &bytes)?)
    }

    /// Clears it, unless somebody has begun anew since.
    pub(crate) fn clear(&self, layout: &Layout) -> Result<(), OwedError> {
        if self.is_latest(layout)? {
            remove_file(&self.path(layout))?;
        }
        Ok(())
    }

    /// Whether what is written down is this try, or nothing.
    fn is_latest(&self, layout: &Layout) -> Result<bool, OwedError> {
        Ok(load(&self.path(layout))?.is_none_or(|there| there.runs.last() == self.runs.last()))
    }

    /// Where it is written down.
    pub(crate) fn path(&self, layout: &Layout) -> Utf8PathBuf {
        let kind = match self.occasion {
            Occasion::SessionEnded => "notify",
            _ => "memory",
        };
        layout.owed().join(format!("{}.{}.{kind}.json", self.identity(), folder_key(&self.cwd)))
    }
}

/// Everything that is owed, by file name, and the records that cannot be read.
///
/// # Errors
///
/// [`OwedError::Read`] when the folder cannot be listed.
pub fn owed(layout: &Layout) -> Result<(Vec<Owed>, Vec<OwedError>), OwedError> {
    let folder = layout.owed();
    let names = list_folder(&folder)?;
    let paths = names.iter().filter(|name| name.ends_with(".json")).map(|name| folder.join(name));
    let (mut all, mut bad) = (Vec::new(), Vec::new());
    for path in paths {
        match load(&path) {
            Ok(owed) => all.extend(owed),
            Err(e) => bad.push(e),
        }
    }
    Ok((all, bad))
}

/// One record, if it is there.
pub(crate) fn load(path: &Utf8PathBuf) -> Result<Option<Owed>, OwedError> {
    let Some(bytes) = read_file(path, LIMIT)? else { return Ok(None) };
    let damaged = |e: serde_json::Error| OwedError::Damaged { path: path.clone(), reason: e.to_string() };
    serde_json::from_slice(&bytes).map(Some).map_err(damaged)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_try_decides_what_is_owed() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let root = Utf8PathBuf::from_path_buf(folder.path().to_owned()).expect("a UTF-8 path");
        let layout = Layout::new(root.clone(), root);
        let identity: Identity = "shell-alpha".parse().expect("an identity");
        let owed_now = || owed(&layout).expect("it can be listed").0;
        let begun = |occasion| {
            let mut owed = Owed::new(&identity, "/alpha".into(), occasion, Timestamp::UNIX_EPOCH);
            owed.begin(&layout).expect("it can be written");
            owed
        };

        // Both at the same moment and for the same occasion: only their runs tell them apart.
        let (mut first, second) = (begun(Occasion::SweepOn), begun(Occasion::SweepOn));
        assert_eq!(second.runs.len(), 2, "what the first one may have left is waited for");
        first.failed(&layout, "failed".to_owned()).expect("it can be written");
        first.clear(&layout).expect("it can be cleared");
        assert_eq!(owed_now(), std::slice::from_ref(&second), "the first one says nothing any more");
        second.clear(&layout).expect("it can be cleared");
        assert_eq!(owed_now(), []);

        // Another folder, and another kind, are other debts.
        let mut third = begun(Occasion::Birth);
        third.failed(&layout, "failed: no disk".to_owned()).expect("it can be written");
        let mut elsewhere = Owed::new(&identity, "/beta".into(), Occasion::Remove, Timestamp::UNIX_EPOCH);
        elsewhere.begin(&layout).expect("it can be written");
        begun(Occasion::SessionEnded);
        assert_eq!(owed_now().len(), 3);
        let last: Vec<_> = owed_now().into_iter().filter_map(|owed| owed.last).collect();
        assert_eq!(last, ["failed: no disk"]);
    }
}
