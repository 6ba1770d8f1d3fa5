//! Why an identity is as it is: everything that is known of it, joined into one answer.
//!
//! The journals tell what happened, the facts what is marked, the forensics what the machine looked like.
//! `story.rs` makes one story of the journals, and the answer follows from that alone; `evidence.rs` looks up
//! what else stands on the disk.

mod evidence;
mod explain;
mod story;

use iapeer_canary::Deaths;
use iapeer_registry::Identity;
use iapeer_statefile::{Entry, ReadError};
use serde::Serialize;

use crate::facts::Facts;
use crate::host::Host;
use crate::incident::incidents;
use crate::observe::{Status, observe};
use crate::pane::last_lines;

pub(crate) use explain::explain;
use story::Story;
pub(crate) use story::on_purpose;

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
    /// What its pane showed last.
    pub pane: Vec<String>,
}

/// How many happenings an answer shows.
const TIMELINE: usize = 14;
/// How many lines of the pane it shows.
const PANE_LINES: usize = 4;

/// Why an identity is as it is.
///
/// # Errors
///
/// [`ReadError`] when a journal is there and cannot be read.
pub fn why(host: &Host, identity: &Identity) -> Result<Why, ReadError> {
    let name = identity.to_string();
    let exits = host.canary().lines()?;
    let decisions = host.lifecycle_log().read()?;
    let records = Deaths::of(&exits).records;
    let incidents = incidents(&records);
    let last = records.iter().rposition(|record| record.identity == name);
    let together: Vec<_> = match last.and_then(|last| incidents[last].as_ref()) {
        Some(incident) => {
            let same = records.iter().zip(&incidents).filter(|(_, i)| i.as_ref() == Some(incident));
            same.map(|(record, _)| record.identity.as_str()).collect()
        }
        None => Vec::new(),
    };
    let was_awake =
        Facts::of(host.layout(), identity).was_ever_awake() || host.layout().pane_log(identity).exists();
    let story = Story::of(&name, &decisions.entries, last.map(|last| &records[last]), was_awake);

    let observed = observe(host, identity);
    let gathered = evidence::gather(host, identity, &story, &together, &observed);
    let (answer, confidence) = story.answer(&name, &observed, gathered.killed_for_memory);
    let lines = exits.entries.iter().chain(&decisions.entries);
    let mut timeline: Vec<_> = lines.filter(|entry| concerns(entry, identity)).map(happening).collect();
    timeline.extend(gathered.activity);
    timeline.sort_by(|a, b| a.ts.cmp(&b.ts));
    timeline.drain(..timeline.len().saturating_sub(TIMELINE));
    let pane = last_lines(&host.layout().pane_log(identity), PANE_LINES);
    Ok(Why {
        identity: identity.clone(),
        status: observed.status,
        answer,
        confidence,
        evidence: gathered.evidence,
        timeline,
        pane,
    })
}

/// Whether a line of a journal is about this identity, or about what is wrong with it.
fn concerns(entry: &Entry, identity: &Identity) -> bool {
    let is_episode = matches!(entry.event(), "degraded" | "recovered");
    entry.get("identity") == Some(&identity.to_string())
        || is_episode
            && entry.get("id").is_some_and(|id| evidence::episodes(identity).iter().any(|e| e == id))
}

/// A line of a journal as a happening: the event and its fields, without what every line has.
pub(crate) fn happening(entry: &Entry) -> Happening {
    let fields = entry.fields().filter(|(key, value)| {
        let name_of_death = *key == "death" && value.contains('.');
        !matches!(*key, "ts" | "ev" | "identity" | "end") && !name_of_death && !value.is_empty()
    });
    let fields =
        fields.map(|(key, value)| format!(" {key}={}", iapeer_statefile::quote(value))).collect::<String>();
    Happening { ts: entry.ts().to_owned(), what: format!("{}{fields}", entry.event()) }
}
