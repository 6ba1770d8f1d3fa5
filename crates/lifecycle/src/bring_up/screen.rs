//! What to do about a screen, decided from what it shows and what was seen before. No clock and no tmux.

use std::time::Duration;

use crate::launch_error::NotReady;
use crate::runtime::{Answer, Key, StartUp};

/// How long a screen that nobody knows may stand still before it is given up.
const STANDSTILL: Duration = Duration::from_secs(10);

/// How long a dialog has to go away after its key, before the key is pressed again: a program that is not
/// reading yet may have lost it.
const AGAIN: Duration = Duration::from_secs(3);

/// How long a start may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Until something shows that is known.
    pub(crate) boot: Duration,
    /// From then until it is ready.
    pub(crate) ready: Duration,
}

/// What was seen so far. Times are those since the start.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    screen: String,
    /// When the screen changed last.
    changed: Duration,
    /// When something was known first.
    known: Option<Duration>,
    /// The dialog that was answered last, and when; none as soon as it is gone.
    answered: Option<(usize, Duration)>,
}

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Next {
    /// It is ready for input.
    Ready,
    /// Press this key, then look again.
    Press(Key),
    /// Look again.
    Wait,
    /// Give up.
    GiveUp(NotReady),
}

impl Seen {
    /// The screen that was seen last.
    pub(crate) fn screen(&self) -> &str {
        &self.screen
    }

    /// Takes in a screen, seen so long after the start, and says what to do.
    pub(crate) fn look(&mut self, start_up: &StartUp, limits: Limits, screen: &str, at: Duration) -> Next {
        if self.screen != screen {
            screen.clone_into(&mut self.screen);
            self.changed = at;
        }
        let shows = |texts: &[String]| texts.iter().all(|text| screen.contains(text.as_str()));
        let dialog = start_up.dialogs.iter().enumerate().find(|(_, dialog)| shows(&dialog.shows));
        let is_loading = !start_up.loading.is_empty() && shows(&start_up.loading);
        let is_part_ready = start_up.ready.iter().any(|text| screen.contains(text.as_str()));
        if dialog.is_some() || is_loading || is_part_ready {
            self.known.get_or_insert(at);
        }
        let Some((number, dialog)) = dialog else {
            self.answered = None;
            // A screen that is ready still has what it showed while it was loading.
            return match (shows(&start_up.ready), is_loading) {
                (true, _) => Next::Ready,
                (false, true) => self.too_late(limits, at).map_or(Next::Wait, Next::GiveUp),
                (false, false) => self.wait(limits, at),
            };
        };
        let key = match &dialog.answer {
            Answer::Fail(reason) => {
                let (dialog, reason) = (dialog.name.clone(), reason.clone());
                return Next::GiveUp(NotReady::Asks { dialog, reason });
            }
            Answer::Press(key) => key.clone(),
        };
        match (self.too_late(limits, at), self.answered) {
            (Some(why), _) => Next::GiveUp(why),
            (None, Some((answered, then))) if answered == number && at.saturating_sub(then) < AGAIN => {
                Next::Wait
            }
            (None, _) => {
                self.answered = Some((number, at));
                Next::Press(key)
            }
        }
    }

    /// What to do about a screen that nobody knows.
    fn wait(&self, limits: Limits, at: Duration) -> Next {
        let still = at.saturating_sub(self.changed);
        // An empty screen is one of a program that is still loading.
        if still >= STANDSTILL && !self.screen.trim().is_empty() {
            return Next::GiveUp(NotReady::UnknownScreen { still });
        }
        self.too_late(limits, at).map_or(Next::Wait, Next::GiveUp)
    }

    fn too_late(&self, limits: Limits, at: Duration) -> Option<NotReady> {
        match self.known {
            None => (at >= limits.boot).then_some(NotReady::NotLoaded { limit: limits.boot }),
            Some(known) => {
                let is_late = at.saturating_sub(known) >= limits.ready;
                is_late.then_some(NotReady::TooSlow { limit: limits.ready })
            }
        }
    }
}
