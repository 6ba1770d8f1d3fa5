//! What is wrong at the moment, and the episodes of it.
//!
//! What is degraded is found by looking, each time anew. So that each episode is one event, and not one for
//! every look, a mark stands on the disk from the look that found it first until one that finds it mended.

use camino::Utf8PathBuf;
use iapeer_registry::{Peer, profile_document, profile_path};
use iapeer_slot::Slot;
use iapeer_statefile::{
    Creation, Line, Reading, Removal, StateFault, WriteError, create_file, ensure_dir, iso_millis,
    list_folder, remove_file,
};
use serde::Serialize;

use crate::host::{Host, Peers, Warning, now, with_causes};
use crate::observe::{Observed, Status, observe_peers};
use crate::owed::owed;
use crate::unfinished::{Unfinished, none_unfinished};

/// Something that is wrong, and stays so until somebody mends it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Degradation {
    /// What it is about: the same for as long as it lasts.
    pub id: String,
    /// What is wrong.
    pub what: String,
    /// What mends it.
    pub remedy: Option<String>,
}

impl Degradation {
    fn new(id: impl Into<String>, what: impl Into<String>, remedy: impl Into<String>) -> Degradation {
        Degradation { id: id.into(), what: what.into(), remedy: Some(remedy.into()) }
    }
}

/// A look at the whole host.
#[derive(Debug, Clone)]
pub struct Survey {
    /// What each peer does in each of its runtimes, in the order of the index.
    pub observed: Vec<Vec<Observed>>,
    /// What is wrong.
    pub degradations: Vec<Degradation>,
    /// How many provider commands are owed; what cannot be listed is among what is wrong.
    pub owed: usize,
    /// What is in the slot.
    pub slot: Slot,
}

/// Looks at every peer, and for everything that is wrong. `peers` is what the index gave.
pub fn survey(host: &Host, peers: Result<&Peers, &StateFault>) -> Survey {
    let mut all = Vec::new();
    of_index(host, peers, &mut all);
    let peers = peers.map_or(&[][..], |peers| peers.index.peers());
    let observed = observe_peers(host, peers);
    for (peer, observed) in peers.iter().zip(&observed) {
        observed.iter().for_each(|o| of_session(o, &mut all));
        of_profile(host, peer, &mut all);
    }
    of_rename(host, &mut all);
    let owed = of_owed_work(host, &mut all);
    let slot = host.slot();
    of_slot(host, &slot, &mut all);
    Survey { observed, degradations: all, owed, slot }
}

/// Begins and ends the episodes: one event when something is found wrong that was not, one when it is found
/// so no more. Without a root there is nothing to begin in.
pub fn note_episodes(host: &Host, all: &[Degradation]) {
    if let Err(warning) = try_note(host, all) {
        host.aside(warning);
    }
}

fn try_note(host: &Host, all: &[Degradation]) -> Result<(), Warning> {
    let unwritten = |e: &dyn std::error::Error| Warning::of("what is degraded is not written down", e);
    let folder = host.layout().degradations();
    let before = list_folder(&folder).map_err(|e| unwritten(&e))?;
    if all.is_empty() && before.is_empty() || !host.layout().root().is_dir() {
        return Ok(());
    }
    for new in all.iter().filter(|new| !before.contains(&new.id)) {
        begin_episode(host, new).map_err(|e| unwritten(&e))?;
    }
    for old in before.iter().filter(|old| all.iter().all(|d| d.id != **old)) {
        if remove_file(&folder.join(old)).map_err(|e| unwritten(&e))? == Removal::Removed {
            host.log_aside(&Line::new(now(), "recovered").field("id", old));
        }
    }
    Ok(())
}

/// Begins the episode of a degradation, unless it has begun.
fn begin_episode(host: &Host, new: &Degradation) -> Result<(), WriteError> {
    let folder = host.layout().degradations();
    ensure_dir(&folder)?;
    let since = format!("{}\n", iso_millis(now()));
    if create_file(&folder.join(&new.id), since.as_bytes())? == Creation::Created {
        let line = Line::new(now(), "degraded").field("id", &new.id).field("what", &new.what);
        host.log_aside(&line.field_opt("remedy", new.remedy.as_ref()));
    }
    Ok(())
}

/// Begins the episodes of an index that is not as it should be, whoever finds it so first.
pub(crate) fn note_index(host: &Host, peers: Result<&Peers, &StateFault>) {
    let mut all = Vec::new();
    of_index(host, peers, &mut all);
    for new in &all {
        if let Err(e) = begin_episode(host, new) {
            host.aside(Warning::of("what is degraded is not written down", &e));
        }
    }
}

fn of_index(host: &Host, peers: Result<&Peers, &StateFault>, all: &mut Vec<Degradation>) {
    let path = host.registry().path();
    match peers {
        Err(fault) => all.push(Degradation::new("registry", with_causes(fault), "iapeer doctor")),
        Ok(Peers { lost: Some(lost), .. }) => {
            all.push(Degradation::new("registry", lost, "iapeer doctor --fix"));
        }
        Ok(Peers { bad, .. }) if !bad.is_empty() => {
            let bad: Vec<_> = bad.iter().map(|b| format!("{path}#{}: {}", b.pointer, b.reason)).collect();
            all.push(Degradation::new("registry-entries", bad.join("; "), "iapeer doctor --fix"));
        }
        Ok(_) => {}
    }
}

fn of_session(observed: &Observed, all: &mut Vec<Degradation>) {
    if let Status::Unknown(reason) = &observed.status {
        let what = format!("whether {} is live cannot be told: {reason}", observed.identity);
        all.push(Degradation::new(format!("session-{}", observed.identity), what, "iapeer doctor"));
    }
}

fn of_profile(host: &Host, peer: &Peer, all: &mut Vec<Degradation>) {
    let name = &peer.facts.personality;
    let document = profile_document(&peer.cwd);
    let fault = match document.read() {
        Reading::Fresh if peer.cwd.is_dir() => {
            Some((format!("{} is gone", profile_path(&peer.cwd)), profile_remedy(host, peer)))
        }
        // A folder that is gone is told where it is needed; it may be on a disk that is not there now.
        Reading::Fresh => None,
        reading => {
            document.usable(reading).err().map(|fault| (with_causes(&fault), profile_remedy(host, peer)))
        }
    };
    if let Some((what, remedy)) = fault {
        all.push(Degradation::new(format!("profile-{name}"), what, remedy));
    }
}

/// What brings a profile back.
pub(crate) fn profile_remedy(host: &Host, peer: &Peer) -> String {
    let name = &peer.facts.personality;
    match host.registry().profile_backups(name).list() {
        Ok(generations) if !generations.is_empty() => format!("iapeer restore profiles/{name}"),
        _ => format!("iapeer init {}", peer.cwd),
    }
}

fn of_rename(host: &Host, all: &mut Vec<Degradation>) {
    match none_unfinished(host) {
        Ok(()) => {}
        Err(e) => {
            let remedy = match &e {
                Unfinished::Rename { from, to } => format!("iapeer rename {from} {to}"),
                _ => "iapeer doctor".to_owned(),
            };
            all.push(Degradation::new("rename", with_causes(&e), remedy));
        }
    }
}

/// How many commands are owed.
fn of_owed_work(host: &Host, all: &mut Vec<Degradation>) -> usize {
    let (owed, bad) = match owed(host.layout()) {
        Ok(found) => found,
        Err(e) => {
            let what = format!("what is owed to the provider cannot be told: {}", with_causes(&e));
            all.push(Degradation::new("owed", what, "iapeer doctor"));
            return 0;
        }
    };
    for owed in &owed {
        let last = owed.last.as_deref().unwrap_or("it did not come to its end");
        let (identity, occasion, since) = (owed.identity(), owed.occasion, &owed.since);
        let what =
            format!("the provider's command for {identity} ({occasion}) is owed since {since}: {last}");
        let remedy = format!("iapeer memory-plugin retry --peer {}", owed.personality);
        let id = owed.path(host.layout()).file_name().unwrap_or("owed").to_owned();
        all.push(Degradation::new(id, what, remedy));
    }
    for e in &bad {
        all.push(Degradation::new("owed-records", with_causes(e), "mend or remove that file"));
    }
    owed.len()
}

fn of_slot(host: &Host, slot: &Slot, all: &mut Vec<Degradation>) {
    let path: Utf8PathBuf = host.layout().slot();
    match slot {
        Slot::Empty => {}
        Slot::Unusable { reason } => {
            let what = format!("the memory slot {path} cannot be used: {reason}");
            all.push(Degradation::new("slot", what, format!("iapeer slot check {path}")));
        }
        Slot::Occupied(occupied) => {
            let skipped = occupied.skipped.iter().map(|skipped| format!("{path}#{skipped}"));
            let skipped = skipped.collect::<Vec<_>>().join("; ");
            if !skipped.is_empty() {
                all.push(Degradation::new("slot-skipped", skipped, format!("iapeer slot check {path}")));
            }
        }
    }
}
