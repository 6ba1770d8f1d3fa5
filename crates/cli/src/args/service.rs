//! What can be typed about the service and the logs.

use clap::{Args, Subcommand};
use iapeer_lifecycle::service::Manager;
use iapeer_registry::Personality;

use super::Output;
use crate::time::Since;

#[derive(Debug, Subcommand)]
pub(crate) enum ServiceVerb {
    /// Print the entry for the service manager; nothing is written
    Print(ServicePrintArgs),
    /// Write the entry, where it is missing or outdated, and have it run
    Install(ServiceInstallArgs),
    /// Remove the entry, and end the supervisor that runs by it; sessions go on
    Uninstall(Output),
    /// Show whether the entry is there and current, and whether there is what it refers to
    Status(Output),
}

#[derive(Debug, Args)]
pub(crate) struct ServicePrintArgs {
    /// For which service manager: systemd or launchd [default: that of this system]
    #[arg(long = "for", value_name = "M")]
    pub(crate) manager: Option<Manager>,
}

#[derive(Debug, Args)]
pub(crate) struct ServiceInstallArgs {
    /// Replace also what was changed by hand; it is kept in quarantine
    #[arg(long)]
    pub(crate) force: bool,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Debug, Args)]
#[command(
    after_help = "A pane log has no times: its last lines stand where it was written last, and are shown \
    of a PEER only."
)]
pub(crate) struct LogsArgs {
    /// Only what is about this peer, with the last lines that its pane showed
    pub(crate) peer: Option<Personality>,
    /// All since then: 2h, 30m, 7d, 2026-11-20 or 2026-11-20T18:00 (UTC) [default: the last 40 lines]
    #[arg(long, value_name = "T")]
    pub(crate) since: Option<Since>,
    /// Print what comes, until Ctrl-C; what the panes show is not among it
    #[arg(long)]
    pub(crate) follow: bool,
    #[command(flatten)]
    pub(crate) output: Output,
}
