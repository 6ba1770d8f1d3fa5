//! Giving memory to peers and taking it from them.

use std::io::IsTerminal;
use std::process::ExitCode;

use iapeer_lifecycle::{
    Change, Host, NativeMemoryError, Occasion, Owed, Pace, Provisioned, SweepError, Swept, Switch,
    identities, plan, retry, sweep, turn_native_memory,
};
use iapeer_provision_exec::Cancel;
use iapeer_registry::{Peer, Personality};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use super::{Done, all_peers, one_peer};
use crate::args::{NativeArgs, RetryArgs, SweepArgs, Whom};
use crate::error::{CliError, Kind};
use crate::out::{self, Stop};
use crate::text;

#[derive(Serialize)]
struct SweepDoc<'a> {
    outcomes: &'a [Provisioned],
    /// Not begun, because the sweep was interrupted; still owed.
    not_begun: Vec<String>,
    ok: bool,
}

pub(crate) fn on(host: &Host, args: &SweepArgs) -> Done {
    memory_plugin(host, args, Occasion::SweepOn)
}

pub(crate) fn off(host: &Host, args: &SweepArgs) -> Done {
    memory_plugin(host, args, if args.whom.all { Occasion::OffAll } else { Occasion::OffPeer })
}

fn memory_plugin(host: &Host, args: &SweepArgs, occasion: Occasion) -> Done {
    let peers = chosen(host, &args.whom)?;
    if args.dry_run {
        return show_plan(host, &peers, occasion, args.output.json);
    }
    let cancel = cancelled_by_signals()?;
    let pace = Pace { jobs: args.pace.jobs.get(), cancel: cancel.clone() };
    let commands = peers.iter().map(|peer| identities(peer).len()).sum();
    let swept = watched(commands, args.output.json, |told| sweep(host, &peers, occasion, &pace, told))?;
    finish(&swept, args.output.json, &cancel)
}

pub(crate) fn retry_verb(host: &Host, args: &RetryArgs) -> Done {
    // A peer that was removed may still be owed something, so its name need not be in the index.
    let peer: Option<&Personality> = args.whom.peer.as_ref();
    let cancel = cancelled_by_signals()?;
    let pace = Pace { jobs: args.pace.jobs.get(), cancel: cancel.clone() };
    let owed = iapeer_lifecycle::owed(host.layout()).map_or(0, |(owed, _)| owed.len());
    let swept = watched(owed, args.output.json, |told| retry(host, peer, &pace, told))?;
    if swept.outcomes.is_empty() && swept.not_begun.is_empty() && !args.output.json {
        out::line("nothing is owed")?;
    }
    finish(&swept, args.output.json, &cancel)
}

fn chosen(host: &Host, whom: &Whom) -> Result<Vec<Peer>, CliError> {
    match &whom.peer {
        Some(personality) => Ok(vec![one_peer(host, personality)?]),
        None => all_peers(host),
    }
}

/// Runs a sweep: one line per outcome as it comes, and a bar on a terminal while there is more to come.
fn watched(
    commands: usize,
    as_json: bool,
    run: impl FnOnce(&mut dyn FnMut(&Provisioned)) -> Result<Swept, SweepError>,
) -> Result<Swept, Stop> {
    let bar = match std::io::stderr().is_terminal() && commands > 1 {
        true => ProgressBar::new(commands as u64).with_style(bar_style()),
        false => ProgressBar::hidden(),
    };
    let mut printed = Ok(());
    let swept = run(&mut |outcome| {
        bar.inc(1);
        if !as_json && printed.is_ok() {
            printed = bar.suspend(|| out::line(text::outcome(outcome)));
        }
    });
    bar.finish_and_clear();
    printed?;
    let swept = swept.map_err(|e| sweep_error(&e))?;
    out::warnings(&swept.warnings);
    Ok(swept)
}

/// How a bar of progress looks.
pub(super) fn bar_style() -> ProgressStyle {
    ProgressStyle::with_template("{bar:30} {pos} of {len}  {elapsed}").expect("a constant template")
}

fn finish(swept: &Swept, as_json: bool, cancel: &Cancel) -> Done {
    let ok = swept.outcomes.iter().all(Provisioned::is_ok) && swept.not_begun.is_empty();
    if as_json {
        let not_begun = swept.not_begun.iter().map(|owed| owed.identity().to_string()).collect();
        out::json("memory-plugin", &SweepDoc { outcomes: &swept.outcomes, not_begun, ok })?;
    } else if cancel.is_cancelled() {
        let undone = swept.not_begun.iter().map(Owed::identity).map(|identity| identity.to_string());
        let undone = undone.collect::<Vec<_>>().join(", ");
        out::note(&format!("interrupted; not begun: {}", if undone.is_empty() { "none" } else { &undone }));
    }
    if !ok && !as_json {
        out::note("hint: what failed or was not begun is owed; iapeer memory-plugin retry --all");
    }
    Ok(if ok { ExitCode::SUCCESS } else { Kind::Failed.into() })
}

fn show_plan(host: &Host, peers: &[Peer], occasion: Occasion, as_json: bool) -> Done {
    let (planned, warnings) = plan(host, peers, occasion).map_err(|e| sweep_error(&e))?;
    out::warnings(&warnings);
    if as_json {
        #[derive(Serialize)]
        struct Doc {
            planned: Vec<PlannedDoc>,
        }
        #[derive(Serialize)]
        struct PlannedDoc {
            identity: String,
            occasion: &'static str,
            argv: Vec<String>,
        }
        let planned = planned.into_iter().map(|p| PlannedDoc {
            identity: p.identity.to_string(),
            occasion: occasion.as_str(),
            argv: p.argv,
        });
        out::json("memory-plugin-plan", &Doc { planned: planned.collect() })?;
        return Ok(ExitCode::SUCCESS);
    }
    for planned in &planned {
        out::line(format!("{}: {}", planned.identity, text::one_line(&planned.argv.join(" "))))?;
    }
    out::note(&format!("{} commands; nothing was run", planned.len()));
    Ok(ExitCode::SUCCESS)
}

/// A token that Ctrl-C and TERM trigger: the running commands are ended cleanly, and no other is begun.
fn cancelled_by_signals() -> Result<Cancel, CliError> {
    cancelled_by(&[signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM])
}

/// A token that each of these signals triggers.
pub(super) fn cancelled_by(signals: &[i32]) -> Result<Cancel, CliError> {
    let cancel = Cancel::new().map_err(|e| CliError::failed(format!("cannot make a pipe: {e}")))?;
    for signal in signals.iter().copied() {
        let end = cancel.writer().map_err(|e| CliError::failed(format!("cannot copy a pipe: {e}")))?;
        signal_hook::low_level::pipe::register(signal, end)
            .map_err(|e| CliError::failed(format!("cannot listen for signals: {e}")))?;
    }
    Ok(cancel)
}

fn sweep_error(error: &SweepError) -> CliError {
    match error {
        SweepError::Empty { .. } => {
            CliError::of(Kind::Failed, error).hint("let a memory provider register itself, then try again")
        }
        SweepError::Unusable { .. } => CliError::of(Kind::Damaged, error).hint("iapeer slot show"),
        SweepError::Owed(_) => {
            CliError::of(Kind::Damaged, error).hint("nothing was changed; mend or move the file")
        }
        _ => CliError::of(Kind::Failed, error).hint("iapeer slot show"),
    }
}

#[derive(Serialize)]
struct NativeDoc {
    changes: Vec<NativeChange>,
    ok: bool,
}

#[derive(Serialize)]
struct NativeChange {
    identity: String,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

pub(crate) fn native(host: &Host, args: &NativeArgs, switch: Switch) -> Done {
    let mut changes = Vec::new();
    for peer in chosen(host, &args.whom)? {
        for identity in identities(&peer) {
            let done: Result<_, NativeMemoryError> =
                turn_native_memory(host, &peer.cwd, identity.runtime(), switch);
            let (state, detail) = match &done {
                Ok(Change::Made { file }) => ("changed", Some(file.to_string())),
                Ok(Change::Already { file }) => ("already", Some(file.to_string())),
                Ok(Change::NotApplicable) => ("not-applicable", None),
                Err(e) => {
                    let error = CliError::of(Kind::Failed, e);
                    ("failed", Some([vec![error.message], error.causes].concat().join(": ")))
                }
            };
            if let Err(e) = &done {
                out::note(&format!("hint: {}", e.hint()));
            }
            if !args.output.json {
                let detail = detail.as_ref().map_or_else(String::new, |d| format!(": {d}"));
                out::line(format!("{identity}: {state}{detail}"))?;
            }
            changes.push(NativeChange { identity: identity.to_string(), state, detail });
        }
    }
    let ok = changes.iter().all(|change| change.state != "failed");
    if args.output.json {
        out::json("native-memory", &NativeDoc { changes, ok })?;
    }
    Ok(if ok { ExitCode::SUCCESS } else { Kind::Failed.into() })
}
