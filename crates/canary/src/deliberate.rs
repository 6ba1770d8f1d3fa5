//! What follows is deliberate: saying so before the deed, and taking it back.

use std::time::Duration;

use camino::Utf8PathBuf;
use iapeer_statefile::{Creation, create_file, ensure_dir, read_file, remove_file, replace_file};

use crate::canary::{Canary, CanaryError, FILE_LIMIT};
use crate::intent::{Intent, Judgement};
use crate::names::{Files, Subject, key};
use crate::process::{Incarnation, Liveness};

/// What became of an intent.
#[derive(Debug)]
pub enum Intended {
    /// It is published; the deed may follow.
    Published(IntentGuard),
    /// One that counts stands there already and stays as it is: who came first ends the server. The deed
    /// may follow.
    Already {
        /// Who came first.
        by: String,
        /// Why.
        reason: String,
    },
    /// The server had died before: its death is not ours to claim.
    AlreadyDead,
}

/// A published intent. Dropping this leaves it in force until its time is over.
#[derive(Debug)]
pub struct IntentGuard {
    path: Utf8PathBuf,
    text: String,
}

impl Canary {
    /// Says, before the deed, that the end of this server will be deliberate: by whom and why. It counts
    /// for `ttl`. Published only for a server that is alive, for a death that came before is not ours, and
    /// only where none stands that counts: of several at once the first one stays.
    ///
    /// After the deed, [`Canary::sweep`] settles what a dead recorder left open while the intent counts.
    ///
    /// # Errors
    ///
    /// [`CanaryError::Unknown`] when it cannot be told whether the server lives; nothing is published then.
    pub fn intend(
        &self,
        subject: &Subject,
        by: &str,
        reason: &str,
        ttl: Duration,
    ) -> Result<Intended, CanaryError> {
        if !self.is_alive(&subject.server)? {
            return Ok(Intended::AlreadyDead);
        }
        let intent = Intent::new(self.host.secs_since_boot()?, ttl, by, reason);
        let files = self.files(&subject.death());
        let guard = IntentGuard { path: files.intent(), text: intent.render(self.host.now()) };
        ensure_dir(&self.places.state)?;
        if let Some(Intent { by, reason, .. }) = self.publish(&files, &guard.text)? {
            return Ok(Intended::Already { by, reason });
        }
        // Writing takes a moment, and a death in that moment was not our deed.
        if !self.is_alive(&subject.server)? {
            guard.withdraw()?;
            return Ok(Intended::AlreadyDead);
        }
        Ok(Intended::Published(guard))
    }

    /// Publishes the intent for every server of exactly this identity that has a lease.
    ///
    /// # Errors
    ///
    /// As [`Canary::intend`]; what was published before stays published.
    pub fn dismiss(
        &self,
        identity: &str,
        by: &str,
        reason: &str,
        ttl: Duration,
    ) -> Result<Vec<(Subject, Intended)>, CanaryError> {
        let mut dismissed = Vec::new();
        for (name, kinds) in self.groups()?.values() {
            if name.key != key(identity) || !kinds.contains("lease") {
                continue;
            }
            let Some(lease) = self.lease_of(name)? else { continue };
            let intended = self.intend(&lease.subject, by, reason, ttl)?;
            dismissed.push((lease.subject, intended));
        }
        Ok(dismissed)
    }

    /// Puts an intent in place, unless one that counts stands there, which is given back then.
    fn publish(&self, files: &Files, text: &str) -> Result<Option<Intent>, CanaryError> {
        if create_file(&files.intent(), text.as_bytes())? == Creation::Created {
            return Ok(None);
        }
        if let Judgement::Fresh(standing) = self.judgement(files, false)? {
            return Ok(Some(standing));
        }
        let _lock = self.lock("intent")?;
        self.publish_under_lock(files, text)
    }

    /// The same for who holds the lock. Only under it one that counts no more is replaced, or two who found
    /// it so would replace each other's.
    pub(crate) fn publish_under_lock(
        &self,
        files: &Files,
        text: &str,
    ) -> Result<Option<Intent>, CanaryError> {
        if create_file(&files.intent(), text.as_bytes())? == Creation::Created {
            return Ok(None);
        }
        if let Judgement::Fresh(standing) = self.judgement(files, false)? {
            return Ok(Some(standing));
        }
        replace_file(&files.intent(), text.as_bytes())?;
        Ok(None)
    }

    fn is_alive(&self, server: &Incarnation) -> Result<bool, CanaryError> {
        match self.liveness(server) {
            Liveness::Alive => Ok(true),
            Liveness::Dead { .. } => Ok(false),
            Liveness::Unknown(reason) => Err(CanaryError::Unknown { pid: server.pid, reason }),
        }
    }
}

impl IntentGuard {
    /// Takes the intent back: the deed will not follow. One that somebody else published since stays.
    ///
    /// # Errors
    ///
    /// [`CanaryError`]; the intent then counts until its time is over.
    pub fn withdraw(self) -> Result<(), CanaryError> {
        if read_file(&self.path, FILE_LIMIT)?.is_some_and(|bytes| bytes == self.text.as_bytes()) {
            remove_file(&self.path)?;
        }
        Ok(())
    }
}
