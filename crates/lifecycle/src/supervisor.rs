//! The supervisor: passes from time to time, and in between a wait in the kernel for what happens.
//!
//! It holds nothing that is not on the disk too. Who kills it loses no death, for the witnesses write them, and
//! the next one finds every session again.

mod arrivals;
mod errands;

use std::collections::BTreeSet;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use iapeer_canary::{Liveness, Seen, Subject, WatchError, Watcher};
use iapeer_registry::Identity;
use iapeer_statefile::{HeldLocks, Holder, Line, Lock, LockError, ReadError, Wait, WriteError, ensure_dir};

use crate::attend::{AttendError, Attended};
use crate::decide::EAGER;
use crate::facts::Facts;
use crate::host::{Host, Warning, now};
use crate::pass::{Pass, full_pass, look_after, supervised, tasks_due};
use arrivals::Arrivals;
use errands::{Errand, Errands};

/// How soon a session is looked at again that somebody else was at.
const AGAIN: Duration = Duration::from_secs(1);

/// Why the supervisor did not begin, or ended.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SuperviseError {
    /// There is one already.
    #[error("a supervisor runs already: {holder}")]
    Running {
        /// Who, with its pid and since when.
        holder: String,
    },
    /// Its lock cannot be taken.
    #[error(transparent)]
    Lock(LockError),
    /// The folder of its lock cannot be made.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// Deaths cannot be waited for.
    #[error(transparent)]
    Watch(#[from] WatchError),
    /// A thread of it cannot be started.
    #[error("a thread cannot be started")]
    Thread {
        /// Why not.
        #[source]
        source: std::io::Error,
    },
}

/// What the supervisor tells while it runs.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Told<'a> {
    /// Something was found or done about a session.
    Outcome(&'a Attended),
    /// Something that the user should know, and was not told a moment ago.
    Warning(&'a Warning),
}

/// A supervisor that has its lock, and has not begun yet.
#[derive(Debug)]
pub struct Supervisor {
    host: Host,
    _lock: Lock,
    sender: Sender<Event>,
    events: Receiver<Event>,
}

/// Ends a supervisor, from any thread.
#[derive(Debug, Clone)]
pub struct Stopper(Sender<Event>);

/// What wakes the supervisor.
#[derive(Debug)]
enum Event {
    /// The kernel told of a death.
    Seen(Box<Seen>),
    /// The watcher of deaths has ended.
    Blind,
    /// A session was written down.
    Arrived(Identity),
    /// A task for this identity was put into its queue.
    Task(Identity),
    /// What took long is done.
    Done(Vec<Attended>, Vec<Warning>),
    /// Somebody wants it to end.
    Stop,
}

/// A supervisor at work.
struct Running<'a> {
    host: &'a Host,
    watcher: Watcher,
    errands: Errands,
    told: &'a mut dyn FnMut(Told<'_>),
    /// Those that have died, or that somebody was at, and are to be looked at before the next pass.
    due: BTreeSet<Identity>,
    /// What cannot be told of whom, as it was told last.
    unknown: BTreeSet<(Identity, Option<String>)>,
    /// The warnings since the last pass: what is still so is told once.
    warned: Vec<Warning>,
    /// Those of the pass before it.
    warned_before: Vec<Warning>,
}

/// Who supervises this host; `None` when nobody does, or the system does not tell.
///
/// # Errors
///
/// [`ReadError`].
pub fn supervisor(host: &Host) -> Result<Option<Holder>, ReadError> {
    let path = host.layout().supervisor_lock();
    HeldLocks::read()?.map_or(Ok(None), |held| held.holder(&path))
}

impl Stopper {
    /// Lets the supervisor end. Sessions go on.
    pub fn stop(&self) {
        // One that has ended already need not be told.
        drop(self.0.send(Event::Stop));
    }
}

impl Supervisor {
    /// Takes the lock.
    ///
    /// # Errors
    ///
    /// [`SuperviseError::Running`] when there is one; its other variants when the lock cannot be taken.
    pub fn begin(host: &Host) -> Result<Supervisor, SuperviseError> {
        let path = host.layout().supervisor_lock();
        if let Some(folder) = path.parent() {
            ensure_dir(folder)?;
        }
        let lock = Lock::acquire(&path, Wait::Try, &host.settings().caller).map_err(|e| match e {
            LockError::Held { holder, .. } => SuperviseError::Running { holder },
            other => SuperviseError::Lock(other),
        })?;
        let (sender, events) = mpsc::channel();
        Ok(Supervisor { host: host.clone(), _lock: lock, sender, events })
    }

    /// What ends it.
    pub fn stopper(&self) -> Stopper {
        Stopper(self.sender.clone())
    }

    /// Looks after all sessions, at once, then `every` so often, and after each one at its death, until it is
    /// stopped. Sessions go on then, and their witnesses with them.
    ///
    /// # Errors
    ///
    /// [`SuperviseError`] when it cannot begin. Once it has begun nothing ends it but [`Stopper::stop`]: what
    /// goes wrong is a warning.
    pub fn run(self, every: Duration, told: &mut dyn FnMut(Told<'_>)) -> Result<(), SuperviseError> {
        let thread = |source| SuperviseError::Thread { source };
        let (watcher, seen) = Watcher::start(self.host.canary())?;
        let sender = self.sender.clone();
        let forward = move || {
            let all_sent = seen.iter().all(|seen| sender.send(Event::Seen(Box::new(seen))).is_ok());
            // Who listens no more has stopped the watcher, too.
            if all_sent {
                drop(sender.send(Event::Blind));
            }
        };
        std::thread::Builder::new().name("deaths".to_owned()).spawn(forward).map_err(thread)?;
        let errands = Errands::begin(&self.host, self.sender.clone()).map_err(thread)?;
        ensure_dir(&self.host.layout().facts())?;
        let mut running = Running {
            host: &self.host,
            watcher,
            errands,
            told,
            due: BTreeSet::new(),
            unknown: BTreeSet::new(),
            warned: Vec::new(),
            warned_before: Vec::new(),
        };
        // Begun before the first pass, so that no session comes up unseen between the two.
        let _arrivals = running.arrivals(&self.sender);
        running.note("started");
        let mut next = Instant::now();
        loop {
            if Instant::now() >= next {
                running.pass();
                next = Instant::now() + every;
            }
            let patience = next.saturating_duration_since(Instant::now());
            let patience = if running.due.is_empty() { patience } else { patience.min(AGAIN) };
            let first = match self.events.recv_timeout(patience) {
                Ok(event) => Some(event),
                Err(RecvTimeoutError::Timeout) => None,
                // We hold a sender ourselves.
                Err(RecvTimeoutError::Disconnected) => Some(Event::Stop),
            };
            // What came together is dealt with together: one sweep for all who died of one cause.
            let events: Vec<Event> = first.into_iter().chain(self.events.try_iter()).collect();
            let stop = events.iter().any(|event| matches!(event, Event::Stop));
            events.into_iter().for_each(|event| running.take(event));
            if stop {
                running.note("stopped");
                return Ok(());
            }
            running.attend_due();
        }
    }
}

impl Running<'_> {
    fn note(&mut self, state: &str) {
        let line = Line::new(now(), "supervisor").field("state", state).field("pid", std::process::id());
        let mut warnings = Vec::new();
        self.host.log(&line, &mut warnings);
        self.warn(warnings);
    }

    /// Begins to notice sessions that come up. Without that they are noticed at the next pass.
    fn arrivals(&mut self, sender: &Sender<Event>) -> Option<Arrivals> {
        match Arrivals::begin(&self.host.layout().facts(), sender.clone()) {
            Ok(arrivals) => arrivals,
            Err(e) => {
                self.warn(vec![Warning::of("new sessions are noticed at the next pass only", &e)]);
                None
            }
        }
    }

    /// Everything once.
    fn pass(&mut self) {
        self.warned_before = std::mem::take(&mut self.warned);
        match full_pass(self.host) {
            Ok(pass) => {
                let unknown = |o: &&Attended| o.action == "unknown" && !pass.busy.contains(&o.identity);
                let still: BTreeSet<_> = pass.outcomes.iter().filter(unknown).map(known_as).collect();
                self.unknown.retain(|known| still.contains(known));
                self.digest(pass);
            }
            Err(e) => self.warn(vec![unlisted(&e)]),
        }
        self.watch_all();
        self.hand_over_all();
        self.errands.send(Errand::Notices);
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Seen(seen) => self.see(*seen),
            Event::Stop => {}
            Event::Blind => {
                let message = "the kernel tells of no more deaths; they are noticed at the next pass only";
                self.warn(vec![Warning::new(message)]);
            }
            Event::Arrived(identity) => self.watch(&identity),
            Event::Task(identity) => self.errands.send(Errand::HandOver(identity)),
            Event::Done(outcomes, warnings) => {
                outcomes.iter().for_each(|outcome| (self.told)(Told::Outcome(outcome)));
                self.warn(warnings);
            }
        }
    }

    fn see(&mut self, seen: Seen) {
        match seen {
            Seen::Death { subject, claimed } => {
                self.due.extend(subject.identity.parse::<Identity>());
                if let Err(e) = claimed {
                    self.warn(vec![Warning::of("a death may be missing", &e)]);
                }
            }
            Seen::NoForensics { subject, error } => {
                let what = format!("nothing was found out about the death of {}", subject.identity);
                self.warn(vec![Warning::of(&what, &error)]);
            }
            _ => {}
        }
    }

    fn attend_due(&mut self) {
        if self.due.is_empty() {
            return;
        }
        let due: Vec<_> = std::mem::take(&mut self.due).into_iter().collect();
        let pass = look_after(self.host, &due);
        self.digest(pass);
        self.hand_over_all();
        self.errands.send(Errand::Notices);
    }

    /// Tells what a look has found, and sees to what it has left.
    fn digest(&mut self, pass: Pass) {
        for outcome in &pass.outcomes {
            match outcome.action {
                "alive" | "skipped-service" if outcome.reason.is_none() => {}
                "unknown" if pass.busy.contains(&outcome.identity) => {}
                "unknown" if !self.unknown.insert(known_as(outcome)) => {}
                EAGER => self.errands.send(Errand::Relaunch(outcome.identity.clone())),
                _ => (self.told)(Told::Outcome(outcome)),
            }
        }
        self.due.extend(pass.busy);
        self.warn(pass.warnings);
    }

    /// Whoever's session has ended is free for the next task.
    fn hand_over_all(&mut self) {
        let mut warnings = Vec::new();
        let due = tasks_due(self.host, &mut warnings);
        due.into_iter().for_each(|identity| self.errands.send(Errand::HandOver(identity)));
        self.warn(warnings);
    }

    fn warn(&mut self, warnings: Vec<Warning>) {
        for warning in warnings.into_iter().chain(self.host.asides()) {
            if self.warned.contains(&warning) {
                continue;
            }
            if !self.warned_before.contains(&warning) {
                (self.told)(Told::Warning(&warning));
            }
            self.warned.push(warning);
        }
    }

    fn watch_all(&mut self) {
        match supervised(self.host) {
            Ok(all) => all.iter().for_each(|identity| self.watch(identity)),
            Err(e) => self.warn(vec![unlisted(&e.into())]),
        }
    }

    /// Waits for the death of a session's server from now on. One that is dead already is told of at once.
    fn watch(&mut self, identity: &Identity) {
        // What cannot be read is found by the pass, under the lock.
        let Ok(Some(session)) = Facts::of(self.host.layout(), identity).session() else { return };
        let Ok(server) = session.server_process() else { return };
        if matches!(server.state(), Liveness::Unknown(_)) {
            return;
        }
        if let Err(e) = self.watcher.add(&Subject::new(identity.to_string(), server)) {
            let what = format!("the death of {identity} is noticed at the next pass only");
            self.warn(vec![Warning::of(&what, &e)]);
        }
    }
}

fn known_as(outcome: &Attended) -> (Identity, Option<String>) {
    (outcome.identity.clone(), outcome.reason.clone())
}

fn unlisted(error: &AttendError) -> Warning {
    Warning::of("the sessions cannot be looked at", error)
}
