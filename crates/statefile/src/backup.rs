//! The last good generations of documents.
//!
//! Each document has a folder of its own, in which a generation is a file `<number>.<time>`. Numbers only
//! grow, so that one names the same bytes for as long as they are kept; what is newest does not depend on
//! the clock.

use std::fmt;

use camino::{Utf8Path, Utf8PathBuf};
use jiff::Timestamp;

use crate::file::{create_unsynced, ensure_dir, list_folder, open_for_reading, read_open, remove_file};
use crate::reuse::reuse;
use crate::time::{compact, parse_compact};
use crate::{ReadError, WriteError};

/// So many generations are kept, whatever their age.
const NEWEST: usize = 5;

/// Of so many days the last generation is kept, today's among them.
const DAYS: i64 = 7;

/// Where the generations of one document are.
#[derive(Debug, Clone)]
pub struct Backups {
    folder: Utf8PathBuf,
}

/// What a document once held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Generation {
    /// Its number, which no other generation of the document ever had.
    pub number: u64,
    /// When it was committed.
    pub at: Timestamp,
    /// The file that holds it.
    pub path: Utf8PathBuf,
}

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "generation {} of {}", self.number, crate::iso_millis(self.at))
    }
}

impl Generation {
    fn name(&self) -> String {
        format!("{:06}.{}", self.number, compact(self.at))
    }
}

impl Backups {
    /// Generations in this folder, which belongs to one document alone.
    pub fn in_folder(folder: Utf8PathBuf) -> Backups {
        Backups { folder }
    }

    /// The folder.
    pub fn folder(&self) -> &Utf8Path {
        &self.folder
    }

    /// The generations that are kept, newest first. Files with other names are passed over.
    ///
    /// # Errors
    ///
    /// [`ReadError`] when the folder is there and cannot be listed.
    pub fn list(&self) -> Result<Vec<Generation>, ReadError> {
        let names = list_folder(&self.folder)?;
        let mut all: Vec<_> = names.iter().filter_map(|name| self.generation(name)).collect();
        all.sort_by_key(|generation| std::cmp::Reverse((generation.number, generation.at)));
        Ok(all)
    }

    /// Keeps `bytes` as the newest generation, unless they are it already (`None`), and lets go of those that
    /// are neither among the newest five nor the last of one of seven days.
    ///
    /// It is written whole but not synced: what it backs up is, and a generation that a power failure tore
    /// does not read back and is passed over for the one before it.
    ///
    /// # Errors
    ///
    /// [`WriteError`], or what kept the folder from being listed.
    pub fn keep(&self, bytes: &[u8], now: Timestamp) -> Result<Option<Generation>, BackupError> {
        let all = self.list()?;
        if let Some(newest) = all.first()
            && holds(&newest.path, bytes).unwrap_or(false)
        {
            return Ok(None);
        }
        self.keep_beside(all, bytes, now).map(Some)
    }

    /// [`Backups::keep`] for bytes that are known to differ from the newest generation.
    pub(crate) fn keep_changed(&self, bytes: &[u8], now: Timestamp) -> Result<Generation, BackupError> {
        self.keep_beside(self.list()?, bytes, now)
    }

    fn keep_beside(
        &self,
        mut all: Vec<Generation>,
        bytes: &[u8],
        now: Timestamp,
    ) -> Result<Generation, BackupError> {
        if all.is_empty() {
            ensure_dir(&self.folder)?;
        }
        let number = all.first().map_or(1, |newest| newest.number.saturating_add(1));
        let mut new = Generation { number, at: now, path: self.folder.clone() };
        new.path.push(new.name());
        all.insert(0, new.clone());
        let mut old = superfluous(&all, now);
        // Somebody who keeps one at the same moment without the lock has the same right to the number. One that
        // cannot be used again is no reason to keep none.
        if !old.pop().is_some_and(|oldest| reuse(&oldest.path, &new.path, bytes).unwrap_or(false)) {
            let _ = create_unsynced(&new.path, bytes)?;
            old = superfluous(&all, now);
        }
        for old in old {
            // One too many does no harm, and each commit tries again; a commit that failed for it would.
            let _ = remove_file(&old.path);
        }
        Ok(new)
    }

    fn generation(&self, name: &str) -> Option<Generation> {
        let (number, at) = name.split_once('.')?;
        // `+1` and `0000001` are numbers, too, and no names that we give.
        let is_ours = number.bytes().all(|b| b.is_ascii_digit())
            && (number.len() == 6 || (number.len() > 6 && !number.starts_with('0')));
        let number = number.parse().ok().filter(|_| is_ours)?;
        Some(Generation { number, at: parse_compact(at)?, path: self.folder.join(name) })
    }
}

/// Whether the file at `path` holds just these bytes. It is read only when it is as long as they are.
fn holds(path: &Utf8Path, bytes: &[u8]) -> Result<bool, ReadError> {
    let len = bytes.len() as u64;
    match open_for_reading(path)? {
        Some((file, meta)) if meta.len() == len => Ok(read_open(file, &meta, path, len)? == bytes),
        _ => Ok(false),
    }
}

/// Why a generation was not kept. Those that were there still are.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackupError {
    /// The others cannot be listed.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// It could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// Those of `all`, newest first, that no rule keeps.
fn superfluous(all: &[Generation], now: Timestamp) -> Vec<&Generation> {
    let day = |at: Timestamp| at.as_second().div_euclid(24 * 60 * 60);
    let mut days: Vec<i64> = Vec::new();
    let mut drop = Vec::new();
    for (rank, generation) in all.iter().enumerate() {
        let of = day(generation.at);
        let last_of_its_day = !days.contains(&of);
        days.push(of);
        if rank >= NEWEST && !(last_of_its_day && day(now) - of < DAYS) {
            drop.push(generation);
        }
    }
    drop
}

#[cfg(test)]
mod tests {
    use super::*;

    fn generations(ages_in_hours: &[i64]) -> Vec<Generation> {
        let at = |hours: &i64| now() - jiff::SignedDuration::from_hours(*hours);
        let number = |n: usize| (ages_in_hours.len() - n) as u64;
        let make = |(n, hours)| Generation { number: number(n), at: at(hours), path: "".into() };
        ages_in_hours.iter().enumerate().map(make).collect()
    }

    fn now() -> Timestamp {
        "2026-03-10T12:00:00Z".parse().expect("a time")
    }

    #[test]
    fn five_and_one_a_day_for_seven_days() {
        let dropped = |ages: &[i64]| -> Vec<u64> {
            superfluous(&generations(ages), now()).iter().map(|g| g.number).collect()
        };
        assert_eq!(dropped(&[]), [0; 0]);
        assert_eq!(dropped(&[0, 0, 0, 0, 0]), [0; 0]);
        assert_eq!(dropped(&[0, 0, 0, 0, 0, 0]), [1], "the sixth of one day");
        assert_eq!(dropped(&[0, 0, 0, 0, 1000]), [0; 0], "old, but one of the newest five");
        assert_eq!(dropped(&[0, 1, 2, 3, 4, 24, 48, 72, 96, 120, 144, 168]), [1], "the eighth day");
        assert_eq!(dropped(&[0, 1, 2, 3, 4, 24, 25, 26, 48]), [3, 2], "not the last of their day");
        assert_eq!(dropped(&[0, 1, 2, 3, 4, -48]), [0; 0], "of a clock that was ahead");
    }
}
