//! How a task comes from its queue into a session of its own.
//!
//! A mark stands from before the session begins until the task is off the queue. So whoever finds the mark knows
//! that somebody was cut off, and that the session may or may not have the task: one that has answered had it,
//! and any other is ended, for two sessions must not be at work on one task.

use iapeer_registry::{Identity, Peer};
use iapeer_statefile::Lock;

use crate::bring_up::FirstMessage;
use crate::cause::How;
use crate::facts::{FactError, Facts};
use crate::find::FindError;
use crate::host::{Host, Warning, now};
use crate::launch::{adopt_if_live, close_last, launch_with};
use crate::launch_error::LaunchError;
use crate::look::is_held_by_service;
use crate::observe::SessionState;
use crate::queue::{Begun, QueueError, Task, begun, close_hand_over, log, next_task, take_off, worker};
use crate::runtime::Runtime;
use crate::stop::{StopError, park};
use crate::wake::{Request, decided};

/// The outcome word of a task that a session was given.
pub(crate) const GIVEN: &str = "task-given";

/// What is known of the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sight {
    /// There is one.
    Live,
    /// There is none.
    Gone,
    /// It is stopped, or held by somebody else, or it cannot be told.
    HandsOff,
}

/// What is to be done next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// Nothing now.
    Wait,
    /// The task is done with, and comes off the queue.
    TakeOff,
    /// The session is ended, as it may have the task or not.
    End,
    /// A session is begun with the next task.
    Give,
}

/// Why a task was not handed over. It is still in its queue.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HandOverError {
    /// Its session did not come up, or another one cannot be told of.
    #[error(transparent)]
    Launch(#[from] LaunchError),
    /// The session that may have it was not ended.
    #[error(transparent)]
    Stop(#[from] StopError),
    /// The queue cannot be used.
    #[error(transparent)]
    Queue(#[from] QueueError),
}

/// The number of a task that was handed over. Why none was is a warning.
pub(crate) fn hand_over(host: &Host, identity: &Identity, warnings: &mut Vec<Warning>) -> Option<u64> {
    match try_hand_over(host, identity, warnings) {
        Ok(given) => given,
        // What is left of a peer that is none any more is told by doctor.
        Err(HandOverError::Launch(LaunchError::Peer(FindError::Unknown { .. }))) => None,
        Err(e) => {
            let warning = Warning::of(&format!("the tasks of {identity} wait"), &e);
            warnings.push(warning.hint(format!("iapeer queue list {}", identity.personality())));
            None
        }
    }
}

fn try_hand_over(
    host: &Host,
    identity: &Identity,
    warnings: &mut Vec<Warning>,
) -> Result<Option<u64>, HandOverError> {
    let wake = host.lock_wake(identity).map_err(LaunchError::from)?;
    // Whoever removes a peer holds the lock until nothing of it is left.
    host.peer(identity.personality()).map_err(LaunchError::from)?;
    let (facts, canary) = (Facts::of(host.layout(), identity), host.canary());
    close_last(host, &canary, identity, warnings)?;
    if facts.session().map_err(LaunchError::from)?.is_none() {
        adopt_if_live(host, &canary, identity, warnings)?;
    }
    loop {
        let begun = begun(host, identity).map_err(LaunchError::from)?;
        let sight = sight(host, identity).map_err(LaunchError::from)?;
        match next(begun, sight) {
            Step::Wait => return Ok(None),
            Step::TakeOff => close_hand_over(host, identity, warnings).map_err(LaunchError::from)?,
            Step::End => drop(park(host, identity, "task-uncertain", &wake, warnings)?),
            Step::Give => {
                if begun == Begun::Uncertain {
                    close_hand_over(host, identity, warnings).map_err(LaunchError::from)?;
                }
                let Some(task) = next_task(host, identity)? else { return Ok(None) };
                return give(host, &worker(host, identity)?, &task, &wake, warnings);
            }
        }
    }
}

/// The first row that applies.
fn next(begun: Begun, sight: Sight) -> Step {
    match (begun, sight) {
        (Begun::Done, _) => Step::TakeOff,
        (_, Sight::HandsOff) | (Begun::Nothing, Sight::Live) => Step::Wait,
        (_, Sight::Gone) => Step::Give,
        (Begun::Uncertain, Sight::Live) => Step::End,
    }
}

fn sight(host: &Host, identity: &Identity) -> Result<Sight, FactError> {
    let facts = Facts::of(host.layout(), identity);
    if facts.stopped()?.is_some() || is_held_by_service(host, identity) {
        return Ok(Sight::HandsOff);
    }
    Ok(match facts.session()?.map(|session| session.state()) {
        None => Sight::Gone,
        Some(SessionState::Running) => Sight::Live,
        Some(_) => Sight::HandsOff,
    })
}

/// Begins a session and types the task into it, and only then takes the task off the queue.
fn give(
    host: &Host,
    peer: &Peer,
    task: &Task,
    wake: &Lock,
    warnings: &mut Vec<Warning>,
) -> Result<Option<u64>, HandOverError> {
    let (identity, number) = (&task.identity, task.number);
    let facts = Facts::of(host.layout(), identity);
    let runtime = Runtime::find(identity.runtime(), host.layout()).map_err(LaunchError::from)?;
    // What would be refused is not begun.
    decided(host, &runtime, identity, peer, &Request::Launch, &mut Vec::new())?;
    facts.clear_ephemeral_armed().map_err(LaunchError::from)?;
    facts.set_task_given(now(), number).map_err(LaunchError::from)?;
    let first = FirstMessage::Task(&task.text);
    match launch_with(host, &runtime, identity.clone(), &Request::Launch, first, wake) {
        Ok(launched) if matches!(launched.how, How::Started(_)) => {
            warnings.extend(launched.warnings);
            take_off(host, identity, number).map_err(LaunchError::from)?;
            facts.clear_task_given().map_err(LaunchError::from)?;
            log(host, identity, number, "given", warnings);
            Ok(Some(number))
        }
        // It may have been typed after all.
        Err(e @ LaunchError::NotTyped { .. }) => Err(e.into()),
        not_given => {
            facts.clear_task_given().map_err(LaunchError::from)?;
            warnings.extend(not_given?.warnings);
            Ok(None)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table() {
        use Begun::{Done, Nothing, Uncertain};
        use Sight::{Gone, HandsOff, Live};

        for (begun, sight, wanted) in [
            (Nothing, Live, Step::Wait),
            (Nothing, Gone, Step::Give),
            (Nothing, HandsOff, Step::Wait),
            (Uncertain, Live, Step::End),
            (Uncertain, Gone, Step::Give),
            (Uncertain, HandsOff, Step::Wait),
            (Done, Live, Step::TakeOff),
            (Done, Gone, Step::TakeOff),
            (Done, HandsOff, Step::TakeOff),
        ] {
            assert_eq!(next(begun, sight), wanted, "{begun:?}, {sight:?}");
        }
    }
}
