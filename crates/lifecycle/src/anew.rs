//! How a session begins anew because somebody said so: at once, or at the next wake.

use iapeer_registry::{Identity, Peer, RuntimeName};
use iapeer_statefile::{Line, LockError};
use iapeer_tmux::Tmux;

use crate::facts::{FactError, Facts};
use crate::find::FindError;
use crate::host::{Host, Warning, now};
use crate::launch::{Launched, close_last, identity_of, launch_locked};
use crate::launch_error::LaunchError;
use crate::observe::{Status, observe};
use crate::runtime::{Runtime, RuntimeError};
use crate::stop::{StopError, park};
use crate::wake::{Request, decided};

/// Why a session did not begin anew.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AnewError {
    /// The old one was not ended; it is as it was, or asleep.
    #[error(transparent)]
    End(#[from] StopError),
    /// The new one did not come up.
    #[error(transparent)]
    Launch(#[from] LaunchError),
}

/// What `refresh` has noted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refreshed {
    /// Who begins anew at its next wake.
    pub identity: Identity,
    /// What it is doing now.
    pub status: Status,
    /// What the user should know.
    pub warnings: Vec<Warning>,
}

/// Why it was not noted that a session shall begin anew.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RefreshError {
    /// It is no peer any more.
    #[error(transparent)]
    Peer(#[from] FindError),
    /// The runtime cannot be used, or its sessions are not ours.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    /// The mark cannot be written.
    #[error(transparent)]
    Fact(#[from] FactError),
    /// Somebody else is at it.
    #[error(transparent)]
    Lock(#[from] LockError),
}

/// Ends a session, if it is live, and begins it anew. What the launch would refuse is not ended.
///
/// # Errors
///
/// [`AnewError`]. When the new session did not come up, the mark that asks for it stays for ten minutes.
pub fn begin_anew(host: &Host, peer: &Peer, runtime: Option<&RuntimeName>) -> Result<Launched, AnewError> {
    let identity = identity_of(peer, runtime)?;
    let runtime = Runtime::find(identity.runtime(), host.layout()).map_err(LaunchError::from)?;
    let wake = host.lock_wake(&identity).map_err(LaunchError::from)?;
    let peer = host.peer(identity.personality()).map_err(LaunchError::from)?;
    let mut warnings = Vec::new();
    close_last(host, &host.canary(), &identity, &mut warnings)?;
    // The launch looks at the same things again, and tells what there is to tell about them.
    decided(host, &runtime, &identity, &peer, &Request::Anew, &mut Vec::new())?;
    runtime.program(host.settings()).map_err(LaunchError::from)?;
    Tmux::find(&host.settings().path).map_err(LaunchError::from)?;
    let facts = Facts::of(host.layout(), &identity);
    facts.set_new_eager(now()).map_err(LaunchError::from)?;
    park(host, &identity, "new", &wake, &mut warnings)?;
    let mut launched = launch_locked(host, &runtime, identity, &Request::Anew, &wake)?;
    warnings.append(&mut launched.warnings);
    Ok(Launched { warnings, ..launched })
}

/// Notes that the next session of an identity shall begin anew, whatever it could go on with. A session that is
/// live stays as it is.
///
/// # Errors
///
/// [`RefreshError`]; nothing is noted then.
pub fn refresh(host: &Host, identity: &Identity) -> Result<Refreshed, RefreshError> {
    let runtime = Runtime::find(identity.runtime(), host.layout())?;
    if runtime.is_held_by_service() {
        return Err(RuntimeError::Router { runtime: runtime.name }.into());
    }
    let _wake = host.lock_wake(identity)?;
    // Whoever removes a peer holds the lock until nothing of it is left, and a mark would be a leftover.
    host.peer(identity.personality())?;
    Facts::of(host.layout(), identity).set_fresh_next(now())?;
    let mut warnings = Vec::new();
    let line = Line::new(now(), "refresh").field("identity", identity).field("by", &host.settings().caller);
    host.log(&line, &mut warnings);
    Ok(Refreshed { identity: identity.clone(), status: observe(host, identity).status, warnings })
}
