//! All peers at once: which sessions are meant, and how they are gone through.
//!
//! What `down` stopped is told from what somebody stopped by the mark itself, which says who asked. So `up` needs
//! no list of its own, and raises nothing that a person has stopped.

use iapeer_registry::{Identity, Peer, RuntimeName};

use crate::facts::Facts;
use crate::host::Host;
use crate::launch::{Launched, identity_of, launch_locked};
use crate::launch_error::LaunchError;
use crate::observe::{Observed, Status, observe};
use crate::runtime::Runtime;
use crate::stop::lift_stop;
use crate::wake::Request;

/// Who asked for a stop that `up` lifts again, as it stands in the mark.
const DOWN: &str = "iapeer down";

/// After so many failures in a row the rest is not tried: what they have in common would stop it, too.
const BRAKE: usize = 3;

/// Which sessions of a host are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fleet {
    /// All.
    Everybody,
    /// Those that are live.
    Live,
    /// Those that are not stopped.
    NotStopped,
    /// Those that `down` has stopped.
    TakenDown,
    /// Those, and of each peer that nobody has stopped the one that is meant when no runtime is named.
    All,
    /// Those that are stopped, whoever asked for it.
    Stopped,
}

/// The sessions that are meant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mustered {
    /// They, by name.
    pub meant: Vec<Identity>,
    /// Those that the host's service manager holds, so that nothing is done about them here.
    pub held_by_service: Vec<Identity>,
}

/// What became of the sessions that were meant.
#[derive(Debug)]
pub struct Paced<T, E> {
    /// What was done about each, in order.
    pub done: Vec<(Identity, Result<T, E>)>,
    /// Those that were not tried, because too many before them failed.
    pub not_tried: Vec<Identity>,
}

/// Finds the sessions that are meant. What cannot be told is meant, too, where it may be so: who tries it is told
/// the reason.
pub fn muster(host: &Host, peers: &[Peer], fleet: Fleet) -> Mustered {
    let mut mustered = Mustered::default();
    for peer in peers {
        let default = peer.facts.default_runtime();
        for identity in crate::identities(peer) {
            let runtime = Runtime::find(identity.runtime(), host.layout());
            if runtime.is_ok_and(|runtime| runtime.is_held_by_service()) {
                mustered.held_by_service.push(identity);
            } else if is_meant(fleet, identity.runtime() == default, &observe(host, &identity)) {
                mustered.meant.push(identity);
            }
        }
    }
    mustered
}

/// Lifts a stop, if there is one, and brings the session up. One that does not come up is stopped as before, so
/// that the next try finds it.
///
/// # Errors
///
/// [`LaunchError`].
pub fn raise(
    host: &Host,
    peer: &Peer,
    runtime: &RuntimeName,
    request: &Request,
) -> Result<Launched, LaunchError> {
    let identity = identity_of(peer, Some(runtime))?;
    let runtime = Runtime::find(runtime, host.layout())?;
    let wake = host.lock_wake(&identity)?;
    let facts = Facts::of(host.layout(), &identity);
    let mark = facts.stopped()?;
    lift_stop(host, &identity)?;
    let launched = launch_locked(host, &runtime, identity.clone(), request, &wake);
    // The death of one that came up and ended at once is still to be counted, and a stop would hide it.
    if let (Err(_), Some(mark), None) = (&launched, mark, facts.session()?) {
        facts.put_stop_back(&mark)?;
    }
    launched
}

/// Goes through sessions one after the other, so that a host is not asked for everything at once, and stops
/// when three in a row have failed.
pub fn one_by_one<T, E>(
    identities: Vec<Identity>,
    mut each: impl FnMut(&Identity) -> Result<T, E>,
) -> Paced<T, E> {
    let mut paced = Paced { done: Vec::new(), not_tried: Vec::new() };
    let mut failed = 0;
    for identity in identities {
        if failed == BRAKE {
            paced.not_tried.push(identity);
            continue;
        }
        let done = each(&identity);
        failed = if done.is_ok() { 0 } else { failed + 1 };
        paced.done.push((identity, done));
    }
    paced
}

fn is_meant(fleet: Fleet, is_default: bool, Observed { status, stopped, .. }: &Observed) -> bool {
    let taken_down = stopped.as_deref().is_some_and(is_of_down);
    match fleet {
        Fleet::Everybody => true,
        Fleet::Live => matches!(status, Status::Live { .. } | Status::Unknown(_)),
        Fleet::NotStopped => stopped.is_none() || matches!(status, Status::Live { .. }),
        Fleet::TakenDown => taken_down,
        Fleet::All => taken_down || (is_default && stopped.is_none()),
        Fleet::Stopped => stopped.is_some(),
    }
}

/// Whether a stop was asked for by `down`: a time, and who asked.
fn is_of_down(mark: &str) -> bool {
    mark.split_once(' ').is_some_and(|(_, who)| who == DOWN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_meant() {
        let observed = |status: &Status, stopped: Option<&str>| Observed {
            identity: "shell-alpha".parse().unwrap(),
            status: status.clone(),
            socket: "/nowhere".into(),
            stopped: stopped.map(str::to_owned),
        };
        let (live, asleep) = (Status::Live { server_pid: 7 }, Status::Asleep);
        let unknown = Status::Unknown("a reason".to_owned());
        let down = Some("2026-01-01T00:00:00.000Z iapeer down");
        let stop = Some("2026-01-01T00:00:00.000Z iapeer stop");
        // Live, NotStopped, TakenDown, All for the default runtime, All for another, Stopped.
        for (status, stopped, wanted) in [
            (&live, None, [true, true, false, true, false, false]),
            (&asleep, None, [false, true, false, true, false, false]),
            (&unknown, None, [true, true, false, true, false, false]),
            (&Status::Stopped, down, [false, false, true, true, true, true]),
            (&Status::Stopped, stop, [false, false, false, false, false, true]),
            (&Status::Stopped, Some(""), [false, false, false, false, false, true]),
            (&live, stop, [true, true, false, false, false, true]),
        ] {
            let seen = observed(status, stopped);
            let told = [
                is_meant(Fleet::Live, true, &seen),
                is_meant(Fleet::NotStopped, true, &seen),
                is_meant(Fleet::TakenDown, false, &seen),
                is_meant(Fleet::All, true, &seen),
                is_meant(Fleet::All, false, &seen),
                is_meant(Fleet::Stopped, true, &seen),
            ];
            assert_eq!(told, wanted, "{status:?} {stopped:?}");
        }
    }

    #[test]
    fn three_failures_in_a_row_stop_it() {
        for (outcomes, tried) in
            [("", 0), ("+++", 3), ("---", 3), ("---+++", 3), ("--+--+", 6), ("--+---++", 6), ("+---", 4)]
        {
            let identities: Vec<Identity> =
                (0..outcomes.len()).map(|n| format!("shell-a{n}").parse().unwrap()).collect();
            let mut outcome = outcomes.chars();
            let paced = one_by_one(identities.clone(), |_| match outcome.next() {
                Some('+') => Ok(()),
                _ => Err(()),
            });
            let done: Vec<_> = paced.done.into_iter().map(|(identity, _)| identity).collect();
            assert_eq!((&done[..], &paced.not_tried[..]), identities.split_at(tried), "{outcomes}");
        }
    }
}
