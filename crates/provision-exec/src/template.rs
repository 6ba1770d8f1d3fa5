//! Argument templates and the one pass that fills them.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use crate::Run;

/// What a declaration says: a command and argument templates.
///
/// A placeholder is a name in braces, such as `{cwd}`. Which names there are is up to the caller of
/// [`fill`](Self::fill). The command itself is taken as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    command: OsString,
    args: Vec<String>,
}

/// Why a template could not be filled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FillError {
    /// The command has a NUL byte, which cannot be passed to a program.
    #[error("the command has a NUL byte")]
    NulInCommand,
    /// An argument template has a NUL byte, which cannot be passed to a program.
    #[error("argument {index} has a NUL byte")]
    NulInArgument {
        /// The position in the list of argument templates, from 0.
        index: usize,
    },
    /// A value that was to be filled in has a NUL byte, which cannot be passed to a program.
    #[error("the value of {{{name}}} has a NUL byte")]
    NulInValue {
        /// The name of the placeholder.
        name: String,
    },
}

impl Template {
    /// A template from a command, which must be an absolute path to be run, and its arguments.
    pub fn new(command: impl Into<OsString>, args: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self { command: command.into(), args: args.into_iter().map(Into::into).collect() }
    }

    /// Replaces every `{name}` of `values` inside each argument, all occurrences, in one pass: what a
    /// value brings in is not looked at again. Any other text in braces stays as it is. The number
    /// and order of arguments never change. When a name is given twice, its first value counts.
    ///
    /// # Errors
    ///
    /// A NUL byte in the command, in an argument, or in a value, whether it is used or not.
    pub fn fill(&self, values: &[(&str, &OsStr)]) -> Result<Run, FillError> {
        if has_nul(&self.command) {
            return Err(FillError::NulInCommand);
        }
        if let Some(index) = self.args.iter().position(|arg| has_nul(arg.as_ref())) {
            return Err(FillError::NulInArgument { index });
        }
        if let Some((name, _)) = values.iter().find(|(_, value)| has_nul(value)) {
            return Err(FillError::NulInValue { name: (*name).to_owned() });
        }
        let args = self.args.iter().map(|arg| fill_argument(arg, values));
        Ok(Run::new(&self.command).args(args))
    }
}

fn has_nul(text: &OsStr) -> bool {
    text.as_bytes().contains(&0)
}

fn fill_argument(template: &str, values: &[(&str, &OsStr)]) -> OsString {
    let mut filled = OsString::new();
    let mut rest = template;
    while let Some(brace) = rest.find('{') {
        let (before, candidate) = rest.split_at(brace);
        filled.push(before);
        rest = match placeholder(candidate, values) {
            Some((value, after)) => {
                filled.push(value);
                after
            }
            None => {
                filled.push("{");
                &candidate[1..]
            }
        };
    }
    filled.push(rest);
    filled
}

/// The value of the placeholder that `text` begins with, and the text after it.
fn placeholder<'t, 'v>(text: &'t str, values: &[(&str, &'v OsStr)]) -> Option<(&'v OsStr, &'t str)> {
    let inner = text.strip_prefix('{')?;
    values.iter().find_map(|(name, value)| {
        let after = inner.strip_prefix(name)?.strip_prefix('}')?;
        Some((*value, after))
    })
}
