//! Sessions: down, and what one looks at them with.

use std::process::ExitCode;

use iapeer_lifecycle::{
    Degradation, Host, Observed, Stopped, Survey, identities, identity_of, note_episodes, stop, supervisor,
    survey,
};
use iapeer_statefile::Holder;
use serde::Serialize;

use super::hints::{launch_error, words};
use super::{Done, one_peer};
use crate::args::{Output, StopArgs, Whose};
use crate::error::Kind;
use crate::{out, text};

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
    let Whose { peer, runtime, .. } = &args.whose;
    let Some(peer) = peer else { return super::fleet::stop_all(host, &args.output) };
    let peer = one_peer(host, peer)?;
    let chosen = match runtime {
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
            let words = words(&peer, &identity);
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
    let Survey { observed, degradations, owed, slot } = survey(host, peers.as_ref());
    note_episodes(host, &degradations);
    let mut counts = Counts::default();
    observed.iter().for_each(|observed| counts.count(observed));
    let (state, provider, version, heartbeat_age_secs) = super::slot::state(slot);
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
        None => "supervisor: not running (`iapeer service install` keeps one running, `iapeer supervise` runs one here)".to_owned(),
    })?;
    for degradation in &document.degradations {
        let remedy = degradation.remedy.as_ref().map_or_else(String::new, |r| format!("; {r}"));
        out::line(format!("degraded: {}{remedy}", text::one_line(&degradation.what)))?;
    }
    Ok(code)
}
