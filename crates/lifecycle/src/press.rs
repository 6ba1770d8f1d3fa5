//! Pressing keys in a session that is live: to interrupt what it does, or to let it compact its context.

use std::fmt;

use iapeer_registry::{Identity, RuntimeName};
use iapeer_statefile::{Line, LockError};
use iapeer_tmux::{Tmux, TmuxError};

use crate::find::FindError;
use crate::host::{Host, Warning, now};
use crate::input::enter;
use crate::observe::{Status, observe};
use crate::runtime::{Key, Runtime, RuntimeError};

/// What a session shall do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gesture {
    /// Leave what it is doing.
    Interrupt,
    /// Compact its context.
    Compact,
}

impl fmt::Display for Gesture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Gesture::Interrupt => "interrupt",
            Gesture::Compact => "compact",
        })
    }
}

/// Why no key was pressed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PressError {
    /// It is no peer any more.
    #[error(transparent)]
    Peer(#[from] FindError),
    /// The runtime cannot be used.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    /// It is not live.
    #[error("{identity} is {}, so there is nothing to {gesture}", .status.as_str())]
    NotLive {
        /// Who.
        identity: Identity,
        /// What it was to do.
        gesture: Gesture,
        /// What it is instead: asleep or stopped.
        status: Status,
    },
    /// Whether it is live could not be told.
    #[error("whether {identity} is live cannot be told: {reason}")]
    Unknown {
        /// Who.
        identity: Identity,
        /// Why not.
        reason: String,
    },
    /// The runtime's definition does not say how.
    #[error("the definition of runtime {runtime} has no `{gesture}`")]
    NoKeys {
        /// The runtime.
        runtime: RuntimeName,
        /// What it was to do.
        gesture: Gesture,
    },
    /// tmux could not do it.
    #[error(transparent)]
    Tmux(#[from] TmuxError),
    /// Somebody else is at it.
    #[error(transparent)]
    Lock(#[from] LockError),
}

/// Presses the keys of a runtime's definition in a live session.
///
/// # Errors
///
/// [`PressError`]. After one of tmux, some of the keys may have been pressed.
pub fn press(host: &Host, identity: &Identity, gesture: Gesture) -> Result<Vec<Warning>, PressError> {
    // A session that is being started is asked things that no other key may answer.
    let _wake = host.lock_wake(identity)?;
    host.peer(identity.personality())?;
    let runtime = Runtime::find(identity.runtime(), host.layout())?;
    let mut warnings: Vec<_> = runtime.warning(host.layout()).into_iter().collect();
    let identity = identity.clone();
    let observed = observe(host, &identity);
    match observed.status {
        Status::Live { .. } => {}
        Status::Unknown(reason) => return Err(PressError::Unknown { identity, reason }),
        status => return Err(PressError::NotLive { identity, gesture, status }),
    }
    let (text, keys) = match gesture {
        Gesture::Interrupt => (None, runtime.interrupt.as_slice()),
        Gesture::Compact => match &runtime.compact {
            Some(typed) => (Some(typed.text.as_str()), typed.keys.as_slice()),
            None => (None, &[][..]),
        },
    };
    if text.is_none() && keys.is_empty() {
        return Err(PressError::NoKeys { runtime: runtime.name, gesture });
    }
    let server = Tmux::find(&host.settings().path)?.server(observed.socket.into_std_path_buf())?;
    let session = server.session(&identity.to_string())?;
    let pane = session.pane()?;
    let keys = keys.iter().map(Key::as_str);
    match text {
        Some(text) => enter(&session, &pane, text, keys)?,
        None => keys.into_iter().try_for_each(|key| session.send_keys(&pane, &[key]))?,
    }
    let line = Line::new(now(), &gesture.to_string())
        .field("identity", &identity)
        .field("by", &host.settings().caller);
    host.log(&line, &mut warnings);
    Ok(warnings)
}
