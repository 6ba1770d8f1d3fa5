//! Looking at a session that we supervise. Starts no process and asks no server.

use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;

use camino::Utf8Path;
use iapeer_registry::{Identity, profile_document};
use iapeer_statefile::{Reading, Timestamp};
use iapeer_tmux::{Probe, probe};

use crate::decide::{Marks, Seen, ServerEnd};
use crate::facts::{FactError, Facts, Session};
use crate::host::Host;
use crate::observe::SessionState;
use crate::runtime::Runtime;
use crate::transcripts::newest_transcript;

/// What tmux sets in the mode of a socket as long as somebody's terminal shows a session of its server.
const ATTACHED: u32 = 0o111;

/// What is seen of a session that is in this state, except the end of its server and its witness. `runtime` is
/// what its runtime is, where that can be told.
pub(crate) fn look(
    host: &Host,
    identity: &Identity,
    runtime: Option<&Runtime>,
    session: &Session,
    state: SessionState,
) -> Seen {
    let is_running = state == SessionState::Running;
    let socket = host.layout().socket(identity);
    Seen {
        is_held_by_service: runtime.is_some_and(Runtime::is_held_by_service),
        is_attached: is_running && is_attached(&socket),
        is_without_socket: is_running && probe(socket.as_std_path()) == Probe::Missing,
        is_watched: true,
        active: if is_running { last_activity(host, identity, runtime, session) } else { None },
        end: ServerEnd::Unplanned,
        state,
    }
}

/// What stands on the disk about a session.
///
/// # Errors
///
/// [`FactError`] when a mark is there and cannot be read.
pub(crate) fn marks(facts: &Facts<'_>, cwd: &Utf8Path) -> Result<Marks, FactError> {
    Ok(Marks {
        is_stopped: facts.stopped()?.is_some(),
        eager_since: facts.eager_since()?,
        is_ephemeral: says_ephemeral(cwd).unwrap_or(false),
        answered: facts.ephemeral_armed()?,
    })
}

/// Whether the host's service manager holds the runtime of this identity.
pub(crate) fn is_held_by_service(host: &Host, identity: &Identity) -> bool {
    Runtime::find(identity.runtime(), host.layout()).is_ok_and(|runtime| runtime.is_held_by_service())
}

/// Whether the profile says that each session is for one task; none where there is one that cannot be read.
pub(crate) fn says_ephemeral(cwd: &Utf8Path) -> Option<bool> {
    match profile_document(cwd).read() {
        Reading::Present(profile) | Reading::Partial(profile, _) => Some(profile.is_ephemeral()),
        // A folder or a profile that is not there is told elsewhere.
        Reading::Fresh | Reading::Vanished => Some(false),
        Reading::Corrupt { .. } | Reading::Newer { .. } | Reading::Unreadable(_) => None,
    }
}

/// A socket that is gone tells nothing; its server makes it anew, and the next look is at that.
fn is_attached(socket: &Utf8Path) -> bool {
    socket.symlink_metadata().is_ok_and(|meta| meta.permissions().mode() & ATTACHED != 0)
}

/// When a session did something last: the newest of what tells of it. None when one of them cannot be told.
pub(crate) fn last_activity(
    host: &Host,
    identity: &Identity,
    runtime: Option<&Runtime>,
    session: &Session,
) -> Option<Timestamp> {
    let shown = modified(&host.layout().pane_log(identity)).ok()?;
    let sources = [Some(woke(session)?), shown, transcribed(host, runtime?, session)?];
    sources.into_iter().flatten().max()
}

/// When its newest transcript was written last; `Some(None)` when it has none, or its runtime keeps none.
fn transcribed(host: &Host, runtime: &Runtime, session: &Session) -> Option<Option<Timestamp>> {
    let Some(newest) = newest_transcript(host, runtime, &session.cwd).ok()? else { return Some(None) };
    Timestamp::try_from(newest.modified).ok().map(Some)
}

fn woke(session: &Session) -> Option<Timestamp> {
    Timestamp::from_millisecond(session.woke_at).ok()
}

/// When a file was written last; none when it is not there.
fn modified(path: &Utf8Path) -> std::io::Result<Option<Timestamp>> {
    match path.metadata().and_then(|meta| meta.modified()) {
        Ok(time) => Timestamp::try_from(time).map(Some).map_err(std::io::Error::other),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
        Err(e) => Err(e),
    }
}
