//! What is there, as far as it can be told without starting a process.

use camino::{Utf8Path, Utf8PathBuf};
use iapeer_canary::{BadWord, Incarnation, Liveness};
use iapeer_registry::{Identity, Peer};
use iapeer_statefile::list_folder;
use iapeer_tmux::{Probe, SOCKET_LIMIT, probe};

use crate::facts::{FactError, Facts, ProcessId, Session};
use crate::host::{Host, with_causes};
use crate::layout::Layout;

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
    let session = Facts::of(host.layout(), identity).session();
    observe_with(host, identity, &session)
}

/// The same, with what is written down about its session.
pub(crate) fn observe_with(
    host: &Host,
    identity: &Identity,
    session: &Result<Option<Session>, FactError>,
) -> Observed {
    Sight::of_nothing().observe_with(host.layout(), identity.clone(), session)
}

/// Looks at every runtime of a peer.
pub fn observe_peer(host: &Host, peer: &Peer) -> Vec<Observed> {
    Sight::of_nothing().observe_peer(host.layout(), peer)
}

/// Looks at every runtime of several peers, in their order. The folders are listed once, so that what is not
/// there is not looked for once more for each peer.
pub fn observe_peers(host: &Host, peers: &[Peer]) -> Vec<Vec<Observed>> {
    let sight = Sight::of(host.layout());
    peers.iter().map(|peer| sight.observe_peer(host.layout(), peer)).collect()
}

/// The identities of a peer, one for each runtime.
pub fn identities(peer: &Peer) -> Vec<Identity> {
    let name = &peer.facts.personality;
    peer.facts.runtimes().iter().map(|r| Identity::new(r.clone(), name.clone())).collect()
}

/// What is in the folders of facts and of sockets.
struct Sight {
    facts: Listing,
    sockets: Listing,
}

impl Sight {
    /// Nothing was listed: everything is looked for.
    fn of_nothing() -> Sight {
        Sight { facts: Listing(None), sockets: Listing(None) }
    }

    /// The facts are listed before the sockets: of a session that begins meanwhile the socket is seen at least.
    fn of(layout: &Layout) -> Sight {
        let facts = Listing::of(&layout.facts());
        Sight { facts, sockets: Listing::of(layout.sock_dir()) }
    }

    fn observe_peer(&self, layout: &Layout, peer: &Peer) -> Vec<Observed> {
        identities(peer).into_iter().map(|identity| self.observe(layout, identity)).collect()
    }

    fn observe(&self, layout: &Layout, identity: Identity) -> Observed {
        let session = self.session(&Facts::of(layout, &identity));
        self.observe_with(layout, identity, &session)
    }

    fn observe_with(
        &self,
        layout: &Layout,
        identity: Identity,
        session: &Result<Option<Session>, FactError>,
    ) -> Observed {
        let socket = layout.socket(&identity);
        let facts = Facts::of(layout, &identity);
        let (stopped, unreadable) = match self.stopped(&facts) {
            Ok(stopped) => (stopped, None),
            Err(e) => (None, Some(with_causes(&e))),
        };
        let status = match (self.status(session, &socket), unreadable) {
            (live @ Status::Live { .. }, _) => live,
            (_, Some(reason)) | (Status::Unknown(reason), None) => Status::Unknown(reason),
            (_, None) if stopped.is_some() => Status::Stopped,
            (asleep, None) => asleep,
        };
        Observed { identity, status, socket, stopped }
    }

    fn stopped(&self, facts: &Facts<'_>) -> Result<Option<String>, FactError> {
        if self.facts.lacks(|| facts.stopped_path()) { Ok(None) } else { facts.stopped() }
    }

    fn session(&self, facts: &Facts<'_>) -> Result<Option<Session>, FactError> {
        if self.facts.lacks(|| facts.session_path()) { Ok(None) } else { facts.session() }
    }

    fn status(&self, session: &Result<Option<Session>, FactError>, socket: &Utf8Path) -> Status {
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
        // The name of a socket that cannot be has a reason, which the look at it gives.
        if self.sockets.lacks(|| socket) && socket.as_str().len() <= SOCKET_LIMIT {
            return Status::Asleep;
        }
        match probe(socket.as_std_path()) {
            Probe::Listening { pid } => Status::Live { server_pid: pid },
            Probe::Refused | Probe::Missing => Status::Asleep,
            Probe::Unknown { reason } => Status::Unknown(reason),
        }
    }
}

/// The names in a folder, sorted; none when it was not listed.
struct Listing(Option<Vec<String>>);

impl Listing {
    /// Why a folder cannot be listed is left to each look into it, which says so of whom it is about.
    fn of(folder: &Utf8Path) -> Listing {
        Listing(list_folder(folder).ok())
    }

    /// Whether it is certain that there is no such file in the folder. Its path is made only where that takes one.
    fn lacks<P: AsRef<Utf8Path>>(&self, path: impl FnOnce() -> P) -> bool {
        let Some(names) = &self.0 else { return false };
        let is_there = |name: &str| names.binary_search_by(|there| there.as_str().cmp(name)).is_ok();
        names.is_empty() || path().as_ref().file_name().is_some_and(|name| !is_there(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_listed_is_known_to_be_missing() {
        let names = |names: &[&str]| Listing(Some(names.iter().map(|name| (*name).to_owned()).collect()));
        for (listing, path, lacks) in [
            (names(&["a", "b", "c"]), "/x/b", false),
            (names(&["a", "b", "c"]), "/x/d", true),
            (names(&[]), "/x/b", true),
            (names(&["b"]), "/", false),
            (Listing(None), "/x/b", false),
        ] {
            assert_eq!(listing.lacks(|| path), lacks, "{path} in {:?}", listing.0);
        }
    }
}
