//! How a session comes up.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{self, PipeReader};

use iapeer_canary::{Armed, Canary, ExitHook, HostError, Incarnation, ProcessState, Subject, Watch, observe};
use iapeer_provision_exec::unique_name;
use iapeer_registry::{Identity, Peer, RuntimeName};
use iapeer_statefile::{Lock, Timestamp, ensure_dir, replace_file};
use iapeer_tmux::{NewSession, Probe, Server, SessionSpec, Tmux, TmuxError, probe};

use crate::attend::{arm_again, attend};
use crate::bring_up::{BringUp, FirstMessage};
use crate::cause::How;
use crate::deaths::sweep;
use crate::end::{Deed, GRACE, end};
use crate::facts::{Facts, ProcessId, Session};
use crate::host::{Host, Warning, now};
use crate::launch_env::LaunchEnv;
use crate::launch_error::LaunchError;
use crate::observe::SessionState;
use crate::prompt::system_prompt;
use crate::queue::close_hand_over;
use crate::runtime::Runtime;
use crate::scope::in_scope;
use crate::tree::wait_dead;
use crate::wake::{Request, decided, log_wake, use_marks_up};

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

/// Brings a session up, unless it is, and waits until its runtime is ready for input, for somebody who names
/// no topic.
///
/// # Errors
///
/// As [`launch_for`].
pub fn launch(host: &Host, peer: &Peer, runtime: Option<&RuntimeName>) -> Result<Launched, LaunchError> {
    launch_for(host, peer, runtime, &Request::Launch)
}

/// Brings a session up, unless it is, and waits until its runtime is ready for input; who wants it decides
/// whether it begins anew or goes on.
///
/// # Errors
///
/// [`LaunchError`]; nothing that was started on the way is left running, unless the error says that it is up.
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
    wake: &Lock,
) -> Result<Launched, LaunchError> {
    launch_with(host, runtime, identity, request, FirstMessage::OfProfile, wake)
}

/// [`launch_locked`], with what is typed first if the session begins anew.
pub(crate) fn launch_with(
    host: &Host,
    runtime: &Runtime,
    identity: Identity,
    request: &Request,
    first: FirstMessage<'_>,
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
    let session = facts.session()?;
    match (standing(session.as_ref().map(Session::state)), session) {
        (Standing::Up, Some(session)) => return up(session.server.pid, How::AlreadyLive, warnings),
        (Standing::Unclear(reason), _) => return Err(LaunchError::Unknown { identity, reason }),
        _ => {}
    }

    let how = decided(host, runtime, &identity, peer, request, &mut warnings)?;
    warnings.extend(runtime.warning(host.layout()));
    let program = runtime.program(host.settings())?;
    let env = LaunchEnv::of(host.layout(), &identity, &peer.cwd)?;
    let tmux = Tmux::find(&host.settings().path)?;
    let server = tmux.server(host.layout().socket(&identity).into_std_path_buf())?;

    let start = Start { host, canary: &canary, identity: &identity, peer, server: &server };
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
        if first == FirstMessage::OfProfile {
            // The session of a task that was being handed over is gone, and this is not another one.
            close_hand_over(host, &identity, &mut warnings)?;
        }
        let prompt = match runtime.argv.takes_system_prompt() {
            true => system_prompt(host, &identity, peer, &mut warnings),
            false => None,
        };
        let prompt = facts.set_system_prompt(prompt.as_deref())?;
        let arguments = match how {
            How::Resumed(_) => runtime.argv.resume(prompt.as_deref()),
            _ => None,
        };
        let mut argv = vec![program.to_string()];
        argv.extend(arguments.unwrap_or_else(|| runtime.argv.fresh(prompt.as_deref())));
        argv.extend(env.start_args.iter().flatten().cloned());
        match start.start(argv, &env.variables, &mut warnings) {
            Err(LaunchError::Tmux(TmuxError::AlreadyRunning { .. })) if looks_left > 0 => {}
            started => break started?,
        }
    };
    match how {
        How::Resumed(cause) => log_wake(host, &identity, "resume", &cause, &mut warnings),
        How::Started(cause) => log_wake(host, &identity, "fresh", &cause, &mut warnings),
        How::AlreadyLive | How::Adopted => {}
    }
    // It is up, whether or not it will be ready.
    use_marks_up(&facts, request, how)?;
    let session = BringUp { host, canary: &canary, identity: &identity, server: &server, program: &program };
    session.wait_ready(&runtime.start_up, &mut warnings)?;
    if matches!(how, How::Started(_)) {
        session.say(first, peer, &mut warnings)?;
    }
    Ok(Launched { identity, server_pid, how, warnings })
}

/// What there is of a session when one is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Nothing, so that one may be started.
    Nothing,
    /// It is up.
    Up,
    /// What it is cannot be told, for this reason; none is started beside it.
    Unclear(String),
}

/// What a session that is written down, in this state, is to who wants one.
pub(crate) fn standing(state: Option<SessionState>) -> Standing {
    match state {
        None => Standing::Nothing,
        Some(SessionState::Running) => Standing::Up,
        Some(SessionState::Unknown(reason)) => Standing::Unclear(reason),
        Some(SessionState::ProgramEnded | SessionState::ServerDead) => {
            Standing::Unclear("its last session has ended, but is still written down".to_owned())
        }
    }
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

        let (pid, read_end) = self.start_server(warnings)?;
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
