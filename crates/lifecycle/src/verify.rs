//! Holding the profiles and the index against each other, and taking the index from the profiles again.

use iapeer_registry::{
    Conflict, Difference, Index, Judged, Peer, Personality, Sight, Stray, Verdict, judge, projected,
};
use iapeer_statefile::{BadEntry, CommitError, Line, LockError, ReadError, StateFault, list_folder};

use crate::host::{Host, Warning, now};
use crate::recovery::edit_index;
use crate::removed::Removals;
use crate::unfinished::{Unfinished, none_unfinished};

/// What to do about differences.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IfDifferent {
    /// Tell them.
    Tell,
    /// Let the index take the facts of the profiles, and set aside the entries that cannot be used.
    Project,
}

/// An entry of the index that took the facts of its profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fixed {
    /// Whose.
    pub personality: Personality,
    /// Which facts differed, by their keys.
    pub facts: Vec<&'static str>,
}

/// What was found, and what of it was mended.
#[derive(Debug, Clone, Default)]
pub struct Verified {
    /// One for each peer of the index, by name.
    pub profiles: Vec<Judged>,
    /// Where the index and the profiles do not tell the same, still.
    pub differences: Vec<Difference>,
    /// What was mended.
    pub fixed: Vec<Fixed>,
    /// What the user should know.
    pub warnings: Vec<Warning>,
}

impl Verified {
    /// Whether nothing is left to be mended.
    pub fn is_ok(&self) -> bool {
        self.differences.is_empty() && self.profiles.iter().all(|judged| judged.ok)
    }
}

/// Why nothing could be verified, or nothing mended.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// The index cannot be used.
    #[error(transparent)]
    State(#[from] StateFault),
    /// A folder cannot be listed.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The registry is locked.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// A rename is not finished.
    #[error(transparent)]
    Unfinished(#[from] Unfinished),
    /// An entry could not take the facts of its profile.
    #[error(transparent)]
    Conflict(#[from] Conflict),
    /// The index could not be written.
    #[error(transparent)]
    Commit(#[from] CommitError),
}

/// Holds every profile against what it must be, and the index against the profiles. A profile is never
/// changed, and an entry never removed.
///
/// # Errors
///
/// [`VerifyError`]; the index is as it was then.
pub fn verify(host: &Host, then: IfDifferent) -> Result<Verified, VerifyError> {
    let (index, bad) = host.registry().read()?;
    let found = look(host, &index, &bad)?.verdict;
    // Where there is nothing to mend no lock is taken, and not even its file is made.
    let ours =
        |difference: &Difference| matches!(difference, Difference::Fact { .. } | Difference::BadEntry(_));
    if then == IfDifferent::Tell || !found.differences.iter().any(ours) {
        let Verdict { profiles, differences } = found;
        return Ok(Verified { profiles, differences, ..Verified::default() });
    }

    let lock = host.registry().lock(&host.settings().caller)?;
    none_unfinished(host)?;
    let edit = edit_index(host, &lock)?;
    let mut index = edit.value().cloned().unwrap_or_default();
    let bad = edit.bad().to_vec();
    let Look { verdict: before, sights } = look(host, &index, &bad)?;
    let fixed = fixed(&before.differences);
    for (peer, sight) in index.clone().peers().iter().zip(&sights) {
        if let Sight::Profile { profile, .. } = sight
            && fixed.iter().any(|fixed| fixed.personality == peer.facts.personality)
            && let Some(facts) = projected(peer, profile)
        {
            index.add(Peer::new(facts, peer.cwd.clone()))?;
        }
    }
    if !fixed.is_empty() {
        edit.commit(index.clone())?;
    }
    let Verdict { profiles, differences } = look(host, &index, &bad)?.verdict;
    let mut verified = Verified { profiles, differences, fixed, warnings: Vec::new() };
    for fixed in &verified.fixed {
        let line = Line::new(now(), "registry-fix")
            .field("personality", &fixed.personality)
            .field("facts", fixed.facts.join(","))
            .field("by", &host.settings().caller);
        host.log(&line, &mut verified.warnings);
    }
    Ok(verified)
}

struct Look {
    verdict: Verdict,
    sights: Vec<Sight>,
}

fn look(host: &Host, index: &Index, bad: &[BadEntry]) -> Result<Look, VerifyError> {
    let sights: Vec<_> = index.peers().iter().map(|peer| Sight::of(&peer.cwd)).collect();
    let path = host.layout().peer_folders();
    let folders: Vec<_> = list_folder(&path)?.iter().map(|name| path.join(name)).collect();
    let removals = Removals::read(host.layout())?;
    // The profile of a peer that was removed stays in its folder, and that is no difference.
    let was_removed = |stray: &Stray| {
        stray.personality.as_ref().is_some_and(|personality| removals.has(personality, &stray.folder))
    };
    let strays = folders.iter().filter_map(|folder| Stray::of(folder, index));
    let strays: Vec<_> = strays.filter(|stray| !was_removed(stray)).collect();
    Ok(Look { verdict: judge(index, bad, &sights, &strays), sights })
}

/// The facts that differ, by peer.
fn fixed(differences: &[Difference]) -> Vec<Fixed> {
    let mut all: Vec<Fixed> = Vec::new();
    for difference in differences {
        let Difference::Fact { personality, fact, .. } = difference else { continue };
        match all.last_mut().filter(|last| last.personality == *personality) {
            Some(last) => last.facts.push(fact),
            None => all.push(Fixed { personality: personality.clone(), facts: vec![fact] }),
        }
    }
    all
}
