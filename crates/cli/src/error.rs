//! The one error of the command line: its kind decides the exit code, its hints name what mends it.

use std::error::Error;
use std::process::ExitCode;

use schemars::JsonSchema;
use serde::Serialize;

/// What kind of failure it is. The numbers are the exit codes of the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    /// It failed, or a check found something.
    Failed = 1,
    /// It was asked wrongly.
    Usage = 2,
    /// A guard refused it: the peer is live, stopped, or held by somebody else.
    Refused = 3,
    /// State is damaged and was left as it was.
    Damaged = 4,
}

impl From<Kind> for ExitCode {
    fn from(kind: Kind) -> ExitCode {
        ExitCode::from(kind as u8)
    }
}

/// An error as the user sees it.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct CliError {
    pub(crate) kind: Kind,
    pub(crate) message: String,
    pub(crate) causes: Vec<String>,
    pub(crate) hints: Vec<String>,
}

impl CliError {
    pub(crate) fn new(kind: Kind, message: impl Into<String>) -> CliError {
        CliError { kind, message: message.into(), causes: Vec::new(), hints: Vec::new() }
    }

    pub(crate) fn failed(message: impl Into<String>) -> CliError {
        CliError::new(Kind::Failed, message)
    }

    pub(crate) fn usage(message: impl Into<String>) -> CliError {
        CliError::new(Kind::Usage, message)
    }

    pub(crate) fn refused(message: impl Into<String>) -> CliError {
        CliError::new(Kind::Refused, message)
    }

    /// An error of a library with its causes.
    pub(crate) fn of(kind: Kind, error: &dyn Error) -> CliError {
        let mut cli = CliError::new(kind, error.to_string());
        let mut cause = error.source();
        while let Some(error) = cause {
            cli.causes.push(error.to_string());
            cause = error.source();
        }
        cli
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> CliError {
        self.hints.push(hint.into());
        self
    }
}
