//! The JSON documents, apart from the types that the rest of the program thinks in.

use iapeer_lifecycle::{How, Observed, Provisioned, Status};
use iapeer_registry::{Intelligence, Peer, Personality, RuntimeName};
use schemars::JsonSchema;
use serde::Serialize;

use crate::error::CliError;

/// A peer as `list` and `show` give it.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct PeerDoc {
    #[schemars(with = "String")]
    pub(crate) personality: Personality,
    #[schemars(with = "String")]
    pub(crate) default_runtime: RuntimeName,
    #[schemars(with = "String")]
    pub(crate) intelligence: Intelligence,
    pub(crate) description: String,
    pub(crate) cwd: String,
    pub(crate) runtimes: Vec<RuntimeDoc>,
}

/// What `list --json` prints.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ListDoc {
    pub(crate) peers: Vec<PeerDoc>,
}

/// What `show --json` prints.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ShowDoc {
    pub(crate) peer: PeerDoc,
    pub(crate) profile_path: String,
}

/// What `deaths --json` prints.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct DeathsDoc {
    pub(crate) deaths: Vec<DeathDoc>,
    pub(crate) unreadable_lines: u64,
}

/// What any verb with `--json` prints when it fails.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ErrorDoc<'a> {
    pub(crate) error: &'a CliError,
}

/// One runtime of a peer.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct RuntimeDoc {
    #[schemars(with = "String")]
    pub(crate) runtime: RuntimeName,
    pub(crate) identity: String,
    pub(crate) status: &'static str,
    pub(crate) socket: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) server_pid: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) stopped: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub(crate) more: Option<RuntimeMore>,
}

/// What only `show` says about a runtime.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct RuntimeMore {
    pub(crate) canary: Option<CanaryDoc>,
    pub(crate) last_death: Option<DeathDoc>,
}

/// The witness of a server.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct CanaryDoc {
    pub(crate) state: &'static str,
    pub(crate) recorder_pid: Option<u32>,
}

/// A death as `deaths` gives it.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct DeathDoc {
    pub(crate) ts: String,
    pub(crate) kind: &'static str,
    pub(crate) identity: String,
    pub(crate) cause: String,
    pub(crate) status: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) death: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) server_pid: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) oom: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) observer: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) forensics: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) incident: Option<String>,
}

/// What became of the provider's commands.
#[derive(Debug, Serialize)]
pub(crate) struct OutcomesDoc<'a> {
    pub(crate) outcomes: &'a [Provisioned],
    pub(crate) ok: bool,
}

impl PeerDoc {
    pub(crate) fn new(peer: &Peer, observed: &[Observed]) -> PeerDoc {
        PeerDoc {
            personality: peer.facts.personality.clone(),
            default_runtime: peer.facts.default_runtime().clone(),
            intelligence: peer.facts.intelligence.clone(),
            description: peer.facts.description.clone(),
            cwd: peer.cwd.to_string(),
            runtimes: observed.iter().map(RuntimeDoc::new).collect(),
        }
    }
}

impl RuntimeDoc {
    fn new(observed: &Observed) -> RuntimeDoc {
        let (server_pid, reason) = match &observed.status {
            Status::Live { server_pid } => (Some(*server_pid), None),
            Status::Unknown(reason) => (None, Some(reason.clone())),
            Status::Asleep | Status::Stopped => (None, None),
        };
        RuntimeDoc {
            runtime: observed.identity.runtime().clone(),
            identity: observed.identity.to_string(),
            status: observed.status.as_str(),
            socket: observed.socket.to_string(),
            server_pid,
            stopped: observed.stopped.clone(),
            reason,
            more: None,
        }
    }
}

impl<'a> OutcomesDoc<'a> {
    pub(crate) fn new(outcomes: &'a [Provisioned]) -> OutcomesDoc<'a> {
        OutcomesDoc { outcomes, ok: outcomes.iter().all(Provisioned::is_ok) }
    }
}

/// How a session came to be up: the word that scripts read, and the cause.
pub(crate) fn how_it_came(how: How) -> (&'static str, Option<String>) {
    match how {
        How::Started(cause) => ("started", Some(cause.to_string())),
        How::Resumed(cause) => ("resumed", Some(cause.to_string())),
        How::AlreadyLive => ("already-live", None),
        How::Adopted => ("adopted", None),
    }
}
