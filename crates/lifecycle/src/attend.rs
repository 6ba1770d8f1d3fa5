//! Looking after one session that we supervise: is it up, has it died, what is owed.

use std::time::{Duration, Instant};

use iapeer_canary::{
    Armed, Canary, CanaryError, Delivery, Finding, Liveness, SessionEnd, Signal, Subject, Watch, send,
};
use iapeer_registry::Identity;
use iapeer_statefile::{Line, LockError, ReadError, Removal};
use iapeer_tmux::{Probe, Tmux, probe};

use crate::deaths::cause_word;
use crate::decide::{Death, ServerEnd, Verdict, supervise};
use crate::end::{Deed, EndError, end};
use crate::facts::{FactError, Facts, Session};
use crate::host::{Host, Warning, now, with_causes};
use crate::notice;
use crate::observe::SessionState;
use crate::tree::wait_dead;

/// How long the exit hook has for its line, once the server was told to look at its children.
const HOOK_GRACE: Duration = Duration::from_secs(2);
/// How long a witness has for its record of a death before a sweep writes it.
const RECORD_GRACE: Duration = Duration::from_secs(3);
const PAUSE: Duration = Duration::from_millis(20);
/// How often a witness looks that has no client to wait on, in seconds.
pub(crate) const POLL_SECS: u32 = 2;

/// Why a session could not be looked after.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AttendError {
    /// A fact about it cannot be used.
    #[error(transparent)]
    Fact(#[from] FactError),
    /// The witnesses cannot be asked.
    #[error(transparent)]
    Canary(#[from] CanaryError),
    /// A journal cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// What was left of it cannot be ended.
    #[error(transparent)]
    End(#[from] EndError),
    /// Somebody else is at it.
    #[error(transparent)]
    Lock(#[from] LockError),
}

/// What was found and done about one session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attended {
    /// Whose it is.
    pub identity: Identity,
    /// The outcome word: `alive`, `reaped-gone`, `skipped-stopped` or `unknown`.
    pub action: &'static str,
    /// The cause of a death, or what was mended, or why nothing could be told.
    pub reason: Option<String>,
    /// What died.
    pub death: Option<Death>,
}

/// Looks after one session. The caller holds its wake lock.
pub(crate) fn attend(
    host: &Host,
    canary: &Canary,
    identity: &Identity,
    session: &Session,
    warnings: &mut Vec<Warning>,
) -> Result<Attended, AttendError> {
    let facts = Facts::of(host.layout(), identity);
    let mut state = session.state();
    if state == SessionState::ProgramEnded {
        bury(host, canary, identity, session, warnings)?;
        state = session.state();
    }
    let subject = session.server_process().ok().map(|server| Subject::new(identity.to_string(), server));
    let (server_end, record) = match (&state, &subject) {
        (SessionState::ServerDead, Some(subject)) => last_word(host, canary, subject)?,
        _ => (ServerEnd::Unplanned, None),
    };
    let stopped = facts.stopped()?.is_some();
    let attended = |action, reason, death| Attended { identity: identity.clone(), action, reason, death };
    match supervise(state, stopped, server_end) {
        Verdict::Unknown(reason) => Ok(attended("unknown", Some(reason), None)),
        Verdict::SkippedStopped => {
            facts.set_idle_reaped(now())?;
            facts.clear_session()?;
            Ok(attended("skipped-stopped", None, None))
        }
        Verdict::ReapedGone(death) => {
            // The time of the record names the death, so that one that was counted is not counted again
            // when we are interrupted before the session is taken away.
            let at = record.as_ref().and_then(|(ts, _)| ts.parse().ok()).unwrap_or_else(now);
            let cause = record.map_or_else(|| "unknown".to_owned(), |(_, cause)| cause);
            facts.count_death(at)?;
            let line = Line::new(now(), "supervise")
                .field("identity", identity)
                .field("action", "reaped-gone")
                .field("death", death)
                .field("cause", &cause);
            notice::owe(host, identity, &cause, warnings);
            if facts.clear_session()? == Removal::Removed {
                host.log(&line, warnings);
            }
            Ok(attended("reaped-gone", Some(cause), Some(death)))
        }
        Verdict::Alive => {
            let mended =
                subject.map(|subject| keep_up(host, canary, identity, &subject, warnings)).transpose()?;
            Ok(attended("alive", mended.flatten(), None))
        }
    }
}

/// Brings the end of a program on record, and ends the server that is left without it.
fn bury(
    host: &Host,
    canary: &Canary,
    identity: &Identity,
    session: &Session,
    warnings: &mut Vec<Warning>,
) -> Result<(), AttendError> {
    record_end(canary, identity, session)?;
    let Ok(server) = session.server_process() else { return Ok(()) };
    if server.state() == Liveness::Alive {
        let subject = Subject::new(identity.to_string(), server);
        let deed = Deed { by: "supervisor", reason: "session-ended" };
        end(host, canary, &subject, identity, session.pane.as_ref().map(|p| p.pid), deed, warnings)?;
    }
    Ok(())
}

/// Brings the end of a program on record: the exit hook's line if it comes, else ours. Either way it
/// stands there once.
///
/// tmux up to 3.5a built with libutempter loses the signal that would tell it of the end; being told
/// again, it runs its hook.
pub(crate) fn record_end(canary: &Canary, identity: &Identity, session: &Session) -> Result<(), AttendError> {
    let (Ok(server), Ok(Some(program))) = (session.server_process(), session.pane_process()) else {
        return Ok(());
    };
    // While it is a zombie it tells how it ended; the server's looking at it makes it go.
    let status = match program.state() {
        Liveness::Dead { status } => status,
        Liveness::Alive | Liveness::Unknown(_) => return Ok(()),
    };
    match send(&server, Signal::CHILD).map_err(EndError::from)? {
        // The server is dead too, and as a rule its program went with it: that is the server's death, unless
        // the hook has said otherwise.
        Delivery::AlreadyDead => return Ok(()),
        Delivery::Sent if wait_dead(&server, HOOK_GRACE) => return Ok(()),
        Delivery::Sent => {}
    }
    let subject = Subject::new(identity.to_string(), server);
    canary.record_session_exit(&subject, &SessionEnd { pane_pid: program.pid, status })?;
    Ok(())
}

/// What the journals say about the end of a server, once its witness or a sweep has written it: whether
/// its program went first, and when and of what it died.
fn last_word(
    host: &Host,
    canary: &Canary,
    subject: &Subject,
) -> Result<(ServerEnd, Option<(String, String)>), AttendError> {
    let death = subject.death();
    let deadline = Instant::now() + RECORD_GRACE;
    loop {
        let stop = host.lifecycle_log().read()?;
        if stop.entries.iter().any(|e| e.event() == "server-stop" && e.get("death") == Some(&death)) {
            return Ok((
                ServerEnd::AfterItsProgram,
                last_record(canary, |r| r.server_pid == Some(subject.server.pid))?,
            ));
        }
        if let Some(record) = last_record(canary, |r| r.death() == Some(&death))? {
            return Ok((ServerEnd::Unplanned, Some(record)));
        }
        if Instant::now() >= deadline {
            return Ok((ServerEnd::Unplanned, None));
        }
        std::thread::sleep(PAUSE);
        canary.sweep()?;
    }
}

/// The last such record, also one that stands beside its journal because that could not be written.
fn last_record(
    canary: &Canary,
    wanted: impl Fn(&iapeer_canary::DeathRecord) -> bool,
) -> Result<Option<(String, String)>, CanaryError> {
    let records = canary.deaths()?.records;
    Ok(records.into_iter().rfind(wanted).map(|record| (record.ts.clone(), cause_word(&record))))
}

/// Sees that a living server can be reached and is watched; says what was mended.
fn keep_up(
    host: &Host,
    canary: &Canary,
    identity: &Identity,
    subject: &Subject,
    warnings: &mut Vec<Warning>,
) -> Result<Option<String>, AttendError> {
    let socket = host.layout().socket(identity);
    let mut mended = Vec::new();
    if probe(socket.as_std_path()) == Probe::Missing {
        // tmux makes its socket anew on this signal; its session does not notice.
        send(&subject.server, Signal::USR1).map_err(EndError::from)?;
        host.log(&Line::new(now(), "socket-restored").field("identity", identity), warnings);
        mended.push("socket-restored");
    }
    let canaries = canary.sweep()?;
    let watched = canaries.swept.iter().any(|s| s.subject == *subject && s.finding == Finding::Armed);
    if !watched && matches!(arm_again(host, canary, identity, subject, warnings), Armed::Spawned { .. }) {
        mended.push("canary-armed");
    }
    Ok((!mended.is_empty()).then(|| mended.join(" ")))
}

/// Gives a living server a witness that waits on a client of it, for the lifeline is only inherited. Why there
/// is none is a warning.
pub(crate) fn arm_again(
    host: &Host,
    canary: &Canary,
    identity: &Identity,
    subject: &Subject,
    warnings: &mut Vec<Warning>,
) -> Armed {
    let watch = match client_of(host, identity) {
        Some(argv) => Watch::Client { argv },
        None => Watch::Poll { secs: POLL_SECS },
    };
    let armed = canary.arm(subject, watch);
    match &armed {
        Armed::Spawned { .. } => {
            let line = Line::new(now(), "supervise")
                .field("identity", identity)
                .field("action", "canary")
                .field("state", "spawned")
                .field("origin", "retrofit");
            host.log(&line, warnings);
        }
        Armed::Already { .. } | Armed::Skipped => {}
        Armed::Failed(e) => {
            warnings.push(Warning::new(format!("nobody watches {identity}: {}", with_causes(e))));
        }
    }
    armed
}

/// The client of an identity's server that a witness can wait on; none without a tmux.
pub(crate) fn client_of(host: &Host, identity: &Identity) -> Option<Vec<String>> {
    let server = Tmux::find(&host.settings().path)
        .and_then(|tmux| tmux.server(host.layout().socket(identity).into_std_path_buf()))
        .ok()?;
    let argv = server.wait_argv(&format!("iap-canary-{identity}"));
    argv.into_iter().map(|word| word.into_string().ok()).collect()
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test that starts processes")]
mod tests {
    use std::process::{Command, Stdio};

    use camino::Utf8Path;
    use iapeer_canary::{Incarnation, Places};

    use super::*;
    use crate::facts::ProcessId;

    /// A process that has ended, and was waited for.
    fn dead() -> Incarnation {
        let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
        let process = Incarnation::of(child.id()).unwrap().unwrap();
        drop(child.stdin.take());
        child.wait().unwrap();
        process
    }

    #[test]
    fn a_program_that_went_with_its_server_is_no_death_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(folder.path()).unwrap();
        let places = Places {
            state: root.join("state"),
            forensics: root.join("server-deaths"),
            exits_log: root.join("exits.log"),
            lifecycle_log: root.join("lifecycle.log"),
        };
        let (server, program) = (dead(), dead());
        let id = |process: &Incarnation| ProcessId { pid: process.pid, start: process.start.to_string() };
        let session = Session {
            identity: "shell-alpha".to_owned(),
            runtime: "shell".to_owned(),
            personality: "alpha".to_owned(),
            cwd: root.to_owned(),
            woke_at: 0,
            boot_id: server.boot.to_string(),
            server: id(&server),
            pane: Some(id(&program)),
            session_id: None,
        };
        // As it is when the server was still dying at the look that found its program dead.
        record_end(&Canary::new(places.clone()), &"shell-alpha".parse().unwrap(), &session).unwrap();
        assert!(!places.exits_log.exists() && !places.state.exists());
    }
}
