//! How a server is ended on purpose: said first, then done, then looked at again.

use std::time::Duration;

use iapeer_canary::{Canary, CanaryError, Delivery, Intended, SendError, Signal, Subject, send};
use iapeer_registry::Identity;
use iapeer_tmux::Tmux;

use crate::host::{Host, Warning, with_causes};
use crate::tree::{Member, end as end_members, members, wait_dead};

/// How long an intent counts: longer than any ending takes.
const INTENT: Duration = Duration::from_secs(60);
/// How long a server has to end after its session, and after each signal.
pub(crate) const GRACE: Duration = Duration::from_secs(5);

/// Why a server was not ended.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EndError {
    /// Its witness could not be told.
    #[error(transparent)]
    Canary(#[from] CanaryError),
    /// It could not be signalled.
    #[error(transparent)]
    Send(#[from] SendError),
    /// It outlived KILL.
    #[error("the tmux server of {identity} (pid {pid}) does not end")]
    Stubborn {
        /// Whose it is.
        identity: Identity,
        /// Its pid.
        pid: u32,
    },
}

/// What is left after a server was ended.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Ended {
    /// Whether it was us: else it was dead before.
    pub(crate) by_us: bool,
    /// Processes of its session that live on.
    pub(crate) survivors: Vec<Member>,
}

/// Who ends a server, and why.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deed<'a> {
    pub(crate) by: &'a str,
    pub(crate) reason: &'a str,
}

/// Ends a server of ours and what runs in it.
///
/// The witness is told first, so that the end is no death. Then the session is closed in tmux's own
/// way, then come signals, to this very process and no other. What ran in the session and lives on is
/// ended, too, and what survives even that is told.
pub(crate) fn end(
    host: &Host,
    canary: &Canary,
    subject: &Subject,
    identity: &Identity,
    program: Option<u32>,
    deed: Deed<'_>,
    warnings: &mut Vec<Warning>,
) -> Result<Ended, EndError> {
    let server = &subject.server;
    let tree = program.map(|pid| members(pid, &server.boot)).unwrap_or_default();
    match canary.intend(subject, deed.by, deed.reason, INTENT)? {
        Intended::Published(_) | Intended::Already { .. } => {}
        Intended::AlreadyDead => return Ok(Ended::default()),
    }
    let asked = Tmux::find(&host.settings().path)
        .and_then(|tmux| tmux.server(host.layout().socket(identity).into_std_path_buf()))
        .and_then(|server| server.deadline(GRACE).session(&identity.to_string())?.kill());
    // A server that cannot be asked, because it hangs or its socket is gone, is signalled.
    let mut dead = asked.is_ok() && wait_dead(server, GRACE);
    for signal in [Signal::TERM, Signal::KILL] {
        if !dead {
            dead = match send(server, signal)? {
                Delivery::Sent => wait_dead(server, GRACE),
                Delivery::AlreadyDead => true,
            };
        }
    }
    if !dead {
        return Err(EndError::Stubborn { identity: identity.clone(), pid: server.pid });
    }
    let (survivors, refused) = end_members(tree);
    for error in refused {
        warnings
            .push(Warning::new(format!("a process of {identity} was left alone: {}", with_causes(&error))));
    }
    for Member { process, name } in &survivors {
        warnings
            .push(Warning::new(format!("a process of {identity} lives on: {name} (pid {})", process.pid)));
    }
    Ok(Ended { by_us: true, survivors })
}
