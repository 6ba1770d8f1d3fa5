//! Who the peers of a host are.
//!
//! **What it is.** Names ([`Personality`], [`RuntimeName`], [`Identity`]), the two files that say who is
//! who (a [`Profile`] in each peer's folder, one [`Index`] for the host), and the rules between them.
//!
//! **What it is not.** It starts nothing, knows no session, and prints nothing. The bytes go through
//! `iapeer-statefile`.
//!
//! # Theory of operation
//!
//! The profile, `<folder>/.iapeer/peer-profile.json`, is the truth about a peer. The index,
//! `peers-profiles.json` in the root, is a projection of all profiles, so that a list needs one read.
//! Both carry the same [`Facts`]; keys that this crate does not know survive a rewrite in both, at every
//! level. An index entry that cannot be read costs only itself: it is reported, left out of the list, and
//! written back as it was.
//!
//! Name and folder are one to one: [`Index::add`] refuses a name that another folder has and a folder
//! that another name has.
//!
//! [`judge`] holds the profiles against what a profile must be, and the index against the profiles. On a
//! difference the profile wins; what it does not say is no difference.
//!
//! # Limitations
//!
//! Nothing is mended here: a damaged or vanished index is reported and left as it is. What it can be taken
//! back from is known one layer up, where folders and sessions are. Numbers are integers of
//! 64 bits or doubles: an unknown integer that is larger comes back rounded.
//!
//! # Example
//!
//! ```
//! use iapeer_registry::{Facts, Identity, Index, Peer, Personality, RuntimeName};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let name = Personality::derive("Köln Büro")?;
//! assert_eq!(name.as_str(), "koln-buro");
//! let runtime: RuntimeName = "shell".parse()?;
//! assert_eq!(Identity::new(runtime.clone(), name.clone()).to_string(), "shell-koln-buro");
//!
//! let mut index = Index::default();
//! index.add(Peer::new(Facts::new(name.clone(), runtime.clone()), "/srv/koln".into()))?;
//! let again = index.add(Peer::new(Facts::new(name, runtime), "/srv/elsewhere".into()));
//! assert_eq!(again.unwrap_err().to_string(), "the name koln-buro belongs to the peer in /srv/koln");
//! # Ok(())
//! # }
//! ```

#![forbid(unsafe_code)]

mod facts;
mod index;
mod names;
mod profile;
#[cfg(feature = "schema")]
mod schema;
mod verify;

pub use facts::{DESCRIPTION_MAX, Facts, Intelligence, Nature};
pub use index::{Conflict, Index, IndexFormat, Peer, Registry};
pub use names::{Identity, NameError, Personality, RuntimeName};
pub use profile::{Profile, ProfileFormat, profile_document, profile_path};
#[cfg(feature = "schema")]
pub use schema::profile_schema;
pub use verify::{Difference, Judged, ProfileFinding, Sight, Stray, Verdict, judge, projected};
