//! One pass over everything that we supervise, and the bookkeeping that `deaths` needs.

use std::collections::BTreeSet;

use iapeer_canary::Canary;
use iapeer_registry::Identity;
use iapeer_statefile::{Lock, LockError, Wait, list_folder};

use crate::aside::set_damaged_facts_aside;
use crate::attend::{AttendError, Attended, Round, record_end};
use crate::deaths::sweep;
use crate::decide::{EAGER, Marks, Policy, begins_anew};
use crate::degraded::{note_episodes, survey};
use crate::facts::{FactError, Facts};
use crate::hand_over::{GIVEN, hand_over};
use crate::host::{Host, Warning, now, with_causes};
use crate::launch::{adopt_if_live, launch};
use crate::launch_error::LaunchError;
use crate::look::marks;
use crate::notice;
use crate::observe::SessionState;
use crate::occasion::Provisioned;
use crate::pane_logs;
use crate::queue::with_tasks;
use crate::runtime::Runtime;
use crate::service::mend_missing;

/// What a pass found and did.
#[derive(Debug, Clone, Default)]
pub struct Pass {
    /// One for each session, by identity.
    pub outcomes: Vec<Attended>,
    /// Those of them at which somebody else is, so that nothing was done.
    pub busy: BTreeSet<Identity>,
    /// What the provider's command did when it was told of deaths.
    pub notices: Vec<Provisioned>,
    /// What the user should know.
    pub warnings: Vec<Warning>,
}

/// Looks after every session once. What cannot be told of one does not keep the others waiting.
///
/// # Errors
///
/// [`AttendError`] when nothing can be looked at: the facts cannot be listed.
pub fn supervise_once(host: &Host) -> Result<Pass, AttendError> {
    let mut pass = full_pass(host)?;
    for outcome in pass.outcomes.iter_mut().filter(|o| o.action == EAGER) {
        outcome.reason = relaunch(host, &outcome.identity, &mut pass.warnings);
    }
    for identity in tasks_due(host, &mut pass.warnings) {
        pass.outcomes.extend(hand_over_task(host, &identity, &mut pass.warnings));
    }
    pass.notices = notice::give(host, &mut pass.warnings);
    Ok(pass)
}

/// Looks after every session, and at what is beside them. What may take long is left to the caller: to begin
/// those anew that need it, and to give notices.
pub(crate) fn full_pass(host: &Host) -> Result<Pass, AttendError> {
    let all = supervised(host)?;
    let mut pass = look_after(host, &all);
    pane_logs::tend(host, &all, &mut pass.warnings);
    let peers = host.peers();
    note_episodes(host, &survey(host, peers.as_ref()).degradations);
    pass.warnings.extend(mend_missing(host));
    Ok(pass)
}

/// Looks after some sessions, in their order.
pub(crate) fn look_after(host: &Host, identities: &[Identity]) -> Pass {
    let canary = host.canary();
    let mut pass = Pass::default();
    let policy = Policy::Park { idle: host.settings().idle };
    let mut round = Round::begin(host, &canary, policy, &mut pass.warnings);
    for identity in identities {
        match attend_locked(host, &canary, &mut round, identity, &mut pass.warnings) {
            Ok(attended) => pass.outcomes.extend(attended),
            Err(e) => {
                if matches!(e, AttendError::Lock(LockError::Held { .. })) {
                    pass.busy.insert(identity.clone());
                }
                pass.outcomes.push(Attended {
                    identity: identity.clone(),
                    action: "unknown",
                    reason: Some(with_causes(&e)),
                    death: None,
                });
            }
        }
    }
    pass
}

/// Everybody for whom there is a task to look at.
pub(crate) fn tasks_due(host: &Host, warnings: &mut Vec<Warning>) -> Vec<Identity> {
    with_tasks(host).unwrap_or_else(|e| {
        warnings.push(Warning::of("the tasks cannot be looked at", &e));
        Vec::new()
    })
}

/// Gives the next task of an identity to a session, if that is due; the outcome then.
pub(crate) fn hand_over_task(
    host: &Host,
    identity: &Identity,
    warnings: &mut Vec<Warning>,
) -> Option<Attended> {
    let number = hand_over(host, identity, warnings)?;
    let reason = Some(format!("task {number}"));
    Some(Attended { identity: identity.clone(), action: GIVEN, reason, death: None })
}

/// Begins a session anew whose mark still asks for it; why that failed, if it did. The mark stands until the
/// session is up, or its program has ended at once: that is a death, and would be one again.
pub(crate) fn relaunch(host: &Host, identity: &Identity, warnings: &mut Vec<Warning>) -> Option<String> {
    match try_relaunch(host, identity, warnings) {
        Ok(()) => None,
        Err(reason) => Some(format!("it could not be begun anew: {reason}")),
    }
}

fn try_relaunch(host: &Host, identity: &Identity, warnings: &mut Vec<Warning>) -> Result<(), String> {
    let facts = Facts::of(host.layout(), identity);
    let peer = host.peer(identity.personality()).map_err(|e| with_causes(&e))?;
    let marks = marks(&facts, &peer.cwd).map_err(|e| with_causes(&e))?;
    if !begins_anew(&marks, now()) {
        return Ok(());
    }
    let launched = launch(host, &peer, Some(identity.runtime()));
    // Whoever wishes it once more meanwhile is not forgotten.
    let is_same = facts.eager_since().is_ok_and(|since| since == marks.eager_since);
    if is_same && matches!(launched, Ok(_) | Err(LaunchError::Ended { .. })) {
        facts.clear_new_eager().map_err(|e| with_causes(&e))?;
    }
    warnings.extend(launched.map_err(|e| with_causes(&e))?.warnings);
    Ok(())
}

/// Brings every death on record that is not yet: of servers whose witness died too, and of programs
/// whose exit hook did not run. Nothing else is done about them.
///
/// # Errors
///
/// [`AttendError`] when the facts cannot be listed.
pub fn record_what_is_owed(host: &Host) -> Result<Vec<Warning>, AttendError> {
    let mut warnings = Vec::new();
    let canary = host.canary();
    for identity in supervised(host)? {
        let facts = Facts::of(host.layout(), &identity);
        match facts.session() {
            Ok(Some(session)) if session.state() == SessionState::ProgramEnded => {
                if let Err(e) = record_end(&canary, &identity, &session) {
                    warnings.push(Warning::of("a death may be missing", &e));
                }
            }
            Ok(_) => {}
            Err(e) => warnings.push(Warning::of("a session cannot be looked at", &e)),
        }
    }
    sweep(&canary, &mut warnings);
    Ok(warnings)
}

fn attend_locked(
    host: &Host,
    canary: &Canary,
    round: &mut Round<'_>,
    identity: &Identity,
    warnings: &mut Vec<Warning>,
) -> Result<Option<Attended>, AttendError> {
    let path = host.layout().fact(identity, "wake.lock");
    let lock = Lock::acquire(&path, Wait::Try, &host.settings().caller)?;
    set_damaged_facts_aside(host, identity, &lock);
    let facts = Facts::of(host.layout(), identity);
    // It may have gone meanwhile, or its fact may just have been set aside, or be the existing iapeer's.
    let mut session = facts.session()?;
    if session.is_none() {
        if let Err(e) = adopt_if_live(host, canary, identity, warnings) {
            warnings.push(Warning::of(&format!("{identity} is not looked after"), &e));
        }
        session = facts.session()?;
    }
    match session {
        Some(session) => round.attend(identity, &session, warnings).map(Some),
        None => Ok(unfinished_wish(identity, &facts, round.runtime(identity))?),
    }
}

/// What to do about a wish that the session begins anew, where the session is gone already.
fn unfinished_wish(
    identity: &Identity,
    facts: &Facts<'_>,
    runtime: Option<&Runtime>,
) -> Result<Option<Attended>, FactError> {
    let marks = Marks {
        is_stopped: facts.stopped()?.is_some(),
        eager_since: facts.eager_since()?,
        ..Marks::default()
    };
    if marks.eager_since.is_none() || runtime.is_some_and(Runtime::is_held_by_service) {
        return Ok(None);
    }
    if begins_anew(&marks, now()) {
        return Ok(Some(Attended { identity: identity.clone(), action: EAGER, reason: None, death: None }));
    }
    // Nobody waits for it any more.
    facts.clear_new_eager()?;
    Ok(None)
}

/// Every identity that has a session, or shall have one at once, by name.
pub(crate) fn supervised(host: &Host) -> Result<Vec<Identity>, FactError> {
    let names = list_folder(&host.layout().facts())?;
    // What is named otherwise is none of our sessions.
    let identity = |name: &String| {
        let name = name.strip_suffix(".session").or(name.strip_suffix(".new-eager"))?;
        name.parse().ok()
    };
    let identities: BTreeSet<Identity> = names.iter().filter_map(identity).collect();
    Ok(identities.into_iter().collect())
}
