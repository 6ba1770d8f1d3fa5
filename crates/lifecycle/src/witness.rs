//! What an operator does about witnesses: giving one to a server that has none, telling one to be silent, and
//! reading what one does.

use std::time::Duration;

use iapeer_canary::{Armed, BadWord, CanaryError, Intended, Liveness, Subject, Wait};
use iapeer_registry::Identity;
use iapeer_statefile::{Line, LockError, Timestamp, iso_millis};

use crate::attend::{POLL_SECS, arm_again, client_of};
use crate::facts::{FactError, Facts};
use crate::find::FindError;
use crate::host::{Host, Warning, now, with_causes};
use crate::launch::adopt_if_live;
use crate::launch_error::LaunchError;

/// What became of arming.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Witness {
    /// A witness was started and watches.
    Spawned {
        /// Its pid.
        recorder_pid: u32,
    },
    /// One watches already.
    Already {
        /// Its pid.
        recorder_pid: u32,
    },
    /// Nobody watches, and why.
    Failed {
        /// Why not.
        reason: String,
    },
    /// There is nothing to watch.
    Skipped,
}

/// That what follows is deliberate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dismissed {
    /// The servers whose witnesses were told; empty when none was alive.
    pub server_pids: Vec<u32>,
    /// Until when it counts, ISO 8601.
    pub until: String,
    /// Who had said so before, where that still counts: who came first ends the server.
    pub before: Option<String>,
}

/// Why nothing was done about a witness.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WitnessError {
    /// It is no peer any more, or is being renamed.
    #[error(transparent)]
    Peer(#[from] FindError),
    /// Somebody else is at it.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// What is written down about its session cannot be used.
    #[error(transparent)]
    Fact(#[from] FactError),
    /// A server that nobody wrote down cannot be taken on.
    #[error(transparent)]
    Adopt(#[from] Box<LaunchError>),
    /// The witness cannot be told.
    #[error(transparent)]
    Canary(#[from] CanaryError),
    /// Whether its server lives cannot be told, so nothing was done.
    #[error("whether the server of {identity} lives cannot be told: {reason}")]
    Unknown {
        /// Whose.
        identity: Identity,
        /// Why not.
        reason: String,
    },
}

impl Witness {
    /// The word that scripts read.
    pub fn as_str(&self) -> &'static str {
        match self {
            Witness::Spawned { .. } => "spawned",
            Witness::Already { .. } => "already",
            Witness::Failed { .. } => "failed",
            Witness::Skipped => "skipped",
        }
    }
}

/// Gives the living server of an identity a witness, where it has none. A server that lives and is not written
/// down is taken on first.
///
/// # Errors
///
/// [`WitnessError`].
pub fn arm_witness(
    host: &Host,
    identity: &Identity,
    warnings: &mut Vec<Warning>,
) -> Result<Witness, WitnessError> {
    // A launch that is under way arms by itself, and on the better wait.
    let _wake = host.lock_wake(identity)?;
    host.peer(identity.personality())?;
    let canary = host.canary();
    if Facts::of(host.layout(), identity).session()?.is_none() {
        adopt_if_live(host, &canary, identity, warnings).map_err(Box::new)?;
    }
    let Some(subject) = live_server(host, identity)? else { return Ok(Witness::Skipped) };
    // What failed is the answer here, and need not be a warning, too.
    Ok(match arm_again(host, &canary, identity, &subject, &mut Vec::new()) {
        Armed::Spawned { recorder_pid } => Witness::Spawned { recorder_pid },
        Armed::Already { recorder_pid } => Witness::Already { recorder_pid },
        Armed::Failed(e) => Witness::Failed { reason: with_causes(&e) },
        Armed::Skipped => Witness::Skipped,
    })
}

/// Tells the witnesses of an identity that the end of its servers will be deliberate, should it come within
/// `ttl`. Only of a server that is seen alive.
///
/// # Errors
///
/// [`WitnessError::Canary`]; what was told before stays told.
pub fn dismiss_witness(
    host: &Host,
    identity: &Identity,
    ttl: Duration,
    warnings: &mut Vec<Warning>,
) -> Result<Dismissed, WitnessError> {
    let by = &host.settings().caller;
    let until = iso_millis(Timestamp::now().saturating_add(ttl).unwrap_or(Timestamp::MAX));
    let told = host.canary().dismiss(&identity.to_string(), by, "dismissed", ttl)?;
    let published = told.iter().filter(|(_, intended)| matches!(intended, Intended::Published(_)));
    let server_pids: Vec<_> = published.map(|(subject, _)| subject.server.pid).collect();
    let before = told.iter().find_map(|(_, intended)| match intended {
        Intended::Already { by, .. } => Some(by.clone()),
        Intended::Published(_) | Intended::AlreadyDead => None,
    });
    for pid in &server_pids {
        let line = Line::new(now(), "canary").field("state", "dismissed").field("identity", identity);
        host.log(&line.field("by", by).field("server_pid", pid).field("until", &until), warnings);
    }
    Ok(Dismissed { server_pids, until, before })
}

/// The server of an identity, if it is written down and lives.
///
/// # Errors
///
/// [`WitnessError::Unknown`] when that cannot be told.
pub fn live_server(host: &Host, identity: &Identity) -> Result<Option<Subject>, WitnessError> {
    let unknown = |reason| WitnessError::Unknown { identity: identity.clone(), reason };
    let Some(session) = Facts::of(host.layout(), identity).session()? else { return Ok(None) };
    let server = session.server_process().map_err(|e: BadWord| unknown(e.to_string()))?;
    match server.state() {
        Liveness::Alive => Ok(Some(Subject::new(identity.to_string(), server))),
        Liveness::Dead { .. } => Ok(None),
        Liveness::Unknown(reason) => Err(unknown(reason)),
    }
}

/// What a witness of an identity's living server waits on, when it is armed afterwards.
pub fn witness_wait(host: &Host, identity: &Identity) -> Wait {
    match client_of(host, identity) {
        Some(argv) => Wait::Client { argv },
        None => Wait::Poll { secs: POLL_SECS },
    }
}
