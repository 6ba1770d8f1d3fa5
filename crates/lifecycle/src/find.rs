//! The door to the peers: the index as everybody reads it, and one peer of it.

use iapeer_registry::{Peer, Personality};
use iapeer_statefile::StateFault;

use crate::degraded::note_index;
use crate::host::{Host, Peers};
use crate::recovery::read_index;
use crate::unfinished::{Unfinished, unfinished_rename};

/// Why a peer was not found.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FindError {
    /// Nobody has the name.
    #[error("no peer is named {personality}")]
    Unknown {
        /// The name.
        personality: Personality,
        /// All names, for a suggestion.
        known: Vec<Personality>,
    },
    /// It is being renamed, so that its facts may stand under either name.
    #[error(transparent)]
    Unfinished(#[from] Unfinished),
    /// The index cannot be used.
    #[error(transparent)]
    State(#[from] StateFault),
}

impl Host {
    /// The peers. An index that is lost is mended on the way, which is told as an aside.
    ///
    /// # Errors
    ///
    /// [`StateFault`] when the index can neither be used nor mended.
    pub fn peers(&self) -> Result<Peers, StateFault> {
        let read = read_index(self);
        note_index(self, read.as_ref());
        read
    }

    /// One peer.
    ///
    /// # Errors
    ///
    /// [`FindError`].
    pub fn peer(&self, personality: &Personality) -> Result<Peer, FindError> {
        // Which peer a damaged record is about nobody can tell; whoever wants to change something is told.
        if let Ok(Some((from, to))) = unfinished_rename(self)
            && (*personality == from || *personality == to)
        {
            return Err(Unfinished::Rename { from, to }.into());
        }
        let peers = self.peers()?;
        peers.index.find(personality).cloned().ok_or_else(|| FindError::Unknown {
            personality: personality.clone(),
            known: peers.index.peers().iter().map(|p| p.facts.personality.clone()).collect(),
        })
    }
}
