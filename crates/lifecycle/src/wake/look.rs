//! What is known when a session shall begin: the marks, the profile, the transcripts.

use iapeer_registry::{Identity, Peer, profile_path};

use super::{Known, Past, Request, WakeFacts, is_crash_loop};
use crate::decide::is_eager;
use crate::facts::{FactError, Facts};
use crate::host::{Host, Warning, now};
use crate::look::says_ephemeral;
use crate::runtime::Runtime;
use crate::transcripts::newest_transcript;

/// Gathers the facts for the wake table. What is no mark and cannot be told counts as not so, with a warning.
///
/// # Errors
///
/// [`FactError`] when a mark cannot be read: nothing may begin then.
pub(crate) fn look(
    host: &Host,
    runtime: &Runtime,
    identity: &Identity,
    peer: &Peer,
    request: &Request,
    warnings: &mut Vec<Warning>,
) -> Result<WakeFacts, FactError> {
    let facts = Facts::of(host.layout(), identity);
    let settings = host.settings();
    let window = i64::try_from(settings.crash_loop_window.as_millis()).unwrap_or(i64::MAX);
    let deaths = facts.deaths()?;
    let was_awake = match newest_transcript(host, runtime, &peer.cwd) {
        Ok(transcript) if runtime.transcripts.is_some() => transcript.is_some(),
        Ok(_) => facts.was_ever_awake(),
        Err(e) => {
            let what = format!("whether {identity} has something to go on with is told by its marks alone");
            warnings.push(Warning::of(&what, &e));
            facts.was_ever_awake()
        }
    };
    let past = match (runtime.argv.can_resume(), was_awake) {
        (false, _) => Past::CannotResume,
        (true, true) => Past::Resumable,
        (true, false) => Past::Nothing,
    };
    let topic = match request {
        Request::Topic(topic) if facts.topics()?.contains(topic) => Some(Known::Known),
        Request::Topic(_) => Some(Known::New),
        Request::Launch | Request::Start | Request::Anew | Request::Attach => None,
    };
    let ephemeral = says_ephemeral(&peer.cwd).unwrap_or_else(|| {
        let path = profile_path(&peer.cwd);
        let message = format!("the wake policy of {identity} cannot be read from {path}");
        warnings.push(Warning::new(message).hint("iapeer verify"));
        false
    });
    Ok(WakeFacts {
        stopped: facts.stopped()?.is_some(),
        held_by_service: runtime.is_held_by_service(),
        crash_loop: is_crash_loop(&deaths, now().as_millisecond(), settings.crash_loop_max.get(), window),
        folder_missing: !peer.cwd.is_dir(),
        // What `new` could not finish is finished by the next wake.
        fresh_next: facts.fresh_next()? || is_eager(facts.eager_since()?, now()),
        ephemeral,
        idle_reaped: facts.idle_reaped(),
        was_awake,
        has_human: peer.facts.interfaces.get("telegram").is_some_and(|interface| !interface.is_null()),
        past,
        topic,
    })
}
