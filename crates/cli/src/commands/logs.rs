//! What was decided, what died, and what a peer's pane showed, as one timeline.

use std::collections::HashSet;
use std::process::ExitCode;

use iapeer_lifecycle::{Host, LogLine, Logs, Origin, logs};
use iapeer_statefile::Timestamp;
use serde::Serialize;

use super::Done;
use super::deaths::{all_deaths, journal_error};
use super::follow::Follower;
use crate::args::LogsArgs;
use crate::error::CliError;
use crate::out::{self, Stop};
use crate::text;

/// How many lines are shown where it is not said since when.
const LINES: usize = 40;

#[derive(Serialize)]
struct LogsDoc {
    lines: Vec<LogLine>,
    unreadable_lines: u64,
}

pub(crate) fn logs_verb(host: &Host, args: &LogsArgs) -> Done {
    if args.follow {
        return follow(host, args);
    }
    // A death that nobody recorded yet belongs to it.
    all_deaths(host)?;
    let Logs { lines, unreadable_lines } = read(host, args)?;
    if args.output.json {
        out::json("logs", &LogsDoc { lines, unreadable_lines })?;
        return Ok(ExitCode::SUCCESS);
    }
    let hidden = if args.since.is_some() { 0 } else { lines.len().saturating_sub(LINES) };
    let rows: Vec<_> = lines[hidden..].iter().map(cells).collect();
    text::listed(&["WHEN", "WHO", "FROM", "WHAT"], &rows).iter().try_for_each(out::line)?;
    if lines.is_empty() {
        out::note("nothing is on record");
    }
    if hidden > 0 {
        out::note(&format!("{hidden} older lines are not shown: iapeer logs --since 7d"));
    }
    if unreadable_lines > 0 {
        out::note(&format!("warning: {unreadable_lines} lines of the logs cannot be read"));
    }
    Ok(ExitCode::SUCCESS)
}

fn read(host: &Host, args: &LogsArgs) -> Result<Logs, CliError> {
    let since = args.since.map(|since| since.moment(Timestamp::now()));
    logs(host, args.peer.as_ref(), since).map_err(|e| journal_error(&e))
}

fn cells(line: &LogLine) -> Vec<String> {
    let who = line.identity.clone().unwrap_or_else(|| "-".to_owned());
    vec![text::to_the_second(&line.ts), who, line.origin.as_str().to_owned(), line.what.clone()]
}

fn follow(host: &Host, args: &LogsArgs) -> Done {
    let follower = Follower::begin(host, "what happens")?;
    all_deaths(host)?;
    let mut seen = HashSet::new();
    let Logs { lines, .. } = read(host, args)?;
    if args.since.is_some() {
        print(&lines, &seen, args)?;
    }
    seen.extend(lines);
    let journals = [host.layout().lifecycle_log(), host.layout().exits_log()];
    follower.run(host, &journals, || {
        let Logs { lines, .. } = read(host, args)?;
        // A pane shows the same at another time, so it would be told again and again.
        let lines: Vec<_> = lines.into_iter().filter(|line| line.origin != Origin::Pane).collect();
        print(&lines, &seen, args)?;
        seen = lines.into_iter().collect();
        Ok(())
    })
}

/// Prints those that were not seen before, each on a line.
fn print(lines: &[LogLine], seen: &HashSet<LogLine>, args: &LogsArgs) -> Result<(), Stop> {
    for line in lines.iter().filter(|line| !seen.contains(line)) {
        match args.output.json {
            true => out::json_line("log-line", line)?,
            false => {
                let cells: Vec<_> = cells(line).iter().map(|cell| text::one_line(cell)).collect();
                out::line(cells.join("  "))?;
            }
        }
    }
    Ok(())
}
