//! The truth about one peer, in its own folder.

use camino::{Utf8Path, Utf8PathBuf};
use iapeer_statefile::{Document, Fault, Format, Parsed};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Map, Value};

use crate::Facts;
use crate::facts::Members;

/// A peer's profile: the facts, and sections that others own and we keep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// The facts.
    pub facts: Facts,
    /// Everything else, as it was found: `initial_prompt`, `wake_policy`, and what others put there.
    pub other: Map<String, Value>,
    /// The facts that the file left out; what stands for them here is a default.
    unsaid: Vec<&'static str>,
}

impl Profile {
    /// A profile of these facts and nothing else.
    pub fn new(facts: Facts) -> Profile {
        Profile { facts, other: Map::new(), unsaid: Vec::new() }
    }

    /// Whether each session of the peer is for one task (`"wake_policy": "ephemeral"`).
    pub fn is_ephemeral(&self) -> bool {
        self.other.get("wake_policy").and_then(Value::as_str) == Some("ephemeral")
    }

    /// The profile with what it leaves out taken from the index: a file of an older form says less than
    /// the index knows, and a default must not take the place of a fact.
    #[must_use = "this returns the completed profile"]
    pub fn completed_by(mut self, stored: &Facts) -> Profile {
        for key in &self.unsaid {
            match *key {
                "description" => self.facts.description.clone_from(&stored.description),
                "intelligence" => self.facts.intelligence.clone_from(&stored.intelligence),
                _ => self.facts.interfaces.clone_from(&stored.interfaces),
            }
        }
        self
    }
}

/// The facts that a profile may leave out without saying that they are empty.
const MAY_BE_UNSAID: [&str; 3] = ["description", "intelligence", "interfaces"];

/// Where the profile of the peer in `folder` is.
pub fn profile_path(folder: &Utf8Path) -> Utf8PathBuf {
    folder.join(".iapeer/peer-profile.json")
}

/// The profile of the peer in `folder`, as a document. The host's index lock guards its changes.
pub fn profile_document(folder: &Utf8Path) -> Document<ProfileFormat> {
    Document::new(profile_path(folder), ProfileFormat)
}

/// JSON, two spaces, a final newline.
#[derive(Debug, Clone, Copy)]
pub struct ProfileFormat;

impl Format for ProfileFormat {
    type Value = Profile;

    fn parse(&self, bytes: &[u8]) -> Result<Parsed<Profile>, Fault> {
        let mut other: Map<String, Value> = serde_json::from_slice(bytes).map_err(|e| Fault::syntax(&e))?;
        let mut unsaid = MAY_BE_UNSAID.to_vec();
        unsaid.retain(|key| other.get(*key).is_none_or(Value::is_null));
        let facts = Facts::of(Members::of(&other)).map_err(|p| Fault::shape(p.reason))?;
        other.retain(|key, _| !Members::KEYS.contains(&key.as_str()));
        Ok(Parsed::whole(Profile { facts, other, unsaid }))
    }

    fn render(&self, profile: &Profile) -> Vec<u8> {
        render(profile)
    }
}

impl Serialize for Profile {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        self.facts.write(&mut map)?;
        self.other.iter().try_for_each(|(key, value)| map.serialize_entry(key, value))?;
        map.end()
    }
}

pub(crate) fn render(value: &impl Serialize) -> Vec<u8> {
    // Enough for an index of a hundred peers, so that it is not copied while it grows.
    let mut bytes = Vec::with_capacity(64 << 10);
    serde_json::to_writer_pretty(&mut bytes, value).expect("all keys are strings");
    bytes.push(b'\n');
    bytes
}
