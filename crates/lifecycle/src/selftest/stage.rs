//! One session of a selftest: its processes, what is done to them, and their end.

use std::time::{Duration, Instant};

use iapeer_canary::{CanaryError, CanaryState, HostError, Incarnation, Liveness, SendError, Signal, send};
use iapeer_provision_exec::Cancel;
use iapeer_registry::{Identity, NameError, Peer};
use iapeer_statefile::{ReadError, WriteError, remove_file};
use iapeer_tmux::{Probe, Tmux, TmuxError, probe};

use super::judge::SeenDeath;
use super::place;
use super::trials::{Mend, Role, Step};
use crate::attend::AttendError;
use crate::birth::{Birth, BirthError, Wish, birth};
use crate::deaths::{cause_word, deaths};
use crate::facts::{FactError, Facts};
use crate::host::{Host, Warning, with_causes};
use crate::launch::launch;
use crate::launch_error::LaunchError;
use crate::pass::supervise_once;
use crate::stop::{StopError, stop};
use crate::tree::{members, wait_dead};

/// How long anything but a record may take.
const STEP_LIMIT: Duration = Duration::from_secs(20);
/// How long a process has to be gone after KILL.
const KILLED: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(2);

/// Why a trial was not played to its end.
#[derive(Debug, thiserror::Error)]
pub(super) enum StageError {
    #[error("the selftest was cancelled")]
    Cancelled,
    #[error("not within {} s: {what}", STEP_LIMIT.as_secs())]
    NotInTime { what: &'static str },
    #[error("a death is on record although nothing died: {cause}")]
    FalseRecord { cause: String },
    #[error("there is no {role} to be found", role = word(*.role))]
    NotThere { role: Role },
    #[error(transparent)]
    Name(#[from] NameError),
    #[error(transparent)]
    Birth(#[from] BirthError),
    #[error(transparent)]
    Launch(#[from] LaunchError),
    #[error(transparent)]
    Stop(#[from] StopError),
    #[error(transparent)]
    Attend(#[from] AttendError),
    #[error(transparent)]
    Fact(#[from] FactError),
    #[error(transparent)]
    Canary(#[from] CanaryError),
    #[error(transparent)]
    Machine(#[from] HostError),
    #[error(transparent)]
    Send(#[from] SendError),
    #[error(transparent)]
    Tmux(#[from] TmuxError),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// A session that is up, and every process that was ever noted to belong to it.
#[derive(Debug)]
pub(super) struct Stage<'a> {
    host: &'a Host,
    cancel: &'a Cancel,
    identity: Identity,
    /// In the order in which they were noted: of two with one role the later one has it.
    cast: Vec<(Role, Incarnation)>,
}

impl<'a> Stage<'a> {
    /// Brings a peer of this name into being, which has no session yet.
    pub(super) fn new(
        host: &'a Host,
        cancel: &'a Cancel,
        name: &str,
    ) -> Result<(Stage<'a>, Peer), StageError> {
        let wish =
            Wish { personality: Some(name.parse()?), runtime: Some(place::runtime()), ..Wish::default() };
        let peer = birth(host, wish, Birth::New)?.peer;
        let identity = Identity::new(place::runtime(), peer.facts.personality.clone());
        Ok((Stage { host, cancel, identity, cast: Vec::new() }, peer))
    }

    /// Starts the session, and notes its processes.
    pub(super) fn begin(&mut self, peer: &Peer) -> Result<(), StageError> {
        let server = launch(self.host, peer, None)?.server_pid;
        self.note(Role::Server, server)?;
        let session = Facts::of(self.host.layout(), &self.identity).session()?;
        let program = session.and_then(|session| session.pane).map(|pane| pane.pid);
        self.note(Role::Program, program.ok_or(StageError::NotThere { role: Role::Program })?)?;
        self.note_witness()
    }

    /// Does one step; when a step is the deed, it is done at once.
    pub(super) fn step(&mut self, step: Step) -> Result<(), StageError> {
        match step {
            Step::Send(signal, roles) => {
                // Looked up before, so that nothing comes between one signal and the next.
                let processes = roles.iter().map(|role| self.has(*role)).collect::<Result<Vec<_>, _>>()?;
                processes.iter().try_for_each(|process| Ok(send(process, signal).map(drop)?))
            }
            Step::Ended(role) => {
                let process = self.has(role)?;
                self.until("the end of a process that was told to end", || {
                    Ok(matches!(process.state(), Liveness::Dead { .. }).then_some(()))
                })
            }
            Step::KillServer => match self.tmux()?.kill() {
                // It may be gone before it has answered.
                Ok(()) | Err(TmuxError::NoServer { .. }) => Ok(()),
                Err(e) => Err(e.into()),
            },
            Step::KillSession => match self.tmux()?.session(&self.identity.to_string())?.kill() {
                Ok(()) | Err(TmuxError::NoServer { .. }) => Ok(()),
                Err(e) => Err(e.into()),
            },
            Step::Type(text) => {
                let server = self.tmux()?;
                let session = server.session(&self.identity.to_string())?;
                let pane = session.pane()?;
                session.send_text(&pane, text)?;
                Ok(session.send_keys(&pane, &["Enter"])?)
            }
            Step::RemoveSocket => Ok(remove_file(&self.host.layout().socket(&self.identity)).map(drop)?),
            Step::Mended(mend) => self.mended(mend),
            Step::NewClient => self.note_client().and_then(|()| self.nothing_is_on_record()),
            Step::Stop => Ok(stop(self.host, &self.identity).map(drop)?),
        }
    }

    /// The deaths of this session that are on record.
    pub(super) fn deaths(&self) -> Result<Vec<(SeenDeath, Option<camino::Utf8PathBuf>)>, StageError> {
        let identity = self.identity.to_string();
        let records = deaths(self.host)?.records.into_iter().filter(|record| record.identity == identity);
        let seen = records.map(|record| (SeenDeath::of(&record), crate::deaths::forensics(&record)));
        Ok(seen.collect())
    }

    /// Looks again and again until there is an answer, it was cancelled, or the time is over.
    pub(super) fn until<T>(
        &self,
        what: &'static str,
        look: impl FnMut() -> Result<Option<T>, StageError>,
    ) -> Result<T, StageError> {
        self.within(STEP_LIMIT, look)?.ok_or(StageError::NotInTime { what })
    }

    /// The same with a limit; `None` when the time is over.
    pub(super) fn within<T>(
        &self,
        limit: Duration,
        mut look: impl FnMut() -> Result<Option<T>, StageError>,
    ) -> Result<Option<T>, StageError> {
        let begin = Instant::now();
        loop {
            if self.cancel.is_cancelled() {
                return Err(StageError::Cancelled);
            }
            // Looked at once more when the time is over, however long it took to come back to us.
            let is_over = begin.elapsed() >= limit;
            if let Some(found) = look()? {
                return Ok(Some(found));
            }
            if is_over {
                return Ok(None);
            }
            std::thread::sleep(PAUSE);
        }
    }

    /// The noted processes that have not ended within a while.
    pub(super) fn survivors(&self, limit: Duration) -> Result<Vec<String>, StageError> {
        let alive = || {
            let alive = self.cast.iter().filter(|(_, p)| !matches!(p.state(), Liveness::Dead { .. }));
            alive.map(|(role, process)| format!("{} (pid {})", word(*role), process.pid)).collect()
        };
        let mut left: Vec<String> = alive();
        self.within(limit, || {
            left = alive();
            Ok(left.is_empty().then_some(()))
        })?;
        Ok(left)
    }

    /// Ends what is left of the session, in our own way first, and then each process that was noted.
    pub(super) fn end(self, warnings: &mut Vec<Warning>) {
        let mut problem = |e: &dyn std::error::Error| {
            warnings.push(Warning::new(format!("{} was not ended well: {}", self.identity, with_causes(e))));
        };
        if let Err(e) = stop(self.host, &self.identity) {
            problem(&e);
        }
        // A witness whose server is dead may still be at its record, so who is left is ended right here.
        for (_, process) in &self.cast {
            if let Err(e) = send(process, Signal::KILL) {
                problem(&e);
            } else if !wait_dead(process, KILLED) {
                problem(&StageError::NotInTime { what: "the end of a process that was killed" });
            }
        }
        if let Err(e) = self.host.canary().purge(&self.identity.to_string()) {
            problem(&e);
        }
    }

    /// A pass of the supervisor, after which all is well again.
    fn mended(&mut self, mend: Mend) -> Result<(), StageError> {
        self.nothing_is_on_record()?;
        supervise_once(self.host)?;
        match mend {
            Mend::Socket => {
                let socket = self.host.layout().socket(&self.identity);
                let pid = self.has(Role::Server)?.pid;
                self.until("the server is back on its socket", || {
                    Ok((probe(socket.as_std_path()) == Probe::Listening { pid }).then_some(()))
                })?;
            }
            Mend::Witness => {
                self.note_witness()?;
                self.note_client()?;
            }
        }
        self.nothing_is_on_record()
    }

    fn nothing_is_on_record(&self) -> Result<(), StageError> {
        match self.deaths()?.first() {
            None => Ok(()),
            Some((death, _)) => Err(StageError::FalseRecord { cause: death.cause.clone() }),
        }
    }

    /// Waits for a witness that has not been noted, and notes it.
    fn note_witness(&mut self) -> Result<(), StageError> {
        let server = self.has(Role::Server)?;
        let pid = self.until("somebody watches the server", || {
            let list = self.host.canary().list()?;
            let of_it = list
                .into_iter()
                .find(|status| status.subject.server == server && status.state == CanaryState::Armed);
            Ok(of_it.and_then(|status| status.recorder_pid).filter(|pid| !self.is_noted(*pid)))
        })?;
        self.note(Role::Witness, pid)
    }

    /// Waits until the witness waits on a client that has not been noted, and notes that.
    fn note_client(&mut self) -> Result<(), StageError> {
        let witness = self.has(Role::Witness)?;
        let pid = self.until("the witness waits on a client", || {
            let below = members(witness.pid, &witness.boot).into_iter();
            // Besides its client it may have started a command that is over in a moment.
            let mut clients = below.filter(|member| member.name.contains("tmux")).map(|m| m.process.pid);
            Ok(clients.find(|pid| !self.is_noted(*pid)))
        })?;
        self.note(Role::Client, pid)
    }

    fn is_noted(&self, pid: u32) -> bool {
        self.cast.iter().any(|(_, process)| process.pid == pid)
    }

    fn note(&mut self, role: Role, pid: u32) -> Result<(), StageError> {
        let process = Incarnation::of(pid)?.ok_or(StageError::NotThere { role })?;
        self.cast.push((role, process));
        Ok(())
    }

    fn has(&self, role: Role) -> Result<Incarnation, StageError> {
        let last = self.cast.iter().rfind(|(noted, _)| *noted == role);
        last.map(|(_, process)| process.clone()).ok_or(StageError::NotThere { role })
    }

    fn tmux(&self) -> Result<iapeer_tmux::Server, TmuxError> {
        let socket = self.host.layout().socket(&self.identity);
        Tmux::find(&self.host.settings().path)?.server(socket.into_std_path_buf())
    }
}

impl SeenDeath {
    fn of(record: &iapeer_canary::DeathRecord) -> SeenDeath {
        let (kind, observer) = match &record.what {
            iapeer_canary::Death::Server(server) => (super::judge::SERVER, server.observer.clone()),
            iapeer_canary::Death::Session(_) => (super::judge::SESSION, None),
        };
        let status = record.status().map_or_else(|| "unknown".to_owned(), |status| status.to_string());
        SeenDeath { kind, cause: cause_word(record), status, observer }
    }
}

fn word(role: Role) -> &'static str {
    match role {
        Role::Server => "server",
        Role::Program => "program",
        Role::Witness => "witness",
        Role::Client => "client",
    }
}
