//! The `iapeer` program: arguments in, text or JSON and an exit code out.

#![forbid(unsafe_code)]

mod args;
mod commands;
mod env;
mod error;
mod help;
mod man;
mod nearest;
mod out;
mod schemas;
mod text;
mod time;
mod watch;
mod wire;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::FromArgMatches;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use iapeer_registry::RuntimeName;

use crate::args::Cli;
use crate::error::{CliError, Kind};
use crate::help::command;
use crate::nearest::nearest;
use crate::out::Stop;

fn main() -> ExitCode {
    let mut args: Vec<OsString> = std::env::args_os().collect();
    let command = command();
    if names_runtime(&args, &command) {
        args.insert(1, FOLDER_LAUNCH.into());
    }
    // Also when the arguments are wrong, a script that asked for JSON gets JSON.
    let as_json = args.iter().skip(1).take_while(|a| *a != "--").any(|a| a == "--json");
    match run(command, args) {
        Ok(code) => code,
        Err(Stop::BrokenPipe) => ExitCode::SUCCESS,
        Err(Stop::Error(error)) => {
            let code = error.kind.into();
            out::error(&error, as_json);
            code
        }
    }
}

/// The verb for which the name of a runtime stands.
const FOLDER_LAUNCH: &str = "folder-launch";

/// Whether the first word is no verb, but the name of a runtime that is declared.
fn names_runtime(args: &[OsString], command: &clap::Command) -> bool {
    let Some(word) = args.get(1).and_then(|word| word.to_str()) else { return false };
    let Ok(runtime) = word.parse() else { return false };
    !command.get_subcommands().any(|verb| verb.get_name() == word) && commands::is_runtime(&runtime)
}

/// Before what clap suggests, the name of a runtime that was probably meant by a word that is no verb.
fn meant_runtime(mut cli: CliError, error: &clap::Error) -> CliError {
    if let Some(ContextValue::String(typed)) = error.get(ContextKind::InvalidSubcommand) {
        let known = commands::runtimes();
        let meant = nearest(typed, known.iter().map(RuntimeName::as_str));
        if !meant.is_empty() {
            cli.hints.insert(0, format!("did you mean the runtime {}?", meant.join(" or ")));
        }
    }
    cli
}

fn run(command: clap::Command, args: Vec<OsString>) -> Result<ExitCode, Stop> {
    let matches = match command.try_get_matches_from(args) {
        Ok(matches) => matches,
        Err(e) if matches!(e.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
            out::line(e.render().to_string().trim_end())?;
            return Ok(ExitCode::SUCCESS);
        }
        Err(e) if e.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            out::note(e.render().to_string().trim_end());
            return Ok(Kind::Usage.into());
        }
        Err(e) => return Err(meant_runtime(usage(&e), &e).into()),
    };
    let verb = matches.subcommand_name().unwrap_or_default();
    let caller = verb.to_owned();
    let cli = Cli::from_arg_matches(&matches).map_err(|e| usage(&e))?;
    commands::run(cli.verb, &caller)
}

/// What clap says about wrong arguments, in our form.
fn usage(error: &clap::Error) -> CliError {
    let text = error.render().to_string();
    let text = text.trim().strip_prefix("error: ").unwrap_or(text.trim());
    let (message, rest) = text.split_once("\n\n").unwrap_or((text, ""));
    let one_line = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut cli = CliError::new(Kind::Usage, one_line(message));
    for part in rest.split("\n\n").map(one_line).filter(|part| !part.is_empty()) {
        cli = cli.hint(part.strip_prefix("tip: ").unwrap_or(&part));
    }
    cli
}
