//! What can be typed about workers and their tasks.

use camino::Utf8PathBuf;
use clap::{Args, Subcommand};
use iapeer_registry::{Personality, RuntimeName};

use super::Output;

#[derive(Debug, Subcommand)]
pub(crate) enum WorkerVerb {
    /// Give tasks to a worker: a peer each of whose sessions is for one task
    Queue {
        #[command(subcommand)]
        verb: QueueVerb,
    },
    /// Say, from within the session of a worker, that its task is done
    SelfDone(Output),
    /// Ask, from within a session, that it begins anew as soon as it has ended
    SelfFresh(Output),
}

#[derive(Debug, Subcommand)]
pub(crate) enum QueueVerb {
    /// Put a task at the end of the queue
    Add(QueueAddArgs),
    /// List the tasks that wait, the next one of each worker first
    List(QueueListArgs),
    /// Take a task out of the queue
    Drop(QueueDropArgs),
}

#[derive(Debug, Args)]
pub(crate) struct QueueAddArgs {
    /// The worker
    pub(crate) peer: Personality,
    /// What is to be done, as it is typed into the session; - reads it from standard input
    #[arg(required_unless_present = "file")]
    pub(crate) text: Option<String>,
    /// Read it from this file
    #[arg(long, value_name = "F", conflicts_with = "text")]
    pub(crate) file: Option<Utf8PathBuf>,
    /// The runtime [default: the peer's default]
    #[arg(long, value_name = "R")]
    pub(crate) runtime: Option<RuntimeName>,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Debug, Args)]
pub(crate) struct QueueListArgs {
    /// Only those of one worker
    pub(crate) peer: Option<Personality>,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Debug, Args)]
pub(crate) struct QueueDropArgs {
    /// The worker
    pub(crate) peer: Personality,
    /// Which task, as `queue list` has it
    pub(crate) number: u64,
    /// The runtime [default: the peer's default]
    #[arg(long, value_name = "R")]
    pub(crate) runtime: Option<RuntimeName>,
    #[command(flatten)]
    pub(crate) output: Output,
}
