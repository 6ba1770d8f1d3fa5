//! The facts about an identity: one small file each, under `state/lifecycle`.

use camino::Utf8PathBuf;
use iapeer_registry::Identity;
use iapeer_statefile::{
    ReadError, Removal, Timestamp, WriteError, ensure_dir, iso_millis, read_file, remove_file, replace_file,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Layout;
use crate::topic::Topic;

/// No fact is larger than this, in bytes.
const LIMIT: u64 = 1 << 20;

/// How many deaths the crash-loop ring holds.
const DEATHS_KEPT: usize = 16;

/// How many topics of a session are remembered.
const TOPICS_KEPT: usize = 16;

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

    /// Where [`Facts::session`] is.
    pub(crate) fn session_path(&self) -> Utf8PathBuf {
        self.path("session")
    }

    /// Where [`Facts::stopped`] is.
    pub(crate) fn stopped_path(&self) -> Utf8PathBuf {
        self.path("stopped")
    }

    /// The facts that are there and cannot be understood, looked at twice: each with its bytes and the
    /// reason.
    pub(crate) fn damaged(&self) -> Vec<(Utf8PathBuf, Option<Vec<u8>>, String)> {
        let look = || {
            let errors = [self.session().err(), self.deaths().err(), self.topics().err()];
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
        self.mark("stopped")
    }

    /// Marks the identity as stopped by `who`.
    ///
    /// # Errors
    ///
    /// [`FactError::Write`].
    pub(crate) fn set_stopped(&self, now: Timestamp, who: &str) -> Result<(), FactError> {
        self.write("stopped", format!("{} {who}\n", iso_millis(now)).as_bytes())
    }

    /// Marks the identity as stopped again, as a mark that was lifted said.
    ///
    /// # Errors
    ///
    /// [`FactError::Write`].
    pub(crate) fn put_stop_back(&self, mark: &str) -> Result<(), FactError> {
        self.write("stopped", format!("{mark}\n").as_bytes())
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

    /// When an ephemeral peer has answered.
    ///
    /// # Errors
    ///
    /// [`FactError::Read`].
    pub(crate) fn ephemeral_armed(&self) -> Result<Option<Timestamp>, FactError> {
        self.time("ephemeral-armed")
    }

    /// Marks that an ephemeral peer has answered.
    ///
    /// # Errors
    ///
    /// [`FactError::Write`].
    pub(crate) fn set_ephemeral_armed(&self, now: Timestamp) -> Result<(), FactError> {
        self.write("ephemeral-armed", format!("{}\n", iso_millis(now)).as_bytes())
    }

    /// Which task is being handed over. A mark that cannot be understood names none.
    ///
    /// # Errors
    ///
    /// [`FactError::Read`].
    pub(crate) fn task_given(&self) -> Result<Option<Option<u64>>, FactError> {
        let number = |mark: String| mark.split_whitespace().nth(1).and_then(|word| word.parse().ok());
        Ok(self.mark("task-given")?.map(number))
    }

    /// Marks that this task is being handed over.
    ///
    /// # Errors
    ///
    /// [`FactError::Write`].
    pub(crate) fn set_task_given(&self, now: Timestamp, number: u64) -> Result<(), FactError> {
        self.write("task-given", format!("{} {number}\n", iso_millis(now)).as_bytes())
    }

    /// Takes that mark away.
    ///
    /// # Errors
    ///
    /// [`FactError::Write`].
    pub(crate) fn clear_task_given(&self) -> Result<Removal, FactError> {
        self.clear("task-given")
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

    /// Forgets the deaths, so that they are no crash loop any more; that there was a session stays known.
    ///
    /// # Errors
    ///
    /// [`FactError::Write`].
    pub(crate) fn forget_deaths(&self) -> Result<(), FactError> {
        self.write("deaths", b"[]")
    }

    /// Whether the next session shall begin anew.
    ///
    /// # Errors
    ///
    /// [`FactError::Read`].
    pub(crate) fn fresh_next(&self) -> Result<bool, FactError> {
        Ok(self.mark("fresh-next")?.is_some())
    }

    /// Lets the next session begin anew.
    ///
    /// # Errors
    ///
    /// [`FactError::Write`].
    pub(crate) fn set_fresh_next(&self, now: Timestamp) -> Result<(), FactError> {
        self.write("fresh-next", format!("{}\n", iso_millis(now)).as_bytes())
    }

    /// Uses that mark up.
    ///
    /// # Errors
    ///
    /// [`FactError::Write`].
    pub(crate) fn clear_fresh_next(&self) -> Result<Removal, FactError> {
        self.clear("fresh-next")
    }

    /// Since when the session shall begin anew as soon as it is gone. A mark without a time is there since ever,
    /// and so counts no more.
    ///
    /// # Errors
    ///
    /// [`FactError::Read`].
    pub(crate) fn eager_since(&self) -> Result<Option<Timestamp>, FactError> {
        self.time("new-eager")
    }

    /// Lets the session begin anew as soon as it is gone.
    ///
    /// # Errors
    ///
    /// [`FactError::Write`].
    pub(crate) fn set_new_eager(&self, now: Timestamp) -> Result<(), FactError> {
        self.write("new-eager", format!("{}\n", iso_millis(now)).as_bytes())
    }

    /// Uses that mark up.
    ///
    /// # Errors
    ///
    /// [`FactError::Write`].
    pub(crate) fn clear_new_eager(&self) -> Result<Removal, FactError> {
        self.clear("new-eager")
    }

    /// What the session has worked on, newest last. A line that is no topic is passed over.
    ///
    /// # Errors
    ///
    /// [`FactError::Read`].
    pub(crate) fn topics(&self) -> Result<Vec<Topic>, FactError> {
        let bytes = read_file(&self.path("topic"), LIMIT)?.unwrap_or_default();
        Ok(String::from_utf8_lossy(&bytes).lines().filter_map(|line| line.parse().ok()).collect())
    }

    /// Notes what the session works on now: as the newest, and once.
    ///
    /// # Errors
    ///
    /// [`FactError`]; what was noted before stays then.
    pub(crate) fn note_topic(&self, topic: &Topic) -> Result<(), FactError> {
        let mut topics = self.topics()?;
        topics.retain(|known| known != topic);
        topics.push(topic.clone());
        let from = topics.len().saturating_sub(TOPICS_KEPT);
        let lines: String = topics[from..].iter().map(|topic| format!("{}\n", topic.as_str())).collect();
        self.write("topic", lines.as_bytes())
    }

    /// Forgets what the last session worked on, for the next one has not.
    ///
    /// # Errors
    ///
    /// [`FactError::Write`].
    pub(crate) fn clear_topics(&self) -> Result<Removal, FactError> {
        self.clear("topic")
    }

    /// Writes down the system prompt of the session that is about to begin, for its program to read; takes away
    /// that of the last one when this has none.
    ///
    /// # Errors
    ///
    /// [`FactError::Write`].
    pub(crate) fn set_system_prompt(&self, text: Option<&str>) -> Result<Option<Utf8PathBuf>, FactError> {
        let fact = "system-prompt.md";
        match text {
            Some(text) => {
                self.write(fact, text.as_bytes())?;
                Ok(Some(self.path(fact)))
            }
            None => {
                self.clear(fact)?;
                Ok(None)
            }
        }
    }

    fn path(&self, fact: &str) -> Utf8PathBuf {
        self.layout.fact(self.identity, fact)
    }

    /// What a mark says. Its presence is the fact, so that it is there whatever can be read of it.
    fn mark(&self, fact: &str) -> Result<Option<String>, FactError> {
        let bytes = match read_file(&self.path(fact), LIMIT) {
            Ok(bytes) => bytes,
            Err(ReadError::Io { path, source }) => return Err(ReadError::Io { path, source }.into()),
            Err(_) => Some(Vec::new()),
        };
        Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).trim().to_owned()))
    }

    /// The time that a mark begins with. One without is there since ever.
    fn time(&self, fact: &str) -> Result<Option<Timestamp>, FactError> {
        let time = |mark: String| mark.split_whitespace().next().and_then(|word| word.parse().ok());
        Ok(self.mark(fact)?.map(|mark| time(mark).unwrap_or(Timestamp::UNIX_EPOCH)))
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

#[cfg(test)]
mod tests;
