//! What could not be read, moved out of the way and kept for people.

use std::os::unix::fs::MetadataExt;

use camino::{Utf8Path, Utf8PathBuf};
use jiff::{SignedDuration, Timestamp};

use crate::door::WriteError;
use crate::file::{create_file, ensure_dir, link_file, list_folder, read_file, remove_file, sync_folder};
use crate::time::{compact, parse_compact};
use crate::{Creation, ReadError};

/// So many pieces are kept of one name.
const PER_NAME: usize = 5;
/// And no longer than this.
const DAYS: i64 = 14;
/// And no more bytes than this in all; the newest piece is kept even if it alone has more.
const BYTES: u64 = 64 << 20;
/// The third piece of one name within this time is one too many: something damages the file again and
/// again, and to mend it each time would only hide that.
const WINDOW: SignedDuration = SignedDuration::from_hours(24);
const TOO_MANY: usize = 3;

/// A folder of files that could not be read.
///
/// A piece is named `<name>.<time>`, after the file that it was and when it came here.
#[derive(Debug, Clone)]
pub struct Quarantine {
    folder: Utf8PathBuf,
}

/// A piece in quarantine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// The name of the file that it was.
    pub name: String,
    /// When it came here.
    pub at: Timestamp,
    /// Where it is.
    pub path: Utf8PathBuf,
    /// How large it is, in bytes.
    pub bytes: u64,
}

/// Why nothing was put into quarantine. What was to be put there is where it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum QuarantineError {
    /// The breaker: it would be the third piece of one name in 24 hours.
    #[error("{name} was found damaged {times} times in 24 hours, so it is not mended by itself any more")]
    TooOften {
        /// The name.
        name: String,
        /// How often, this time included.
        times: usize,
    },
    /// The quarantine, or what was to be put there, cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// It cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// Whether the breaker counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Breaker {
    /// For what a program does by itself.
    Obeyed,
    /// For what a person asked for.
    Overruled,
}

impl Quarantine {
    /// A quarantine in this folder, which is made when it is needed.
    pub fn in_folder(folder: Utf8PathBuf) -> Quarantine {
        Quarantine { folder }
    }

    /// The folder.
    pub fn folder(&self) -> &Utf8Path {
        &self.folder
    }

    /// What is in it, newest first. Files with other names are passed over.
    ///
    /// # Errors
    ///
    /// [`ReadError`] when the folder is there and cannot be listed.
    pub fn list(&self) -> Result<Vec<Piece>, ReadError> {
        let mut all = Vec::new();
        for file in list_folder(&self.folder)? {
            let Some((name, at)) = file.rsplit_once('.') else { continue };
            let Some(at) = parse_compact(at.split('-').next().unwrap_or(at)) else { continue };
            let path = self.folder.join(&file);
            // One that went meanwhile is not there.
            let Ok(meta) = path.symlink_metadata() else { continue };
            all.push(Piece { name: name.to_owned(), at, path, bytes: meta.len() });
        }
        all.sort_by(|a, b| b.at.cmp(&a.at).then_with(|| b.path.cmp(&a.path)));
        Ok(all)
    }

    /// Moves the file at `path` here and says where it is now; its name counts for the breaker.
    ///
    /// # Errors
    ///
    /// [`QuarantineError`]; the file is where it was then.
    pub fn take(
        &self,
        path: &Utf8Path,
        breaker: Breaker,
        now: Timestamp,
    ) -> Result<Utf8PathBuf, QuarantineError> {
        let kept = self.keep(path, breaker, now)?;
        remove_file(path)?;
        Ok(kept)
    }

    /// Keeps the file at `path`, which stays where it is, and says where it is kept. A file that somebody
    /// began to mend, and did not, is kept and counted once.
    ///
    /// # Errors
    ///
    /// [`QuarantineError`].
    pub(crate) fn keep(
        &self,
        path: &Utf8Path,
        breaker: Breaker,
        now: Timestamp,
    ) -> Result<Utf8PathBuf, QuarantineError> {
        if let Some(kept) = self.link_to(path)? {
            return Ok(kept);
        }
        let name = path.file_name().unwrap_or("file");
        self.admit(name, breaker, now)?;
        let mut to = self.free_path(name, now);
        while link_or_copy(path, &to)? == Creation::AlreadyThere {
            to = self.free_path(name, now);
        }
        sync_folder(&to)?;
        self.keep_within_limits(now)?;
        Ok(to)
    }

    /// Keeps `bytes`, which were part of the file `name`, and says where.
    ///
    /// # Errors
    ///
    /// [`QuarantineError`]; nothing was kept then.
    pub fn put(
        &self,
        name: &str,
        bytes: &[u8],
        breaker: Breaker,
        now: Timestamp,
    ) -> Result<Utf8PathBuf, QuarantineError> {
        self.admit(name, breaker, now)?;
        let mut to = self.free_path(name, now);
        while create_file(&to, bytes)? == Creation::AlreadyThere {
            to = self.free_path(name, now);
        }
        self.keep_within_limits(now)?;
        Ok(to)
    }

    /// Lets nobody in who comes too often.
    fn admit(&self, name: &str, breaker: Breaker, now: Timestamp) -> Result<(), QuarantineError> {
        // A piece from a time that is to come is of a clock that was ahead.
        let recent = |piece: &&Piece| piece.name == name && now.duration_since(piece.at).abs() < WINDOW;
        let times = self.list()?.iter().filter(recent).count() + 1;
        if breaker == Breaker::Obeyed && times >= TOO_MANY {
            return Err(QuarantineError::TooOften { name: name.to_owned(), times });
        }
        Ok(ensure_dir(&self.folder)?)
    }

    fn free_path(&self, name: &str, now: Timestamp) -> Utf8PathBuf {
        let stem = self.folder.join(format!("{name}.{}", compact(now)));
        let numbered = (2..).map(|n| Utf8PathBuf::from(format!("{stem}-{n}")));
        let free = |path: &Utf8PathBuf| path.symlink_metadata().is_err();
        [stem.clone()].into_iter().chain(numbered).find(free).expect("the numbers do not end")
    }

    /// The piece that is the very file at `path`.
    fn link_to(&self, path: &Utf8Path) -> Result<Option<Utf8PathBuf>, ReadError> {
        let Ok(meta) = path.symlink_metadata() else { return Ok(None) };
        let same = |piece: &Piece| {
            let of_piece = piece.path.symlink_metadata();
            of_piece.is_ok_and(|of_piece| (of_piece.dev(), of_piece.ino()) == (meta.dev(), meta.ino()))
        };
        Ok(self.list()?.into_iter().find(same).map(|piece| piece.path))
    }

    fn keep_within_limits(&self, now: Timestamp) -> Result<(), QuarantineError> {
        for piece in superfluous(&self.list()?, now) {
            // One too many does no harm, and the next one tries again.
            let _ = remove_file(&piece.path);
        }
        Ok(())
    }
}

/// Makes `to` the same as the file at `from`, unless something is there.
fn link_or_copy(from: &Utf8Path, to: &Utf8Path) -> Result<Creation, QuarantineError> {
    match link_file(from, to) {
        // Another file system, or one without links. A copy that fails, too, tells why.
        Err(refused @ WriteError::Io { .. }) => match read_file(from, BYTES)? {
            Some(bytes) => Ok(create_file(to, &bytes)?),
            None => Err(refused.into()),
        },
        linked => Ok(linked?),
    }
}

/// Those of `all`, newest first, that are over a limit.
fn superfluous(all: &[Piece], now: Timestamp) -> Vec<&Piece> {
    let (mut kept, mut drop): (Vec<&Piece>, Vec<&Piece>) = (Vec::new(), Vec::new());
    for piece in all {
        let of_its_name = kept.iter().filter(|other| other.name == piece.name).count();
        let bytes = kept.iter().map(|other| other.bytes).sum::<u64>().saturating_add(piece.bytes);
        let old = now.duration_since(piece.at) >= SignedDuration::from_hours(24 * DAYS);
        let fits = of_its_name < PER_NAME && !old && bytes <= BYTES;
        if fits || kept.is_empty() { kept.push(piece) } else { drop.push(piece) }
    }
    drop
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_of_a_name_fourteen_days_and_a_budget() {
        let now: Timestamp = "2026-03-20T12:00:00Z".parse().expect("a time");
        let piece = |name: &str, days: i64, bytes: u64| Piece {
            name: name.to_owned(),
            at: now - SignedDuration::from_hours(24 * days),
            path: Utf8PathBuf::from(format!("{name}-{days}-{bytes}")),
            bytes,
        };
        let dropped = |all: &[Piece]| -> Vec<String> {
            superfluous(all, now).iter().map(|p| p.path.to_string()).collect()
        };
        let six: Vec<_> = (0..6).map(|n| piece("a", n, 1)).collect();
        assert_eq!(dropped(&six), ["a-5-1"]);
        assert_eq!(dropped(&[piece("a", 0, 1), piece("b", 13, 1), piece("b", 14, 1)]), ["b-14-1"]);
        assert_eq!(dropped(&[piece("a", 20, BYTES * 2)]), [""; 0], "the newest stays, whatever it is");
        let (half, more) = (BYTES / 2, BYTES / 2 + 1);
        assert_eq!(
            dropped(&[piece("a", 0, half), piece("b", 1, more), piece("c", 2, half)]),
            [format!("b-1-{more}")]
        );
    }
}
