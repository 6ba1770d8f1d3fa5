//! A session that was started becomes ready for input, or it is told why not.

use std::time::{Duration, Instant};

use camino::Utf8Path;
use iapeer_canary::{Canary, CanaryError, Death, DeathRecord};
use iapeer_registry::{Identity, Peer, profile_document};
use iapeer_statefile::{Line, with_causes};
use iapeer_tmux::{Pane, Server, TmuxError};

use crate::attend::attend;
use crate::facts::{Facts, Session};
use crate::host::{Host, Warning, now};
use crate::input::enter;
use crate::launch_error::{LaunchError, NotReady};
use crate::observe::SessionState;
use crate::pane::{last_lines, last_of};
use crate::runtime::StartUp;

mod screen;
#[cfg(test)]
mod tests;

use screen::{Limits, Next, Seen};

/// How long it is waited between two looks.
const PAUSE: Duration = Duration::from_millis(100);

/// How many lines of a pane an error shows.
const SHOWN: usize = 2;

/// How many of a screen that nobody knows.
const SHOWN_OF_UNKNOWN: usize = 10;

/// What is typed into a session that began anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FirstMessage<'a> {
    /// The `initial_prompt` of the profile, if it has one.
    OfProfile,
    /// This task, and nothing else.
    Task(&'a str),
}

/// A session that was just started.
pub(crate) struct BringUp<'a> {
    pub(crate) host: &'a Host,
    pub(crate) canary: &'a Canary,
    pub(crate) identity: &'a Identity,
    pub(crate) server: &'a Server,
    pub(crate) program: &'a Utf8Path,
}

impl BringUp<'_> {
    /// Waits until the session is ready for input, answering what it asks. The caller holds the wake lock.
    ///
    /// # Errors
    ///
    /// [`LaunchError::Ended`] when its program has ended, which is on record then as any other end;
    /// [`LaunchError::NotReady`] and others while it is up, which it stays.
    pub(crate) fn wait_ready(
        &self,
        start_up: &StartUp,
        warnings: &mut Vec<Warning>,
    ) -> Result<(), LaunchError> {
        let ready = self.watch(start_up, warnings);
        if let Err(e) = &ready {
            let line = Line::new(now(), "wake-failed")
                .field("identity", self.identity)
                .field("reason", with_causes(e));
            self.host.log(&line, warnings);
        }
        ready
    }

    /// Types the first message into a session that began anew. That the prompt of the profile was not typed is a
    /// warning: the session is up, and its prompt stands in the profile.
    ///
    /// # Errors
    ///
    /// [`LaunchError::NotTyped`] for a task.
    pub(crate) fn say(
        &self,
        first: FirstMessage<'_>,
        peer: &Peer,
        warnings: &mut Vec<Warning>,
    ) -> Result<(), LaunchError> {
        match first {
            FirstMessage::OfProfile => {
                let Some(prompt) = initial_prompt(peer, warnings) else { return Ok(()) };
                if let Err(e) = self.enter(&prompt) {
                    warnings.push(Warning::of("the initial prompt was not typed", &e));
                }
                Ok(())
            }
            FirstMessage::Task(text) => self
                .enter(text)
                .map_err(|source| LaunchError::NotTyped { identity: self.identity.clone(), source }),
        }
    }

    fn enter(&self, text: &str) -> Result<(), TmuxError> {
        let session = self.server.session(&self.identity.to_string())?;
        let pane = session.pane()?;
        enter(&session, &pane, text, ["Enter"])
    }

    fn watch(&self, start_up: &StartUp, warnings: &mut Vec<Warning>) -> Result<(), LaunchError> {
        let Some(session) = Facts::of(self.host.layout(), self.identity).session()? else {
            return Err(self.unknown("it is not written down any more".to_owned()));
        };
        let (begun, mut seen, mut pane) = (Instant::now(), Seen::default(), None);
        loop {
            match session.state() {
                SessionState::Running => {}
                SessionState::ProgramEnded | SessionState::ServerDead => {
                    return Err(self.ended(&session, &seen, warnings)?);
                }
                SessionState::Unknown(reason) => return Err(self.unknown(reason)),
            }
            if start_up.ready.is_empty() {
                return Ok(());
            }
            match self.look(start_up, &mut pane, &mut seen, begun) {
                Ok(Next::Ready) => return Ok(()),
                Ok(Next::GiveUp(why)) => return Err(self.not_ready(why, &seen)),
                Ok(Next::Press(_) | Next::Wait) => {}
                // What cannot be asked any more may have ended since it was looked after.
                Err(e) if session.state() == SessionState::Running => return Err(e.into()),
                Err(_) => continue,
            }
            std::thread::sleep(PAUSE);
        }
    }

    /// Looks once, and presses the key that is due.
    fn look(
        &self,
        start_up: &StartUp,
        pane: &mut Option<Pane>,
        seen: &mut Seen,
        begun: Instant,
    ) -> Result<Next, TmuxError> {
        let settings = self.host.settings();
        let limits = Limits { boot: settings.boot_deadline, ready: settings.ready_gate };
        let session = self.server.session(&self.identity.to_string())?;
        let pane = match pane {
            Some(pane) => pane,
            None => pane.insert(session.pane()?),
        };
        let screen = session.capture(pane, 0)?;
        let next = seen.look(start_up, limits, &screen, begun.elapsed());
        if let Next::Press(key) = &next {
            session.send_keys(pane, &[key.as_str()])?;
        }
        Ok(next)
    }

    fn not_ready(&self, why: NotReady, seen: &Seen) -> LaunchError {
        let lines = match why {
            NotReady::UnknownScreen { .. } | NotReady::NotLoaded { .. } => SHOWN_OF_UNKNOWN,
            _ => SHOWN,
        };
        LaunchError::NotReady {
            identity: self.identity.clone(),
            why: Box::new(why),
            shown: last_of(seen.screen(), lines),
        }
    }

    /// Brings the end of the program on record, and tells it.
    fn ended(
        &self,
        session: &Session,
        seen: &Seen,
        warnings: &mut Vec<Warning>,
    ) -> Result<LaunchError, LaunchError> {
        attend(self.host, self.canary, self.identity, session, warnings)?;
        let is_its_end = |record: &DeathRecord| {
            matches!(record.what, Death::Session(_)) && record.server_pid == Some(session.server.pid)
        };
        let status = self.canary.last_death(is_its_end).map_err(CanaryError::from)?.and_then(|r| r.status());
        let mut shown = last_lines(&self.host.layout().pane_log(self.identity), SHOWN);
        if shown.is_empty() {
            shown = last_of(seen.screen(), SHOWN);
        }
        let (identity, program) = (self.identity.clone(), self.program.to_owned());
        Ok(LaunchError::Ended { identity, program, status, shown })
    }

    fn unknown(&self, reason: String) -> LaunchError {
        LaunchError::Unknown { identity: self.identity.clone(), reason }
    }
}

/// What the profile wants to be typed into a session that begins anew.
fn initial_prompt(peer: &Peer, warnings: &mut Vec<Warning>) -> Option<String> {
    let document = profile_document(&peer.cwd);
    let profile = match document.usable(document.read()) {
        Ok((profile, _)) => profile?,
        Err(e) => {
            warnings.push(Warning::of("the initial prompt is not known", &e));
            return None;
        }
    };
    match profile.other.get("initial_prompt")? {
        serde_json::Value::String(prompt) => Some(prompt.clone()).filter(|prompt| !prompt.trim().is_empty()),
        serde_json::Value::Null => None,
        other => {
            let path = document.path();
            warnings.push(Warning::new(format!(
                "{path}: `initial_prompt` is no text and was not typed: {other}"
            )));
            None
        }
    }
}
