//! The memory that a runtime has of its own, turned off and on in the runtime's settings.
//!
//! With a provider in the slot there would be two memories; so a birth turns the runtime's own off.
//!
//! | runtime | file | entry |
//! |---|---|---|
//! | `claude` | `<peer folder>/.claude/settings.json` | `"autoMemoryEnabled": false` |
//! | `codex` | `<peer folder>/.codex/config.toml` | `[features]`, `memories = false` |
//! | `codex` | `$CODEX_HOME/config.toml` | `[projects."<real folder>"]`, `trust_level = "trusted"` |
//!
//! These files are the user's. They are not parsed and printed again, but cut: a parser tells where the
//! entry stands or belongs, and every byte outside it stays, comments, line ends and a byte order mark
//! included. What was not understood is left alone with an error that says where and what.
//!
//! Turning on takes away only an entry with the value `false`, because nothing else is ever written here;
//! a value `true` that was there before the memory was turned off does not come back. A table is taken
//! away with its entry only when it bears the comment of one made here and holds nothing else, and a file
//! only when its content is exactly that of one made here. Folders and the mark of trust stay.
//!
//! A link in place of a file is refused, since it may serve other folders too; one in place of the folder
//! around it is the user's way to say where that shall be.
//!
//! A program that changes such a file within the milliseconds between our read and our rename loses its
//! change; ours exclude each other by a lock. A new file takes its place, so that further hard links to
//! an old one keep the old content.

pub(crate) mod json;
mod text;
pub(crate) mod toml;

use std::io;

use camino::{Utf8Path, Utf8PathBuf};
use iapeer_registry::RuntimeName;
use iapeer_statefile::{
    Lock, LockError, ReadError, Wait, WriteError, ensure_dir, make_dir, read_file, remove_file, rewrite_file,
};

use crate::host::Host;
pub(crate) use text::Fault;

/// No settings file is larger than this, in bytes.
const LIMIT: u64 = 4 << 20;

/// Whether a runtime shall have a memory of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Switch {
    /// It shall not.
    Off,
    /// It may: what turned it off is taken away.
    On,
}

/// What became of a settings file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// It was written or, when nothing but ours was in it, removed.
    Made {
        /// The file.
        file: Utf8PathBuf,
    },
    /// It said so already, and was not touched.
    Already {
        /// The file; there may be none.
        file: Utf8PathBuf,
    },
    /// The runtime has no such setting that is known here.
    NotApplicable,
}

/// Why a settings file was left as it is.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NativeMemoryError {
    /// What stands in the file is not understood, or says something else on purpose.
    #[error("{path}, line {line}, column {column}: {reason}")]
    Content {
        /// The file.
        path: Utf8PathBuf,
        /// The line, from 1.
        line: usize,
        /// The column, from 1, in characters.
        column: usize,
        /// What is wrong, as a fragment.
        reason: String,
    },
    /// The file is a link, and what it leads to may serve other folders too.
    #[error("{path} is a symbolic link, and links are not followed for writing")]
    SymbolicLink {
        /// The link.
        path: Utf8PathBuf,
    },
    /// The result would not have been what it should be, so it was not written.
    #[error("no safe way to change {path} was found")]
    Unsafe {
        /// The file.
        path: Utf8PathBuf,
    },
    /// Nobody says where `codex` has its settings.
    #[error("neither CODEX_HOME nor a home folder is known, so the settings of codex cannot be found")]
    NoCodexHome,
    /// The folder to be trusted cannot be resolved.
    #[error("the real path of {folder} cannot be told")]
    Folder {
        /// The folder.
        folder: Utf8PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The file cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The file cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// Somebody else changes settings at this moment.
    #[error(transparent)]
    Lock(#[from] LockError),
}

impl NativeMemoryError {
    /// What to do about it: a sentence for people, without a final period.
    pub fn hint(&self) -> String {
        match self {
            NativeMemoryError::Content { path, .. } | NativeMemoryError::Unsafe { path } => {
                format!("nothing was changed; mend {path}, or make the setting there by hand")
            }
            NativeMemoryError::SymbolicLink { path } => {
                format!(
                    "make the setting by hand in the file that {path} leads to, or put a file in its place"
                )
            }
            NativeMemoryError::NoCodexHome => "set HOME or CODEX_HOME".to_owned(),
            NativeMemoryError::Lock(_) => "run it again in a moment".to_owned(),
            NativeMemoryError::Folder { .. } | NativeMemoryError::Read(_) | NativeMemoryError::Write(_) => {
                "nothing was changed; make the file usable, then run it again".to_owned()
            }
        }
    }
}

/// Turns the memory that `runtime` itself has in a peer's folder off or on.
///
/// # Errors
///
/// [`NativeMemoryError`]; the settings are as they were then.
pub fn turn_native_memory(
    host: &Host,
    folder: &Utf8Path,
    runtime: &RuntimeName,
    switch: Switch,
) -> Result<Change, NativeMemoryError> {
    let (file, language) = match runtime.as_str() {
        "claude" => (folder.join(".claude/settings.json"), Language::claude()),
        "codex" => (folder.join(".codex/config.toml"), Language::codex()),
        _ => return Ok(Change::NotApplicable),
    };
    let _lock = lock(host)?;
    let edit = |text: Option<&str>| match (switch, text) {
        (Switch::Off, None) => Ok(Edit::Write(language.created.clone())),
        (Switch::On, None) => Ok(Edit::Keep),
        (Switch::On, Some(text)) if text == language.created => Ok(Edit::Remove),
        (Switch::Off, Some(text)) => (language.off)(text).map(Edit::from),
        (Switch::On, Some(text)) => (language.on)(text).map(Edit::from),
    };
    apply(file, edit, |settings| make_dir(settings).map(drop))
}

/// Marks the real path of a peer's folder as trusted in the user's settings of `codex`, which else asks
/// at its start; for every other runtime, nothing. A folder that the user has marked otherwise stays so.
///
/// # Errors
///
/// [`NativeMemoryError`]; the settings are as they were then.
pub fn trust_folder(
    host: &Host,
    folder: &Utf8Path,
    runtime: &RuntimeName,
) -> Result<Change, NativeMemoryError> {
    if runtime.as_str() != "codex" {
        return Ok(Change::NotApplicable);
    }
    let settings = host.settings();
    let codex_home = settings.codex_home().ok_or(NativeMemoryError::NoCodexHome)?;
    let real = folder
        .canonicalize_utf8()
        .map_err(|source| NativeMemoryError::Folder { folder: folder.to_owned(), source })?;
    let _lock = lock(host)?;
    let edit = |text: Option<&str>| toml::trusted(text.unwrap_or(""), real.as_str()).map(Edit::from);
    apply(codex_home.join("config.toml"), edit, ensure_dir)
}

/// How the settings of one runtime are changed.
struct Language {
    created: String,
    off: fn(&str) -> Result<Option<String>, Fault>,
    on: fn(&str) -> Result<Option<String>, Fault>,
}

impl Language {
    fn claude() -> Language {
        Language { created: json::CREATED.to_owned(), off: json::off, on: json::on }
    }

    fn codex() -> Language {
        Language { created: toml::created(), off: toml::off, on: toml::on }
    }
}

/// What to do with a file.
enum Edit {
    Keep,
    Write(String),
    Remove,
}

impl From<Option<String>> for Edit {
    fn from(text: Option<String>) -> Edit {
        text.map_or(Edit::Keep, Edit::Write)
    }
}

/// All who change settings, one at a time: births run side by side, and share the file with the trust.
fn lock(host: &Host) -> Result<Lock, NativeMemoryError> {
    let file = host.layout().native_memory_lock();
    if let Some(folder) = file.parent() {
        ensure_dir(folder)?;
    }
    Ok(Lock::acquire(&file, Wait::default(), &host.settings().caller)?)
}

/// Reads a file, asks what to do with it, and does that. `edit` gets the text without a byte order mark.
fn apply(
    path: Utf8PathBuf,
    edit: impl Fn(Option<&str>) -> Result<Edit, Fault>,
    make_folder: impl Fn(&Utf8Path) -> Result<(), WriteError>,
) -> Result<Change, NativeMemoryError> {
    if path.symlink_metadata().is_ok_and(|meta| meta.file_type().is_symlink()) {
        return Err(NativeMemoryError::SymbolicLink { path });
    }
    let bytes = read_file(&path, LIMIT)?;
    let (mark, text) = match &bytes {
        None => ("", None),
        Some(bytes) => {
            let text = std::str::from_utf8(bytes).map_err(|e| {
                let valid = String::from_utf8_lossy(&bytes[..e.valid_up_to()]);
                let fault = Fault { at: valid.len(), reason: "it is not valid UTF-8".to_owned() };
                content(&path, &valid, fault)
            })?;
            match text.strip_prefix('\u{feff}') {
                Some(rest) => ("\u{feff}", Some(rest)),
                None => ("", Some(text)),
            }
        }
    };
    match edit(text).map_err(|fault| content(&path, text.unwrap_or(""), fault))? {
        Edit::Keep => return Ok(Change::Already { file: path }),
        Edit::Remove => {
            remove_file(&path)?;
        }
        Edit::Write(new) => {
            // Read as the next reader will: it must be understood, and have nothing left to be changed.
            if !matches!(edit(Some(&new)), Ok(Edit::Keep)) {
                return Err(NativeMemoryError::Unsafe { path });
            }
            if let (None, Some(folder)) = (&bytes, path.parent()) {
                make_folder(folder)?;
            }
            rewrite_file(&path, format!("{mark}{new}").as_bytes())?;
        }
    }
    Ok(Change::Made { file: path })
}

fn content(path: &Utf8Path, text: &str, fault: Fault) -> NativeMemoryError {
    let (line, column) = text::position(text, fault.at);
    NativeMemoryError::Content { path: path.to_owned(), line, column, reason: fault.reason }
}

#[cfg(test)]
mod tests;
