//! How a session comes up.

use std::collections::BTreeMap;
use std::io;

use camino::Utf8PathBuf;
use iapeer_canary::{
    Armed, Canary, CanaryError, ExitHook, ExitWord, HostError, Incarnation, ProcessState, ScriptError,
    Subject, Watch, observe,
};
use iapeer_registry::{Identity, Peer, Personality, RuntimeName};
use iapeer_statefile::{Line, LockError, Timestamp, WriteError, ensure_dir, replace_file};
use iapeer_tmux::{NewSession, Probe, Server, SessionSpec, Tmux, TmuxError, probe};

use crate::attend::{AttendError, arm_again, attend};
use crate::bring_up::{BringUp, NotReady};
use crate::decide::{FreshCause, Refusal, Wake, WakeFacts, wake};
use crate::end::{Deed, EndError, GRACE, end};
use crate::facts::{FactError, Facts, ProcessId, Session};
use crate::host::{FindError, Host, Warning, now};
use crate::launch_env::{LaunchEnv, LaunchEnvError};
use crate::observe::SessionState;
use crate::pass::sweep;
use crate::runtime::{Class, Runtime, RuntimeError};
use crate::tree::wait_dead;

/// How often a launch looks at its socket: one that was cut off right before it may have a server on the
/// way, which is then found where there was none.
const LOOKS: u32 = 5;

/// A session that is up.
#[derive(Debug, Clone)]
pub struct Launched {
    /// Whose it is.
    pub identity: Identity,
    /// Its tmux server.
    pub server_pid: u32,
    /// How it came to be up.
    pub how: How,
    /// What the user should know.
    pub warnings: Vec<Warning>,
}

/// How a session came to be up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// It was started.
    Started(FreshCause),
    /// It was up before.
    AlreadyLive,
    /// It was up, but nobody had written it down.
    Adopted,
}

/// Why a session did not come up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LaunchError {
    /// The peer does not have this runtime.
    #[error("{personality} has no runtime {runtime}; it has {}", list(.has))]
    NotItsRuntime {
        /// The peer.
        personality: Personality,
        /// The runtime.
        runtime: RuntimeName,
        /// Those it has.
        has: Vec<RuntimeName>,
    },
    /// It is no peer any more.
    #[error(transparent)]
    Peer(#[from] FindError),
    /// The runtime cannot be used.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    /// A guard says no.
    #[error("{identity} is not started: {}", refusal_words(.refusal, .detail))]
    Refused {
        /// Who.
        identity: Identity,
        /// Which guard.
        refusal: Refusal,
        /// Who stopped it, or which folder is missing.
        detail: String,
    },
    /// Whether it is up could not be told, so nothing was done.
    #[error("whether {identity} is live cannot be told: {reason}")]
    Unknown {
        /// Who.
        identity: Identity,
        /// Why not.
        reason: String,
    },
    /// Somebody else's server is on its socket.
    #[error("a server that is not ours listens on {socket} (pid {pid})")]
    Foreign {
        /// The socket.
        socket: Utf8PathBuf,
        /// The server.
        pid: u32,
    },
    /// The server was gone before anything ran in it.
    #[error("the tmux server of {identity} (pid {pid}) was gone as soon as it was started")]
    ServerGone {
        /// Whose it was.
        identity: Identity,
        /// Its pid.
        pid: u32,
    },
    /// The program ended before it was ready for input. That is on record as any other end.
    #[error("{program} ended before it was ready{}", end_words(*.status))]
    Ended {
        /// Whose it was.
        identity: Identity,
        /// The program.
        program: Utf8PathBuf,
        /// How it ended, where that is on record.
        status: Option<ExitWord>,
        /// What its pane showed last.
        shown: Vec<String>,
    },
    /// The session is up, and stays so, but its runtime is not ready for input.
    #[error("{identity} is up, but not ready for input: {why}")]
    NotReady {
        /// Whose it is.
        identity: Identity,
        /// Why not.
        why: Box<NotReady>,
        /// What its pane showed last.
        shown: Vec<String>,
    },
    /// What the user adds to its environment cannot be used.
    #[error(transparent)]
    Env(#[from] LaunchEnvError),
    /// tmux could not do it.
    #[error(transparent)]
    Tmux(#[from] TmuxError),
    /// The witnesses cannot be asked.
    #[error(transparent)]
    Canary(#[from] CanaryError),
    /// The exit hook cannot be made.
    #[error(transparent)]
    Script(#[from] ScriptError),
    /// The machine does not tell about its processes.
    #[error(transparent)]
    Machine(#[from] HostError),
    /// The pipe that tells of the server's death could not be made.
    #[error("cannot make a pipe")]
    Pipe {
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// A fact cannot be used.
    #[error(transparent)]
    Fact(#[from] FactError),
    /// Something could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// Somebody else is at it.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The last session could not be looked after.
    #[error(transparent)]
    Attend(#[from] AttendError),
    /// What was started could not be ended again.
    #[error(transparent)]
    End(#[from] EndError),
}

fn list(runtimes: &[RuntimeName]) -> String {
    runtimes.iter().map(RuntimeName::as_str).collect::<Vec<_>>().join(", ")
}

fn refusal_words(refusal: &Refusal, detail: &str) -> String {
    match refusal {
        Refusal::Stopped => format!("it was stopped ({detail})"),
        Refusal::HeldByService => "the host's service manager holds its runtime".to_owned(),
        Refusal::FolderMissing => format!("its folder {detail} is not there"),
    }
}

/// How a program ended, in words.
fn end_words(status: Option<ExitWord>) -> String {
    match status {
        Some(ExitWord::Exited(code)) => format!(", with status {code}"),
        Some(ExitWord::Signaled(signal)) => format!(", by signal {signal}"),
        None => String::new(),
    }
}

/// The identity of a peer in a runtime, or in its default one.
///
/// # Errors
///
/// [`LaunchError::NotItsRuntime`].
pub fn identity_of(peer: &Peer, runtime: Option<&RuntimeName>) -> Result<Identity, LaunchError> {
    let personality = peer.facts.personality.clone();
    let runtime = runtime.unwrap_or_else(|| peer.facts.default_runtime()).clone();
    if peer.facts.runtimes().contains(&runtime) {
        Ok(Identity::new(runtime, personality))
    } else {
        Err(LaunchError::NotItsRuntime { personality, runtime, has: peer.facts.runtimes().to_vec() })
    }
}

/// Brings a session up, unless it is, and waits until its runtime is ready for input.
///
/// # Errors
///
/// [`LaunchError`]; nothing that was started on the way is left running, unless the error says that it is up.
pub fn launch(host: &Host, peer: &Peer, runtime: Option<&RuntimeName>) -> Result<Launched, LaunchError> {
    let identity = identity_of(peer, runtime)?;
    let runtime = Runtime::find(identity.runtime(), host.layout())?;
    let facts = Facts::of(host.layout(), &identity);
    let _wake = host.lock_wake(&identity)?;
    // Whoever removes a peer holds the lock until nothing of it is left.
    let peer = &host.peer(identity.personality())?;
    let canary = host.canary();
    let mut warnings = Vec::new();

    // What the last session left open comes first: its death must not be taken for ours.
    sweep(&canary, &mut warnings);
    if let Some(session) = facts.session()? {
        attend(host, &canary, &identity, &session, &mut warnings)?;
    }
    let up =
        |server_pid, how, warnings| Ok(Launched { identity: identity.clone(), server_pid, how, warnings });
    if let Some(session) = facts.session()? {
        return match session.state() {
            SessionState::Running => up(session.server.pid, How::AlreadyLive, warnings),
            SessionState::Unknown(reason) => Err(LaunchError::Unknown { identity, reason }),
            SessionState::ProgramEnded | SessionState::ServerDead => {
                let reason = "its last session has ended, but is still written down".to_owned();
                Err(LaunchError::Unknown { identity, reason })
            }
        };
    }

    let stopped = facts.stopped()?;
    let decision = wake(WakeFacts {
        stopped: stopped.is_some(),
        held_by_service: runtime.class == Class::Router,
        folder_missing: !peer.cwd.is_dir(),
        idle_reaped: facts.idle_reaped(),
        was_awake: facts.was_ever_awake(),
    });
    let cause = match decision {
        Wake::Fresh(cause) => cause,
        Wake::Refused(refusal) => {
            log_wake(host, &identity, "refused", &refusal, &mut warnings);
            let detail = stopped.unwrap_or_else(|| peer.cwd.to_string());
            return Err(LaunchError::Refused { identity, refusal, detail });
        }
    };
    warnings.extend(runtime.warning(host.layout()));
    let program = runtime.program(host.settings())?;
    let env = LaunchEnv::of(host.layout(), &identity, &peer.cwd)?;
    let tmux = Tmux::find(&host.settings().path)?;
    let server = tmux.server(host.layout().socket(&identity).into_std_path_buf())?;

    let start = Start { host, canary: &canary, identity: &identity, peer, server: &server };
    let mut argv = vec![program.to_string()];
    argv.extend(runtime.argv.fresh(None));
    argv.extend(env.start_args.iter().flatten().cloned());
    let mut looks_left = LOOKS;
    let server_pid = loop {
        looks_left -= 1;
        match probe(server.socket()) {
            Probe::Missing | Probe::Refused => {}
            Probe::Unknown { reason } => return Err(LaunchError::Unknown { identity, reason }),
            Probe::Listening { pid } => {
                if start.adopt(pid, &mut warnings)? {
                    log_wake(host, &identity, "adopted", &"found-alive", &mut warnings);
                    return up(pid, How::Adopted, warnings);
                }
            }
        }
        match start.start(argv.clone(), &env.variables, &mut warnings) {
            Err(LaunchError::Tmux(TmuxError::AlreadyRunning { .. })) if looks_left > 0 => {}
            started => break started?,
        }
    };
    facts.clear_idle_reaped()?;
    log_wake(host, &identity, "fresh", &cause, &mut warnings);
    let session = BringUp { host, canary: &canary, identity: &identity, server: &server, program: &program };
    session.wait_ready(&runtime.start_up, &mut warnings)?;
    session.give_prompt(peer, &mut warnings);
    up(server_pid, How::Started(cause), warnings)
}

/// Takes on the server of an identity that lives and is not written down; one that does not live is not
/// started. The caller holds the wake lock.
///
/// # Errors
///
/// [`LaunchError`].
pub(crate) fn adopt_if_live(
    host: &Host,
    canary: &Canary,
    identity: &Identity,
    warnings: &mut Vec<Warning>,
) -> Result<(), LaunchError> {
    let socket = host.layout().socket(identity).into_std_path_buf();
    let Probe::Listening { pid } = probe(&socket) else { return Ok(()) };
    let peer = &host.peer(identity.personality())?;
    let server = Tmux::find(&host.settings().path)?.server(socket)?;
    let start = Start { host, canary, identity, peer, server: &server };
    if start.adopt(pid, warnings)? {
        log_wake(host, identity, "adopted", &"found-alive", warnings);
    }
    Ok(())
}

fn log_wake(
    host: &Host,
    identity: &Identity,
    mode: &str,
    cause: &dyn std::fmt::Display,
    warnings: &mut Vec<Warning>,
) {
    let line = Line::new(now(), "wake")
        .field("identity", identity)
        .field("runtime", identity.runtime())
        .field("mode", mode)
        .field("cause", cause);
    host.log(&line, warnings);
}

/// What is needed to start one session.
struct Start<'a> {
    host: &'a Host,
    canary: &'a Canary,
    identity: &'a Identity,
    peer: &'a Peer,
    server: &'a Server,
}

impl Start<'_> {
    /// Starts an empty server, arms its witness, and only then lets the program run in it.
    fn start(
        &self,
        argv: Vec<String>,
        variables: &BTreeMap<String, String>,
        warnings: &mut Vec<Warning>,
    ) -> Result<u32, LaunchError> {
        let layout = self.host.layout();
        ensure_dir(layout.sock_dir())?;
        ensure_dir(&layout.canaries())?;
        let pane_log = layout.pane_log(self.identity);
        if let Some(folder) = pane_log.parent() {
            ensure_dir(folder)?;
        }
        let hook = layout.canaries().join(format!("{}.exit-hook.sh", self.identity));
        let text = ExitHook::new(self.identity.to_string(), self.host.places()).render()?;
        replace_file(&hook, text.as_bytes())?;

        let (read_end, write_end) = io::pipe().map_err(|source| LaunchError::Pipe { source })?;
        let pid = self.server.start(Some(write_end.into()))?;
        let gone = || LaunchError::ServerGone { identity: self.identity.clone(), pid };
        let subject = Subject::new(self.identity.to_string(), Incarnation::of(pid)?.ok_or_else(gone)?);
        let arming = self.canary.begin_arming(&subject, Watch::Lifeline(read_end.into()));
        let mut env: Vec<_> =
            variables.iter().map(|(name, value)| (name.clone(), value.clone().into())).collect();
        env.extend([
            ("PEER_PERSONALITY".to_owned(), self.identity.personality().as_str().into()),
            ("PEER_RUNTIME".to_owned(), self.identity.runtime().as_str().into()),
            ("PEER_IDENTITY".to_owned(), self.identity.to_string().into()),
        ]);
        let spec = SessionSpec {
            env,
            exit_hook: Some(hook.into_std_path_buf()),
            pane_log: Some(pane_log.into_std_path_buf()),
            ..SessionSpec::new(self.peer.cwd.as_std_path(), argv)
        };
        let made = self.write_down(&subject, None, now()).and_then(|()| {
            let created = self.server.session(&self.identity.to_string())?.create(&spec)?;
            self.write_down(&subject, Some(&created), now())
        });
        let armed = arming.confirm();
        if let Err(error) = made {
            let deed = Deed { by: &self.host.settings().caller, reason: "launch-failed" };
            end(self.host, self.canary, &subject, self.identity, None, deed, warnings)?;
            Facts::of(layout, self.identity).clear_session()?;
            return Err(error);
        }
        if let Armed::Failed(e) = armed {
            warnings.push(Warning::of("nobody watches the server", &e));
        }
        Ok(pid)
    }

    /// Takes on a server that lives on our socket and is not written down, as a launch that was cut off
    /// leaves it. An empty one is ended; false then.
    fn adopt(&self, pid: u32, warnings: &mut Vec<Warning>) -> Result<bool, LaunchError> {
        let foreign = || LaunchError::Foreign { socket: self.host.layout().socket(self.identity), pid };
        let Some(server) = Incarnation::of(pid)? else { return Ok(false) };
        let subject = Subject::new(self.identity.to_string(), server);
        let name = self.identity.to_string();
        let sessions = match self.server.sessions() {
            // It was ending already, as after a stop that was cut off.
            Err(TmuxError::NoServer { .. } | TmuxError::Failed { .. })
                if wait_dead(&subject.server, GRACE) =>
            {
                return Ok(false);
            }
            sessions => sessions?,
        };
        // Nobody's work is in a server without a session, and only a launch that was cut off leaves one:
        // tmux ends a server with its last session unless it is told not to.
        if sessions.is_empty() {
            let deed = Deed { by: &self.host.settings().caller, reason: "launch-cut-off" };
            end(self.host, self.canary, &subject, self.identity, None, deed, warnings)?;
            return Ok(false);
        }
        if !sessions.contains(&name) {
            return Err(foreign());
        }
        let pane = self.server.session(&name)?.pane()?;
        let created = NewSession { server_pid: pid, pane_pid: pane.pid, session_id: String::new() };
        self.write_down(&subject, Some(&created), now())?;
        // Why nobody watches is among the warnings.
        let _ = arm_again(self.host, self.canary, self.identity, &subject, warnings);
        Ok(true)
    }

    fn write_down(
        &self,
        subject: &Subject,
        created: Option<&NewSession>,
        woke: Timestamp,
    ) -> Result<(), LaunchError> {
        let id = |process: &Incarnation| ProcessId { pid: process.pid, start: process.start.to_string() };
        let pane = match created {
            // Also a program that has ended already: it is owed a record, and as a zombie it tells how it
            // ended. When one that is gone started is not known, but surely not with the boot.
            Some(NewSession { pane_pid: pid, .. }) => match observe(*pid) {
                ProcessState::Running { start } | ProcessState::Zombie { start, .. } => {
                    Some(ProcessId { pid: *pid, start: start.to_string() })
                }
                ProcessState::Gone => Some(ProcessId { pid: *pid, start: "0".to_owned() }),
                ProcessState::Unknown(reason) => return Err(HostError::Process { pid: *pid, reason }.into()),
            },
            None => None,
        };
        let session = Session {
            identity: self.identity.to_string(),
            runtime: self.identity.runtime().to_string(),
            personality: self.identity.personality().to_string(),
            cwd: self.peer.cwd.clone(),
            woke_at: woke.as_millisecond(),
            boot_id: subject.server.boot.to_string(),
            server: id(&subject.server),
            pane,
            session_id: created.map(|c| c.session_id.clone()).filter(|id| !id.is_empty()),
        };
        Ok(Facts::of(self.host.layout(), self.identity).set_session(&session)?)
    }
}
