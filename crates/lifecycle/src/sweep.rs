//! The provider's commands for many peers, several at a time.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError, mpsc};

use camino::Utf8PathBuf;
use iapeer_provision_exec::Cancel;
use iapeer_registry::{Identity, Peer, Personality};
use iapeer_slot::{Direction, Occupied, Route, Slot};

use crate::host::{Host, Warning, now};
use crate::occasion::{Occasion, Provisioned};
use crate::owed::{Owed, OwedError, owed};
use crate::provision::{Caller, Work, agent_runtimes, begin, due, work};
use crate::slot_copy::slot_or_last_good;

/// Why a sweep cannot begin.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SweepError {
    /// There is no provider.
    #[error("the memory slot is empty: no provider has registered in {slot}")]
    Empty {
        /// The slot.
        slot: Utf8PathBuf,
    },
    /// There is something that is no usable declaration.
    #[error("the memory slot {slot} cannot be used: {reason}")]
    Unusable {
        /// The slot.
        slot: Utf8PathBuf,
        /// Why.
        reason: String,
    },
    /// The provider has no command for this.
    #[error("{reason}")]
    Refused {
        /// Why, with the provider's name.
        reason: String,
    },
    /// What is owed cannot be listed.
    #[error(transparent)]
    Owed(#[from] OwedError),
}

/// How a sweep goes about it.
#[derive(Debug, Clone)]
pub struct Pace {
    /// How many peers at once; 0 is taken for 1.
    pub jobs: usize,
    /// What ends it early.
    pub cancel: Cancel,
}

/// What a sweep did.
#[derive(Debug, Clone, Default)]
pub struct Swept {
    /// One for each command, by peer.
    pub outcomes: Vec<Provisioned>,
    /// Peers and runtimes whose command was not begun any more; they stay owed.
    pub not_begun: Vec<Owed>,
    /// What the user should know.
    pub warnings: Vec<Warning>,
}

/// The provider, where there is one; what is wrong with the slot is a warning.
pub(crate) fn provider(
    host: &Host,
    occasion: Occasion,
    warnings: &mut Vec<Warning>,
) -> Option<Box<Occupied>> {
    match slot_or_last_good(host, warnings) {
        Slot::Empty => None,
        Slot::Occupied(occupied) => {
            // A fault in what this occasion does not use is told where it is used.
            let others = match occasion.direction() {
                Some(Direction::Provision) => ["/unprovision", "/notify"],
                Some(Direction::Unprovision) => ["/provision", "/notify"],
                None => ["/provision", "/unprovision"],
            };
            let mine = |pointer: &str| !others.iter().any(|other| pointer.starts_with(other));
            for skipped in occupied.skipped.iter().filter(|s| mine(&s.pointer)) {
                warnings.push(Warning::new(format!("{}: {skipped}", host.layout().slot())));
            }
            Some(occupied)
        }
        Slot::Unusable { reason } => {
            let message = format!("the memory slot cannot be used, so no provider was called: {reason}");
            let hint = format!("register the provider again, or remove {}", host.layout().slot());
            warnings.push(Warning::new(message).hint(hint));
            None
        }
    }
}

/// Gives memory to peers or takes it from them, `pace.jobs` peers at a time, never two commands for one
/// peer at once. Everything is written down before the first command runs. `told` hears of each outcome
/// as it comes.
///
/// # Errors
///
/// [`SweepError`] when the provider cannot be called at all; what a command does is an outcome.
pub fn sweep(
    host: &Host,
    peers: &[Peer],
    occasion: Occasion,
    pace: &Pace,
    told: &mut dyn FnMut(&Provisioned),
) -> Result<Swept, SweepError> {
    let occupied = usable(host)?;
    if let Some(Route::Refused(reason)) = occasion.direction().map(|direction| occupied.route(direction)) {
        return Err(SweepError::Refused { reason });
    }
    let mut swept = Swept::default();
    let mut queue = Vec::new();
    for peer in peers {
        match due(host, peer, None, occasion, &mut swept.warnings) {
            Ok(owed) => queue.push(owed),
            Err(skipped) => {
                told(&skipped);
                swept.outcomes.push(skipped);
            }
        }
    }
    pay_all(host, &occupied, queue, pace, told, &mut swept);
    Ok(swept)
}

/// Runs again what is owed, to one peer or to all.
///
/// # Errors
///
/// [`SweepError`] when the provider cannot be called at all, or what is owed cannot be listed.
pub fn retry(
    host: &Host,
    peer: Option<&Personality>,
    pace: &Pace,
    told: &mut dyn FnMut(&Provisioned),
) -> Result<Swept, SweepError> {
    let mut swept = Swept::default();
    let (all, bad) = owed(host.layout())?;
    swept.warnings.extend(bad.iter().map(|e| Warning::of("a record of what is owed cannot be used", e)));
    let mut by_peer: BTreeMap<Personality, Vec<Owed>> = BTreeMap::new();
    for owed in all.into_iter().filter(|owed| peer.is_none_or(|peer| owed.personality == *peer)) {
        by_peer.entry(owed.personality.clone()).or_default().push(owed);
    }
    if by_peer.is_empty() {
        return Ok(swept);
    }
    let occupied = usable(host)?;
    pay_all(host, &occupied, by_peer.into_values().collect(), pace, told, &mut swept);
    Ok(swept)
}

/// A command that a sweep would run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    /// Whose it is.
    pub identity: Identity,
    /// The command and its arguments, or what would be done instead.
    pub argv: Vec<String>,
}

/// What [`sweep`] would run, without running or writing anything.
///
/// # Errors
///
/// As [`sweep`].
pub fn plan(
    host: &Host,
    peers: &[Peer],
    occasion: Occasion,
) -> Result<(Vec<Planned>, Vec<Warning>), SweepError> {
    let occupied = usable(host)?;
    let (mut planned, mut warnings) = (Vec::new(), Vec::new());
    for peer in peers {
        for runtime in agent_runtimes(host, peer, &mut warnings) {
            let identity = Identity::new(runtime, peer.facts.personality.clone());
            let argv = match work(&occupied, &Owed::new(&identity, peer.cwd.clone(), occasion, now())) {
                Ok(Work::Command(run)) => {
                    run.argv().iter().map(|a| a.to_string_lossy().into_owned()).collect()
                }
                Ok(Work::Plugin(p)) => vec![format!("the plugin {}@{}", p.name, p.marketplace)],
                Err(reason) => return Err(SweepError::Refused { reason }),
            };
            planned.push(Planned { identity, argv });
        }
    }
    Ok((planned, warnings))
}

fn usable(host: &Host) -> Result<Box<Occupied>, SweepError> {
    let slot = host.layout().slot();
    match host.slot() {
        Slot::Empty => Err(SweepError::Empty { slot }),
        Slot::Unusable { reason } => Err(SweepError::Unusable { slot, reason }),
        Slot::Occupied(occupied) => Ok(occupied),
    }
}

fn pay_all(
    host: &Host,
    occupied: &Occupied,
    mut queue: Vec<Vec<Owed>>,
    pace: &Pace,
    told: &mut dyn FnMut(&Provisioned),
    swept: &mut Swept,
) {
    let workers = pace.jobs.clamp(1, queue.len().max(1));
    // All of it is on the disk before the first command runs. Side by side, the writes share their syncs.
    std::thread::scope(|scope| {
        let begin_some = |some: &mut [Vec<Owed>]| {
            let mut warnings = Vec::new();
            some.iter_mut().for_each(|owed| begin(host, owed, &mut warnings));
            warnings
        };
        let size = queue.len().div_ceil(workers).max(1);
        let threads: Vec<_> =
            queue.chunks_mut(size).map(|some| scope.spawn(move || begin_some(some))).collect();
        for thread in threads {
            swept.warnings.extend(thread.join().expect("writing a record down does not panic"));
        }
    });
    let queue = Mutex::new(VecDeque::from(queue));
    let caller = Caller::new(host, occupied, Some(&pace.cancel));
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
    let (send, receive) = mpsc::channel();
    std::thread::scope(|scope| {
        for _ in 0..workers {
            let (send, caller, next) = (send.clone(), &caller, &next);
            scope.spawn(move || {
                while !pace.cancel.is_cancelled() {
                    let Some(owed) = next() else { break };
                    let mut warnings = Vec::new();
                    let outcomes = caller.pay(owed, &mut warnings);
                    if send.send((outcomes, warnings)).is_err() {
                        break;
                    }
                }
            });
        }
        drop(send);
        for (outcomes, warnings) in receive {
            outcomes.iter().for_each(&mut *told);
            swept.outcomes.extend(outcomes);
            swept.warnings.extend(warnings);
        }
    });
    // Told as they came; given back in one order, whoever was first.
    swept.outcomes.sort_by(|a, b| a.personality.cmp(&b.personality));
    swept.not_begun =
        queue.into_inner().unwrap_or_else(PoisonError::into_inner).into_iter().flatten().collect();
}
