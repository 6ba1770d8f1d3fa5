//! What the agent in a session tells about that session.

use iapeer_registry::Identity;
use iapeer_statefile::Line;

use crate::facts::Facts;
use crate::host::{Host, Warning, now};
use crate::look::is_held_by_service;
use crate::queue::{QueueError, worker};

/// Notes that a worker has done its task: its session is ended as soon as it is quiet for a while.
///
/// # Errors
///
/// [`QueueError`]; nothing is noted then.
pub fn self_done(host: &Host, identity: &Identity) -> Result<Vec<Warning>, QueueError> {
    // So that nobody who hands a task over decides about it meanwhile.
    let _wake = host.lock_wake(identity)?;
    worker(host, identity)?;
    Facts::of(host.layout(), identity).set_ephemeral_armed(now())?;
    Ok(told(host, identity, "self-done"))
}

/// Notes that a session begins anew as soon as it has ended. The wish is forgotten after ten minutes.
///
/// # Errors
///
/// [`QueueError`]; nothing is noted then.
pub fn self_fresh(host: &Host, identity: &Identity) -> Result<Vec<Warning>, QueueError> {
    let _wake = host.lock_wake(identity)?;
    host.peer(identity.personality())?;
    if is_held_by_service(host, identity) {
        return Err(QueueError::HeldByService { identity: identity.clone() });
    }
    Facts::of(host.layout(), identity).set_new_eager(now())?;
    Ok(told(host, identity, "self-fresh"))
}

fn told(host: &Host, identity: &Identity, event: &str) -> Vec<Warning> {
    let mut warnings = Vec::new();
    host.log(&Line::new(now(), event).field("identity", identity), &mut warnings);
    warnings
}
