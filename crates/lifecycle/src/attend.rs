//! Looking after one session that we supervise: is it up, has it died, what is owed.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use iapeer_canary::{
    Armed, Canary, CanaryError, DeathRecord, Delivery, Liveness, SessionEnd, Signal, Subject, Watch, send,
};
use iapeer_registry::{Identity, RuntimeName};
use iapeer_statefile::{Entry, Line, LockError, ReadError};
use iapeer_tmux::Tmux;

use crate::deaths::{cause_word, sweep};
use crate::decide::{Chore, Death, Park, Policy, ServerEnd, Verdict, supervise};
use crate::end::{Deed, EndError, end};
use crate::facts::{FactError, Facts, Session};
use crate::host::{Host, Warning, now, with_causes};
use crate::look::{look, marks};
use crate::notice;
use crate::observe::SessionState;
use crate::queue::close_hand_over;
use crate::runtime::Runtime;
use crate::tree::wait_dead;

/// How long the exit hook has for its line, once the server was told to look at its children.
const HOOK_GRACE: Duration = Duration::from_secs(2);
/// How long the witnesses of one round have for their records of deaths before they are passed over.
const RECORD_GRACE: Duration = Duration::from_secs(3);
const PAUSE: Duration = Duration::from_millis(20);
/// How often a witness looks that has no client to wait on, in seconds.
pub(crate) const POLL_SECS: u32 = 2;

/// The reason that stands in the line about a server that was ended because its program had ended, whether the
/// exit hook did that or we.
const AFTER_ITS_PROGRAM: &str = "session-ended";

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
    /// The outcome word: `alive`, `skipped-service`, `skipped-stopped`, `needs-eager-fresh`, `reaped-gone`,
    /// `reaped-idle`, `reaped-ephemeral`, `task-given` or `unknown`.
    pub action: &'static str,
    /// The cause of a death, or what was mended or given, or why nothing could be told or done.
    pub reason: Option<String>,
    /// What died.
    pub death: Option<Death>,
}

/// What the looks at several sessions have in common, so that it is found out once for all of them.
pub(crate) struct Round<'a> {
    host: &'a Host,
    canary: &'a Canary,
    policy: Policy,
    /// The servers that have a witness; none when that cannot be told.
    watched: Option<Vec<Subject>>,
    /// The runtimes of the sessions; none where it cannot be told what one is.
    runtimes: BTreeMap<RuntimeName, Option<Runtime>>,
    /// How long may still be waited for records that are being written.
    patience: Duration,
}

/// Looks after one session that somebody is about to use, so that it is not put to sleep. The caller holds its
/// wake lock.
pub(crate) fn attend(
    host: &Host,
    canary: &Canary,
    identity: &Identity,
    session: &Session,
    warnings: &mut Vec<Warning>,
) -> Result<Attended, AttendError> {
    Round::begin(host, canary, Policy::Keep, warnings).attend(identity, session, warnings)
}

impl<'a> Round<'a> {
    /// Sweeps the witnesses' files, once for all sessions of the round.
    pub(crate) fn begin(
        host: &'a Host,
        canary: &'a Canary,
        policy: Policy,
        warnings: &mut Vec<Warning>,
    ) -> Round<'a> {
        let watched = sweep(canary, warnings);
        Round { host, canary, policy, watched, runtimes: BTreeMap::new(), patience: RECORD_GRACE }
    }

    /// What the runtime of an identity is, where that can be told.
    pub(crate) fn runtime(&mut self, identity: &Identity) -> Option<&Runtime> {
        let (name, layout) = (identity.runtime(), self.host.layout());
        self.runtimes.entry(name.clone()).or_insert_with(|| Runtime::find(name, layout).ok()).as_ref()
    }

    /// Looks after one session. The caller holds its wake lock.
    pub(crate) fn attend(
        &mut self,
        identity: &Identity,
        session: &Session,
        warnings: &mut Vec<Warning>,
    ) -> Result<Attended, AttendError> {
        let facts = Facts::of(self.host.layout(), identity);
        let mut state = session.state();
        let (host, canary) = (self.host, self.canary);
        let runtime = self.runtime(identity);
        let is_held = runtime.is_some_and(Runtime::is_held_by_service);
        if state == SessionState::ProgramEnded && !is_held {
            bury(host, canary, identity, session, warnings)?;
            state = session.state();
        }
        let subject = session.server_process().ok().map(|s| Subject::new(identity.to_string(), s));
        let mut seen = look(host, identity, runtime, session, state);
        let mut record = None;
        if let (SessionState::ServerDead, Some(subject)) = (&seen.state, &subject) {
            (seen.end, record) = self.last_word(subject)?;
        }
        let watched = self.watched.as_ref().zip(subject.as_ref());
        seen.is_watched = watched.is_none_or(|(watched, subject)| watched.contains(subject));
        let verdict = supervise(&seen, &marks(&facts, &session.cwd)?, self.policy, now());
        let action = verdict.word();
        let attended = |reason, death| Attended { identity: identity.clone(), action, reason, death };
        match verdict {
            Verdict::Unknown(reason) => Ok(attended(Some(reason), None)),
            Verdict::SkippedService => Ok(attended(None, None)),
            Verdict::SkippedStopped => {
                facts.set_idle_reaped(now())?;
                self.leave(&facts, identity, action, None, warnings)?;
                Ok(attended(None, None))
            }
            Verdict::NeedsEagerFresh => {
                // What was parked would be resumed.
                facts.clear_idle_reaped()?;
                self.leave(&facts, identity, action, None, warnings)?;
                Ok(attended(None, None))
            }
            Verdict::ReapedGone(death) => {
                // The time of the record names the death, so that one that was counted is not counted again
                // when we are interrupted before the session is taken away.
                let at = record.as_ref().and_then(|(ts, _)| ts.parse().ok()).unwrap_or_else(now);
                let cause = record.map_or_else(|| "unknown".to_owned(), |(_, cause)| cause);
                facts.count_death(at)?;
                facts.clear_idle_reaped()?;
                facts.clear_new_eager()?;
                notice::owe(self.host, identity, &cause, warnings);
                self.leave(&facts, identity, action, Some((death, &cause)), warnings)?;
                Ok(attended(Some(cause), Some(death)))
            }
            Verdict::Reaped(park) => {
                if seen.state == SessionState::Running
                    && let Some(subject) = &subject
                {
                    let program = session.pane.as_ref().map(|pane| pane.pid);
                    let deed = Deed { by: &self.host.settings().caller, reason: park.reason() };
                    let ended = end(self.host, self.canary, subject, identity, program, deed, warnings)?;
                    if !ended.by_us {
                        // It died between the look and the deed. What is dead never lives again, so this
                        // look is the last one.
                        return self.attend(identity, session, warnings);
                    }
                }
                match park {
                    Park::Idle => facts.set_idle_reaped(now())?,
                    Park::Ephemeral => {
                        // As long as the answer stands it tells that the task is done.
                        close_hand_over(self.host, identity, warnings)?;
                        facts.clear_ephemeral_armed()?;
                    }
                }
                self.leave(&facts, identity, action, None, warnings)?;
                Ok(attended(None, None))
            }
            Verdict::Alive(chores) => {
                let Some(subject) = subject else { return Ok(attended(None, None)) };
                let mut mended = Vec::new();
                for chore in chores {
                    mended.extend(self.do_chore(chore, identity, &subject, warnings)?);
                }
                Ok(attended((!mended.is_empty()).then(|| mended.join(" ")), None))
            }
        }
    }

    /// Writes down what became of a session, and takes it away. In this order, so that a line may be there
    /// twice when we are interrupted, but never not at all.
    fn leave(
        &self,
        facts: &Facts<'_>,
        identity: &Identity,
        action: &str,
        death: Option<(Death, &str)>,
        warnings: &mut Vec<Warning>,
    ) -> Result<(), AttendError> {
        let (death, cause) = death.unzip();
        let line = Line::new(now(), "supervise").field("identity", identity).field("action", action);
        self.host.log(&line.field_opt("death", death).field_opt("cause", cause), warnings);
        facts.clear_session()?;
        Ok(())
    }

    /// What the journals say about the end of a server, once its witness or a sweep has written it: whether
    /// it was somebody's intention, and when and of what it died.
    fn last_word(&mut self, subject: &Subject) -> Result<(ServerEnd, Option<(String, String)>), AttendError> {
        let death = subject.death();
        loop {
            let end = match self.canary.recorded_end(subject)? {
                Some(end) => Some(end),
                None => self.logged_end(&death)?,
            };
            match end.as_ref().map(|end| (end, DeathRecord::of(end))) {
                Some((_, Some(record))) => {
                    return Ok((ServerEnd::Unplanned, Some((record.ts.clone(), cause_word(&record)))));
                }
                Some((stop, None)) => {
                    if let Some(park) = stop.get("reason").and_then(Park::of_reason) {
                        return Ok((ServerEnd::Parked(park), None));
                    }
                    // Also where the end had been announced: the end of the program is a death on record.
                    let of_it = |record: &DeathRecord| {
                        record.identity == subject.identity && record.server_pid == Some(subject.server.pid)
                    };
                    let program = last_record(self.canary, of_it)?;
                    return Ok(match stop.get("reason") {
                        Some(AFTER_ITS_PROGRAM) => (ServerEnd::AfterItsProgram, program),
                        _ if program.is_some() => (ServerEnd::AfterItsProgram, program),
                        _ => (ServerEnd::OnPurpose, None),
                    });
                }
                None => {}
            }
            if let Some(record) = last_record(self.canary, |r| r.death() == Some(&death))? {
                return Ok((ServerEnd::Unplanned, Some(record)));
            }
            if self.patience.is_zero() {
                return Ok((ServerEnd::Unplanned, None));
            }
            let began = Instant::now();
            std::thread::sleep(PAUSE);
            self.canary.sweep()?;
            self.patience = self.patience.saturating_sub(began.elapsed());
        }
    }

    /// The line about the planned end of a server whose claim is not there any more, or never was.
    fn logged_end(&self, death: &str) -> Result<Option<Entry>, AttendError> {
        let of_it = |entry: &Entry| entry.event() == "server-stop" && entry.get("death") == Some(death);
        Ok(self.host.lifecycle_log().find_last(of_it)?)
    }

    /// Gives a session that runs what it lacks; says what was mended.
    fn do_chore(
        &self,
        chore: Chore,
        identity: &Identity,
        subject: &Subject,
        warnings: &mut Vec<Warning>,
    ) -> Result<Option<&'static str>, AttendError> {
        match chore {
            Chore::RestoreSocket => {
                // tmux makes its socket anew on this signal; its session does not notice.
                send(&subject.server, Signal::USR1).map_err(EndError::from)?;
                self.host.log(&Line::new(now(), "socket-restored").field("identity", identity), warnings);
                Ok(Some("socket-restored"))
            }
            Chore::ArmWitness => {
                let armed = arm_again(self.host, self.canary, identity, subject, warnings);
                Ok(matches!(armed, Armed::Spawned { .. }).then_some("canary-armed"))
            }
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
        let deed = Deed { by: "supervisor", reason: AFTER_ITS_PROGRAM };
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

/// The last such record, also one that stands beside its journal because that could not be written.
fn last_record(
    canary: &Canary,
    wanted: impl Fn(&DeathRecord) -> bool,
) -> Result<Option<(String, String)>, ReadError> {
    Ok(canary.last_death(wanted)?.map(|record| (record.ts.clone(), cause_word(&record))))
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
