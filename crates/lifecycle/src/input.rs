//! Typing into a session.

use std::time::Duration;

use iapeer_tmux::{Pane, Session, TmuxError};

/// How often a screen is looked at for what was typed.
const PAUSE: Duration = Duration::from_millis(100);

/// How many looks a program has to show what was typed. One that shows nothing has read it by then.
const LOOKS: u32 = 20;

/// Types a text as one piece, whatever it says, and then presses the keys.
///
/// A program that takes in a paste may take a key that comes on its heels for a part of it. So the keys wait
/// until the screen shows something new and stands still.
pub(crate) fn enter<'a>(
    session: &Session<'_>,
    pane: &Pane,
    text: &str,
    keys: impl IntoIterator<Item = &'a str>,
) -> Result<(), TmuxError> {
    let before = session.capture(pane, 0)?;
    session.paste(pane, text)?;
    let mut last = before.clone();
    for _ in 0..LOOKS {
        std::thread::sleep(PAUSE);
        let screen = session.capture(pane, 0)?;
        if screen == last && screen != before {
            break;
        }
        last = screen;
    }
    keys.into_iter().try_for_each(|key| session.send_keys(pane, &[key]))
}
