//! What an entry has to say, and the text that says it.

use std::collections::BTreeMap;
use std::ffi::OsStr;

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use super::{Manager, launchd, systemd};
use crate::Settings;
use crate::layout::{folder_key, key_of};

/// What begins the line with the hash.
const STAMP: &str = "iapeer-service ";

/// What for the reader of an entry stands below its head.
const NOTE: &str = "Written by `iapeer service install`, which leaves alone what was changed here.";

/// Everything that an entry says. The same definition gives the same text on every machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Definition {
    /// The version of iapeer that it is from.
    pub version: String,
    /// What the service manager calls it, without an ending.
    pub name: String,
    /// The program, by its absolute path.
    pub program: Utf8PathBuf,
    /// The root that it supervises.
    pub root: Utf8PathBuf,
    /// Its whole environment, but for what the service manager sets itself.
    pub environment: BTreeMap<String, String>,
}

/// Why a definition cannot be said to a service manager.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum DefinitionError {
    /// systemd does not start a program of this name, however it is written.
    #[error("systemd takes no program with a quote or a backslash in its path: {program}")]
    Program {
        /// The program.
        program: Utf8PathBuf,
    },
    /// A value has a character that neither of them takes.
    #[error("{what} has a control character in it: {value:?}")]
    Control {
        /// What the value is of.
        what: String,
        /// The value.
        value: String,
    },
}

/// An entry as it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Parsed {
    /// What it was made from, where that can be read.
    pub(crate) definition: Option<Definition>,
    /// Whether nothing of it was changed.
    pub(crate) is_intact: bool,
}

impl Definition {
    /// The definition for a host: `program` is to supervise its root, with `PATH` as it is here and with these
    /// variables.
    pub fn new(settings: &Settings, program: Utf8PathBuf, variables: BTreeMap<String, String>) -> Definition {
        let mut environment = variables;
        environment.insert("PATH".to_owned(), folders(&settings.path));
        environment.insert("IAPEER_ROOT".to_owned(), settings.root.to_string());
        Definition {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            name: name(settings),
            program,
            root: settings.root.clone(),
            environment,
        }
    }

    /// The entry as a text.
    ///
    /// # Errors
    ///
    /// [`DefinitionError`] when there is no way to say it.
    pub fn render(&self, manager: Manager) -> Result<String, DefinitionError> {
        self.check(manager)?;
        let json = serde_json::to_string(self).expect("a definition has only string keys");
        // Two hyphens would end a comment of XML; in a string of JSON one of them may stand as its number.
        let head = [json.replace("--", "-\\u002d"), NOTE.to_owned()];
        let (before, body, comment): (_, _, fn(&str) -> String) = match manager {
            Manager::Systemd => ("", systemd::body(self), |text| format!("# {text}\n")),
            Manager::Launchd => (launchd::HEAD, launchd::body(self), |text| format!("<!-- {text} -->\n")),
        };
        let head: String = head.iter().map(|line| comment(line)).collect();
        let hash = key_of(format!("{before}{head}{body}").as_bytes());
        Ok(format!("{before}{}{head}{body}", comment(&format!("{STAMP}{hash}"))))
    }

    fn check(&self, manager: Manager) -> Result<(), DefinitionError> {
        let values = self.environment.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let paths = [("the program's path", self.program.as_str()), ("the root", self.root.as_str())];
        if let Some((what, value)) = values.chain(paths).find(|(_, v)| v.contains(char::is_control)) {
            return Err(DefinitionError::Control { what: what.to_owned(), value: value.to_owned() });
        }
        // systemd.exec(5) does not say so, but `systemd-analyze verify` does.
        if manager == Manager::Systemd && self.program.as_str().contains(['"', '\'', '\\']) {
            return Err(DefinitionError::Program { program: self.program.clone() });
        }
        Ok(())
    }
}

/// Reads an entry; `None` when it is none of ours.
pub(crate) fn parse(text: &str) -> Option<Parsed> {
    let mut before = 0;
    for line in text.split_inclusive('\n') {
        if let Some(hash) = comment(line).and_then(|comment| comment.strip_prefix(STAMP)) {
            let after = &text[before + line.len()..];
            let json = after.lines().next().and_then(comment);
            return Some(Parsed {
                definition: json.and_then(|json| serde_json::from_str(json).ok()),
                is_intact: key_of(format!("{}{after}", &text[..before]).as_bytes()) == hash,
            });
        }
        before += line.len();
    }
    None
}

/// What a line says that is a comment.
fn comment(line: &str) -> Option<&str> {
    let line = line.trim_end_matches(['\n', '\r']);
    let xml = || line.strip_prefix("<!-- ")?.strip_suffix(" -->");
    line.strip_prefix("# ").or_else(xml)
}

/// The name of the entry of a root: no two roots have one.
pub(super) fn name(settings: &Settings) -> String {
    let is_default = settings.home.as_ref().is_some_and(|home| home.join(".iapeer") == settings.root);
    match is_default {
        true => "iapeer".to_owned(),
        false => {
            // However many slashes are at its end.
            let root: Utf8PathBuf = settings.root.components().collect();
            format!("iapeer-{}", &folder_key(&root)[..8])
        }
    }
}

/// A search path with only what means the same wherever one stands and can be written down.
fn folders(path: &OsStr) -> String {
    let folders = std::env::split_paths(path).filter_map(|folder| Utf8PathBuf::from_path_buf(folder).ok());
    let usable = |folder: &Utf8PathBuf| folder.is_absolute() && !folder.as_str().contains(char::is_control);
    folders.filter(usable).map(Utf8PathBuf::into_string).collect::<Vec<_>>().join(":")
}

/// Whether a program is where programs do not stay: what cargo builds, or a temporary folder.
pub(super) fn is_fleeting(program: &Utf8Path) -> bool {
    let parts: Vec<_> = program.components().map(|part| part.as_str()).collect();
    let is_built = parts.windows(2).any(|two| two[0] == "target" && matches!(two[1], "debug" | "release"));
    is_built || ["/tmp", "/var/tmp", "/private/tmp"].iter().any(|folder| program.starts_with(folder))
}

#[cfg(test)]
mod tests;
