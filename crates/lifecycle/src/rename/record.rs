//! The record of a rename that is under way, and what it means that it stands.

use camino::Utf8PathBuf;
use iapeer_registry::{Personality, RuntimeName};
use iapeer_statefile::{ReadError, WriteError, ensure_dir, read_file, remove_file_durably, replace_file};
use serde::{Deserialize, Serialize};

use super::steps::Step;
use crate::host::Host;
use crate::transcripts::claude_folder;

/// No record is larger than this, in bytes.
const LIMIT: u64 = 16 << 20;

/// The form of the record that we write, and the only one that we read.
const VERSION: u32 = 1;

/// A rename that is under way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    version: u32,
    /// The name that was.
    pub(super) from: Personality,
    /// The name that will be.
    pub(super) to: Personality,
    /// The folder before.
    pub(super) cwd: Utf8PathBuf,
    /// The folder after; the same where it stays.
    pub(super) new_cwd: Utf8PathBuf,
    /// Why the folder stays, where it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) stays: Option<String>,
    /// The runtimes whose facts may stand under either name.
    pub(super) runtimes: Vec<RuntimeName>,
    /// Since when, ISO 8601.
    pub(super) since: String,
    /// What is to be done, in this order.
    pub(super) steps: Vec<Step>,
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
    pub(super) fn new(
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

    pub(super) fn load(host: &Host) -> Result<Option<Record>, Unfinished> {
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

    pub(super) fn save(&self, host: &Host) -> Result<(), WriteError> {
        let path = host.layout().rename_record();
        if let Some(folder) = path.parent() {
            ensure_dir(folder)?;
        }
        let mut bytes = serde_json::to_vec_pretty(self).expect("a record has only string keys");
        bytes.push(b'\n');
        replace_file(&path, &bytes)
    }

    pub(super) fn remove(host: &Host) -> Result<(), WriteError> {
        remove_file_durably(&host.layout().rename_record()).map(drop)
    }

    /// Where Claude's transcripts went, where they did.
    pub(super) fn transcripts(&self, host: &Host) -> Option<Utf8PathBuf> {
        let place = claude_folder(host, &super::plan::real(&self.new_cwd))?;
        let moved = |step: &Step| matches!(step, Step::Move { to, .. } if *to == place);
        self.steps.iter().any(moved).then_some(place)
    }
}
