//! A file that is read as a whole, changed, and committed as a whole.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};

use crate::backup::{BackupError, Backups};
use crate::door::WriteError;
use crate::stage::stage_file;
use crate::{Lock, ReadError, Timestamp, read_file, remove_file};

/// No document is larger than this, in bytes.
pub(crate) const LIMIT: u64 = 16 << 20;

/// How often a document that changes under the reader is read before we believe what we see.
const READS: usize = 5;

/// So long after the first read the second one comes that tells damage from a write in place by somebody
/// else, an editor for one, between its truncation and its last byte.
const SETTLED: Duration = Duration::from_millis(10);

/// How a value becomes bytes and back.
pub trait Format {
    /// What the document holds.
    type Value;

    /// Reads the value. Entries that are bad by themselves are listed and left out of the value only if
    /// [`Format::render`] writes them back.
    ///
    /// # Errors
    ///
    /// [`Fault`] when the document as a whole cannot be used.
    fn parse(&self, bytes: &[u8]) -> Result<Parsed<Self::Value>, Fault>;

    /// Writes the value.
    fn render(&self, value: &Self::Value) -> Vec<u8>;

    /// Refuses `bytes`, rendered from `value`, when they would not read back. A format that can tell this
    /// from the value for less than the price of reading it may; it must be no laxer than reading.
    ///
    /// # Errors
    ///
    /// [`Fault`] that [`Format::parse`] would find.
    fn validate(&self, value: &Self::Value, bytes: &[u8]) -> Result<(), Fault> {
        let _ = value;
        self.parse(bytes).map(drop)
    }
}

/// A value and what was wrong beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parsed<T> {
    /// The value.
    pub value: T,
    /// Entries that could not be used.
    pub bad: Vec<BadEntry>,
}

impl<T> Parsed<T> {
    /// A value with nothing wrong beside it.
    pub fn whole(value: T) -> Parsed<T> {
        Parsed { value, bad: Vec::new() }
    }
}

/// One entry of a document that could not be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadEntry {
    /// Where it stands, as a JSON pointer (RFC 6901).
    pub pointer: String,
    /// Why it cannot be used.
    pub reason: String,
}

/// Why the bytes of a document cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// They are damaged.
    Corrupt {
        /// In which way.
        corruption: Corruption,
        /// Where and why, for people.
        reason: String,
    },
    /// They are of a schema that we do not know yet.
    Newer {
        /// The schema found.
        found: u64,
        /// The newest that we know.
        known: u64,
    },
}

impl Fault {
    /// The fault of bytes that `serde_json` refused: syntax, or shape where the syntax is right.
    pub fn syntax(error: &serde_json::Error) -> Fault {
        let corruption = match error.classify() {
            serde_json::error::Category::Data => Corruption::Shape,
            _ => Corruption::Syntax,
        };
        Fault::Corrupt { corruption, reason: error.to_string() }
    }

    /// The fault of a document whose parts are not what they should be.
    pub fn shape(reason: impl Into<String>) -> Fault {
        Fault::Corrupt { corruption: Corruption::Shape, reason: reason.into() }
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Fault::Corrupt { reason, .. } => f.write_str(reason),
            Fault::Newer { found, known } => {
                write!(f, "schema {found}, and this version knows up to {known}")
            }
        }
    }
}

/// In which way a document is damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Corruption {
    /// No byte, or only white space and NULs.
    Empty,
    /// Not UTF-8.
    Encoding,
    /// Not the syntax of the format.
    Syntax,
    /// The right syntax, but not what the document must hold.
    Shape,
    /// Larger than a document may be.
    TooLarge,
    /// A version control system left its conflict marks in it.
    MergeConflict,
}

/// What was found at a document's path.
#[derive(Debug)]
pub enum Reading<T> {
    /// Nothing, and there never was.
    Fresh,
    /// Nothing, but it was there once.
    Vanished,
    /// The whole document.
    Present(T),
    /// The document without some entries that are bad.
    Partial(T, Vec<BadEntry>),
    /// Damaged, twice the same.
    Corrupt {
        /// In which way.
        corruption: Corruption,
        /// Where and why, for people.
        reason: String,
    },
    /// From a schema that we do not know yet.
    Newer {
        /// The schema found.
        found: u64,
        /// The newest that we know.
        known: u64,
    },
    /// Not readable: permission, kind of file, I/O.
    Unreadable(ReadError),
}

/// Why a document cannot be used. It is as it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StateFault {
    /// It was there once.
    #[error("{path} is gone, although it was there once")]
    Vanished {
        /// The document.
        path: Utf8PathBuf,
    },
    /// It is damaged.
    #[error("{path} is damaged: {reason}")]
    Corrupt {
        /// The document.
        path: Utf8PathBuf,
        /// In which way.
        corruption: Corruption,
        /// Where and why.
        reason: String,
    },
    /// It is of a newer schema than we know.
    #[error("{path} is of schema {found}, and this version knows up to {known}")]
    Newer {
        /// The document.
        path: Utf8PathBuf,
        /// The schema found.
        found: u64,
        /// The newest that we know.
        known: u64,
    },
    /// It cannot be read.
    #[error(transparent)]
    Unreadable(#[from] ReadError),
}

/// Why a commit did not happen. The document is as it was, save where [`replace_file`](crate::replace_file) says
/// otherwise.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CommitError {
    /// What was to be written does not read back as a document.
    #[error("refusing to write {path}: it would not read back ({reason})")]
    Invalid {
        /// The document.
        path: Utf8PathBuf,
        /// Why it would not.
        reason: String,
    },
    /// It could not be backed up.
    #[error("{path} is left as it was, because it cannot be backed up")]
    Backup {
        /// The document.
        path: Utf8PathBuf,
        /// Why it cannot.
        #[source]
        source: BackupError,
    },
    /// It could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// A document at a path.
pub struct Document<F: Format> {
    path: Utf8PathBuf,
    backups: Option<(Backups, Absence)>,
    format: F,
    /// What was last written here: as long as the same bytes stand there, they need not be parsed again.
    written: Mutex<Option<(Vec<u8>, F::Value)>>,
}

impl<F: Format + Clone> Clone for Document<F> {
    fn clone(&self) -> Document<F> {
        let Document { path, backups, format, .. } = self;
        let (path, backups, format) = (path.clone(), backups.clone(), format.clone());
        Document { path, backups, format, written: Mutex::default() }
    }
}

impl<F: Format> std::fmt::Debug for Document<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Document").field("path", &self.path).finish_non_exhaustive()
    }
}

/// What it means when a document that has generations is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absence {
    /// It was lost: [`Reading::Vanished`].
    Loss,
    /// Somebody took it away, or it stood elsewhere: [`Reading::Fresh`].
    Removal,
}

impl<F: Format> Document<F> {
    /// The document at `path`. Without backups it is [`Reading::Fresh`] whenever it is not there.
    pub fn new(path: Utf8PathBuf, format: F) -> Document<F> {
        Document { path, backups: None, format, written: Mutex::default() }
    }

    /// Keeps the generations of the document; `absence` says what it means when there is one, and the
    /// document is not there.
    #[must_use = "this returns the document that is backed up"]
    pub fn backed_up(self, backups: Backups, absence: Absence) -> Document<F> {
        Document { backups: Some((backups, absence)), ..self }
    }

    /// Where it is.
    pub fn path(&self) -> &Utf8Path {
        &self.path
    }

    /// Where its generations are kept, if they are.
    pub fn backups(&self) -> Option<&Backups> {
        self.backups.as_ref().map(|(backups, _)| backups)
    }

    /// Reads it. Damage is believed only when two reads in a row give the same bytes.
    pub fn read(&self) -> Reading<F::Value> {
        let mut before: Option<Vec<u8>> = None;
        for _ in 0..READS {
            let bytes = match read_file(&self.path, LIMIT) {
                Ok(Some(bytes)) => bytes,
                Ok(None) => return self.absent(),
                Err(ReadError::TooLarge { limit, .. }) => {
                    let reason = format!("larger than {limit} bytes");
                    return Reading::Corrupt { corruption: Corruption::TooLarge, reason };
                }
                Err(e) => return Reading::Unreadable(e),
            };
            match self.parse(&bytes) {
                Ok(Parsed { value, bad }) if bad.is_empty() => return Reading::Present(value),
                Ok(Parsed { value, bad }) => return Reading::Partial(value, bad),
                Err(Fault::Newer { found, known }) => return Reading::Newer { found, known },
                Err(Fault::Corrupt { corruption, reason }) if before.as_ref() == Some(&bytes) => {
                    return Reading::Corrupt { corruption, reason };
                }
                Err(Fault::Corrupt { .. }) => {
                    before = Some(bytes);
                    std::thread::sleep(SETTLED);
                }
            }
        }
        let source = std::io::Error::other("it keeps changing while it is read");
        Reading::Unreadable(ReadError::Io { path: self.path.clone(), source })
    }

    /// Reads it for a change. `lock` is the proof that nobody else changes it meanwhile.
    ///
    /// # Errors
    ///
    /// [`StateFault`] when what stands there gives no right to replace it.
    pub fn edit<'a>(&'a self, lock: &'a Lock) -> Result<Edit<'a, F>, StateFault> {
        // A panic of somebody else in between took it with it, and left nothing behind.
        let written = self.written.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some((bytes, value)) = written
            && read_file(&self.path, LIMIT).is_ok_and(|there| there.as_ref() == Some(&bytes))
        {
            return Ok(Edit { document: self, lock, value: Some(value), bad: Vec::new(), kept: Some(bytes) });
        }
        let (value, bad) = self.usable(self.read())?;
        Ok(Edit { document: self, lock, value, bad, kept: None })
    }

    /// The value of a reading that can be used (`None`: never written) and the entries that cannot.
    ///
    /// # Errors
    ///
    /// [`StateFault`] for every other reading.
    pub fn usable(
        &self,
        reading: Reading<F::Value>,
    ) -> Result<(Option<F::Value>, Vec<BadEntry>), StateFault> {
        let path = self.path.clone();
        match reading {
            Reading::Fresh => Ok((None, Vec::new())),
            Reading::Present(value) => Ok((Some(value), Vec::new())),
            Reading::Partial(value, bad) => Ok((Some(value), bad)),
            Reading::Vanished => Err(StateFault::Vanished { path }),
            Reading::Corrupt { corruption, reason } => Err(StateFault::Corrupt { path, corruption, reason }),
            Reading::Newer { found, known } => Err(StateFault::Newer { path, found, known }),
            Reading::Unreadable(e) => Err(e.into()),
        }
    }

    fn absent(&self) -> Reading<F::Value> {
        let Some((backups, Absence::Loss)) = &self.backups else { return Reading::Fresh };
        match backups.list() {
            Ok(generations) if generations.is_empty() => Reading::Fresh,
            Ok(_) => Reading::Vanished,
            // Whether it was there once cannot be told, and so neither that it never was.
            Err(e) => Reading::Unreadable(e),
        }
    }

    /// Reads bytes as they would be read at the document's path.
    ///
    /// # Errors
    ///
    /// [`Fault`].
    pub fn parse(&self, bytes: &[u8]) -> Result<Parsed<F::Value>, Fault> {
        explained(bytes, |bytes| self.format.parse(bytes))
    }
}

/// What `judge` says of bytes that are text, with the faults that every text format shares.
fn explained<T>(bytes: &[u8], judge: impl FnOnce(&[u8]) -> Result<T, Fault>) -> Result<T, Fault> {
    let corrupt = |corruption, reason: &str| Err(Fault::Corrupt { corruption, reason: reason.to_owned() });
    if bytes.iter().all(|b| *b == 0 || b.is_ascii_whitespace()) {
        return corrupt(Corruption::Empty, "there is nothing in it");
    }
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(e) => {
            return corrupt(Corruption::Encoding, &format!("not UTF-8 from byte {}", e.valid_up_to()));
        }
    };
    judge(bytes).map_err(|fault| match fault {
        Fault::Corrupt { corruption: Corruption::Syntax, reason }
            if text.lines().any(|l| l.starts_with("<<<<<<< ")) =>
        {
            Fault::Corrupt {
                corruption: Corruption::MergeConflict,
                reason: format!("a merge conflict ({reason})"),
            }
        }
        other => other,
    })
}

/// The right to replace a document, together with what it held.
#[must_use = "nothing is written before `commit`"]
#[derive(Debug)]
pub struct Edit<'a, F: Format> {
    document: &'a Document<F>,
    lock: &'a Lock,
    value: Option<F::Value>,
    bad: Vec<BadEntry>,
    /// The bytes that stand there, when we wrote them: they are the newest generation.
    kept: Option<Vec<u8>>,
}

impl<F: Format> Edit<'_, F> {
    /// What the document held; `None` when it was never written.
    pub fn value(&self) -> Option<&F::Value> {
        self.value.as_ref()
    }

    /// What the document held, to be changed and committed.
    pub fn take_value(&mut self) -> Option<F::Value> {
        self.value.take()
    }

    /// The entries that could not be used.
    pub fn bad(&self) -> &[BadEntry] {
        &self.bad
    }

    /// Replaces the document, once what is written is among its backups.
    ///
    /// # Errors
    ///
    /// [`CommitError`]; the document is as it was then.
    pub fn commit(self, value: F::Value) -> Result<(), CommitError> {
        let bytes = self.document.put(self.lock, &value, self.kept.as_deref())?;
        // What was bad beside the value when it was read may be good now.
        if self.bad.is_empty() {
            *self.document.written.lock().unwrap_or_else(PoisonError::into_inner) = Some((bytes, value));
        }
        Ok(())
    }
}

impl<F: Format> Document<F> {
    /// The bytes that would be written.
    pub fn rendered(&self, value: &F::Value) -> Vec<u8> {
        self.format.render(value)
    }

    /// Writes the document, whatever stands there, and says which bytes it is now. `_lock` is the proof that
    /// nobody else does; `kept` are the bytes of the newest generation, where they are known.
    pub(crate) fn put(
        &self,
        _lock: &Lock,
        value: &F::Value,
        kept: Option<&[u8]>,
    ) -> Result<Vec<u8>, CommitError> {
        let bytes = self.rendered(value);
        if bytes.len() as u64 > LIMIT {
            let reason = format!("it has {} bytes, and at most {LIMIT} are read", bytes.len());
            return Err(CommitError::Invalid { path: self.path.clone(), reason });
        }
        if let Err(fault) = explained(&bytes, |bytes| self.format.validate(value, bytes)) {
            return Err(CommitError::Invalid { path: self.path.clone(), reason: fault.to_string() });
        }
        let staged = stage_file(&self.path, &bytes)?;
        // First the backup: a commit that is acknowledged has one. A crash in between leaves a generation
        // more than there were commits, which is the state that was about to be.
        let now = Timestamp::now();
        let keep = |backups: &Backups| match kept {
            Some(kept) if kept != bytes => backups.keep_changed(&bytes, now).map(Some),
            _ => backups.keep(&bytes, now),
        };
        let new = self.backups().map(keep).transpose();
        let new = new.map_err(|source| CommitError::Backup { path: self.path.clone(), source })?.flatten();
        let replaced = staged.put_in_place(&self.path);
        if let (Err(_), Some(generation)) = (&replaced, new)
            && !read_file(&self.path, LIMIT).is_ok_and(|there| there.as_ref() == Some(&bytes))
        {
            // It never was one. Where it cannot be removed either, it is the state that was about to be.
            let _ = remove_file(&generation.path);
        }
        replaced?;
        Ok(bytes)
    }
}
