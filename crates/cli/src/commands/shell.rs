//! The verbs about the program itself: they look at no host, and touch none.

use std::process::ExitCode;

use camino::Utf8Path;
use clap::Command;
use iapeer_statefile::{ensure_dir, replace_file};

use super::{Done, complete, write_error};
use crate::args::{ManArgs, SchemaArgs, ShellVerb};
use crate::error::CliError;
use crate::nearest::did_you_mean;
use crate::schemas::SCHEMAS;
use crate::{env, help, man, out, text};

pub(crate) fn shell_verb(verb: &ShellVerb) -> Done {
    match verb {
        ShellVerb::Completions { shell } => complete::script(*shell),
        ShellVerb::Complete(args) => complete::complete_words(args),
        ShellVerb::Man(ManArgs { out: Some(folder), .. }) => write_pages(&env::absolute(folder)?),
        ShellVerb::Man(ManArgs { verb, .. }) => page(verb),
        ShellVerb::Schema(args) => schema(args),
    }
}

fn page(verb: &[String]) -> Done {
    let mut command = &help::command();
    for word in verb {
        command = command.find_subcommand(word).filter(|verb| !verb.is_hide_set()).ok_or_else(|| {
            let error = CliError::usage(format!("there is no verb `iapeer {}`", verb.join(" ")));
            let visible = command.get_subcommands().filter(|verb| !verb.is_hide_set());
            error.hint(
                did_you_mean(word, visible.map(Command::get_name)).unwrap_or("iapeer --help".to_owned()),
            )
        })?;
    }
    out::line(man::page(command, &verb.join(" ")).trim_end())?;
    Ok(ExitCode::SUCCESS)
}

fn write_pages(folder: &Utf8Path) -> Done {
    ensure_dir(folder).map_err(|e| write_error(&e))?;
    let pages = man::pages();
    for (name, page) in &pages {
        replace_file(&folder.join(name), page.as_bytes()).map_err(|e| write_error(&e))?;
    }
    out::line(format!("{} manual pages are in {folder}", pages.len()))?;
    Ok(ExitCode::SUCCESS)
}

fn schema(args: &SchemaArgs) -> Done {
    match SCHEMAS.iter().find(|schema| Some(schema.name) == args.name.as_deref()) {
        Some(schema) => out::line((schema.text)())?,
        None => {
            let rows: Vec<_> =
                SCHEMAS.iter().map(|schema| vec![schema.name.to_owned(), schema.what.to_owned()]).collect();
            for line in text::listed(&["name", "of what"], &rows) {
                out::line(line)?;
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}
