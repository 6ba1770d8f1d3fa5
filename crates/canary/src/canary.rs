//! The canaries of one host: where they are, what is known of them, and how one is told to be silent.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use iapeer_statefile::{
    Entry, Journal, JournalRead, Lock, LockError, ReadError, WriteError, ensure_dir, list_all, read_file,
    remove_file,
};
use process_wrap::std::ChildWrapper;
use rustix::process::Signal;

use crate::claim::is_marked;
use crate::host::{Host, HostError, ThisHost};
use crate::intent::{Intent, Judgement};
use crate::lease::Lease;
use crate::names::{Files, Name, Places, Subject, key};
use crate::process::{Incarnation, Liveness, SendError, send};
use crate::record::{DeathRecord, Deaths};
use crate::script::ScriptError;

/// No file of the protocol is longer than this, in bytes.
pub(crate) const FILE_LIMIT: u64 = 64 << 10;
/// Arming waits up to two seconds with the lock held, and several may be armed at once.
const LOCK_WAIT: Duration = Duration::from_secs(20);
/// How long the sweep and the purge give a recorder to finish what it is doing.
const RECORDER_GRACE: Duration = Duration::from_secs(3);

/// Why something about canaries could not be done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CanaryError {
    /// The lock of the state folder was not taken.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// A file could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// A file could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The folder could not be listed.
    #[error("cannot list {path}")]
    List {
        /// The folder.
        path: Utf8PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// The machine did not answer.
    #[error(transparent)]
    Host(#[from] HostError),
    /// The script cannot be made of these values.
    #[error(transparent)]
    Script(#[from] ScriptError),
    /// A recorder could not be told to end.
    #[error(transparent)]
    Send(#[from] SendError),
    /// Whether the server lives could not be told, so nothing was done.
    #[error("whether pid {pid} lives is unknown: {reason}")]
    Unknown {
        /// The server's pid.
        pid: u32,
        /// Why it is unknown.
        reason: String,
    },
    /// A recorder did not end.
    #[error("the recorder with pid {pid} does not end")]
    Stubborn {
        /// Its pid.
        pid: u32,
    },
}

impl CanaryError {
    /// That a folder could not be listed.
    pub fn of_list(error: ReadError) -> CanaryError {
        match error {
            ReadError::Io { path, source } => CanaryError::List { path, source },
            other => CanaryError::Read(other),
        }
    }
}

/// The canaries under one set of [`Places`].
#[derive(Debug)]
pub struct Canary {
    pub(crate) places: Places,
    pub(crate) exits: Journal,
    pub(crate) lifecycle: Journal,
    pub(crate) host: Arc<dyn Host>,
    /// Recorders that we started; waited for now and then, so that none stays a zombie for long.
    children: Mutex<Vec<Box<dyn ChildWrapper>>>,
}

/// What is known of one canary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CanaryStatus {
    /// Who is watched.
    pub subject: Subject,
    /// Who watches, where a lease names somebody.
    pub recorder_pid: Option<u32>,
    /// How it stands.
    pub state: CanaryState,
}

/// How one canary stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CanaryState {
    /// The server and its recorder live.
    Armed,
    /// The server lives, or may, and nobody watches it.
    Unwatched,
    /// The server is dead and its record is still to come.
    Dying,
    /// The death is on record.
    Settled,
}

/// The files of one death: the kinds that are there.
pub(crate) type Groups = BTreeMap<String, (Name, BTreeSet<String>)>;

impl Canary {
    /// The canaries under these places, on this host. The journals do not rotate.
    pub fn new(places: Places) -> Canary {
        let (exits, lifecycle) =
            (Journal::new(places.exits_log.clone()), Journal::new(places.lifecycle_log.clone()));
        Canary { places, exits, lifecycle, host: Arc::new(ThisHost::new()), children: Mutex::default() }
    }

    /// Rotates both journals before a line would take them over `max_bytes`, keeping `keep` generations.
    /// The witness itself only appends.
    #[must_use = "this returns the canaries whose journals rotate"]
    pub fn rotating(mut self, max_bytes: u64, keep: u32) -> Canary {
        self.exits = self.exits.rotated(max_bytes, keep);
        self.lifecycle = self.lifecycle.rotated(max_bytes, keep);
        self
    }

    /// Sees the machine through `host`.
    #[must_use = "this returns the canaries that see it so"]
    pub fn on_host(mut self, host: Arc<dyn Host>) -> Canary {
        self.host = host;
        self
    }

    /// Where the files are.
    pub fn places(&self) -> &Places {
        &self.places
    }

    /// What is known of every canary whose files are there, by name.
    ///
    /// # Errors
    ///
    /// [`CanaryError`] when the folder cannot be listed.
    pub fn list(&self) -> Result<Vec<CanaryStatus>, CanaryError> {
        self.reap();
        let boot = self.host.boot_id()?;
        let mut list = Vec::new();
        for (name, kinds) in self.groups()?.values() {
            if !kinds.contains("lease") && !kinds.contains("dead") {
                continue;
            }
            // One that cannot be read must not hide the others; a sweep says what is wrong with it.
            let lease = self.lease_of(name).unwrap_or_else(|_| Lease::from_name(name, &boot));
            let Some(lease) = lease else { continue };
            let state = self.state_of(&self.files(&name.death()), &lease);
            let recorder_pid = lease.recorder.map(|recorder| recorder.pid);
            list.push(CanaryStatus { subject: lease.subject, recorder_pid, state });
        }
        Ok(list)
    }

    /// Ends the watch of every server of exactly this identity, after recording the deaths that are owed,
    /// and removes every file about it in the state folder. Records and forensics stay.
    ///
    /// # Errors
    ///
    /// [`CanaryError`]; the files that were not removed are still there.
    pub fn purge(&self, identity: &str) -> Result<(), CanaryError> {
        let key = key(identity);
        let _lock = self.lock("purge")?;
        for (death, (name, kinds)) in self.groups()?.into_iter().filter(|(_, (name, _))| name.key == key) {
            if kinds.contains("lease") {
                self.end_recorder(&name)?;
                self.settle(&self.files(&death), &name, &mut None)?;
            }
        }
        for file_name in self.file_names()? {
            let plain = file_name.strip_prefix('.').unwrap_or(&file_name);
            if plain.strip_prefix(&key).is_some_and(|rest| rest.starts_with('.')) {
                remove_file(&self.places.state.join(&file_name))?;
            }
        }
        Ok(())
    }

    /// The deaths on record, see [`Canary::lines`].
    ///
    /// # Errors
    ///
    /// [`CanaryError::Read`] when a file is there and cannot be read.
    pub fn deaths(&self) -> Result<Deaths, CanaryError> {
        Ok(Deaths::of(&self.lines()?))
    }

    /// The last death of this kind that is on record, also where another file stood in for the journal. No more
    /// is read than it takes to find it.
    ///
    /// # Errors
    ///
    /// [`ReadError`] when a file that has to be looked at is there and cannot be read.
    pub fn last_death(
        &self,
        wanted: impl Fn(&DeathRecord) -> bool,
    ) -> Result<Option<DeathRecord>, ReadError> {
        let is_wanted = |entry: &Entry| DeathRecord::of(entry).is_some_and(|record| wanted(&record));
        let found = match self.fallback().find_last(is_wanted)? {
            None => self.exits.find_last(is_wanted)?,
            found => found,
        };
        Ok(found.as_ref().and_then(DeathRecord::of))
    }

    /// The lines of the journal of deaths, and of the file that stands in where it could not be written, in
    /// the order of their times then.
    ///
    /// # Errors
    ///
    /// [`ReadError`] when a file is there and cannot be read.
    pub fn lines(&self) -> Result<JournalRead, ReadError> {
        let mut read = self.exits.read()?;
        let more = self.fallback().read()?;
        if !more.entries.is_empty() {
            read.entries.extend(more.entries);
            read.entries.sort_by(|a, b| a.ts().cmp(b.ts()));
        }
        read.unreadable_lines += more.unreadable_lines;
        Ok(read)
    }

    pub(crate) fn fallback(&self) -> Journal {
        Journal::new(self.places.state.join("exits.fallback.log"))
    }

    pub(crate) fn files(&self, death: &str) -> Files {
        Files::new(&self.places.state, death)
    }

    /// The lock of the state folder: whoever arms, sweeps or claims in this language holds it.
    pub(crate) fn lock(&self, holder: &str) -> Result<Lock, CanaryError> {
        ensure_dir(&self.places.state)?;
        let path = self.places.state.join(".lock");
        Ok(Lock::acquire(&path, iapeer_statefile::Wait::UpTo(LOCK_WAIT), holder)?)
    }

    /// Reads a small file of the protocol.
    pub(crate) fn text(&self, path: &Utf8Path) -> Result<Option<String>, CanaryError> {
        let bytes = read_file(path, FILE_LIMIT)?;
        Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
    }

    pub(crate) fn file_names(&self) -> Result<Vec<String>, CanaryError> {
        list_folder(&self.places.state)
    }

    /// The files about servers, by death.
    pub(crate) fn groups(&self) -> Result<Groups, CanaryError> {
        let mut groups = Groups::new();
        for name in self.file_names()?.iter().filter_map(|file_name| Name::parse(file_name)) {
            let kind = name.kind.clone();
            groups.entry(name.death()).or_insert_with(|| (name, BTreeSet::new())).1.insert(kind);
        }
        Ok(groups)
    }

    /// The lease, or what the name of the files tells where the lease is gone or torn.
    pub(crate) fn lease_of(&self, name: &Name) -> Result<Option<Lease>, CanaryError> {
        let text = self.text(&self.files(&name.death()).lease())?;
        match text.as_deref().and_then(Lease::parse).filter(|lease| lease.subject.death() == name.death()) {
            Some(lease) => Ok(Some(lease)),
            None => Ok(Lease::from_name(name, &self.host.boot_id()?)),
        }
    }

    pub(crate) fn judgement(&self, files: &Files, boot_is_over: bool) -> Result<Judgement, CanaryError> {
        // Seconds since another boot cannot be compared with ours.
        let up = if boot_is_over { None } else { Some(self.host.secs_since_boot()?) };
        Ok(Intent::judge(self.text(&files.intent())?.as_deref(), up))
    }

    pub(crate) fn liveness(&self, process: &Incarnation) -> Liveness {
        process.state_on(&*self.host)
    }

    /// Whether a recorder watches: one of which nothing can be told may.
    pub(crate) fn may_watch(&self, recorder: Option<&Incarnation>) -> bool {
        recorder.is_some_and(|recorder| !matches!(self.liveness(recorder), Liveness::Dead { .. }))
    }

    /// Keeps a recorder that we started, to be waited for.
    pub(crate) fn keep(&self, child: Box<dyn ChildWrapper>) {
        self.children.lock().unwrap_or_else(PoisonError::into_inner).push(child);
    }

    /// Waits for those of our recorders that have ended.
    pub(crate) fn reap(&self) {
        let mut children = self.children.lock().unwrap_or_else(PoisonError::into_inner);
        // One that cannot be waited for was waited for by somebody else.
        children.retain_mut(|child| matches!(child.try_wait(), Ok(None)));
    }

    fn state_of(&self, files: &Files, lease: &Lease) -> CanaryState {
        if self.is_marked(&files.dead()) {
            return CanaryState::Settled;
        }
        match self.liveness(&lease.subject.server) {
            Liveness::Dead { .. } => CanaryState::Dying,
            _ if self.may_watch(lease.recorder.as_ref()) => CanaryState::Armed,
            _ => CanaryState::Unwatched,
        }
    }

    /// Whether the claim there says that its record stands in its journal; one that cannot be read does not.
    pub(crate) fn is_marked(&self, dead: &Utf8Path) -> bool {
        self.text(dead).is_ok_and(|text| text.as_deref().is_some_and(is_marked))
    }

    /// Makes the recorder that a lease names end, the gentle way first: of a living server it is asked to
    /// stand down, of a dead one it is given the time to write its record.
    fn end_recorder(&self, name: &Name) -> Result<(), CanaryError> {
        let Some(lease) = self.lease_of(name)? else { return Ok(()) };
        let Some(recorder) = lease.recorder else { return Ok(()) };
        let dead = matches!(self.liveness(&lease.subject.server), Liveness::Dead { .. });
        for signal in [(!dead).then_some(Signal::TERM), Some(Signal::KILL)] {
            if let Some(signal) = signal {
                send(&recorder, signal)?;
            }
            let deadline = Instant::now() + RECORDER_GRACE;
            while Instant::now() < deadline {
                self.reap();
                if !self.may_watch(Some(&recorder)) {
                    return Ok(());
                }
                std::thread::sleep(Duration::from_millis(10));
            }
        }
        Err(CanaryError::Stubborn { pid: recorder.pid })
    }
}

/// The names in a folder, sorted; none when the folder is not there.
pub(crate) fn list_folder(folder: &Utf8Path) -> Result<Vec<String>, CanaryError> {
    list_all(folder).map_err(CanaryError::of_list)
}
