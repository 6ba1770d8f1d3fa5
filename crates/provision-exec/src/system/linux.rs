//! Processes as Linux shows them: proc(5), pidfd_open(2), pidfd_send_signal(2).

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::fd::{BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use super::Stat;

/// In less than this no machine starts as many processes as there are process numbers, 32,768 at the
/// least.
const ROUND: Duration = Duration::from_secs(1);

/// Where to look for the descendants of a process.
#[derive(Debug, PartialEq, Eq)]
enum Range {
    /// Nobody was started after it.
    Itself,
    /// Numbers greater than its own.
    Upwards,
    /// Everywhere: numbers may have been given from the smallest again.
    Everywhere,
}

/// The process `leader`, which must not have been reaped, and everybody who may have been started
/// since it was, which was `age` ago or less. None when that cannot be known.
pub(crate) fn processes_since(leader: Pid, age: Duration) -> Option<Vec<Pid>> {
    let number = leader.as_raw_nonzero().get();
    match range(number, last_number(), age) {
        Range::Itself => Some(vec![leader]),
        Range::Upwards => all_processes(|pid| pid.as_raw_nonzero().get() >= number),
        Range::Everywhere => {
            let since = stat(leader).map_or(0, |stat| stat.started);
            all_processes(|pid| stat(pid).is_some_and(|stat| stat.started >= since))
        }
    }
}

/// The processes that `wanted` picks out of all.
fn all_processes(wanted: impl Fn(Pid) -> bool) -> Option<Vec<Pid>> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").ok()? {
        let name = entry.ok()?.file_name();
        let pid = name.to_str().and_then(|name| name.parse().ok()).and_then(Pid::from_raw);
        found.extend(pid.filter(|&pid| wanted(pid)));
    }
    Some(found)
}

/// What there is to know about a process. None when it is gone, or hidden from us.
pub(crate) fn stat(pid: Pid) -> Option<Stat> {
    parse_stat(&read_short(&path(pid, "stat")).ok()?)
}

/// Whether the environment that a process was started with has this `NAME=value`. A process that is
/// gone, or whose environment we may not see, has not.
pub(crate) fn carries(pid: Pid, entry: &[u8]) -> bool {
    fs::read(path(pid, "environ")).is_ok_and(|block| block.split(|&byte| byte == 0).any(|it| it == entry))
}

/// Everybody whose environment has this `NAME=value`.
pub(crate) fn carriers(entry: &[u8]) -> Vec<Pid> {
    all_processes(|pid| carries(pid, entry)).unwrap_or_default()
}

/// A descriptor that stands for this very process, also when its number has been given to another
/// one, and that becomes readable when it ends. None when it is gone, on a kernel before 5.3, and when
/// no descriptor is free.
pub(crate) fn hold(pid: Pid) -> Option<OwnedFd> {
    pidfd_open(pid, PidfdFlags::empty()).ok()
}

/// Sends a signal to the process that a descriptor from [`hold`] stands for.
pub(crate) fn held_signal(process: BorrowedFd<'_>, signal: Signal) {
    // A failure says that it has ended or that we may not. There is nothing else to try, and the
    // survivors tell what is left.
    let _ = pidfd_send_signal(process, signal);
}

fn path(pid: Pid, file: &str) -> String {
    format!("/proc/{}/{file}", pid.as_raw_nonzero())
}

/// A file of one line, which the kernel hands out in one read.
fn read_short(path: &str) -> io::Result<Vec<u8>> {
    let mut line = vec![0; 1024];
    let count = File::open(path)?.read(&mut line)?;
    line.truncate(count);
    Ok(line)
}

/// The number that the youngest process or thread was given: the last field of `/proc/loadavg`.
fn last_number() -> Option<i32> {
    let line = read_short("/proc/loadavg").ok()?;
    str::from_utf8(&line).ok()?.split_ascii_whitespace().next_back()?.parse().ok()
}

/// Numbers are given in rising order, and after the greatest from the smallest again; those in use
/// are left out. So the youngest process has the number of the leader only when it is the leader.
fn range(leader: i32, last: Option<i32>, age: Duration) -> Range {
    match last {
        Some(last) if last == leader => Range::Itself,
        Some(last) if last > leader && age < ROUND => Range::Upwards,
        _ => Range::Everywhere,
    }
}

/// Reads `/proc/<pid>/stat`: `pid (name) state ppid group session …`, the start time being the 22nd. The
/// name may hold anything, also blanks and parentheses, so it ends at the last one. `iapeer-canary` reads the same
/// line; this crate uses no other, so that it can be used alone.
pub(crate) fn parse_stat(stat: &[u8]) -> Option<Stat> {
    let open = stat.iter().position(|&byte| byte == b'(')?;
    let close = stat.iter().rposition(|&byte| byte == b')')?;
    let name = String::from_utf8_lossy(stat.get(open + 1..close)?).into_owned();
    let rest = str::from_utf8(&stat[close + 1..]).ok()?;
    let mut fields = rest.split_ascii_whitespace();
    let alive = !matches!(fields.next()?, "Z" | "X" | "x");
    let _parent = fields.next()?;
    let (group, session) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    let started = fields.nth(15)?.parse().ok()?;
    Some(Stat { name, alive, group, session, started })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The fields between the session and the start time, and the start time.
    const REST: &str = "0 -1 4 0 0 0 0 1 2 3 4 20 0 1 0 555 99";

    #[test]
    fn stat_lines_are_read_whatever_the_name_is() {
        let read = |line: &[u8]| parse_stat(&[line, b" ", REST.as_bytes()].concat());
        let stat =
            |name: &str, alive| Some(Stat { name: name.into(), alive, group: 3, session: 4, started: 555 });
        assert_eq!(read(b"9 (sh) S 2 3 4"), stat("sh", true));
        assert_eq!(read(b"9 (a) Z (b) Z 2 3 4"), stat("a) Z (b", false));
        assert_eq!(read(b"9 (\xff) R -1 3 4"), stat("\u{fffd}", true));
        for bad in [b") (" as &[u8], b"9 (sh) S 2 x 4", b"9 (sh) S 2 3 \xff"] {
            assert_eq!(read(bad), None);
        }
        for torn in [b"" as &[u8], b"9 (sh", b"9 (sh) S 2 3", b"9 (sh) S 2 3 4 5 6"] {
            assert_eq!(parse_stat(torn), None);
        }
    }

    #[test]
    fn only_numbers_that_a_descendant_can_have_are_looked_at() {
        let soon = ROUND / 2;
        for (last, age, want) in [
            (Some(70), soon, Range::Itself),
            (Some(70), ROUND * 100, Range::Itself),
            (Some(71), soon, Range::Upwards),
            (Some(71), ROUND, Range::Everywhere),
            (Some(69), soon, Range::Everywhere),
            (None, soon, Range::Everywhere),
        ] {
            assert_eq!(range(70, last, age), want, "{last:?} {age:?}");
        }
    }

    #[test]
    fn the_kernel_tells() {
        let me = Pid::from_raw(i32::try_from(std::process::id()).expect("it fits")).expect("it is positive");
        let init = Pid::from_raw(1).expect("it is positive");
        assert!(last_number().is_some_and(|last| last > 0));
        assert!(stat(me).is_some_and(|stat| stat.alive && stat.started > 0));

        let everybody = all_processes(|_| true).expect("there is a /proc");
        assert!(everybody.contains(&me) && everybody.contains(&init));
        let since_me = processes_since(me, ROUND).expect("there is a /proc");
        assert!(since_me.contains(&me) && !since_me.contains(&init));
    }
}
