//! Where the programs of runtimes write down what was said: what a session can go on with, and when it last did
//! something.
//!
//! A definition says it as a pattern: `{home}`, `{codex_home}` and `{cwd_slug}` stand for what they name, `*` for
//! any run of characters in a name, and `**` for any folders. Where the pattern does not name the peer's folder,
//! a transcript belongs to the folder that its first line names.

use std::io::{BufRead, BufReader, Read};
use std::time::SystemTime;

use camino::{Utf8DirEntry, Utf8Path, Utf8PathBuf};
use iapeer_registry::RuntimeName;
use rustix::fs::{Mode, OFlags};

use crate::host::Host;
use crate::runtime::Runtime;

/// So many entries of folders are looked at, and no more: nobody keeps that many transcripts.
const ENTRIES: usize = 20_000;
/// So many first lines are read, of the newest ones.
const HEADS: usize = 500;
/// So much of a first line is read, in bytes; those of `codex` hold its whole instructions.
const HEAD: u64 = 256 << 10;

/// What a program wrote down about a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transcript {
    /// The file.
    pub path: Utf8PathBuf,
    /// When it was last written.
    pub modified: SystemTime,
}

/// Why transcripts could not be looked for. That is not the same as none.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TranscriptError {
    /// The pattern begins in a folder that nobody has named.
    #[error("the transcripts of runtime {runtime} are in {pattern}, and no home folder is known")]
    NoHome {
        /// The runtime.
        runtime: RuntimeName,
        /// Its pattern.
        pattern: String,
    },
    /// A folder cannot be listed.
    #[error("cannot list {path}")]
    Unlisted {
        /// The folder.
        path: Utf8PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// There are too many to look at.
    #[error("there are too many files under {path} to look for transcripts")]
    TooMany {
        /// The folder in which the limit was reached.
        path: Utf8PathBuf,
    },
}

/// A search: what it has found, and how much it may still look at.
struct Search {
    found: Vec<Transcript>,
    left: usize,
}

/// The newest transcript that a runtime's program wrote about sessions in `folder`; none also for a runtime that
/// does not say where they are.
///
/// # Errors
///
/// [`TranscriptError`] when it cannot be told.
pub fn newest_transcript(
    host: &Host,
    runtime: &Runtime,
    folder: &Utf8Path,
) -> Result<Option<Transcript>, TranscriptError> {
    let Some(pattern) = &runtime.transcripts else { return Ok(None) };
    let folder = real(folder);
    let Some(path) = expanded(host, pattern, &folder) else {
        return Err(TranscriptError::NoHome { runtime: runtime.name.clone(), pattern: pattern.clone() });
    };
    let mut search = Search { found: Vec::new(), left: ENTRIES };
    let parts: Vec<_> = path.split('/').filter(|part| !part.is_empty()).collect();
    search.look(Utf8Path::new("/"), &parts)?;
    let mut found = search.found;
    found.sort_by(|a, b| (b.modified, &b.path).cmp(&(a.modified, &a.path)));
    if pattern.contains(SLUG) {
        return Ok(found.into_iter().next());
    }
    Ok(found.into_iter().take(HEADS).find(|transcript| names_folder(&first_line(&transcript.path), &folder)))
}

/// Where Claude keeps the transcripts of a folder, which is a real path: what goes along when it is renamed.
pub(crate) fn claude_folder(host: &Host, folder: &Utf8Path) -> Option<Utf8PathBuf> {
    let claude = Runtime::find(&"claude".parse().ok()?, host.layout()).ok()?;
    let path = expanded(host, claude.transcripts.as_ref().filter(|pattern| pattern.contains(SLUG))?, folder)?;
    Utf8Path::new(&path).parent().filter(|folder| !folder.as_str().contains('*')).map(Utf8Path::to_owned)
}

const SLUG: &str = "{cwd_slug}";

/// The pattern with what its words stand for; none when that is not known.
fn expanded(host: &Host, pattern: &str, folder: &Utf8Path) -> Option<String> {
    let settings = host.settings();
    let mut path = pattern.replace(SLUG, &slug(folder));
    if path.contains("{codex_home}") {
        path = path.replace("{codex_home}", settings.codex_home()?.as_str());
    }
    if path.contains("{home}") {
        path = path.replace("{home}", settings.home.as_ref()?.as_str());
    }
    Some(path)
}

/// A real path with a dash for whatever is no ASCII letter or digit, as Claude names folders after folders.
/// Claude counts as JavaScript does, in units of UTF-16.
fn slug(folder: &Utf8Path) -> String {
    let mut slug = String::new();
    for c in folder.as_str().chars() {
        match c.is_ascii_alphanumeric() {
            true => slug.push(c),
            false => slug.extend(std::iter::repeat_n('-', c.len_utf16())),
        }
    }
    slug
}

impl Search {
    /// Finds the regular files under `folder` that these parts of a pattern name. Links are not followed, for
    /// they may lead round in a circle.
    fn look(&mut self, folder: &Utf8Path, parts: &[&str]) -> Result<(), TranscriptError> {
        let Some((part, rest)) = parts.split_first() else { return Ok(()) };
        if !part.contains('*') {
            let path = folder.join(part);
            if rest.is_empty() {
                self.take(path);
                return Ok(());
            }
            return self.look(&path, rest);
        }
        let anywhere = *part == "**";
        if anywhere {
            self.look(folder, rest)?;
        }
        for entry in self.list(folder)? {
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            if anywhere {
                if is_folder {
                    self.look(entry.path(), parts)?;
                }
            } else if fits(part, entry.file_name()) {
                match rest.is_empty() {
                    true => self.take(entry.path().to_owned()),
                    false if is_folder => self.look(entry.path(), rest)?,
                    false => {}
                }
            }
        }
        Ok(())
    }

    fn take(&mut self, path: Utf8PathBuf) {
        // One that went meanwhile is none.
        let Ok(meta) = path.symlink_metadata() else { return };
        if let (true, Ok(modified)) = (meta.is_file(), meta.modified()) {
            self.found.push(Transcript { path, modified });
        }
    }

    fn list(&mut self, folder: &Utf8Path) -> Result<Vec<Utf8DirEntry>, TranscriptError> {
        use std::io::ErrorKind::{InvalidData, NotADirectory, NotFound};
        let unlisted = |source| TranscriptError::Unlisted { path: folder.to_owned(), source };
        let entries = match folder.read_dir_utf8() {
            Ok(entries) => entries,
            Err(e) if matches!(e.kind(), NotFound | NotADirectory) => return Ok(Vec::new()),
            Err(e) => return Err(unlisted(e)),
        };
        let mut list = Vec::new();
        for entry in entries {
            match entry {
                Ok(entry) => list.push(entry),
                // No program names its transcripts so.
                Err(e) if e.kind() == InvalidData => {}
                Err(e) => return Err(unlisted(e)),
            }
            let too_many = || TranscriptError::TooMany { path: folder.to_owned() };
            self.left = self.left.checked_sub(1).ok_or_else(too_many)?;
        }
        Ok(list)
    }
}

/// Whether a name is as a pattern says, in which `*` stands for any run of characters.
pub(crate) fn fits(pattern: &str, name: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else { return pattern == name };
    let Some(mut name) = name.strip_prefix(head) else { return false };
    let (middle, tail) = rest.rsplit_once('*').unwrap_or(("", rest));
    // The first place where a part stands leaves the most for the parts that follow, so no other is tried.
    for part in middle.split('*') {
        let Some(at) = name.find(part) else { return false };
        name = &name[at + part.len()..];
    }
    name.ends_with(tail)
}

/// The beginning of a file up to the end of its first line; nothing where it cannot be read.
fn first_line(path: &Utf8Path) -> Vec<u8> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let mut line = Vec::new();
    if let Ok(file) = rustix::fs::open(path.as_std_path(), flags, Mode::empty()) {
        let mut file = BufReader::new(std::fs::File::from(file).take(HEAD));
        if file.read_until(b'\n', &mut line).is_err() {
            line.clear();
        }
    }
    line
}

/// Whether a line of JSON, which may be cut off, has `"cwd": "<folder>"` somewhere.
pub(crate) fn names_folder(line: &[u8], folder: &Utf8Path) -> bool {
    let text = String::from_utf8_lossy(line);
    let wanted = serde_json::Value::from(folder.as_str()).to_string();
    text.split("\"cwd\"").skip(1).any(|after| {
        after.trim_start().strip_prefix(':').is_some_and(|value| value.trim_start().starts_with(&wanted))
    })
}

/// A path without links; as it is where nothing is there.
pub(crate) fn real(path: &Utf8Path) -> Utf8PathBuf {
    path.canonicalize_utf8().unwrap_or_else(|_| path.to_owned())
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "the tests write what is looked for")]
mod tests;
