//! A file that is wanted no more becomes another one.

use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;

use camino::Utf8Path;
use rustix::fs::{Mode, OFlags};

use crate::door::{self, WriteError};
use crate::file::{remove_file, rename_to_free_name};
use crate::step::{self, Deed};

/// Makes `bytes` the content of `new`, in the same folder, with the file at `old`, which goes. What the file
/// system gave to that one need not be given back and asked for again, which costs more than the writing.
///
/// Meanwhile the file has a name that nobody reads; where this is cut off, it is left with that. With false nothing
/// was done: the file at `old` is not ours alone, it has another name, too, or is no file. Nothing is synced.
///
/// # Errors
///
/// [`WriteError`]; the old file may be gone then, and no new one is there.
pub(crate) fn reuse(old: &Utf8Path, new: &Utf8Path, bytes: &[u8]) -> Result<bool, WriteError> {
    // Both are in one folder, and no link is opened.
    door::allowed(old)?;
    let flags = OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = step::before(Deed::Open, old)
        .and_then(|()| Ok(rustix::fs::open(old.as_std_path(), flags, Mode::empty())?))
        .map(File::from)
        .map_err(WriteError::io("open", old))?;
    let meta = file.metadata().map_err(WriteError::io("look at", old))?;
    if !meta.is_file() || meta.nlink() != 1 {
        return Ok(false);
    }
    let spare = old.with_file_name(format!(".{}.reused.tmp", old.file_name().unwrap_or("file")));
    let away = step::before(Deed::Rename, old);
    away.and_then(|()| Ok(rustix::fs::rename(old.as_std_path(), spare.as_std_path())?))
        .map_err(WriteError::io("rename", old))?;
    let len = bytes.len() as u64;
    let done = step::write_all(&file, bytes, new)
        .and_then(|()| if meta.len() > len { file.set_len(len) } else { Ok(()) })
        .and_then(|()| step::before(Deed::Rename, new))
        .and_then(|()| Ok(rename_to_free_name(&spare, new)?));
    let Err(e) = done else { return Ok(true) };
    // Left of a failure is at most a file that nobody reads.
    let _ = remove_file(&spare);
    // Somebody else has made the same one.
    if e.kind() == io::ErrorKind::AlreadyExists { Ok(true) } else { Err(WriteError::io("write", new)(e)) }
}
