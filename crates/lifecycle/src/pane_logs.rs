//! The logs of what panes show: rotated, and removed when they are too many or too old.
//!
//! A log is written by a `cat` behind its pane, as long as the session lives. So it is rotated by copying it and
//! cutting it to nothing: the writer appends, and does not notice.

use std::collections::BTreeSet;
use std::time::Duration;

use iapeer_registry::Identity;
use iapeer_statefile::{Lock, Timestamp, Wait, copy_and_empty, list_folder, remove_file, rename_file};

use crate::host::{Host, Warning, now};
use crate::settings::PaneLogLimits;

/// A log as it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
struct LogFile {
    identity: Identity,
    /// Which generation; none for the one that is written.
    generation: Option<u32>,
    bytes: u64,
    modified: Timestamp,
}

/// What is done about a log.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Action {
    /// The one that is written becomes the first generation, and begins anew.
    Rotate(Identity),
    /// It goes. One that is written only while nobody wakes its session.
    Remove(Identity, Option<u32>),
}

/// Looks after all logs. `supervised` are those who may have a session, whose logs are written.
pub(crate) fn tend(host: &Host, supervised: &[Identity], warnings: &mut Vec<Warning>) {
    let files = match list_folder(&host.layout().pane_logs()) {
        Ok(names) => names.iter().filter_map(|name| log_file(host, name)).collect::<Vec<_>>(),
        Err(e) => return warnings.push(Warning::of("the logs of panes are not looked after", &e)),
    };
    let written = supervised.iter().cloned().collect();
    let limits = host.settings().pane_logs;
    for action in plan(&files, &written, &limits, now()) {
        if let Err(e) = apply(host, &action, limits.keep) {
            warnings.push(Warning::of("a log of a pane is as it was", &*e));
        }
    }
}

/// What is to be done, in this order.
fn plan(
    files: &[LogFile],
    written: &BTreeSet<Identity>,
    limits: &PaneLogLimits,
    now: Timestamp,
) -> Vec<Action> {
    let stale = Duration::from_secs(24 * 3600 * u64::from(limits.stale_days));
    let is_written = |file: &LogFile| file.generation.is_none() && written.contains(&file.identity);
    let is_stale = |file: &LogFile| {
        let age = Duration::try_from(now.duration_since(file.modified));
        !is_written(file) && age.is_ok_and(|age| age > stale)
    };
    let rotates = |file: &LogFile| file.generation.is_none() && file.bytes > limits.max_bytes;
    let mut actions = Vec::new();
    let mut kept = Vec::new();
    for file in files {
        // With a rotation each generation becomes one older.
        let is_rotated = files.iter().any(|other| other.identity == file.identity && rotates(other));
        let is_too_many = file.generation.is_some_and(|n| n + u32::from(is_rotated) > limits.keep);
        if is_too_many || is_stale(file) {
            actions.push(Action::Remove(file.identity.clone(), file.generation));
        } else {
            kept.push(file);
        }
    }
    let rotated = kept.iter().filter(|file| rotates(file));
    actions.extend(rotated.clone().map(|file| Action::Rotate(file.identity.clone())));
    // What a rotation lets go is no generation any more, and what was just rotated is the newest.
    let without_generations = |file: &LogFile| limits.keep == 0 && rotates(file);
    let mut total: u64 = kept.iter().filter(|file| !without_generations(file)).map(|file| file.bytes).sum();
    kept.retain(|file| !is_written(file) && !rotates(file));
    kept.sort_by_key(|file| (file.modified, std::cmp::Reverse(file.generation)));
    let mut removed = Vec::new();
    for file in kept {
        if total > limits.folder_budget {
            total -= file.bytes;
            removed.push(Action::Remove(file.identity.clone(), file.generation));
        }
    }
    // They go first: a rotation would give them other numbers.
    removed.extend(actions);
    removed.sort_by_key(|action| matches!(action, Action::Rotate(_)));
    removed
}

fn apply(host: &Host, action: &Action, keep: u32) -> Result<(), Box<dyn std::error::Error>> {
    let path = |identity: &Identity, generation: Option<u32>| {
        let log = host.layout().pane_log(identity);
        generation.map_or(log.clone(), |n| camino::Utf8PathBuf::from(format!("{log}.{n}")))
    };
    match action {
        Action::Remove(identity, None) => {
            // A session that comes up now would write into a file that nobody can find.
            let lock = host.layout().fact(identity, "wake.lock");
            let _lock = Lock::acquire(&lock, Wait::Try, &host.settings().caller)?;
            if !host.layout().fact(identity, "session").exists() {
                remove_file(&path(identity, None))?;
            }
        }
        Action::Remove(identity, generation) => drop(remove_file(&path(identity, *generation))?),
        Action::Rotate(identity) => {
            for n in (1..keep).rev() {
                let older = path(identity, Some(n));
                if older.exists() {
                    rename_file(&older, &path(identity, Some(n + 1)))?;
                }
            }
            let copy = (keep > 0).then(|| path(identity, Some(1)));
            copy_and_empty(&path(identity, None), copy.as_deref())?;
        }
    }
    Ok(())
}

/// A file of the folder, if it is a log.
fn log_file(host: &Host, name: &str) -> Option<LogFile> {
    let (identity, rest) = name.split_once(".log")?;
    let generation = match rest {
        "" => None,
        rest => Some(rest.strip_prefix('.')?.parse().ok()?),
    };
    let meta = host.layout().pane_logs().join(name).symlink_metadata().ok().filter(|meta| meta.is_file())?;
    let modified = Timestamp::try_from(meta.modified().ok()?).ok()?;
    Some(LogFile { identity: identity.parse().ok()?, generation, bytes: meta.len(), modified })
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 24 * 3600;
    const LIMITS: PaneLogLimits =
        PaneLogLimits { max_bytes: 100, keep: 2, folder_budget: 1000, stale_days: 14 };

    fn now() -> Timestamp {
        Timestamp::from_second(1000 * DAY).unwrap()
    }

    fn who(name: &str) -> Identity {
        name.parse().unwrap()
    }

    /// A log with its size and its age in days.
    fn log(name: &str, generation: impl Into<Option<u32>>, bytes: u64, days: i64) -> LogFile {
        let modified = Timestamp::from_second((1000 - days) * DAY).unwrap();
        LogFile { identity: who(name), generation: generation.into(), bytes, modified }
    }

    #[test]
    fn the_plan() {
        let remove = |name, generation: Option<u32>| Action::Remove(who(name), generation);
        let rotate = |name| Action::Rotate(who(name));
        let none = PaneLogLimits { keep: 0, ..LIMITS };
        let table = [
            ("nothing", LIMITS, vec![], vec![]),
            ("small", LIMITS, vec![log("x-live", None, 100, 0)], vec![]),
            ("large", LIMITS, vec![log("x-live", None, 101, 0)], vec![rotate("x-live")]),
            ("large and asleep", LIMITS, vec![log("x-asleep", None, 101, 0)], vec![rotate("x-asleep")]),
            (
                "the last generation goes",
                LIMITS,
                vec![log("x-live", None, 101, 0), log("x-live", 1, 100, 0), log("x-live", 2, 100, 0)],
                vec![remove("x-live", Some(2)), rotate("x-live")],
            ),
            ("no generations", none, vec![log("x-live", None, 101, 0)], vec![rotate("x-live")]),
            ("fewer than before", none, vec![log("x-a", 1, 1, 0)], vec![remove("x-a", Some(1))]),
            ("as old as can be", LIMITS, vec![log("x-asleep", None, 1, 14)], vec![]),
            ("stale", LIMITS, vec![log("x-asleep", None, 1, 15)], vec![remove("x-asleep", None)]),
            ("silent, not stale", LIMITS, vec![log("x-live", None, 1, 99)], vec![]),
            ("a stale generation", LIMITS, vec![log("x-live", 1, 1, 15)], vec![remove("x-live", Some(1))]),
            ("of the future", LIMITS, vec![log("x-asleep", None, 1, -99)], vec![]),
            (
                "over the budget, the oldest go",
                LIMITS,
                vec![
                    log("x-live", None, 90, 9),
                    log("x-a", 1, 400, 3),
                    log("x-b", None, 90, 5),
                    log("x-b", 1, 500, 5),
                ],
                vec![remove("x-b", Some(1))],
            ),
            (
                "over the budget, what is written stays",
                PaneLogLimits { folder_budget: 10, ..LIMITS },
                vec![log("x-live", None, 90, 9), log("x-a", None, 90, 1)],
                vec![remove("x-a", None)],
            ),
        ];
        for (case, limits, files, wanted) in table {
            assert_eq!(plan(&files, &[who("x-live")].into(), &limits, now()), wanted, "{case}");
        }
    }
}
