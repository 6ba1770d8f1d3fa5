//! The new content of a file, beside it, before it is put there.

use camino::Utf8Path;

use crate::door::WriteError;
use crate::file::{Durability, put_in_place, write_beside};
use crate::step;

/// A temporary file; it goes when it is dropped.
pub(crate) struct Staged(tempfile::NamedTempFile);

/// Writes beside `path` what [`Staged::put_in_place`] will put there, and lets the disk begin with it: what is done
/// until then costs no time of its own.
///
/// # Errors
///
/// [`WriteError`]; nothing is left then.
pub(crate) fn stage_file(path: &Utf8Path, bytes: &[u8]) -> Result<Staged, WriteError> {
    let staged = Staged(write_beside(path, bytes, Durability::Unsynced)?);
    staged.begin_writing();
    Ok(staged)
}

impl Staged {
    /// Whether it does anything makes no difference but in time: what counts is the sync. Linux starts to write
    /// what is dirty when it is told that it is not needed (posix_fadvise(2)), and keeps what is being written.
    #[cfg(target_os = "linux")]
    fn begin_writing(&self) {
        let _ = rustix::fs::fadvise(self.0.as_file(), 0, None, rustix::fs::Advice::DontNeed);
    }

    /// There is no such call.
    #[cfg(not(target_os = "linux"))]
    fn begin_writing(&self) {}

    /// Makes it the file at `path`, as [`replace_file`](crate::replace_file) does.
    ///
    /// # Errors
    ///
    /// As there.
    pub(crate) fn put_in_place(self, path: &Utf8Path) -> Result<(), WriteError> {
        step::sync(self.0.as_file(), path).map_err(WriteError::io("sync a temporary file beside", path))?;
        put_in_place(self.0, path)
    }
}
