//! Locks that are held now: by whom, since when, and whether the holder lives.

use camino::{Utf8Path, Utf8PathBuf};
use iapeer_canary::ProcessState;
use iapeer_statefile::{HeldLocks, Holder, with_causes};

use super::Finding;
use super::finding::or_ok;
use super::sight::{Sight, quoted};
use crate::grade::Grade;

/// Whoever holds a lock for longer than this hangs: no command of ours or of a provider takes so long.
const LONG_SECS: u64 = 600;

pub(super) fn locks(sight: &Sight) -> Vec<Finding> {
    let held = match HeldLocks::read() {
        Ok(Some(held)) => held,
        Ok(None) => return vec![Finding::new(Grade::Skipped, "this system does not tell who holds a lock")],
        Err(e) => {
            return vec![Finding::unknown(with_causes(&e)).remedy("mount /proc")];
        }
    };
    let root = sight.root();
    let files: Vec<Utf8PathBuf> = sight
        .walk()
        .nodes
        .into_iter()
        .filter(|node| {
            node.meta.is_file() && node.path.extension() == Some("lock") || is_dot_lock(&node.path)
        })
        .map(|node| root.join(node.path))
        .collect();
    let mut findings = Vec::new();
    for path in &files {
        match held.holder(path) {
            Ok(None) => {}
            Ok(Some(holder)) => findings.push(tell(sight, path, &holder)),
            Err(e) => {
                findings.push(Finding::unknown(with_causes(&e)).remedy("mend its permissions or its kind"));
            }
        }
    }
    or_ok(findings, || format!("none of {} is held", files.len()))
}

/// The lock of the witnesses is a hidden file, whose name has no extension.
fn is_dot_lock(path: &Utf8Path) -> bool {
    path.file_name() == Some(".lock")
}

fn tell(sight: &Sight, path: &Utf8Path, holder: &Holder) -> Finding {
    let process = iapeer_canary::observe(holder.pid);
    let secs = holder.since.as_deref().and_then(|since| sight.age_secs(since));
    let by = holder.by.as_deref().unwrap_or("an unknown program");
    let since = holder.since.as_deref().map_or_else(String::new, |since| format!(", since {since}"));
    let told = format!("{path} is held by {by} (pid {}{since})", holder.pid);
    match judge(&process, secs) {
        Hold::Short => Finding::info(told),
        Hold::Long => {
            let remedy = format!("see what it does: ps -fp {0}; if it hangs: kill {0}", holder.pid);
            Finding::warn(told).remedy(remedy)
        }
        Hold::Inherited => {
            Finding::warn(format!("{told}, which has ended: a process that it started has the lock"))
                .remedy(format!("find that process and end it: fuser -v {}", quoted(path)))
        }
    }
}

/// How a lock is held.
#[derive(Debug, PartialEq, Eq)]
enum Hold {
    /// By who took it, as it should be.
    Short,
    /// By who took it, for too long.
    Long,
    /// By who was started by who took it.
    Inherited,
}

/// How a lock is held, from who took it and how many seconds ago.
fn judge(process: &ProcessState, secs: Option<u64>) -> Hold {
    match (process, secs) {
        (ProcessState::Gone | ProcessState::Zombie { .. }, _) => Hold::Inherited,
        (_, Some(secs)) if secs > LONG_SECS => Hold::Long,
        _ => Hold::Short,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_may_be_held_by_the_living_for_a_while() {
        let running = || ProcessState::Running { start: "1".parse().expect("a start time") };
        let unknown = || ProcessState::Unknown("no /proc".to_owned());
        for (process, secs, wanted) in [
            (running(), Some(1), Hold::Short),
            (running(), None, Hold::Short),
            (running(), Some(LONG_SECS + 1), Hold::Long),
            (unknown(), Some(LONG_SECS + 1), Hold::Long),
            (unknown(), None, Hold::Short),
            (ProcessState::Gone, Some(1), Hold::Inherited),
            (ProcessState::Gone, None, Hold::Inherited),
        ] {
            assert_eq!(judge(&process, secs), wanted, "{process:?} {secs:?}");
        }
    }
}
