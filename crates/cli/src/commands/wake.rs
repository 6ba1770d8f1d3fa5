//! How sessions come up: by name, by folder, by going to them, anew.

use std::io::IsTerminal;
use std::os::unix::process::CommandExt;
use std::process::ExitCode;

use iapeer_lifecycle::{
    AnewError, Fleet, Host, Launched, RefreshError, Refreshed, Request, Status, begin_anew, identities,
    identity_of, launch_for, lift_stop, muster, observe, refresh,
};
use iapeer_registry::{Identity, Peer};
use iapeer_tmux::Tmux;
use serde::Serialize;

use super::hints::{launch_error, runtime_hint, tmux_error, words};
use super::{Done, UNCLEAR, all_peers, fact_error, find_error, locked, one_peer, stop_error};
use crate::args::{AttachArgs, FolderArgs, LaunchArgs, Output, RefreshArgs, SessionArgs, StartArgs};
use crate::error::{CliError, Kind};
use crate::{out, text, wire};

#[derive(Serialize)]
struct LaunchDoc<'a> {
    identity: String,
    server_pid: u32,
    state: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<String>,
}

pub(crate) fn launch_verb(host: &Host, args: LaunchArgs) -> Done {
    let LaunchArgs { topic, session: SessionArgs { peer, runtime, no_scope, output } } = args;
    let host = &scoped(host, no_scope);
    let peer = one_peer(host, &peer)?;
    let request = topic.map_or(Request::Launch, Request::Topic);
    let launched = launch_for(host, &peer, runtime.as_ref(), &request).map_err(|e| launch_error(&e))?;
    tell_launched("launch", &peer, launched, &output)
}

pub(crate) fn start(host: &Host, args: &StartArgs) -> Done {
    let host = &scoped(host, args.no_scope);
    let Some(peer) = &args.peer else { return super::fleet::start_all(host, &args.output) };
    let peer = one_peer(host, peer)?;
    let identity = identity_of(&peer, args.runtime.as_ref()).map_err(|e| launch_error(&e))?;
    let lifted = lift_stop(host, &identity).map_err(|e| fact_error(&e))?;
    if !lifted && !args.output.json {
        out::note(&format!("{identity} was not stopped"));
    }
    let launched =
        launch_for(host, &peer, args.runtime.as_ref(), &Request::Start).map_err(|e| launch_error(&e))?;
    tell_launched("start", &peer, launched, &args.output)
}

pub(crate) fn new(host: &Host, args: &SessionArgs) -> Done {
    let host = &scoped(host, args.no_scope);
    let peer = one_peer(host, &args.peer)?;
    let launched = begin_anew(host, &peer, args.runtime.as_ref()).map_err(|e| match &e {
        AnewError::End(e) => stop_error(e),
        AnewError::Launch(e) => launch_error(e),
        _ => CliError::of(Kind::Failed, &e),
    })?;
    tell_launched("new", &peer, launched, &args.output)
}

/// The host as the arguments want it.
fn scoped(host: &Host, no_scope: bool) -> Host {
    if no_scope { host.clone().without_scopes() } else { host.clone() }
}

/// `iapeer <runtime>`: the peer of this folder, begun anew if it is not live, and then gone to.
pub(crate) fn folder(host: &Host, args: &FolderArgs) -> Done {
    let peer = peer_here(host, args)?;
    let launched =
        launch_for(host, &peer, Some(&args.runtime), &Request::Anew).map_err(|e| launch_error(&e))?;
    if args.output.json || !on_terminal() {
        return tell_launched("launch", &peer, launched, &args.output);
    }
    out::warnings(&launched.warnings);
    Err(become_client(host, &launched.identity).into())
}

pub(crate) fn attach(host: &Host, args: &AttachArgs) -> Done {
    let peer = one_peer(host, &args.peer)?;
    let identity = identity_of(&peer, args.runtime.as_ref()).map_err(|e| launch_error(&e))?;
    let observed = observe(host, &identity);
    match &observed.status {
        Status::Live { .. } | Status::Asleep => {}
        Status::Stopped => {
            let error = CliError::refused(format!("{identity} was stopped"));
            return Err(error.hint(format!("iapeer start {}", words(&peer, &identity))).into());
        }
        Status::Unknown(reason) => {
            let error = CliError::failed(format!("whether {identity} is live cannot be told: {reason}"));
            return Err(error.hint(UNCLEAR).into());
        }
    }
    // A session that nobody would see is not woken.
    if !on_terminal() {
        let error = CliError::failed("attach needs a terminal, and this is none");
        let log = host.layout().pane_log(&identity);
        let hint = match observed.status {
            Status::Asleep => {
                format!("start it without going to it: iapeer launch {}", words(&peer, &identity))
            }
            _ => format!("what the session showed so far: {log}"),
        };
        return Err(error.hint(hint).into());
    }
    if observed.status == Status::Asleep {
        let launched =
            launch_for(host, &peer, args.runtime.as_ref(), &Request::Attach).map_err(|e| launch_error(&e))?;
        out::warnings(&launched.warnings);
    }
    Err(become_client(host, &identity).into())
}

#[derive(Serialize)]
struct RefreshDoc {
    refreshed: Vec<RefreshedDoc>,
}

#[derive(Serialize)]
struct RefreshedDoc {
    identity: String,
    status: &'static str,
}

pub(crate) fn refresh_verb(host: &Host, args: &RefreshArgs) -> Done {
    let peers = match &args.whose.peer {
        None => all_peers(host)?,
        Some(peer) => vec![one_peer(host, peer)?],
    };
    let chosen = match (&args.whose.runtime, peers.as_slice()) {
        (Some(_), [peer]) => {
            vec![identity_of(peer, args.whose.runtime.as_ref()).map_err(|e| launch_error(&e))?]
        }
        // A peer without a runtime of ours is refused with the reason; among all it is passed over.
        (_, peers) => match muster(host, peers, Fleet::Everybody).meant {
            meant if meant.is_empty() && !args.whose.all => peers.iter().flat_map(identities).collect(),
            meant => meant,
        },
    };
    let mut refreshed = Vec::new();
    for identity in &chosen {
        let Refreshed { identity, status, warnings } =
            refresh(host, identity).map_err(|e| refresh_error(&e))?;
        out::warnings(&warnings);
        if !args.output.json {
            let (name, runtime) = (identity.personality(), identity.runtime());
            out::line(match &status {
                Status::Live { .. } => format!(
                    "{identity} goes on, and begins anew at its next wake (at once: iapeer new {name} {runtime})"
                ),
                Status::Stopped => format!("{identity} is stopped, and begins anew when it is started"),
                Status::Asleep => format!("{identity} is asleep, and begins anew at its next wake"),
                Status::Unknown(_) => format!("{identity} begins anew at its next wake"),
            })?;
        }
        refreshed.push(RefreshedDoc { identity: identity.to_string(), status: status.as_str() });
    }
    if args.output.json {
        out::json("refresh", &RefreshDoc { refreshed })?;
    } else if chosen.is_empty() {
        out::line("there is nobody to refresh")?;
    }
    Ok(ExitCode::SUCCESS)
}

fn tell_launched(verb: &str, peer: &Peer, launched: Launched, output: &Output) -> Done {
    out::warnings(&launched.warnings);
    if output.json {
        let (state, cause) = wire::how_it_came(launched.how);
        let Launched { identity, server_pid, .. } = launched;
        out::json(verb, &LaunchDoc { identity: identity.to_string(), server_pid, state, cause })?;
    } else {
        out::line(text::launched_line(&launched))?;
        out::line(format!("next: iapeer attach {}", words(peer, &launched.identity)))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The peer whose folder this is, through whatever links it was reached.
fn peer_here(host: &Host, FolderArgs { runtime, .. }: &FolderArgs) -> Result<Peer, CliError> {
    let here = host.settings().current_folder.as_ref();
    let here = here.ok_or_else(|| CliError::failed("the working folder cannot be told"))?;
    let real = here.canonicalize_utf8().unwrap_or_else(|_| here.clone());
    let mut peers = all_peers(host)?.into_iter();
    let is_here = |peer: &Peer| peer.cwd.canonicalize_utf8().is_ok_and(|folder| folder == real);
    peers.find(is_here).ok_or_else(|| {
        CliError::failed(format!("{here} is no peer's folder, so there is nobody to start here"))
            .hint(format!("make it one: iapeer init --runtime {runtime}"))
            .hint("start a peer by its name: iapeer launch PEER")
    })
}

/// Whether somebody types and sees.
pub(super) fn on_terminal() -> bool {
    std::io::stdin().is_terminal() && std::io::stdout().is_terminal()
}

/// Replaces this process by a tmux client of the session, so that the terminal is tmux's alone. Returns only
/// when that failed.
fn become_client(host: &Host, identity: &Identity) -> CliError {
    let argv = Tmux::find(&host.settings().path)
        .and_then(|tmux| tmux.server(host.layout().socket(identity).into_std_path_buf()))
        .and_then(|server| Ok(server.session(&identity.to_string())?.attach_argv()));
    match argv {
        Ok(argv) => become_command(&argv),
        Err(e) => tmux_error(&e),
    }
}

/// Becomes the tmux client that attaches.
#[expect(clippy::disallowed_methods, reason = "the door for becoming the tmux client")]
fn become_command(argv: &[std::ffi::OsString]) -> CliError {
    let Some((program, args)) = argv.split_first() else {
        return CliError::failed("there is no tmux command");
    };
    let error = std::process::Command::new(program).args(args).env_remove("TMUX").exec();
    CliError::failed(format!("{} could not be started: {error}", program.display()))
}

fn refresh_error(error: &RefreshError) -> CliError {
    match error {
        RefreshError::Peer(e) => find_error(e),
        RefreshError::Runtime(e @ iapeer_lifecycle::RuntimeError::Router { .. }) => {
            CliError::of(Kind::Refused, e)
        }
        RefreshError::Runtime(e) => runtime_hint(CliError::of(Kind::Failed, error), e),
        RefreshError::Fact(e) => fact_error(e),
        RefreshError::Lock(e) => locked(e),
        _ => CliError::of(Kind::Failed, error),
    }
}
