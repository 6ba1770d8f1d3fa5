//! What has died, and why, as far as the journals tell.

use camino::Utf8PathBuf;
use iapeer_canary::{Cause, Death, DeathRecord, Deaths, ExitWord, Oom, ServerExit};
use iapeer_registry::Identity;
use iapeer_statefile::{Entry, ReadError};
use serde::Serialize;

use crate::host::Host;
use crate::observe::{Status, observe};

/// How sure an answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Confidence {
    /// Somebody saw it or did it.
    Certain,
    /// The evidence points to it.
    Likely,
    /// The evidence does not tell.
    Unknown,
}

/// Something that the answer rests on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Evidence {
    /// Where it stands.
    pub source: String,
    /// What it says.
    pub text: String,
}

/// Something that happened to an identity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Happening {
    /// When, ISO 8601.
    pub ts: String,
    /// What.
    pub what: String,
}

/// Why an identity is as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Why {
    /// Who.
    pub identity: Identity,
    /// What it is doing now.
    pub status: Status,
    /// The answer in one sentence.
    pub answer: String,
    /// How sure it is.
    pub confidence: Confidence,
    /// What it rests on.
    pub evidence: Vec<Evidence>,
    /// The last things that happened, oldest first.
    pub timeline: Vec<Happening>,
}

/// How many happenings an answer shows.
const TIMELINE: usize = 12;

/// The deaths that are written down.
///
/// # Errors
///
/// [`ReadError`] when the journal is there and cannot be read.
pub fn deaths(host: &Host) -> Result<Deaths, ReadError> {
    Ok(Deaths::of(&host.exits_log().read()?))
}

/// The word for the cause of a death.
pub fn cause_word(record: &DeathRecord) -> String {
    match (&record.what, record.status()) {
        (Death::Server(server), _) => server.cause.to_string(),
        (Death::Session(_), Some(ExitWord::Exited(_))) => "program-exited".to_owned(),
        (Death::Session(_), Some(ExitWord::Signaled(_))) => "program-killed".to_owned(),
        (Death::Session(_), None) => "program-ended".to_owned(),
    }
}

/// Why an identity is as it is.
///
/// # Errors
///
/// [`ReadError`] when a journal is there and cannot be read.
pub fn why(host: &Host, identity: &Identity) -> Result<Why, ReadError> {
    let name = identity.to_string();
    let exits = host.exits_log().read()?;
    let decisions = host.lifecycle_log().read()?;
    let of_it = |entry: &&Entry| entry.get("identity") == Some(&name);
    let mut timeline: Vec<_> =
        exits.entries.iter().chain(&decisions.entries).filter(of_it).map(happening).collect();
    timeline.sort_by(|a, b| a.ts.cmp(&b.ts));
    timeline.drain(..timeline.len().saturating_sub(TIMELINE));

    let observed = observe(host, identity);
    let last = Deaths::of(&exits).records.into_iter().rfind(|record| record.identity == name);
    let last_wake = decisions.entries.iter().filter(of_it).rfind(|e| e.event() == "wake").map(Entry::ts);
    let mut evidence = Vec::new();
    if let Some(record) = &last {
        let log = host.layout().exits_log();
        evidence.push(Evidence { source: log.to_string(), text: format!("{} {}", record.ts, told(record)) });
        if let Some(path) = forensics(record).filter(|path| path.exists()) {
            evidence
                .push(Evidence { source: path.to_string(), text: "what the machine looked like".to_owned() });
        }
    }
    let pane = host.layout().pane_log(identity);
    if pane.exists() {
        evidence.push(Evidence { source: pane.to_string(), text: "what its pane showed".to_owned() });
    }
    // A death before the last wake explains nothing about now.
    let current = last.filter(|record| last_wake.is_none_or(|wake| record.ts.as_str() >= wake));
    let (answer, confidence) = match (&observed.status, &observed.stopped, current) {
        (Status::Live { server_pid }, _, _) => {
            (format!("{name} is live (server pid {server_pid})"), Confidence::Certain)
        }
        (Status::Unknown(reason), _, _) => {
            (format!("what {name} is doing cannot be told: {reason}"), Confidence::Unknown)
        }
        (_, Some(who), _) => (format!("{name} was stopped: {who}"), Confidence::Certain),
        (_, None, Some(record)) => {
            let (what, confidence) = explain(&record);
            (format!("{name}: {what}"), confidence)
        }
        (_, None, None) if last_wake.is_none() => {
            (format!("{name} is asleep: it was never started"), Confidence::Certain)
        }
        (_, None, None) => (format!("{name} is asleep, and no death of it is recorded"), Confidence::Unknown),
    };
    Ok(Why { identity: identity.clone(), status: observed.status, answer, confidence, evidence, timeline })
}

/// Where the forensics of a death are, or were.
pub fn forensics(record: &DeathRecord) -> Option<Utf8PathBuf> {
    match &record.what {
        Death::Server(server) => server.forensics.clone(),
        Death::Session(_) => None,
    }
}

/// The record in a few words.
fn told(record: &DeathRecord) -> String {
    let kind = match &record.what {
        Death::Server(_) => "server-exit",
        Death::Session(_) => "session-exit",
    };
    let status = record.status().map_or_else(|| "unknown".to_owned(), |status| status.to_string());
    format!("{kind}, cause {}, status {status}", cause_word(record))
}

/// What a death was, in one sentence, and how sure that is.
fn explain(record: &DeathRecord) -> (String, Confidence) {
    use Confidence::{Certain, Likely, Unknown};
    let server = match &record.what {
        Death::Server(server) => server,
        Death::Session(_) => {
            return match record.status() {
                Some(ExitWord::Exited(code)) => {
                    (format!("its program ended by itself with exit code {code}"), Certain)
                }
                Some(ExitWord::Signaled(signal)) => {
                    (format!("its program was ended by {}", signal_name(signal)), Certain)
                }
                None => ("its program ended; how is not known".to_owned(), Likely),
            };
        }
    };
    let pid = record.server_pid.map_or_else(String::new, |pid| format!(" (pid {pid})"));
    let the_server = format!("its tmux server{pid}");
    match (&server.cause, server.status, server.oom) {
        (Cause::Reboot, _, _) => ("the host was restarted while it ran".to_owned(), Certain),
        (_, _, Oom::Cgroup(n)) => {
            (format!("{the_server} died as memory ran out in its group ({n} killed there)"), Likely)
        }
        (_, Some(ExitWord::Signaled(9)), Oom::Host(n)) => (
            format!(
                "{the_server} was killed by SIGKILL while the kernel was killing for memory ({n} on this host)"
            ),
            Likely,
        ),
        (_, Some(ExitWord::Signaled(9)), _) => (
            format!(
                "{the_server} was killed by SIGKILL{}; who sent it the system does not tell",
                no_oom(server)
            ),
            Certain,
        ),
        (_, Some(ExitWord::Signaled(signal @ (4 | 6 | 7 | 8 | 11))), _) => {
            (format!("{the_server} crashed ({})", signal_name(signal)), Certain)
        }
        (Cause::OrderlyExit, _, _) => (
            format!("{the_server} was asked to end, by a signal or a tmux command that iapeer did not send"),
            Certain,
        ),
        (Cause::Swept, _, _) => (
            format!("{the_server} and its witness were ended together, as a clean-up of processes does"),
            Likely,
        ),
        (Cause::DiedBeforeArm, _, _) => (format!("{the_server} died while it was being started"), Certain),
        (Cause::Unobserved, _, _) => (
            format!("{the_server} died while nobody watched, not even its witness; how is not known"),
            Unknown,
        ),
        (Cause::ServerVanished | Cause::ClientKilledServerGone, Some(status), _) => {
            (format!("{the_server} vanished ({status})"), Likely)
        }
        (Cause::ServerVanished | Cause::ClientKilledServerGone, None, _) => (
            format!(
                "{the_server} vanished without a word: killed, crashed, or out of memory{}",
                no_oom(server)
            ),
            Likely,
        ),
        (cause, _, _) => (format!("{the_server} ended ({cause})"), Unknown),
    }
}

fn no_oom(server: &ServerExit) -> &'static str {
    match server.oom {
        Oom::No => "; the kernel killed nothing for memory meanwhile",
        _ => "",
    }
}

fn signal_name(signal: u8) -> String {
    let name = match signal {
        1 => "SIGHUP",
        2 => "SIGINT",
        4 => "SIGILL",
        6 => "SIGABRT",
        7 => "SIGBUS",
        8 => "SIGFPE",
        9 => "SIGKILL",
        11 => "SIGSEGV",
        15 => "SIGTERM",
        other => return format!("signal {other}"),
    };
    name.to_owned()
}

/// A line of a journal as a happening: the event and its fields, without what every line has.
fn happening(entry: &Entry) -> Happening {
    let fields = entry.fields().filter(|(key, value)| {
        let name_of_death = *key == "death" && value.contains('.');
        !matches!(*key, "ts" | "ev" | "identity" | "end") && !name_of_death && !value.is_empty()
    });
    let fields =
        fields.map(|(key, value)| format!(" {key}={}", iapeer_statefile::quote(value))).collect::<String>();
    Happening { ts: entry.ts().to_owned(), what: format!("{}{fields}", entry.event()) }
}
