//! What is there, as far as it can be told without starting a process.

use camino::{Utf8Path, Utf8PathBuf};
use iapeer_canary::{BadWord, Incarnation, Liveness};
use iapeer_registry::{Identity, Peer};
use iapeer_tmux::{Probe, probe};

use crate::facts::{FactError, Facts, ProcessId, Session};
use crate::host::{Host, with_causes};

/// What is known about one identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observed {
    /// Who.
    pub identity: Identity,
    /// What it is doing.
    pub status: Status,
    /// The socket of its server.
    pub socket: Utf8PathBuf,
    /// When and by whom it was stopped.
    pub stopped: Option<String>,
}

/// What an identity is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// A server of it runs, and its program with it.
    Live {
        /// The server's pid.
        server_pid: u32,
    },
    /// Nothing runs; it can be started.
    Asleep,
    /// Nothing runs, and nothing but `start` begins it.
    Stopped,
    /// It could not be told, and why.
    Unknown(String),
}

impl Status {
    /// The word that scripts read.
    pub fn as_str(&self) -> &'static str {
        match self {
            Status::Live { .. } => "live",
            Status::Asleep => "asleep",
            Status::Stopped => "stopped",
            Status::Unknown(_) => "unknown",
        }
    }
}

/// What has become of a session that we supervise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionState {
    /// The server and the program run.
    Running,
    /// The server runs, but the program has ended, or was never started.
    ProgramEnded,
    /// The server has ended.
    ServerDead,
    /// It could not be told, and why.
    Unknown(String),
}

impl Session {
    /// The server, as a process that can be told from all others.
    ///
    /// # Errors
    ///
    /// [`BadWord`] when what was written down is no process.
    pub fn server_process(&self) -> Result<Incarnation, BadWord> {
        self.process(&self.server)
    }

    /// The program, in the same way.
    ///
    /// # Errors
    ///
    /// [`BadWord`] when what was written down is no process.
    pub fn pane_process(&self) -> Result<Option<Incarnation>, BadWord> {
        self.pane.as_ref().map(|pane| self.process(pane)).transpose()
    }

    /// What has become of it.
    pub fn state(&self) -> SessionState {
        let server = match self.server_process() {
            Ok(server) => server,
            Err(e) => return SessionState::Unknown(e.to_string()),
        };
        match server.state() {
            Liveness::Unknown(reason) => return SessionState::Unknown(reason),
            Liveness::Dead { .. } => return SessionState::ServerDead,
            Liveness::Alive => {}
        }
        match self.pane_process().map(|pane| pane.map(|pane| pane.state())) {
            Ok(Some(Liveness::Alive)) => SessionState::Running,
            Ok(Some(Liveness::Dead { .. }) | None) => SessionState::ProgramEnded,
            Ok(Some(Liveness::Unknown(reason))) => SessionState::Unknown(reason),
            Err(e) => SessionState::Unknown(e.to_string()),
        }
    }

    fn process(&self, id: &ProcessId) -> Result<Incarnation, BadWord> {
        Ok(Incarnation { boot: self.boot_id.parse()?, pid: id.pid, start: id.start.parse()? })
    }
}

/// Looks at one identity. Starts no process and asks no server.
pub fn observe(host: &Host, identity: &Identity) -> Observed {
    observe_with(host, identity, &Facts::of(host.layout(), identity).session())
}

/// The same, with what is written down about its session.
pub(crate) fn observe_with(
    host: &Host,
    identity: &Identity,
    session: &Result<Option<Session>, FactError>,
) -> Observed {
    let socket = host.layout().socket(identity);
    let (stopped, unreadable) = match Facts::of(host.layout(), identity).stopped() {
        Ok(stopped) => (stopped, None),
        Err(e) => (None, Some(with_causes(&e))),
    };
    let status = match (status(session, &socket), unreadable) {
        (live @ Status::Live { .. }, _) => live,
        (_, Some(reason)) | (Status::Unknown(reason), None) => Status::Unknown(reason),
        (_, None) if stopped.is_some() => Status::Stopped,
        (asleep, None) => asleep,
    };
    Observed { identity: identity.clone(), status, socket, stopped }
}

/// Looks at every runtime of a peer.
pub fn observe_peer(host: &Host, peer: &Peer) -> Vec<Observed> {
    identities(peer).iter().map(|identity| observe(host, identity)).collect()
}

/// The identities of a peer, one for each runtime.
pub fn identities(peer: &Peer) -> Vec<Identity> {
    let name = &peer.facts.personality;
    peer.facts.runtimes().iter().map(|r| Identity::new(r.clone(), name.clone())).collect()
}

fn status(session: &Result<Option<Session>, FactError>, socket: &Utf8Path) -> Status {
    match session {
        Err(e) => return Status::Unknown(with_causes(e)),
        Ok(None) => {}
        Ok(Some(session)) => match session.state() {
            SessionState::Running => return Status::Live { server_pid: session.server.pid },
            SessionState::ProgramEnded => return Status::Asleep,
            SessionState::Unknown(reason) => return Status::Unknown(reason),
            // Another server may have come up on the socket without us.
            SessionState::ServerDead => {}
        },
    }
    match probe(socket.as_std_path()) {
        Probe::Listening { pid } => Status::Live { server_pid: pid },
        Probe::Refused | Probe::Missing => Status::Asleep,
        Probe::Unknown { reason } => Status::Unknown(reason),
    }
}
