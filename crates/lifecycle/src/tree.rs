//! The processes of a session: its program, what that started, what shares its terminal session, and what they
//! take of the host.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

#[cfg(target_os = "linux")]
use iapeer_canary::ProcessStat;
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

/// What processes take of the host.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// How many they are.
    pub processes: usize,
    /// Their resident memory in bytes. What several of them share is counted for each.
    pub memory: u64,
    /// The processor time that they have used, with that of their children that have ended.
    pub cpu: Duration,
}

/// The processes of this host at one moment.
#[derive(Debug)]
pub struct Processes(BTreeMap<u32, Row>);

/// One line of the process table.
#[derive(Debug)]
struct Row {
    parent: u32,
    session: u32,
    start: StartTime,
    name: String,
    usage: Usage,
}

impl Processes {
    /// Looks at all of them, once for however many trees. Elsewhere than on Linux none are found: what they take
    /// could only be told by starting a process.
    pub fn now() -> Processes {
        Processes(if cfg!(target_os = "linux") { table() } else { BTreeMap::new() })
    }

    /// What the processes under `roots` take; none where none of them is found.
    pub(crate) fn usage(&self, roots: &[u32]) -> Option<Usage> {
        let add = |sum: Usage, row: &Row| Usage {
            processes: sum.processes + 1,
            memory: sum.memory.saturating_add(row.usage.memory),
            cpu: sum.cpu.saturating_add(row.usage.cpu),
        };
        let found = under(&self.0, roots);
        let usage = found.iter().filter_map(|pid| self.0.get(pid)).fold(Usage::default(), add);
        (usage.processes > 0).then_some(usage)
    }
}

/// The living processes under `program`, itself first. Those that left both its tree and its session
/// are not found; nothing is guessed about them.
pub(crate) fn members(program: u32, boot: &BootId) -> Vec<Member> {
    let table = table();
    let found = under(&table, &[program]);
    let member = |pid: &u32| {
        let row = table.get(pid)?;
        let process = Incarnation { boot: boot.clone(), pid: *pid, start: row.start.clone() };
        Some(Member { process, name: row.name.clone() })
    };
    found.iter().filter_map(member).collect()
}

/// The processes that are in the tree of one of `roots`, or in its terminal session; the roots, too.
fn under(table: &BTreeMap<u32, Row>, roots: &[u32]) -> BTreeSet<u32> {
    let mut found = BTreeSet::from_iter(roots.iter().copied());
    // A child may stand before its parent in the table, so look until nothing is new.
    loop {
        let more: Vec<u32> = table
            .iter()
            .filter(|(pid, row)| {
                !found.contains(pid) && (found.contains(&row.parent) || roots.contains(&row.session))
            })
            .map(|(pid, _)| *pid)
            .collect();
        if more.is_empty() {
            return found;
        }
        found.extend(more);
    }
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
    let units = Units {
        page: rustix::param::page_size() as u64,
        ticks_per_second: rustix::param::clock_ticks_per_second().max(1),
    };
    let row = |entry: camino::Utf8DirEntry| {
        let pid: u32 = entry.file_name().parse().ok()?;
        let bytes = iapeer_statefile::read_file(&entry.path().join("stat"), 4096).ok()??;
        Some((pid, row_of(&bytes, units)?))
    };
    proc.filter_map(Result::ok).filter_map(row).collect()
}

/// In what the kernel counts.
#[cfg(target_os = "linux")]
#[derive(Debug, Clone, Copy)]
struct Units {
    /// The bytes of a page.
    page: u64,
    /// The ticks of a second.
    ticks_per_second: u64,
}

/// What `stat` says of a process, unless it has ended.
#[cfg(target_os = "linux")]
fn row_of(stat: &[u8], units: Units) -> Option<Row> {
    let text = String::from_utf8_lossy(stat);
    let stat = ProcessStat::parse(&text)?;
    if stat.is_dead()? {
        return None;
    }
    // Its own time in user and kernel mode, then that of its children, in ticks; and pages in memory.
    let number = |field: usize| stat.field::<u64>(field).unwrap_or(0);
    let ticks = (14..=17).map(number).fold(0, u64::saturating_add);
    let usage = Usage {
        processes: 1,
        memory: number(24).saturating_mul(units.page),
        cpu: Duration::from_millis(ticks.saturating_mul(1000) / units.ticks_per_second),
    };
    let (parent, session, start) = (stat.field(4)?, stat.field(6)?, stat.field(22)?);
    Some(Row { parent, session, start, name: stat.name().to_owned(), usage })
}

/// Whether `stat` is understood.
#[cfg(all(target_os = "linux", any(test, feature = "fuzzing")))]
pub(crate) fn understands(stat: &[u8]) -> bool {
    row_of(stat, Units { page: 4096, ticks_per_second: 100 }).is_some()
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
        let name = words.collect::<Vec<_>>().join(" ");
        Some((pid, Row { parent, session: 0, start, name, usage: Usage::default() }))
    };
    text.lines().filter_map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_is_found_with_what_it_takes() {
        let row = |parent: u32, session: u32, memory: u64| Row {
            parent,
            session,
            start: "1".parse().unwrap(),
            name: "x".to_owned(),
            usage: Usage { processes: 1, memory, cpu: Duration::from_secs(memory) },
        };
        // 5 stands before its parent 9; 7 was left by its parent and is still in the session of 4.
        let table = BTreeMap::from([
            (1, row(0, 1, 1)),
            (4, row(1, 4, 10)),
            (5, row(9, 9, 100)),
            (7, row(1, 4, 1000)),
            (9, row(4, 9, 10_000)),
            (20, row(1, 20, 100_000)),
        ]);
        let processes = Processes(table);
        for (roots, wanted) in [
            (vec![4], Some((4, 11_110))),
            (vec![9], Some((2, 10_100))),
            (vec![9, 4], Some((4, 11_110))),
            (vec![20, 9], Some((3, 110_100))),
            (vec![20, 77], Some((1, 100_000))),
            (vec![77], None),
            (vec![], None),
        ] {
            let found = processes.usage(&roots).map(|usage| (usage.processes, usage.memory));
            assert_eq!(found, wanted, "{roots:?}");
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_process_takes_memory() {
        let usage = Processes::now().usage(&[std::process::id()]).expect("we are there");
        assert!(usage.processes >= 1 && usage.memory > 1 << 16, "{usage:?}");
    }
}
