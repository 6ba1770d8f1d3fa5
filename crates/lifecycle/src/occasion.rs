//! When the provider's command runs, and what became of it.

use std::fmt;

use iapeer_provision_exec::{Exit, Outcome};
use iapeer_registry::{Personality, RuntimeName};
use iapeer_slot::Direction;
use serde::{Deserialize, Serialize};

/// Why the provider's command runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Occasion {
    /// A peer, or a runtime of one, is born.
    Birth,
    /// `memory-plugin on`.
    SweepOn,
    /// `memory-plugin off --peer`.
    OffPeer,
    /// `memory-plugin off --all`.
    OffAll,
    /// The peer is removed.
    Remove,
    /// A session of it ended unplanned.
    SessionEnded,
}

impl Occasion {
    /// The word that the provider is given.
    pub fn as_str(self) -> &'static str {
        match self {
            Occasion::Birth => "birth",
            Occasion::SweepOn => "sweep-on",
            Occasion::OffPeer => "off-peer",
            Occasion::OffAll => "off-all",
            Occasion::Remove => "remove",
            Occasion::SessionEnded => "session-ended",
        }
    }

    /// Which of the provider's commands that is; `None` for its `notify`.
    pub fn direction(self) -> Option<Direction> {
        match self {
            Occasion::Birth | Occasion::SweepOn => Some(Direction::Provision),
            Occasion::OffPeer | Occasion::OffAll | Occasion::Remove => Some(Direction::Unprovision),
            Occasion::SessionEnded => None,
        }
    }
}

impl fmt::Display for Occasion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What became of one command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Provisioned {
    /// The peer.
    pub personality: Personality,
    /// The runtime; absent when the peer has none that memory is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub runtime: Option<RuntimeName>,
    /// `ok`, `failed`, `timeout`, `not-executable`, `cancelled`, `refused`, `skipped-no-agentic-runtime`;
    /// of a plugin also `installed`, `enabled`, `already`, `removed`, `runtime-missing`, `skipped-host-global`.
    pub state: &'static str,
    /// Exit code, or `sigN`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit: Option<String>,
    /// How long it took, in milliseconds.
    pub ms: u64,
    /// What it said, or why it did not run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

impl Provisioned {
    /// Whether nothing is left to be done.
    pub fn is_ok(&self) -> bool {
        !matches!(
            self.state,
            "failed" | "timeout" | "not-executable" | "cancelled" | "refused" | "runtime-missing"
        )
    }

    /// An outcome without a run.
    pub(crate) fn unrun(
        personality: &Personality,
        runtime: Option<&RuntimeName>,
        state: &'static str,
        detail: Option<String>,
    ) -> Provisioned {
        Provisioned {
            personality: personality.clone(),
            runtime: runtime.cloned(),
            state,
            exit: None,
            ms: 0,
            detail,
        }
    }
}

/// The state, how it ended, how long it took, and what it said.
impl fmt::Display for Provisioned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.state)?;
        match self.exit.as_deref() {
            None | Some("0") => {}
            Some(signal) if signal.starts_with("sig") => write!(f, ", ended by {signal}")?,
            Some(code) => write!(f, ", exit {code}")?,
        }
        write!(f, " in {} ms", self.ms)?;
        self.detail.as_ref().map_or(Ok(()), |detail| write!(f, ": {detail}"))
    }
}

/// How a command ended: its exit code, or `sigN`.
pub(crate) fn exit_word(outcome: &Outcome) -> Option<String> {
    outcome.exit.map(|exit| match exit {
        Exit::Code(code) => code.to_string(),
        Exit::Signal(signal) => format!("sig{signal}"),
    })
}

/// How long a command took, in milliseconds.
pub(crate) fn millis(outcome: &Outcome) -> u64 {
    u64::try_from(outcome.elapsed.as_millis()).unwrap_or(u64::MAX)
}
