//! What can be typed. What it means is elsewhere.

mod queue;
mod service;
mod sessions;
mod shell;

use std::num::NonZeroU32;

use camino::Utf8PathBuf;
use clap::builder::PossibleValuesParser;
use clap::{Args, Parser, Subcommand};
use iapeer_lifecycle::{CAUSES, selftest_ways};
use iapeer_registry::{Intelligence, Personality, RuntimeName};

pub(crate) use self::queue::{QueueAddArgs, QueueDropArgs, QueueListArgs, QueueVerb, WorkerVerb};
pub(crate) use self::service::{LogsArgs, ServiceInstallArgs, ServicePrintArgs, ServiceVerb};
pub(crate) use self::sessions::{
    FolderArgs, LaunchArgs, PressArgs, RefreshArgs, StartArgs, StopArgs, UpArgs, Whose,
};
pub(crate) use self::shell::{CompleteArgs, ManArgs, SchemaArgs, Shell, ShellVerb};
use crate::time::{Duration, Since};

mod runtime;

pub(crate) use runtime::{RuntimeCheckArgs, RuntimeShowArgs, RuntimeVerb};

/// The host-level core for a team of AI agents on one machine.
#[derive(Debug, Parser)]
#[command(name = "iapeer", version, disable_help_subcommand = true, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Make the folder DIR (default: this one) a peer
    Init(InitArgs),
    /// Make a new peer with a folder of its own
    Create(CreateArgs),
    /// List the peers and what they are doing
    List(Output),
    /// Show one peer
    Show(ShowArgs),
    /// Remove a peer from the host; its folder stays
    Remove(RemoveArgs),
    /// Give a peer another name, and its folder where that has the old one
    Rename(RenameArgs),
    /// Hold the profiles against the index of peers
    Verify(VerifyArgs),
    /// Look at the slot of the memory provider
    Slot {
        #[command(subcommand)]
        verb: SlotVerb,
    },
    /// Give memory to peers, or take it from them
    MemoryPlugin {
        #[command(subcommand)]
        verb: MemoryVerb,
    },
    /// Turn the runtimes' own memory on or off
    NativeMemory {
        #[command(subcommand)]
        verb: NativeVerb,
    },
    /// Give a peer one more runtime
    AddRuntime(RuntimeArgs),
    /// Choose the runtime that is meant when none is named
    DefaultRuntime(RuntimeArgs),
    /// Look at the definitions of runtimes
    Runtime {
        #[command(subcommand)]
        verb: RuntimeVerb,
    },
    /// Look at the backups of the state
    Backup {
        #[command(subcommand)]
        verb: BackupVerb,
    },
    /// Bring a backup of a state file back
    Restore(RestoreArgs),
    /// Start a peer's session
    Launch(LaunchArgs),
    /// Start the peer of this folder in this runtime, and go to it
    #[command(hide = true)]
    FolderLaunch(FolderArgs),
    /// Go to a peer's session; one that is asleep is woken, and goes on where it ended
    Attach(AttachArgs),
    /// End a peer's session, and let nothing but `start` begin it again
    Stop(StopArgs),
    /// Lift a stop, and start the session, also one that died too often
    Start(StartArgs),
    /// End a peer's session, if it is live, and begin it anew
    New(SessionArgs),
    /// Begin a peer's session anew when it is woken next
    Refresh(RefreshArgs),
    /// Interrupt what a session is doing
    Interrupt(PressArgs),
    /// Let a session compact its context
    Compact(PressArgs),
    #[command(flatten)]
    Worker(WorkerVerb),
    /// Start again what `down` has stopped
    Up(UpArgs),
    /// Stop every session that is live, until `up`
    Down(Output),
    /// Show what runs, what sleeps, and what is wrong
    Status(Output),
    /// Watch the fleet on a full screen, and act on it
    Top,
    /// Look for what is wrong on this host, and say what mends it
    Doctor(DoctorArgs),
    /// Make the part of doctor's checks that a supervisor cannot do without
    Preflight(Output),
    /// Look after all sessions: notice deaths, count them, find their causes, put idle ones to sleep
    Supervise(SuperviseArgs),
    /// Let the host's service manager run the supervisor
    Service {
        #[command(subcommand)]
        verb: ServiceVerb,
    },
    /// Show what was decided, what died, and what a peer's pane showed, as one timeline
    Logs(LogsArgs),
    /// List the deaths of sessions and of their tmux servers
    Deaths(DeathsArgs),
    /// Tell why a peer is down
    Why(WhyArgs),
    /// Prove on this host that deaths are recorded, with sessions of its own
    Selftest(SelftestArgs),
    /// Look at the witnesses of servers, give one, or tell one to be silent
    Canary {
        #[command(subcommand)]
        verb: CanaryVerb,
    },
    #[command(flatten)]
    Shell(ShellVerb),
}

#[derive(Debug, Args)]
pub(crate) struct Output {
    /// Print one JSON document
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct PeerArgs {
    /// The runtime of its sessions [default: the first of claude, codex, shell that is installed]
    #[arg(long, value_name = "R")]
    pub(crate) runtime: Option<RuntimeName>,
    /// What the peer is for, in at most 450 characters
    #[arg(long, value_name = "D", default_value = "", hide_default_value = true)]
    pub(crate) description: String,
    /// artificial, natural or absent [default: that of the runtime]
    #[arg(long, value_name = "I")]
    pub(crate) intelligence: Option<Intelligence>,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Debug, Args)]
pub(crate) struct InitArgs {
    /// The folder; its name becomes the peer's
    #[arg(default_value = ".")]
    pub(crate) dir: Utf8PathBuf,
    /// A name other than the folder's
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<Personality>,
    #[command(flatten)]
    pub(crate) peer: PeerArgs,
}

#[derive(Debug, Args)]
pub(crate) struct CreateArgs {
    /// The peer's name: a letter a-z, then up to 31 of a-z, 0-9 and -
    pub(crate) name: Personality,
    /// Its folder [default: peers/NAME in the root]
    #[arg(long, value_name = "DIR")]
    pub(crate) path: Option<Utf8PathBuf>,
    #[command(flatten)]
    pub(crate) peer: PeerArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// Which peer
    pub(crate) peer: Personality,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Debug, Args)]
pub(crate) struct RemoveArgs {
    /// Which peer
    pub(crate) peer: Personality,
    /// Stop the peer first if it is live, and drop its tasks
    #[arg(long)]
    pub(crate) force: bool,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Debug, Args)]
#[command(after_help = "The logs are history and keep the old name: `iapeer deaths --peer OLD`.")]
pub(crate) struct RenameArgs {
    /// Its name now
    pub(crate) old: Personality,
    /// Its name to be: a letter a-z, then up to 31 of a-z, 0-9 and -
    pub(crate) new: Personality,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// Let the index take the facts of the profiles, and set aside entries that cannot be used; no profile
    /// is changed
    #[arg(long)]
    pub(crate) fix: bool,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SlotVerb {
    /// Show what is declared, and what of it cannot be used
    Show(Output),
    /// Tell what would be done with a declaration, and what is wrong with it
    Check(SlotCheckArgs),
    /// Print the JSON Schema of a declaration
    Schema,
}

#[derive(Debug, Args)]
pub(crate) struct SlotCheckArgs {
    /// The declaration, wherever it stands
    pub(crate) file: Utf8PathBuf,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Debug, Subcommand)]
pub(crate) enum MemoryVerb {
    /// Run the provider's provision command
    On(SweepArgs),
    /// Run the provider's unprovision command
    Off(SweepArgs),
    /// Run again what failed or was cut off
    Retry(RetryArgs),
}

#[derive(Debug, Args)]
pub(crate) struct SweepArgs {
    #[command(flatten)]
    pub(crate) whom: Whom,
    /// Say what would be run, and run nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) pace: Pace,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Debug, Args)]
pub(crate) struct RetryArgs {
    #[command(flatten)]
    pub(crate) whom: Whom,
    #[command(flatten)]
    pub(crate) pace: Pace,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Debug, Args)]
pub(crate) struct Pace {
    /// How many peers at once
    #[arg(long, value_name = "N", default_value = "4")]
    pub(crate) jobs: std::num::NonZeroUsize,
}

#[derive(Debug, Subcommand)]
pub(crate) enum NativeVerb {
    /// Let the runtimes keep their own memory
    On(NativeArgs),
    /// Turn the runtimes' own memory off, so that there are not two
    Off(NativeArgs),
}

#[derive(Debug, Args)]
pub(crate) struct NativeArgs {
    #[command(flatten)]
    pub(crate) whom: Whom,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Debug, Args)]
pub(crate) struct RuntimeArgs {
    /// Which peer
    pub(crate) peer: Personality,
    /// Which runtime
    pub(crate) runtime: RuntimeName,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Whom {
    /// One peer
    #[arg(long, value_name = "P")]
    pub(crate) peer: Option<Personality>,
    /// Every peer
    #[arg(long)]
    pub(crate) all: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum BackupVerb {
    /// List the generations that are kept of each state file
    List(Output),
}

#[derive(Debug, Args)]
pub(crate) struct RestoreArgs {
    /// The file: its name as `backup list` has it, or its path
    pub(crate) file: String,
    /// Which generation [default: the newest that can be read]
    #[arg(long, value_name = "N")]
    pub(crate) generation: Option<u64>,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Debug, Args)]
pub(crate) struct SessionArgs {
    /// Whose session
    pub(crate) peer: Personality,
    /// The runtime [default: the peer's default]
    pub(crate) runtime: Option<RuntimeName>,
    /// Do not start its tmux server in a scope of systemd of its own
    #[arg(long)]
    pub(crate) no_scope: bool,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Debug, Args)]
pub(crate) struct AttachArgs {
    /// Whose session
    pub(crate) peer: Personality,
    /// The runtime [default: the peer's default]
    pub(crate) runtime: Option<RuntimeName>,
}

#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// Mend what is provably iapeer's, then look again
    #[arg(long)]
    pub(crate) fix: bool,
    /// Only say what --fix would do
    #[arg(long, requires = "fix")]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Debug, Args)]
pub(crate) struct SuperviseArgs {
    /// One pass, then end [default: a pass every minute, and at each death, until Ctrl-C or TERM]
    #[arg(long)]
    pub(crate) once: bool,
    /// How many seconds are between two passes
    #[arg(long, value_name = "SECS", default_value = "60", hide = true, conflicts_with = "once")]
    pub(crate) every: std::num::NonZeroU64,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Debug, Args)]
#[command(after_help = "Deaths of several servers within 5 s, of one cause, are one incident and one line; \
    --all and --json list each. `iapeer why PEER` tells more about one.")]
pub(crate) struct DeathsArgs {
    /// Only those of one peer
    #[arg(long, value_name = "P")]
    pub(crate) peer: Option<Personality>,
    /// Only those since then: 2h, 30m, 7d, 2026-11-20 or 2026-11-20T18:00 (UTC)
    #[arg(long, value_name = "T")]
    pub(crate) since: Option<Since>,
    /// Only those of one cause
    #[arg(long, value_name = "C", value_parser = PossibleValuesParser::new(CAUSES))]
    pub(crate) cause: Option<String>,
    /// All of them, each on a line of its own [default: the last 20 lines]
    #[arg(long)]
    pub(crate) all: bool,
    /// Print those that come, until Ctrl-C; with --since or --all those that there are first
    #[arg(long)]
    pub(crate) follow: bool,
    /// Count them, by identity and cause
    #[arg(long, conflicts_with = "follow")]
    pub(crate) summary: bool,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Debug, Args)]
pub(crate) struct WhyArgs {
    /// Which peer
    pub(crate) peer: Personality,
    /// The runtime [default: the one that died last, else the peer's default]
    pub(crate) runtime: Option<RuntimeName>,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Debug, Args)]
pub(crate) struct SelftestArgs {
    /// How to end a session [default: in each of these ways, one after the other]
    #[arg(value_name = "WAY", value_parser = PossibleValuesParser::new(selftest_ways()))]
    pub(crate) ways: Vec<String>,
    /// How long a record may take
    #[arg(long, value_name = "SECS", default_value = "10")]
    pub(crate) limit: std::num::NonZeroU64,
    /// Leave the temporary root where it is, for a look at its logs
    #[arg(long)]
    pub(crate) keep: bool,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Debug, Subcommand)]
pub(crate) enum CanaryVerb {
    /// List the servers that are watched, or were
    List(Output),
    /// Give a living server a witness, where it has none
    Arm(ArmArgs),
    /// Say that the end of a living server will be deliberate
    Dismiss(DismissArgs),
    /// Print what a witness does: a script for /bin/sh
    Script(ScriptArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ArmArgs {
    /// Whose server
    pub(crate) peer: Personality,
    /// The runtime [default: every one of the peer]
    pub(crate) runtime: Option<RuntimeName>,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Debug, Args)]
pub(crate) struct DismissArgs {
    /// Whose server
    pub(crate) peer: Personality,
    /// The runtime [default: every one of the peer]
    pub(crate) runtime: Option<RuntimeName>,
    /// For how long: 90s, 10m, at most 1h
    #[arg(long = "for", value_name = "D", default_value = "60s")]
    pub(crate) time: Duration,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Debug, Args)]
pub(crate) struct ScriptArgs {
    /// The peer whose living server it is for
    #[arg(required_unless_present = "identity", conflicts_with_all = ["identity", "pid"])]
    pub(crate) peer: Option<Personality>,
    /// The runtime [default: the peer's default]
    pub(crate) runtime: Option<RuntimeName>,
    /// What the records shall call a server that is none of a peer
    #[arg(long, value_name = "X", requires = "pid")]
    pub(crate) identity: Option<String>,
    /// The pid of that server; it must live
    #[arg(long, value_name = "N", requires = "identity")]
    pub(crate) pid: Option<u32>,
    /// The folder of its files [default: those of the root]
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<Utf8PathBuf>,
    /// Look every N seconds, and wait on nothing [default: a lifeline on standard input; of a peer, a client]
    #[arg(long, value_name = "N", conflicts_with = "client")]
    pub(crate) poll: Option<NonZeroU32>,
    /// A client of the server to wait on: a program, with its whole path, and its arguments
    #[arg(last = true, value_name = "CLIENT")]
    pub(crate) client: Vec<String>,
    #[command(flatten)]
    pub(crate) output: Output,
}
