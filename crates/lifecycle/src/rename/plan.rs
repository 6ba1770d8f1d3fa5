//! What a rename will do: all guards that need the registry's lock, and the list of steps.

use camino::{Utf8Path, Utf8PathBuf};
use iapeer_registry::{Identity, Index, Peer, Personality, RuntimeName, profile_document};
use iapeer_statefile::{Lock, ReadError, list_all};

use super::RenameError;
use super::steps::{StepError, exists};
use crate::find::FindError;
use crate::host::Host;
use crate::owed::load;
use crate::transcripts::{claude_folder, real};
use crate::unfinished::{Record, Step};

/// Asks what only the registry can tell, and lists the steps. Changes nothing.
pub(super) fn plan(
    host: &Host,
    lock: &Lock,
    from: &Personality,
    to: &Personality,
    runtimes: Vec<RuntimeName>,
) -> Result<Record, RenameError> {
    let edit = host.registry().edit(lock)?;
    let index = edit.value().cloned().unwrap_or_default();
    let peer = index.find(from).ok_or_else(|| FindError::Unknown {
        personality: from.clone(),
        known: index.peers().iter().map(|p| p.facts.personality.clone()).collect(),
    })?;
    if !peer.facts.runtimes().iter().all(|runtime| runtimes.contains(runtime)) {
        return Err(RenameError::Changed { personality: from.clone() });
    }
    if let Some(there) = index.find(to) {
        return Err(RenameError::Taken { personality: to.clone(), cwd: there.cwd.clone() });
    }
    check_profile(lock, peer)?;

    let plan = match peer.cwd.is_symlink() {
        true => Folder::Stays("it is a symbolic link".to_owned()),
        false => folder(peer, to, &what_has_to_stay(host, peer, &index)),
    };
    let (new_cwd, stays) = match plan {
        Folder::Moves(to) => (to, None),
        Folder::Stays(why) => (peer.cwd.clone(), Some(why)),
    };
    let mut steps = Vec::new();
    if new_cwd != peer.cwd {
        free(&new_cwd)?;
        steps.push(Step::Move { from: peer.cwd.clone(), to: new_cwd.clone() });
        let old = real(&peer.cwd);
        let new = old.with_file_name(to.as_str());
        if let (Some(old), Some(new)) = (claude_folder(host, &old), claude_folder(host, &new))
            && old != new
        {
            free(&new)?;
            if there(&old)? {
                steps.push(Step::Move { from: old, to: new });
            }
        }
    }
    steps.push(Step::Profile);
    let mut last = vec![Step::Remove { path: host.layout().provision_lock(from) }];
    for (path, _, _) in files_of(&host.layout().owed(), from)? {
        if is_temporary(&path) {
            last.push(Step::Remove { path });
        } else if path.extension() == Some("json") && load(&path)?.is_some_and(|owed| owed.cwd == peer.cwd) {
            // What is owed about a namesake that had another folder is not this peer's, and stays.
            steps.push(Step::Debt { path });
        }
    }
    for (path, runtime, rest) in files_of(&host.layout().facts(), from)? {
        // A lock is what it is by its file, not by its name.
        if is_temporary(&path) || rest == "wake.lock" {
            last.push(Step::Remove { path });
        } else {
            let to = host.layout().fact(&Identity::new(runtime, to.clone()), &rest);
            steps.push(Step::Move { from: path, to });
        }
    }
    for (path, runtime, rest) in files_of(&host.layout().pane_logs(), from)? {
        let to = host.layout().pane_logs().join(format!("{}.{rest}", Identity::new(runtime, to.clone())));
        // A namesake that was removed has left its log, and neither shall take the place of the other.
        if !there(&to)? {
            steps.push(Step::Move { from: path, to });
        }
    }
    for runtime in &runtimes {
        // Nobody listens on it: what is live was refused.
        let path = host.layout().socket(&Identity::new(runtime.clone(), from.clone()));
        if there(&path)? {
            last.push(Step::Remove { path });
        }
    }
    steps.push(Step::Index);
    // Their locks are held until the end, and whoever waits for them finds out that the name is gone.
    steps.extend(last);
    Ok(Record::new((from, peer.cwd.clone()), (to, new_cwd), stays, runtimes, steps))
}

/// What becomes of the folder.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Folder {
    /// It gets this path.
    Moves(Utf8PathBuf),
    /// It stays, and why.
    Stays(String),
}

/// What becomes of the folder of a peer that gets the name `to`: it goes along when its name is that of
/// the peer, and nothing has to stay where it is (what, and the real path of that).
pub(super) fn folder(peer: &Peer, to: &Personality, staying: &[(String, Utf8PathBuf)]) -> Folder {
    let name = peer.cwd.file_name().unwrap_or("");
    if Personality::derive(name).ok().as_ref() != Some(&peer.facts.personality) {
        return Folder::Stays("its name is not that of the peer".to_owned());
    }
    match staying.iter().find(|(_, path)| path.starts_with(&peer.cwd)) {
        Some((what, _)) => Folder::Stays(format!("{what} is in it")),
        None => Folder::Moves(peer.cwd.with_file_name(to.as_str())),
    }
}

/// What would lose its path with the folder of a peer: the root, the home folder, other peers.
fn what_has_to_stay(host: &Host, peer: &Peer, index: &Index) -> Vec<(String, Utf8PathBuf)> {
    let mut staying = vec![("the root".to_owned(), host.layout().root().to_owned())];
    staying.extend(host.settings().home.clone().map(|home| ("the home folder".to_owned(), home)));
    let others = index.peers().iter().filter(|other| other.facts.personality != peer.facts.personality);
    staying
        .extend(others.map(|p| (format!("the folder of the peer {}", p.facts.personality), p.cwd.clone())));
    // Told as the peer's own path is told, whatever links there are on the way.
    let own = real(&peer.cwd);
    for (_, path) in &mut staying {
        if let Ok(below) = real(path).strip_prefix(&own) {
            *path = peer.cwd.join(below);
        }
    }
    staying
}

/// The runtimes for which there are facts about one of these peers, whatever the index says.
pub(super) fn runtimes_with_facts(
    host: &Host,
    peers: &[&Personality],
) -> Result<Vec<RuntimeName>, RenameError> {
    let mut runtimes = Vec::new();
    for peer in peers {
        let files = files_of(&host.layout().facts(), peer)?;
        runtimes.extend(files.into_iter().map(|(_, runtime, _)| runtime));
    }
    Ok(runtimes)
}

/// The profile must be this peer's, so that the name in it can be changed.
fn check_profile(lock: &Lock, peer: &Peer) -> Result<(), RenameError> {
    let (wanted, cwd) = (&peer.facts.personality, &peer.cwd);
    let document = profile_document(cwd);
    let edit = document.edit(lock)?;
    match edit.value() {
        None => Err(RenameError::NoProfile { personality: wanted.clone(), cwd: cwd.clone() }),
        Some(profile) if profile.facts.personality != *wanted => Err(RenameError::OtherProfile {
            path: document.path().to_owned(),
            found: profile.facts.personality.clone(),
            wanted: wanted.clone(),
        }),
        Some(_) => Ok(()),
    }
}

/// What a writer that was cut off has left.
fn is_temporary(path: &Utf8Path) -> bool {
    path.file_name().is_some_and(|name| name.starts_with('.'))
}

/// The files in a folder whose name begins with an identity of this peer and a dot (after another dot,
/// where they are temporary): path, runtime, and what follows.
fn files_of(
    folder: &Utf8Path,
    peer: &Personality,
) -> Result<Vec<(Utf8PathBuf, RuntimeName, String)>, RenameError> {
    let names = list_all(folder).map_err(|e| match e {
        ReadError::Io { path, source } => RenameError::Look { path, source },
        other => RenameError::Read(other),
    })?;
    let mut files = Vec::new();
    for name in &names {
        let Some((identity, rest)) = name.strip_prefix('.').unwrap_or(name).split_once('.') else { continue };
        if let Ok(identity) = identity.parse::<Identity>()
            && identity.personality() == peer
        {
            files.push((folder.join(name), identity.runtime().clone(), rest.to_owned()));
        }
    }
    files.sort();
    Ok(files)
}

/// Nothing may stand where something of the peer will go.
fn free(path: &Utf8Path) -> Result<(), RenameError> {
    match there(path)? {
        true => Err(RenameError::InTheWay { path: path.to_owned() }),
        false => Ok(()),
    }
}

fn there(path: &Utf8Path) -> Result<bool, RenameError> {
    exists(path).map_err(|e| match e {
        StepError::Look { path, source } => RenameError::Look { path, source },
        other => RenameError::TakenBack(Box::new(other)),
    })
}
