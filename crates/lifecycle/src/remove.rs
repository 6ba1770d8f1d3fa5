//! How a peer goes: out of the index, its memory taken back, its state purged. Its folder stays.

use iapeer_canary::CanaryError;
use iapeer_registry::{Identity, Peer, Personality};
use iapeer_statefile::{
    CommitError, Line, LockError, ReadError, StateFault, WriteError, list_all, remove_file,
};

use crate::host::{Host, Warning, now};
use crate::observe::{Status, identities, observe};
use crate::occasion::{Occasion, Provisioned};
use crate::provision::{Caller, begin, due};
use crate::queue::numbers;
use crate::recovery::edit_index;
use crate::removed::{Stage, remember_removal};
use crate::stop::{StopError, stop_locked};
use crate::sweep::provider;
use crate::undo::commit;
use crate::unfinished::{Unfinished, none_unfinished};

/// A removal.
#[derive(Debug, Clone)]
pub struct Removed {
    /// The peer that was.
    pub peer: Peer,
    /// What the provider's commands did.
    pub outcomes: Vec<Provisioned>,
    /// What the user should know.
    pub warnings: Vec<Warning>,
}

/// What to do about a peer that is live, or has tasks that wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IfLive {
    /// Refuse.
    Refuse,
    /// Stop it first, and drop its tasks.
    Stop,
}

/// Why a peer was not removed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RemoveError {
    /// It is live.
    #[error("{identity} is live (server pid {server_pid})")]
    Live {
        /// In which runtime.
        identity: Identity,
        /// Its server.
        server_pid: u32,
    },
    /// Tasks of it wait, which nobody would do.
    #[error("{count} of {identity} would be lost", count = counted(*.tasks))]
    Tasks {
        /// In which runtime.
        identity: Identity,
        /// How many.
        tasks: usize,
    },
    /// Its queue cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Whether it is live could not be told.
    #[error("whether {identity} is live cannot be told: {reason}")]
    Unknown {
        /// In which runtime.
        identity: Identity,
        /// Why not.
        reason: String,
    },
    /// It is in the index no more.
    #[error("{personality} was removed by somebody else meanwhile")]
    Gone {
        /// The peer.
        personality: Personality,
    },
    /// A rename is not finished.
    #[error(transparent)]
    Unfinished(#[from] Unfinished),
    /// It could not be stopped.
    #[error(transparent)]
    Stop(#[from] StopError),
    /// The index cannot be used.
    #[error(transparent)]
    State(#[from] StateFault),
    /// The registry is locked.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The index could not be written.
    #[error(transparent)]
    Commit(#[from] CommitError),
}

/// Removes a peer from the host.
///
/// # Errors
///
/// [`RemoveError`]; the peer is still there then. What the provider does is no error: the removal stands.
pub fn remove(host: &Host, peer: &Peer, if_live: IfLive) -> Result<Removed, RemoveError> {
    let mut warnings = Vec::new();
    // Held to the end: nothing of this peer begins while it goes.
    let mut wakes = Vec::new();
    for identity in identities(peer) {
        let wake = host.lock_wake(&identity)?;
        match (observe(host, &identity).status, if_live) {
            (Status::Asleep | Status::Stopped, _) => {}
            (Status::Live { server_pid }, IfLive::Refuse) => {
                return Err(RemoveError::Live { identity, server_pid });
            }
            (Status::Live { .. }, IfLive::Stop) => {
                warnings.extend(stop_locked(host, &identity, &wake)?.warnings);
            }
            (Status::Unknown(reason), _) => return Err(RemoveError::Unknown { identity, reason }),
        }
        let tasks = numbers(host, &identity)?.len();
        if tasks > 0 && if_live == IfLive::Refuse {
            return Err(RemoveError::Tasks { identity, tasks });
        }
        wakes.push(wake);
    }
    let personality = &peer.facts.personality;
    let lock = host.registry().lock(&host.settings().caller)?;
    none_unfinished(host)?;
    let mut edit = edit_index(host, &lock)?;
    let mut index = edit.take_value().unwrap_or_default();
    if index.remove(personality).is_none() {
        return Err(RemoveError::Gone { personality: personality.clone() });
    }
    commit(host, host.registry().document(), edit, &index)?;
    // After the index is without it: a mark beside a peer that is there would cost it its life, when the
    // index is lost one day.
    if let Err(e) = remember_removal(host.layout(), personality, &peer.cwd, Stage::Begun, now()) {
        let message = "the peer is removed, but would come back with an index that is restored";
        warnings.push(Warning::of(message, &e));
    }
    drop(lock);

    let outcomes = take_memory(host, peer, &mut warnings);
    let mut all_purged = true;
    for identity in identities(peer) {
        if let Err(e) = purge(host, &identity) {
            all_purged = false;
            warnings.push(Warning::of("state is left", &e));
        }
        let line =
            Line::new(now(), "remove").field("identity", &identity).field("by", &host.settings().caller);
        host.log(&line, &mut warnings);
    }
    if all_purged
        && let Err(e) = remember_removal(host.layout(), personality, &peer.cwd, Stage::Purged, now())
    {
        warnings.push(Warning::of("the removal is not remembered as done", &e));
    }
    drop(wakes);
    Ok(Removed { peer: peer.clone(), outcomes, warnings })
}

fn counted(count: usize) -> String {
    if count == 1 { "a task".to_owned() } else { format!("{count} tasks") }
}

/// Lets the provider take back the memory of a peer that is in the index no more. What fails stays owed,
/// with all that is needed to run it again.
fn take_memory(host: &Host, peer: &Peer, warnings: &mut Vec<Warning>) -> Vec<Provisioned> {
    let Some(occupied) = provider(host, Occasion::Remove, warnings) else { return Vec::new() };
    let outcomes = match due(host, peer, None, Occasion::Remove, warnings) {
        Ok(mut owed) => {
            begin(host, &mut owed, warnings);
            Caller::new(host, &occupied, None).pay(owed, warnings)
        }
        Err(skipped) => vec![skipped],
    };
    for outcome in outcomes.iter().filter(|o| !o.is_ok()) {
        let runtime = outcome.runtime.as_ref().map_or_else(String::new, |r| format!(" in {r}"));
        let message = format!("the peer is removed, but its memory{runtime} was not taken back");
        warnings.push(
            Warning::new(message).hint(format!("iapeer memory-plugin retry --peer {}", outcome.personality)),
        );
    }
    outcomes
}

/// Removes all state of exactly this identity, so that a namesake begins without a past. The caller holds its
/// wake lock.
pub(crate) fn purge(host: &Host, identity: &Identity) -> Result<(), CanaryError> {
    let witness = host.canary().purge(&identity.to_string());
    purge_facts(host, identity, |_| true).and(witness)
}

/// Removes every fact of exactly this identity that is `wanted`, by the name of its file, so that a
/// namesake begins without a past.
pub(crate) fn purge_facts(
    host: &Host,
    identity: &Identity,
    wanted: impl Fn(&str) -> bool,
) -> Result<(), CanaryError> {
    let folder = host.layout().facts();
    // A dot in front is that of a temporary file whose writer was cut off.
    let prefixes = [format!("{identity}."), format!(".{identity}.")];
    let names = list_all(&folder).map_err(CanaryError::of_list)?;
    let removed: Result<(), WriteError> = names
        .iter()
        .filter(|name| prefixes.iter().any(|prefix| name.starts_with(prefix)) && wanted(name))
        .try_for_each(|name| remove_file(&folder.join(name)).map(drop));
    Ok(removed?)
}
