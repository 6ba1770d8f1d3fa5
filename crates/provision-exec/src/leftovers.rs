//! What a run left behind whose caller was cut off before it could see the end.

use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};

use crate::family::mark;
use crate::run::{GRACE, LAST_WAIT};
use crate::{Cancel, Survivor, Survivors, system};

const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Ends what is left of an earlier run of this [name](crate::Run::named), whoever called it.
///
/// Its processes have `patience` to end by themselves, less when `cancel` says so; then they get TERM,
/// [`GRACE`], KILL, as at the end of a run's time. Gives those who live on all the same. Where processes
/// cannot be told by their environment, as on macOS, nobody is found.
///
/// ```
/// use std::time::Duration;
/// use iapeer_provision_exec::{end_leftovers, unique_name};
///
/// assert!(end_leftovers(&unique_name(), Duration::ZERO, None).is_none(), "nobody has that name");
/// ```
pub fn end_leftovers(name: &str, patience: Duration, cancel: Option<&Cancel>) -> Survivors {
    let mark = mark(name);
    let cancelled = || cancel.is_some_and(Cancel::is_cancelled);
    if gone(&mark, patience, cancelled) {
        return Survivors::None;
    }
    for (signal, wait) in [(Signal::TERM, GRACE), (Signal::KILL, LAST_WAIT)] {
        for pid in living(&mark) {
            // First it is held, then looked at: what is signalled is the process that was seen.
            let Some(held) = system::hold(pid) else { continue };
            if living(&mark).contains(&pid) {
                system::held_signal(std::os::fd::AsFd::as_fd(&held), signal);
            }
        }
        if gone(&mark, wait, || false) {
            return Survivors::None;
        }
    }
    let survivor = |pid: Pid| {
        let name = system::stat(pid)?.name;
        Some(Survivor { pid: pid.as_raw_nonzero().get().unsigned_abs(), name })
    };
    match living(&mark).into_iter().filter_map(survivor).collect::<Vec<_>>() {
        list if list.is_empty() => Survivors::None,
        list => Survivors::Processes(list),
    }
}

/// Waits until nobody carries the mark, for at most `limit` or until `stop` says so.
fn gone(mark: &[u8], limit: Duration, stop: impl Fn() -> bool) -> bool {
    let start = Instant::now();
    loop {
        if living(mark).is_empty() {
            return true;
        }
        if start.elapsed() >= limit || stop() {
            return false;
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

fn living(mark: &[u8]) -> Vec<Pid> {
    let alive = |pid: &Pid| system::stat(*pid).is_some_and(|stat| stat.alive);
    system::carriers(mark).into_iter().filter(alive).collect()
}
