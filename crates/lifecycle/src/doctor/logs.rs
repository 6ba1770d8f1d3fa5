//! What was written down: how much it is, whether it can be read, and whether its times are past.

use std::time::SystemTime;

use camino::{Utf8Path, Utf8PathBuf};
use iapeer_statefile::{Entry, Journal, ReadError, Timestamp, iso_millis, read_file, with_causes};

use super::Finding;
use super::finding::{or_ok, some};
use super::sight::{Sight, quoted};
use super::walk::Node;

/// What each of forensics, quarantine and backups may have, in bytes.
const FOLDER: u64 = 64 << 20;
/// No generation of a journal is read beyond this, in bytes.
const LIMIT: u64 = 256 << 20;

pub(super) fn logs(sight: &Sight) -> Vec<Finding> {
    let (layout, settings) = (sight.layout(), sight.host.settings());
    let walk = sight.walk();
    let size = |wanted: &dyn Fn(&Utf8Path) -> bool| -> u64 {
        let files = walk.nodes.iter().filter(|node| node.meta.is_file());
        files.filter(|node| wanted(&sight.root().join(&node.path))).map(|node| node.meta.len()).sum()
    };
    // A witness writes without rotating, so a journal may be somewhat over its size.
    let journal = settings.log_max_bytes.saturating_mul(u64::from(settings.log_keep) + 2);
    let mut findings = Vec::new();
    let mut total = 0;
    for path in [layout.lifecycle_log(), layout.exits_log()] {
        let name = format!("{path}.");
        let bytes = size(&|file| file == path || file.as_str().starts_with(&name));
        total += bytes;
        findings.extend(over(&path, bytes, journal, "rm the oldest generations"));
        findings.extend(unreadable_lines(&path));
    }
    let sweep = "iapeer supervise --once";
    for (folder, budget, remedy) in [
        (layout.pane_logs(), settings.pane_logs.folder_budget, "rm the logs of sessions that do not run"),
        (layout.forensics(), FOLDER, sweep),
        (layout.quarantine(), FOLDER, "look through it and rm what is not needed"),
        (layout.backups(), FOLDER, "look through it and rm what is not needed"),
    ] {
        let bytes = size(&|file| file.starts_with(&folder));
        total += bytes;
        findings.extend(over(&folder, bytes, budget, remedy));
    }
    or_ok(findings, || format!("{} KiB in all, each within its budget", total >> 10))
}

fn over(path: &Utf8Path, bytes: u64, budget: u64, remedy: &str) -> Option<Finding> {
    let told = || format!("{path} has {} MiB, more than its {} MiB", bytes >> 20, budget >> 20);
    let remedy = if remedy.starts_with("iapeer") {
        remedy.to_owned()
    } else {
        format!("{remedy}: ls -l {}", quoted(path))
    };
    (bytes > budget).then(|| Finding::warn(told()).remedy(remedy))
}

fn unreadable_lines(path: &Utf8Path) -> Option<Finding> {
    match Journal::new(path.to_owned()).read() {
        Ok(read) if read.unreadable_lines == 0 => None,
        Ok(read) => Some(
            Finding::info(format!(
                "{path}: {} be read, and no more is made of it",
                lines(read.unreadable_lines)
            ))
            .remedy(format!("to see such lines: grep -vn '^ts=' {}", quoted(path))),
        ),
        Err(e) => {
            let remedy = format!("see what stands there: ls -l {}; mend it or move it away", quoted(path));
            Some(Finding::fail(with_causes(&e)).remedy(remedy))
        }
    }
}

fn lines(n: u64) -> String {
    if n == 1 { "one line cannot".to_owned() } else { format!("{n} lines cannot") }
}

pub(super) fn last_run(sight: &Sight) -> Vec<Finding> {
    vec![match newest(&sight.layout().lifecycle_log()) {
        Ok(Some(entry)) => {
            Finding::info(format!("something was decided last at {}: {}", entry.ts(), entry.event()))
        }
        Ok(None) => Finding::info("nothing was ever decided here"),
        Err(e) => Finding::unknown(with_causes(&e)).remedy("see the check `logs`"),
    }]
}

pub(super) fn clock(sight: &Sight) -> Vec<Finding> {
    let mut findings = Vec::new();
    let compare = format!("it is {} here: compare the clock with another (date -u)", iso_millis(sight.now));
    for path in [sight.layout().lifecycle_log(), sight.layout().exits_log()] {
        // One that cannot be read is told by its own check.
        let Ok(Some(entry)) = newest(&path) else { continue };
        let time = entry.ts().parse::<Timestamp>().map(Timestamp::as_millisecond);
        if time.is_ok_and(|millis| sight.is_future(millis)) {
            let summary = format!("the newest line of {path} is from the future: {}", entry.ts());
            findings.push(Finding::warn(summary).remedy(compare.clone()));
        }
    }
    let is_future = |node: &&Node| {
        let since = node.meta.modified().ok().and_then(|m| m.duration_since(SystemTime::UNIX_EPOCH).ok());
        since.and_then(|since| i64::try_from(since.as_millis()).ok()).is_some_and(|ms| sight.is_future(ms))
    };
    let walk = sight.walk();
    let future: Vec<_> =
        walk.nodes.iter().filter(is_future).map(|node| sight.root().join(&node.path).to_string()).collect();
    if !future.is_empty() {
        findings.push(Finding::warn(format!("written in the future: {}", some(&future))).remedy(compare));
    }
    or_ok(findings, || "nothing is from the future".to_owned())
}

/// The newest line of a journal that can be read.
fn newest(path: &Utf8Path) -> Result<Option<Entry>, ReadError> {
    // Right after a rotation all lines are in the next generation.
    for path in [path.to_owned(), Utf8PathBuf::from(format!("{path}.1"))] {
        let Some(bytes) = read_file(&path, LIMIT)? else { continue };
        let line = |line: &[u8]| Entry::parse(&String::from_utf8_lossy(line)).ok();
        if let Some(entry) = bytes.rsplit(|b| *b == b'\n').find_map(line) {
            return Ok(Some(entry));
        }
    }
    Ok(None)
}
