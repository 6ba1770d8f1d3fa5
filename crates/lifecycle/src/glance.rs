//! One session at a glance, for who looks at many again and again. Starts no process and asks no server.

use iapeer_registry::Identity;
use iapeer_statefile::Timestamp;

use crate::facts::Facts;
use crate::host::Host;
use crate::look::last_activity;
use crate::observe::{Observed, Status, observe_with};
use crate::pane::last_lines;
use crate::runtime::Runtime;
use crate::tree::{Processes, Usage};

/// What is seen of one identity. What only a session that is live has is none for all others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Glance {
    /// What it is doing.
    pub observed: Observed,
    /// When it did something last; none when that cannot be told.
    pub active: Option<Timestamp>,
    /// What its server, its program and what they started take; none when that cannot be told.
    pub usage: Option<Usage>,
    /// The last line with text that its pane showed, as its log has it.
    pub last_line: Option<String>,
}

/// Looks at one identity, with a look at all processes that was made for many.
pub fn glance(host: &Host, identity: &Identity, processes: &Processes) -> Glance {
    let session = Facts::of(host.layout(), identity).session();
    let observed = observe_with(host, identity, &session);
    let Status::Live { server_pid } = observed.status else {
        return Glance { observed, active: None, usage: None, last_line: None };
    };
    // A server that came up without us has no session that is written down, or an older one.
    let session = session.ok().flatten().filter(|session| session.server.pid == server_pid);
    let pane = session.as_ref().and_then(|session| session.pane.as_ref()).map(|pane| pane.pid);
    let roots: Vec<u32> = [Some(server_pid), pane].into_iter().flatten().collect();
    let runtime = Runtime::find(identity.runtime(), host.layout()).ok();
    Glance {
        observed,
        active: session.and_then(|session| last_activity(host, identity, runtime.as_ref(), &session)),
        usage: processes.usage(&roots),
        last_line: last_lines(&host.layout().pane_log(identity), 1).pop(),
    }
}
