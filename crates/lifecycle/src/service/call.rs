//! Asking the service manager.

use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use iapeer_provision_exec::{Run, State};

use super::{Manager, ServiceError, launchd};
use crate::Settings;
use crate::search::find_program;

/// How long one command has.
const LIMIT: Duration = Duration::from_secs(30);
/// How long a question has that can be done without.
const QUESTION_LIMIT: Duration = Duration::from_secs(3);

/// A service manager that can be asked.
#[derive(Debug)]
pub(super) struct Caller {
    manager: Manager,
    program: Utf8PathBuf,
}

impl Caller {
    /// The manager that runs for this user, or why there is none.
    pub(super) fn find(manager: Manager, settings: &Settings) -> Result<Caller, String> {
        if manager == Manager::Systemd && !user_manager(settings) {
            return Err("no systemd runs for this user".to_owned());
        }
        let name = match manager {
            Manager::Systemd => "systemctl",
            Manager::Launchd => "launchctl",
        };
        match find_program(&settings.path, name) {
            Some(program) => Ok(Caller { manager, program }),
            None => Err(format!("there is no {name} on PATH")),
        }
    }

    /// Has the entry run, now and after each start of the machine. `again`: what runs has an entry that is no
    /// longer there.
    pub(super) fn begin(&self, name: &str, path: &Utf8Path, again: Again) -> Result<(), ServiceError> {
        match (self.manager, again) {
            (Manager::Systemd, Again::No) => {
                self.call(&["--user", "daemon-reload"])?;
                self.call(&["--user", "enable", "--now", &unit(name)])
            }
            (Manager::Systemd, Again::Yes) => {
                self.call(&["--user", "daemon-reload"])?;
                self.call(&["--user", "enable", &unit(name)])?;
                self.call(&["--user", "restart", &unit(name)])
            }
            (Manager::Launchd, again) => {
                let is_loaded = self.call(&["print", &job(name)]).is_ok();
                if is_loaded && again == Again::No {
                    return Ok(());
                }
                if is_loaded {
                    self.call(&["bootout", &job(name)])?;
                }
                self.call(&["bootstrap", &domain(), path.as_str()])
            }
        }
    }

    /// Has the entry known again, and run after the next start of the machine; nothing is started now.
    pub(super) fn know(&self, name: &str) -> Result<(), ServiceError> {
        match self.manager {
            Manager::Systemd => {
                self.call(&["--user", "daemon-reload"])?;
                self.call(&["--user", "enable", &unit(name)])
            }
            // It reads the folder at each login.
            Manager::Launchd => Ok(()),
        }
    }

    /// Ends what runs by the entry, which is still there, and lets it not be run any more.
    pub(super) fn end(&self, name: &str) -> Result<(), ServiceError> {
        match self.manager {
            Manager::Systemd => self.call(&["--user", "disable", "--now", &unit(name)]),
            Manager::Launchd => match self.call(&["print", &job(name)]) {
                Ok(()) => self.call(&["bootout", &job(name)]),
                Err(_) => Ok(()),
            },
        }
    }

    /// Has the manager forget an entry that was removed.
    pub(super) fn forget(&self) -> Result<(), ServiceError> {
        match self.manager {
            Manager::Systemd => self.call(&["--user", "daemon-reload"]),
            Manager::Launchd => Ok(()),
        }
    }

    /// Tells the service manager of the system.
    fn call(&self, args: &[&str]) -> Result<(), ServiceError> {
        let outcome = Run::new(&self.program).args(args).time_limit(LIMIT).run();
        let reason = match (outcome.state, outcome.detail(), outcome.exit) {
            (State::Ok, _, _) => return Ok(()),
            (State::Timeout, _, _) => format!("no answer within {} s", LIMIT.as_secs()),
            (_, Some(detail), _) => detail,
            (_, None, Some(exit)) => format!("{exit}, standard error was empty"),
            (_, None, None) => "its exit code was lost".to_owned(),
        };
        let name = self.program.file_name().unwrap_or(self.program.as_str());
        Err(ServiceError::Manager { command: format!("{name} {}", args.join(" ")), reason })
    }
}

/// Whether something may run already by an entry of this name that was another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Again {
    No,
    Yes,
}

/// Whether a systemd runs for this user and can be asked: one of its sockets is there. No process is started.
pub(crate) fn user_manager(settings: &Settings) -> bool {
    let exists = |folder: &Utf8PathBuf| {
        ["systemd/private", "bus"].iter().any(|socket| matches!(folder.join(socket).try_exists(), Ok(true)))
    };
    settings.runtime_dir.as_ref().is_some_and(exists)
}

/// Whether the systemd of this user stays when the user logs out; no, where that cannot be told.
///
/// Where it does not stay, logging out ends it ten seconds later, with everything that it runs and every scope
/// that it made, while what was started plainly goes on; see user@.service(5) and loginctl(1).
pub(crate) fn lingers(settings: &Settings) -> bool {
    let Some(program) = find_program(&settings.path, "loginctl") else { return false };
    let user = rustix::process::getuid().as_raw().to_string();
    let question = Run::new(program).args(["show-user", &user, "--property=Linger", "--value"]);
    let outcome = question.time_limit(QUESTION_LIMIT).run();
    outcome.state == State::Ok && outcome.stdout.text().trim() == "yes"
}

fn unit(name: &str) -> String {
    format!("{name}.service")
}

/// Where a user's agents are; see launchctl(1).
fn domain() -> String {
    format!("gui/{}", rustix::process::getuid().as_raw())
}

fn job(name: &str) -> String {
    format!("{}/{}", domain(), launchd::label(name))
}
