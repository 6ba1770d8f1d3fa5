//! What a decision becomes: a refusal that is written down, or marks that are used up.

use iapeer_registry::{Identity, Peer};
use iapeer_statefile::Line;

use super::{Request, Wake, look, wake};
use crate::cause::{How, Refusal};
use crate::facts::{FactError, Facts};
use crate::host::{Host, Warning, now};
use crate::launch_error::LaunchError;
use crate::runtime::Runtime;

/// What the wake table says about an identity that is not live. A refusal is written down.
///
/// # Errors
///
/// [`LaunchError::Refused`], or a fact that cannot be used.
pub(crate) fn decided(
    host: &Host,
    runtime: &Runtime,
    identity: &Identity,
    peer: &Peer,
    request: &Request,
    warnings: &mut Vec<Warning>,
) -> Result<How, LaunchError> {
    let refusal = match wake(look(host, runtime, identity, peer, request, warnings)?, request) {
        Wake::Fresh(cause) => return Ok(How::Started(cause)),
        Wake::Resume(cause) => return Ok(How::Resumed(cause)),
        Wake::Refused(refusal) => refusal,
    };
    log_wake(host, identity, "refused", &refusal, warnings);
    let settings = host.settings();
    let detail = match refusal {
        Refusal::Stopped => Facts::of(host.layout(), identity).stopped()?.unwrap_or_default(),
        Refusal::CrashLoop => {
            let (max, window) = (settings.crash_loop_max, settings.crash_loop_window.as_secs());
            format!("{max} times or more within {window} s")
        }
        _ => peer.cwd.to_string(),
    };
    Err(LaunchError::Refused { identity: identity.clone(), refusal, detail })
}

/// Writes down how a session came up, or why it did not.
pub(crate) fn log_wake(
    host: &Host,
    identity: &Identity,
    mode: &str,
    cause: &dyn std::fmt::Display,
    warnings: &mut Vec<Warning>,
) {
    let line = Line::new(now(), "wake")
        .field("identity", identity)
        .field("runtime", identity.runtime())
        .field("mode", mode)
        .field("cause", cause);
    host.log(&line, warnings);
}

/// Takes away the marks that had a say in how the session came up, now that it is, and notes its topic. What
/// began anew has worked on nothing yet.
///
/// # Errors
///
/// [`FactError`]; the session is up all the same.
pub(crate) fn use_marks_up(facts: &Facts<'_>, request: &Request, how: How) -> Result<(), FactError> {
    if matches!(how, How::Started(_) | How::Resumed(_)) {
        facts.clear_idle_reaped()?;
        // Whoever has answered was another session.
        facts.clear_ephemeral_armed()?;
        if *request == Request::Start && !facts.deaths()?.is_empty() {
            facts.forget_deaths()?;
        }
    }
    if matches!(how, How::Started(_)) {
        facts.clear_fresh_next()?;
        facts.clear_new_eager()?;
        facts.clear_topics()?;
    }
    match request {
        Request::Topic(topic) => facts.note_topic(topic),
        _ => Ok(()),
    }
}
