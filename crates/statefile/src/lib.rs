//! How bytes get to disk and back.
//!
//! **What it is.** The one place that reads and writes state: single files ([`read_file`],
//! [`replace_file`], [`create_file`]), JSON-like *documents* that are read, changed and committed under
//! a lock ([`Document`]), append-only *journals* of [logfmt] lines ([`Journal`]), and kernel [`Lock`]s.
//!
//! **What it is not.** A database, and not specific to any program: it knows nothing of the meaning of
//! what it stores. It has no async API and no global state, save one switch for test hosts
//! ([`forbid_writes_under`]).
//!
//! # Theory of operation
//!
//! *Reading* never blocks (a FIFO or a device in place of a file is an error, not a hang) and is bounded
//! in size. What is found at a document's path is one of seven [`Reading`]s, because missing is not
//! empty, empty is not corrupt, and none of them is "from a newer version". A document counts as corrupt
//! only after two identical reads.
//!
//! *The right to write is a type.* [`Document::edit`] wants proof of a held [`Lock`], reads again, and
//! gives an [`Edit`] only when what was read may be replaced; "failed to read, then saved" cannot be
//! written down. [`Edit::commit`] validates what it is about to write by parsing it, then writes a
//! temporary file beside the target, syncs it, renames it over the target and syncs the folder.
//!
//! *Locks* are kernel locks (`flock(2)` through the standard library) on files that are never deleted;
//! what stands in a lock file is for people and says who holds it. [`HeldLocks`] tells who holds one without
//! taking it.
//!
//! *Journals* append each line with one `write(2)` to a file opened with `O_APPEND`, so that writers in
//! several processes do not mix; a torn tail is closed by the next writer and counted by readers.
//!
//! Files are made 0600 and folders 0700; [`rewrite_file`] keeps the permissions of a file that is somebody
//! else's. A symbolic link is followed when reading and refused when writing.
//!
//! # Limitations
//!
//! Locks are advisory and do not work across hosts on network file systems. There are no backups and no
//! quarantine yet: a corrupt document is reported and left as it is. Durability is that of `fsync(2)`;
//! on macOS the standard library uses `F_FULLFSYNC`. This crate has never been run on macOS.
//!
//! # Example
//!
//! ```
//! use iapeer_statefile::{Document, Fault, Format, Lock, Parsed, Reading, Wait};
//!
//! struct Number;
//! impl Format for Number {
//!     type Value = u32;
//!     fn parse(&self, bytes: &[u8]) -> Result<Parsed<u32>, Fault> {
//!         serde_json::from_slice(bytes).map(Parsed::whole).map_err(|e| Fault::syntax(&e))
//!     }
//!     fn render(&self, value: &u32) -> Vec<u8> {
//!         format!("{value}\n").into_bytes()
//!     }
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let folder = tempfile::tempdir()?;
//! let folder = camino::Utf8Path::from_path(folder.path()).ok_or("a UTF-8 path")?;
//! let document = Document::new(folder.join("number.json"), Number).remembered_by(folder.join("number.lock"));
//! assert!(matches!(document.read(), Reading::Fresh));
//!
//! let lock = Lock::acquire(&folder.join("number.lock"), Wait::default(), "the example")?;
//! let edit = document.edit(&lock)?;
//! let next = edit.value().copied().unwrap_or(0) + 1;
//! edit.commit(&next)?;
//! assert!(matches!(document.read(), Reading::Present(1)));
//! # Ok(())
//! # }
//! ```
//!
//! [logfmt]: https://brandur.org/logfmt

#![forbid(unsafe_code)]

mod causes;
mod document;
mod door;
mod file;
mod held;
mod journal;
mod lock;
mod logfmt;
mod time;

pub use causes::with_causes;
pub use document::{
    BadEntry, CommitError, Corruption, Document, Edit, Fault, Format, Parsed, Reading, StateFault,
};
pub use door::{WriteError, forbid_writes_under};
pub use file::{
    Creation, ReadError, Removal, claim_file, create_file, ensure_dir, make_dir, read_file,
    remove_dir_if_empty, remove_file, rename_file, replace_file, restrict_mode, rewrite_file,
};
pub use held::{HeldLocks, Holder};
pub use jiff::Timestamp;
pub use journal::{Journal, JournalRead};
pub use lock::{Lock, LockError, Wait};
pub use logfmt::{BadLine, Entry, Line, quote};
pub use time::iso_millis;
