//! The supervisor: one pass, or one after the other.

use std::io::{self, Read};
use std::process::ExitCode;
use std::thread::Builder;
use std::time::Duration;

use iapeer_lifecycle::{
    AttendError, Attended, Host, Stopper, SuperviseError, Supervisor, Told, supervise_once,
};
use serde::Serialize;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use super::{Done, fact_error, locked, write_error};
use crate::args::SuperviseArgs;
use crate::error::{CliError, Kind};
use crate::out;

#[derive(Serialize)]
struct Doc {
    outcomes: Vec<OutcomeDoc>,
}

#[derive(Serialize)]
struct OutcomeDoc {
    identity: String,
    action: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    death: Option<String>,
}

pub(crate) fn supervise_verb(host: &Host, args: &SuperviseArgs) -> Done {
    if args.once { once(host, args) } else { until_stopped(host, args) }
}

fn once(host: &Host, args: &SuperviseArgs) -> Done {
    super::doctor::warn_before_supervising(host);
    let pass = supervise_once(host).map_err(|e| match &e {
        AttendError::Fact(e) => fact_error(e),
        _ => CliError::of(Kind::Failed, &e),
    })?;
    out::warnings(&pass.warnings);
    if args.output.json {
        out::json("supervise", &Doc { outcomes: pass.outcomes.iter().map(outcome_doc).collect() })?;
        return Ok(ExitCode::SUCCESS);
    }
    if pass.outcomes.is_empty() {
        out::line("no session to look after")?;
    }
    pass.outcomes.iter().try_for_each(|outcome| out::line(outcome_line(outcome)))?;
    Ok(ExitCode::SUCCESS)
}

fn until_stopped(host: &Host, args: &SuperviseArgs) -> Done {
    let supervisor = Supervisor::begin(host).map_err(|e| supervise_error(&e))?;
    stop_on_signals(supervisor.stopper())
        .map_err(|e| CliError::failed(format!("signals cannot be waited for: {e}")))?;
    super::doctor::warn_before_supervising(host);
    // Sessions are looked after whether somebody reads about it or not.
    let mut told = |told: Told<'_>| match told {
        Told::Outcome(outcome) if args.output.json => {
            drop(out::json_line("supervise", &Doc { outcomes: vec![outcome_doc(outcome)] }));
        }
        Told::Outcome(outcome) => drop(out::line(outcome_line(outcome))),
        Told::Warning(warning) => out::warnings(std::slice::from_ref(warning)),
        _ => {}
    };
    let every = Duration::from_secs(args.every.get());
    supervisor.run(every, &mut told).map_err(|e| supervise_error(&e))?;
    Ok(ExitCode::SUCCESS)
}

/// From here on these signals do nothing but end the supervisor.
fn stop_on_signals(stopper: Stopper) -> io::Result<()> {
    let (mut signals, writer) = io::pipe()?;
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        signal_hook::low_level::pipe::register(signal, writer.try_clone()?)?;
    }
    let wait = move || {
        // An end that cannot be waited for is none.
        if signals.read_exact(&mut [0]).is_ok() {
            stopper.stop();
        }
    };
    Builder::new().name("signals".to_owned()).spawn(wait).map(drop)
}

fn outcome_doc(outcome: &Attended) -> OutcomeDoc {
    OutcomeDoc {
        identity: outcome.identity.to_string(),
        action: outcome.action,
        reason: outcome.reason.clone(),
        death: outcome.death.map(|death| death.to_string()),
    }
}

fn outcome_line(outcome: &Attended) -> String {
    let death = outcome.death.map_or_else(String::new, |death| format!(" death={death}"));
    let reason = outcome.reason.as_ref().map_or_else(String::new, |reason| format!(" ({reason})"));
    format!("{} {}{death}{reason}", outcome.identity, outcome.action)
}

fn supervise_error(error: &SuperviseError) -> CliError {
    match error {
        SuperviseError::Running { .. } => CliError::of(Kind::Refused, error)
            .hint("iapeer status, or one pass beside it: iapeer supervise --once"),
        SuperviseError::Lock(e) => locked(e),
        SuperviseError::Write(e) => write_error(e),
        _ => CliError::of(Kind::Failed, error),
    }
}
