//! The index of a host: one file that names every peer.

use std::collections::{HashMap, HashSet};

use camino::{Utf8Path, Utf8PathBuf};
use iapeer_statefile::{
    Absence, Backups, BadEntry, Document, Edit, Fault, Format, Lock, LockError, Parsed, StateFault, Wait,
};
use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};
use serde_json::{Map, Value};

use crate::facts::{Member, Members, Problem, member};
use crate::profile::render;
use crate::{Facts, Personality, ProfileFormat, profile_document};

mod whole;

/// The newest schema of the index that we read and write.
const VERSION: u64 = 2;

/// One peer of the index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// The facts, projected from its profile.
    pub facts: Facts,
    /// Its folder.
    pub cwd: Utf8PathBuf,
    /// Keys that we do not know.
    other: Map<String, Value>,
}

impl Peer {
    /// A peer in a folder, which is an absolute path.
    pub fn new(facts: Facts, cwd: Utf8PathBuf) -> Peer {
        Peer { facts, cwd, other: Map::new() }
    }

    /// The peer that these members of an entry tell, save the keys that we do not know.
    fn of(members: Members, cwd: Member<Utf8PathBuf>) -> Result<Peer, Problem> {
        let facts = Facts::of(members)?;
        let whole = |reason: &str| Problem { key: "", reason: reason.to_owned() };
        let cwd = cwd?.ok_or_else(|| whole("`cwd` is missing"))?;
        if !cwd.is_absolute() {
            return Err(Problem { key: "cwd", reason: format!("`cwd` is not an absolute path: {cwd}") });
        }
        Ok(Peer::new(facts, cwd))
    }

    /// Reads an entry, save the keys that we do not know.
    fn read(entry: &Value) -> Result<Peer, Problem> {
        match entry {
            Value::Object(map) => Peer::of(Members::of(map), member(map, "cwd")),
            _ => Err(Problem { key: "", reason: "not an object".to_owned() }),
        }
    }

    /// Takes on the keys of its entry that we do not know.
    fn with_unknown(self, entry: Value) -> Peer {
        let Value::Object(mut other) = entry else { return self };
        other.retain(|key, _| key != "cwd" && !Members::KEYS.contains(&key.as_str()));
        Peer { other, ..self }
    }
}

impl Serialize for Peer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        self.facts.write(&mut map)?;
        map.serialize_entry("cwd", &self.cwd)?;
        self.other.iter().try_for_each(|(key, value)| map.serialize_entry(key, value))?;
        map.end()
    }
}

/// Why a peer cannot be added.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Conflict {
    /// Another folder has the name.
    #[error("the name {personality} belongs to the peer in {cwd}")]
    NameTaken {
        /// The name.
        personality: Personality,
        /// The folder that has it.
        cwd: Utf8PathBuf,
    },
    /// Another peer has the folder.
    #[error("the folder {cwd} belongs to the peer {personality}")]
    FolderTaken {
        /// The folder.
        cwd: Utf8PathBuf,
        /// The peer that has it.
        personality: Personality,
    },
}

/// All peers of a host, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Index {
    peers: Vec<Peer>,
    unreadable: Vec<Value>,
    other: Map<String, Value>,
}

impl Index {
    /// The peers, sorted by name.
    pub fn peers(&self) -> &[Peer] {
        &self.peers
    }

    /// The peers alone, sorted by name.
    #[must_use = "nothing else of the index is left"]
    pub fn into_peers(self) -> Vec<Peer> {
        self.peers
    }

    /// The peer of this name.
    pub fn find(&self, personality: &Personality) -> Option<&Peer> {
        self.peers.iter().find(|p| p.facts.personality == *personality)
    }

    /// The peer in this folder.
    pub fn find_by_folder(&self, folder: &Utf8Path) -> Option<&Peer> {
        self.peers.iter().find(|p| p.cwd == folder)
    }

    /// Adds a peer, or takes on the facts of one that is there with the same name and folder; an empty
    /// description does not wipe its old one, and of two words for one nature the old one stays.
    ///
    /// # Errors
    ///
    /// [`Conflict`]; the index is unchanged then.
    pub fn add(&mut self, mut peer: Peer) -> Result<(), Conflict> {
        let same_name = self.find(&peer.facts.personality);
        if let Some(there) = same_name.filter(|p| p.cwd != peer.cwd) {
            let personality = peer.facts.personality;
            return Err(Conflict::NameTaken { personality, cwd: there.cwd.clone() });
        }
        let in_folder = self.find_by_folder(&peer.cwd);
        if let Some(there) = in_folder.filter(|p| p.facts.personality != peer.facts.personality) {
            let personality = there.facts.personality.clone();
            return Err(Conflict::FolderTaken { cwd: peer.cwd, personality });
        }
        if let Some(there) = same_name {
            peer.other.clone_from(&there.other);
            peer.facts = peer.facts.in_place_of(&there.facts);
            let personality = peer.facts.personality.clone();
            self.remove(&personality);
        }
        let at = self.peers.partition_point(|p| p.facts.personality < peer.facts.personality);
        self.peers.insert(at, peer);
        Ok(())
    }

    /// Lets go of the entries that cannot be used, and says what they were. They are in the file until the
    /// index is written.
    #[must_use = "they are nowhere else once the index is written"]
    pub fn take_unreadable(&mut self) -> Vec<Value> {
        std::mem::take(&mut self.unreadable)
    }

    /// Gives the peer named `from` the name `to` and a folder; all else about it stays. Does nothing when
    /// there is no such peer.
    ///
    /// # Errors
    ///
    /// [`Conflict`]; the index is unchanged then.
    pub fn rename(
        &mut self,
        from: &Personality,
        to: &Personality,
        folder: &Utf8Path,
    ) -> Result<(), Conflict> {
        let Some(there) = self.find(from) else { return Ok(()) };
        let mut peer = there.clone();
        peer.facts.personality = to.clone();
        peer.cwd = folder.to_owned();
        let mut without = self.clone();
        without.remove(from);
        without.add(peer)?;
        *self = without;
        Ok(())
    }

    /// Removes the peer of this name, if it is there.
    pub fn remove(&mut self, personality: &Personality) -> Option<Peer> {
        let at = self.peers.iter().position(|p| p.facts.personality == *personality)?;
        Some(self.peers.remove(at))
    }
}

/// The index as JSON, version 2.
#[derive(Debug, Clone, Copy)]
pub struct IndexFormat;

impl Format for IndexFormat {
    type Value = Index;

    fn parse(&self, bytes: &[u8]) -> Result<Parsed<Index>, Fault> {
        whole::read(bytes).map_or_else(|| IndexFormat::with_bad_entries(bytes), |i| Ok(Parsed::whole(i)))
    }

    fn render(&self, index: &Index) -> Vec<u8> {
        render(index)
    }

    fn validate(&self, index: &Index, bytes: &[u8]) -> Result<(), Fault> {
        // What a writer of JSON wrote is JSON.
        if whole::reads_back(index) { Ok(()) } else { self.parse(bytes).map(drop) }
    }
}

impl IndexFormat {
    /// Reads any index, entry by entry, and says what is wrong with it and where.
    fn with_bad_entries(bytes: &[u8]) -> Result<Parsed<Index>, Fault> {
        let mut other: Map<String, Value> = serde_json::from_slice(bytes).map_err(|e| Fault::syntax(&e))?;
        known_schema(other.shift_remove("version").as_ref())?;
        let entries = match other.shift_remove("peers") {
            Some(Value::Array(entries)) => entries,
            Some(_) => return Err(Fault::shape("`peers` is not a list")),
            None => return Err(Fault::shape("`peers` is missing")),
        };
        let mut index = Index { other, ..Index::default() };
        let mut bad = Vec::new();
        // What [`Index::add`] says of one peer, for all of them at once.
        let (mut names, mut folders) = (HashSet::new(), HashMap::new());
        for (i, entry) in entries.into_iter().enumerate() {
            let read = Peer::read(&entry).and_then(|peer| {
                let personality = &peer.facts.personality;
                if names.contains(personality) {
                    let reason = format!("a second peer {personality}");
                    return Err(Problem { key: "personality", reason });
                }
                if let Some(owner) = folders.get(&peer.cwd) {
                    let personality = Personality::clone(owner);
                    let reason = Conflict::FolderTaken { cwd: peer.cwd, personality }.to_string();
                    return Err(Problem { key: "cwd", reason });
                }
                Ok(peer)
            });
            match read {
                Ok(peer) => {
                    names.insert(peer.facts.personality.clone());
                    folders.insert(peer.cwd.clone(), peer.facts.personality.clone());
                    index.peers.push(peer.with_unknown(entry));
                }
                Err(Problem { key, reason }) => {
                    let pointer =
                        if key.is_empty() { format!("/peers/{i}") } else { format!("/peers/{i}/{key}") };
                    bad.push(BadEntry { pointer, reason });
                    index.unreadable.push(entry);
                }
            }
        }
        index.peers.sort_by(|a, b| a.facts.personality.cmp(&b.facts.personality));
        Ok(Parsed { value: index, bad })
    }
}

/// Refuses the schema of an index that is newer than ours; one that says none is of the first.
fn known_schema(version: Option<&Value>) -> Result<(), Fault> {
    match version.map(Value::as_u64) {
        Some(Some(found)) if found > VERSION => Err(Fault::Newer { found, known: VERSION }),
        Some(None) => Err(Fault::shape("`version` is not a number")),
        _ => Ok(()),
    }
}

impl Serialize for Index {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("version", &VERSION)?;
        map.serialize_entry("peers", &Entries(self))?;
        self.other.iter().try_for_each(|(key, value)| map.serialize_entry(key, value))?;
        map.end()
    }
}

/// The list of an index: its peers, and then the entries that cannot be used.
struct Entries<'a>(&'a Index);

impl Serialize for Entries<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Index { peers, unreadable, .. } = self.0;
        let mut list = serializer.serialize_seq(Some(peers.len() + unreadable.len()))?;
        peers.iter().try_for_each(|peer| list.serialize_element(peer))?;
        unreadable.iter().try_for_each(|entry| list.serialize_element(entry))?;
        list.end()
    }
}

/// The index of a host on disk.
#[derive(Debug, Clone)]
pub struct Registry {
    document: Document<IndexFormat>,
    lock: Utf8PathBuf,
    backups: Utf8PathBuf,
}

impl Registry {
    /// The registry under a root.
    pub fn under(root: &Utf8Path) -> Registry {
        let lock = root.join("peers-profiles.lock");
        let backups = root.join("backups");
        let document = Document::new(root.join("peers-profiles.json"), IndexFormat)
            .backed_up(Backups::in_folder(backups.join("peers-profiles.json")), Absence::Loss);
        Registry { document, lock, backups }
    }

    /// The index as a document.
    pub fn document(&self) -> &Document<IndexFormat> {
        &self.document
    }

    /// The profile of the peer `personality` in `folder`, as a document whose generations are kept in the
    /// root. Its folder is the user's: a profile that is not there is no loss.
    pub fn profile(&self, folder: &Utf8Path, personality: &Personality) -> Document<ProfileFormat> {
        profile_document(folder).backed_up(self.profile_backups(personality), Absence::Removal)
    }

    /// The generations of the profiles that had this name.
    pub fn profile_backups(&self, personality: &Personality) -> Backups {
        Backups::in_folder(self.backups.join("profiles").join(personality.as_str()))
    }

    /// Where the index is.
    pub fn path(&self) -> &Utf8Path {
        self.document.path()
    }

    /// The file whose lock guards the index and the profiles.
    pub fn lock_path(&self) -> &Utf8Path {
        &self.lock
    }

    /// Reads the index; one that was never written is empty. Entries that cannot be used are listed.
    ///
    /// # Errors
    ///
    /// [`StateFault`] when it cannot be used as a whole.
    pub fn read(&self) -> Result<(Index, Vec<BadEntry>), StateFault> {
        let (index, bad) = self.document.usable(self.document.read())?;
        Ok((index.unwrap_or_default(), bad))
    }

    /// Takes the lock that guards the index and the profiles.
    ///
    /// # Errors
    ///
    /// [`LockError`] after five seconds, with the holder's name.
    pub fn lock(&self, holder: &str) -> Result<Lock, LockError> {
        Lock::acquire(&self.lock, Wait::default(), holder)
    }

    /// Reads the index for a change.
    ///
    /// # Errors
    ///
    /// [`StateFault`] when what stands there gives no right to replace it.
    pub fn edit<'a>(&'a self, lock: &'a Lock) -> Result<Edit<'a, IndexFormat>, StateFault> {
        self.document.edit(lock)
    }
}
