//! The record of a rename that is under way, and what it means that it stands.

use camino::Utf8PathBuf;
use iapeer_registry::{Personality, RuntimeName};
use iapeer_statefile::{ReadError, WriteError, ensure_dir, read_file, remove_file_durably, replace_file};
use serde::{Deserialize, Serialize};

use crate::host::Host;

/// No record is larger than this, in bytes.
const LIMIT: u64 = 16 << 20;

/// The form of the record that we write, and the only one that we read.
const VERSION: u32 = 1;

/// One step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "kebab-case")]
pub(crate) enum Step {
    /// A file or folder gets another name.
    Move { from: Utf8PathBuf, to: Utf8PathBuf },
    /// The profile in the new folder gets the new name.
    Profile,
    /// A record of what is owed to the provider gets the new name and folder, and a file name that fits.
    Debt { path: Utf8PathBuf },
    /// The entry of the index gets the new name and folder.
    Index,
    /// A file with the old name that is nobody's any more goes.
    Remove { path: Utf8PathBuf },
}

/// A rename that is under way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    version: u32,
    /// The name that was.
    pub(crate) from: Personality,
    /// The name that will be.
    pub(crate) to: Personality,
    /// The folder before.
    pub(crate) cwd: Utf8PathBuf,
    /// The folder after; the same where it stays.
    pub(crate) new_cwd: Utf8PathBuf,
    /// Why the folder stays, where it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) stays: Option<String>,
    /// The runtimes whose facts may stand under either name.
    pub(crate) runtimes: Vec<RuntimeName>,
    /// Since when, ISO 8601.
    pub(crate) since: String,
    /// What is to be done, in this order.
    pub(crate) steps: Vec<Step>,
}

/// A rename is not finished, so that this peer, or the registry, cannot be changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Unfinished {
    /// It is under way, or was cut off.
    #[error("the rename of {from} to {to} is not finished")]
    Rename {
        /// The name that was.
        from: Personality,
        /// The name that will be.
        to: Personality,
    },
    /// There is a record, and nobody can tell what it says.
    #[error("{path} is damaged: {reason}")]
    Damaged {
        /// The record.
        path: Utf8PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// There is a record that cannot be read.
    #[error(transparent)]
    Unreadable(#[from] ReadError),
}

/// The names of the rename that is not finished, if there is one.
///
/// # Errors
///
/// [`Unfinished`] when there is one and its record cannot be used.
pub fn unfinished_rename(host: &Host) -> Result<Option<(Personality, Personality)>, Unfinished> {
    Ok(Record::load(host)?.map(|record| (record.from, record.to)))
}

/// Says whether the registry may be changed; asked under its lock.
pub(crate) fn none_unfinished(host: &Host) -> Result<(), Unfinished> {
    match unfinished_rename(host)? {
        None => Ok(()),
        Some((from, to)) => Err(Unfinished::Rename { from, to }),
    }
}

impl Record {
    pub(crate) fn new(
        (from, cwd): (&Personality, Utf8PathBuf),
        (to, new_cwd): (&Personality, Utf8PathBuf),
        stays: Option<String>,
        runtimes: Vec<RuntimeName>,
        steps: Vec<Step>,
    ) -> Record {
        let since = iapeer_statefile::iso_millis(crate::host::now());
        let (from, to) = (from.clone(), to.clone());
        Record { version: VERSION, from, to, cwd, new_cwd, stays, runtimes, since, steps }
    }

    pub(crate) fn load(host: &Host) -> Result<Option<Record>, Unfinished> {
        let path = host.layout().rename_record();
        let bytes = match read_file(&path, LIMIT) {
            // Below a file there is nothing; what is wrong with the root others tell better.
            Err(ReadError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotADirectory => None,
            read => read?,
        };
        let Some(bytes) = bytes else { return Ok(None) };
        let damaged = |reason| Unfinished::Damaged { path: path.clone(), reason };
        let record: Record = serde_json::from_slice(&bytes).map_err(|e| damaged(e.to_string()))?;
        match record.version {
            VERSION => Ok(Some(record)),
            other => Err(damaged(format!("its version is {other}, and this one knows only {VERSION}"))),
        }
    }

    pub(crate) fn save(&self, host: &Host) -> Result<(), WriteError> {
        let path = host.layout().rename_record();
        if let Some(folder) = path.parent() {
            ensure_dir(folder)?;
        }
        let mut bytes = serde_json::to_vec_pretty(self).expect("a record has only string keys");
        bytes.push(b'\n');
        replace_file(&path, &bytes)
    }

    pub(crate) fn remove(host: &Host) -> Result<(), WriteError> {
        remove_file_durably(&host.layout().rename_record()).map(drop)
    }
}
