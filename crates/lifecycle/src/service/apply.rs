//! Writing an entry, removing it, and putting it back.

use camino::Utf8PathBuf;
use iapeer_statefile::{Breaker, Line, ensure_dir, remove_file_durably, rewrite_file};

use super::call::{Again, Caller, lingers};
use super::definition::is_fleeting;
use super::entry::{Entry, EntryState, entry};
use super::record::Record;
use super::{Definition, Manager, ServiceError};
use crate::host::{Host, Warning, now};

/// What to do with what stands there and is not as iapeer wrote it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IfOthers {
    /// Leave it, and say so.
    Refuse,
    /// Keep it in quarantine, and replace it.
    Replace,
}

/// An entry that is as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installed {
    /// The entry as it was found.
    pub found: Entry,
    /// What was written.
    pub written: Written,
    /// Where what stood there is kept.
    pub kept: Option<Utf8PathBuf>,
    /// Whether the service manager was told.
    pub started: Started,
    /// What the user should know.
    pub warnings: Vec<Warning>,
}

/// What was done about the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// It was not there.
    New,
    /// Something else stood there.
    Replaced,
    /// It was as it should be.
    Unchanged,
}

/// Whether the service manager was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Started {
    /// It runs the supervisor, now and after each start of the machine.
    Yes,
    /// It could not be asked, for this reason.
    NoManager(String),
}

/// An entry that is not there any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Uninstalled {
    /// The entry as it was found.
    pub found: Entry,
    /// What the user should know.
    pub warnings: Vec<Warning>,
}

/// Writes the entry, unless it is as it should be, and has the service manager run it.
///
/// # Errors
///
/// [`ServiceError`]. With [`ServiceError::Manager`] the entry is written; with every other one it is as it was.
pub fn install(
    host: &Host,
    manager: Manager,
    definition: &Definition,
    others: IfOthers,
) -> Result<Installed, ServiceError> {
    let found = entry(host, manager)?;
    let mut warnings = Vec::new();
    if is_fleeting(&definition.program) {
        let what = format!("the service starts {}, which is where programs do not stay", definition.program);
        warnings.push(
            Warning::new(what).hint("install iapeer where it stays, then install the service from there"),
        );
    }
    let definition = Definition { name: found.name.clone(), ..definition.clone() };
    let text = definition.render(manager)?;
    let written = match (&found.state, others) {
        (EntryState::Missing, _) => Written::New,
        (EntryState::Ours(_), _) if found.text.as_ref() == Some(&text) => Written::Unchanged,
        (EntryState::Ours(_), _) | (_, IfOthers::Replace) => Written::Replaced,
        (EntryState::Changed(_), IfOthers::Refuse) => {
            return Err(ServiceError::Changed { path: found.path });
        }
        (EntryState::Foreign, IfOthers::Refuse) => return Err(ServiceError::Foreign { path: found.path }),
    };
    let kept = match (&found.state, &found.text) {
        (EntryState::Changed(_) | EntryState::Foreign, Some(old)) => {
            let name = found.path.file_name().unwrap_or("service");
            Some(host.quarantine().put(name, old.as_bytes(), Breaker::Overruled, now())?)
        }
        _ => None,
    };
    if written != Written::Unchanged {
        put(&found.path, &text)?;
    }
    let record = Record { manager, path: found.path.clone(), definition };
    if written != Written::Unchanged
        || !matches!(Record::read(host.layout()), Ok(Some(noted)) if noted == record)
    {
        record.write(host.layout())?;
        log(host, "installed", &found, &mut warnings);
    }
    let again = if written == Written::Replaced { Again::Yes } else { Again::No };
    let started = match Caller::find(manager, host.settings()) {
        Ok(caller) => {
            caller.begin(&found.name, &found.path, again)?;
            if manager == Manager::Systemd && !lingers(host.settings()) {
                let what = "the service, and every session that it starts, ends when you log out";
                warnings.push(Warning::new(what).hint("to have it run always: loginctl enable-linger"));
            }
            Started::Yes
        }
        Err(reason) => Started::NoManager(reason),
    };
    Ok(Installed { found, written, kept, started, warnings })
}

/// Has the service manager end what it runs by the entry, and removes it. Sessions go on.
///
/// # Errors
///
/// [`ServiceError`]; the entry is still there then.
pub fn uninstall(host: &Host, manager: Manager) -> Result<Uninstalled, ServiceError> {
    let found = entry(host, manager)?;
    match found.state {
        EntryState::Changed(_) => return Err(ServiceError::Changed { path: found.path }),
        EntryState::Foreign => return Err(ServiceError::Foreign { path: found.path }),
        EntryState::Missing | EntryState::Ours(_) => {}
    }
    let mut warnings = Vec::new();
    // A supervisor that looks now is not to bring it back.
    Record::remove(host.layout())?;
    if found.state == EntryState::Missing {
        return Ok(Uninstalled { found, warnings });
    }
    let caller = Caller::find(manager, host.settings());
    let mut told = |done: Result<(), ServiceError>| {
        if let Err(e) = done {
            warnings.push(Warning::of("the service manager may still run it", &e));
        }
    };
    match &caller {
        Ok(caller) => told(caller.end(&found.name)),
        Err(reason) => warnings.push(Warning::new(format!("{manager} was not told: {reason}"))),
    }
    remove_file_durably(&found.path)?;
    if let Ok(caller) = caller
        && let Err(e) = caller.forget()
    {
        warnings.push(Warning::of("the service manager may still know it", &e));
    }
    log(host, "uninstalled", &found, &mut warnings);
    Ok(Uninstalled { found, warnings })
}

/// Puts an entry back that was installed by us and removed by somebody else. Where none was installed, or it is
/// there, this is one look, or two.
pub fn mend_missing(host: &Host) -> Option<Warning> {
    let record = match Record::read(host.layout()) {
        Ok(record) => record?,
        Err(e) => {
            let warning = Warning::of("whether the service is installed cannot be told", &e);
            return Some(warning.hint("iapeer service install"));
        }
    };
    if !matches!(record.path.symlink_metadata(), Err(e) if e.kind() == std::io::ErrorKind::NotFound) {
        return None;
    }
    let Record { manager, path, definition } = record;
    let failed = |e: &ServiceError| {
        Warning::of(&format!("{path} was removed by somebody, and cannot be written again"), e)
            .hint("iapeer service install, or to do without it: iapeer service uninstall")
    };
    let text = match definition.render(manager) {
        Ok(text) => text,
        Err(e) => return Some(failed(&e.into())),
    };
    if let Err(e) = put(&path, &text) {
        return Some(failed(&e));
    }
    let mut warnings = Vec::new();
    let line = Line::new(now(), "service").field("state", "restored").field("path", &path);
    host.log(&line.field("by", &host.settings().caller), &mut warnings);
    let known = Caller::find(manager, host.settings()).map(|caller| caller.know(&definition.name));
    let rest = match known {
        Ok(Ok(())) => String::new(),
        Ok(Err(e)) => format!("; {}", crate::host::with_causes(&e)),
        Err(reason) => format!("; {manager} was not told: {reason}"),
    };
    Some(
        Warning::new(format!("{path} was removed by somebody, and was written again{rest}"))
            .hint("to do without it: iapeer service uninstall"),
    )
}

fn put(path: &Utf8PathBuf, text: &str) -> Result<(), ServiceError> {
    if let Some(folder) = path.parent() {
        ensure_dir(folder)?;
    }
    Ok(rewrite_file(path, text.as_bytes())?)
}

fn log(host: &Host, state: &str, entry: &Entry, warnings: &mut Vec<Warning>) {
    let line = Line::new(now(), "service").field("state", state).field("path", &entry.path);
    host.log(&line.field("by", &host.settings().caller), warnings);
}
