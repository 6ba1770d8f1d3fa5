//! Workers: their tasks, and what an agent tells from within its session.

use std::io::Read;
use std::process::ExitCode;

use iapeer_lifecycle::{
    Host, QueueError, Status, TASK_LIMIT, Task, drop_task, enqueue, identities, identity_of, observe, queued,
    self_done, self_fresh, supervisor,
};
use iapeer_registry::Identity;
use iapeer_statefile::{Timestamp, iso_millis, read_file};
use serde::Serialize;

use super::hints::launch_error;
use super::{Done, all_peers, fact_error, find_error, locked, one_peer, unreadable, write_error};
use crate::args::{Output, QueueAddArgs, QueueDropArgs, QueueListArgs, QueueVerb, WorkerVerb};
use crate::error::{CliError, Kind};
use crate::{env, out, text};

#[derive(Serialize)]
struct TaskDoc {
    identity: String,
    number: u64,
    added_at: String,
    text: String,
    path: String,
}

#[derive(Serialize)]
struct NumberDoc {
    identity: String,
    number: u64,
}

impl From<Task> for TaskDoc {
    fn from(task: Task) -> TaskDoc {
        TaskDoc {
            identity: task.identity.to_string(),
            number: task.number,
            added_at: Timestamp::from_millisecond(task.added_at).map(iso_millis).unwrap_or_default(),
            text: task.text,
            path: task.path.into_string(),
        }
    }
}

pub(crate) fn worker_verb(host: &Host, verb: &WorkerVerb) -> Done {
    match verb {
        WorkerVerb::Queue { verb: QueueVerb::Add(args) } => add(host, args),
        WorkerVerb::Queue { verb: QueueVerb::List(args) } => list(host, args),
        WorkerVerb::Queue { verb: QueueVerb::Drop(args) } => drop_verb(host, args),
        WorkerVerb::SelfDone(output) => done(host, output),
        WorkerVerb::SelfFresh(output) => fresh(host, output),
    }
}

fn add(host: &Host, args: &QueueAddArgs) -> Done {
    let peer = one_peer(host, &args.peer)?;
    let identity = identity_of(&peer, args.runtime.as_ref()).map_err(|e| launch_error(&e))?;
    let task = task_text(args)?;
    let number = enqueue(host, &identity, &task).map_err(|e| queue_error(&e))?;
    if args.output.json {
        out::json("queue-add", &NumberDoc { identity: identity.to_string(), number })?;
        return Ok(ExitCode::SUCCESS);
    }
    out::line(format!("task {number} waits for a session of {identity}"))?;
    if observe(host, &identity).status == Status::Stopped {
        out::note(&format!("{identity} is stopped, so it waits until: iapeer start {}", args.peer));
    }
    if matches!(supervisor(host), Ok(None)) {
        out::note("no supervisor runs: iapeer service install, or give it now: iapeer supervise --once");
    }
    Ok(ExitCode::SUCCESS)
}

fn list(host: &Host, args: &QueueListArgs) -> Done {
    let peers = match &args.peer {
        Some(peer) => vec![one_peer(host, peer)?],
        None => all_peers(host)?,
    };
    let mut tasks: Vec<TaskDoc> = Vec::new();
    for identity in peers.iter().flat_map(identities) {
        let waiting = queued(host, &identity).map_err(|e| queue_error(&e))?;
        tasks.extend(waiting.into_iter().map(TaskDoc::from));
    }
    if args.output.json {
        #[derive(Serialize)]
        struct Doc {
            tasks: Vec<TaskDoc>,
        }
        out::json("queue-list", &Doc { tasks })?;
        return Ok(ExitCode::SUCCESS);
    }
    if tasks.is_empty() {
        out::note("no task waits");
    }
    let row = |task: &TaskDoc| {
        let added = text::to_the_second(&task.added_at);
        vec![task.identity.clone(), task.number.to_string(), added, task.text.clone()]
    };
    let rows: Vec<_> = tasks.iter().map(row).collect();
    text::listed(&["worker", "task", "since", "what"], &rows).into_iter().try_for_each(out::line)?;
    Ok(ExitCode::SUCCESS)
}

fn drop_verb(host: &Host, args: &QueueDropArgs) -> Done {
    let peer = one_peer(host, &args.peer)?;
    let identity = identity_of(&peer, args.runtime.as_ref()).map_err(|e| launch_error(&e))?;
    let number = args.number;
    out::warnings(&drop_task(host, &identity, number).map_err(|e| queue_error(&e))?);
    if args.output.json {
        out::json("queue-drop", &NumberDoc { identity: identity.to_string(), number })?;
    } else {
        out::line(format!("task {number} of {identity} will not be done"))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn done(host: &Host, output: &Output) -> Done {
    let identity = own_identity("self-done")?;
    out::warnings(&self_done(host, &identity).map_err(|e| queue_error(&e))?);
    let told = format!("{identity} is done; its session ends when it has been quiet for half a minute");
    tell_self("self-done", &identity, &told, output)
}

fn fresh(host: &Host, output: &Output) -> Done {
    let identity = own_identity("self-fresh")?;
    out::warnings(&self_fresh(host, &identity).map_err(|e| queue_error(&e))?);
    let told = format!("{identity} begins anew as soon as its program ends, if that is within ten minutes");
    tell_self("self-fresh", &identity, &told, output)
}

fn tell_self(verb: &str, identity: &Identity, told: &str, output: &Output) -> Done {
    if output.json {
        #[derive(Serialize)]
        struct Doc {
            identity: String,
        }
        out::json(verb, &Doc { identity: identity.to_string() })?;
    } else {
        out::line(told)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// In whose session we run.
fn own_identity(verb: &str) -> Result<Identity, CliError> {
    let Some(identity) = env::own_identity()? else {
        let message = format!("`iapeer {verb}` is for the agent in a session, and this is none");
        return Err(CliError::usage(message).hint("a session of iapeer has PEER_IDENTITY in its environment"));
    };
    identity
        .parse()
        .map_err(|_| CliError::usage(format!("PEER_IDENTITY is no <runtime>-<peer>: {identity:?}")))
}

/// What is to be done, wherever it stands.
fn task_text(args: &QueueAddArgs) -> Result<String, CliError> {
    let limit = TASK_LIMIT as u64;
    let bytes = match (&args.file, args.text.as_deref()) {
        (Some(file), _) => {
            let path = env::absolute(file)?;
            let read = read_file(&path, limit).map_err(|e| unreadable(&e))?;
            read.ok_or_else(|| CliError::failed(format!("{path} is not there")))?
        }
        (None, Some("-")) => {
            let mut bytes = Vec::new();
            let read = std::io::stdin().take(limit + 1).read_to_end(&mut bytes);
            read.map_err(|e| CliError::failed(format!("standard input cannot be read: {e}")))?;
            bytes
        }
        (None, text) => text.unwrap_or_default().as_bytes().to_vec(),
    };
    String::from_utf8(bytes).map_err(|_| CliError::usage("the task is not UTF-8"))
}

fn queue_error(error: &QueueError) -> CliError {
    match error {
        QueueError::Empty | QueueError::TooLarge { .. } => CliError::of(Kind::Usage, error),
        QueueError::NotEphemeral { profile, .. } => CliError::of(Kind::Refused, error)
            .hint(format!("to make it one, add to {profile}: \"wake_policy\": \"ephemeral\"")),
        QueueError::HeldByService { .. } => CliError::of(Kind::Refused, error),
        QueueError::NoSuchTask { identity, .. } => CliError::of(Kind::Failed, error)
            .hint(format!("those that wait: iapeer queue list {}", identity.personality())),
        QueueError::Peer(e) => find_error(e),
        QueueError::Fact(e) => fact_error(e),
        QueueError::Lock(e) => locked(e),
        QueueError::Read(e) => unreadable(e),
        QueueError::Write(e) => write_error(e),
        _ => CliError::of(Kind::Failed, error),
    }
}
