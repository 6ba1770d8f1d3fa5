//! The facts that a profile and an index entry share, and their form on disk.

use serde::de::{DeserializeOwned, Error as _, MapAccess};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use crate::{Personality, RuntimeName};

/// The longest description, in characters.
pub const DESCRIPTION_MAX: usize = 450;

/// What a peer is, from where it thinks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Nature {
    /// A program that decides for itself.
    Artificial,
    /// A person.
    Natural,
    /// A program that only does what it was told.
    Absent,
}

/// A nature together with the word it was written as: `human` and `scripted` are still read, and written
/// back as found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(into = "String")]
pub struct Intelligence {
    word: &'static str,
    nature: Nature,
}

impl Intelligence {
    /// What it means.
    pub fn nature(&self) -> Nature {
        self.nature
    }

    /// The nature that a peer has when nobody says: that of its runtime.
    pub fn of_runtime(runtime: &RuntimeName) -> Intelligence {
        let word = match runtime.as_str() {
            "telegram" | "discord" | "matrix" | "email" | "web" => "natural",
            "notifier" | "webhook" | "api" | "cron" => "absent",
            _ => "artificial",
        };
        word.to_owned().try_into().expect("the three words are natures")
    }
}

impl TryFrom<String> for Intelligence {
    type Error = String;
    fn try_from(word: String) -> Result<Self, String> {
        let (word, nature) = match word.as_str() {
            "artificial" => ("artificial", Nature::Artificial),
            "natural" => ("natural", Nature::Natural),
            "human" => ("human", Nature::Natural),
            "absent" => ("absent", Nature::Absent),
            "scripted" => ("scripted", Nature::Absent),
            _ => return Err(format!("{word:?} is no intelligence: artificial, natural or absent")),
        };
        Ok(Intelligence { word, nature })
    }
}

/// By hand, for the derived one would take the word from the input, which does not live as long.
impl<'de> Deserialize<'de> for Intelligence {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.try_into().map_err(D::Error::custom)
    }
}

impl std::str::FromStr for Intelligence {
    type Err = String;
    fn from_str(word: &str) -> Result<Self, String> {
        word.to_owned().try_into()
    }
}

impl From<Intelligence> for String {
    fn from(intelligence: Intelligence) -> String {
        intelligence.word.to_owned()
    }
}

/// The facts about a peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// Its name.
    pub personality: Personality,
    /// The runtimes it has; never empty, and the default one is among them.
    runtimes: Vec<RuntimeName>,
    /// The one that is meant when none is named.
    default_runtime: RuntimeName,
    /// What it is for, in at most [`DESCRIPTION_MAX`] characters.
    pub description: String,
    /// What it is.
    pub intelligence: Intelligence,
    /// How others reach it, as its router runtimes left it.
    pub interfaces: Map<String, Value>,
}

impl Facts {
    /// A peer with one runtime and nothing else said about it.
    pub fn new(personality: Personality, runtime: RuntimeName) -> Facts {
        Facts {
            personality,
            runtimes: vec![runtime.clone()],
            intelligence: Intelligence::of_runtime(&runtime),
            default_runtime: runtime,
            description: String::new(),
            interfaces: Map::new(),
        }
    }

    /// The runtimes, in the order of the file.
    pub fn runtimes(&self) -> &[RuntimeName] {
        &self.runtimes
    }

    /// The default runtime.
    pub fn default_runtime(&self) -> &RuntimeName {
        &self.default_runtime
    }

    /// Adds a runtime, if the peer does not have it.
    pub fn add_runtime(&mut self, runtime: RuntimeName) {
        if !self.runtimes.contains(&runtime) {
            self.runtimes.push(runtime);
        }
    }

    /// Makes one of its runtimes the default one; false when it does not have it.
    #[must_use = "nothing was changed when this is false"]
    pub fn set_default_runtime(&mut self, runtime: &RuntimeName) -> bool {
        let has = self.runtimes.contains(runtime);
        if has {
            self.default_runtime = runtime.clone();
        }
        has
    }

    /// The facts that take the place of stored ones. An empty description never wipes a stored one, nor does
    /// one that is too long; and of two words for one nature the stored one stays as it was found.
    pub(crate) fn in_place_of(mut self, stored: &Facts) -> Facts {
        if self.description.is_empty() || self.description.chars().count() > DESCRIPTION_MAX {
            self.description.clone_from(&stored.description);
        }
        if self.intelligence.nature() == stored.intelligence.nature() {
            self.intelligence.clone_from(&stored.intelligence);
        }
        self
    }

    /// The facts that these members of a JSON object tell.
    ///
    /// `default_runtime` wins over its old name `runtime`; one of the two, or `runtimes`, must be there.
    pub(crate) fn of(members: Members) -> Result<Facts, Problem> {
        let personality = members.personality?.ok_or_else(|| Problem::missing("personality"))?;
        let mirror = members.runtime?;
        let default = members.default_runtime?.or(mirror);
        let mut runtimes = members.runtimes?.unwrap_or_default();
        let default_runtime = default
            .or_else(|| runtimes.first().cloned())
            .ok_or_else(|| Problem::missing("default_runtime"))?;
        if !runtimes.contains(&default_runtime) {
            runtimes.insert(0, default_runtime.clone());
        }
        let intelligence =
            members.intelligence?.unwrap_or_else(|| Intelligence::of_runtime(&default_runtime));
        let description = members.description?.unwrap_or_default();
        let interfaces = members.interfaces?.unwrap_or_default();
        Ok(Facts { personality, runtimes, default_runtime, description, intelligence, interfaces })
    }

    /// Writes the facts into a JSON object, into which something else may belong, too.
    pub(crate) fn write<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        let [personality, default_runtime, runtime, runtimes, description, intelligence, interfaces] =
            Members::KEYS;
        map.serialize_entry(personality, self.personality.as_str())?;
        map.serialize_entry(default_runtime, self.default_runtime.as_str())?;
        map.serialize_entry(runtime, self.default_runtime.as_str())?;
        map.serialize_entry(runtimes, &self.runtimes)?;
        map.serialize_entry(description, &self.description)?;
        map.serialize_entry(intelligence, &self.intelligence.word)?;
        map.serialize_entry(interfaces, &self.interfaces)
    }
}

/// The facts alone, as one JSON object.
impl Serialize for Facts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(Members::KEYS.len()))?;
        self.write(&mut map)?;
        map.end()
    }
}

/// What one key of an object holds; `null` counts as absent.
pub(crate) type Member<T> = Result<Option<T>, Problem>;

/// The members that tell the facts: once for their names, their types, and the two ways to read them.
macro_rules! members {
    ($($key:ident: $type:ty,)*) => {
        /// The members of a JSON object that tell the facts, each read by itself.
        pub(crate) struct Members {
            $($key: Member<$type>,)*
        }

        impl Members {
            /// Their keys, in the order of the contract.
            pub(crate) const KEYS: [&str; [$(stringify!($key)),*].len()] = [$(stringify!($key)),*];

            /// None of them.
            pub(crate) fn none() -> Members {
                Members { $($key: Ok(None),)* }
            }

            /// Those of an object that was read before, which may have other keys, too.
            pub(crate) fn of(map: &Map<String, Value>) -> Members {
                Members { $($key: member(map, stringify!($key)),)* }
            }

            /// Takes the value of a key from an object that is being read; false when the key is none of
            /// these, and its value is still to be taken.
            pub(crate) fn take<'de, A: MapAccess<'de>>(
                &mut self,
                key: &str,
                object: &mut A,
            ) -> Result<bool, A::Error> {
                match key {
                    $(stringify!($key) => self.$key = Ok(object.next_value()?),)*
                    _ => return Ok(false),
                }
                Ok(true)
            }
        }
    };
}
members! {
    personality: Personality,
    default_runtime: RuntimeName,
    runtime: RuntimeName,
    runtimes: Vec<RuntimeName>,
    description: String,
    intelligence: Intelligence,
    interfaces: Map<String, Value>,
}

/// What is wrong with one key of an object.
#[derive(Debug)]
pub(crate) struct Problem {
    pub(crate) key: &'static str,
    pub(crate) reason: String,
}

impl Problem {
    pub(crate) fn missing(key: &'static str) -> Problem {
        Problem { key, reason: format!("`{key}` is missing") }
    }
}

/// Reads one member.
pub(crate) fn member<T: DeserializeOwned>(map: &Map<String, Value>, key: &'static str) -> Member<T> {
    match map.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => {
            T::deserialize(value).map(Some).map_err(|e| Problem { key, reason: format!("`{key}`: {e}") })
        }
    }
}
