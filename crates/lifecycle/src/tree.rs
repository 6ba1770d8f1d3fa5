//! The processes of a session: its program, what that started, and what shares its terminal session.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use iapeer_canary::{BootId, Delivery, Incarnation, Liveness, SendError, Signal, StartTime, send};

/// How long a process has to end after TERM, and again after KILL.
const GRACE: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(10);

/// A process that was there when the session was ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Member {
    /// Which one.
    pub(crate) process: Incarnation,
    /// The name of its program, without arguments: those hold secrets.
    pub(crate) name: String,
}

/// One line of the process table.
struct Row {
    parent: u32,
    session: u32,
    start: StartTime,
    name: String,
}

/// The living processes under `program`, itself first. Those that left both its tree and its session
/// are not found; nothing is guessed about them.
pub(crate) fn members(program: u32, boot: &BootId) -> Vec<Member> {
    let table = table();
    let mut found = BTreeSet::from([program]);
    // A child may stand before its parent in the table, so look until nothing is new.
    loop {
        let more: Vec<u32> = table
            .iter()
            .filter(|(pid, row)| {
                !found.contains(pid) && (found.contains(&row.parent) || row.session == program)
            })
            .map(|(pid, _)| *pid)
            .collect();
        if more.is_empty() {
            break;
        }
        found.extend(more);
    }
    let member = |pid: &u32| {
        let row = table.get(pid)?;
        let process = Incarnation { boot: boot.clone(), pid: *pid, start: row.start.clone() };
        Some(Member { process, name: row.name.clone() })
    };
    found.iter().filter_map(member).collect()
}

/// Ends what is left of `members`: TERM, five seconds, KILL. Gives those that live on all the same, and
/// the reasons why some could not be signalled.
pub(crate) fn end(members: Vec<Member>) -> (Vec<Member>, Vec<SendError>) {
    let mut refused = Vec::new();
    let mut left = members;
    for signal in [Signal::TERM, Signal::KILL] {
        left.retain(|m| m.process.state() == Liveness::Alive);
        left.retain(|m| match send(&m.process, signal) {
            Ok(Delivery::Sent) => true,
            Ok(Delivery::AlreadyDead) => false,
            Err(e) => {
                refused.push(e);
                true
            }
        });
        let deadline = Instant::now() + GRACE;
        while !left.is_empty() && Instant::now() < deadline {
            left.retain(|m| m.process.state() == Liveness::Alive);
            std::thread::sleep(PAUSE);
        }
    }
    (left, refused)
}

/// Waits until a process is dead, for at most `limit`.
pub(crate) fn wait_dead(process: &Incarnation, limit: Duration) -> bool {
    let deadline = Instant::now() + limit;
    loop {
        if matches!(process.state(), Liveness::Dead { .. }) {
            return true;
        }
        if Instant::now() >= deadline {
            return false;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// The process table, from /proc: `stat` of each process, see proc_pid_stat(5).
#[cfg(target_os = "linux")]
fn table() -> BTreeMap<u32, Row> {
    let Ok(proc) = camino::Utf8Path::new("/proc").read_dir_utf8() else { return BTreeMap::new() };
    let row = |entry: camino::Utf8DirEntry| {
        let pid: u32 = entry.file_name().parse().ok()?;
        let bytes = iapeer_statefile::read_file(&entry.path().join("stat"), 4096).ok()??;
        Some((pid, row_of(&bytes)?))
    };
    proc.filter_map(Result::ok).filter_map(row).collect()
}

/// What `stat` says of a process, unless it has ended.
#[cfg(target_os = "linux")]
fn row_of(stat: &[u8]) -> Option<Row> {
    let text = String::from_utf8_lossy(stat);
    // The name stands in parentheses and may itself hold any of them.
    let (head, rest) = text.rsplit_once(") ")?;
    let name = head.split_once('(')?.1.to_owned();
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let number = |at: usize| fields.get(at)?.parse::<u32>().ok();
    let alive = !matches!(*fields.first()?, "Z" | "X");
    alive.then_some(())?;
    Some(Row { parent: number(1)?, session: number(3)?, start: fields.get(19)?.parse().ok()?, name })
}

/// Whether `stat` is understood.
#[cfg(all(target_os = "linux", any(test, feature = "fuzzing")))]
pub(crate) fn understands(stat: &[u8]) -> bool {
    row_of(stat).is_some()
}

/// The process table, from ps(1); the session is not told there in a form that could be compared.
#[cfg(not(target_os = "linux"))]
fn table() -> BTreeMap<u32, Row> {
    let run = iapeer_provision_exec::Run::new("/bin/ps").args(["-A", "-o", "pid=,ppid=,comm="]).run();
    let text = run.stdout.text();
    let row = |line: &str| {
        let mut words = line.split_whitespace();
        let (pid, parent) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
        let start = Incarnation::of(pid).ok()??.start;
        Some((pid, Row { parent, session: 0, start, name: words.collect::<Vec<_>>().join(" ") }))
    };
    text.lines().filter_map(row).collect()
}
