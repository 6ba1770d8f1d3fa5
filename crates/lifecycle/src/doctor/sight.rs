//! What every check looks at.

use std::collections::BTreeSet;

use camino::{Utf8Path, Utf8PathBuf};
use iapeer_registry::Identity;
use iapeer_statefile::{HeldLocks, Holder, ReadError, StateFault, Timestamp, list_all, with_causes};

use super::walk::{Walk, walk};
use crate::host::{Peers, now};
use crate::observe::identities;
use crate::{Host, Layout};

/// Clocks of one machine may differ by so much, in milliseconds; what is later is from the future.
pub(super) const CLOCK_SLACK: i64 = 60_000;

/// A host, and the time at which it is looked at.
#[derive(Debug, Clone)]
pub(super) struct Sight {
    pub(super) host: Host,
    pub(super) now: Timestamp,
}

impl Sight {
    pub(super) fn of(host: &Host) -> Sight {
        Sight { host: host.clone(), now: now() }
    }

    pub(super) fn layout(&self) -> &Layout {
        self.host.layout()
    }

    /// The root.
    pub(super) fn root(&self) -> &Utf8Path {
        self.host.layout().root()
    }

    /// Everything under the root but what is in the folders of the peers.
    pub(super) fn walk(&self) -> Walk {
        walk(self.root(), Utf8Path::new("peers"))
    }

    /// The identities of all peers.
    ///
    /// # Errors
    ///
    /// [`StateFault`] when the index cannot be used; the check of the registry tells of it.
    pub(super) fn identities(&self) -> Result<BTreeSet<Identity>, StateFault> {
        Ok(self.peers()?.index.peers().iter().flat_map(identities).collect())
    }

    /// What stands in the index. Nothing is mended by a look.
    ///
    /// # Errors
    ///
    /// [`StateFault`] when it cannot be used.
    pub(super) fn peers(&self) -> Result<Peers, StateFault> {
        let (index, bad) = self.host.registry().read()?;
        Ok(Peers { index, bad, lost: None })
    }

    /// Everything that has a `.session`, by name.
    pub(super) fn sessions(&self) -> Result<Vec<Identity>, String> {
        Ok(self.facts()?.into_iter().filter(|(_, fact)| fact == "session").map(|(of, _)| of).collect())
    }

    /// All facts there are: whose, and which.
    pub(super) fn facts(&self) -> Result<Vec<(Identity, String)>, String> {
        let names = names_in(&self.layout().facts())?;
        let fact = |name: &String| {
            let (identity, fact) = name.split_once('.')?;
            Some((identity.parse().ok()?, fact.to_owned()))
        };
        Ok(names.iter().filter_map(fact).collect())
    }

    /// Whether a launch, a stop or a burial of this identity is under way, so that what is seen of it may
    /// be half done.
    pub(super) fn is_being_changed(&self, identity: &Identity) -> bool {
        holder(&self.layout().fact(identity, "wake.lock")).is_some()
    }

    /// How long ago something was, in whole seconds; `None` for what is no time or in the future.
    pub(super) fn age_secs(&self, ts: &str) -> Option<u64> {
        let then: Timestamp = ts.parse().ok()?;
        u64::try_from((self.now.as_millisecond() - then.as_millisecond()) / 1000).ok()
    }

    /// Whether a time, in milliseconds since 1970, is later than now by more than clocks may differ.
    pub(super) fn is_future(&self, millis: i64) -> bool {
        millis > self.now.as_millisecond().saturating_add(CLOCK_SLACK)
    }
}

/// Who holds the lock at a path now; `None` also where that cannot be told, which the check of the locks
/// tells.
pub(super) fn holder(path: &Utf8Path) -> Option<Holder> {
    HeldLocks::read().ok()??.holder(path).ok()?
}

/// The names in a folder, sorted; none when it is not there. Names that are not UTF-8 are none of ours.
pub(super) fn names_in(folder: &Utf8Path) -> Result<Vec<String>, String> {
    list_all(folder).map_err(|e| match e {
        ReadError::Io { path, source } => format!("cannot list {path}: {source}"),
        other => with_causes(&other),
    })
}

/// A path for a command line that is to be copied.
pub(super) fn quoted(path: &Utf8Path) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:@%".contains(c);
    if path.as_str().chars().all(plain) {
        return path.to_string();
    }
    format!("'{}'", path.as_str().replace('\'', r"'\''"))
}

/// The command that sets a file aside.
pub(super) fn set_aside(path: &Utf8Path) -> String {
    format!("mv {} {}", quoted(path), quoted(&Utf8PathBuf::from(format!("{path}.old"))))
}

#[cfg(test)]
impl Sight {
    pub(super) fn for_tests(root: Utf8PathBuf) -> Sight {
        Sight::of(&Host::new(crate::Settings::new(root)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_quoted_where_a_shell_would_split_it() {
        assert_eq!(quoted("/a/b-c.json".into()), "/a/b-c.json");
        assert_eq!(quoted("/a b/it's".into()), r"'/a b/it'\''s'");
        assert_eq!(set_aside("/a b".into()), "mv '/a b' '/a b.old'");
    }
}
