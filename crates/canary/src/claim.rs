//! What stands in a claim: the line of its record, and whether that is in its journal.

use iapeer_statefile::{Entry, Line};

/// Whether this is the whole line about the end of a server, planned or not.
pub(crate) fn is_end(entry: &Entry) -> bool {
    matches!(entry.event(), "server-exit" | "server-stop")
        && entry.get("death").is_some()
        && entry.get("end") == Some("1")
}

/// Whether a claim says that its record stands in its journal.
pub(crate) fn is_marked(claim: &str) -> bool {
    claim.lines().nth(1) == Some("logged")
}

/// The record that stands in a claim, when it is whole.
pub(crate) fn claimed_line(claim: &str) -> Option<Line> {
    let entry = Entry::parse(claim.lines().next()?).ok()?;
    (entry.get("end") == Some("1")).then(|| line_of(&entry))?
}

/// The line that was read, to be written again.
pub(crate) fn line_of(entry: &Entry) -> Option<Line> {
    let line = Line::new(entry.ts().parse().ok()?, entry.event());
    let fields = entry.fields().filter(|(key, _)| !matches!(*key, "ts" | "ev"));
    Some(fields.fold(line, |line, (key, value)| line.field(key, value)))
}
