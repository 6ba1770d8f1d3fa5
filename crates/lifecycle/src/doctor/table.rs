//! All checks, in the order in which they are told.

use std::time::Duration;

use super::sight::Sight;
use super::{Finding, folders, locks, logs, markers, peers, provider, service, sessions};

/// What a check is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Group {
    /// Folders, files and the clock.
    Host,
    /// Who the peers are, and what runs them.
    Peers,
    /// The memory slot.
    Memory,
    /// Servers, witnesses and marks.
    Sessions,
    /// What was written down.
    History,
}

/// Whether a check is made before the supervisor begins, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum When {
    Always,
    OnDemand,
}

/// One check.
pub(super) struct Check {
    /// What scripts call it; never changes.
    pub(super) id: &'static str,
    pub(super) group: Group,
    pub(super) when: When,
    /// After this time the answer is that there is none.
    pub(super) limit: Duration,
    pub(super) look: fn(&Sight) -> Vec<Finding>,
}

/// The limit of a check that only reads files.
const READING: Duration = Duration::from_secs(5);
/// The limit of a check that asks a program, which has a shorter one of its own.
const ASKING: Duration = Duration::from_secs(6);

pub(super) const CHECKS: &[Check] = &[
    always("root", Group::Host, folders::root),
    on_demand("folders", Group::Host, folders::folders),
    on_demand("permissions", Group::Host, folders::permissions),
    always("space", Group::Host, folders::space),
    on_demand("undeclared", Group::Host, folders::undeclared),
    on_demand("leftovers", Group::Host, folders::leftovers),
    always("clock", Group::Host, logs::clock),
    always("registry", Group::Peers, peers::registry),
    on_demand("profiles", Group::Peers, peers::profiles),
    on_demand("programs", Group::Peers, peers::programs),
    on_demand("slot", Group::Memory, provider::slot),
    on_demand("owed", Group::Memory, provider::owed),
    Check { limit: ASKING, ..always("tmux", Group::Sessions, sessions::tmux) },
    on_demand("sockets", Group::Sessions, sessions::sockets),
    on_demand("canaries", Group::Sessions, sessions::canaries),
    on_demand("markers", Group::Sessions, markers::markers),
    on_demand("locks", Group::Sessions, locks::locks),
    on_demand("service", Group::Sessions, service::service),
    on_demand("service-programs", Group::Sessions, service::programs),
    on_demand("logs", Group::History, logs::logs),
    on_demand("last-run", Group::History, logs::last_run),
];

const fn on_demand(id: &'static str, group: Group, look: fn(&Sight) -> Vec<Finding>) -> Check {
    Check { id, group, when: When::OnDemand, limit: READING, look }
}

const fn always(id: &'static str, group: Group, look: fn(&Sight) -> Vec<Finding>) -> Check {
    Check { id, group, when: When::Always, limit: READING, look }
}

impl Group {
    /// Its heading.
    pub fn as_str(self) -> &'static str {
        match self {
            Group::Host => "host",
            Group::Peers => "peers",
            Group::Memory => "memory",
            Group::Sessions => "sessions",
            Group::History => "history",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ids_stay_and_the_page_explains_them() {
        let ids: Vec<_> = CHECKS.iter().map(|check| check.id).collect();
        assert_eq!(
            ids.join(" "),
            "root folders permissions space undeclared leftovers clock registry profiles programs slot owed \
             tmux sockets canaries markers locks service service-programs logs last-run"
        );
        let boot: Vec<_> = CHECKS.iter().filter(|c| c.when == When::Always).map(|check| check.id).collect();
        assert_eq!(boot.join(" "), "root space clock registry tmux");
        let page = include_str!("../../../../docs/DOCTOR.md");
        let missing: Vec<_> = ids.iter().filter(|id| !page.contains(&format!("| `{id}` |"))).collect();
        assert!(missing.is_empty(), "docs/DOCTOR.md does not explain {missing:?}");
    }
}
