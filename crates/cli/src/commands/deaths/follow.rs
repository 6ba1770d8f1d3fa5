//! Deaths as they come.

use std::collections::HashSet;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use iapeer_canary::{DeathRecord, Deaths};
use iapeer_lifecycle::{Host, deaths, incidents, record_what_is_owed};
use iapeer_statefile::with_causes;

use super::{Wanted, all_deaths, death_doc, journal_error, rows};
use crate::args::DeathsArgs;
use crate::commands::Done;
use crate::error::CliError;
use crate::out::{self, Stop};
use crate::watch::{Watch, Woken};
use crate::wire::DeathDoc;

/// How often deaths are looked for that no witness will record, because it died first.
const SWEEP_EVERY: Duration = Duration::from_secs(5);

/// What tells one record from all others, whatever was rotated meanwhile.
type Key = (String, String, Option<String>);

pub(super) fn follow(host: &Host, args: &DeathsArgs, wanted: &Wanted<'_>) -> Done {
    let failed = |e: std::io::Error| CliError::failed(format!("cannot wait for deaths: {e}"));
    let log = host.layout().exits_log();
    // Whatever comes after the first look is noticed, for the watch began before it.
    let mut watch = Watch::begin(log.parent().unwrap_or(&log)).map_err(failed)?;
    let recorded = all_deaths(host)?;
    if args.all || args.since.is_some() {
        print(&recorded, &HashSet::new(), wanted, args)?;
    }
    let mut seen = keys(&recorded);
    out::note("waiting for deaths; Ctrl-C ends it");
    let mut told = HashSet::new();
    let mut next_sweep = Instant::now() + SWEEP_EVERY;
    let mut size = None;
    loop {
        let patience = next_sweep.saturating_duration_since(Instant::now());
        if watch.wait(patience).map_err(failed)? == Woken::Stop {
            return Ok(ExitCode::SUCCESS);
        }
        if Instant::now() >= next_sweep {
            // What goes wrong goes wrong each time, and is told once.
            let warnings = match record_what_is_owed(host) {
                Ok(warnings) => warnings.into_iter().map(|warning| warning.message).collect(),
                Err(e) => vec![with_causes(&e)],
            };
            for warning in warnings {
                if told.insert(warning.clone()) {
                    out::remark("warning", &warning);
                }
            }
            next_sweep = Instant::now() + SWEEP_EVERY;
        }
        // Much else is written into that folder.
        let now = log.metadata().ok().map(|meta| (meta.len(), meta.modified().ok()));
        if now != size {
            size = now;
            let recorded = deaths(host).map_err(|e| journal_error(&e))?;
            print(&recorded, &seen, wanted, args)?;
            seen = keys(&recorded);
        }
    }
}

fn key(record: &DeathRecord) -> Key {
    (record.ts.clone(), record.identity.clone(), record.death().map(str::to_owned))
}

fn keys(recorded: &Deaths) -> HashSet<Key> {
    recorded.records.iter().map(key).collect()
}

/// Prints those that were not seen before, each on a line.
fn print(recorded: &Deaths, seen: &HashSet<Key>, wanted: &Wanted<'_>, args: &DeathsArgs) -> Result<(), Stop> {
    let all = recorded.records.iter().zip(incidents(&recorded.records));
    for (record, incident) in all.filter(|(record, _)| wanted.takes(record) && !seen.contains(&key(record))) {
        let death = DeathDoc { incident, ..death_doc(record) };
        match args.output.json {
            true => out::json_line("death", &death)?,
            false => out::line(rows::line(&death))?,
        }
    }
    Ok(())
}
