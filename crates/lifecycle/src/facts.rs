//! The facts about an identity: one small file each, under `state/lifecycle`.

use camino::Utf8PathBuf;
use iapeer_registry::Identity;
use iapeer_statefile::{
    ReadError, Removal, Timestamp, WriteError, ensure_dir, iso_millis, read_file, remove_file, replace_file,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Layout;

/// No fact is larger than this, in bytes.
const LIMIT: u64 = 1 << 20;

/// How many deaths the crash-loop ring holds.
const DEATHS_KEPT: usize = 16;

/// A process: its number and when it started, which no other process of this boot has both of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessId {
    /// The number.
    pub pid: u32,
    /// When it started, as the kernel counts it.
    pub start: String,
}

/// That we started a session and supervise it (`.session`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Session {
    /// `<runtime>-<personality>`.
    pub identity: String,
    /// The runtime.
    pub runtime: String,
    /// The peer.
    pub personality: String,
    /// The folder in which the program runs.
    pub cwd: Utf8PathBuf,
    /// When it was started, in milliseconds since 1970.
    pub woke_at: i64,
    /// The boot in which it was started.
    pub boot_id: String,
    /// Its tmux server.
    pub server: ProcessId,
    /// Its program; absent while it is being started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pane: Option<ProcessId>,
    /// tmux's own name of the session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_id: Option<String>,
}

/// Why a fact could not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FactError {
    /// Not readable, or their folder cannot be listed.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Not writable.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// Readable, and not what it should be.
    #[error("{path} is damaged: {reason}")]
    Damaged {
        /// The file.
        path: Utf8PathBuf,
        /// What is wrong.
        reason: String,
    },
}

/// The facts about one identity.
#[derive(Debug, Clone)]
pub(crate) struct Facts<'a> {
    layout: &'a Layout,
    identity: &'a Identity,
}

impl<'a> Facts<'a> {
    /// The facts about `identity`.
    pub(crate) fn of(layout: &'a Layout, identity: &'a Identity) -> Facts<'a> {
        Facts { layout, identity }
    }

    /// The session that we supervise. One of the existing iapeer, whose file has no server, is none of ours:
    /// its server is found by its socket.
    ///
    /// # Errors
    ///
    /// [`FactError`] when it is there and cannot be used; that is not the same as no session.
    pub(crate) fn session(&self) -> Result<Option<Session>, FactError> {
        let Some(value) = self.json::<Value>("session")? else { return Ok(None) };
        let is_foreign = value.get("cwd").is_some() && value.get("server").is_none();
        if is_foreign {
            return Ok(None);
        }
        let damaged =
            |e: serde_json::Error| FactError::Damaged { path: self.path("session"), reason: e.to_string() };
        serde_json::from_value(value).map(Some).map_err(damaged)
    }

    /// The facts that are there and cannot be understood, looked at twice: each with its bytes and the
    /// reason.
    pub(crate) fn damaged(&self) -> Vec<(Utf8PathBuf, Option<Vec<u8>>, String)> {
        let look = || {
            let errors = [self.session().err(), self.deaths().err()];
            let damaged = errors.into_iter().flatten().filter_map(|e| match e {
                FactError::Damaged { path, reason } => {
                    let bytes = read_file(&path, LIMIT).ok()?;
                    Some((path, bytes, reason))
                }
                FactError::Read(ReadError::TooLarge { path, limit }) => {
                    Some((path, None, format!("it is larger than {limit} bytes")))
                }
                _ => None,
            });
            damaged.collect::<Vec<_>>()
        };
        let first = look();
        if first.is_empty() {
            first
        } else {
            look().into_iter().filter(|again| first.contains(again)).collect()
        }
    }

    /// Writes down the session.
    ///
    /// # Errors
    ///
    /// [`FactError::Write`].
    pub(crate) fn set_session(&self, session: &Session) -> Result<(), FactError> {
        let mut bytes = serde_json::to_vec_pretty(session).expect("a session has only string keys");
        bytes.push(b'\n');
        self.write("session", &bytes)
    }

    /// Takes the session away, and says whether there was one.
    ///
    /// # Errors
    ///
    /// [`FactError::Write`].
    pub(crate) fn clear_session(&self) -> Result<Removal, FactError> {
        self.clear("session")
    }

    /// When and by whom the identity was stopped. The file's presence is the fact.
    ///
    /// # Errors
    ///
    /// [`FactError::Read`].
    pub(crate) fn stopped(&self) -> Result<Option<String>, FactError> {
        let bytes = match read_file(&self.path("stopped"), LIMIT) {
            Ok(bytes) => bytes,
            // It is there, whatever it is: that is the fact.
            Err(ReadError::Io { path, source }) => return Err(ReadError::Io { path, source }.into()),
            Err(_) => Some(Vec::new()),
        };
        Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).trim().to_owned()))
    }

    /// Marks the identity as stopped by `who`.
    ///
    /// # Errors
    ///
    /// [`FactError::Write`].
    pub(crate) fn set_stopped(&self, now: Timestamp, who: &str) -> Result<(), FactError> {
        self.write("stopped", format!("{} {who}\n", iso_millis(now)).as_bytes())
    }

    /// Lifts the stop, and says whether there was one.
    ///
    /// # Errors
    ///
    /// [`FactError::Write`].
    pub(crate) fn clear_stopped(&self) -> Result<Removal, FactError> {
        self.clear("stopped")
    }

    /// Whether the last session ended cleanly and may be resumed.
    pub(crate) fn idle_reaped(&self) -> bool {
        self.path("idle-reaped").exists()
    }

    /// Marks the last session as ended cleanly.
    ///
    /// # Errors
    ///
    /// [`FactError::Write`].
    pub(crate) fn set_idle_reaped(&self, now: Timestamp) -> Result<(), FactError> {
        self.write("idle-reaped", format!("{}\n", iso_millis(now)).as_bytes())
    }

    /// Uses the mark of a clean end up.
    ///
    /// # Errors
    ///
    /// [`FactError::Write`].
    pub(crate) fn clear_idle_reaped(&self) -> Result<Removal, FactError> {
        self.clear("idle-reaped")
    }

    /// When somebody asked that the session begins anew as soon as it is gone.
    ///
    /// # Errors
    ///
    /// [`FactError::Read`].
    pub(crate) fn new_eager(&self) -> Result<Option<Timestamp>, FactError> {
        self.time("new-eager")
    }

    /// Uses the wish up that the session begins anew.
    ///
    /// # Errors
    ///
    /// [`FactError::Write`].
    pub(crate) fn clear_new_eager(&self) -> Result<Removal, FactError> {
        self.clear("new-eager")
    }

    /// When an ephemeral peer has answered.
    ///
    /// # Errors
    ///
    /// [`FactError::Read`].
    pub(crate) fn ephemeral_armed(&self) -> Result<Option<Timestamp>, FactError> {
        self.time("ephemeral-armed")
    }

    /// Takes away that an ephemeral peer has answered.
    ///
    /// # Errors
    ///
    /// [`FactError::Write`].
    pub(crate) fn clear_ephemeral_armed(&self) -> Result<Removal, FactError> {
        self.clear("ephemeral-armed")
    }

    /// Whether there was a session before: every end of one leaves a mark or is counted.
    pub(crate) fn was_ever_awake(&self) -> bool {
        self.idle_reaped() || self.path("deaths").exists()
    }

    /// The last deaths, in milliseconds since 1970, oldest first.
    ///
    /// # Errors
    ///
    /// [`FactError`] when the ring is there and cannot be used.
    pub(crate) fn deaths(&self) -> Result<Vec<i64>, FactError> {
        Ok(self.json("deaths")?.unwrap_or_default())
    }

    /// Counts one death, named by its time; one that was counted is not counted again.
    ///
    /// # Errors
    ///
    /// [`FactError`]; the ring is as it was then.
    pub(crate) fn count_death(&self, at: Timestamp) -> Result<(), FactError> {
        let mut deaths = self.deaths()?;
        if deaths.contains(&at.as_millisecond()) {
            return Ok(());
        }
        deaths.push(at.as_millisecond());
        let from = deaths.len().saturating_sub(DEATHS_KEPT);
        let bytes = serde_json::to_vec(&deaths[from..]).expect("numbers are JSON");
        self.write("deaths", &bytes)
    }

    fn path(&self, fact: &str) -> Utf8PathBuf {
        self.layout.fact(self.identity, fact)
    }

    /// The time that a fact begins with. A fact without one is there since ever.
    fn time(&self, fact: &str) -> Result<Option<Timestamp>, FactError> {
        let Some(bytes) = read_file(&self.path(fact), LIMIT)? else { return Ok(None) };
        let text = String::from_utf8_lossy(&bytes);
        let time = text.split_whitespace().next().and_then(|word| word.parse().ok());
        Ok(Some(time.unwrap_or(Timestamp::UNIX_EPOCH)))
    }

    fn json<T: serde::de::DeserializeOwned>(&self, fact: &str) -> Result<Option<T>, FactError> {
        let path = self.path(fact);
        match read_file(&path, LIMIT)? {
            None => Ok(None),
            Some(bytes) => serde_json::from_slice(&bytes)
                .map(Some)
                .map_err(|e| FactError::Damaged { path, reason: e.to_string() }),
        }
    }

    fn write(&self, fact: &str, bytes: &[u8]) -> Result<(), FactError> {
        ensure_dir(&self.layout.facts())?;
        Ok(replace_file(&self.path(fact), bytes)?)
    }

    fn clear(&self, fact: &str) -> Result<Removal, FactError> {
        Ok(remove_file(&self.path(fact))?)
    }
}
