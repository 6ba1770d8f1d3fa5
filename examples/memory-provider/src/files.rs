//! Files that other programs read and write too: read with care, written in one step.

use std::io::{ErrorKind, Write};
use std::path::Path;

use fs_err as fs;
use serde_json::Value;
use tempfile::NamedTempFile;

use crate::Result;

/// The JSON in a file; `None` when there is no file. What cannot be read is an error: to take it for
/// nothing would be to overwrite it.
pub(crate) fn read_json(path: &Path) -> Result<Option<Value>> {
    match fs::metadata(path) {
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(e.into()),
        // To open a FIFO would be to wait for somebody who writes to it.
        Ok(meta) if !meta.is_file() => return Err(format!("{} is not a file", path.display()).into()),
        Ok(_) => {}
    }
    let value = serde_json::from_slice(&fs::read(path)?);
    Ok(Some(value.map_err(|e| format!("{} is left alone, it is not valid JSON: {e}", path.display()))?))
}

/// Makes this the content of the file; whoever reads it sees the old content or the new. Permissions
/// stay, and where the path is a link, what it leads to is written.
pub(crate) fn replace(path: &Path, content: &[u8]) -> Result<()> {
    let path = &match fs::symlink_metadata(path) {
        Ok(meta) if meta.is_symlink() => fs::canonicalize(path)?,
        _ => path.to_owned(),
    };
    let temporary = temporary_beside(path, content)?;
    if let Ok(meta) = fs::metadata(path) {
        temporary.as_file().set_permissions(meta.permissions())?;
    }
    temporary.persist(path).map_err(|e| format!("cannot write {}: {}", path.display(), e.error))?;
    sync_folder_of(path)
}

/// Makes a file of this content, or fails when there is one: of two who try, one wins.
pub(crate) fn create(path: &Path, content: &[u8]) -> Result<()> {
    let temporary = temporary_beside(path, content)?;
    temporary.persist_noclobber(path).map_err(|e| format!("cannot make {}: {}", path.display(), e.error))?;
    sync_folder_of(path)
}

/// JSON as it stands in a file.
pub(crate) fn render(value: &Value) -> Vec<u8> {
    format!("{value:#}\n").into_bytes()
}

fn temporary_beside(path: &Path, content: &[u8]) -> Result<NamedTempFile> {
    let refused = |e| format!("cannot write beside {}: {e}", path.display());
    let mut temporary = NamedTempFile::new_in(folder_of(path)).map_err(refused)?;
    temporary.write_all(content).map_err(refused)?;
    temporary.as_file().sync_all().map_err(refused)?;
    Ok(temporary)
}

fn sync_folder_of(path: &Path) -> Result<()> {
    Ok(fs::File::open(folder_of(path))?.sync_all()?)
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
