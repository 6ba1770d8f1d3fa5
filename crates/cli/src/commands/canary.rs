//! The witnesses: who is watched, and by whom.

use std::process::ExitCode;

use camino::Utf8PathBuf;
use iapeer_canary::{CanaryState, CanaryStatus, Incarnation, OomBaseline, Places, Script, Subject, Wait};
use iapeer_lifecycle::{
    Dismissed, Host, Witness, WitnessError, arm_witness, dismiss_witness, identities, identity_of,
    live_server, witness_wait,
};
use iapeer_registry::{Identity, Personality, RuntimeName};
use serde::Serialize;

use super::{Done, UNCLEAR, fact_error, find_error, hints, locked, one_peer, unreadable};
use crate::args::{ArmArgs, DismissArgs, Output, ScriptArgs};
use crate::error::{CliError, Kind};
use crate::{env, out, text};

/// The longest time that a dismissal may count for.
const LONGEST: std::time::Duration = std::time::Duration::from_secs(3600);

/// The word for a state.
pub(super) fn state_word(state: CanaryState) -> &'static str {
    match state {
        CanaryState::Armed => "armed",
        CanaryState::Unwatched => "unwatched",
        CanaryState::Dying => "dying",
        CanaryState::Settled => "settled",
    }
}

#[derive(Serialize)]
struct CanaryDoc {
    identity: String,
    server_pid: u32,
    server_start: String,
    recorder_pid: Option<u32>,
    state: &'static str,
}

impl CanaryDoc {
    fn of(canary: CanaryStatus) -> CanaryDoc {
        let CanaryStatus { subject, recorder_pid, state } = canary;
        CanaryDoc {
            identity: subject.identity,
            server_pid: subject.server.pid,
            server_start: subject.server.start.to_string(),
            recorder_pid,
            state: state_word(state),
        }
    }
}

pub(crate) fn list(host: &Host, output: &Output) -> Done {
    let canaries = host.canary().list().map_err(|e| unreadable(&e))?;
    let canaries: Vec<_> = canaries.into_iter().map(CanaryDoc::of).collect();
    if output.json {
        #[derive(Serialize)]
        struct Doc {
            canaries: Vec<CanaryDoc>,
        }
        out::json("canary-list", &Doc { canaries })?;
        return Ok(ExitCode::SUCCESS);
    }
    if canaries.is_empty() {
        out::note("no server is or was watched");
    }
    let cells = |c: &CanaryDoc| {
        let recorder = c.recorder_pid.map_or_else(|| "-".to_owned(), |pid| pid.to_string());
        vec![c.identity.clone(), c.state.to_owned(), c.server_pid.to_string(), recorder]
    };
    let rows: Vec<_> = canaries.iter().map(cells).collect();
    text::listed(&["WHO", "WITNESS", "SERVER PID", "WITNESS PID"], &rows).iter().try_for_each(out::line)?;
    Ok(ExitCode::SUCCESS)
}

#[derive(Serialize)]
struct ArmedDoc {
    identity: String,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    recorder_pid: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

pub(crate) fn arm(host: &Host, args: &ArmArgs) -> Done {
    let mut armed = Vec::new();
    for identity in chosen(host, &args.peer, args.runtime.as_ref())? {
        let mut warnings = Vec::new();
        let witness = arm_witness(host, &identity, &mut warnings);
        out::warnings(&warnings);
        let witness = witness.map_err(|e| witness_error(&e))?;
        let state = witness.as_str();
        let (recorder_pid, reason) = match witness {
            Witness::Spawned { recorder_pid } | Witness::Already { recorder_pid } => {
                (Some(recorder_pid), None)
            }
            Witness::Failed { reason } => (None, Some(reason)),
            Witness::Skipped => (None, Some("no server of it lives".to_owned())),
        };
        if !args.output.json {
            let told = match (recorder_pid, &reason) {
                (Some(pid), _) => format!(" (witness pid {pid})"),
                (None, Some(reason)) => format!(" ({reason})"),
                (None, None) => String::new(),
            };
            out::line(text::one_line(&format!("{identity} {state}{told}")))?;
        }
        armed.push(ArmedDoc { identity: identity.to_string(), state, recorder_pid, reason });
    }
    let failed = armed.iter().any(|armed| armed.state == "failed");
    if args.output.json {
        #[derive(Serialize)]
        struct Doc {
            outcomes: Vec<ArmedDoc>,
            ok: bool,
        }
        out::json("canary-arm", &Doc { outcomes: armed, ok: !failed })?;
    }
    Ok(if failed { Kind::Failed.into() } else { ExitCode::SUCCESS })
}

#[derive(Serialize)]
struct DismissedDoc {
    identity: String,
    server_pids: Vec<u32>,
    until: String,
}

pub(crate) fn dismiss(host: &Host, args: &DismissArgs) -> Done {
    let time = args.time.unsigned();
    if time > LONGEST {
        return Err(CliError::usage("--for is longer than 1h").hint("a stop lasts: iapeer stop").into());
    }
    let mut dismissed = Vec::new();
    for identity in chosen(host, &args.peer, args.runtime.as_ref())? {
        let mut warnings = Vec::new();
        let told = dismiss_witness(host, &identity, time, &mut warnings);
        out::warnings(&warnings);
        let Dismissed { server_pids, until, before } = told.map_err(|e| witness_error(&e))?;
        if let Some(by) = before.filter(|_| server_pids.is_empty()) {
            let message = format!("the end of the server of {identity} was announced before, by {by}");
            return Err(CliError::refused(message)
                .hint("what was announced stands; try again when its time is over")
                .into());
        }
        if !server_pids.is_empty() {
            dismissed.push(DismissedDoc { identity: identity.to_string(), server_pids, until });
        }
    }
    if dismissed.is_empty() {
        let error = CliError::refused(format!("no server of {} that is watched is alive", args.peer));
        return Err(error.hint(format!("nothing was changed; iapeer why {}", args.peer)).into());
    }
    if args.output.json {
        #[derive(Serialize)]
        struct Doc {
            dismissed: Vec<DismissedDoc>,
        }
        out::json("canary-dismiss", &Doc { dismissed })?;
        return Ok(ExitCode::SUCCESS);
    }
    for DismissedDoc { identity, server_pids, until } in &dismissed {
        let pids = server_pids.iter().map(u32::to_string).collect::<Vec<_>>().join(", ");
        out::line(format!(
            "{identity}: the end of its tmux server (pid {pids}) is deliberate until {until}"
        ))?;
    }
    out::note("until then an unplanned death counts as deliberate, too: `iapeer deaths` will not list it");
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn script(host: &Host, args: &ScriptArgs) -> Done {
    let (subject, usual) = match (&args.peer, &args.identity, args.pid) {
        (Some(peer), ..) => of_peer(host, peer, args.runtime.as_ref())?,
        (None, Some(identity), Some(pid)) => (of_process(identity, pid)?, Wait::Lifeline),
        // The arguments allow nothing else.
        (None, ..) => return Err(CliError::usage("neither a peer nor --identity is given").into()),
    };
    let wait = match (args.poll, args.client.first()) {
        (Some(secs), _) => Wait::Poll { secs: secs.get() },
        (None, Some(program)) if !program.starts_with('/') => {
            let error = CliError::usage(format!("the client {program} is not an absolute path"));
            return Err(error.hint("the witness runs in another folder, with another PATH").into());
        }
        (None, Some(_)) => Wait::Client { argv: args.client.clone() },
        (None, None) => usual,
    };
    let places = match &args.dir {
        Some(dir) => places(env::absolute(dir)?),
        None => host.canary().places().clone(),
    };
    let oom = OomBaseline::read(subject.server.pid);
    let script = Script::new(subject, places, wait).with_oom(oom).render();
    let script = script.map_err(|e| CliError::of(Kind::Usage, &e))?;
    if args.output.json {
        #[derive(Serialize)]
        struct Doc {
            script: String,
        }
        out::json("canary-script", &Doc { script })?;
        return Ok(ExitCode::SUCCESS);
    }
    out::line(script.trim_end())?;
    Ok(ExitCode::SUCCESS)
}

fn of_peer(
    host: &Host,
    peer: &Personality,
    runtime: Option<&RuntimeName>,
) -> Result<(Subject, Wait), CliError> {
    let identity = identity_of(&one_peer(host, peer)?, runtime)
        .map_err(|e| CliError::of(Kind::Failed, &e).hint(format!("iapeer show {peer}")))?;
    match live_server(host, &identity).map_err(|e| witness_error(&e))? {
        Some(subject) => Ok((subject, witness_wait(host, &identity))),
        None => Err(CliError::refused(format!("{identity} has no living server, and a witness is of one"))
            .hint(format!("iapeer launch {peer}, or name any process: --identity X --pid N"))),
    }
}

fn of_process(identity: &str, pid: u32) -> Result<Subject, CliError> {
    match Incarnation::of(pid) {
        Ok(Some(server)) => Ok(Subject::new(identity, server)),
        Ok(None) => Err(CliError::failed(format!("no process has the pid {pid}"))),
        Err(e) => Err(CliError::of(Kind::Failed, &e)),
    }
}

/// Where the files are of a witness that is none of iapeer's.
fn places(dir: Utf8PathBuf) -> Places {
    Places {
        state: dir.join("state"),
        forensics: dir.join("server-deaths"),
        exits_log: dir.join("exits.log"),
        lifecycle_log: dir.join("lifecycle.log"),
    }
}

/// The identities that are meant: of the runtime that is named, else every one of the peer.
fn chosen(host: &Host, peer: &Personality, runtime: Option<&RuntimeName>) -> Result<Vec<Identity>, CliError> {
    let peer = one_peer(host, peer)?;
    let Some(runtime) = runtime else { return Ok(identities(&peer)) };
    let identity = identity_of(&peer, Some(runtime));
    let name = &peer.facts.personality;
    identity
        .map(|identity| vec![identity])
        .map_err(|e| CliError::of(Kind::Failed, &e).hint(format!("iapeer show {name}")))
}

fn witness_error(error: &WitnessError) -> CliError {
    match error {
        WitnessError::Peer(e) => find_error(e),
        WitnessError::Lock(e) => locked(e),
        WitnessError::Fact(e) => fact_error(e),
        WitnessError::Adopt(e) => hints::launch_error(e),
        WitnessError::Unknown { .. } => CliError::of(Kind::Failed, error).hint(UNCLEAR),
        _ => CliError::of(Kind::Failed, error).hint("iapeer doctor"),
    }
}
