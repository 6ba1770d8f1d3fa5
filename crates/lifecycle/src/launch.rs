//! How a session comes up.

use std::ffi::OsString;
use std::io::{self, PipeReader};

use camino::Utf8PathBuf;
use iapeer_canary::{
    Armed, Canary, CanaryError, ExitHook, HostError, Incarnation, ProcessState, ScriptError, Subject, Watch,
    observe,
};
use iapeer_provision_exec::unique_name;
use iapeer_registry::{Identity, Peer, Personality, RuntimeName};
use iapeer_statefile::{Line, Lock, LockError, Timestamp, WriteError, ensure_dir, replace_file};
use iapeer_tmux::{NewSession, Probe, Server, SessionSpec, Tmux, TmuxError, probe};

use crate::attend::{AttendError, arm_again, attend};
use crate::end::{Deed, EndError, GRACE, end};
use crate::facts::{FactError, Facts, ProcessId, Session};
use crate::host::{FindError, Host, Warning, now};
use crate::observe::SessionState;
use crate::pane::last_lines;
use crate::pass::sweep;
use crate::prompt::system_prompt;
use crate::runtime::{Runtime, RuntimeError, filled, takes_system_prompt};
use crate::scope::in_scope;
use crate::tree::wait_dead;
use crate::wake::{FreshCause, Refusal, Request, ResumeCause, decided, use_marks_up};

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
    /// It was started, and began anew.
    Started(FreshCause),
    /// It was started, and goes on where the last one ended.
    Resumed(ResumeCause),
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
        /// Who stopped it, how often it died, or which folder is missing.
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
    /// The program ended before we were done.
    #[error("{program} ended at once")]
    EndedAtOnce {
        /// Whose it was.
        identity: Identity,
        /// The program.
        program: Utf8PathBuf,
        /// What its pane showed last.
        shown: Vec<String>,
    },
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
        Refusal::CrashLoop => format!("it died too often ({detail})"),
        Refusal::FolderMissing => format!("its folder {detail} is not there"),
        Refusal::NothingToResume => "there is nothing to go on with".to_owned(),
        Refusal::RuntimeCannotResume => {
            "its runtime does not say how to go on where the last session ended".to_owned()
        }
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

/// Brings a session up, unless it is, for somebody who names no topic.
///
/// # Errors
///
/// As [`launch_for`].
pub fn launch(host: &Host, peer: &Peer, runtime: Option<&RuntimeName>) -> Result<Launched, LaunchError> {
    launch_for(host, peer, runtime, &Request::Launch)
}

/// Brings a session up, unless it is; who wants it decides whether it begins anew or goes on.
///
/// # Errors
///
/// [`LaunchError`]; nothing that was started on the way is left running, unless the error says so.
pub fn launch_for(
    host: &Host,
    peer: &Peer,
    runtime: Option<&RuntimeName>,
    request: &Request,
) -> Result<Launched, LaunchError> {
    let identity = identity_of(peer, runtime)?;
    let runtime = Runtime::find(identity.runtime(), host.layout())?;
    let wake = host.lock_wake(&identity)?;
    launch_locked(host, &runtime, identity, request, &wake)
}

/// [`launch_for`], for who holds the identity's lock already.
pub(crate) fn launch_locked(
    host: &Host,
    runtime: &Runtime,
    identity: Identity,
    request: &Request,
    _wake: &Lock,
) -> Result<Launched, LaunchError> {
    let facts = Facts::of(host.layout(), &identity);
    // Whoever removes a peer holds the lock until nothing of it is left.
    let peer = &host.peer(identity.personality())?;
    let canary = host.canary();
    let mut warnings = Vec::new();

    close_last(host, &canary, &identity, &mut warnings)?;
    let up = |server_pid, how, warnings| {
        use_marks_up(&facts, request, how)?;
        Ok(Launched { identity: identity.clone(), server_pid, how, warnings })
    };
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

    let how = decided(host, runtime, &identity, peer, request, &mut warnings)?;
    let program = runtime.program(host.settings())?;
    let tmux = Tmux::find(&host.settings().path)?;
    let server = tmux.server(host.layout().socket(&identity).into_std_path_buf())?;

    let start = Start { host, canary: &canary, identity: &identity, peer, server: &server };
    let arguments = match (how, &runtime.argv.resume) {
        (How::Resumed(_), Some(resume)) => resume,
        _ => &runtime.argv.fresh,
    };
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
        let prompt = match takes_system_prompt(arguments) {
            true => system_prompt(host, &identity, peer, &mut warnings),
            false => None,
        };
        let prompt = facts.set_system_prompt(prompt.as_deref())?;
        let mut argv = vec![program.to_string()];
        argv.extend(filled(arguments, prompt.as_deref()));
        match start.start(&program, argv, &mut warnings) {
            Err(LaunchError::Tmux(TmuxError::AlreadyRunning { .. })) if looks_left > 0 => {}
            started => break started?,
        }
    };
    match how {
        How::Resumed(cause) => log_wake(host, &identity, "resume", &cause, &mut warnings),
        How::Started(cause) => log_wake(host, &identity, "fresh", &cause, &mut warnings),
        How::AlreadyLive | How::Adopted => {}
    }
    up(server_pid, how, warnings)
}

/// Brings on record what the last session left open, which comes before anything else: its death must not be
/// taken for ours. The caller holds the wake lock.
///
/// # Errors
///
/// [`LaunchError`] when it cannot be told what became of it.
pub(crate) fn close_last(
    host: &Host,
    canary: &Canary,
    identity: &Identity,
    warnings: &mut Vec<Warning>,
) -> Result<(), LaunchError> {
    sweep(canary, warnings);
    if let Some(session) = Facts::of(host.layout(), identity).session()? {
        attend(host, canary, identity, &session, warnings)?;
    }
    Ok(())
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

/// Writes down how a session came up, or why it did not.
pub(crate) fn log_wake(
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
        program: &Utf8PathBuf,
        argv: Vec<String>,
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

        let (pid, read_end) = self.start_server(warnings)?;
        let gone = || LaunchError::ServerGone { identity: self.identity.clone(), pid };
        let subject = Subject::new(self.identity.to_string(), Incarnation::of(pid)?.ok_or_else(gone)?);
        let arming = self.canary.begin_arming(&subject, Watch::Lifeline(read_end.into()));
        let spec = SessionSpec {
            env: vec![
                ("PEER_PERSONALITY".to_owned(), self.identity.personality().as_str().into()),
                ("PEER_RUNTIME".to_owned(), self.identity.runtime().as_str().into()),
                ("PEER_IDENTITY".to_owned(), self.identity.to_string().into()),
            ],
            exit_hook: Some(hook.into_std_path_buf()),
            pane_log: Some(pane_log.clone().into_std_path_buf()),
            ..SessionSpec::new(self.peer.cwd.as_std_path(), argv)
        };
        let made = self.write_down(&subject, None, now()).and_then(|()| {
            let created = self.server.session(&self.identity.to_string())?.create(&spec)?;
            self.write_down(&subject, Some(&created), now())?;
            Ok(created)
        });
        let armed = arming.confirm();
        let created = match made {
            Ok(created) => created,
            Err(error) => {
                let deed = Deed { by: &self.host.settings().caller, reason: "launch-failed" };
                end(self.host, self.canary, &subject, self.identity, None, deed, warnings)?;
                Facts::of(layout, self.identity).clear_session()?;
                return Err(error);
            }
        };
        if let Armed::Failed(e) = armed {
            warnings.push(Warning::of("nobody watches the server", &e));
        }
        if Incarnation::of(created.pane_pid)?.is_none() {
            let shown = last_lines(&pane_log, 2);
            return Err(LaunchError::EndedAtOnce {
                identity: self.identity.clone(),
                program: program.clone(),
                shown,
            });
        }
        Ok(pid)
    }

    /// Starts an empty server, in a scope of its own where there is one; its pid, and the end of the pipe that
    /// tells of its death.
    fn start_server(&self, warnings: &mut Vec<Warning>) -> Result<(u32, PipeReader), LaunchError> {
        let start = |scope: &[OsString]| {
            let (read_end, write_end) = io::pipe().map_err(|source| LaunchError::Pipe { source })?;
            Ok::<_, LaunchError>((self.server.start(Some(write_end.into()), scope)?, read_end))
        };
        if let Some(scope) = in_scope(self.host.settings(), self.identity, &unique_name()) {
            match start(&scope) {
                Err(LaunchError::Tmux(e @ (TmuxError::Failed { .. } | TmuxError::TimedOut { .. }))) => {
                    let what = format!("{} has no scope of its own", self.identity);
                    warnings
                        .push(Warning::of(&what, &e).hint("to do without: iapeer launch PEER --no-scope"));
                }
                started => return started,
            }
        }
        start(&[])
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
