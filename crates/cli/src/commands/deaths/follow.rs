//! Deaths as they come.

use std::collections::HashSet;

use iapeer_canary::{DeathRecord, Deaths};
use iapeer_lifecycle::{Host, deaths, incidents};

use super::{Wanted, all_deaths, death_doc, journal_error, rows};
use crate::args::DeathsArgs;
use crate::commands::Done;
use crate::commands::follow::Follower;
use crate::out::{self, Stop};
use crate::wire::DeathDoc;

/// What tells one record from all others, whatever was rotated meanwhile.
type Key = (String, String, Option<String>);

pub(super) fn follow(host: &Host, args: &DeathsArgs, wanted: &Wanted<'_>) -> Done {
    let follower = Follower::begin(host, "deaths")?;
    let recorded = all_deaths(host)?;
    if args.all || args.since.is_some() {
        print(&recorded, &HashSet::new(), wanted, args)?;
    }
    let mut seen = keys(&recorded);
    follower.run(host, &[host.layout().exits_log()], || {
        let recorded = deaths(host).map_err(|e| journal_error(&e))?;
        print(&recorded, &seen, wanted, args)?;
        seen = keys(&recorded);
        Ok(())
    })
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
