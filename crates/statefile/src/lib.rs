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
//! written down. [`Edit::commit`] validates what it is about to write ([`Format::validate`]), keeps it as a
//! generation, then writes a temporary file beside the target, syncs it, renames it over the target and syncs
//! the folder.
//!
//! *Nothing is lost.* A document may keep its last generations ([`Backups`]: the newest five, and one a day
//! for seven days); each commit leaves one before it replaces the document. A document that is corrupt, or
//! gone although it has generations, is [`Lost`] and can be taken back from an ordered list of [`Source`]s;
//! the damaged file gets a second name in the [`Quarantine`] before it is replaced, so that at no time the
//! document is missing. The quarantine has limits, and a breaker for a file that is damaged again and again.
//!
//! *Every step can be made to fail* ([`intercept_steps`]), so that a test can cut a program off before each
//! open, write, sync, rename, link and removal, and look at what the next one finds.
//!
//! *Locks* are kernel locks (`flock(2)` through the standard library) on files that are never deleted;
//! what stands in a lock file is for people and says who holds it. [`HeldLocks`] tells who holds one without
//! taking it. Who waits looks again and again, more often towards the end of the time that
//! it has.
//!
//! *Journals* append each line with one `write(2)` to a file opened with `O_APPEND`, so that writers in
//! several processes do not mix; a torn tail is closed and marked by the next writer, so that a part of a line
//! is never taken for a line, and counted by readers. A rotation that is cut off loses nothing: the next one
//! begins with the gap that it left.
//!
//! Files are made 0600 and folders 0700; [`rewrite_file`] keeps the permissions of a file that is somebody
//! else's. A symbolic link is followed when reading and refused when writing.
//!
//! # Limitations
//!
//! Locks are advisory and do not work across hosts on network file systems. A first commit that is cut off
//! between its generation and the document leaves it [`Reading::Vanished`], and what comes back is what was
//! about to be. Generations are written whole but
//! not synced: a power failure may tear the newest ones, which then do not read back; the document itself is
//! synced. Durability is that of `fsync(2)`; on macOS the standard library uses `F_FULLFSYNC`. This crate has
//! never been run on macOS.
//!
//! # Example
//!
//! ```
//! use iapeer_statefile::{Absence, Backups, Document, Fault, Format, Lock, Parsed, Reading, Wait};
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
//! let backups = Backups::in_folder(folder.join("backups/number.json"));
//! let document = Document::new(folder.join("number.json"), Number).backed_up(backups, Absence::Loss);
//! assert!(matches!(document.read(), Reading::Fresh));
//!
//! let lock = Lock::acquire(&folder.join("number.lock"), Wait::default(), "the example")?;
//! let mut edit = document.edit(&lock)?;
//! let next = edit.take_value().unwrap_or(0) + 1;
//! edit.commit(next)?;
//! assert!(matches!(document.read(), Reading::Present(1)));
//!
//! # #[allow(clippy::disallowed_methods, reason = "somebody else damages the file")]
//! std::fs::remove_file(document.path())?;
//! assert!(matches!(document.read(), Reading::Vanished));
//! # Ok(())
//! # }
//! ```
//!
//! [logfmt]: https://brandur.org/logfmt

#![forbid(unsafe_code)]

mod causes;
mod door;
mod step;

mod file;
mod held;
mod live;
mod lock;
mod reuse;
mod stage;

mod backup;
mod document;
mod quarantine;
mod recovery;

mod journal;
mod logfmt;
mod time;

/// What must hold whatever bytes are read, for the tests of this repository: no part of what this crate offers.
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;

pub use backup::{BackupError, Backups, Generation};
pub use causes::with_causes;
pub use document::{
    Absence, BadEntry, CommitError, Corruption, Document, Edit, Fault, Format, Parsed, Reading, StateFault,
};
pub use door::{WriteError, forbid_writes_under};
pub use file::{
    Creation, ReadError, Removal, claim_file, create_file, ensure_dir, list_all, list_folder, make_dir,
    move_path, read_file, remove_dir_if_empty, remove_file, remove_file_durably, rename_file, replace_file,
    restrict_mode, rewrite_file,
};
pub use held::{HeldLocks, Holder};
pub use jiff::Timestamp;
pub use journal::{Journal, JournalRead};
pub use live::copy_and_empty;
pub use lock::{Lock, LockError, Wait};
pub use logfmt::{BadLine, Entry, Line, quote};
pub use quarantine::{Breaker, Piece, Quarantine, QuarantineError};
pub use recovery::{Lost, Rebuild, RecoverError, Recovered, Source};
pub use step::{Deed, Verdict, intercept_steps};
pub use time::iso_millis;
