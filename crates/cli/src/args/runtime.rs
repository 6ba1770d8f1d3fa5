//! What can be typed about the definitions of runtimes.

use camino::Utf8PathBuf;
use clap::{Args, Subcommand};
use iapeer_registry::RuntimeName;

use super::Output;

#[derive(Debug, Subcommand)]
pub(crate) enum RuntimeVerb {
    /// List the runtimes that are built in or declared, and where their programs are
    List(Output),
    /// Print the definition of one, as it would stand in a file
    Show(RuntimeShowArgs),
    /// Tell what is wrong with a definition
    Check(RuntimeCheckArgs),
}

#[derive(Debug, Args)]
pub(crate) struct RuntimeShowArgs {
    /// Which runtime
    pub(crate) name: RuntimeName,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Debug, Args)]
pub(crate) struct RuntimeCheckArgs {
    /// The definition, wherever it stands
    pub(crate) file: Utf8PathBuf,
    #[command(flatten)]
    pub(crate) output: Output,
}
