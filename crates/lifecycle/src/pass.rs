//! One pass over everything that we supervise, and the bookkeeping that `deaths` needs.

use iapeer_canary::Canary;
use iapeer_registry::Identity;
use iapeer_statefile::{Lock, Wait, list_folder};

use crate::aside::set_damaged_facts_aside;
use crate::attend::{AttendError, Attended, attend, record_end};
use crate::degraded::{note_episodes, survey};
use crate::facts::{FactError, Facts};
use crate::host::{Host, Warning, with_causes};
use crate::launch::adopt_if_live;
use crate::notice;
use crate::observe::SessionState;
use crate::provision::Provisioned;

/// What a pass found and did.
#[derive(Debug, Clone, Default)]
pub struct Pass {
    /// One for each session, by identity.
    pub outcomes: Vec<Attended>,
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
    let mut pass = Pass::default();
    let canary = host.canary();
    sweep(&canary, &mut pass.warnings);
    for identity in supervised(host)? {
        let attended = attend_locked(host, &canary, &identity, &mut pass.warnings);
        match attended {
            Ok(Some(attended)) => pass.outcomes.push(attended),
            Ok(None) => {}
            Err(e) => pass.outcomes.push(Attended {
                identity,
                action: "unknown",
                reason: Some(with_causes(&e)),
                death: None,
            }),
        }
    }
    pass.notices = notice::give(host, &mut pass.warnings);
    let peers = host.peers();
    note_episodes(host, &survey(host, peers.as_ref()).degradations);
    Ok(pass)
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

/// Lets the witnesses' files be looked through; what could not be done is a warning.
pub(crate) fn sweep(canary: &Canary, warnings: &mut Vec<Warning>) {
    // Where nobody was ever watched there is nothing to look through, and no folder is made for it.
    if matches!(canary.places().state.try_exists(), Ok(false)) {
        return;
    }
    match canary.sweep() {
        Ok(sweep) => {
            let problem = |e| Warning::of("a death may be missing", &e);
            warnings.extend(sweep.problems.into_iter().map(problem));
        }
        Err(e) => warnings.push(Warning::of("deaths may be missing", &e)),
    }
}

fn attend_locked(
    host: &Host,
    canary: &Canary,
    identity: &Identity,
    warnings: &mut Vec<Warning>,
) -> Result<Option<Attended>, AttendError> {
    let path = host.layout().fact(identity, "wake.lock");
    let lock = Lock::acquire(&path, Wait::Try, &host.settings().caller)?;
    set_damaged_facts_aside(host, identity, &lock);
    let facts = Facts::of(host.layout(), identity);
    // It may have gone meanwhile, or its fact may just have been set aside, or be the existing iapeer's.
    if facts.session()?.is_none()
        && let Err(e) = adopt_if_live(host, canary, identity, warnings)
    {
        warnings.push(Warning::of(&format!("{identity} is not looked after"), &e));
    }
    match facts.session()? {
        Some(session) => attend(host, canary, identity, &session, warnings).map(Some),
        None => Ok(None),
    }
}

/// Every identity that has a session, by name.
fn supervised(host: &Host) -> Result<Vec<Identity>, FactError> {
    let names = list_folder(&host.layout().facts())?;
    // What is named otherwise is none of our sessions.
    let identity = |name: &String| name.strip_suffix(".session")?.parse().ok();
    let mut identities: Vec<_> = names.iter().filter_map(identity).collect();
    identities.sort();
    Ok(identities)
}
