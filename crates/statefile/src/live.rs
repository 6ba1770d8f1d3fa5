//! Logs that somebody else writes, and goes on writing.

use std::fs::File;
use std::io::{self, Read, Write};

use camino::Utf8Path;
use rustix::fs::{Mode, OFlags};

use crate::door::{self, WriteError};
use crate::file::kind;
use crate::step::{self, Deed};

/// How much may come while the rest is copied, in bytes: nobody writes that fast for long.
const REST: u64 = 16 << 20;

/// Makes `copy` a copy of `path`, and `path` empty. Who writes `path` and appends goes on at its beginning, and
/// notices nothing; what comes in the very moment between the two is lost. Without a `copy` all is lost.
/// A file that is not there stays so.
///
/// # Errors
///
/// [`WriteError`]; `path` is as it was then.
pub fn copy_and_empty(path: &Utf8Path, copy: Option<&Utf8Path>) -> Result<(), WriteError> {
    door::check(path)?;
    let flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let mut file = match rustix::fs::open(path.as_std_path(), flags, Mode::empty()) {
        Ok(file) => File::from(file),
        Err(rustix::io::Errno::NOENT) => return Ok(()),
        Err(e) => return Err(WriteError::io("open", path)(e.into())),
    };
    let found = file.metadata().map_err(WriteError::io("look at", path))?.file_type();
    if !found.is_file() {
        let wanted = "a regular file";
        return Err(WriteError::WrongKind { path: path.to_owned(), found: kind(found), wanted });
    }
    if let Some(copy) = copy {
        let mut temporary = copied(&mut file, copy)?;
        step::before(Deed::Rename, copy).map_err(WriteError::io("replace", copy))?;
        // What was written while it was copied; then the rest is only what comes within these few lines.
        io::copy(&mut (&mut file).take(REST), &mut temporary).map_err(WriteError::io("copy to", copy))?;
        temporary.persist(copy).map_err(|e| WriteError::io("replace", copy)(e.error))?;
    }
    step::before(Deed::Write, path).and_then(|()| file.set_len(0)).map_err(WriteError::io("empty", path))
}

/// A temporary file beside `copy` with what is in `file` now, and not what is written meanwhile: who writes
/// faster than one copies would never let it end.
fn copied(file: &mut File, copy: &Utf8Path) -> Result<tempfile::NamedTempFile, WriteError> {
    door::check(copy)?;
    let folder = copy.parent().filter(|p| !p.as_str().is_empty()).unwrap_or(Utf8Path::new("."));
    step::before(Deed::Open, copy).map_err(WriteError::io("make a temporary file beside", copy))?;
    let mut temporary = tempfile::Builder::new()
        .prefix(&format!(".{}.", copy.file_name().unwrap_or("file")))
        .suffix(".tmp")
        .tempfile_in(folder)
        .map_err(WriteError::io("make a temporary file beside", copy))?;
    let failed = || WriteError::io("copy to", copy);
    let bytes = file.metadata().map_err(failed())?.len();
    step::before(Deed::Write, copy).map_err(failed())?;
    io::copy(&mut file.take(bytes), &mut temporary).map_err(failed())?;
    temporary.flush().map_err(failed())?;
    Ok(temporary)
}
