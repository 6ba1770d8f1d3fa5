//! What the next program finds.

use std::fs;

use camino::Utf8Path;
use iapeer_registry::profile_document;
use iapeer_statefile::Reading;

use crate::child::Outcome;
use crate::operation::{Index, Operation, index, namesake};
use crate::place::{Files, Place};

/// The peers before and after the operation.
pub(crate) struct Expected {
    pub(crate) old: Vec<String>,
    pub(crate) new: Vec<String>,
}

/// What a removal says when nothing on the disk will remember it.
const UNREMEMBERED: &str = "would come back";

/// Everything that must hold after an operation was cut off, whatever step that was at.
pub(crate) fn check(
    operation: &Operation,
    place: &Place,
    before: &Files,
    expected: &Expected,
    outcome: &Outcome,
) -> Result<(), String> {
    if let Outcome::Failed(_) = outcome {
        is_as_it_was(operation, before, &place.files())?;
    }
    log_is_whole(operation, place, before, outcome)?;
    let found = try_view(place)?;
    let right = match outcome {
        Outcome::Killed => found == expected.old || found == expected.new,
        Outcome::Done { .. } => found == expected.new,
        Outcome::Failed(_) => found == expected.old,
        Outcome::Again => false,
    };
    let silent = matches!(outcome, Outcome::Done { warnings } if warnings.is_empty());
    if !right && (silent || !is_between(operation, &found, &expected.new)) {
        return Err(format!("the next one finds {found:?}"));
    }

    match operation.run(place, &operation.host(place)) {
        Outcome::Done { .. } | Outcome::Again => {}
        other => return Err(format!("done again, it is {other:?}")),
    }
    let found = try_view(place)?;
    if found != expected.new {
        return Err(format!("done again, there are {found:?}"));
    }
    profiles_agree(place)?;

    let remembered = match outcome {
        Outcome::Done { warnings } => !warnings.iter().any(|w| w.contains(UNREMEMBERED)),
        // When it was cut off, nobody was told that the peer is removed.
        Outcome::Killed => false,
        Outcome::Failed(_) | Outcome::Again => true,
    };
    fs::remove_file(index(place)).unwrap();
    let found = try_view(place)?;
    let is_removed = |peer: &&String| operation.removes.is_some_and(|name| is_named(peer, name));
    if !found.iter().filter(|peer| !is_removed(peer)).eq(&expected.new) {
        return Err(format!("when the index is lost one day, there are {found:?}"));
    }
    let Some(name) = operation.removes else { return Ok(()) };
    if remembered {
        fs::remove_file(index(place)).unwrap();
        fs::remove_dir_all(place.root("backups")).unwrap();
        if let Some(peer) = found.iter().chain(&try_view(place)?).find(is_removed) {
            return Err(format!("back when the index, or its backups, too, are lost: {peer}"));
        }
    }
    if remembered || is_marked(place, name) { has_no_past(place, name) } else { Ok(()) }
}

/// Whether these are the new peers without some that may not be there yet.
fn is_between(operation: &Operation, found: &[String], new: &[String]) -> bool {
    let Index::Mended(missing) = operation.index else { return false };
    missing.iter().any(|names| {
        let there = |peer: &&String| !names.iter().any(|name| is_named(peer, name));
        found.iter().eq(new.iter().filter(there))
    })
}

/// Whether a peer, as it is viewed, has this name.
fn is_named(peer: &str, name: &str) -> bool {
    peer.split(' ').next() == Some(name)
}

/// A namesake of a removed peer begins without the facts about that.
fn has_no_past(place: &Place, name: &str) -> Result<(), String> {
    match &namesake(place, name)[..] {
        [] => Ok(()),
        facts => Err(format!("a namesake begins with {facts:?}")),
    }
}

/// Whether it is remembered that the peer was removed.
fn is_marked(place: &Place, name: &str) -> bool {
    let marks = place.root("state/removed").read_dir_utf8();
    marks.is_ok_and(|mut marks| marks.any(|mark| mark.unwrap().file_name().starts_with(&format!("{name}."))))
}

/// The peers as the next program sees them.
pub(crate) fn view(place: &Place) -> Vec<String> {
    try_view(place).unwrap()
}

fn try_view(place: &Place) -> Result<Vec<String>, String> {
    let peers = place.host().peers().map_err(|e| format!("the peers cannot be listed: {e}"))?;
    if let Some(lost) = peers.lost {
        return Err(format!("the index is not mended: {lost}"));
    }
    let tell = |peer: &iapeer_registry::Peer| {
        let facts = &peer.facts;
        let cwd = peer.cwd.strip_prefix(&place.folder).unwrap();
        let runtimes: Vec<_> = facts.runtimes().iter().map(|runtime| runtime.as_str()).collect();
        format!("{} {runtimes:?} {} {cwd}", facts.personality, facts.default_runtime())
    };
    Ok(peers.index.peers().iter().map(tell).collect())
}

fn profiles_agree(place: &Place) -> Result<(), String> {
    for peer in place.host().peers().unwrap().index.peers() {
        match profile_document(&peer.cwd).read() {
            Reading::Present(profile) if profile.facts == peer.facts => {}
            other => return Err(format!("{:?} is told of, and its profile is {other:?}", peer.facts)),
        }
    }
    Ok(())
}

/// Nothing was done, but for what a program may leave that failed.
fn is_as_it_was(operation: &Operation, before: &Files, after: &Files) -> Result<(), String> {
    let may_change = |path: &Utf8Path| {
        may_change(path) || operation.index != Index::Kept && path == "root/peers-profiles.json"
    };
    for (path, bytes) in &before.files {
        if !may_change(path) && after.files.get(path) != Some(bytes) {
            return Err(format!("it failed, and {path} is not as it was"));
        }
    }
    let new = after.files.keys().filter(|path| !before.files.contains_key(*path));
    let folders = after.folders.symmetric_difference(&before.folders);
    match new.chain(folders).find(|path| !may_change(path)) {
        Some(path) => Err(format!("it failed, and left {path}")),
        None => Ok(()),
    }
}

/// What a program that failed may leave: locks, marks of what is degraded, lines in logs, generations, and
/// copies in quarantine, with their folders, and the root that they are in.
fn may_change(path: &Utf8Path) -> bool {
    const OWN: [&str; 4] = ["root/backups", "root/quarantine", "root/logs", "root/state/degraded"];
    const FOLDERS: [&str; 4] = ["root", "root/state", "root/state/lifecycle", "root/state/removed"];
    path.extension() == Some("lock")
        || OWN.iter().any(|own| path.starts_with(own))
        || FOLDERS.iter().any(|folder| path == *folder)
}

/// Every line that was in the log still is, and none twice; at most one is torn; and a removal that was
/// acknowledged is told there.
fn log_is_whole(
    operation: &Operation,
    place: &Place,
    before: &Files,
    outcome: &Outcome,
) -> Result<(), String> {
    let log = operation.host(place).lifecycle_log().read().map_err(|e| e.to_string())?;
    if log.unreadable_lines > 1 {
        return Err(format!("{} lines of the log cannot be read", log.unreadable_lines));
    }
    let mut lines: Vec<_> = log.entries.iter().map(|entry| format!("{entry:?}")).collect();
    lines.sort();
    lines.dedup();
    let of_log = before.files.iter().filter(|(path, _)| path.as_str().contains("/lifecycle.log"));
    let of_log = of_log.filter(|(path, _)| path.extension() != Some("lock"));
    let known: usize = of_log.map(|(_, bytes)| bytes.iter().filter(|b| **b == b'\n').count()).sum();
    if lines.len() != log.entries.len() || lines.len() < known {
        return Err(format!("the log had {known} lines, and has {:?}", log.entries));
    }
    let told = log.entries.iter().filter(|entry| entry.event() == "remove").count();
    match outcome {
        Outcome::Done { warnings } if operation.removes.is_some() && warnings.is_empty() && told != 1 => {
            Err(format!("the removal is told {told} times in the log"))
        }
        _ => Ok(()),
    }
}
