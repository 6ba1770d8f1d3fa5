//! tmux, its servers and their sockets, and the witnesses of the servers.

use std::collections::BTreeSet;
use std::os::unix::fs::FileTypeExt;
use std::time::Duration;

use iapeer_canary::{CanaryState, CanaryStatus, Subject};
use iapeer_registry::Identity;
use iapeer_statefile::with_causes;
use iapeer_tmux::{Probe, SOCKET_LIMIT, Tmux, TmuxError, probe};

use super::finding::{count, or_ok};
use super::sight::{Sight, names_in, quoted, set_aside};
use super::{Finding, Mend};
use crate::facts::{Facts, Session};
use crate::observe::SessionState;

/// How long tmux has for its version; less than the check has.
const TMUX_LIMIT: Duration = Duration::from_secs(3);

/// A session that is written down and as it should be known.
struct Known {
    identity: Identity,
    session: Session,
    state: SessionState,
}

pub(super) fn tmux(sight: &Sight) -> Vec<Finding> {
    vec![match Tmux::find_within(&sight.host.settings().path, TMUX_LIMIT) {
        Ok(tmux) => Finding::ok(format!("tmux {} at {}", tmux.version(), tmux.program().display())),
        Err(e @ TmuxError::NotFound { .. }) => Finding::fail(e.to_string())
            .remedy("install it: apt-get install tmux, dnf install tmux, or brew install tmux"),
        Err(e @ TmuxError::TimedOut { .. }) => {
            Finding::unknown(e.to_string()).remedy("put a tmux that works first on the PATH")
        }
        Err(e @ TmuxError::TooOld { .. }) => {
            Finding::fail(e.to_string()).remedy("install a newer tmux, or put one first on the PATH")
        }
        Err(e) => Finding::fail(e.to_string()).remedy("put a tmux that works first on the PATH"),
    }]
}

pub(super) fn sockets(sight: &Sight) -> Vec<Finding> {
    let mut findings = Vec::new();
    let peers = sight.identities().ok();
    findings.extend(peers.iter().flatten().find_map(|identity| too_long(sight, identity)));
    let (known, unlisted) = sessions(sight);
    findings.extend(unlisted);
    for known in &known {
        findings.extend(without_server(sight, known));
    }
    let folder = sight.layout().sock_dir();
    match names_in(folder) {
        Err(why) => findings.push(Finding::unknown(why).remedy(format!("mend the permissions of {folder}"))),
        Ok(names) => {
            let identity = |name: &String| {
                name.strip_prefix("tmux-iap-")?.strip_suffix(".sock")?.parse::<Identity>().ok()
            };
            for identity in names.iter().filter_map(identity) {
                findings.extend(socket(sight, &identity, peers.as_ref(), &known));
            }
        }
    }
    or_ok(findings, || match known.len() {
        0 => "no session runs, and no socket is in the way".to_owned(),
        n => format!("{} with a server and its socket", count(n, "one session", "sessions, each")),
    })
}

fn too_long(sight: &Sight, identity: &Identity) -> Option<Finding> {
    let path = sight.layout().socket(identity);
    (path.as_str().len() > SOCKET_LIMIT).then(|| {
        let len = path.as_str().len();
        Finding::fail(format!("the socket path {path} has {len} bytes, but only {SOCKET_LIMIT} fit"))
            .remedy("set IAPEER_SOCK_DIR to a shorter folder, such as /run/user/UID/iapeer")
    })
}

/// What is wrong with a session that is written down.
fn without_server(sight: &Sight, known: &Known) -> Option<Finding> {
    let Known { identity, session, state } = known;
    let pass = "iapeer supervise --once";
    match state {
        _ if sight.is_being_changed(identity) => None,
        SessionState::Unknown(reason) => {
            Some(Finding::unknown(format!("whether the session of {identity} runs: {reason}")).remedy(pass))
        }
        SessionState::ServerDead => {
            let summary = format!("the server of {identity} (pid {}) is gone", session.server.pid);
            Some(Finding::warn(format!("{summary}, and its session is still written down")).remedy(pass))
        }
        SessionState::ProgramEnded => Some(
            Finding::warn(format!("the program of {identity} has ended, and its server is still there"))
                .remedy(pass),
        ),
        SessionState::Running => {
            let path = sight.layout().socket(identity);
            (probe(path.as_std_path()) == Probe::Missing).then(|| {
                Finding::warn(format!("{identity} runs, and its socket is gone: {path}")).remedy(pass)
            })
        }
    }
}

/// What is wrong with a socket in the folder.
fn socket(
    sight: &Sight,
    identity: &Identity,
    peers: Option<&BTreeSet<Identity>>,
    known: &[Known],
) -> Option<Finding> {
    let path = sight.layout().socket(identity);
    // It was removed meanwhile.
    let meta = path.symlink_metadata().ok()?;
    if sight.is_being_changed(identity) {
        return None;
    }
    if !meta.file_type().is_socket() {
        return Some(Finding::warn(format!("{path} is no socket")).remedy(set_aside(&path)));
    }
    let session = known.iter().find(|known| known.identity == *identity).map(|known| &known.session);
    let has_record = sight.layout().fact(identity, "session").exists();
    let end = format!("to end it: tmux -S {} kill-server", quoted(&path));
    match probe(path.as_std_path()) {
        Probe::Missing => None,
        Probe::Unknown { reason } => {
            Some(Finding::unknown(format!("who listens on {path}: {reason}")).remedy(end))
        }
        Probe::Listening { pid } if session.is_some_and(|session| session.server.pid == pid) => None,
        // What is written down of it cannot be read; that is told with the markers.
        Probe::Listening { .. } if session.is_none() && has_record => None,
        Probe::Listening { pid } => {
            let adopt = format!("iapeer launch {} {}", identity.personality(), identity.runtime());
            let remedy = if peers.is_some_and(|peers| peers.contains(identity)) {
                format!("to take it on: {adopt}; {end}")
            } else {
                end
            };
            let summary = format!("a server that nobody wrote down (pid {pid}) listens on {path}");
            Some(Finding::warn(summary).remedy(remedy))
        }
        // A launch uses the socket of the last session again, so that of a peer is in nobody's way.
        Probe::Refused if has_record || peers.is_none_or(|peers| peers.contains(identity)) => None,
        Probe::Refused => {
            let info = Finding::info(format!("nobody listens on {path}, and no peer has it"));
            // A folder elsewhere may be that of other roots, too, whose peers we do not know.
            if !path.starts_with(sight.root()) {
                return Some(info.remedy(format!("if no other root has it: rm {}", quoted(&path))));
            }
            Some(info.mends(vec![Mend::RemoveSocket { identity: identity.clone() }]))
        }
    }
}

pub(super) fn canaries(sight: &Sight) -> Vec<Finding> {
    let statuses = match sight.host.canary().list() {
        Ok(statuses) => statuses,
        Err(e) => {
            let remedy = format!("mend the permissions of {}", sight.layout().canaries());
            return vec![Finding::unknown(with_causes(&e)).remedy(remedy)];
        }
    };
    let (known, mut findings) = sessions(sight);
    let mut watched = 0;
    for Known { identity, session, state } in &known {
        if !matches!(state, SessionState::Running) || sight.is_being_changed(identity) {
            continue;
        }
        let Ok(server) = session.server_process() else { continue };
        let subject = Subject::new(identity.to_string(), server);
        if statuses.iter().any(|s| s.subject == subject && s.state == CanaryState::Armed) {
            watched += 1;
            continue;
        }
        let summary = format!("nobody watches the server of {identity} (pid {})", session.server.pid);
        let mend = Mend::Arm { identity: identity.clone() };
        findings.push(Finding::warn(summary).remedy("iapeer supervise --once").mends(vec![mend]));
    }
    for CanaryStatus { subject, .. } in statuses.iter().filter(|s| s.state == CanaryState::Dying) {
        let summary =
            format!("the death of {} (pid {}) is not on record yet", subject.identity, subject.server.pid);
        findings.push(Finding::warn(summary).remedy("iapeer supervise --once"));
    }
    or_ok(findings, || match watched {
        0 => "no server is there to be watched".to_owned(),
        n => format!("{} watched", count(n, "one server is", "servers are")),
    })
}

/// The sessions that are written down and readable, and that they cannot be listed.
fn sessions(sight: &Sight) -> (Vec<Known>, Vec<Finding>) {
    let identities = match sight.sessions() {
        Ok(identities) => identities,
        Err(why) => {
            let remedy = format!("mend the permissions of {}", sight.layout().facts());
            return (Vec::new(), vec![Finding::unknown(why).remedy(remedy)]);
        }
    };
    let known = identities.into_iter().filter_map(|identity| {
        // One that is damaged is told with the markers.
        let session = Facts::of(sight.layout(), &identity).session().ok().flatten()?;
        let state = session.state();
        Some(Known { identity, session, state })
    });
    (known.collect(), Vec::new())
}
