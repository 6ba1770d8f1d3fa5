//! An example of a memory provider, and the document of the provider's side.
//!
//! A host that runs iapeer has *peers*: folders in which agents live. A **memory provider** is a program
//! that gives each of them a memory. It is a stranger to iapeer: this one uses none of iapeer's code,
//! and what stands between the two is one file and two commands.
//!
//! # The file: taking the slot
//!
//! A host has one slot for a memory provider: `<root>/memory-provider.json`, where the root is
//! `$IAPEER_ROOT`, or `~/.iapeer`. The provider writes it, iapeer only reads it. `register` writes:
//!
//! ```json
//! { "provider": "example-memory", "package": "memory-provider", "version": "0.1.0",
//!   "registeredAt": "2026-11-21T01:02:03.004Z",
//!   "heartbeat": "/home/me/.iapeer/memory-provider.heartbeat",
//!   "provision":   { "command": "/abs/memory-provider", "args": ["provision-peer", "--cwd", "{cwd}", "…"] },
//!   "unprovision": { "command": "/abs/memory-provider", "args": ["unprovision-peer", "--cwd", "{cwd}", "…"] } }
//! ```
//!
//! `provider`, `package` and `version` are needed. `command` is an absolute path: iapeer looks for
//! nothing on `PATH`, and asks no shell. `heartbeat` is a file whose age iapeer shows; this provider
//! touches it whenever it does something. A provider takes only an empty slot or its own, writes the
//! file in one step (a temporary file, then a rename), and shows the result with `iapeer slot check`.
//!
//! # The commands: what is called when
//!
//! | when | command | `{occasion}` |
//! |---|---|---|
//! | a peer is born, or gets a further runtime | `provision` | `birth` |
//! | `iapeer memory-plugin on` | `provision` | `sweep-on` |
//! | `iapeer memory-plugin off --peer P`, `--all` | `unprovision` | `off-peer`, `off-all` |
//! | `iapeer remove` | `unprovision` | `remove` |
//!
//! Each is run once per peer **and agent runtime**, so that a peer with two runtimes gets two calls: both
//! directions have to be idempotent. Registering alone calls nothing; the operator's `memory-plugin on
//! --all` gives the peers that are there already their memory, and `memory-plugin off --all` takes it
//! from them before the provider unregisters.
//!
//! # What a command may rely on
//!
//! - `{cwd} {runtime} {personality} {occasion}` are replaced wherever they stand inside an argument, once;
//!   any other braces stay. One argument stays one argument, whatever is in the value.
//! - The working directory is the peer's folder when that exists. It may not: a removal goes on when
//!   somebody has deleted the folder, and then there is nothing to take away.
//! - stdin is `/dev/null`, there is no terminal, the environment is that of whoever called iapeer.
//! - Never two commands for one peer at a time. (The lock in [`surface`] is for those who call this
//!   program by hand.)
//! - There are 120 seconds. Then the whole process group gets TERM, and two seconds later KILL. A command
//!   is over when its process has ended, whoever else still holds its output.
//! - Exit code 0 is success. With any other the last 400 characters of stderr are shown to the operator:
//!   say there what is wrong and what would help. No failure stops a birth or a removal; it is remembered
//!   and offered again.
//!
//! # What this provider gives a peer
//!
//! An entry in `<cwd>/.mcp.json`, so that the agent finds a memory server (`serve`, on stdin and stdout),
//! and a folder `<cwd>/.memory-notes` in which that server keeps its notes. What it takes away again is
//! what it brought: other entries stay, and so do notes.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a stranger's program, which cannot go through iapeer's crates"
)]

mod files;
mod host;
mod serve;
mod slot;
mod surface;

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

/// The name under which this provider takes the slot and stands in a peer's folder.
const NAME: &str = "example-memory";

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// An example of a memory provider for iapeer.
#[derive(Parser)]
#[command(version)]
struct Cli {
    /// The root of iapeer's files [default: $IAPEER_ROOT, else ~/.iapeer]
    #[arg(long, global = true, value_name = "DIR")]
    root: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Take the host's slot.
    Register,
    /// Leave the host's slot.
    Unregister,
    /// Give a peer its memory; called by iapeer.
    ProvisionPeer(Peer),
    /// Take a peer's memory away, but not its notes; called by iapeer.
    UnprovisionPeer(Peer),
    /// Be the memory server of a peer, on stdin and stdout; started by the agent.
    Serve {
        /// The folder of the notes.
        #[arg(long, value_name = "DIR")]
        notes: PathBuf,
    },
}

#[derive(Args)]
struct Peer {
    /// The peer's folder.
    #[arg(long, value_name = "DIR")]
    cwd: PathBuf,
    /// Why this is asked. An occasion that we do not know is no reason to fail.
    #[arg(long)]
    occasion: String,
    /// The agent runtime that is to have the memory. Ours is the same for all.
    #[arg(long)]
    runtime: Option<String>,
    /// The peer's name.
    #[arg(long)]
    personality: Option<String>,
}

fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(done) => {
            if let Some(done) = done {
                println!("{done}");
            }
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("memory-provider: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Does what is asked and tells it in one line.
fn run(cli: Cli) -> Result<Option<String>> {
    let done = match cli.command {
        Command::Register => slot::register(&host::root(cli.root)?)?,
        Command::Unregister => slot::unregister(&host::root(cli.root)?)?,
        Command::ProvisionPeer(peer) => {
            beat(cli.root);
            format!("{}: {}", peer.title(), surface::provision(&peer.cwd)?)
        }
        Command::UnprovisionPeer(peer) => {
            beat(cli.root);
            format!("{}: {}", peer.title(), surface::unprovision(&peer.cwd)?)
        }
        Command::Serve { notes } => {
            serve::serve(&notes, std::io::stdin().lock(), std::io::stdout().lock())?;
            return Ok(None);
        }
    };
    Ok(Some(done))
}

/// Shows that we are alive. That this fails is no reason to leave a peer without its memory.
fn beat(root: Option<PathBuf>) {
    if let Err(error) = host::root(root).and_then(|root| slot::beat(&root)) {
        eprintln!("memory-provider: warning: no heartbeat: {error}");
    }
}

impl Peer {
    /// Who this is about, and why.
    fn title(&self) -> String {
        let folder = self.cwd.display().to_string();
        let name = self.personality.as_deref().unwrap_or(&folder);
        match &self.runtime {
            Some(runtime) => format!("{name} ({runtime}, {})", self.occasion),
            None => format!("{name} ({})", self.occasion),
        }
    }
}
