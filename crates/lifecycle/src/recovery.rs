//! Mending the index of peers: what is lost is taken back, what is bad is set aside, and each mend is told
//! once and written down.
//!
//! A lost index is taken back from its newest good generation, and then from the profiles in every folder
//! that this generation, the folder of peers, the sessions, the damaged bytes themselves or the current
//! folder name: a profile is the truth about its peer. What is registered again is asleep, and a peer that
//! was removed stays removed.

use camino::{Utf8Path, Utf8PathBuf};
use iapeer_registry::{Index, IndexFormat, Peer, profile_document};
use iapeer_statefile::{
    Breaker, Edit, Lock, Reading, Rebuild, RecoverError, Recovered, Source, StateFault, ensure_dir,
    list_folder, read_file,
};

use crate::host::{Host, Peers, Warning, now, with_causes};
use crate::removed::Removals;
use crate::undo::commit;

/// A session is not larger than this, in bytes.
const SESSION_LIMIT: u64 = 1 << 20;

/// No damaged index is searched for folders beyond this, in bytes.
const INDEX_LIMIT: u64 = 16 << 20;

/// The index for reading. One that is lost is mended; where that cannot be written, what could be taken
/// back is used all the same, and that is said.
///
/// # Errors
///
/// [`StateFault`] when it cannot be used and nothing of it can be taken back.
pub(crate) fn read_index(host: &Host) -> Result<Peers, StateFault> {
    let document = host.registry().document();
    let peers = |(index, bad): (Option<Index>, _)| {
        let index = index.unwrap_or_default();
        Peers { index, bad, lost: None }
    };
    let reading = document.read();
    if !matches!(reading, Reading::Fresh | Reading::Vanished | Reading::Corrupt { .. }) {
        return document.usable(reading).map(peers);
    }
    // Somebody may have mended it since.
    let Some(lost) = document.lost()? else { return document.usable(document.read()).map(peers) };
    let sources = Sources::new(host, lost.fault());
    let preview = lost.preview(&sources.order(begins_anew(lost.fault(), Breaker::Obeyed)));
    if preview.is_none() && lost.fault().is_none() {
        return Ok(peers((None, Vec::new())));
    }
    let unwritten = match lock(host).map(|lock| mend_lost(host, &lock, Breaker::Obeyed)) {
        Ok(Ok(())) => return document.usable(document.read()).map(peers),
        Ok(Err(e)) => with_causes(&e),
        Err(reason) => reason,
    };
    // Without anything left of it, what is wrong with it is all that there is to say.
    let Some(index) = preview else { return document.usable(document.read()).map(peers) };
    let path = document.path();
    let lost = format!("{path} is lost and was not mended, so this is what is left of it: {unwritten}");
    host.aside(Warning::new(&*lost).hint("iapeer doctor --fix"));
    Ok(Peers { index, bad: Vec::new(), lost: Some(lost) })
}

/// The index for a change, mended first where it has to be.
///
/// # Errors
///
/// [`StateFault`] when it can neither be used nor mended; it is as it was then.
pub(crate) fn edit_index<'a>(host: &'a Host, lock: &'a Lock) -> Result<Edit<'a, IndexFormat>, StateFault> {
    match mend_lost(host, lock, Breaker::Obeyed) {
        // Without anything left of it, what is wrong with it is all that there is to say.
        Ok(()) | Err(MendIndexError::Recover(RecoverError::NothingLeft { .. })) => {}
        Err(e) => host.aside(Warning::of("it was not mended", &e).hint("iapeer doctor --fix")),
    }
    let edit = host.registry().edit(lock)?;
    if edit.bad().is_empty() {
        return Ok(edit);
    }
    match set_bad_entries_aside(host, edit, Breaker::Obeyed) {
        Ok(()) => host.registry().edit(lock),
        Err(e) => {
            // They stay where they are, and are written back as they were found.
            host.aside(Warning::of("its bad entries stay where they are", &e).hint("iapeer doctor --fix"));
            host.registry().edit(lock)
        }
    }
}

/// Why the index was not mended. It is as it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MendIndexError {
    /// It cannot be told what there is.
    #[error(transparent)]
    State(#[from] StateFault),
    /// It could not be taken back.
    #[error(transparent)]
    Recover(#[from] RecoverError),
    /// What is bad could not be set aside.
    #[error(transparent)]
    Quarantine(#[from] iapeer_statefile::QuarantineError),
    /// It could not be written.
    #[error(transparent)]
    Commit(#[from] iapeer_statefile::CommitError),
    /// Somebody else holds the registry.
    #[error(transparent)]
    Lock(#[from] iapeer_statefile::LockError),
    /// The root cannot be written.
    #[error(transparent)]
    Write(#[from] iapeer_statefile::WriteError),
}

/// Mends the index because a person asked for it: the breaker does not count, and an index of which
/// nothing is left begins anew. What was done is among [`Host::asides`].
///
/// # Errors
///
/// [`MendIndexError`].
pub fn mend_index(host: &Host) -> Result<(), MendIndexError> {
    ensure_dir(host.layout().root())?;
    let lock = host.registry().lock(&host.settings().caller)?;
    mend_lost(host, &lock, Breaker::Overruled)?;
    let edit = host.registry().edit(&lock)?;
    if edit.bad().is_empty() { Ok(()) } else { set_bad_entries_aside(host, edit, Breaker::Overruled) }
}

fn lock(host: &Host) -> Result<Lock, String> {
    ensure_dir(host.layout().root()).map_err(|e| with_causes(&e))?;
    host.registry().lock(&host.settings().caller).map_err(|e| with_causes(&e))
}

/// Takes a lost index back. The caller holds its lock.
fn mend_lost(host: &Host, lock: &Lock, breaker: Breaker) -> Result<(), MendIndexError> {
    let document = host.registry().document();
    let lost = match document.lost() {
        Ok(Some(lost)) => lost,
        // Whoever wants to use it is told the same by its own look.
        Ok(None) | Err(_) => return Ok(()),
    };
    let sources = Sources::new(host, lost.fault());
    let order = sources.order(begins_anew(lost.fault(), breaker));
    let recovered = lost.recover(lock, &order, &host.quarantine(), breaker)?;
    if let Some(index) = &recovered.value {
        tell(host, index, &recovered);
    }
    Ok(())
}

/// Moves the entries that cannot be used into quarantine, and registers again whose profile can be read.
fn set_bad_entries_aside(
    host: &Host,
    edit: Edit<'_, IndexFormat>,
    breaker: Breaker,
) -> Result<(), MendIndexError> {
    let path = host.registry().path();
    let mut index = edit.value().cloned().unwrap_or_default();
    let bad = edit.bad().to_vec();
    let entries = index.take_unreadable();
    let document = serde_json::json!({
        "from": path,
        "reasons": bad.iter().map(|b| format!("{}: {}", b.pointer, b.reason)).collect::<Vec<_>>(),
        "entries": entries,
    });
    let mut bytes = serde_json::to_vec_pretty(&document).expect("a JSON value has only string keys");
    bytes.push(b'\n');
    let before = index.peers().len();
    let folders = entries.iter().filter_map(|entry| Some(Utf8PathBuf::from(entry.get("cwd")?.as_str()?)));
    if let Some(removals) = Sources::new(host, None).removals {
        register_again(&mut index, folders, &removals);
    }
    let again = index.peers().len() - before;
    let name = path.file_name().expect("the index has a name");
    let put = host.quarantine().put(name, &bytes, breaker, now())?;
    commit(host, host.registry().document(), edit, &index)?;
    let what = if bad.len() == 1 { "1 entry".to_owned() } else { format!("{} entries", bad.len()) };
    let message = format!(
        "{what} of {path} could not be used ({}); moved to {put}, registered again by profile: {again}",
        bad.iter().map(|b| b.reason.as_str()).collect::<Vec<_>>().join("; ")
    );
    let (fault, from) = (format!("{what} could not be used"), "the profiles of their folders");
    host.log_mend(path, &fault, from, Some(index.peers().len()), Some(&put));
    host.aside(Warning::new(message).hint(format!("look at {put}; iapeer init DIR registers a folder")));
    Ok(())
}

/// Tells of a mend, once.
fn tell(host: &Host, index: &Index, recovered: &Recovered<Index>) {
    let path = host.registry().path();
    let from = recovered.from.join(", then ");
    let fault = recovered.fault.clone().unwrap_or_else(|| format!("{path} was not there"));
    let peers = index.peers().len();
    let listed = if peers == 1 { "1 peer".to_owned() } else { format!("{peers} peers") };
    host.log_mend(path, &fault, &from, Some(peers), recovered.quarantined.as_deref());
    let kept = recovered
        .quarantined
        .as_ref()
        .map_or_else(String::new, |to| format!("; what stood there is in {to}"));
    let came =
        if from.is_empty() { "nothing was left of it".to_owned() } else { format!("mended from {from}") };
    host.aside(Warning::new(format!("{fault}; {came} ({listed}){kept}")).hint("iapeer verify"));
}

/// Whether an index of which nothing is left begins anew: when it is gone with all that it was, or when a
/// person asks for it. One that never was there does not begin by being looked at.
fn begins_anew(fault: Option<&StateFault>, breaker: Breaker) -> Anew {
    match (fault, breaker) {
        (Some(StateFault::Vanished { .. }), _) | (Some(_), Breaker::Overruled) => Anew::Yes,
        _ => Anew::No,
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Anew {
    Yes,
    No,
}

/// What a lost index is taken back from.
struct Sources<'a> {
    /// Who was removed; `None` when that cannot be told.
    removals: Option<Removals>,
    rebuild: Box<Rebuild<'a, Index>>,
}

impl<'a> Sources<'a> {
    fn new(host: &'a Host, fault: Option<&StateFault>) -> Sources<'a> {
        // In a root that is new, nobody asked for the peer of the folder from which it is looked at.
        let here = fault.and_then(|_| host.settings().current_folder.clone());
        let removals = match Removals::read(host.layout()) {
            Ok(removals) => Some(removals),
            Err(e) => {
                let message = "who was removed cannot be told, so nobody is registered again by profile";
                host.aside(Warning::of(message, &e));
                None
            }
        };
        let marks = removals.clone();
        let rebuild = move |found: Option<Index>, bytes: Option<&[u8]>| match &marks {
            Some(removals) => rebuild(host, removals, found, bytes, here.clone()),
            None => found,
        };
        Sources { removals, rebuild: Box::new(rebuild) }
    }

    /// The order in which they are asked.
    fn order(&self, anew: Anew) -> Vec<Source<'_, Index>> {
        let mut order = vec![
            Source::Backup,
            Source::Rebuild { what: "the profiles in the peers' folders", with: &*self.rebuild },
        ];
        if anew == Anew::Yes {
            let empty = &|found: Option<Index>, _: Option<&[u8]>| Some(found.unwrap_or_default());
            order.push(Source::Rebuild { what: "nothing: it begins anew", with: empty });
        }
        order
    }
}

/// What there is of the index, without those who were removed and with everybody whose profile is found.
fn rebuild(
    host: &Host,
    removals: &Removals,
    found: Option<Index>,
    damaged: Option<&[u8]>,
    here: Option<Utf8PathBuf>,
) -> Option<Index> {
    let was_found = found.is_some();
    let mut index = found.unwrap_or_default();
    let gone: Vec<_> = index
        .peers()
        .iter()
        .filter(|peer| removals.has(&peer.facts.personality, &peer.cwd))
        .map(|peer| peer.facts.personality.clone())
        .collect();
    for personality in gone {
        index.remove(&personality);
    }
    let known: Vec<_> = index.peers().iter().map(|peer| peer.cwd.clone()).collect();
    let folders = known
        .into_iter()
        .chain(folders_of_peers(host))
        .chain(folders_of_sessions(host))
        .chain(damaged.map(folders_in).unwrap_or_default())
        .chain(if was_found { Vec::new() } else { folders_in_quarantine(host) })
        .chain(here);
    register_again(&mut index, folders, removals);
    (was_found || !index.peers().is_empty()).then_some(index)
}

/// Registers the peer of each folder whose profile can be read, unless it was removed, or its name or
/// folder is another's: who is there first stays.
fn register_again(index: &mut Index, folders: impl IntoIterator<Item = Utf8PathBuf>, removals: &Removals) {
    for folder in folders {
        let Ok(folder) = folder.canonicalize_utf8() else { continue };
        let Reading::Present(profile) = profile_document(&folder).read() else { continue };
        if !removals.has(&profile.facts.personality, &folder) {
            let _ = index.add(Peer::new(profile.facts, folder));
        }
    }
}

fn folders_of_peers(host: &Host) -> Vec<Utf8PathBuf> {
    let folder = host.layout().peer_folders();
    list_folder(&folder).unwrap_or_default().iter().map(|name| folder.join(name)).collect()
}

fn folders_of_sessions(host: &Host) -> Vec<Utf8PathBuf> {
    let folder = host.layout().facts();
    let names = list_folder(&folder).unwrap_or_default();
    let sessions = names.iter().filter(|name| name.ends_with(".session"));
    sessions
        .filter_map(|name| read_file(&folder.join(name), SESSION_LIMIT).ok()?)
        .flat_map(|bytes| folders_in(&bytes))
        .collect()
}

/// The folders that the damaged index named, when whoever moved it aside was cut off before the mend. Not for
/// when there is a generation, which tells better: what a person overruled is in quarantine, too.
fn folders_in_quarantine(host: &Host) -> Vec<Utf8PathBuf> {
    let piece = newest_piece(host, host.registry().path());
    let bytes = piece.and_then(|piece| read_file(&piece, INDEX_LIMIT).ok()?);
    bytes.map(|bytes| folders_in(&bytes)).unwrap_or_default()
}

/// What was last put into quarantine of the file that stands, or stood, at `path`.
pub(crate) fn newest_piece(host: &Host, path: &Utf8Path) -> Option<Utf8PathBuf> {
    let pieces = host.quarantine().list().ok()?;
    pieces.into_iter().find(|piece| Some(&*piece.name) == path.file_name()).map(|piece| piece.path)
}

/// Every folder that a text names as a `cwd`, whatever else is wrong with the text.
fn folders_in(bytes: &[u8]) -> Vec<Utf8PathBuf> {
    let text = String::from_utf8_lossy(bytes);
    let named = |(at, key): (usize, &str)| {
        let rest = text[at + key.len()..].trim_start().strip_prefix(':')?.trim_start();
        let mut values = serde_json::Deserializer::from_str(rest).into_iter::<String>();
        Some(Utf8PathBuf::from(values.next()?.ok()?))
    };
    text.match_indices("\"cwd\"")
        .filter_map(named)
        .filter(|folder: &Utf8PathBuf| folder.is_absolute())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_found_in_whatever_is_left_of_a_file() {
        let folders = |text: &str| folders_in(text.as_bytes());
        assert_eq!(
            folders(r#"{"peers":[{"cwd": "/a b"},{"cwd" :"/\u00fc"},{"cwd":"rel"},{"cwd":7},{"cwd":"/torn"#),
            [Utf8Path::new("/a b"), Utf8Path::new("/ü")]
        );
        assert_eq!(folders("\"cwd\""), [""; 0]);
        assert_eq!(folders_in(b"\xff\"cwd\":\"/x\"\xff"), [Utf8Path::new("/x")]);
    }
}
