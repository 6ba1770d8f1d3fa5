//! The three answers that the slot can give.

use std::fmt;

use camino::Utf8Path;
use iapeer_statefile::with_causes;
use serde::Serialize;

use crate::declaration::Declaration;
use crate::parse;

/// The largest declaration that is read, in bytes.
pub const SIZE_LIMIT: u64 = 1024 * 1024;

/// What is in the slot.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "an unusable slot is to be reported, not passed over"]
pub enum Slot {
    /// No file: this host has no memory provider.
    Empty,
    /// A provider that can be used, if not in all it declares.
    Occupied(Box<Occupied>),
    /// Something is there that cannot be used.
    Unusable {
        /// Why, in words for people.
        reason: String,
    },
}

/// A usable declaration, and what in it is not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Occupied {
    /// The usable part.
    pub declaration: Declaration,
    /// What was left out, in the order of the declaration's fields.
    pub skipped: Vec<Skipped>,
}

/// One thing in the file that was left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Skipped {
    /// Where it stands, or should stand: a JSON pointer (RFC 6901).
    pub pointer: String,
    /// Why it was left out: a fragment that goes after the pointer.
    pub reason: String,
}

impl Slot {
    /// Reads the slot. Links are followed; never blocks, whatever stands at the path, and never fails:
    /// what cannot be read is [`Slot::Unusable`].
    pub fn read(path: &Utf8Path) -> Self {
        match iapeer_statefile::read_file(path, SIZE_LIMIT) {
            Ok(None) => Self::Empty,
            Ok(Some(bytes)) => Self::from_bytes(&bytes),
            Err(error) => Self::Unusable { reason: with_causes(&error) },
        }
    }

    /// What a file with this content is: never [`Slot::Empty`], because an empty file is a file.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        match parse::parse(bytes) {
            Ok(occupied) => Self::Occupied(Box::new(occupied)),
            Err(reason) => Self::Unusable { reason },
        }
    }
}

impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.pointer, self.reason)
    }
}
