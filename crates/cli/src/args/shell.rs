//! What can be typed about the program itself: it needs no host, and touches none.

use std::ffi::OsString;

use camino::Utf8PathBuf;
use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand, ValueEnum};

use crate::schemas::SCHEMAS;

#[derive(Debug, Subcommand)]
pub(crate) enum ShellVerb {
    /// Print what makes a shell complete verbs, flags, and the names of peers and runtimes
    Completions {
        /// For which shell
        #[arg(value_enum)]
        shell: Shell,
    },
    /// Print the manual page of iapeer or of one verb, or write those of all
    Man(ManArgs),
    /// Print the JSON Schema of a file or of an output
    Schema(SchemaArgs),
    /// Print what can come next; the scripts of `completions` ask it
    #[command(name = "__complete", hide = true)]
    Complete(CompleteArgs),
}

/// A shell with a script for it.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Shell {
    Bash,
    Zsh,
    Fish,
}

#[derive(Debug, Args)]
pub(crate) struct ManArgs {
    /// Which verb, as in `man slot check` [default: iapeer as a whole]
    pub(crate) verb: Vec<String>,
    /// Write the pages of all verbs into this folder
    #[arg(long, value_name = "FOLDER", conflicts_with = "verb")]
    pub(crate) out: Option<Utf8PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct SchemaArgs {
    /// Of what [default: say of what there is one]
    #[arg(value_parser = PossibleValuesParser::new(SCHEMAS.map(|schema| schema.name)))]
    pub(crate) name: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct CompleteArgs {
    /// The words after `iapeer`; the last one is not finished
    #[arg(last = true)]
    pub(crate) words: Vec<OsString>,
}
