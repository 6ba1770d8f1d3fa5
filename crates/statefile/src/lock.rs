//! Kernel locks on files that are never deleted.

use std::fmt;
use std::fs::{File, TryLockError};
use std::io::{self, Read, Seek, SeekFrom};
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use jiff::Timestamp;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use crate::door::{self, WriteError};
use crate::file::kind;
use crate::step::{self, Deed};
use crate::{Entry, Line};

/// How long to wait for a lock that somebody holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// Not at all.
    Try,
    /// At most this long.
    UpTo(Duration),
}

/// Five seconds: long enough for any write of ours, short enough for a person.
impl Default for Wait {
    fn default() -> Self {
        Wait::UpTo(Duration::from_secs(5))
    }
}

impl fmt::Display for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Wait::Try => f.write_str("without waiting"),
            Wait::UpTo(limit) => write!(f, "within {} s", limit.as_secs_f32()),
        }
    }
}

/// Why a lock was not taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LockError {
    /// Somebody else holds it.
    #[error("{path} is locked by {holder} and was not released ({wait})")]
    Held {
        /// The lock file.
        path: Utf8PathBuf,
        /// Who holds it, as the lock file tells.
        holder: String,
        /// How long we waited.
        wait: Wait,
    },
    /// The lock file cannot be opened or written.
    #[error("cannot take the lock {path}")]
    Unusable {
        /// The lock file.
        path: Utf8PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The lock file may not be written.
    #[error(transparent)]
    Refused(#[from] WriteError),
}

/// A held lock. It goes with the value, and with the process however that ends.
#[must_use = "the lock is released as soon as this value is dropped"]
#[derive(Debug)]
pub struct Lock {
    file: File,
    path: Utf8PathBuf,
}

impl Lock {
    /// Takes the lock, making its file if it is not there; `holder` tells people who has it.
    ///
    /// Those who wait get it in no strict order, but the sooner the nearer they are to the end of their time.
    ///
    /// # Errors
    ///
    /// [`LockError::Held`] when the wait is over, with the holder's name.
    pub fn acquire(path: &Utf8Path, wait: Wait, holder: &str) -> Result<Lock, LockError> {
        door::allowed(path)?;
        let unusable = |source: io::Error| LockError::Unusable { path: path.to_owned(), source };
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = step::before(Deed::Open, path)
            .and_then(|()| Ok(rustix::fs::open(path.as_std_path(), flags, Mode::RUSR | Mode::WUSR)?))
            .map(File::from)
            .map_err(|e| match Errno::from_io_error(&e) {
                Some(Errno::LOOP) => WriteError::SymbolicLink { path: path.to_owned() }.into(),
                _ => unusable(e),
            })?;
        let meta = file.metadata().map_err(unusable)?;
        if !meta.is_file() {
            let found = kind(meta.file_type());
            return Err(WriteError::WrongKind { path: path.to_owned(), found, wanted: "a lock file" }.into());
        }
        let deadline = match wait {
            Wait::Try => Instant::now(),
            Wait::UpTo(limit) => Instant::now() + limit,
        };
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if Instant::now() < deadline => {
                    // flock has no timed wait; a short sleep keeps the wait bounded.
                    std::thread::sleep(pause(deadline.saturating_duration_since(Instant::now())));
                }
                Err(TryLockError::WouldBlock) => {
                    let holder = holder_of(&file);
                    return Err(LockError::Held { path: path.to_owned(), holder, wait });
                }
                Err(TryLockError::Error(source)) => return Err(unusable(source)),
            }
        }
        let lock = Lock { file, path: path.to_owned() };
        lock.describe(holder).map_err(unusable)?;
        Ok(lock)
    }

    /// The lock file.
    pub fn path(&self) -> &Utf8Path {
        &self.path
    }

    /// Tells people who holds it.
    fn describe(&self, holder: &str) -> io::Result<()> {
        let line = Line::new(Timestamp::now(), "lock").field("pid", std::process::id()).field("by", holder);
        let text = format!("{}\n", line.render());
        // The file was just opened, so this is its start.
        step::write_all(&self.file, text.as_bytes(), &self.path)?;
        let len = text.len() as u64;
        // Most lines are as long as the one before, and even a truncation of nothing is a change to the disk.
        if self.file.metadata()?.len() == len { Ok(()) } else { self.file.set_len(len) }
    }
}

/// How long to sleep before the lock is looked at again: at first about as long as a commit takes, or it would
/// lie idle while everybody sleeps. Towards the end of the wait ever shorter, so that who has waited long meets
/// the moment in which somebody who takes the lock over and over has released it.
fn pause(left: Duration) -> Duration {
    (left / 5000).clamp(Duration::from_micros(50), Duration::from_millis(1))
}

fn content(mut file: &File) -> String {
    let mut bytes = Vec::new();
    // What stands in the lock is for people; a lock without it is still a lock.
    if file.seek(SeekFrom::Start(0)).is_ok() && file.take(4096).read_to_end(&mut bytes).is_err() {
        bytes.clear();
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn holder_of(file: &File) -> String {
    match Entry::parse(content(file).lines().next().unwrap_or("")) {
        Ok(entry) => format!(
            "{} (pid {}, since {})",
            entry.get("by").unwrap_or("an unknown program"),
            entry.get("pid").unwrap_or("unknown"),
            entry.ts()
        ),
        Err(_) => "an unknown program".to_owned(),
    }
}
