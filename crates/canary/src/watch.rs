//! The watcher inside a program: one thread that sees the deaths of any number of servers as the kernel
//! tells them, and brings them on record by the same claim as the witness.

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, PipeReader, PipeWriter, Read as _, Write as _};
use std::os::fd::AsFd;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use crate::canary::{Canary, CanaryError};
use crate::forensics::Owed;
use crate::names::Subject;
use crate::process::{ExitWord, Incarnation, Liveness};
use crate::settle::Claimed;

#[cfg(not(target_os = "linux"))]
#[path = "watch/kqueue.rs"]
mod system;
#[cfg(target_os = "linux")]
#[path = "watch/pidfd.rs"]
mod system;

use system::{Hold, System};

/// What the kernel tells of our own pipe; servers are counted from one.
const WAKER: u64 = 0;

/// What a [`Watcher`] tells its owner.
#[derive(Debug)]
#[non_exhaustive]
pub enum Seen {
    /// A server has ended.
    Death {
        /// Which.
        subject: Subject,
        /// What became of its record. After an error a later [`Canary::sweep`] does what was left undone.
        claimed: Result<Claimed, CanaryError>,
    },
    /// The record of a death stands, and neither its forensics nor a word on why not could be written.
    NoForensics {
        /// Whose death.
        subject: Subject,
        /// Why not.
        error: CanaryError,
    },
}

/// Why a server is not watched.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WatchError {
    /// The thread could not be set up, or the kernel has nothing to wait on.
    #[error("processes cannot be watched")]
    Start {
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The kernel does not watch this process: no more descriptors, or a kernel before 5.3.
    #[error("pid {pid} cannot be watched")]
    Refused {
        /// Its pid.
        pid: u32,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// Whether the server lives could not be told.
    #[error("whether pid {pid} lives is unknown: {reason}")]
    Unknown {
        /// Its pid.
        pid: u32,
        /// Why it is unknown.
        reason: String,
    },
    /// The thread has ended; [`Watcher::stop`] says why.
    #[error("the watcher has ended")]
    Ended,
}

/// One thread that watches a whole fleet of servers; a few hundred bytes and one descriptor for each.
///
/// It sleeps in the kernel until a server dies, whatever ended it: there is no pause between two looks. It
/// then claims the death as the witness does, so that exactly one of the two writes the record, and honours
/// intents. First come the records, then their forensics.
///
/// It is no replacement for the witness: who is killed together with the servers sees nothing. Arm the
/// servers too ([`Canary::arm`]).
///
/// ```
/// use std::sync::Arc;
/// use iapeer_canary::{Canary, Claimed, Incarnation, Places, Seen, Subject, Watcher};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let root = camino::Utf8Path::from_path(folder.path()).ok_or("a UTF-8 path")?;
/// # let places = Places {
/// #     state: root.join("state"),
/// #     forensics: root.join("server-deaths"),
/// #     exits_log: root.join("exits.log"),
/// #     lifecycle_log: root.join("lifecycle.log"),
/// # };
/// let (watcher, seen) = Watcher::start(Arc::new(Canary::new(places)))?;
/// let mut server = std::process::Command::new("sleep").arg("600").spawn()?;
/// let incarnation = Incarnation::of(server.id())?.ok_or("it lives")?;
/// watcher.add(&Subject::new("sleeper", incarnation))?;
///
/// server.kill()?;
/// let Seen::Death { subject, claimed } = seen.recv()? else { return Err("a server died".into()) };
/// assert_eq!(subject.identity, "sleeper");
/// assert!(matches!(claimed?, Claimed::Recorded(_)));
/// watcher.stop()?;
/// # server.wait()?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Watcher {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

#[derive(Debug)]
struct Shared {
    canary: Arc<Canary>,
    system: System,
    waker: PipeWriter,
    fleet: Mutex<Fleet>,
}

#[derive(Debug, Default)]
struct Fleet {
    /// By the number under which the kernel tells of them.
    watched: BTreeMap<u64, Watched>,
    /// Those that had ended before they could be watched.
    ended_before: Vec<Subject>,
    last_number: u64,
    stage: Stage,
}

/// A server may be watched under several names.
#[derive(Debug)]
struct Watched {
    server: Incarnation,
    identities: Vec<String>,
    hold: Hold,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Stage {
    #[default]
    Watching,
    Over,
}

/// How long to wait for a death.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Patience {
    Endless,
    None,
}

impl Watcher {
    /// Starts the thread. What it sees comes out of the receiver, in the order in which it was recorded;
    /// dropping that changes nothing about the records.
    ///
    /// # Errors
    ///
    /// [`WatchError::Start`].
    pub fn start(canary: Arc<Canary>) -> Result<(Watcher, Receiver<Seen>), WatchError> {
        let failed = |source| WatchError::Start { source };
        let (woken, waker) = io::pipe().map_err(failed)?;
        for end in [woken.as_fd(), waker.as_fd()] {
            rustix::io::ioctl_fionbio(end, true).map_err(|e| failed(e.into()))?;
        }
        let system = System::new(woken.as_fd(), WAKER).map_err(failed)?;
        let shared = Arc::new(Shared { canary, system, waker, fleet: Mutex::default() });
        let (sender, receiver) = mpsc::channel();
        let thread = std::thread::Builder::new().name("canary watcher".to_owned());
        let ours = Arc::clone(&shared);
        let thread = thread.spawn(move || ours.run(woken, &sender)).map_err(failed)?;
        Ok((Watcher { shared, thread: Some(thread) }, receiver))
    }

    /// Watches this server from now on. One that has ended already is seen at once; one that is watched
    /// already stays so.
    ///
    /// # Errors
    ///
    /// [`WatchError`]; the server is not watched then.
    pub fn add(&self, subject: &Subject) -> Result<(), WatchError> {
        let mut fleet = self.shared.fleet();
        if fleet.stage == Stage::Over {
            return Err(WatchError::Ended);
        }
        let Subject { identity, server } = subject;
        if let Some(watched) = fleet.watched.values_mut().find(|watched| watched.server == *server) {
            if !watched.identities.contains(identity) {
                watched.identities.push(identity.clone());
            }
            return Ok(());
        }
        let number = fleet.last_number + 1;
        let refused = |source| WatchError::Refused { pid: server.pid, source };
        let hold = self.shared.system.watch(server.pid, number).map_err(refused)?;
        // Looked at only now: what the kernel watches is the process that has the pid now.
        match (self.shared.canary.liveness(server), hold) {
            (Liveness::Alive, Some(hold)) => {
                fleet.last_number = number;
                let identities = vec![identity.clone()];
                fleet.watched.insert(number, Watched { server: server.clone(), identities, hold });
            }
            (Liveness::Alive, None) => {
                return Err(refused(io::Error::from(rustix::io::Errno::SRCH)));
            }
            (Liveness::Dead { .. }, hold) => {
                hold.map_or(Ok(()), |hold| self.shared.system.forget(hold)).map_err(refused)?;
                fleet.ended_before.push(subject.clone());
                self.shared.wake();
            }
            (Liveness::Unknown(reason), hold) => {
                hold.map_or(Ok(()), |hold| self.shared.system.forget(hold)).map_err(refused)?;
                return Err(WatchError::Unknown { pid: server.pid, reason });
            }
        }
        Ok(())
    }

    /// Watches this server no more. A death that came before may still be told.
    ///
    /// # Errors
    ///
    /// [`WatchError::Refused`] when the kernel does not let go of it; it is not told of any more all the same.
    pub fn remove(&self, subject: &Subject) -> Result<(), WatchError> {
        let mut fleet = self.shared.fleet();
        let ours = |watched: &Watched| watched.server == subject.server;
        let Some((&number, watched)) = fleet.watched.iter_mut().find(|(_, watched)| ours(watched)) else {
            return Ok(());
        };
        watched.identities.retain(|identity| *identity != subject.identity);
        if !watched.identities.is_empty() {
            return Ok(());
        }
        let watched = fleet.watched.remove(&number).expect("it was found just now, under the same lock");
        let forgotten = self.shared.system.forget(watched.hold);
        forgotten.map_err(|source| WatchError::Refused { pid: subject.server.pid, source })
    }

    /// How many servers are watched.
    pub fn len(&self) -> usize {
        self.shared.fleet().watched.len()
    }

    /// Whether none is watched.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Ends the thread when it has recorded what it has seen, and waits for it. Dropping does the same.
    ///
    /// # Errors
    ///
    /// [`WatchError::Start`] with what kept the thread from watching, if it had ended by itself.
    pub fn stop(mut self) -> Result<(), WatchError> {
        self.end().map_err(|source| WatchError::Start { source })
    }

    fn end(&mut self) -> io::Result<()> {
        self.shared.fleet().stage = Stage::Over;
        self.shared.wake();
        let Some(thread) = self.thread.take() else { return Ok(()) };
        thread.join().unwrap_or_else(|_| Err(io::Error::other("the thread panicked")))
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        // Whoever wants to know how the thread ended calls `stop`.
        drop(self.end());
    }
}

impl Shared {
    fn fleet(&self) -> MutexGuard<'_, Fleet> {
        self.fleet.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake(&self) {
        // A pipe that is full wakes the thread as well as one more byte does.
        drop((&self.waker).write(b"w"));
    }

    fn run(&self, mut woken: PipeReader, told: &Sender<Seen>) -> io::Result<()> {
        let end = self.watch(&mut woken, told);
        self.fleet().stage = Stage::Over;
        end
    }

    fn watch(&self, woken: &mut PipeReader, told: &Sender<Seen>) -> io::Result<()> {
        let (mut owed, mut stage) = (VecDeque::new(), Stage::Watching);
        loop {
            let idle = owed.is_empty() && stage == Stage::Watching;
            let patience = if idle { Patience::Endless } else { Patience::None };
            let numbers = self.system.wait(patience)?;
            if numbers.contains(&WAKER) {
                // What it says is in the fleet; it is only taken out so that it does not wake us again.
                drop(woken.read(&mut [0; 64]));
            }
            let ended;
            (ended, stage) = self.take(&numbers);
            let nothing_new = ended.is_empty();
            for (subject, status) in ended {
                let recorded = self.canary.claim_line(&subject, status);
                let claimed = recorded.map(|(claimed, more)| {
                    owed.extend(more.map(|more| (subject.clone(), more)));
                    claimed
                });
                tell(told, Seen::Death { subject, claimed });
            }
            if nothing_new {
                match owed.pop_front() {
                    Some((subject, more)) => self.collect(subject, &more, told),
                    None if stage == Stage::Over => return Ok(()),
                    None => {}
                }
            }
        }
    }

    /// Those of the fleet that have ended, with how, and no longer in the fleet.
    fn take(&self, numbers: &[u64]) -> (Vec<(Subject, Option<ExitWord>)>, Stage) {
        let mut fleet = self.fleet();
        let mut ended: Vec<_> = fleet.ended_before.drain(..).map(|subject| (subject, None)).collect();
        for number in numbers {
            // One that was removed meanwhile is not told of.
            let Some(watched) = fleet.watched.remove(number) else { continue };
            // Zombies do not stay for long, so all are asked before anything else is done.
            let status = match self.canary.liveness(&watched.server) {
                Liveness::Dead { status } => status,
                Liveness::Alive | Liveness::Unknown(_) => None,
            };
            let subject = |identity| Subject::new(identity, watched.server.clone());
            ended.extend(watched.identities.into_iter().map(|identity| (subject(identity), status)));
        }
        (ended, fleet.stage)
    }

    fn collect(&self, subject: Subject, owed: &Owed, told: &Sender<Seen>) {
        if let Err(error) = self.canary.collect(owed) {
            tell(told, Seen::NoForensics { subject, error });
        }
    }
}

/// The records are for everybody; an owner who listens no more does not keep them from being made.
fn tell(told: &Sender<Seen>, seen: Seen) {
    drop(told.send(seen));
}
