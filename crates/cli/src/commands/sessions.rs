//! Sessions: up, down, and what one looks at them with.

use std::io::IsTerminal;
use std::os::unix::process::CommandExt;
use std::process::ExitCode;

use iapeer_lifecycle::{
    AttendError, Degradation, Host, How, LaunchError, Launched, Observed, Refusal, Status, Stopped, Survey,
    identities, identity_of, launch, lift_stop, note_episodes, observe, stop, supervisor, survey,
};
use iapeer_registry::{Identity, Peer};
use iapeer_statefile::Holder;
use iapeer_tmux::{Tmux, TmuxError};
use serde::Serialize;

use super::peers::runtime_hint;
use super::{Done, UNCLEAR, fact_error, one_peer};
use crate::args::{AttachArgs, Output, SessionArgs, StopArgs};
use crate::error::{CliError, Kind};
use crate::{out, text};

#[derive(Serialize)]
struct LaunchDoc<'a> {
    identity: String,
    server_pid: u32,
    state: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<String>,
}

pub(crate) fn launch_verb(host: &Host, args: &SessionArgs) -> Done {
    let peer = one_peer(host, &args.peer)?;
    bring_up(host, "launch", &peer, args)
}

pub(crate) fn start(host: &Host, args: &SessionArgs) -> Done {
    let peer = one_peer(host, &args.peer)?;
    let identity = identity_of(&peer, args.runtime.as_ref()).map_err(|e| launch_error(&e))?;
    let lifted = lift_stop(host, &identity).map_err(|e| fact_error(&e))?;
    if !lifted && !args.output.json {
        out::note(&format!("{identity} was not stopped"));
    }
    bring_up(host, "start", &peer, args)
}

fn bring_up(host: &Host, verb: &str, peer: &Peer, args: &SessionArgs) -> Done {
    let Launched { identity, server_pid, how, warnings } =
        launch(host, peer, args.runtime.as_ref()).map_err(|e| launch_error(&e))?;
    out::warnings(&warnings);
    let (state, cause, told) = match how {
        How::Started(cause) => ("started", Some(cause.to_string()), "is live"),
        How::AlreadyLive => ("already-live", None, "is live already"),
        How::Adopted => ("adopted", None, "was live, and is looked after now"),
    };
    if args.output.json {
        let document = LaunchDoc { identity: identity.to_string(), server_pid, state, cause };
        out::json(verb, &document)?;
    } else {
        out::line(format!("{identity} {told} (tmux server pid {server_pid})"))?;
        out::line(format!("next: iapeer attach {}", attach_words(peer, &identity)))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// How to name an identity after a verb: the runtime only where it is not the default.
fn attach_words(peer: &Peer, identity: &Identity) -> String {
    match identity.runtime() {
        runtime if runtime == peer.facts.default_runtime() => identity.personality().to_string(),
        runtime => format!("{} {runtime}", identity.personality()),
    }
}

pub(crate) fn attach(host: &Host, args: &AttachArgs) -> Done {
    let peer = one_peer(host, &args.peer)?;
    let identity = identity_of(&peer, args.runtime.as_ref()).map_err(|e| launch_error(&e))?;
    let observed = observe(host, &identity);
    let words = attach_words(&peer, &identity);
    match &observed.status {
        Status::Live { .. } => {}
        Status::Asleep => {
            let error = CliError::refused(format!("{identity} is asleep, so there is nothing to attach to"));
            return Err(error.hint(format!("iapeer launch {words}")).into());
        }
        Status::Stopped => {
            let error = CliError::refused(format!("{identity} was stopped"));
            return Err(error.hint(format!("iapeer start {words}")).into());
        }
        Status::Unknown(reason) => {
            let error = CliError::failed(format!("whether {identity} is live cannot be told: {reason}"));
            return Err(error.hint(UNCLEAR).into());
        }
    }
    if !std::io::stdin().is_terminal() || !std::io::stdout().is_terminal() {
        let error = CliError::failed("attach needs a terminal, and this is none");
        let log = host.layout().pane_log(&identity);
        return Err(error.hint(format!("what the session showed so far: {log}")).into());
    }
    let argv = Tmux::find(&host.settings().path)
        .and_then(|tmux| tmux.server(observed.socket.into_std_path_buf()))
        .and_then(|server| Ok(server.session(&identity.to_string())?.attach_argv()))
        .map_err(|e| tmux_error(&e))?;
    Err(become_command(&argv).into())
}

/// Replaces this process by tmux, so that the terminal is tmux's alone. Returns only when that failed.
#[expect(clippy::disallowed_methods, reason = "the door for becoming the tmux client")]
fn become_command(argv: &[std::ffi::OsString]) -> CliError {
    let Some((program, args)) = argv.split_first() else {
        return CliError::failed("there is no tmux command");
    };
    let error = std::process::Command::new(program).args(args).env_remove("TMUX").exec();
    CliError::failed(format!("{} could not be started: {error}", program.display()))
}

#[derive(Serialize)]
struct StopDoc {
    stopped: Vec<StoppedDoc>,
}

#[derive(Serialize)]
struct StoppedDoc {
    identity: String,
    was_live: bool,
}

pub(crate) fn stop_verb(host: &Host, args: &StopArgs) -> Done {
    let peer = one_peer(host, &args.peer)?;
    let chosen = match &args.runtime {
        Some(runtime) => vec![identity_of(&peer, Some(runtime)).map_err(|e| launch_error(&e))?],
        None => identities(&peer),
    };
    let mut stopped = Vec::new();
    for identity in &chosen {
        let Stopped { identity, was_live, warnings } =
            stop(host, identity).map_err(|e| super::stop_error(&e))?;
        out::warnings(&warnings);
        if !args.output.json {
            let was = if was_live { "" } else { " (it was not live)" };
            let words = attach_words(&peer, &identity);
            out::line(format!("{identity} is stopped{was}; only `iapeer start {words}` begins it again"))?;
        }
        stopped.push(StoppedDoc { identity: identity.to_string(), was_live });
    }
    if args.output.json {
        out::json("stop", &StopDoc { stopped })?;
    }
    Ok(ExitCode::SUCCESS)
}

#[derive(Serialize)]
struct StatusDoc<'a> {
    version: &'static str,
    root: &'a str,
    slot: SlotState,
    peers: Counts,
    /// Provider commands that are still owed.
    owed: usize,
    supervisor: Supervisor,
    degradations: Vec<Degradation>,
}

#[derive(Serialize)]
struct SlotState {
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    provider: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    heartbeat_age_secs: Option<u64>,
}

#[derive(Default, Serialize)]
struct Counts {
    live: usize,
    asleep: usize,
    stopped: usize,
    unknown: usize,
}

#[derive(Serialize)]
struct Supervisor {
    running: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pid: Option<u32>,
}

impl Counts {
    /// A peer is what the most awake of its runtimes is, as the sign in a list has it.
    fn count(&mut self, observed: &[Observed]) {
        match crate::text::sign(observed) {
            "●" => self.live += 1,
            "?" => self.unknown += 1,
            "○" => self.asleep += 1,
            _ => self.stopped += 1,
        }
    }
}

pub(crate) fn status(host: &Host, output: &Output) -> Done {
    let peers = host.peers();
    let Survey { observed, degradations, owed } = survey(host, peers.as_ref());
    note_episodes(host, &degradations);
    let mut counts = Counts::default();
    observed.iter().for_each(|observed| counts.count(observed));
    let (state, provider, version, heartbeat_age_secs) = super::slot::state(host);
    let holder = supervisor(host).map_err(|e| super::unreadable(&e))?;
    let document = StatusDoc {
        version: env!("CARGO_PKG_VERSION"),
        root: host.layout().root().as_str(),
        slot: SlotState { state, provider, version, heartbeat_age_secs },
        peers: counts,
        owed,
        supervisor: Supervisor { running: holder.is_some(), pid: holder.as_ref().map(|holder| holder.pid) },
        degradations,
    };
    let code = match &peers {
        Ok(_) => ExitCode::SUCCESS,
        Err(_) => Kind::Damaged.into(),
    };
    if output.json {
        out::json("status", &document)?;
        return Ok(code);
    }
    let Counts { live, asleep, stopped, unknown } = &document.peers;
    out::line(format!("iapeer {}, root {}", document.version, document.root))?;
    out::line(match &peers {
        Ok(_) => format!("peers: {live} live, {asleep} asleep, {stopped} stopped, {unknown} unknown"),
        Err(_) => "peers: cannot be told".to_owned(),
    })?;
    let slot = &document.slot;
    let provider = match (&slot.provider, &slot.version) {
        (Some(provider), Some(version)) => format!(": {provider} {version}"),
        _ => String::new(),
    };
    let heartbeat =
        slot.heartbeat_age_secs.map_or_else(String::new, |age| format!(", heartbeat {age} s ago"));
    out::line(format!("memory slot: {}{provider}{heartbeat}", slot.state))?;
    out::line(match &holder {
        Some(Holder { pid, since: Some(since), .. }) => {
            format!("supervisor: running (pid {pid}, since {})", text::to_the_second(since))
        }
        Some(Holder { pid, .. }) => format!("supervisor: running (pid {pid})"),
        None => "supervisor: not running (`iapeer supervise --once` makes one pass)".to_owned(),
    })?;
    for degradation in &document.degradations {
        let remedy = degradation.remedy.as_ref().map_or_else(String::new, |r| format!("; {r}"));
        out::line(format!("degraded: {}{remedy}", text::one_line(&degradation.what)))?;
    }
    Ok(code)
}

/// How many provider commands are owed; each is a degradation, with what mends it.
pub(super) fn launch_error(error: &LaunchError) -> CliError {
    let cli = CliError::of(Kind::Failed, error);
    match error {
        LaunchError::Refused { identity, refusal, detail } => {
            let cli = CliError::of(Kind::Refused, error);
            match refusal {
                Refusal::Stopped => cli.hint(format!("iapeer start {}", identity.personality())),
                Refusal::HeldByService => cli,
                Refusal::FolderMissing => cli.hint(format!(
                    "put {detail} back, or remove the peer: iapeer remove {}",
                    identity.personality()
                )),
            }
        }
        LaunchError::Foreign { .. } => CliError::of(Kind::Refused, error)
            .hint("nothing was touched; end that server yourself, or choose another IAPEER_SOCK_DIR"),
        LaunchError::NotItsRuntime { runtime, .. } => {
            cli.hint(format!("iapeer init DIR --runtime {runtime}"))
        }
        LaunchError::Runtime(e) => runtime_hint(cli, e),
        LaunchError::EndedAtOnce { identity, shown, .. } => {
            let mut cli = cli;
            cli.causes.extend(shown.iter().map(|line| format!("its pane showed: {line}")));
            cli.hint(format!("iapeer why {}", identity.personality()))
        }
        LaunchError::Tmux(e) => tmux_error(e),
        LaunchError::Lock(e) => super::locked(e),
        LaunchError::Fact(e) | LaunchError::Attend(AttendError::Fact(e)) => fact_error(e),
        LaunchError::Unknown { .. } => cli.hint(UNCLEAR),
        LaunchError::Write(e) => super::write_error(e),
        LaunchError::Peer(e) => super::find_error(e),
        _ => cli,
    }
}

pub(super) fn tmux_error(error: &TmuxError) -> CliError {
    let cli = CliError::of(Kind::Failed, error);
    match error {
        TmuxError::NotFound { .. } => {
            cli.hint("install it: apt-get install tmux, dnf install tmux, or brew install tmux")
        }
        TmuxError::TooOld { .. } => cli.hint("install a newer tmux, or put one first on the PATH"),
        TmuxError::NotTmux { .. } | TmuxError::NotRun { .. } => {
            cli.hint("put a tmux that works first on the PATH")
        }
        TmuxError::SocketTooLong { .. } => cli.hint(
            "choose a shorter folder for the sockets: IAPEER_SOCK_DIR=/run/user/UID/iapeer, for example",
        ),
        _ => cli,
    }
}
