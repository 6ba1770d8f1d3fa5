//! All peers at once: up, down, stopped, started.

use std::io::IsTerminal;
use std::process::ExitCode;

use iapeer_lifecycle::{
    Fleet, Host, Launched, Mustered, Paced, Request, Stopped, Warning, muster, one_by_one, raise, stop,
};
use iapeer_registry::{Identity, Peer};
use indicatif::ProgressBar;
use serde::Serialize;

use super::hints::launch_error;
use super::memory::bar_style;
use super::{Done, all_peers, one_peer, stop_error};
use crate::args::{Output, UpArgs};
use crate::error::{CliError, Kind};
use crate::{out, text, wire};

/// What was done about one session: the word that scripts read, why it came up so, and a line for people.
struct Told {
    state: &'static str,
    cause: Option<String>,
    line: String,
    warnings: Vec<Warning>,
}

#[derive(Serialize)]
struct FleetDoc {
    outcomes: Vec<OutcomeDoc>,
    /// Those that were left out after three failures in a row.
    not_tried: Vec<String>,
    /// Those that are not ours to start or stop.
    held_by_service: Vec<String>,
    ok: bool,
}

#[derive(Serialize)]
struct OutcomeDoc {
    identity: String,
    state: &'static str,
    /// Why it began anew, or goes on.
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<String>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

pub(crate) fn up(host: &Host, args: &UpArgs) -> Done {
    let fleet = if args.all { Fleet::All } else { Fleet::TakenDown };
    go_through(host, fleet, &args.output, "there is nothing to bring up", |identity| {
        bring_up(host, identity, &Request::Launch)
    })
}

pub(crate) fn start_all(host: &Host, output: &Output) -> Done {
    go_through(host, Fleet::Stopped, output, "nothing is stopped", |identity| {
        bring_up(host, identity, &Request::Start)
    })
}

pub(crate) fn down(host: &Host, output: &Output) -> Done {
    go_through(host, Fleet::Live, output, "nothing is live", |identity| bring_down(host, identity))
}

pub(crate) fn stop_all(host: &Host, output: &Output) -> Done {
    go_through(host, Fleet::NotStopped, output, "everything is stopped already", |identity| {
        bring_down(host, identity)
    })
}

fn bring_up(host: &Host, identity: &Identity, request: &Request) -> Result<Told, CliError> {
    let peer: Peer = one_peer(host, identity.personality())?;
    let launched: Launched = raise(host, &peer, identity.runtime(), request).map_err(|e| launch_error(&e))?;
    let (state, cause) = wire::how_it_came(launched.how);
    Ok(Told { state, cause, line: text::launched_line(&launched), warnings: launched.warnings })
}

fn bring_down(host: &Host, identity: &Identity) -> Result<Told, CliError> {
    let Stopped { was_live, warnings, .. } = stop(host, identity).map_err(|e| stop_error(&e))?;
    let was = if was_live { "" } else { " (it was not live)" };
    Ok(Told { state: "stopped", cause: None, line: format!("{identity} is stopped{was}"), warnings })
}

/// Does the same about each session that is meant, one after the other, and tells each as it is done.
fn go_through(
    host: &Host,
    fleet: Fleet,
    output: &Output,
    nothing: &str,
    each: impl Fn(&Identity) -> Result<Told, CliError>,
) -> Done {
    let Mustered { meant, held_by_service } = muster(host, &all_peers(host)?, fleet);
    let bar = match std::io::stderr().is_terminal() && meant.len() > 1 {
        true => ProgressBar::new(meant.len() as u64).with_style(bar_style()),
        false => ProgressBar::hidden(),
    };
    let mut printed = Ok(());
    let Paced { done, not_tried } = one_by_one(meant, |identity| {
        let told = each(identity);
        bar.inc(1);
        if let Ok(told) = &told {
            bar.suspend(|| out::warnings(&told.warnings));
        }
        if !output.json && printed.is_ok() {
            printed = bar.suspend(|| match &told {
                Ok(told) => out::line(&told.line),
                Err(error) => {
                    let name = identity.to_string();
                    let whose =
                        if error.message.contains(&name) { String::new() } else { format!("{name}: ") };
                    out::remark("error", &format!("{whose}{}", error.message));
                    error.causes.iter().for_each(|cause| out::remark("caused by", cause));
                    error.hints.iter().for_each(|hint| out::remark("hint", hint));
                    Ok(())
                }
            });
        }
        told
    });
    bar.finish_and_clear();
    printed?;
    let ok = not_tried.is_empty() && done.iter().all(|(_, told)| told.is_ok());
    let names = |identities: &[Identity]| identities.iter().map(Identity::to_string).collect::<Vec<_>>();
    let (not_tried, held_by_service) = (names(&not_tried), names(&held_by_service));
    if output.json {
        let outcomes = done.into_iter().map(|(identity, told)| {
            let identity = identity.to_string();
            match told {
                Ok(Told { state, cause, .. }) => OutcomeDoc { identity, state, cause, detail: None },
                Err(error) => {
                    let detail = Some([vec![error.message], error.causes].concat().join(": "));
                    OutcomeDoc { identity, state: "failed", cause: None, detail }
                }
            }
        });
        out::json("fleet", &FleetDoc { outcomes: outcomes.collect(), not_tried, held_by_service, ok })?;
        return Ok(if ok { ExitCode::SUCCESS } else { Kind::Failed.into() });
    }
    if done.is_empty() {
        out::line(nothing)?;
    }
    if !held_by_service.is_empty() {
        out::note(&format!(
            "held by the host's service manager, and left alone: {}",
            held_by_service.join(", ")
        ));
    }
    if !not_tried.is_empty() {
        out::remark("error", &format!("three in a row have failed; not tried: {}", not_tried.join(", ")));
        out::remark("hint", "mend what they have in common, then say it again");
    }
    Ok(if ok { ExitCode::SUCCESS } else { Kind::Failed.into() })
}
