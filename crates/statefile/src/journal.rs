//! Append-only files of log lines, shared by several processes.

use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};

use camino::{Utf8Path, Utf8PathBuf};
use rustix::fs::{Mode, OFlags};

use crate::door::{self, WriteError};
use crate::file::{kind, open_for_reading, read_open, sync_folder};
use crate::step::{self, Deed};
use crate::{Entry, Line, Lock, ReadError, Wait, ensure_dir, rename_file};

/// No generation of a journal is read beyond this, in bytes: far above any sensible rotation size.
const READ_LIMIT: u64 = 256 << 20;

/// How much of a journal is read at once when it is read from its end, in bytes.
const PIECE: u64 = 16 << 10;

/// A journal and its rotation.
#[derive(Debug, Clone)]
pub struct Journal {
    path: Utf8PathBuf,
    rotation: Option<Rotation>,
}

#[derive(Debug, Clone, Copy)]
struct Rotation {
    max_bytes: u64,
    keep: u32,
}

/// What stands in a journal.
#[derive(Debug, Clone, Default)]
pub struct JournalRead {
    /// The lines, oldest generation first.
    pub entries: Vec<Entry>,
    /// Lines that are torn or not ours, counted and passed over.
    pub unreadable_lines: u64,
}

impl JournalRead {
    pub(crate) fn take(&mut self, bytes: &[u8]) {
        for line in bytes.split_inclusive(|b| *b == b'\n') {
            // Without its newline a line may be a part of one: it is torn, or still being written.
            let Some(text) = line.strip_suffix(b"\n").map(String::from_utf8_lossy) else {
                self.unreadable_lines += 1;
                continue;
            };
            match Entry::parse(&text) {
                Ok(entry) => self.entries.push(entry),
                // A tail that looked torn was that of a line on its way, and was whole when ours came.
                Err(_) if text.is_empty() || text == TORN.trim_end_matches('\n') => {}
                Err(_) => self.unreadable_lines += 1,
            }
        }
    }
}

impl Journal {
    /// The journal at `path`, which never rotates.
    pub fn new(path: Utf8PathBuf) -> Journal {
        Journal { path, rotation: None }
    }

    /// Rotates before a line that would take the file over `max_bytes`, keeping `keep` older generations
    /// as `<path>.1` (newest) to `<path>.<keep>`.
    #[must_use = "this returns the journal that rotates"]
    pub fn rotated(mut self, max_bytes: u64, keep: u32) -> Journal {
        self.rotation = Some(Rotation { max_bytes, keep });
        self
    }

    /// Where it is.
    pub fn path(&self) -> &Utf8Path {
        &self.path
    }

    /// Appends one line with one `write(2)` and syncs it; makes the folder when it is not there. A torn
    /// last line of somebody else is ended first, so that ours stands alone, and marked, so that a part of
    /// a line is never taken for a whole one.
    ///
    /// # Errors
    ///
    /// [`WriteError`]. After [`WriteError::Short`] a torn line may stand in the file; when all that failed was
    /// a sync, the line stands there, and a power failure may take it back.
    pub fn append(&self, line: &Line) -> Result<(), WriteError> {
        door::check(&self.path)?;
        let mut text = line.render();
        text.push('\n');
        if let Some(rotation) = self.rotation {
            self.rotate_for(text.len() as u64, rotation)?;
        }
        if let Some(folder) = self.path.parent() {
            ensure_dir(folder)?;
        }
        let file = self.open()?;
        let tail = tail(&file).map_err(WriteError::io("read the end of", &self.path))?;
        if tail == Tail::Torn {
            text.insert_str(0, TORN);
        }
        let written = step::write(&file, text.as_bytes(), &self.path)
            .map_err(WriteError::io("append to", &self.path))?;
        if written < text.len() {
            return Err(WriteError::Short { path: self.path.clone(), written, len: text.len() });
        }
        step::before(Deed::Sync, &self.path)
            .and_then(|()| file.sync_data())
            .map_err(WriteError::io("sync", &self.path))?;
        // The name of a new file is not on the disk by the sync of its bytes.
        if tail == Tail::None { sync_folder(&self.path) } else { Ok(()) }
    }

    /// Reads every generation. A journal that is not there has no lines.
    ///
    /// # Errors
    ///
    /// [`ReadError`] when a generation is there and cannot be read.
    pub fn read(&self) -> Result<JournalRead, ReadError> {
        // All are opened before one is read, the newest first: a rotation meanwhile moves a file from the
        // part that is still to be opened to no other, so no line is missed, and what is met twice is known.
        let mut open = Vec::new();
        let mut met = Vec::new();
        for path in self.files() {
            let Some((file, meta)) = open_for_reading(&path)? else { continue };
            if !met.contains(&(meta.dev(), meta.ino())) {
                met.push((meta.dev(), meta.ino()));
                open.push((path, file, meta));
            }
        }
        let mut read = JournalRead::default();
        for (path, file, meta) in open.into_iter().rev() {
            read.take(&read_open(file, &meta, &path, READ_LIMIT)?);
        }
        Ok(read)
    }

    /// The last line of this kind, whichever generation it is in. No more is read than it takes to find it, and
    /// little of it is in memory at a time; lines that a rotation moves meanwhile may be met twice.
    ///
    /// # Errors
    ///
    /// [`ReadError`] when a generation that has to be looked at is there and cannot be read.
    pub fn find_last(&self, mut wanted: impl FnMut(&Entry) -> bool) -> Result<Option<Entry>, ReadError> {
        // The newest first: a rotation meanwhile moves lines to where we are still to look, or shows them twice.
        for path in self.files() {
            let Some((file, meta)) = open_for_reading(&path)? else { continue };
            if meta.len() > READ_LIMIT {
                return Err(ReadError::TooLarge { path, limit: READ_LIMIT });
            }
            let found = find_last_line(&file, meta.len(), |line| {
                Entry::parse(&String::from_utf8_lossy(line)).ok().filter(&mut wanted)
            });
            if let Some(entry) = found.map_err(|source| ReadError::Io { path, source })? {
                return Ok(Some(entry));
            }
        }
        Ok(None)
    }

    /// Where its lines may be, the newest first.
    fn files(&self) -> impl Iterator<Item = Utf8PathBuf> {
        let older = (1..=self.rotation.map_or(0, |r| r.keep)).map(|n| self.generation(n));
        std::iter::once(self.path.clone()).chain(older)
    }

    fn generation(&self, n: u32) -> Utf8PathBuf {
        Utf8PathBuf::from(format!("{}.{n}", self.path))
    }

    fn open(&self) -> Result<File, WriteError> {
        let flags = OFlags::RDWR
            | OFlags::APPEND
            | OFlags::CREATE
            | OFlags::NOFOLLOW
            | OFlags::NONBLOCK
            | OFlags::CLOEXEC;
        let file = step::before(Deed::Open, &self.path)
            .and_then(|()| Ok(rustix::fs::open(self.path.as_std_path(), flags, Mode::RUSR | Mode::WUSR)?))
            .map(File::from)
            .map_err(WriteError::io("open", &self.path))?;
        let meta = file.metadata().map_err(WriteError::io("look at", &self.path))?;
        if !meta.is_file() {
            let found = kind(meta.file_type());
            return Err(WriteError::WrongKind { path: self.path.clone(), found, wanted: "a journal" });
        }
        Ok(file)
    }

    /// Moves the generations on when `len` more bytes do not fit. A writer that opened the file before
    /// finishes its line in the generation it opened; nothing is lost by that.
    fn rotate_for(&self, len: u64, rotation: Rotation) -> Result<(), WriteError> {
        let full =
            || self.path.metadata().is_ok_and(|meta| meta.len() > 0 && meta.len() + len > rotation.max_bytes);
        if !full() {
            return Ok(());
        }
        let lock = Utf8PathBuf::from(format!("{}.lock", self.path));
        let Ok(_lock) = Lock::acquire(&lock, Wait::default(), "log rotation") else {
            // Whoever holds it rotates; a line in an overlong file is better than a line lost.
            return Ok(());
        };
        if !full() {
            return Ok(());
        }
        // Up to the first gap only: a rotation that was cut off left one, and nothing beyond has to move.
        let gap = (1..rotation.keep).find(|n| !self.generation(*n).exists()).unwrap_or(rotation.keep);
        for n in (1..gap).rev() {
            rename_file(&self.generation(n), &self.generation(n + 1))?;
        }
        match rotation.keep {
            0 => crate::remove_file(&self.path).map(|_| ()),
            _ => rename_file(&self.path, &self.generation(1)),
        }
    }
}

/// What `find` makes of the last of the first `len` bytes' whole lines of which it makes something. The file
/// is read from its end, piece by piece: what is kept in memory is a piece and the longest line.
fn find_last_line<T>(
    file: &File,
    len: u64,
    mut find: impl FnMut(&[u8]) -> Option<T>,
) -> io::Result<Option<T>> {
    let mut start = len;
    // The bytes from `start` on that belong to no line we have seen.
    let mut rest = Vec::new();
    // What follows the last newline may be a part of a line.
    let mut whole = false;
    while start > 0 {
        // As much as there is already, or an endless line would be copied once for each piece of it.
        let piece = start.min(PIECE.max(rest.len() as u64));
        start -= piece;
        let mut bytes = vec![0; usize::try_from(piece).expect("a piece of what fits into memory")];
        file.read_exact_at(&mut bytes, start)?;
        bytes.append(&mut rest);
        while let Some(newline) = bytes.iter().rposition(|b| *b == b'\n') {
            if whole && let Some(found) = find(&bytes[newline + 1..]) {
                return Ok(Some(found));
            }
            whole = true;
            bytes.truncate(newline);
        }
        rest = bytes;
    }
    Ok(if whole { find(&rest) } else { None })
}

/// Ends a torn line: a word without `=` makes it unreadable, wherever it was torn.
const TORN: &str = " torn\n";

/// How a journal ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tail {
    /// There is nothing in it.
    None,
    /// With a whole line.
    Whole,
    /// With a part of one.
    Torn,
}

fn tail(file: &File) -> io::Result<Tail> {
    let len = file.metadata()?.len();
    if len == 0 {
        return Ok(Tail::None);
    }
    let mut last = [0u8];
    file.read_exact_at(&mut last, len - 1)?;
    Ok(if last == *b"\n" { Tail::Whole } else { Tail::Torn })
}
