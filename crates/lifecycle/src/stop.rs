//! How a session goes down, because somebody said so.

use iapeer_canary::{CanaryError, HostError, Incarnation, Liveness, Subject};
use iapeer_registry::Identity;
use iapeer_statefile::{Line, Lock, LockError, Removal, WriteError};
use iapeer_tmux::{Probe, Tmux, TmuxError, probe};

use crate::deaths::sweep;
use crate::end::{Deed, EndError, Ended, GRACE, end};
use crate::facts::{FactError, Facts};
use crate::find::FindError;
use crate::host::{Host, Warning, now};
use crate::tree::wait_dead;

/// A session that is down.
#[derive(Debug, Clone)]
pub struct Stopped {
    /// Whose it was.
    pub identity: Identity,
    /// Whether it was live before.
    pub was_live: bool,
    /// What the user should know, above all who lives on.
    pub warnings: Vec<Warning>,
}

/// Why a session was not stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StopError {
    /// It is no peer any more.
    #[error(transparent)]
    Peer(#[from] FindError),
    /// What runs there could not be told, so nothing was ended.
    #[error("what runs as {identity} cannot be told: {reason}")]
    Unknown {
        /// Who.
        identity: Identity,
        /// Why not.
        reason: String,
    },
    /// A server without a record has other sessions than ours.
    #[error("the server of {identity} (pid {pid}) is not one that iapeer started")]
    Foreign {
        /// Who.
        identity: Identity,
        /// The server.
        pid: u32,
    },
    /// The server could not be ended.
    #[error(transparent)]
    End(#[from] EndError),
    /// The witnesses cannot be asked.
    #[error(transparent)]
    Canary(#[from] CanaryError),
    /// The machine does not tell about its processes.
    #[error(transparent)]
    Machine(#[from] HostError),
    /// A server without a record could not be asked what it is.
    #[error(transparent)]
    Tmux(#[from] TmuxError),
    /// A fact cannot be used.
    #[error(transparent)]
    Fact(#[from] FactError),
    /// Something could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// Somebody else is at it.
    #[error(transparent)]
    Lock(#[from] LockError),
}

/// Ends a session and leaves it stopped: nothing but `start` begins it again.
///
/// The marks are written first, so that whatever interrupts us, the end never counts as a death.
///
/// # Errors
///
/// [`StopError`]; the identity stays marked as stopped.
pub fn stop(host: &Host, identity: &Identity) -> Result<Stopped, StopError> {
    let wake = host.lock_wake(identity)?;
    // Whoever removes a peer holds the lock until nothing of it is left, and a mark would be a leftover.
    host.peer(identity.personality())?;
    stop_locked(host, identity, &wake)
}

/// [`stop`], for who holds the identity's lock already.
pub(crate) fn stop_locked(host: &Host, identity: &Identity, wake: &Lock) -> Result<Stopped, StopError> {
    let facts = Facts::of(host.layout(), identity);
    // What cannot be read is not marked either.
    facts.session()?;
    let mut warnings = Vec::new();
    facts.set_stopped(now(), &host.settings().caller)?;
    let ended = park(host, identity, "stop", wake, &mut warnings)?;
    let line = Line::new(now(), "stop")
        .field("identity", identity)
        .field("by", &host.settings().caller)
        .field("was_live", ended.by_us)
        .field("survivors", ended.survivors.len());
    host.log(&line, &mut warnings);
    Ok(Stopped { identity: identity.clone(), was_live: ended.by_us, warnings })
}

/// Ends what runs as `identity`, whether it is written down or not, and marks it as parked. It is no death; and
/// no stop, unless the caller has marked it so. `_wake` is the proof that nobody starts it meanwhile.
///
/// # Errors
///
/// [`StopError`]; what runs was not ended, or not wholly.
pub(crate) fn park(
    host: &Host,
    identity: &Identity,
    reason: &str,
    _wake: &Lock,
    warnings: &mut Vec<Warning>,
) -> Result<Ended, StopError> {
    let facts = Facts::of(host.layout(), identity);
    let canary = host.canary();
    // A death that came before us is one, and is recorded as one.
    sweep(&canary, warnings);
    let (server, program) = match &facts.session()? {
        Some(session) => {
            let unknown = |e: iapeer_canary::BadWord| StopError::Unknown {
                identity: identity.clone(),
                reason: e.to_string(),
            };
            let server = session.server_process().map_err(unknown)?;
            (
                Some(server).filter(|s| !matches!(s.state(), Liveness::Dead { .. })),
                session.pane.as_ref().map(|p| p.pid),
            )
        }
        None => (None, None),
    };
    let (server, program) = match server {
        Some(server) => (Some(server), program),
        None => unrecorded(host, identity)?,
    };
    let Some(server) = server else {
        facts.clear_session()?;
        return Ok(Ended::default());
    };
    facts.set_idle_reaped(now())?;
    facts.clear_session()?;
    let subject = Subject::new(identity.to_string(), server);
    let deed = Deed { by: &host.settings().caller, reason };
    Ok(end(host, &canary, &subject, identity, program, deed, warnings)?)
}

/// Lifts a stop; says whether there was one.
///
/// # Errors
///
/// [`FactError`] when the mark cannot be removed.
pub fn lift_stop(host: &Host, identity: &Identity) -> Result<bool, FactError> {
    let lifted = Facts::of(host.layout(), identity).clear_stopped()? == Removal::Removed;
    if lifted {
        let line = Line::new(now(), "start").field("identity", identity).field("by", &host.settings().caller);
        host.log(&line, &mut Vec::new());
    }
    Ok(lifted)
}

/// A server on the identity's socket that nobody wrote down, if it is one of ours.
fn unrecorded(host: &Host, identity: &Identity) -> Result<(Option<Incarnation>, Option<u32>), StopError> {
    let socket = host.layout().socket(identity).into_std_path_buf();
    let pid = match probe(&socket) {
        Probe::Missing | Probe::Refused => return Ok((None, None)),
        Probe::Unknown { reason } => return Err(StopError::Unknown { identity: identity.clone(), reason }),
        Probe::Listening { pid } => pid,
    };
    let Some(server) = Incarnation::of(pid)? else { return Ok((None, None)) };
    let tmux = Tmux::find(&host.settings().path)?.server(socket)?;
    let name = identity.to_string();
    let sessions = match tmux.sessions() {
        // It was ending already, as after a stop that was cut off.
        Err(TmuxError::NoServer { .. } | TmuxError::Failed { .. }) if wait_dead(&server, GRACE) => {
            return Ok((None, None));
        }
        sessions => sessions?,
    };
    if sessions.iter().any(|session| *session != name) {
        return Err(StopError::Foreign { identity: identity.clone(), pid });
    }
    let program = tmux.session(&name)?.pane().ok().map(|pane| pane.pid);
    Ok((Some(server), program))
}
