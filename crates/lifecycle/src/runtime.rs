//! What a runtime is: built in, or a file that a user adds. Both have the same form.

use std::os::unix::fs::PermissionsExt;

use camino::{Utf8Path, Utf8PathBuf};
use iapeer_registry::RuntimeName;
use iapeer_statefile::{ReadError, read_file};
use serde::Deserialize;

use crate::{Layout, Settings};

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

/// How a runtime's sessions come to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// Started on demand, in a tmux server of its own.
    Agent,
    /// Held by the host's service manager, and only observed here.
    Router,
}

/// The word in an argument that stands for the file of the system prompt.
const SYSTEM_PROMPT_FILE: &str = "{system_prompt_file}";

/// The arguments of a runtime's program.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Arguments {
    /// For a session that begins anew.
    pub fresh: Vec<Argument>,
    /// For one that goes on where the last one ended; absent when the program cannot.
    #[serde(default)]
    pub resume: Option<Vec<Argument>>,
}

/// One argument, or a group of them that stand or fall together: one that holds a placeholder without a value
/// drops out as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged, expecting = "an argument is a text, or a list of texts")]
pub enum Argument {
    /// One.
    Word(String),
    /// Several.
    Group(Vec<String>),
}

/// A runtime.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Runtime {
    /// Its name.
    pub name: RuntimeName,
    /// How its sessions come to be.
    pub class: Class,
    /// The program of an agent runtime: a name to look for, an absolute path, or `$SHELL`.
    program: String,
    /// The program's arguments.
    pub argv: Arguments,
    /// Where its transcripts are, as a pattern; absent when nobody says.
    pub transcripts: Option<String>,
}

#[derive(Deserialize)]
struct Definition {
    class: Class,
    #[serde(default)]
    program: Option<String>,
    #[serde(default)]
    argv: Arguments,
    #[serde(default)]
    transcripts: Option<String>,
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
    /// The runtime of this name: what the user's file says, else what is built in.
    ///
    /// # Errors
    ///
    /// [`RuntimeError`] when nobody declares it, or its file is no definition.
    pub fn find(name: &RuntimeName, layout: &Layout) -> Result<Runtime, RuntimeError> {
        let file = layout.runtime_file(name);
        let text = match read_file(&file, LIMIT)? {
            Some(bytes) => bytes,
            None => match BUILT_IN.iter().find(|(built_in, _)| *built_in == name.as_str()) {
                Some((_, text)) => text.as_bytes().to_vec(),
                None => return Err(RuntimeError::NotDeclared { runtime: name.clone(), file }),
            },
        };
        let bad = |reason: String| RuntimeError::BadDefinition { file: file.clone(), reason };
        let definition: Definition = serde_json::from_slice(&text).map_err(|e| bad(e.to_string()))?;
        let program = match (definition.class, &definition.program) {
            (_, Some(program)) if !program.is_empty() => program.clone(),
            (Class::Router, _) => String::new(),
            (Class::Agent, _) => return Err(bad("an agent runtime needs a `program`".to_owned())),
        };
        let Definition { class, argv, transcripts, .. } = definition;
        Ok(Runtime { name: name.clone(), class, program, argv, transcripts })
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
        if self.class == Class::Router {
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
        let on_path =
            std::env::split_paths(&settings.path).filter_map(|p| Utf8PathBuf::from_path_buf(p).ok());
        let at_home = settings.home.iter().map(|home| home.join(".local/bin"));
        on_path
            .chain(at_home)
            .filter(|folder| folder.is_absolute())
            .map(|folder| folder.join(program))
            .find(|path| is_program(path))
            .ok_or_else(|| missing(program, "neither on PATH nor in ~/.local/bin"))
    }
}

impl Argument {
    /// The words of a group of arguments, a single one being a group of its own.
    fn words(&self) -> &[String] {
        match self {
            Argument::Word(word) => std::slice::from_ref(word),
            Argument::Group(words) => words,
        }
    }
}

/// Whether a program can be given a system prompt in these arguments.
pub(crate) fn takes_system_prompt(arguments: &[Argument]) -> bool {
    arguments.iter().flat_map(Argument::words).any(|word| word.contains(SYSTEM_PROMPT_FILE))
}

/// The arguments with the file of the system prompt put in, where there is one.
pub(crate) fn filled(arguments: &[Argument], system_prompt: Option<&Utf8Path>) -> Vec<String> {
    let fill = |argument: &Argument| match system_prompt {
        Some(file) => {
            argument.words().iter().map(|word| word.replace(SYSTEM_PROMPT_FILE, file.as_str())).collect()
        }
        None if argument.words().iter().any(|word| word.contains(SYSTEM_PROMPT_FILE)) => Vec::new(),
        None => argument.words().to_vec(),
    };
    arguments.iter().flat_map(fill).collect()
}

fn is_program(path: &Utf8Path) -> bool {
    path.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_without_its_value_drops_out() {
        let arguments: Vec<Argument> = serde_json::from_str(
            r#"["a", ["--file", "{system_prompt_file}"], "b={system_prompt_file}", ["c", "d"], [], "{cwd}"]"#,
        )
        .unwrap();
        assert!(takes_system_prompt(&arguments));
        assert!(!takes_system_prompt(&arguments[3..]));
        assert_eq!(filled(&arguments, None), ["a", "c", "d", "{cwd}"]);
        let with = filled(&arguments, Some(Utf8Path::new("/x y.md")));
        assert_eq!(with, ["a", "--file", "/x y.md", "b=/x y.md", "c", "d", "{cwd}"]);
    }

    #[test]
    fn the_words_of_the_built_in_agents() {
        let layout = Layout::new("/nowhere".into(), "/nowhere/socks".into());
        let claude = "--dangerously-skip-permissions --disallowedTools AskUserQuestion --add-dir /";
        let file = Some(Utf8Path::new("/f.md"));
        for (name, prompt, fresh, resume) in [
            ("claude", None, claude.to_owned(), format!("{claude} --continue")),
            (
                "claude",
                file,
                format!("{claude} --system-prompt-file /f.md"),
                format!("{claude} --system-prompt-file /f.md --continue"),
            ),
            ("codex", None, String::new(), "resume --last".to_owned()),
            (
                "codex",
                file,
                "-c model_instructions_file=/f.md".to_owned(),
                "-c model_instructions_file=/f.md resume --last".to_owned(),
            ),
        ] {
            let argv = Runtime::find(&name.parse().unwrap(), &layout).unwrap().argv;
            assert_eq!(filled(&argv.fresh, prompt).join(" "), fresh, "{name}");
            assert_eq!(filled(&argv.resume.unwrap(), prompt).join(" "), resume, "{name}");
        }
    }

    #[test]
    fn every_built_in_agent_can_be_found() {
        let layout = Layout::new("/nowhere".into(), "/nowhere/socks".into());
        for (name, _) in BUILT_IN {
            let runtime = Runtime::find(&name.parse().unwrap(), &layout).unwrap();
            let resume = runtime.argv.resume.unwrap_or_default();
            assert_eq!(takes_system_prompt(&runtime.argv.fresh), takes_system_prompt(&resume), "{name}");
        }
    }
}
