//! What can be typed after the verbs that bring sessions up and down.

use clap::Args;
use iapeer_lifecycle::Topic;
use iapeer_registry::{Personality, RuntimeName};

use super::{Output, SessionArgs};

#[derive(Debug, Args)]
pub(crate) struct LaunchArgs {
    /// What it is wanted for: one line; a parked session that has worked on it goes on
    #[arg(long, value_name = "T")]
    pub(crate) topic: Option<Topic>,
    #[command(flatten)]
    pub(crate) session: SessionArgs,
}

#[derive(Debug, Args)]
#[command(override_usage = "iapeer <RUNTIME> [--json]")]
pub(crate) struct FolderArgs {
    /// The runtime, which is the verb
    #[arg(hide = true)]
    pub(crate) runtime: RuntimeName,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Debug, Args)]
#[command(override_usage = "iapeer stop (<PEER> [RUNTIME] | --all) [--json]")]
pub(crate) struct StopArgs {
    #[command(flatten)]
    pub(crate) whose: Whose,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Debug, Args)]
#[command(override_usage = "iapeer refresh (<PEER> [RUNTIME] | --all) [--json]")]
pub(crate) struct RefreshArgs {
    #[command(flatten)]
    pub(crate) whose: Whose,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Debug, Args)]
pub(crate) struct Whose {
    /// Whose session
    #[arg(required_unless_present = "all")]
    pub(crate) peer: Option<Personality>,
    /// The runtime [default: every one of the peer]
    pub(crate) runtime: Option<RuntimeName>,
    /// Those of every peer
    #[arg(long, conflicts_with_all = ["peer", "runtime"])]
    pub(crate) all: bool,
}

#[derive(Debug, Args)]
pub(crate) struct PressArgs {
    /// Whose session
    pub(crate) peer: Personality,
    /// The runtime [default: the peer's default]
    pub(crate) runtime: Option<RuntimeName>,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Debug, Args)]
#[command(override_usage = "iapeer start (<PEER> [RUNTIME] | --all) [--json]")]
pub(crate) struct StartArgs {
    /// Whose session
    #[arg(required_unless_present = "all")]
    pub(crate) peer: Option<Personality>,
    /// The runtime [default: the peer's default]
    pub(crate) runtime: Option<RuntimeName>,
    /// Every one that is stopped, whoever asked for it
    #[arg(long, conflicts_with_all = ["peer", "runtime"])]
    pub(crate) all: bool,
    /// Do not start its tmux server in a scope of systemd of its own
    #[arg(long)]
    pub(crate) no_scope: bool,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Debug, Args)]
pub(crate) struct UpArgs {
    /// Also every peer that is asleep, with its default runtime
    #[arg(long)]
    pub(crate) all: bool,
    #[command(flatten)]
    pub(crate) output: Output,
}
