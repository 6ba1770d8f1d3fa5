//! One module per group of verbs: what was typed becomes a call of the core, its answer becomes output.

mod backup;
mod canary;
mod complete;
mod deaths;
mod doctor;
mod fleet;
mod follow;
mod hints;
mod logs;
mod memory;
mod peers;
mod press;
mod queue;
mod rename;
mod runtime;
mod selftest;
mod service;
mod sessions;
mod shell;
mod slot;
mod supervise;
mod top;
mod verify;
mod wake;
mod why;

use std::io::ErrorKind;
use std::process::ExitCode;

use camino::Utf8Path;
use iapeer_lifecycle::{
    FactError, FindError, Gesture, Host, Runtime, RuntimeError, StopError, Switch, UndoError,
};
use iapeer_registry::{Peer, Personality, RuntimeName};
use iapeer_statefile::{BadEntry, CommitError, LockError, StateFault, WriteError};

use crate::args::{BackupVerb, CanaryVerb, MemoryVerb, NativeVerb, RuntimeVerb, ServiceVerb, SlotVerb, Verb};
use crate::env;
use crate::error::{CliError, Kind};
use crate::nearest::did_you_mean;
use crate::out::{self, Stop};

/// What to do when it cannot be told what runs.
const UNCLEAR: &str =
    "mend what it names, or move the file away (a session that lives is found by its socket), then try again";

type Done = Result<ExitCode, Stop>;

/// Runs a verb.
pub(crate) fn run(verb: Verb, caller: &str) -> Done {
    if let Verb::Shell(verb) = &verb {
        return shell::shell_verb(verb);
    }
    let host = Host::new(env::settings(caller)?);
    let done = rename::settle(&host, &verb).map_err(Stop::from).and_then(|()| dispatch(&host, verb));
    out::warnings(&host.asides());
    done
}

/// Whether somebody has declared a runtime of this name; not where that cannot be told.
pub(crate) fn is_runtime(name: &RuntimeName) -> bool {
    let Ok(settings) = env::settings("") else { return false };
    let found = Runtime::find(name, Host::new(settings).layout());
    matches!(found, Ok(_) | Err(RuntimeError::BadDefinition { .. }))
}

/// The runtimes that somebody has declared, as far as that can be told.
pub(crate) fn runtimes() -> Vec<RuntimeName> {
    let Ok(settings) = env::settings("") else { return Vec::new() };
    Runtime::names(Host::new(settings).layout()).unwrap_or_default()
}

fn dispatch(host: &Host, verb: Verb) -> Done {
    match verb {
        Verb::Init(args) => peers::init(host, args),
        Verb::Create(args) => peers::create(host, args),
        Verb::List(output) => peers::list(host, &output),
        Verb::Show(args) => peers::show(host, &args),
        Verb::Rename(args) => rename::rename_verb(host, &args),
        Verb::Verify(args) => verify::verify_verb(host, &args),
        Verb::Slot { verb: SlotVerb::Show(output) } => slot::show(host, &output),
        Verb::Slot { verb: SlotVerb::Check(args) } => slot::check(&args),
        Verb::Slot { verb: SlotVerb::Schema } => slot::schema(),
        Verb::MemoryPlugin { verb: MemoryVerb::On(args) } => memory::on(host, &args),
        Verb::MemoryPlugin { verb: MemoryVerb::Off(args) } => memory::off(host, &args),
        Verb::MemoryPlugin { verb: MemoryVerb::Retry(args) } => memory::retry_verb(host, &args),
        Verb::NativeMemory { verb: NativeVerb::On(args) } => memory::native(host, &args, Switch::On),
        Verb::NativeMemory { verb: NativeVerb::Off(args) } => memory::native(host, &args, Switch::Off),
        Verb::AddRuntime(args) => peers::add_runtime(host, &args),
        Verb::DefaultRuntime(args) => peers::default_runtime(host, &args),
        Verb::Runtime { verb: RuntimeVerb::List(output) } => runtime::list(host, &output),
        Verb::Runtime { verb: RuntimeVerb::Show(args) } => runtime::show(host, &args),
        Verb::Runtime { verb: RuntimeVerb::Check(args) } => runtime::check(&args),
        Verb::Remove(args) => peers::remove_verb(host, &args),
        Verb::Backup { verb: BackupVerb::List(output) } => backup::list(host, &output),
        Verb::Restore(args) => backup::restore_verb(host, &args),
        Verb::Launch(args) => wake::launch_verb(host, args),
        Verb::FolderLaunch(args) => wake::folder(host, &args),
        Verb::Attach(args) => wake::attach(host, &args),
        Verb::Stop(args) => sessions::stop_verb(host, &args),
        Verb::Start(args) => wake::start(host, &args),
        Verb::New(args) => wake::new(host, &args),
        Verb::Refresh(args) => wake::refresh_verb(host, &args),
        Verb::Interrupt(args) => press::press_verb(host, Gesture::Interrupt, &args),
        Verb::Compact(args) => press::press_verb(host, Gesture::Compact, &args),
        Verb::Worker(verb) => queue::worker_verb(host, &verb),
        Verb::Up(args) => fleet::up(host, &args),
        Verb::Down(output) => fleet::down(host, &output),
        Verb::Status(output) => sessions::status(host, &output),
        Verb::Top => top::top(host),
        Verb::Doctor(args) => doctor::doctor_verb(host, &args),
        Verb::Preflight(output) => doctor::preflight(host, &output),
        Verb::Supervise(args) => supervise::supervise_verb(host, &args),
        Verb::Service { verb: ServiceVerb::Print(args) } => service::print(host, &args),
        Verb::Service { verb: ServiceVerb::Install(args) } => service::install_verb(host, &args),
        Verb::Service { verb: ServiceVerb::Uninstall(output) } => service::uninstall_verb(host, &output),
        Verb::Service { verb: ServiceVerb::Status(output) } => service::status(host, &output),
        Verb::Logs(args) => logs::logs_verb(host, &args),
        Verb::Deaths(args) => deaths::deaths_verb(host, &args),
        Verb::Why(args) => why::why_verb(host, &args),
        Verb::Canary { verb: CanaryVerb::List(output) } => canary::list(host, &output),
        Verb::Canary { verb: CanaryVerb::Arm(args) } => canary::arm(host, &args),
        Verb::Canary { verb: CanaryVerb::Dismiss(args) } => canary::dismiss(host, &args),
        Verb::Canary { verb: CanaryVerb::Script(args) } => canary::script(host, &args),
        Verb::Selftest(args) => selftest::selftest_verb(host, &args),
        Verb::Shell(verb) => shell::shell_verb(&verb),
    }
}

/// The peers, with a warning for each entry that could not be used.
fn all_peers(host: &Host) -> Result<Vec<Peer>, CliError> {
    let peers = host.peers().map_err(|fault| state_fault(host, &fault))?;
    warn_bad(host, &peers.bad);
    Ok(peers.index.into_peers())
}

/// One peer, or an error that names those that there are.
fn one_peer(host: &Host, personality: &Personality) -> Result<Peer, CliError> {
    host.peer(personality).map_err(|e| match &e {
        FindError::State(fault) => state_fault(host, fault),
        FindError::Unknown { known, .. } => {
            let error = CliError::of(Kind::Failed, &e);
            if known.is_empty() {
                return error.hint(format!("there is no peer yet: iapeer create {personality}"));
            }
            let names = known.iter().map(Personality::as_str);
            error.hint(did_you_mean(personality.as_str(), names).unwrap_or_else(|| "iapeer list".to_owned()))
        }
        FindError::Unfinished(e) => rename::unfinished(e),
        _ => CliError::of(Kind::Failed, &e),
    })
}

fn warn_bad(host: &Host, bad: &[BadEntry]) {
    for entry in bad {
        let path = host.registry().path();
        out::remark("warning", &format!("{path}#{}: {} (kept as it is)", entry.pointer, entry.reason));
    }
}

/// A state file that cannot be used: exit code 4, and what mends it.
fn state_fault(host: &Host, fault: &StateFault) -> CliError {
    let error = CliError::of(Kind::Damaged, fault);
    match fault {
        StateFault::Vanished { .. } => error.hint("iapeer doctor --fix"),
        StateFault::Corrupt { path, .. } if path == host.registry().path() => {
            error.hint("iapeer doctor --fix; nothing was changed")
        }
        StateFault::Corrupt { path, .. } => error.hint(format!(
            "mend {path} by hand, or see whether a generation of it is kept: iapeer backup list"
        )),
        StateFault::Newer { .. } => error.hint("use the newer iapeer that wrote it"),
        StateFault::Unreadable(_) => unreadable(fault),
        _ => error,
    }
}

/// Why a session was not stopped, and what to do about it.
fn stop_error(error: &StopError) -> CliError {
    match error {
        StopError::Foreign { .. } => CliError::of(Kind::Refused, error)
            .hint("nothing was ended; end that server yourself if it is not needed"),
        StopError::Tmux(e) => hints::tmux_error(e),
        StopError::Lock(e) => locked(e),
        StopError::Fact(e) => fact_error(e),
        StopError::Write(e) => write_error(e),
        StopError::Peer(e) => find_error(e),
        StopError::Unknown { .. } => CliError::of(Kind::Failed, error).hint(UNCLEAR),
        _ => CliError::of(Kind::Failed, error),
    }
}

/// A fact about a session that cannot be used. It is as it was.
fn fact_error(error: &FactError) -> CliError {
    match error {
        FactError::Damaged { .. } | FactError::Read(_) => CliError::of(Kind::Damaged, error).hint(UNCLEAR),
        _ => CliError::of(Kind::Failed, error),
    }
}

/// A peer that has gone since it was looked up.
fn find_error(error: &FindError) -> CliError {
    match error {
        FindError::State(_) => CliError::of(Kind::Damaged, error).hint("iapeer status"),
        FindError::Unfinished(e) => rename::unfinished(e),
        _ => CliError::of(Kind::Failed, error).hint("iapeer list"),
    }
}

/// Something that is there and cannot be read.
fn unreadable(error: &dyn std::error::Error) -> CliError {
    CliError::of(Kind::Damaged, error).hint("mend its permissions or its kind; nothing was changed")
}

/// A state file that was not written, and is as it was.
fn commit_error(error: &CommitError) -> CliError {
    match error {
        CommitError::Write(e) => write_error(e),
        CommitError::Backup { .. } => CliError::of(Kind::Failed, error)
            .hint("see that its folder under backups can be written, and that the disk is not full"),
        _ => CliError::of(Kind::Failed, error),
    }
}

/// What could not be kept for an undo, so that nothing was done.
fn undo_error(error: &UndoError) -> CliError {
    match error {
        UndoError::Write(e) => write_error(e),
        _ => unreadable(error),
    }
}

/// Something that could not be written.
fn write_error(error: &WriteError) -> CliError {
    let cli = CliError::of(Kind::Failed, error);
    match error {
        WriteError::Forbidden { .. } => {
            cli.hint("set IAPEER_ROOT to another folder, or unset IAPEER_TEST_SANDBOX")
        }
        WriteError::SymbolicLink { path } | WriteError::WrongKind { path, .. } => {
            cli.hint(format!("move {path} away, or choose another folder"))
        }
        WriteError::Io { path, source, .. } => match disk_hint(path, source) {
            Some(hint) => cli.hint(hint),
            None => {
                cli.hint("see that its folder is there and can be written, and that the disk is not full")
            }
        },
        _ => cli.hint("see that its folder is there and can be written, and that the disk is not full"),
    }
}

/// What mends a disk that takes nothing.
fn disk_hint(path: &Utf8Path, source: &std::io::Error) -> Option<String> {
    match source.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            Some(format!("make room on the disk of {path}; nothing was lost"))
        }
        ErrorKind::ReadOnlyFilesystem => Some(format!("make the disk of {path} one that can be written")),
        _ => None,
    }
}

fn locked(error: &LockError) -> CliError {
    match error {
        LockError::Refused(e) => write_error(e),
        LockError::Held { .. } => CliError::of(Kind::Failed, error).hint("try again when it is done"),
        LockError::Unusable { path, source } => {
            let hint = disk_hint(path, source);
            CliError::of(Kind::Failed, error).hint(
                hint.unwrap_or_else(|| {
                    format!("see that {path} is a file that can be written, or move it away")
                }),
            )
        }
        _ => CliError::of(Kind::Failed, error),
    }
}
