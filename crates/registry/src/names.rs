//! The names of things, valid by construction.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The longest personality and runtime name, in bytes.
const MAX: usize = 32;

/// Why a name is not one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// Not a personality.
    #[error("{name:?} is not a valid peer name: a letter a-z, then up to 31 of a-z, 0-9 and -")]
    Personality {
        /// What was given.
        name: String,
    },
    /// Not a runtime.
    #[error("{name:?} is not a valid runtime name: a letter a-z, then up to 31 of a-z and 0-9")]
    Runtime {
        /// What was given.
        name: String,
    },
    /// Not an identity.
    #[error("{identity:?} is not an identity: <runtime>-<peer>")]
    Identity {
        /// What was given.
        identity: String,
    },
    /// No personality can be made of a folder's name.
    #[error("no peer name can be derived from the folder name {folder:?} (it gives {derived:?})")]
    Underivable {
        /// The folder's name.
        folder: String,
        /// What became of it.
        derived: String,
    },
}

fn is_name(text: &str, dash: bool) -> bool {
    text.len() <= MAX
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || (dash && c == '-'))
}

/// The name of a peer: `^[a-z][a-z0-9-]{0,31}$`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Personality(String);

impl Personality {
    /// Derives the name from a folder's name: to ASCII, to lower case, every run of other characters to
    /// one `-`, trimmed, cut at 32.
    ///
    /// # Errors
    ///
    /// [`NameError::Underivable`] when the result is no name; it is not mended by guessing.
    pub fn derive(folder: &str) -> Result<Personality, NameError> {
        let mut derived = String::new();
        // Character by character, so that a sign that becomes several letters stays a word of its own.
        for c in folder.chars() {
            let ascii = deunicode::deunicode_char(c).unwrap_or("-");
            let sign = !c.is_alphanumeric();
            if sign && !derived.ends_with('-') {
                derived.push('-');
            }
            for c in ascii.chars() {
                match c.to_ascii_lowercase() {
                    c @ ('a'..='z' | '0'..='9') => derived.push(c),
                    _ if !derived.ends_with('-') => derived.push('-'),
                    _ => {}
                }
            }
            if sign && !derived.ends_with('-') {
                derived.push('-');
            }
        }
        let derived = derived.trim_matches('-');
        let derived = derived[..derived.len().min(MAX)].trim_matches('-');
        if is_name(derived, true) {
            Ok(Personality(derived.to_owned()))
        } else {
            Err(NameError::Underivable { folder: folder.to_owned(), derived: derived.to_owned() })
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Personality {
    type Error = NameError;
    fn try_from(name: String) -> Result<Self, NameError> {
        if is_name(&name, true) { Ok(Personality(name)) } else { Err(NameError::Personality { name }) }
    }
}

/// The name of a runtime: `^[a-z][a-z0-9]{0,31}$`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RuntimeName(String);

impl RuntimeName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for RuntimeName {
    type Error = NameError;
    fn try_from(name: String) -> Result<Self, NameError> {
        if is_name(&name, false) { Ok(RuntimeName(name)) } else { Err(NameError::Runtime { name }) }
    }
}

macro_rules! text {
    ($type:ident) => {
        impl FromStr for $type {
            type Err = NameError;
            fn from_str(name: &str) -> Result<Self, NameError> {
                name.to_owned().try_into()
            }
        }
        impl From<$type> for String {
            fn from(name: $type) -> String {
                name.0
            }
        }
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
    };
}
text!(Personality);
text!(RuntimeName);

/// One peer in one runtime: `<runtime>-<personality>`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identity {
    runtime: RuntimeName,
    personality: Personality,
}

impl Identity {
    /// The identity of a peer in a runtime.
    pub fn new(runtime: RuntimeName, personality: Personality) -> Identity {
        Identity { runtime, personality }
    }

    /// The runtime.
    pub fn runtime(&self) -> &RuntimeName {
        &self.runtime
    }

    /// The peer.
    pub fn personality(&self) -> &Personality {
        &self.personality
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}-{}", self.runtime, self.personality))
    }
}

/// Split at the first `-`, which no runtime's name has.
impl FromStr for Identity {
    type Err = NameError;
    fn from_str(identity: &str) -> Result<Self, NameError> {
        let bad = || NameError::Identity { identity: identity.to_owned() };
        let (runtime, personality) = identity.split_once('-').ok_or_else(bad)?;
        Ok(Identity {
            runtime: runtime.parse().map_err(|_| bad())?,
            personality: personality.parse().map_err(|_| bad())?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derivation_follows_the_contract() {
        for (folder, name) in [
            ("Привет", "privet"),
            ("Köln Büro", "koln-buro"),
            ("№2", "no-2"),
            ("alpha", "alpha"),
            ("My_Project.v2", "my-project-v2"),
            ("--a--b--", "a-b"),
            ("日本", "ri-ben"),
            ("a23456789012345678901234567890-2345", "a23456789012345678901234567890-2"),
            ("a2345678901234567890123456789012", "a2345678901234567890123456789012"),
            ("a234567890123456789012345678901-3", "a234567890123456789012345678901"),
        ] {
            assert_eq!(Personality::derive(folder).map(String::from), Ok(name.to_owned()), "{folder}");
        }
        for folder in ["", "2nd", "...", "42", "-", "💥💥/"] {
            match Personality::derive(folder) {
                Err(NameError::Underivable { .. }) => {}
                // An emoji has a name of its own in the transliteration tables; it is a name then.
                Ok(name) => assert!(folder.starts_with('💥'), "{folder} gave {name}"),
                Err(e) => panic!("{folder}: {e}"),
            }
        }
    }

    #[test]
    fn names_are_valid_by_construction() {
        for bad in ["", "A", "1a", "-a", "a b", "a_b", "é", "a\n", &"a".repeat(33)] {
            assert!(bad.parse::<Personality>().is_err(), "{bad:?}");
            assert!(bad.parse::<RuntimeName>().is_err(), "{bad:?}");
        }
        assert!("a-b-".parse::<Personality>().is_ok());
        assert!("a-b".parse::<RuntimeName>().is_err());
        let identity: Identity = "claude-my-peer".parse().unwrap();
        assert_eq!((identity.runtime().as_str(), identity.personality().as_str()), ("claude", "my-peer"));
        assert!("claude".parse::<Identity>().is_err());
        assert!("claude-".parse::<Identity>().is_err());
    }
}
