//! Looking at an entry: is it there, is it ours, and is there what it refers to.

use camino::Utf8PathBuf;
use iapeer_statefile::{HeldLocks, Holder, read_file};

use super::definition::{is_fleeting, name, parse};
use super::record::Record;
use super::{Definition, Manager, ServiceError, launchd};
use crate::grade::Grade;
use crate::host::{Host, with_causes};
use crate::search::is_program;

/// No entry is larger than this, in bytes.
const LIMIT: u64 = 256 << 10;

/// What stands where the entry of a host is, or would be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Whose entry it is.
    pub manager: Manager,
    /// What the service manager calls it, without an ending.
    pub name: String,
    /// Where it stands, or would.
    pub path: Utf8PathBuf,
    /// What stands there.
    pub state: EntryState,
    /// Whether one was installed here and not uninstalled.
    pub is_noted: bool,
    /// The file as a text, where there is one.
    pub(super) text: Option<String>,
}

/// What stands in the place of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EntryState {
    /// Nothing.
    Missing,
    /// An entry of ours, as it was written.
    Ours(Definition),
    /// An entry of ours that somebody changed; what it was made from, where that can still be read.
    Changed(Option<Definition>),
    /// Something that iapeer did not write.
    Foreign,
}

/// Something about an entry that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// How bad it is.
    pub grade: Grade,
    /// What is wrong; names the file.
    pub what: String,
    /// What mends it.
    pub remedy: String,
}

impl EntryState {
    /// What the entry was made from.
    pub fn definition(&self) -> Option<&Definition> {
        match self {
            EntryState::Ours(definition) => Some(definition),
            EntryState::Changed(definition) => definition.as_ref(),
            EntryState::Missing | EntryState::Foreign => None,
        }
    }

    /// The word that scripts read.
    pub fn as_str(&self) -> &'static str {
        match self {
            EntryState::Missing => "missing",
            EntryState::Ours(definition) if definition.version == env!("CARGO_PKG_VERSION") => "current",
            EntryState::Ours(_) => "outdated",
            EntryState::Changed(_) => "changed",
            EntryState::Foreign => "foreign",
        }
    }
}

/// Looks at the entry of this host. No process is started and nothing is written.
///
/// # Errors
///
/// [`ServiceError`] when that cannot be told.
pub fn entry(host: &Host, manager: Manager) -> Result<Entry, ServiceError> {
    let noted = match Record::read(host.layout()) {
        Ok(record) => record.filter(|record| record.manager == manager),
        // What is noted only says where to look; `problems` tells of it.
        Err(ServiceError::Damaged { .. }) => None,
        Err(e) => return Err(e),
    };
    let is_noted = noted.is_some();
    let (name, path) = match noted {
        // The settings may have been others then, as those of the service itself are.
        Some(record) => (record.definition.name, record.path),
        None => (name(host.settings()), place(host, manager)?),
    };
    let bytes = read_file(&path, LIMIT)?;
    let text = bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    let state = match text.as_deref().map(parse) {
        None => EntryState::Missing,
        Some(None) => EntryState::Foreign,
        Some(Some(parsed)) => match parsed.definition {
            Some(definition) if parsed.is_intact => EntryState::Ours(definition),
            definition => EntryState::Changed(definition),
        },
    };
    Ok(Entry { manager, name, path, state, is_noted, text })
}

/// Where the entry of a host belongs.
fn place(host: &Host, manager: Manager) -> Result<Utf8PathBuf, ServiceError> {
    let settings = host.settings();
    let home = settings.home.as_ref().ok_or(ServiceError::NoHome { manager });
    let name = name(settings);
    Ok(match manager {
        Manager::Systemd => {
            let config = settings.config_home.clone().map_or_else(|| home.map(|h| h.join(".config")), Ok);
            config?.join(format!("systemd/user/{name}.service"))
        }
        Manager::Launchd => home?.join(format!("Library/LaunchAgents/{}.plist", launchd::label(&name))),
    })
}

/// Who supervises this host now, by the lock; nobody is kept from taking it meanwhile.
///
/// # Errors
///
/// [`ServiceError::Locks`] where the system does not tell.
pub fn supervisor(host: &Host) -> Result<Option<Holder>, ServiceError> {
    let locks = HeldLocks::read()?.ok_or(ServiceError::Locks)?;
    Ok(locks.holder(&host.layout().supervisor_lock())?)
}

/// What is wrong with an entry, and with what it refers to.
pub fn problems(host: &Host, entry: &Entry) -> Vec<Problem> {
    let mut found = Vec::new();
    let mut tell = |grade, what: String, remedy: &str| {
        found.push(Problem { grade, what, remedy: remedy.to_owned() });
    };
    let path = &entry.path;
    if let Err(e) = Record::read(host.layout()) {
        tell(Grade::Warn, with_causes(&e), "iapeer service install");
    }
    match &entry.state {
        EntryState::Missing if entry.is_noted => tell(
            Grade::Warn,
            format!("{path} was removed, and not by iapeer"),
            "iapeer service install, or to do without it: iapeer service uninstall",
        ),
        EntryState::Missing | EntryState::Ours(_) => {}
        EntryState::Changed(_) => tell(
            Grade::Info,
            format!("{path} was changed by hand, so that it is left as it is"),
            "nothing, or to have it as it was: iapeer service install --force",
        ),
        EntryState::Foreign => tell(
            Grade::Warn,
            format!("{path} was not written by iapeer"),
            "move it away, then: iapeer service install",
        ),
    }
    let Some(definition) = entry.state.definition() else { return found };
    if entry.state.as_str() == "outdated" {
        let (version, ours) = (&definition.version, env!("CARGO_PKG_VERSION"));
        let what = format!("{path} is from iapeer {version}, and this is {ours}");
        tell(Grade::Warn, what, "iapeer service install");
    }
    let program = &definition.program;
    if !is_program(program) {
        let what = format!("{path} starts {program}, which is no program that is there");
        tell(Grade::Fail, what, "iapeer service install");
    } else if is_fleeting(program) {
        let what = format!("{path} starts {program}, which is where programs do not stay");
        tell(Grade::Warn, what, "install iapeer where it stays, then: iapeer service install");
    }
    if definition.root != *host.layout().root() {
        let what = format!("{path} is for the root {}", definition.root);
        tell(Grade::Fail, what, "iapeer service install");
    } else if !definition.root.is_dir() {
        let what = format!("{path} is for the root {}, which is not there", definition.root);
        tell(Grade::Fail, what, "iapeer create NAME, or: iapeer service uninstall");
    }
    found
}
