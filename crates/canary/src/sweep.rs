//! One look at everything: deaths that nobody recorded, work that somebody left half-done, and what is
//! not needed any more.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use iapeer_statefile::{Entry, remove_file};

use crate::canary::{Canary, CanaryError, Groups};
use crate::claim::{is_end, line_of};
use crate::forensics;
use crate::lease::Lease;
use crate::names::{Name, Subject};
use crate::process::Liveness;
use crate::settle::{Finding, Logged};

/// How long the claim of a death is kept, so that nobody records it again.
const TOMBSTONE: Duration = Duration::from_secs(7 * 24 * 3600);
/// After this time a file that belongs to no lease is not about to get one.
const ORPHAN: Duration = Duration::from_secs(3600);

/// One canary as a sweep found it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Swept {
    /// Whose it is.
    pub subject: Subject,
    /// How it was found, and what was done.
    pub finding: Finding,
}

/// What a sweep found and did.
#[derive(Debug, Default)]
pub struct Sweep {
    /// The canaries with a lease or an unfinished claim, by name.
    pub swept: Vec<Swept>,
    /// Lines about sessions or servers that stood beside their journal and are in it now.
    pub moved_lines: u64,
    /// What could not be done. The rest was done all the same.
    pub problems: Vec<CanaryError>,
}

impl Canary {
    /// Looks at every canary, under the lock, and starts no process: finishes claims that are half done,
    /// records the deaths that nobody recorded, moves lines from the fallback file to their journals, and
    /// removes what has had its time. One that cannot be dealt with does not keep the others waiting.
    ///
    /// # Errors
    ///
    /// [`CanaryError`] when the lock or the folder cannot be had at all; [`Sweep::problems`] has the rest.
    pub fn sweep(&self) -> Result<Sweep, CanaryError> {
        self.reap();
        let _lock = self.lock("sweep")?;
        let mut sweep = Sweep::default();
        let mut logged: Logged = None;
        let groups = self.groups()?;
        for (death, (name, kinds)) in &groups {
            if !kinds.contains("lease") && !kinds.contains("dead") {
                continue;
            }
            let files = self.files(death);
            // A claim that is done is kept only so that nobody claims again.
            if !kinds.contains("lease") && self.is_marked(&files.dead()) {
                continue;
            }
            match self.settle(&files, name, &mut logged) {
                Ok(Some((subject, finding))) => sweep.swept.push(Swept { subject, finding }),
                Ok(None) => {}
                Err(e) => sweep.problems.push(e),
            }
        }
        let chores = [
            self.finish_session_exits(&groups),
            self.drain_fallback(),
            self.remove_old(&groups).map(|()| 0),
            forensics::enforce_budget(&self.places.forensics).map(|()| 0),
        ];
        for chore in chores {
            match chore {
                Ok(moved) => sweep.moved_lines += moved,
                Err(e) => sweep.problems.push(e),
            }
        }
        Ok(sweep)
    }

    /// Moves what stands in the fallback file to the journals, now that they can be written again.
    fn drain_fallback(&self) -> Result<u64, CanaryError> {
        let fallback = self.fallback();
        let read = fallback.read()?;
        if read.entries.is_empty() && read.unreadable_lines == 0 {
            return Ok(0);
        }
        let mut present = self.exits.read()?.entries;
        present.extend(self.lifecycle.read()?.entries);
        let mut moved = 0;
        for entry in &read.entries {
            let Some(line) = line_of(entry) else { continue };
            let known = |other: &Entry| match is_end(entry) {
                true => is_end(other) && other.get("death") == entry.get("death"),
                false => other == entry,
            };
            if present.iter().any(known) {
                continue;
            }
            let journal = if matches!(entry.event(), "server-exit" | "session-exit") {
                &self.exits
            } else {
                &self.lifecycle
            };
            journal.append(&line)?;
            moved += 1;
        }
        // A line that came in between is kept for the next sweep.
        if fallback.read()?.entries.len() == read.entries.len() {
            remove_file(fallback.path())?;
        }
        Ok(moved)
    }

    /// Removes tombstones, files without a lease, and temporary files that have had their time.
    fn remove_old(&self, groups: &Groups) -> Result<(), CanaryError> {
        let boot = self.host.boot_id()?;
        for (death, (name, kinds)) in groups {
            let ours = |kind: &String| self.places.state.join(format!("{death}.{kind}"));
            let limit = if kinds.contains("dead") || has_exit(kinds) { TOMBSTONE } else { ORPHAN };
            for temporary in kinds.iter().filter(|kind| is_temporary(kind)).map(ours) {
                self.remove_older(&temporary, ORPHAN)?;
            }
            if kinds.contains("lease") || !self.is_over(name, &boot) {
                continue;
            }
            for path in kinds.iter().map(ours) {
                self.remove_older(&path, limit)?;
            }
        }
        for file_name in self.file_names()? {
            if file_name.starts_with('.') && file_name.ends_with(".tmp") {
                self.remove_older(&self.places.state.join(file_name), ORPHAN)?;
            }
        }
        Ok(())
    }

    fn is_over(&self, name: &Name, boot: &crate::process::BootId) -> bool {
        let lease = Lease::from_name(name, boot);
        lease.is_some_and(|lease| matches!(self.liveness(&lease.subject.server), Liveness::Dead { .. }))
    }

    fn remove_older(&self, path: &camino::Utf8Path, limit: Duration) -> Result<(), CanaryError> {
        // A file that is gone, or from the future, is left alone.
        let Ok(modified) = path.symlink_metadata().and_then(|meta| meta.modified()) else { return Ok(()) };
        let now = SystemTime::from(self.host.now());
        if now.duration_since(modified).is_ok_and(|age| age > limit) {
            remove_file(path)?;
        }
        Ok(())
    }
}

fn has_exit(kinds: &BTreeSet<String>) -> bool {
    kinds.iter().any(|kind| kind.ends_with(".exit"))
}

/// What the scripts write beside a file before they move it over: `lease.<pid>`, `intent.<pid>`.
fn is_temporary(kind: &str) -> bool {
    kind.strip_prefix("lease.").or(kind.strip_prefix("intent.")).is_some_and(|pid| pid.parse::<u32>().is_ok())
}
