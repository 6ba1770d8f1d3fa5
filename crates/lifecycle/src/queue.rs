//! Tasks for peers that are woken for one task at a time: a queue on disk for each identity.
//!
//! A task is a file of its own beside the other facts about its identity, `<identity>.task.<number>`, with the
//! text as it was given. Numbers grow, and the lowest is the next. That a task is being handed over is a mark,
//! `<identity>.task-given`, which stands from before the session is started until the session was ready and
//! had the text; then the task is taken off, and after it the mark.

use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt;

use camino::Utf8PathBuf;
use iapeer_registry::{Identity, Peer, Personality, profile_path};
use iapeer_statefile::{
    Creation, Line, LockError, ReadError, Removal, WriteError, create_file, ensure_dir, list_folder,
    read_file, remove_file,
};

use crate::facts::{FactError, Facts};
use crate::find::FindError;
use crate::host::{Host, Warning, now};
use crate::look::{is_held_by_service, says_ephemeral};

/// No task is larger than this, in bytes: it is typed into a terminal.
pub const TASK_LIMIT: usize = 1 << 20;

/// A task that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// Whose it is.
    pub identity: Identity,
    /// Its place in the queue of its identity.
    pub number: u64,
    /// When it was put there, in milliseconds since 1970, as its file tells.
    pub added_at: i64,
    /// What is to be done.
    pub text: String,
    /// The file that holds it.
    pub path: Utf8PathBuf,
}

/// How far the handing over of a task has come that somebody began before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Begun {
    /// None is being handed over.
    Nothing,
    /// It may have been typed, or not.
    Uncertain,
    /// The session has answered, or the task is off the queue.
    Done,
}

/// Why a queue cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum QueueError {
    /// There is nothing to be done.
    #[error("the task is empty")]
    Empty,
    /// It would not be read again.
    #[error("the task has {len} bytes, and at most {TASK_LIMIT} are taken")]
    TooLarge {
        /// Its length, in bytes.
        len: usize,
    },
    /// Its peer is no worker.
    #[error("{personality} is no worker: the `wake_policy` of its profile is not `ephemeral`")]
    NotEphemeral {
        /// The peer.
        personality: Personality,
        /// The profile.
        profile: Utf8PathBuf,
    },
    /// There is no task of this number.
    #[error("{identity} has no task {number}")]
    NoSuchTask {
        /// Whose it would be.
        identity: Identity,
        /// Its number.
        number: u64,
    },
    /// Its sessions are not ours.
    #[error("the host's service manager holds the runtime of {identity}")]
    HeldByService {
        /// Whose they are.
        identity: Identity,
    },
    /// It is no peer any more.
    #[error(transparent)]
    Peer(#[from] FindError),
    /// A mark cannot be used.
    #[error(transparent)]
    Fact(#[from] FactError),
    /// Somebody else is at it.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// A file of it cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A file of it cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// Puts a task at the end of the queue of a worker, and says which number it has. With the answer it is on the
/// disk.
///
/// # Errors
///
/// [`QueueError`]; the queue is as it was then.
pub fn enqueue(host: &Host, identity: &Identity, text: &str) -> Result<u64, QueueError> {
    if text.trim().is_empty() {
        return Err(QueueError::Empty);
    }
    if text.len() > TASK_LIMIT {
        return Err(QueueError::TooLarge { len: text.len() });
    }
    worker(host, identity)?;
    if is_held_by_service(host, identity) {
        return Err(QueueError::HeldByService { identity: identity.clone() });
    }
    ensure_dir(&host.layout().facts())?;
    // The number of the one that is being handed over may be free already, and is not to be taken for another.
    let last = numbers(host, identity)?.last().copied();
    let given = Facts::of(host.layout(), identity).task_given()?.flatten();
    let mut number = last.max(given).unwrap_or(0) + 1;
    // Of two at once one has the number, and the other the next.
    while create_file(&path_of(host, identity, number), text.as_bytes())? == Creation::AlreadyThere {
        number += 1;
    }
    log(host, identity, number, "added", &mut Vec::new());
    Ok(number)
}

/// Takes a task out of the queue that is not to be done any more.
///
/// # Errors
///
/// [`QueueError::NoSuchTask`], also when a session has it meanwhile; others when it cannot be taken out.
pub fn drop_task(host: &Host, identity: &Identity, number: u64) -> Result<Vec<Warning>, QueueError> {
    let _wake = host.lock_wake(identity)?;
    let mut warnings = Vec::new();
    match take_off(host, identity, number)? {
        Removal::Removed => log(host, identity, number, "dropped", &mut warnings),
        _ => return Err(QueueError::NoSuchTask { identity: identity.clone(), number }),
    }
    Ok(warnings)
}

/// The tasks of an identity, the next one first.
///
/// # Errors
///
/// [`QueueError::Read`] when the queue or a task in it cannot be read.
pub fn queued(host: &Host, identity: &Identity) -> Result<Vec<Task>, QueueError> {
    tasks(host, identity)?.collect()
}

/// The next task of an identity. The others are not read.
pub(crate) fn next_task(host: &Host, identity: &Identity) -> Result<Option<Task>, QueueError> {
    tasks(host, identity)?.next().transpose()
}

/// The tasks of an identity in their order, each read when it is asked for.
fn tasks(
    host: &Host,
    identity: &Identity,
) -> Result<impl Iterator<Item = Result<Task, QueueError>>, QueueError> {
    let read = move |number| {
        let path = path_of(host, identity, number);
        let at = path.metadata().map(|meta| meta.mtime() * 1000 + meta.mtime_nsec() / 1_000_000);
        // One that was taken off meanwhile is none any more.
        let (Ok(added_at), Some(bytes)) = (at, read_file(&path, TASK_LIMIT as u64)?) else { return Ok(None) };
        let text = String::from_utf8_lossy(&bytes).into_owned();
        Ok(Some(Task { identity: identity.clone(), number, added_at, text, path }))
    };
    Ok(numbers(host, identity)?.into_iter().filter_map(move |number| read(number).transpose()))
}

/// The peer of an identity, if it is woken for tasks.
///
/// # Errors
///
/// [`QueueError::NotEphemeral`], or [`QueueError::Peer`].
pub(crate) fn worker(host: &Host, identity: &Identity) -> Result<Peer, QueueError> {
    let peer = host.peer(identity.personality())?;
    if says_ephemeral(&peer.cwd) == Some(true) {
        return Ok(peer);
    }
    let personality = identity.personality().clone();
    Err(QueueError::NotEphemeral { personality, profile: profile_path(&peer.cwd) })
}

/// How far the handing over of a task to this identity has come.
pub(crate) fn begun(host: &Host, identity: &Identity) -> Result<Begun, FactError> {
    let facts = Facts::of(host.layout(), identity);
    Ok(match facts.task_given()? {
        None => Begun::Nothing,
        Some(Some(number)) if !is_queued(host, identity, number)? => Begun::Done,
        // An older answer was taken away before the mark was made.
        Some(Some(_)) if facts.ephemeral_armed()?.is_some() => Begun::Done,
        Some(_) => Begun::Uncertain,
    })
}

/// Ends the handing over of a task whose session is gone: one that had answered had it, and from any other it
/// comes back into the queue. The caller holds the wake lock.
///
/// # Errors
///
/// [`FactError`]; the mark stands then.
pub(crate) fn close_hand_over(
    host: &Host,
    identity: &Identity,
    warnings: &mut Vec<Warning>,
) -> Result<(), FactError> {
    let facts = Facts::of(host.layout(), identity);
    let Some(number) = facts.task_given()? else { return Ok(()) };
    let state = match (begun(host, identity)?, number) {
        (Begun::Done, Some(number)) => {
            take_off(host, identity, number)?;
            "taken-off"
        }
        _ => "returned",
    };
    facts.clear_task_given()?;
    log(host, identity, number.unwrap_or(0), state, warnings);
    Ok(())
}

/// Everybody for whom a task waits or is being handed over, by name.
pub(crate) fn with_tasks(host: &Host) -> Result<Vec<Identity>, ReadError> {
    let names = list_folder(&host.layout().facts())?;
    let identities: BTreeSet<Identity> =
        names.iter().filter_map(|name| whose_mark(name).or_else(|| whose_task(name))).collect();
    Ok(identities.into_iter().collect())
}

/// Whose the task is that a file holds.
pub(crate) fn whose_task(file_name: &str) -> Option<Identity> {
    let (identity, number) = file_name.split_once(".task.")?;
    number.parse::<u64>().ok()?;
    identity.parse().ok()
}

fn whose_mark(file_name: &str) -> Option<Identity> {
    file_name.strip_suffix(".task-given")?.parse().ok()
}

/// Takes a task off the queue.
pub(crate) fn take_off(host: &Host, identity: &Identity, number: u64) -> Result<Removal, WriteError> {
    remove_file(&path_of(host, identity, number))
}

/// Whether a task is in the queue.
fn is_queued(host: &Host, identity: &Identity, number: u64) -> Result<bool, ReadError> {
    Ok(numbers(host, identity)?.contains(&number))
}

/// Writes down what became of a task.
pub(crate) fn log(host: &Host, identity: &Identity, number: u64, state: &str, warnings: &mut Vec<Warning>) {
    let line = Line::new(now(), "task").field("identity", identity).field("number", number);
    host.log(&line.field("state", state).field("by", &host.settings().caller), warnings);
}

fn path_of(host: &Host, identity: &Identity, number: u64) -> Utf8PathBuf {
    host.layout().fact(identity, &format!("task.{number:06}"))
}

/// The numbers of the tasks of exactly this identity, sorted.
pub(crate) fn numbers(host: &Host, identity: &Identity) -> Result<Vec<u64>, ReadError> {
    let prefix = format!("{identity}.task.");
    let names = list_folder(&host.layout().facts())?;
    let mut numbers: Vec<u64> =
        names.iter().filter_map(|name| name.strip_prefix(&prefix)?.parse().ok()).collect();
    numbers.sort_unstable();
    Ok(numbers)
}
