//! Everything that is printed. Data goes to standard output, all else to standard error.

use std::io::{self, IsTerminal, Write};

use iapeer_lifecycle::Warning;
use serde::Serialize;

use crate::error::CliError;
use crate::wire::ErrorDoc;

/// Why printing stopped: the reader has gone, or the disk behind it is full.
#[derive(Debug)]
pub(crate) enum Stop {
    /// Nobody reads any more: not an error.
    BrokenPipe,
    /// Something to tell the user.
    Error(CliError),
}

impl From<CliError> for Stop {
    fn from(error: CliError) -> Stop {
        Stop::Error(error)
    }
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Stop {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Stop::BrokenPipe,
            _ => Stop::Error(CliError::failed(format!("cannot write the output: {error}"))),
        }
    }
}

/// Prints one line of data.
pub(crate) fn line(text: impl AsRef<str>) -> Result<(), Stop> {
    Ok(writeln!(io::stdout().lock(), "{}", text.as_ref())?)
}

/// Prints lines of data at once: a system call for each takes longer than to find out what they say.
pub(crate) fn lines(lines: &[String]) -> Result<(), Stop> {
    if lines.is_empty() { Ok(()) } else { line(lines.join("\n")) }
}

/// How many characters a line of the terminal has that the data goes to; `None` when it goes elsewhere.
pub(crate) fn terminal_width() -> Option<u16> {
    // A terminal that does not tell its width has that of the first ones.
    let told = |size: rustix::termios::Winsize| Some(size.ws_col).filter(|columns| *columns > 0);
    let stdout = io::stdout();
    stdout.is_terminal().then(|| rustix::termios::tcgetwinsize(&stdout).ok().and_then(told).unwrap_or(80))
}

/// A JSON document with its schema `iapeer.<name>/1`.
#[derive(Serialize)]
struct Document<'a, T> {
    schema: String,
    #[serde(flatten)]
    body: &'a T,
}

/// Prints a JSON document of the schema `iapeer.<name>/1`.
pub(crate) fn json(name: &str, document: &impl Serialize) -> Result<(), Stop> {
    let document = Document { schema: format!("iapeer.{name}/1"), body: document };
    line(serde_json::to_string_pretty(&document).map_err(not_json)?)
}

/// Prints a JSON document as one line, of which many may follow.
pub(crate) fn json_line(name: &str, document: &impl Serialize) -> Result<(), Stop> {
    let document = Document { schema: format!("iapeer.{name}/1"), body: document };
    line(serde_json::to_string(&document).map_err(not_json)?)
}

fn not_json(error: serde_json::Error) -> CliError {
    CliError::failed(format!("cannot write the output as JSON: {error}"))
}

/// Prints warnings to standard error.
pub(crate) fn warnings(warnings: &[Warning]) {
    for warning in warnings {
        remark("warning", &warning.message);
        if let Some(hint) = &warning.hint {
            remark("hint", hint);
        }
    }
}

/// Prints an error, as JSON to standard output when `as_json`, so that a script gets one document.
pub(crate) fn error(error: &CliError, as_json: bool) {
    if as_json && json("error", &ErrorDoc { error }).is_ok() {
        return;
    }
    remark("error", &error.message);
    for cause in &error.causes {
        remark("caused by", cause);
    }
    for hint in &error.hints {
        remark("hint", hint);
    }
}

/// One line to standard error, also when somebody else's text is in it, which could pass for more lines
/// or steer the terminal.
pub(crate) fn remark(what: &str, text: &str) {
    note(&format!("{what}: {}", text.replace(char::is_control, " ")));
}

/// One line to standard error. If that is closed, too, there is nobody left to tell.
pub(crate) fn note(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}
