//! The entry by which the host's service manager runs the supervisor.

use std::process::ExitCode;

use camino::Utf8PathBuf;
use iapeer_lifecycle::service::{
    Definition, Entry, EntryState, IfOthers, Installed, Manager, ServiceError, Started, Uninstalled, Written,
    entry, install, problems, supervisor, uninstall,
};
use iapeer_lifecycle::{Grade, Host};
use serde::Serialize;

use super::{Done, unreadable, write_error};
use crate::args::{Output, ServiceInstallArgs, ServicePrintArgs};
use crate::error::{CliError, Kind};
use crate::{env, out, text};

pub(crate) fn print(host: &Host, args: &ServicePrintArgs) -> Done {
    let manager = args.manager.unwrap_or_else(Manager::of_this_system);
    let text = definition(host)?.render(manager).map_err(|e| service_error(&ServiceError::Definition(e)))?;
    out::line(text.trim_end())?;
    Ok(ExitCode::SUCCESS)
}

#[derive(Serialize)]
struct InstallDoc<'a> {
    manager: Manager,
    name: &'a str,
    path: &'a str,
    written: &'static str,
    started: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    quarantine: Option<&'a str>,
}

pub(crate) fn install_verb(host: &Host, args: &ServiceInstallArgs) -> Done {
    let others = if args.force { IfOthers::Replace } else { IfOthers::Refuse };
    let manager = Manager::of_this_system();
    let Installed { found, written, kept, started, warnings } =
        install(host, manager, &definition(host)?, others).map_err(|e| service_error(&e))?;
    out::warnings(&warnings);
    let (word, told) = match written {
        Written::New => ("new", "was written"),
        Written::Replaced => ("replaced", "was written anew"),
        Written::Unchanged => ("unchanged", "is as it should be"),
    };
    if args.output.json {
        out::json(
            "service-install",
            &InstallDoc {
                manager,
                name: &found.name,
                path: found.path.as_str(),
                written: word,
                started: started == Started::Yes,
                quarantine: kept.as_deref().map(|path| path.as_str()),
            },
        )?;
    } else {
        out::line(format!("{} {told}", found.path))?;
        if let Some(kept) = &kept {
            out::line(format!("what stood there is kept: {kept}"))?;
        }
        if started == Started::Yes {
            out::line(format!("{manager} runs the supervisor, now and after each login"))?;
        }
    }
    if let Started::NoManager(reason) = &started {
        out::remark("warning", &format!("nothing was started: {reason}"));
        out::remark(
            "hint",
            "log in where one runs, then: iapeer service install; else let something else run `iapeer supervise`",
        );
    }
    Ok(ExitCode::SUCCESS)
}

#[derive(Serialize)]
struct UninstallDoc<'a> {
    manager: Manager,
    name: &'a str,
    path: &'a str,
    was_installed: bool,
}

pub(crate) fn uninstall_verb(host: &Host, output: &Output) -> Done {
    let manager = Manager::of_this_system();
    let Uninstalled { found, warnings } = uninstall(host, manager).map_err(|e| match &e {
        ServiceError::Changed { .. } => CliError::of(Kind::Refused, &e).hint(
            "to have it gone all the same: iapeer service install --force, then: iapeer service uninstall",
        ),
        ServiceError::Foreign { .. } => {
            CliError::of(Kind::Refused, &e).hint("nothing was done: it is not iapeer's to remove")
        }
        _ => service_error(&e),
    })?;
    out::warnings(&warnings);
    let was_installed = found.state != EntryState::Missing;
    if output.json {
        let (name, path) = (found.name.as_str(), found.path.as_str());
        out::json("service-uninstall", &UninstallDoc { manager, name, path, was_installed })?;
    } else if was_installed {
        out::line(format!("{} was removed; sessions that run go on", found.path))?;
    } else {
        out::line(format!("{} is not there, so there was nothing to remove", found.path))?;
    }
    Ok(ExitCode::SUCCESS)
}

#[derive(Serialize)]
struct StatusDoc<'a> {
    manager: Manager,
    name: &'a str,
    path: &'a str,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    program: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    root: Option<&'a str>,
    supervisor: Supervisor,
    problems: Vec<ProblemDoc<'a>>,
}

#[derive(Serialize)]
struct Supervisor {
    /// Absent where the system does not tell who holds a lock.
    #[serde(skip_serializing_if = "Option::is_none")]
    running: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pid: Option<u32>,
}

#[derive(Serialize)]
struct ProblemDoc<'a> {
    status: &'static str,
    what: &'a str,
    remedy: &'a str,
}

pub(crate) fn status(host: &Host, output: &Output) -> Done {
    let found = entry(host, Manager::of_this_system()).map_err(|e| service_error(&e))?;
    let problems = problems(host, &found);
    let supervisor = match supervisor(host) {
        Ok(Some(holder)) => Supervisor { running: Some(true), pid: Some(holder.pid) },
        Ok(None) => Supervisor { running: Some(false), pid: None },
        Err(_) => Supervisor { running: None, pid: None },
    };
    let is_bad = problems.iter().any(|problem| problem.grade != Grade::Info);
    let code = if is_bad { Kind::Failed.into() } else { ExitCode::SUCCESS };
    let Entry { manager, name, path, state, .. } = &found;
    if output.json {
        let definition = state.definition();
        let document = StatusDoc {
            manager: *manager,
            name,
            path: path.as_str(),
            state: state.as_str(),
            version: definition.map(|d| d.version.as_str()),
            program: definition.map(|d| d.program.as_str()),
            root: definition.map(|d| d.root.as_str()),
            supervisor,
            problems: problems
                .iter()
                .map(|p| ProblemDoc { status: p.grade.as_str(), what: &p.what, remedy: &p.remedy })
                .collect(),
        };
        out::json("service-status", &document)?;
        return Ok(code);
    }
    out::line(match state {
        EntryState::Missing => format!("not installed: {path} is not there"),
        EntryState::Ours(_) => format!("installed, {}: {path}", state.as_str()),
        EntryState::Changed(_) => format!("installed, and changed by hand: {path}"),
        EntryState::Foreign => format!("not installed: {path} is somebody else's"),
    })?;
    if let Some(definition) = state.definition() {
        out::line(format!("starts: {} supervise", text::one_line(definition.program.as_str())))?;
        out::line(format!("root: {}", text::one_line(definition.root.as_str())))?;
        out::line(format!("from: iapeer {}", text::one_line(&definition.version)))?;
    }
    out::line(match (supervisor.running, supervisor.pid) {
        (Some(true), Some(pid)) => format!("supervisor: running (pid {pid})"),
        (Some(_), _) => "supervisor: not running".to_owned(),
        (None, _) => "supervisor: whether it runs cannot be told".to_owned(),
    })?;
    for problem in &problems {
        out::line(text::one_line(&format!(
            "{}: {}; {}",
            problem.grade.as_str(),
            problem.what,
            problem.remedy
        )))?;
    }
    if *state == EntryState::Missing && problems.is_empty() {
        out::note("hint: iapeer service install");
    }
    Ok(code)
}

/// What the service is to run: this program, by the path that has no link in it.
fn definition(host: &Host) -> Result<Definition, CliError> {
    let unknown =
        |e: std::io::Error| CliError::failed(format!("the path of this program cannot be told: {e}"));
    let program = std::env::current_exe().and_then(|path| path.canonicalize()).map_err(unknown)?;
    let program = Utf8PathBuf::from_path_buf(program).map_err(|path| {
        CliError::failed(format!("the path of this program is not UTF-8: {}", path.display()))
    })?;
    Ok(Definition::new(host.settings(), program, env::for_service()?))
}

fn service_error(error: &ServiceError) -> CliError {
    match error {
        ServiceError::NoHome { .. } => CliError::of(Kind::Failed, error).hint("set HOME"),
        ServiceError::Definition(_) => CliError::of(Kind::Failed, error)
            .hint("move it to a path without such characters, or change the variable"),
        ServiceError::Changed { .. } | ServiceError::Foreign { .. } => CliError::of(Kind::Refused, error)
            .hint("to replace it, and keep what stands there in quarantine: iapeer service install --force"),
        ServiceError::Manager { .. } => CliError::of(Kind::Failed, error)
            .hint("the entry is written; when that is mended: iapeer service install"),
        ServiceError::Damaged { .. } => CliError::of(Kind::Damaged, error).hint("iapeer service install"),
        ServiceError::Read(e) => unreadable(e),
        ServiceError::Write(e) => write_error(e),
        _ => CliError::of(Kind::Failed, error),
    }
}
