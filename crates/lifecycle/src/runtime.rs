//! What a runtime is: built in, or a file that a user adds. Both have the same form.

use camino::{Utf8Path, Utf8PathBuf};
use iapeer_registry::RuntimeName;
use iapeer_statefile::{ReadError, list_folder, read_file, with_causes};

use crate::search::{find_program, is_program};
use crate::{Layout, Settings, Warning};

pub(crate) mod definition;
#[cfg(feature = "schema")]
mod schema;
#[cfg(test)]
mod tests;

pub use definition::{Answer, Arguments, Class, DefinitionFault, Dialog, Key, StartUp, Typed};
use definition::{Definition, unknown_keys};
#[cfg(feature = "schema")]
pub use schema::definition_schema;

/// No definition is larger than this, in bytes.
const LIMIT: u64 = 256 << 10;

/// The runtimes that need no file, in the order in which a default is looked for.
const BUILT_IN: [(&str, &str); 5] = [
    ("claude", include_str!("runtimes/claude.json")),
    ("codex", include_str!("runtimes/codex.json")),
    ("shell", include_str!("runtimes/shell.json")),
    ("telegram", include_str!("runtimes/router.json")),
    ("notifier", include_str!("runtimes/router.json")),
];

/// The word in a definition that means the user's shell.
const USER_SHELL: &str = "$SHELL";

/// A runtime.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Runtime {
    /// Its name.
    pub name: RuntimeName,
    /// Where its definition is from.
    pub source: Source,
    /// The definition, as it is written.
    pub text: String,
    /// Why the user's file for what is built in is passed over, if it is.
    pub passed_over: Option<String>,
    /// How its sessions come to be.
    pub class: Class,
    /// The program of an agent runtime: a name to look for, an absolute path, or `$SHELL`.
    program: String,
    /// The program's arguments.
    pub argv: Arguments,
    /// What it shows while it starts, and when it is ready.
    pub start_up: StartUp,
    /// A pattern for the files of its transcripts, with `{home}`, `{codex_home}` and `{cwd_slug}`.
    pub transcripts: Option<String>,
    /// The keys that interrupt what it is doing; none when nothing does.
    pub interrupt: Vec<Key>,
    /// What lets it compact its context; none when it has none.
    pub compact: Option<Typed>,
}

/// Where a definition is from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// It is built in.
    BuiltIn,
    /// This file of the user.
    File(Utf8PathBuf),
}

/// What became of a definition that was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DefinitionCheck {
    /// What makes it unusable.
    pub fault: Option<DefinitionFault>,
    /// Keys in it that mean nothing.
    pub warnings: Vec<DefinitionFault>,
}

/// Why a runtime cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RuntimeError {
    /// Nobody says what it is.
    #[error("no runtime {runtime} is declared: it is not built in, and there is no {file}")]
    NotDeclared {
        /// The runtime.
        runtime: RuntimeName,
        /// Where its definition would be.
        file: Utf8PathBuf,
        /// All names that are declared, for a suggestion.
        known: Vec<RuntimeName>,
    },
    /// Its file does not parse.
    #[error("{file} does not describe a runtime: {reason}")]
    BadDefinition {
        /// The file.
        file: Utf8PathBuf,
        /// What is wrong, with line and column.
        reason: String,
    },
    /// Its file cannot be read.
    #[error(transparent)]
    Unreadable(#[from] ReadError),
    /// Its program is not on this machine.
    #[error("the program of runtime {runtime} is not installed: {program} is {missing}")]
    NotInstalled {
        /// The runtime.
        runtime: RuntimeName,
        /// What was looked for.
        program: String,
        /// Where it is not, or what it is not.
        missing: String,
    },
    /// It has no sessions of ours.
    #[error("runtime {runtime} is held by the host's service manager and is not started here")]
    Router {
        /// The runtime.
        runtime: RuntimeName,
    },
}

impl Runtime {
    /// The runtime of this name: what the user's file says, else what is built in. That also stays when the
    /// file cannot be used, which [`Runtime::passed_over`] tells.
    ///
    /// # Errors
    ///
    /// [`RuntimeError`] when nobody declares it, or its file is no definition.
    pub fn find(name: &RuntimeName, layout: &Layout) -> Result<Runtime, RuntimeError> {
        let file = layout.runtime_file(name);
        match (Runtime::in_file(name, &file), Runtime::built_in(name)) {
            (Ok(Some(runtime)), _) | (Ok(None), Some(runtime)) => Ok(runtime),
            (Ok(None), None) => {
                // What cannot be listed can be suggested by nobody.
                let known = Runtime::names(layout).unwrap_or_default();
                Err(RuntimeError::NotDeclared { runtime: name.clone(), file, known })
            }
            (Err(e), Some(runtime)) => Ok(Runtime { passed_over: Some(with_causes(&e)), ..runtime }),
            (Err(e), None) => Err(e),
        }
    }

    /// Whether the host's service manager holds its sessions.
    pub(crate) fn is_held_by_service(&self) -> bool {
        self.class == Class::Router
    }

    /// Every name that is built in, or has a folder among the users' definitions.
    ///
    /// # Errors
    ///
    /// [`RuntimeError::Unreadable`] when that folder cannot be listed.
    pub fn names(layout: &Layout) -> Result<Vec<RuntimeName>, RuntimeError> {
        let mut names: Vec<RuntimeName> = BUILT_IN.iter().filter_map(|(name, _)| name.parse().ok()).collect();
        let folders = list_folder(&layout.runtimes())?;
        let declared = folders.iter().filter_map(|name| name.parse().ok());
        names.extend(declared.filter(|name| matches!(layout.runtime_file(name).try_exists(), Ok(true))));
        names.sort();
        names.dedup();
        Ok(names)
    }

    /// What the user should know of its definition: that a file for it is passed over.
    pub(crate) fn warning(&self, layout: &Layout) -> Option<Warning> {
        let reason = self.passed_over.as_ref()?;
        let message = format!("{reason}; what is built in as {} is used instead", self.name);
        let file = layout.runtime_file(&self.name);
        Some(Warning::new(message).hint(format!("mend {file}, then: iapeer runtime check {file}")))
    }

    fn built_in(name: &RuntimeName) -> Option<Runtime> {
        let (_, text) = BUILT_IN.iter().find(|(built_in, _)| *built_in == name.as_str())?;
        let definition = Definition::parse(text.as_bytes()).expect("a test reads all that are built in");
        Some(Runtime::new(name, Source::BuiltIn, (*text).to_owned(), definition))
    }

    fn in_file(name: &RuntimeName, file: &Utf8Path) -> Result<Option<Runtime>, RuntimeError> {
        let Some(bytes) = read_file(file, LIMIT)? else { return Ok(None) };
        let definition = Definition::parse(&bytes)
            .map_err(|e| RuntimeError::BadDefinition { file: file.to_owned(), reason: e.reason })?;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        Ok(Some(Runtime::new(name, Source::File(file.to_owned()), text, definition)))
    }

    fn new(name: &RuntimeName, source: Source, text: String, definition: Definition) -> Runtime {
        let Definition { class, program, argv, ready, loading, dialogs, transcripts, interrupt, compact } =
            definition;
        Runtime {
            name: name.clone(),
            source,
            text,
            passed_over: None,
            class,
            program: program.unwrap_or_default(),
            argv,
            start_up: StartUp { ready: ready.0, loading: loading.0, dialogs },
            transcripts,
            interrupt,
            compact,
        }
    }

    /// The runtime that a peer gets when nobody names one: the first agent program that is installed,
    /// and the shell where none is.
    pub fn default_on(settings: &Settings, layout: &Layout) -> RuntimeName {
        let agents = BUILT_IN.iter().map(|(name, _)| name.parse().expect("built-in names are valid"));
        agents
            .filter(|name| Runtime::find(name, layout).is_ok_and(|r| r.program(settings).is_ok()))
            .find(|_| true)
            .unwrap_or_else(|| "shell".parse().expect("a valid name"))
    }

    /// The absolute path of the program: named explicitly, else on the path, else in `~/.local/bin`.
    ///
    /// # Errors
    ///
    /// [`RuntimeError::NotInstalled`] with the places looked at, [`RuntimeError::Router`].
    pub fn program(&self, settings: &Settings) -> Result<Utf8PathBuf, RuntimeError> {
        if self.is_held_by_service() {
            return Err(RuntimeError::Router { runtime: self.name.clone() });
        }
        let missing = |program: &str, missing: &str| RuntimeError::NotInstalled {
            runtime: self.name.clone(),
            program: program.to_owned(),
            missing: missing.to_owned(),
        };
        if let Some(named) = settings.programs.get(self.name.as_str()) {
            let variable = format!("IAPEER_{}_BIN", self.name.as_str().to_ascii_uppercase());
            return if is_program(named) {
                Ok(named.clone())
            } else {
                Err(missing(named.as_str(), &format!("no executable file, and {variable} names it")))
            };
        }
        let program = if self.program == USER_SHELL { settings.shell.as_str() } else { &self.program };
        if program.starts_with('/') {
            let path = Utf8PathBuf::from(program);
            return if is_program(&path) { Ok(path) } else { Err(missing(program, "no executable file")) };
        }
        let at_home = || settings.home.as_ref().map(|home| home.join(".local/bin").join(program));
        find_program(&settings.path, program)
            .or_else(|| at_home().filter(|path| path.is_absolute() && is_program(path)))
            .ok_or_else(|| missing(program, "neither on PATH nor in ~/.local/bin"))
    }
}

/// Looks at a definition, wherever it stands.
///
/// # Errors
///
/// [`RuntimeError::Unreadable`]; a file that is not there is `None`.
pub fn check_definition(file: &Utf8Path) -> Result<Option<DefinitionCheck>, RuntimeError> {
    let Some(bytes) = read_file(file, LIMIT)? else { return Ok(None) };
    Ok(Some(DefinitionCheck {
        fault: Definition::parse(&bytes).err(),
        warnings: unknown_keys(&String::from_utf8_lossy(&bytes)),
    }))
}
