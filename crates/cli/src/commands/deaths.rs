//! Deaths: what died, when, and of what.

mod follow;
mod rows;

use std::collections::BTreeMap;
use std::process::ExitCode;

use iapeer_canary::{Death, DeathRecord, Deaths};
use iapeer_lifecycle::{Host, cause_word, deaths, forensics, incidents, record_what_is_owed};
use iapeer_statefile::{ReadError, Timestamp};
use serde::Serialize;

use super::Done;
use crate::args::DeathsArgs;
use crate::error::{CliError, Kind};
use crate::wire::{DeathDoc, DeathsDoc};
use crate::{out, text};

/// Which deaths are asked for.
struct Wanted<'a> {
    peer: Option<&'a str>,
    since: Option<Timestamp>,
    cause: Option<&'a str>,
}

impl Wanted<'_> {
    fn of(args: &DeathsArgs) -> Wanted<'_> {
        Wanted {
            peer: args.peer.as_ref().map(|peer| peer.as_str()),
            since: args.since.map(|since| since.moment(Timestamp::now())),
            cause: args.cause.as_deref(),
        }
    }

    fn is_everything(&self) -> bool {
        self.peer.is_none() && self.since.is_none() && self.cause.is_none()
    }

    fn takes(&self, record: &DeathRecord) -> bool {
        // A peer that was removed has its deaths still.
        let is_of =
            |peer: &str| record.identity.split_once('-').is_some_and(|(_, personality)| personality == peer);
        // One whose time cannot be read may be since then.
        let is_since = |since: Timestamp| record.ts.parse().map_or(true, |at: Timestamp| at >= since);
        self.peer.is_none_or(is_of)
            && self.since.is_none_or(is_since)
            && self.cause.is_none_or(|cause| cause_word(record) == cause)
    }
}

/// All deaths, after those that nobody has recorded yet were recorded.
pub(super) fn all_deaths(host: &Host) -> Result<Deaths, CliError> {
    let warnings = record_what_is_owed(host).map_err(|e| CliError::of(Kind::Failed, &e))?;
    out::warnings(&warnings);
    deaths(host).map_err(|e| journal_error(&e))
}

/// A journal that is there and cannot be read.
pub(super) fn journal_error(error: &ReadError) -> CliError {
    CliError::of(Kind::Damaged, error).hint("nothing was changed; mend or move the file")
}

pub(super) fn death_doc(record: &DeathRecord) -> DeathDoc {
    let (kind, oom, observer) = match &record.what {
        Death::Server(server) => ("server-exit", Some(server.oom.to_string()), server.observer.clone()),
        Death::Session(_) => ("session-exit", None, None),
    };
    DeathDoc {
        ts: record.ts.clone(),
        kind,
        identity: record.identity.clone(),
        cause: cause_word(record),
        status: record.status().map_or_else(|| "unknown".to_owned(), |status| status.to_string()),
        death: record.death().map(str::to_owned),
        server_pid: record.server_pid,
        oom,
        observer,
        forensics: forensics(record).map(|path| path.to_string()),
        incident: None,
    }
}

/// The last death of each runtime of a peer, as far as it is on record already.
pub(super) fn last_death(recorded: &Deaths, identity: &str) -> Option<DeathDoc> {
    recorded.records.iter().rfind(|r| r.identity == identity).map(death_doc)
}

/// The deaths that are wanted, each with its incident; incidents are found among all of them.
fn chosen(recorded: &Deaths, wanted: &Wanted<'_>) -> Vec<DeathDoc> {
    let all = recorded.records.iter().zip(incidents(&recorded.records));
    let wanted = all.filter(|(record, _)| wanted.takes(record));
    wanted.map(|(record, incident)| DeathDoc { incident, ..death_doc(record) }).collect()
}

pub(crate) fn deaths_verb(host: &Host, args: &DeathsArgs) -> Done {
    let wanted = Wanted::of(args);
    if args.follow {
        return follow::follow(host, args, &wanted);
    }
    let recorded = all_deaths(host)?;
    let deaths = chosen(&recorded, &wanted);
    let unreadable_lines = recorded.unreadable_lines;
    if args.output.json {
        match args.summary {
            true => out::json("deaths-summary", &SummaryDoc { summary: tally(&deaths), unreadable_lines })?,
            false => out::json("deaths", &DeathsDoc { deaths, unreadable_lines })?,
        }
        return Ok(ExitCode::SUCCESS);
    }
    match args.summary {
        true => {
            let cells =
                |t: Tally| vec![t.identity, t.cause, t.deaths.to_string(), text::to_the_second(&t.last)];
            let rows: Vec<_> = tally(&deaths).into_iter().map(cells).collect();
            text::listed(&["WHO", "CAUSE", "DEATHS", "LAST"], &rows).iter().try_for_each(out::line)?;
        }
        false => rows::print(&deaths, args)?,
    }
    if deaths.is_empty() {
        let such = if wanted.is_everything() { "" } else { "such " };
        out::note(&format!("no {such}death is on record"));
    }
    if unreadable_lines > 0 {
        let path = host.layout().exits_log();
        out::note(&format!("warning: {path}: {unreadable_lines} lines cannot be read"));
    }
    Ok(ExitCode::SUCCESS)
}

#[derive(Serialize)]
struct SummaryDoc {
    summary: Vec<Tally>,
    unreadable_lines: u64,
}

/// How often an identity died of a cause.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Tally {
    identity: String,
    cause: String,
    deaths: usize,
    /// When it did last.
    last: String,
}

/// The deaths counted, by identity and then by cause.
fn tally(deaths: &[DeathDoc]) -> Vec<Tally> {
    let mut counted: BTreeMap<(&str, &str), (usize, &str)> = BTreeMap::new();
    for death in deaths {
        let (count, last) = counted.entry((&death.identity, &death.cause)).or_insert((0, ""));
        *count += 1;
        *last = (*last).max(&death.ts);
    }
    let tally = |((identity, cause), (deaths, last)): ((&str, &str), (usize, &str))| Tally {
        identity: identity.to_owned(),
        cause: cause.to_owned(),
        deaths,
        last: last.to_owned(),
    };
    counted.into_iter().map(tally).collect()
}
