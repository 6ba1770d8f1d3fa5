//! Deaths: what died, and why.

use std::process::ExitCode;

use iapeer_canary::{Death, DeathRecord, Deaths};
use iapeer_lifecycle::{
    Confidence, Evidence, Happening, Host, Why, cause_word, deaths, forensics, identities, identity_of,
    record_what_is_owed, why,
};
use iapeer_registry::Peer;
use iapeer_statefile::ReadError;
use serde::Serialize;

use super::{Done, one_peer};
use crate::args::{DeathsArgs, WhyArgs};
use crate::error::{CliError, Kind};
use crate::wire::DeathDoc;
use crate::{out, text};

/// All deaths, after those that nobody has recorded yet were recorded.
fn all_deaths(host: &Host) -> Result<Deaths, CliError> {
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
    }
}

/// The last death of each runtime of a peer, as far as it is on record already.
pub(super) fn last_death(recorded: &Deaths, identity: &str) -> Option<DeathDoc> {
    recorded.records.iter().rfind(|r| r.identity == identity).map(death_doc)
}

pub(crate) fn list(host: &Host, args: &DeathsArgs) -> Done {
    let recorded = all_deaths(host)?;
    // A peer that was removed has its deaths still.
    let of_peer = |record: &&DeathRecord| match &args.peer {
        Some(peer) => record.identity.split_once('-').is_some_and(|(_, name)| name == peer.as_str()),
        None => true,
    };
    let deaths: Vec<_> = recorded.records.iter().filter(of_peer).map(death_doc).collect();
    if args.output.json {
        #[derive(Serialize)]
        struct Doc {
            deaths: Vec<DeathDoc>,
            unreadable_lines: u64,
        }
        out::json("deaths", &Doc { deaths, unreadable_lines: recorded.unreadable_lines })?;
        return Ok(ExitCode::SUCCESS);
    }
    if deaths.is_empty() {
        out::note("no death is on record");
    }
    let rows: Vec<_> = deaths
        .iter()
        .map(|d| {
            let told = match &d.forensics {
                Some(path) => path.clone(),
                None => String::new(),
            };
            vec![d.ts.clone(), d.identity.clone(), d.kind.to_owned(), d.cause.clone(), d.status.clone(), told]
        })
        .collect();
    for line in text::columns(&rows) {
        out::line(line)?;
    }
    if recorded.unreadable_lines > 0 {
        let path = host.layout().exits_log();
        out::note(&format!("warning: {path}: {} lines cannot be read", recorded.unreadable_lines));
    }
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn why_verb(host: &Host, args: &WhyArgs) -> Done {
    let peer = one_peer(host, &args.peer)?;
    let recorded = all_deaths(host)?;
    let identity = match &args.runtime {
        Some(runtime) => identity_of(&peer, Some(runtime)),
        None => match died_last(&peer, &recorded) {
            Some(identity) => Ok(identity),
            None => identity_of(&peer, None),
        },
    };
    let identity =
        identity.map_err(|e| CliError::of(Kind::Failed, &e).hint(format!("iapeer show {}", args.peer)))?;
    let Why { identity, status, answer, confidence, evidence, timeline } =
        why(host, &identity).map_err(|e| journal_error(&e))?;
    if args.output.json {
        #[derive(Serialize)]
        struct Doc {
            identity: String,
            status: &'static str,
            answer: String,
            confidence: Confidence,
            evidence: Vec<Evidence>,
            timeline: Vec<Happening>,
        }
        let status = status.as_str();
        out::json(
            "why",
            &Doc { identity: identity.to_string(), status, answer, confidence, evidence, timeline },
        )?;
        return Ok(ExitCode::SUCCESS);
    }
    let sure = match confidence {
        Confidence::Certain => "certain",
        Confidence::Likely => "likely",
        Confidence::Unknown => "not known",
    };
    out::line(format!("{answer} [{sure}]"))?;
    for Evidence { source, text } in &evidence {
        out::line(format!("  {source}: {text}"))?;
    }
    if !timeline.is_empty() {
        out::line("what happened last:")?;
    }
    for Happening { ts, what } in &timeline {
        out::line(format!("  {ts}  {what}"))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The runtime of a peer that died last.
fn died_last(peer: &Peer, recorded: &Deaths) -> Option<iapeer_registry::Identity> {
    let identities = identities(peer);
    recorded
        .records
        .iter()
        .rev()
        .find_map(|r| identities.iter().find(|i| i.to_string() == r.identity).cloned())
}
