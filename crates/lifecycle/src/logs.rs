//! What was decided, what died, and what a pane showed, as one timeline in words for people.

mod words;

use camino::Utf8Path;
use iapeer_registry::{Identity, Personality};
use iapeer_statefile::{Entry, ReadError, Timestamp, iso_millis, list_folder};
use serde::Serialize;

use crate::host::Host;
use crate::pane::last_lines;

/// How many lines of each pane are shown.
const PANE_LINES: usize = 10;

/// Where a line of the timeline is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// `lifecycle.log`.
    Lifecycle,
    /// `exits.log`.
    Exits,
    /// What a pane showed.
    Pane,
}

/// A line of the timeline.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct LogLine {
    /// When, ISO 8601. The lines of a pane have no times: they stand where its log was written last.
    pub ts: String,
    /// Where it is from.
    pub origin: Origin,
    /// Whom it is about, where it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity: Option<String>,
    /// The event, but for the lines of a pane.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event: Option<String>,
    /// What happened.
    pub what: String,
}

/// A timeline.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Logs {
    /// Its lines, oldest first.
    pub lines: Vec<LogLine>,
    /// Lines of the journals that could not be read.
    pub unreadable_lines: u64,
}

impl Origin {
    /// The word that scripts read.
    pub fn as_str(self) -> &'static str {
        match self {
            Origin::Lifecycle => "lifecycle",
            Origin::Exits => "exits",
            Origin::Pane => "pane",
        }
    }
}

/// The timeline of the host, or of one peer with the last lines of its panes; since a time, or from the
/// beginning. A peer that was removed has its past still.
///
/// # Errors
///
/// [`ReadError`] when a journal is there and cannot be read.
pub fn logs(host: &Host, peer: Option<&Personality>, since: Option<Timestamp>) -> Result<Logs, ReadError> {
    let mut logs = Logs::default();
    for (origin, journal) in [(Origin::Lifecycle, host.lifecycle_log()), (Origin::Exits, host.exits_log())] {
        let read = journal.read()?;
        logs.unreadable_lines += read.unreadable_lines;
        let wanted = read.entries.iter().filter(|entry| peer.is_none_or(|peer| concerns(entry, peer)));
        logs.lines.extend(wanted.map(|entry| line(origin, entry)));
    }
    if let Some(peer) = peer {
        logs.lines.extend(panes(host, peer)?);
    }
    // What has a time that cannot be read may be since then.
    logs.lines
        .retain(|line| since.is_none_or(|since| line.ts.parse().map_or(true, |at: Timestamp| at >= since)));
    logs.lines.sort_by(|a, b| a.ts.cmp(&b.ts));
    Ok(logs)
}

/// Whether a line is about a peer, under any of its names.
fn concerns(entry: &Entry, peer: &Personality) -> bool {
    let is_its = |identity: &str| identity.split_once('-').is_some_and(|(_, name)| name == peer.as_str());
    let named = ["personality", "from", "to"].iter().any(|key| entry.get(key) == Some(peer.as_str()));
    // An episode is named `<what>.<whom>`, after an identity or a name.
    let episode = entry.get("id").and_then(|id| id.split_once('.'));
    named
        || entry.get("identity").is_some_and(is_its)
        || episode.is_some_and(|(_, whom)| whom == peer.as_str() || is_its(whom))
}

fn line(origin: Origin, entry: &Entry) -> LogLine {
    LogLine {
        ts: entry.ts().to_owned(),
        origin,
        identity: entry.get("identity").map(str::to_owned),
        event: Some(entry.event().to_owned()),
        what: words::of(entry),
    }
}

/// What the panes of a peer showed last.
fn panes(host: &Host, peer: &Personality) -> Result<Vec<LogLine>, ReadError> {
    let mut lines = Vec::new();
    for name in list_folder(&host.layout().pane_logs())? {
        let identity = name.strip_suffix(".log").and_then(|name| name.parse::<Identity>().ok());
        let Some(identity) = identity.filter(|identity| identity.personality() == peer) else { continue };
        let path = host.layout().pane_log(&identity);
        // One that has just gone has shown nothing.
        let Some(ts) = written_last(&path) else { continue };
        lines.extend(last_lines(&path, PANE_LINES).into_iter().map(|what| LogLine {
            ts: ts.clone(),
            origin: Origin::Pane,
            identity: Some(identity.to_string()),
            event: None,
            what,
        }));
    }
    Ok(lines)
}

fn written_last(path: &Utf8Path) -> Option<String> {
    let modified = path.metadata().and_then(|meta| meta.modified()).ok()?;
    Timestamp::try_from(modified).ok().map(iso_millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_about_a_peer_under_any_of_its_names() {
        let alpha: Personality = "alpha".parse().expect("a name");
        for (line, wanted) in [
            ("ts=T ev=wake identity=shell-alpha mode=fresh cause=x", true),
            ("ts=T ev=wake identity=claude-alpha mode=fresh cause=x", true),
            ("ts=T ev=wake identity=shell-alpha2 mode=fresh cause=x", false),
            ("ts=T ev=wake identity=shell-beta-alpha mode=fresh cause=x", false),
            ("ts=T ev=rename from=alpha to=beta", true),
            ("ts=T ev=rename from=beta to=alpha", true),
            ("ts=T ev=registry-fix personality=alpha", true),
            ("ts=T ev=degraded id=session.shell-alpha what=x", true),
            ("ts=T ev=degraded id=profile.alpha what=x", true),
            ("ts=T ev=degraded id=index what=x", false),
        ] {
            let entry = Entry::parse(line).expect("a line");
            assert_eq!(concerns(&entry, &alpha), wanted, "{line}");
        }
    }
}
