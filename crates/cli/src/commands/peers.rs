//! Peers: how they come to be, who they are, how they go.

use std::process::ExitCode;

use iapeer_canary::Deaths;
use iapeer_lifecycle::{
    Birth, BirthError, Born, ChangeError, Class, Host, IfLive, RemoveError, Removed, Runtime, Wish, birth,
    deaths, observe_peer, observe_peers, remove, set_default_runtime,
};
use iapeer_registry::{NameError, Personality, RuntimeName, profile_path};
use iapeer_statefile::with_causes;
use serde::Serialize;

use super::canary::state_word;
use super::deaths::last_death;
use super::hints::runtime_hint;
use super::rename::unfinished;
use super::{
    Done, UNCLEAR, all_peers, commit_error, locked, one_peer, state_fault, stop_error, undo_error,
    unreadable, write_error,
};
use crate::args::{CreateArgs, InitArgs, Output, PeerArgs, RemoveArgs, RuntimeArgs, ShowArgs};
use crate::env::absolute;
use crate::error::{CliError, Kind};
use crate::wire::{CanaryDoc, ListDoc, OutcomesDoc, PeerDoc, RuntimeMore, ShowDoc};
use crate::{out, text};

pub(crate) fn init(host: &Host, args: InitArgs) -> Done {
    let InitArgs { dir, name, peer } = args;
    let wish = Wish { personality: name, folder: Some(absolute(&dir)?), ..wish(&peer) };
    born(host, "init", wish, Birth::InFolder, &peer.output)
}

pub(crate) fn create(host: &Host, args: CreateArgs) -> Done {
    let CreateArgs { name, path, peer } = args;
    let folder = path.map(|path| absolute(&path)).transpose()?;
    let wish = Wish { personality: Some(name), folder, ..wish(&peer) };
    born(host, "create", wish, Birth::New, &peer.output)
}

fn wish(args: &PeerArgs) -> Wish {
    Wish {
        personality: None,
        folder: None,
        runtime: args.runtime.clone(),
        description: args.description.clone(),
        intelligence: args.intelligence.clone(),
    }
}

fn born(host: &Host, verb: &str, wish: Wish, how: Birth, output: &Output) -> Done {
    let Born { peer, news, outcomes, warnings } =
        birth(host, wish, how).map_err(|e| birth_error(host, &e))?;
    out::warnings(&warnings);
    if output.json {
        #[derive(Serialize)]
        struct Doc<'a> {
            peer: PeerDoc,
            born: bool,
            #[serde(flatten)]
            outcomes: OutcomesDoc<'a>,
        }
        let document = Doc {
            peer: PeerDoc::new(&peer, &observe_peer(host, &peer)),
            born: news,
            outcomes: OutcomesDoc::new(&outcomes),
        };
        out::json(verb, &document)?;
        return Ok(ExitCode::SUCCESS);
    }
    let name = &peer.facts.personality;
    let runtimes = peer.facts.runtimes().iter().map(|r| r.as_str()).collect::<Vec<_>>().join(", ");
    if !news {
        out::line(format!("{name} is a peer already, in {} ({runtimes}); nothing was changed", peer.cwd))?;
        return Ok(ExitCode::SUCCESS);
    }
    out::line(format!("{name} is a peer now, in {} ({runtimes})", peer.cwd))?;
    for outcome in &outcomes {
        out::line(text::outcome(outcome))?;
    }
    let runtime = Runtime::find(peer.facts.default_runtime(), host.layout());
    if runtime.is_ok_and(|runtime| runtime.class == Class::Agent) {
        out::line(format!("next: iapeer launch {name}"))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn birth_error(host: &Host, error: &BirthError) -> CliError {
    let kind = match error {
        BirthError::Name(_) | BirthError::DescriptionTooLong { .. } => Kind::Usage,
        _ => Kind::Failed,
    };
    let cli = CliError::of(kind, error);
    match error {
        BirthError::State(fault) => state_fault(host, fault),
        BirthError::Lock(e) => locked(e),
        BirthError::Unfinished(e) => unfinished(e),
        BirthError::Name(NameError::Underivable { .. }) => {
            cli.hint("name it yourself: iapeer init DIR --name NAME")
        }
        BirthError::Runtime(e) => runtime_hint(cli, e),
        BirthError::NoFolder { folder } => cli.hint(format!("mkdir -p '{folder}'")),
        BirthError::Exists { personality, .. } => cli.hint(format!("iapeer show {personality}")),
        BirthError::OtherProfile { found, .. } => {
            cli.hint(format!("take its own name: iapeer create {found} --path DIR, or iapeer init DIR"))
        }
        BirthError::Conflict(_) => {
            cli.hint("choose another name or folder; iapeer list shows which are taken")
        }
        BirthError::Write(e) => write_error(e),
        BirthError::Commit(e) => commit_error(e),
        BirthError::Undo(e) => undo_error(e),
        BirthError::Left(_) => cli.hint("mend what it names, or move the file away, then try again"),
        _ => cli,
    }
}

/// One more runtime for a peer: a birth, of that runtime alone.
pub(crate) fn add_runtime(host: &Host, args: &RuntimeArgs) -> Done {
    let peer = one_peer(host, &args.peer)?;
    let wish = Wish {
        personality: Some(peer.facts.personality),
        folder: Some(peer.cwd),
        runtime: Some(args.runtime.clone()),
        ..Wish::default()
    };
    let output = Output { json: args.output.json };
    born(host, "add-runtime", wish, Birth::InFolder, &output)
}

pub(crate) fn default_runtime(host: &Host, args: &RuntimeArgs) -> Done {
    let RuntimeArgs { peer, runtime, output } = args;
    one_peer(host, peer)?;
    let changed = set_default_runtime(host, peer, runtime).map_err(|e| {
        let cli = CliError::of(Kind::Failed, &e);
        match &e {
            ChangeError::NotItsRuntime { .. } => cli.hint(format!("iapeer add-runtime {peer} {runtime}")),
            ChangeError::NoProfile { cwd, .. } => cli.hint(format!("iapeer init {cwd}")),
            ChangeError::State(fault) => state_fault(host, fault),
            ChangeError::Lock(e) => locked(e),
            ChangeError::Unfinished(e) => unfinished(e),
            ChangeError::Commit(e) => commit_error(e),
            ChangeError::Undo(e) => undo_error(e),
            _ => cli,
        }
    })?;
    if output.json {
        #[derive(Serialize)]
        struct Doc<'a> {
            personality: &'a Personality,
            default_runtime: &'a RuntimeName,
            changed: bool,
        }
        out::json("default-runtime", &Doc { personality: peer, default_runtime: runtime, changed })?;
    } else {
        let told = if changed { "is now" } else { "was already" };
        out::line(format!("the default runtime of {peer} {told} {runtime}"))?;
    }
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn list(host: &Host, output: &Output) -> Done {
    let peers = all_peers(host)?;
    let observed: Vec<_> = peers.iter().zip(observe_peers(host, &peers)).collect();
    if output.json {
        let peers = observed.iter().map(|(peer, observed)| PeerDoc::new(peer, observed)).collect();
        out::json("list", &ListDoc { peers })?;
        return Ok(ExitCode::SUCCESS);
    }
    if observed.is_empty() {
        out::note("no peers yet; make one: iapeer create NAME");
    }
    let rows: Vec<_> = observed
        .iter()
        .map(|(peer, observed)| {
            let runtimes = observed.iter().map(|o| format!("{} {}", o.identity.runtime(), o.status.as_str()));
            vec![
                format!("{} {}", text::sign(observed), peer.facts.personality),
                runtimes.collect::<Vec<_>>().join(", "),
                peer.facts.description.clone(),
            ]
        })
        .collect();
    out::lines(&text::listed(&["PEER", "RUNTIMES", "DESCRIPTION"], &rows))?;
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn show(host: &Host, args: &ShowArgs) -> Done {
    let peer = one_peer(host, &args.peer)?;
    let observed = observe_peer(host, &peer);
    let mut document = PeerDoc::new(&peer, &observed);
    // What a damaged journal does not tell is said, and the rest is shown.
    let recorded = deaths(host).unwrap_or_else(|e| {
        out::remark("warning", &format!("its last death cannot be told: {}", with_causes(&e)));
        Deaths::default()
    });
    let canaries = host.canary().list().unwrap_or_else(|e| {
        out::remark("warning", &format!("whether it is watched cannot be told: {}", with_causes(&e)));
        Vec::new()
    });
    for runtime in &mut document.runtimes {
        let watching = canaries.iter().find(|c| {
            c.subject.identity == runtime.identity && Some(c.subject.server.pid) == runtime.server_pid
        });
        let canary = watching.map(|c| CanaryDoc { state: state_word(c.state), recorder_pid: c.recorder_pid });
        let last_death = last_death(&recorded, &runtime.identity);
        runtime.more = Some(RuntimeMore { canary, last_death });
    }
    let profile_path = profile_path(&peer.cwd).to_string();
    if args.output.json {
        out::json("show", &ShowDoc { peer: document, profile_path })?;
        return Ok(ExitCode::SUCCESS);
    }
    out::line(format!("{} {}", text::sign(&observed), document.personality))?;
    if !document.description.is_empty() {
        out::line(format!("  {}", text::one_line(&document.description)))?;
    }
    out::line(format!("  folder: {}", document.cwd))?;
    out::line(format!("  profile: {profile_path}"))?;
    out::line(format!("  intelligence: {}", String::from(document.intelligence)))?;
    for runtime in &document.runtimes {
        let default = if runtime.runtime == document.default_runtime { " (default)" } else { "" };
        let server = runtime.server_pid.map_or_else(String::new, |pid| format!(", server pid {pid}"));
        let reason = runtime.reason.as_ref().or(runtime.stopped.as_ref());
        let reason = reason.map_or_else(String::new, |r| format!(": {r}"));
        out::line(format!("  {}{default}: {}{server}{reason}", runtime.runtime, runtime.status))?;
        let Some(more) = &runtime.more else { continue };
        if runtime.server_pid.is_some() {
            let canary = more.canary.as_ref().map_or("unwatched", |c| c.state);
            out::line(format!("    canary: {canary}"))?;
        }
        if let Some(death) = &more.last_death {
            out::line(format!("    last death: {} {} ({})", death.ts, death.cause, death.status))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn remove_verb(host: &Host, args: &RemoveArgs) -> Done {
    let peer = one_peer(host, &args.peer)?;
    let if_live = if args.force { IfLive::Stop } else { IfLive::Refuse };
    let Removed { peer, outcomes, warnings } = remove(host, &peer, if_live).map_err(|e| match &e {
        RemoveError::Live { .. } => CliError::of(Kind::Refused, &e)
            .hint(format!("iapeer stop {0}, or iapeer remove {0} --force", args.peer)),
        RemoveError::Tasks { .. } => CliError::of(Kind::Refused, &e)
            .hint(format!("iapeer queue list {0}, or iapeer remove {0} --force", args.peer)),
        RemoveError::Read(e) => unreadable(e),
        RemoveError::Unknown { .. } => CliError::of(Kind::Refused, &e).hint(UNCLEAR),
        RemoveError::State(fault) => state_fault(host, fault),
        RemoveError::Lock(e) => locked(e),
        RemoveError::Unfinished(e) => unfinished(e),
        RemoveError::Commit(e) => commit_error(e),
        RemoveError::Stop(e) => stop_error(e),
        _ => CliError::of(Kind::Failed, &e),
    })?;
    out::warnings(&warnings);
    if args.output.json {
        #[derive(Serialize)]
        struct Doc<'a> {
            personality: &'a Personality,
            cwd: &'a str,
            #[serde(flatten)]
            outcomes: OutcomesDoc<'a>,
        }
        let (personality, cwd) = (&peer.facts.personality, peer.cwd.as_str());
        out::json("remove", &Doc { personality, cwd, outcomes: OutcomesDoc::new(&outcomes) })?;
        return Ok(ExitCode::SUCCESS);
    }
    out::line(format!("{} is no peer any more", peer.facts.personality))?;
    for outcome in &outcomes {
        out::line(text::outcome(outcome))?;
    }
    out::line(format!("its folder stays: {}", peer.cwd))?;
    Ok(ExitCode::SUCCESS)
}
