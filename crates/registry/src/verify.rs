//! Holding the profiles against what they must be, and the index against the profiles.
//!
//! [`Sight::of`] and [`Stray::of`] read; all else here is pure.

use std::fmt;

use camino::{Utf8Path, Utf8PathBuf};
use iapeer_statefile::{BadEntry, Document, Fault, Format, Parsed, Reading, with_causes};
use serde_json::{Map, Value};

use crate::profile::render;
use crate::{DESCRIPTION_MAX, Facts, Index, Peer, Personality, Profile, ProfileFormat, profile_path};

/// What stands where the profile of a peer should be.
#[derive(Debug, Clone, PartialEq)]
pub enum Sight {
    /// A profile, and the document in which it stands.
    Profile {
        /// What it says.
        profile: Box<Profile>,
        /// How it says it.
        document: Map<String, Value>,
    },
    /// No profile.
    Missing,
    /// Not even a folder.
    FolderMissing,
    /// Something that cannot be used.
    Unusable {
        /// Why not.
        reason: String,
    },
}

impl Sight {
    /// Looks into the folder of a peer.
    pub fn of(folder: &Utf8Path) -> Sight {
        match folder.metadata() {
            Ok(meta) if meta.is_dir() => {}
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                return Sight::Unusable { reason: format!("cannot look into {folder}: {e}") };
            }
            _ => return Sight::FolderMissing,
        }
        let path = profile_path(folder);
        match Document::new(path.clone(), WholeProfile).read() {
            Reading::Present((document, profile)) | Reading::Partial((document, profile), _) => {
                Sight::Profile { profile: Box::new(profile), document }
            }
            Reading::Fresh | Reading::Vanished => Sight::Missing,
            Reading::Corrupt { reason, .. } => {
                Sight::Unusable { reason: format!("{path} is damaged: {reason}") }
            }
            Reading::Newer { found, .. } => {
                Sight::Unusable { reason: format!("{path} is of schema {found}") }
            }
            Reading::Unreadable(e) => Sight::Unusable { reason: with_causes(&e) },
        }
    }
}

/// A folder with a profile that is no peer's in the index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stray {
    /// The folder.
    pub folder: Utf8PathBuf,
    /// The name in its profile, where that can be read.
    pub personality: Option<Personality>,
}

impl Stray {
    /// Looks whether there is a profile in a folder that no peer of the index has.
    pub fn of(folder: &Utf8Path, index: &Index) -> Option<Stray> {
        let real = folder.canonicalize_utf8().unwrap_or_else(|_| folder.to_owned());
        if index.find_by_folder(folder).or_else(|| index.find_by_folder(&real)).is_some() {
            return None;
        }
        let personality = match Sight::of(folder) {
            Sight::Profile { profile, .. } => Some(profile.facts.personality),
            Sight::Unusable { .. } => None,
            Sight::Missing | Sight::FolderMissing => return None,
        };
        Some(Stray { folder: folder.to_owned(), personality })
    }
}

/// What a profile is not as it must be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProfileFinding {
    /// It cannot be used.
    #[error("{reason}")]
    Unusable {
        /// Why not.
        reason: String,
    },
    /// It has another name than the index.
    #[error("{path} says that the peer is named {found}")]
    OtherName {
        /// The profile.
        path: Utf8PathBuf,
        /// The name in it.
        found: Personality,
    },
    /// Its description is too long.
    #[error("{path}: the description has {chars} characters, and at most {DESCRIPTION_MAX} fit")]
    DescriptionTooLong {
        /// The profile.
        path: Utf8PathBuf,
        /// How many it has.
        chars: usize,
    },
    /// Its default runtime is none of its runtimes.
    #[error("{path}: the default runtime {default} is not among `runtimes`")]
    DefaultNotAmong {
        /// The profile.
        path: Utf8PathBuf,
        /// The default runtime.
        default: String,
    },
    /// `runtime`, the old name of `default_runtime`, says something else.
    #[error("{path}: `runtime` is {mirror}, and `default_runtime`, whose mirror it is, is {default}")]
    MirrorDiffers {
        /// The profile.
        path: Utf8PathBuf,
        /// The default runtime.
        default: String,
        /// What the mirror says.
        mirror: String,
    },
}

impl ProfileFinding {
    /// The word that scripts read.
    pub fn kind(&self) -> &'static str {
        match self {
            ProfileFinding::Unusable { .. } => "unusable",
            ProfileFinding::OtherName { .. } => "other-name",
            ProfileFinding::DescriptionTooLong { .. } => "description-too-long",
            ProfileFinding::DefaultNotAmong { .. } => "default-not-among-runtimes",
            ProfileFinding::MirrorDiffers { .. } => "mirror-differs",
        }
    }
}

/// Where the index and the profiles do not tell the same.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Difference {
    /// A fact: the profile wins.
    Fact {
        /// Whose.
        personality: Personality,
        /// Which, by its key.
        fact: &'static str,
        /// What the index says.
        index: Value,
        /// What the profile says.
        profile: Value,
    },
    /// The peer has no profile.
    ProfileMissing {
        /// Whose.
        personality: Personality,
        /// Where it should be.
        path: Utf8PathBuf,
    },
    /// The peer has no folder.
    FolderMissing {
        /// Whose.
        personality: Personality,
        /// Where it should be.
        folder: Utf8PathBuf,
    },
    /// An entry of the index cannot be used.
    BadEntry(BadEntry),
    /// A folder has a profile and is not in the index.
    Unlisted(Stray),
}

impl Difference {
    /// The word that scripts read.
    pub fn kind(&self) -> &'static str {
        match self {
            Difference::Fact { .. } => "fact",
            Difference::ProfileMissing { .. } => "profile-missing",
            Difference::FolderMissing { .. } => "folder-missing",
            Difference::BadEntry(_) => "bad-entry",
            Difference::Unlisted(_) => "unlisted",
        }
    }

    /// The peer that it is about, where it has a name.
    pub fn personality(&self) -> Option<&Personality> {
        match self {
            Difference::Fact { personality, .. }
            | Difference::ProfileMissing { personality, .. }
            | Difference::FolderMissing { personality, .. } => Some(personality),
            Difference::BadEntry(_) => None,
            Difference::Unlisted(stray) => stray.personality.as_ref(),
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Difference::Fact { fact, index, profile, .. } => {
                write!(f, "`{fact}` is {index} in the index and {profile} in the profile")
            }
            Difference::ProfileMissing { path, .. } => write!(f, "the profile {path} is missing"),
            Difference::FolderMissing { folder, .. } => write!(f, "the folder {folder} is missing"),
            Difference::BadEntry(entry) => {
                write!(f, "the entry {} of the index cannot be used: {}", entry.pointer, entry.reason)
            }
            Difference::Unlisted(Stray { folder, personality: Some(personality) }) => {
                write!(f, "{folder} has the profile of {personality}, and the index does not have it")
            }
            Difference::Unlisted(Stray { folder, personality: None }) => {
                write!(f, "{folder} has a profile that cannot be used, and the index does not have it")
            }
        }
    }
}

/// One peer of the index, judged.
#[derive(Debug, Clone, PartialEq)]
pub struct Judged {
    /// Who.
    pub personality: Personality,
    /// Whether the profile is there and as it must be.
    pub ok: bool,
    /// What is wrong with it.
    pub findings: Vec<ProfileFinding>,
}

/// All that was found.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Verdict {
    /// One for each peer of the index, by name.
    pub profiles: Vec<Judged>,
    /// Where the index and the profiles do not tell the same.
    pub differences: Vec<Difference>,
}

/// Judges an index by what was seen in the folder of each of its peers, in their order, and by the
/// folders that are no peer's.
pub fn judge(index: &Index, bad: &[BadEntry], sights: &[Sight], strays: &[Stray]) -> Verdict {
    let mut verdict = Verdict::default();
    for (peer, sight) in index.peers().iter().zip(sights) {
        let findings = findings(peer, sight);
        verdict.differences.extend(differences(peer, sight));
        let there = !matches!(sight, Sight::Missing | Sight::FolderMissing);
        verdict.profiles.push(Judged {
            personality: peer.facts.personality.clone(),
            ok: there && findings.is_empty(),
            findings,
        });
    }
    verdict.differences.extend(bad.iter().cloned().map(Difference::BadEntry));
    verdict.differences.extend(strays.iter().cloned().map(Difference::Unlisted));
    verdict
}

/// The facts that the index should have of a peer with this profile; `None` where the profile is not to be
/// asked, because it is another peer's. What it does not say stays as it is stored.
pub fn projected(peer: &Peer, profile: &Profile) -> Option<Facts> {
    (profile.facts.personality == peer.facts.personality)
        .then(|| profile.clone().completed_by(&peer.facts).facts.in_place_of(&peer.facts))
}

fn findings(peer: &Peer, sight: &Sight) -> Vec<ProfileFinding> {
    let (profile, document) = match sight {
        Sight::Profile { profile, document } => (profile, document),
        Sight::Unusable { reason } => return vec![ProfileFinding::Unusable { reason: reason.clone() }],
        Sight::Missing | Sight::FolderMissing => return Vec::new(),
    };
    let path = || profile_path(&peer.cwd);
    let mut findings = Vec::new();
    if profile.facts.personality != peer.facts.personality {
        let found = profile.facts.personality.clone();
        findings.push(ProfileFinding::OtherName { path: path(), found });
    }
    let chars = profile.facts.description.chars().count();
    if chars > DESCRIPTION_MAX {
        findings.push(ProfileFinding::DescriptionTooLong { path: path(), chars });
    }
    let default = profile.facts.default_runtime().as_str();
    let among = |runtimes: &Vec<Value>| runtimes.iter().any(|runtime| runtime == default);
    if !document.get("runtimes").and_then(Value::as_array).is_none_or(among) {
        findings.push(ProfileFinding::DefaultNotAmong { path: path(), default: default.to_owned() });
    }
    // A profile of the old form has only `runtime`, which is no mirror then.
    if let (Some(Value::String(_)), Some(Value::String(mirror))) =
        (document.get("default_runtime"), document.get("runtime"))
        && mirror != default
    {
        let (default, mirror) = (default.to_owned(), mirror.clone());
        findings.push(ProfileFinding::MirrorDiffers { path: path(), default, mirror });
    }
    findings
}

fn differences(peer: &Peer, sight: &Sight) -> Vec<Difference> {
    let personality = &peer.facts.personality;
    let profile = match sight {
        Sight::Profile { profile, .. } => profile,
        Sight::Missing => {
            let (personality, path) = (personality.clone(), profile_path(&peer.cwd));
            return vec![Difference::ProfileMissing { personality, path }];
        }
        Sight::FolderMissing => {
            let (personality, folder) = (personality.clone(), peer.cwd.clone());
            return vec![Difference::FolderMissing { personality, folder }];
        }
        Sight::Unusable { .. } => return Vec::new(),
    };
    let Some(wanted) = projected(peer, profile) else { return Vec::new() };
    let members = |facts: &Facts| match serde_json::to_value(facts) {
        Ok(Value::Object(members)) => members,
        Ok(_) | Err(_) => Map::new(),
    };
    let (stored, wanted) = (members(&peer.facts), members(&wanted));
    let same = |key: &str| stored.get(key).map(in_any_order) == wanted.get(key).map(in_any_order);
    let keys = ["default_runtime", "runtimes", "description", "intelligence", "interfaces"];
    let differing = keys.into_iter().filter(|key| !same(key));
    let value = |facts: &Map<String, Value>, key: &str| facts.get(key).cloned().unwrap_or_default();
    let difference = |fact| Difference::Fact {
        personality: personality.clone(),
        fact,
        index: value(&stored, fact),
        profile: value(&wanted, fact),
    };
    differing.map(difference).collect()
}

/// A value with the members of its objects and of its lists sorted, at every level: two values that
/// differ in nothing but their order become one.
fn in_any_order(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut members: Vec<_> =
                map.iter().map(|(key, value)| (key.clone(), in_any_order(value))).collect();
            members.sort_by(|a, b| a.0.cmp(&b.0));
            Value::Object(members.into_iter().collect())
        }
        Value::Array(items) => {
            let mut items: Vec<_> = items.iter().map(in_any_order).collect();
            items.sort_by_cached_key(Value::to_string);
            Value::Array(items)
        }
        other => other.clone(),
    }
}

/// A profile together with the document in which it stands.
struct WholeProfile;

impl Format for WholeProfile {
    type Value = (Map<String, Value>, Profile);

    fn parse(&self, bytes: &[u8]) -> Result<Parsed<Self::Value>, Fault> {
        let document = serde_json::from_slice(bytes).map_err(|e| Fault::syntax(&e))?;
        Ok(Parsed::whole((document, ProfileFormat.parse(bytes)?.value)))
    }

    fn render(&self, (document, _): &Self::Value) -> Vec<u8> {
        render(&Value::Object(document.clone()))
    }
}

#[cfg(test)]
mod tests;
