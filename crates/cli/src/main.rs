//! The `iapeer` program: arguments in, text or JSON and an exit code out.

#![forbid(unsafe_code)]

mod args;
mod commands;
mod env;
mod error;
mod out;
mod text;
mod time;
mod watch;
mod wire;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory, FromArgMatches};

use crate::args::{Cli, PLANNED};
use crate::error::{CliError, Kind};
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
        Err(e) => return Err(usage(&e).into()),
    };
    let verb = matches.subcommand_name().unwrap_or_default();
    if let Some((name, what)) = PLANNED.iter().find(|(name, _)| *name == verb) {
        return Err(CliError::failed(format!("`iapeer {name}` is not there yet: it will {what}")).into());
    }
    let caller = verb.to_owned();
    let cli = Cli::from_arg_matches(&matches).map_err(|e| usage(&e))?;
    commands::run(cli.verb, &caller)
}

/// The command line with the verbs that are not there yet, so that they are told from typing errors.
fn command() -> clap::Command {
    let rest =
        || clap::Arg::new("rest").num_args(0..).trailing_var_arg(true).allow_hyphen_values(true).hide(true);
    let names: Vec<_> = PLANNED.iter().map(|(name, _)| *name).collect();
    let planned = PLANNED
        .iter()
        .map(|(name, _)| clap::Command::new(*name).hide(true).disable_help_flag(true).arg(rest()));
    Cli::command().subcommands(planned).after_help(format!("Not there yet: {}", names.join(", ")))
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
