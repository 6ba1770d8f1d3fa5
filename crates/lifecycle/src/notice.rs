//! Telling the provider that a session ended unplanned.
//!
//! A notice is written down when the death is counted, under the lock of the identity, and given later,
//! without it: no command of somebody else runs while that lock is held.

use iapeer_registry::Identity;
use iapeer_slot::Slot;

use crate::host::{Host, Warning, now};
use crate::occasion::{Occasion, Provisioned};
use crate::owed::{Owed, owed};
use crate::provision::{Caller, agent_runtimes, begin};

/// Owes the provider a notice of a death, if it declares a command for it and the peer has its memory.
pub(crate) fn owe(host: &Host, identity: &Identity, cause: &str, warnings: &mut Vec<Warning>) {
    let Slot::Occupied(occupied) = host.slot() else { return };
    if occupied.notify().is_none() {
        return;
    }
    // A session of a peer that is in the index no more, or of no agent, is nothing to the provider.
    let Ok(peer) = host.peer(identity.personality()) else { return };
    if !agent_runtimes(host, &peer, warnings).contains(identity.runtime()) {
        return;
    }
    let mut notice = Owed::new(identity, peer.cwd, Occasion::SessionEnded, now());
    notice.cause = Some(cause.to_owned());
    if let Err(e) = notice.save(host.layout()) {
        warnings.push(Warning::of("the provider will not hear of a death", &e));
    }
}

/// Gives the notices that were never tried. One that failed is left to `memory-plugin retry`.
pub(crate) fn give(host: &Host, warnings: &mut Vec<Warning>) -> Vec<Provisioned> {
    let Slot::Occupied(occupied) = host.slot() else { return Vec::new() };
    let all = match owed(host.layout()) {
        Ok((all, _)) => all,
        Err(e) => {
            warnings.push(Warning::of("what is owed to the provider cannot be told", &e));
            return Vec::new();
        }
    };
    let caller = Caller::new(host, &occupied, None);
    let new = all.into_iter().filter(|owed| owed.occasion == Occasion::SessionEnded && owed.attempts == 0);
    let mut outcomes = Vec::new();
    for notice in new {
        let mut notice = vec![notice];
        begin(host, &mut notice, warnings);
        outcomes.extend(caller.pay(notice, warnings));
    }
    outcomes
}
