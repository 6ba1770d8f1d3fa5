//! What stands in a peer's folder: the entry in `.mcp.json` and the folder of notes.

use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use fs_err as fs;
use serde_json::{Value, json};

use crate::slot::utf8;
use crate::{NAME, Result, files, host};

/// How long to wait for another one that works on the same peer.
const PATIENCE: Duration = Duration::from_secs(10);

const SERVERS: &str = "mcpServers";

const README: &str = "\
# Notes

The memory of the agent that lives in this folder. They are kept when the memory is switched off; delete
them when you do not want them any more.
";

/// Gives the peer its memory, and tells what was done.
pub(crate) fn provision(cwd: &Path) -> Result<String> {
    let _lock = lock(cwd)?;
    let cwd = fs::canonicalize(cwd)?;
    let notes = cwd.join(".memory-notes");
    let entry = json!({
        "command": utf8(&std::env::current_exe()?)?,
        "args": ["serve", "--notes", utf8(&notes)?],
    });
    let entry = if add_entry(&cwd.join(".mcp.json"), entry)? { "entry written" } else { "entry was there" };
    let notes = if add_notes(&notes)? { "notes folder made" } else { "notes folder was there" };
    Ok(format!("provisioned, {entry}, {notes}"))
}

/// Takes the peer's memory away, and tells what was done.
pub(crate) fn unprovision(cwd: &Path) -> Result<String> {
    if !cwd.exists() {
        return Ok("nothing to do, the folder is gone".to_owned());
    }
    let _lock = lock(cwd)?;
    let entry = if remove_entry(&cwd.join(".mcp.json"))? { "entry removed" } else { "there was no entry" };
    Ok(format!("unprovisioned, {entry}, {}", remove_notes(&cwd.join(".memory-notes"))?))
}

/// One at a time in this folder: a kernel lock on the folder itself, which leaves nothing behind and goes
/// with its holder, however that ends.
fn lock(cwd: &Path) -> Result<fs::File> {
    host::refuse_real_root(&std::path::absolute(cwd)?)?;
    if !cwd.is_dir() {
        return Err(format!("{} is not a folder", cwd.display()).into());
    }
    let folder = fs::File::open(cwd)?;
    let start = Instant::now();
    loop {
        match folder.file().try_lock() {
            Ok(()) => return Ok(folder),
            Err(std::fs::TryLockError::Error(e)) => return Err(e.into()),
            Err(std::fs::TryLockError::WouldBlock) if start.elapsed() > PATIENCE => {
                let seconds = PATIENCE.as_secs();
                return Err(format!(
                    "another command for {} is at work since {seconds} seconds or more: try again later",
                    cwd.display()
                )
                .into());
            }
            Err(std::fs::TryLockError::WouldBlock) => sleep(Duration::from_millis(50)),
        }
    }
}

/// Whether the entry had to be written.
fn add_entry(path: &Path, entry: Value) -> Result<bool> {
    let mut document = files::read_json(path)?.unwrap_or_else(|| json!({}));
    let members = document.as_object_mut().ok_or_else(|| unexpected(path))?;
    let servers = members.entry(SERVERS).or_insert_with(|| json!({}));
    let servers = servers.as_object_mut().ok_or_else(|| unexpected(path))?;
    if servers.get(NAME) == Some(&entry) {
        return Ok(false);
    }
    servers.insert(NAME.to_owned(), entry);
    files::replace(path, &files::render(&document))?;
    Ok(true)
}

/// Whether there was an entry to remove.
fn remove_entry(path: &Path) -> Result<bool> {
    let Some(mut document) = files::read_json(path)? else { return Ok(false) };
    let members = document.as_object_mut().ok_or_else(|| unexpected(path))?;
    let Some(servers) = members.get_mut(SERVERS) else { return Ok(false) };
    let servers = servers.as_object_mut().ok_or_else(|| unexpected(path))?;
    // `remove` would put the last entry in the place of ours.
    if servers.shift_remove(NAME).is_none() {
        return Ok(false);
    }
    // A link is somebody's choice to have the file elsewhere, so that it is there that the entry has to go.
    if document == json!({ SERVERS: {} }) && !path.is_symlink() {
        fs::remove_file(path)?;
    } else {
        files::replace(path, &files::render(&document))?;
    }
    Ok(true)
}

fn unexpected(path: &Path) -> String {
    format!("{} is left alone: it and its {SERVERS} are to be objects", path.display())
}

/// Whether anything had to be made.
fn add_notes(folder: &Path) -> Result<bool> {
    let made = match std::fs::DirBuilder::new().mode(0o700).create(folder) {
        Ok(()) => true,
        Err(e) if e.kind() == ErrorKind::AlreadyExists && folder.is_dir() => false,
        Err(e) => return Err(format!("cannot make {}: {e}", folder.display()).into()),
    };
    let readme = folder.join("README.md");
    if !readme.exists() {
        files::create(&readme, README.as_bytes())?;
    }
    Ok(made)
}

/// Removes the folder if nothing but our own README is in it. Anything else is somebody's memory.
fn remove_notes(folder: &Path) -> Result<&'static str> {
    match fs::symlink_metadata(folder) {
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok("there was no notes folder"),
        Err(e) => return Err(e.into()),
        Ok(meta) if !meta.is_dir() => return Ok("notes kept (their folder is not one that we made)"),
        Ok(_) => {}
    }
    let readme = folder.join("README.md");
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let ours = path == readme && path.is_file() && fs::read(&path)? == README.as_bytes();
        if !ours {
            return Ok("notes kept in .memory-notes");
        }
    }
    if readme.exists() {
        fs::remove_file(&readme)?;
    }
    fs::remove_dir(folder)?;
    Ok("empty notes folder removed")
}
