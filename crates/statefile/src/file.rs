//! Single files: bounded reads that never block, writes that happen whole or not at all.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt, FileTypeExt};

use camino::{Utf8Path, Utf8PathBuf};
use rustix::fs::{CWD, Mode, OFlags, RenameFlags, rename, renameat_with};
use rustix::io::Errno;

use crate::door::{self, WriteError};
use crate::step::{self, Deed};

/// Why a file that is there could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// Something else than a regular file stands at the path.
    #[error("{path} is {found}, not a regular file")]
    NotRegular {
        /// The path.
        path: Utf8PathBuf,
        /// What stands there.
        found: &'static str,
    },
    /// The path is a symbolic link to nothing.
    #[error("{path} is a symbolic link that leads nowhere")]
    DanglingLink {
        /// The link.
        path: Utf8PathBuf,
    },
    /// The file is larger than the reader allows.
    #[error("{path} is larger than {limit} bytes")]
    TooLarge {
        /// The path.
        path: Utf8PathBuf,
        /// The limit, in bytes.
        limit: u64,
    },
    /// The operating system refused: permission, a loop of links, an I/O error.
    #[error("cannot read {path}")]
    Io {
        /// The path.
        path: Utf8PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
}

/// Whether [`create_file`] or [`claim_file`] made the file.
#[must_use = "the file may belong to somebody else"]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Creation {
    /// It was not there, and is now.
    Created,
    /// It was there before and is untouched.
    AlreadyThere,
}

/// Whether [`remove_file`] removed anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removal {
    /// It was there and is gone.
    Removed,
    /// It was not there.
    WasAbsent,
}

/// Reads a regular file of at most `limit` bytes; `None` when there is nothing at the path.
///
/// Links are followed. Never blocks: the file is opened with `O_NONBLOCK` and its kind is checked before
/// the first byte is read.
///
/// # Errors
///
/// [`ReadError`], which names the path and the reason.
pub fn read_file(path: &Utf8Path, limit: u64) -> Result<Option<Vec<u8>>, ReadError> {
    open_for_reading(path)?.map(|(file, meta)| read_open(file, &meta, path, limit)).transpose()
}

/// Opens a regular file for [`read_open`]; `None` when there is nothing at the path.
pub(crate) fn open_for_reading(path: &Utf8Path) -> Result<Option<(File, Metadata)>, ReadError> {
    let refused = |source: io::Error| ReadError::Io { path: path.to_owned(), source };
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
    let file = match rustix::fs::open(path.as_std_path(), flags, Mode::empty()) {
        Ok(fd) => File::from(fd),
        Err(rustix::io::Errno::NOENT) => {
            return match path.symlink_metadata() {
                Ok(meta) if meta.is_symlink() => Err(ReadError::DanglingLink { path: path.to_owned() }),
                // It was made between the two looks.
                Ok(_) => open_for_reading(path),
                Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
                Err(e) => Err(refused(e)),
            };
        }
        // A socket cannot be opened at all; say what it is rather than "no such device".
        Err(errno) => {
            return match path.metadata() {
                Ok(meta) if !meta.is_file() => {
                    Err(ReadError::NotRegular { path: path.to_owned(), found: kind(meta.file_type()) })
                }
                _ => Err(refused(errno.into())),
            };
        }
    };
    let meta = file.metadata().map_err(refused)?;
    if !meta.is_file() {
        return Err(ReadError::NotRegular { path: path.to_owned(), found: kind(meta.file_type()) });
    }
    Ok(Some((file, meta)))
}

/// Reads an open file to its end.
pub(crate) fn read_open(
    file: File,
    meta: &Metadata,
    path: &Utf8Path,
    limit: u64,
) -> Result<Vec<u8>, ReadError> {
    let refused = |source| ReadError::Io { path: path.to_owned(), source };
    // In one piece, and what has come to it since by the piece.
    let mut bytes = vec![0; usize::try_from(meta.len().min(limit)).unwrap_or(0)];
    let read = (&file).read(&mut bytes).map_err(refused)?;
    bytes.truncate(read);
    file.take(limit.saturating_add(1) - read as u64).read_to_end(&mut bytes).map_err(refused)?;
    if bytes.len() as u64 > limit {
        return Err(ReadError::TooLarge { path: path.to_owned(), limit });
    }
    Ok(bytes)
}

/// The names in a folder, sorted; a folder that is not there is empty. Left out are names that are not UTF-8,
/// which are none of ours.
///
/// # Errors
///
/// [`ReadError::Io`] when it cannot be listed.
pub fn list_all(path: &Utf8Path) -> Result<Vec<String>, ReadError> {
    let refused = |source: io::Error| ReadError::Io { path: path.to_owned(), source };
    let entries = match path.as_std_path().read_dir() {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(refused)?,
    };
    let mut names = Vec::new();
    for entry in entries {
        names.extend(entry.map_err(refused)?.file_name().into_string().ok());
    }
    names.sort();
    Ok(names)
}

/// [`list_all`] without the temporary files of a writer that is at work, or was cut off.
///
/// # Errors
///
/// [`ReadError::Io`] when it cannot be listed.
pub fn list_folder(path: &Utf8Path) -> Result<Vec<String>, ReadError> {
    let mut names = list_all(path)?;
    names.retain(|name| !(name.starts_with('.') && name.ends_with(".tmp")));
    Ok(names)
}

/// Makes `bytes` the content of `path`: a temporary file beside it, synced, renamed over it, and the
/// folder synced. Readers see the old content or the new, never a part.
///
/// # Errors
///
/// [`WriteError`]; the old content stands then, unless all that failed was the sync of the folder: the new
/// one stands then, and a power failure may take it back.
pub fn replace_file(path: &Utf8Path, bytes: &[u8]) -> Result<(), WriteError> {
    put_in_place(write_beside(path, bytes, Durability::Synced)?, path)
}

/// Like [`replace_file`], for a file that belongs to somebody else: the permissions that it has stay as
/// they are. A file that was not there is made 0600.
///
/// # Errors
///
/// As [`replace_file`].
pub fn rewrite_file(path: &Utf8Path, bytes: &[u8]) -> Result<(), WriteError> {
    let temporary = write_beside(path, bytes, Durability::Synced)?;
    if let Ok(meta) = path.symlink_metadata()
        && meta.is_file()
    {
        let kept = step::before(Deed::Mode, path)
            .and_then(|()| temporary.as_file().set_permissions(meta.permissions()));
        kept.map_err(WriteError::io("keep the permissions of", path))?;
    }
    put_in_place(temporary, path)
}

/// Makes a file with this content, unless something is there. Nobody ever sees a part of it.
///
/// Whoever gets [`Creation::Created`] is the only one who does, among any number of processes.
///
/// # Errors
///
/// [`WriteError`]; nothing was made then, unless all that failed was the sync of the folder: the file is
/// there then, and a power failure may take it back.
pub fn create_file(path: &Utf8Path, bytes: &[u8]) -> Result<Creation, WriteError> {
    let made = create_with(path, bytes, Durability::Synced)?;
    if made == Creation::Created {
        sync_folder(path)?;
    }
    Ok(made)
}

/// Like [`create_file`], but a power failure may take the file back, or leave it torn.
///
/// # Errors
///
/// [`WriteError`]; nothing was made then.
pub(crate) fn create_unsynced(path: &Utf8Path, bytes: &[u8]) -> Result<Creation, WriteError> {
    create_with(path, bytes, Durability::Unsynced)
}

fn create_with(path: &Utf8Path, bytes: &[u8], durability: Durability) -> Result<Creation, WriteError> {
    let temporary = write_beside(path, bytes, durability)?;
    step::before(Deed::Link, path).map_err(WriteError::io("create", path))?;
    match temporary.persist_noclobber(path) {
        Ok(_) => Ok(Creation::Created),
        Err(e) if e.error.kind() == io::ErrorKind::AlreadyExists => Ok(Creation::AlreadyThere),
        Err(e) => Err(WriteError::io("create", path)(e.error)),
    }
}

/// Gives a file a second name, unless something has it. The name is on the disk when [`sync_folder`] says so.
///
/// # Errors
///
/// [`WriteError`], also when the file system has no such links, or `to` is on another one.
#[expect(clippy::disallowed_methods, reason = "the door for linking files")]
pub(crate) fn link_file(from: &Utf8Path, to: &Utf8Path) -> Result<Creation, WriteError> {
    door::check(from)?;
    door::check(to)?;
    match step::before(Deed::Link, to).and_then(|()| std::fs::hard_link(from, to)) {
        Ok(()) => Ok(Creation::Created),
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Ok(Creation::AlreadyThere),
        Err(e) => Err(WriteError::io("link", from)(e)),
    }
}

/// Makes an empty file with `O_EXCL`: a claim that exactly one of many can win, and the same act as
/// `set -C; : >file` in a shell.
///
/// # Errors
///
/// [`WriteError`]; nothing was made then.
pub fn claim_file(path: &Utf8Path) -> Result<Creation, WriteError> {
    match door::check(path) {
        Err(WriteError::SymbolicLink { .. }) => return Ok(Creation::AlreadyThere),
        other => other?,
    }
    step::before(Deed::Link, path).map_err(WriteError::io("create", path))?;
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
    match rustix::fs::open(path.as_std_path(), flags, Mode::RUSR | Mode::WUSR) {
        Ok(_) => Ok(Creation::Created),
        Err(rustix::io::Errno::EXIST) => Ok(Creation::AlreadyThere),
        Err(errno) => Err(WriteError::io("create", path)(errno.into())),
    }
}

/// Removes one file (a symbolic link itself, not what it leads to).
///
/// # Errors
///
/// [`WriteError`]; the file is still there then.
#[expect(clippy::disallowed_methods, reason = "the door for removing files")]
pub fn remove_file(path: &Utf8Path) -> Result<Removal, WriteError> {
    match door::check(path) {
        Err(WriteError::SymbolicLink { .. }) | Ok(()) => {}
        Err(e) => return Err(e),
    }
    match step::before(Deed::Remove, path).and_then(|()| std::fs::remove_file(path)) {
        Ok(()) => Ok(Removal::Removed),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(Removal::WasAbsent),
        Err(e) => Err(WriteError::io("remove", path)(e)),
    }
}

/// Renames one file within a folder that the caller owns.
///
/// # Errors
///
/// [`WriteError`]; both names are as they were then.
#[expect(clippy::disallowed_methods, reason = "the door for renaming files")]
pub fn rename_file(from: &Utf8Path, to: &Utf8Path) -> Result<(), WriteError> {
    door::check(from)?;
    door::check(to)?;
    step::before(Deed::Rename, from)
        .and_then(|()| std::fs::rename(from, to))
        .map_err(WriteError::io("rename", from))
}

/// Moves a file or a folder to a name that is free, on the same file system, and makes both folders
/// durable. Nothing is ever replaced.
///
/// # Errors
///
/// [`WriteError`]; an error about a sync comes after the move, every other one instead of it.
pub fn move_path(from: &Utf8Path, to: &Utf8Path) -> Result<(), WriteError> {
    door::check(from)?;
    door::check(to)?;
    let failed =
        |errno: Errno| WriteError::Move { from: from.to_owned(), to: to.to_owned(), source: errno.into() };
    let before = step::before(Deed::Rename, from);
    before.map_err(|e| WriteError::Move { from: from.to_owned(), to: to.to_owned(), source: e })?;
    rename_to_free_name(from, to).map_err(failed)?;
    sync_folder(from)?;
    sync_folder(to)
}

/// [`remove_file`], and makes the folder durable.
///
/// # Errors
///
/// [`WriteError`]; an error about the sync comes after the removal.
pub fn remove_file_durably(path: &Utf8Path) -> Result<Removal, WriteError> {
    let removal = remove_file(path)?;
    sync_folder(path)?;
    Ok(removal)
}

/// Makes a folder, 0700, with the parents that are missing.
///
/// # Errors
///
/// [`WriteError`]; parents made on the way stay.
pub fn ensure_dir(path: &Utf8Path) -> Result<(), WriteError> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path.parent().filter(|p| !p.as_str().is_empty()) {
        ensure_dir(parent)?;
    }
    make_dir(path).map(|_| ())
}

/// Makes one folder, 0700; its parent must be there.
///
/// # Errors
///
/// [`WriteError`], also when something that is not a folder stands there.
#[expect(clippy::disallowed_methods, reason = "the door for making folders")]
pub fn make_dir(path: &Utf8Path) -> Result<Creation, WriteError> {
    match door::check(path) {
        // A link to a folder is the user's way to say where it shall be.
        Err(WriteError::SymbolicLink { .. }) if path.is_dir() => return Ok(Creation::AlreadyThere),
        other => other?,
    }
    let made = step::before(Deed::MakeFolder, path)
        .and_then(|()| std::fs::DirBuilder::new().mode(0o700).create(path));
    match made {
        Ok(()) => Ok(Creation::Created),
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => match path.metadata() {
            Ok(meta) if meta.is_dir() => Ok(Creation::AlreadyThere),
            Ok(meta) => Err(WriteError::WrongKind {
                path: path.to_owned(),
                found: kind(meta.file_type()),
                wanted: "a folder",
            }),
            Err(e) => Err(WriteError::io("make the folder", path)(e)),
        },
        Err(e) => Err(WriteError::io("make the folder", path)(e)),
    }
}

/// Takes every access of the group and of others from a file or folder; what its owner may do stays. A
/// symbolic link is refused, and so is what is neither a file nor a folder.
///
/// # Errors
///
/// [`WriteError`]; the mode is as it was then.
pub fn restrict_mode(path: &Utf8Path) -> Result<(), WriteError> {
    door::check(path)?;
    let refused = || WriteError::io("restrict the access to", path);
    let found = path.symlink_metadata().map_err(refused())?.file_type();
    if !found.is_file() && !found.is_dir() {
        let (found, wanted) = (kind(found), "a regular file or a folder");
        return Err(WriteError::WrongKind { path: path.to_owned(), found, wanted });
    }
    // What was opened is what is changed, whatever takes its place meanwhile.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
    let file = rustix::fs::open(path.as_std_path(), flags, Mode::empty()).map_err(|e| refused()(e.into()))?;
    let mode = rustix::fs::fstat(&file).map_err(|e| refused()(e.into()))?.st_mode;
    rustix::fs::fchmod(&file, Mode::from_raw_mode(mode) & Mode::RWXU).map_err(|e| refused()(e.into()))
}

/// Removes a folder when nothing is in it; says [`Removal::WasAbsent`] when it stays or never was.
///
/// # Errors
///
/// [`WriteError`] for anything but "not empty" and "not there".
#[expect(clippy::disallowed_methods, reason = "the door for removing folders")]
pub fn remove_dir_if_empty(path: &Utf8Path) -> Result<Removal, WriteError> {
    door::check(path)?;
    match step::before(Deed::RemoveFolder, path).and_then(|()| std::fs::remove_dir(path)) {
        Ok(()) => Ok(Removal::Removed),
        Err(e) if matches!(e.kind(), io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::NotFound) => {
            Ok(Removal::WasAbsent)
        }
        Err(e) => Err(WriteError::io("remove the folder", path)(e)),
    }
}

pub(crate) fn rename_to_free_name(from: &Utf8Path, to: &Utf8Path) -> Result<(), Errno> {
    let (from, to) = (from.as_std_path(), to.as_std_path());
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        // Not every file system knows the flag; there, whoever takes the name in between may lose it.
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => match to.symlink_metadata() {
            Ok(_) => Err(Errno::EXIST),
            Err(e) if e.kind() == io::ErrorKind::NotFound => rename(from, to),
            Err(e) => Err(Errno::from_io_error(&e).unwrap_or(Errno::IO)),
        },
        other => other,
    }
}

/// Whether bytes are on the disk before they get their name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Durability {
    Synced,
    Unsynced,
}

/// A temporary file with this content in the folder of `path`; it goes when it is dropped.
pub(crate) fn write_beside(
    path: &Utf8Path,
    bytes: &[u8],
    durability: Durability,
) -> Result<tempfile::NamedTempFile, WriteError> {
    door::check(path)?;
    let folder = folder_of(path);
    let name = path.file_name().unwrap_or("file");
    step::before(Deed::Open, path).map_err(WriteError::io("make a temporary file beside", path))?;
    let temporary = tempfile::Builder::new()
        .prefix(&format!(".{name}."))
        .suffix(".tmp")
        .tempfile_in(folder)
        .map_err(WriteError::io("make a temporary file beside", path))?;
    step::write_all(temporary.as_file(), bytes, path)
        .map_err(WriteError::io("write a temporary file beside", path))?;
    if durability == Durability::Synced {
        let synced = step::sync(temporary.as_file(), path);
        synced.map_err(WriteError::io("sync a temporary file beside", path))?;
    }
    Ok(temporary)
}

/// Makes a temporary file the one at `path`, and the folder durable.
pub(crate) fn put_in_place(temporary: tempfile::NamedTempFile, path: &Utf8Path) -> Result<(), WriteError> {
    if let Ok(meta) = path.symlink_metadata()
        && !meta.is_file()
    {
        return Err(WriteError::WrongKind {
            path: path.to_owned(),
            found: kind(meta.file_type()),
            wanted: "a regular file",
        });
    }
    step::before(Deed::Rename, path).map_err(WriteError::io("replace", path))?;
    temporary.persist(path).map_err(|e| WriteError::io("replace", path)(e.error))?;
    sync_folder(path)
}

pub(crate) fn sync_folder(path: &Utf8Path) -> Result<(), WriteError> {
    let folder = folder_of(path);
    File::open(folder)
        .and_then(|file| step::sync(&file, folder))
        .map_err(WriteError::io("sync the folder", folder))
}

fn folder_of(path: &Utf8Path) -> &Utf8Path {
    path.parent().filter(|p| !p.as_str().is_empty()).unwrap_or(Utf8Path::new("."))
}

pub(crate) fn kind(t: std::fs::FileType) -> &'static str {
    if t.is_dir() {
        "a folder"
    } else if t.is_symlink() {
        "a symbolic link"
    } else if t.is_fifo() {
        "a FIFO"
    } else if t.is_socket() {
        "a socket"
    } else if t.is_char_device() || t.is_block_device() {
        "a device"
    } else {
        "a regular file"
    }
}
