//! Why a peer is down.

use std::process::ExitCode;

use iapeer_canary::Deaths;
use iapeer_lifecycle::{Confidence, Evidence, Happening, Host, Why, identities, identity_of, why};
use iapeer_registry::Peer;
use serde::Serialize;

use super::deaths::{all_deaths, journal_error};
use super::{Done, one_peer};
use crate::args::WhyArgs;
use crate::error::{CliError, Kind};
use crate::{out, text};

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
    let Why { identity, status, answer, confidence, evidence, timeline, pane } =
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
            pane: Vec<String>,
        }
        let status = status.as_str();
        out::json(
            "why",
            &Doc { identity: identity.to_string(), status, answer, confidence, evidence, timeline, pane },
        )?;
        return Ok(ExitCode::SUCCESS);
    }
    let sure = match confidence {
        Confidence::Certain => "certain",
        Confidence::Likely => "likely",
        Confidence::Unknown => "not known",
    };
    out::line(format!("{answer} [{sure}]"))?;
    for Evidence { source, text: what } in &evidence {
        out::line(format!("  {}", text::one_line(&format!("{source}: {what}"))))?;
    }
    if !timeline.is_empty() {
        out::line("what happened last:")?;
    }
    for Happening { ts, what } in &timeline {
        out::line(format!("  {ts}  {}", text::one_line(what)))?;
    }
    if !pane.is_empty() {
        out::line("what its pane showed last:")?;
    }
    for line in &pane {
        out::line(format!("  {line}"))?;
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
