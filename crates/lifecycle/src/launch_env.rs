//! What a user adds to the environment and the arguments of sessions: `launch.env`, of a peer and of a runtime.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};
use iapeer_registry::Identity;
use iapeer_statefile::{ReadError, read_file};

use crate::Layout;

/// No such file is larger than this, in bytes.
const LIMIT: u64 = 64 << 10;

/// The name under which arguments stand instead of a variable.
const START_ARGS: &str = "PEER_START_ARGS";

/// The variables that say whose a session is; nobody else sets them.
pub(crate) const OURS: [&str; 3] = ["PEER_PERSONALITY", "PEER_RUNTIME", "PEER_IDENTITY"];

/// What is added.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct LaunchEnv {
    /// Variables, by name.
    pub(crate) variables: BTreeMap<String, String>,
    /// Arguments after those of the runtime's definition; none when nothing is said about them.
    pub(crate) start_args: Option<Vec<String>>,
}

/// Why such a file cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LaunchEnvError {
    /// A line of it is wrong.
    #[error("{file}, line {line}: {reason}")]
    BadLine {
        /// The file.
        file: Utf8PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// It is no text.
    #[error("{file} is not UTF-8")]
    NotText {
        /// The file.
        file: Utf8PathBuf,
    },
    /// It cannot be read.
    #[error(transparent)]
    Unreadable(#[from] ReadError),
}

impl LaunchEnv {
    /// What is added to sessions of an identity: what the peer says wins over what the runtime says.
    ///
    /// # Errors
    ///
    /// [`LaunchEnvError`].
    pub(crate) fn of(
        layout: &Layout,
        identity: &Identity,
        cwd: &Utf8Path,
    ) -> Result<LaunchEnv, LaunchEnvError> {
        let peer = LaunchEnv::read(&cwd.join(".iapeer/launch.env"))?;
        Ok(peer.over(LaunchEnv::read(&layout.runtime_launch_env(identity.runtime()))?))
    }

    /// Reads a file; one that is not there adds nothing.
    ///
    /// # Errors
    ///
    /// [`LaunchEnvError`].
    fn read(file: &Utf8Path) -> Result<LaunchEnv, LaunchEnvError> {
        let Some(bytes) = read_file(file, LIMIT)? else { return Ok(LaunchEnv::default()) };
        let Ok(text) = String::from_utf8(bytes) else {
            return Err(LaunchEnvError::NotText { file: file.to_owned() });
        };
        LaunchEnv::parse(&text).map_err(|(line, reason)| LaunchEnvError::BadLine {
            file: file.to_owned(),
            line,
            reason,
        })
    }

    /// This, with the other where it says nothing.
    #[must_use]
    fn over(self, other: LaunchEnv) -> LaunchEnv {
        let mut variables = other.variables;
        variables.extend(self.variables);
        LaunchEnv { variables, start_args: self.start_args.or(other.start_args) }
    }

    pub(crate) fn parse(text: &str) -> Result<LaunchEnv, (usize, String)> {
        let mut env = LaunchEnv::default();
        for (at, line) in text.lines().enumerate() {
            let line = line.trim();
            if !line.is_empty() && !line.starts_with('#') {
                env.take(line).map_err(|reason| (at + 1, reason))?;
            }
        }
        Ok(env)
    }

    fn take(&mut self, line: &str) -> Result<(), String> {
        let (name, value) = line.split_once('=').ok_or("it is not NAME=VALUE")?;
        if !is_name(name) {
            return Err(format!("{name:?} is no name of a variable"));
        }
        if OURS.contains(&name) {
            return Err(format!("{name} is set for every session and cannot be chosen"));
        }
        let value = value.trim();
        if value.contains('\0') {
            return Err(format!("the value of {name} has a zero byte"));
        }
        if name == START_ARGS {
            self.start_args = Some(words(value)?);
        } else {
            self.variables.insert(name.to_owned(), unquoted(value).to_owned());
        }
        Ok(())
    }
}

fn is_name(name: &str) -> bool {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    name.chars().all(word) && name.starts_with(|c: char| !c.is_ascii_digit())
}

/// A value without the quotes around it, as people write them out of habit. Nothing in it is expanded.
fn unquoted(value: &str) -> &str {
    let within =
        |quote| value.strip_prefix(quote)?.strip_suffix(quote).filter(|inner| !inner.contains(quote));
    within('"').or_else(|| within('\'')).unwrap_or(value)
}

/// The words of a line, as a shell splits them: quotes and backslashes keep blanks in a word. Nothing is
/// expanded.
fn words(text: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote: Option<char> = None;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            // Within double quotes a backslash only means something before these.
            (Some('"'), '\\') if chars.peek().is_some_and(|next| matches!(next, '"' | '\\' | '$' | '`')) => {
                word.get_or_insert_default().extend(chars.next());
            }
            (Some(_), c) => word.get_or_insert_default().push(c),
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, '\\') => match chars.next() {
                Some(next) => word.get_or_insert_default().push(next),
                None => return Err(format!("{START_ARGS} ends in a backslash")),
            },
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (None, c) => word.get_or_insert_default().push(c),
        }
    }
    match quote {
        Some(open) => Err(format!("{START_ARGS} has a {open} that is not closed")),
        None => {
            words.extend(word);
            Ok(words)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_variables_and_arguments() {
        let text = "# a comment\n\n A=1\nB= two words \nC=\"a b\"\nD='$(x) `y` \\n'\nE=\nF=a=b#c\nG='a' 'b'\n\
                    A=2\nPEER_START_ARGS=--model opus 'a b' \"c\\\"d\" e\\ f '' $HOME\n";
        let env = LaunchEnv::parse(text).unwrap();
        let variables: Vec<_> =
            env.variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let wanted = [
            ("A", "2"),
            ("B", "two words"),
            ("C", "a b"),
            ("D", "$(x) `y` \\n"),
            ("E", ""),
            ("F", "a=b#c"),
            ("G", "'a' 'b'"),
        ];
        assert_eq!(variables, wanted);
        assert_eq!(env.start_args.unwrap(), ["--model", "opus", "a b", "c\"d", "e f", "", "$HOME"]);
    }

    #[test]
    fn a_bad_line_has_its_number_and_reason() {
        for (text, line, reason) in [
            ("A=1\nB", 2, "it is not NAME=VALUE"),
            ("export A=1", 1, "\"export A\" is no name of a variable"),
            ("1A=1", 1, "is no name"),
            ("=1", 1, "is no name"),
            ("A =1", 1, "is no name"),
            ("\nPEER_IDENTITY=x", 2, "is set for every session"),
            ("A=\0", 1, "has a zero byte"),
            ("PEER_START_ARGS='a", 1, "has a ' that is not closed"),
            ("PEER_START_ARGS=a \"b", 1, "has a \" that is not closed"),
            ("PEER_START_ARGS=a\\", 1, "ends in a backslash"),
        ] {
            let (at, found) = LaunchEnv::parse(text).unwrap_err();
            assert!(at == line && found.contains(reason), "{text:?}: {at} {found}");
        }
    }

    #[test]
    fn what_is_said_wins_over_what_is_said_elsewhere() {
        let env = |text: &str| LaunchEnv::parse(text).unwrap();
        let peer = env("A=peer\nB=peer");
        let runtime = env("A=runtime\nC=runtime\nPEER_START_ARGS=x");
        assert_eq!(peer.over(runtime.clone()), env("A=peer\nB=peer\nC=runtime\nPEER_START_ARGS=x"));
        assert_eq!(env("PEER_START_ARGS=").over(runtime).start_args, Some(vec![]));
    }
}
