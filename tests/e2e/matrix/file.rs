//! The state files, each as it is when all is well.

use std::fs;
use std::path::PathBuf;

use crate::host::Host;

/// A state file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum File {
    Index,
    IndexLock,
    Slot,
    Runtime,
    Session,
    /// One that the existing iapeer left, which tells of no server.
    OldSession,
    Stopped,
    IdleReaped,
    Deaths,
    WakeLock,
    Lease,
    Dead,
    Intent,
    Owed,
    Removed,
    Degraded,
    Decisions,
    Exits,
    Generation,
    Piece,
    Profile,
}

/// The session of a server that ended long ago.
const DEATH: &str = "shell-alpha.00000000.4194304.1";
const LEASE: &str = "ts=2026-01-01T00:00:00.000Z ev=lease v=1 identity=shell-alpha server_pid=4194304 \
    server_start=1 boot=00000000-0000-0000-0000-000000000000 wait=lifeline up=5 recorder_pid=0 \
    recorder_start=\"\" end=1\n";
const LINE: &str = "ts=2026-01-01T00:00:00.000Z ev=stop identity=shell-alpha by=alpha\n";

impl File {
    /// Where it is under the root.
    pub(crate) fn path(self, host: &Host) -> PathBuf {
        let lifecycle = |fact: &str| format!("state/lifecycle/shell-alpha.{fact}");
        let canary = |kind: &str| format!("state/canary/{DEATH}.{kind}");
        let folder = match self {
            File::Generation => "backups/peers-profiles.json",
            _ => "",
        };
        if !folder.is_empty() {
            // The newest one.
            let names = fs::read_dir(host.root(folder)).unwrap().map(|entry| entry.unwrap().path());
            return names.max().unwrap();
        }
        host.root(&match self {
            File::Index => "peers-profiles.json".to_owned(),
            File::IndexLock => "peers-profiles.lock".to_owned(),
            File::Slot => "memory-provider.json".to_owned(),
            File::Runtime => "runtimes/probe/runtime.json".to_owned(),
            File::Session | File::OldSession => lifecycle("session"),
            File::Stopped => lifecycle("stopped"),
            File::IdleReaped => lifecycle("idle-reaped"),
            File::Deaths => lifecycle("deaths"),
            File::WakeLock => lifecycle("wake.lock"),
            File::Lease => canary("lease"),
            File::Dead => canary("dead"),
            File::Intent => canary("intent"),
            File::Owed => "state/provision/shell-alpha.0123456789abcdef.memory.json".to_owned(),
            File::Removed => "state/removed/gone.0123456789abcdef.json".to_owned(),
            File::Degraded => "state/degraded/session-shell-gone".to_owned(),
            File::Decisions => "logs/iapeer/lifecycle.log".to_owned(),
            File::Exits => "logs/iapeer/exits.log".to_owned(),
            File::Piece => "quarantine/peers-profiles.json.20260101T000000000Z".to_owned(),
            File::Profile => "peers/alpha/.iapeer/peer-profile.json".to_owned(),
            File::Generation => unreachable!("see above"),
        })
    }

    /// What stands in it when all is well, where that is not there already.
    pub(crate) fn good(self, host: &Host) -> Option<String> {
        let root = host.root("");
        let root = root.to_str().unwrap();
        Some(match self {
            File::Slot => r#"{ "provider": "alpha", "package": "alpha", "version": "1",
                    "provision": { "command": "/bin/true", "args": ["alpha"] } }"#
                .to_owned(),
            File::Session => format!(
                r#"{{ "identity": "shell-alpha", "runtime": "shell", "personality": "alpha",
                    "cwd": "{root}peers/alpha", "wokeAt": 1767225600000,
                    "bootId": "00000000-0000-0000-0000-000000000000",
                    "server": {{ "pid": 4194304, "start": "1" }} }}"#
            ),
            File::OldSession => format!(
                r#"{{ "identity": "shell-alpha", "runtime": "shell", "personality": "alpha",
                    "cwd": "{root}peers/alpha", "wokeAt": 1767225600000 }}"#
            ),
            File::Stopped => "2026-01-01T00:00:00.000Z alpha\n".to_owned(),
            File::IdleReaped => "2026-01-01T00:00:00.000Z\n".to_owned(),
            File::Deaths => "[1767225600000]".to_owned(),
            File::WakeLock => "ts=2026-01-01T00:00:00.000Z ev=lock pid=1 by=alpha\n".to_owned(),
            File::Lease => LEASE.to_owned(),
            File::Dead => "".to_owned(),
            File::Intent => {
                "ts=2026-01-01T00:00:00.000Z ev=intent up=5 ttl=5 by=alpha reason=stop end=1\n".to_owned()
            }
            File::Owed => format!(
                r#"{{ "personality": "alpha", "runtime": "shell", "cwd": "{root}peers/alpha",
                    "occasion": "birth", "since": "2026-01-01T00:00:00.000Z", "attempts": 1 }}"#
            ),
            File::Removed => {
                format!(
                    r#"{{ "personality": "gone", "cwd": "{root}peers/alpha", "removed_at": "2026-01-01T00:00:00.000Z" }}"#
                )
            }
            File::Degraded => "2026-01-01T00:00:00.000Z\n".to_owned(),
            File::Decisions | File::Exits => LINE.repeat(4),
            File::Piece => "{ \"peers\": [ alpha torn".to_owned(),
            _ => return None,
        })
    }

    /// Whether what stands in it counts; of the others it counts that they are there, or it is for people.
    pub(crate) fn content_counts(self) -> bool {
        !matches!(
            self,
            File::IndexLock | File::WakeLock | File::Degraded | File::Lease | File::Dead | File::Intent
        )
    }

    /// Other files that it needs to mean anything: here, a server that died and must be on record once.
    pub(crate) fn beside(self) -> &'static [File] {
        match self {
            File::Intent | File::Dead | File::Session => &[File::Lease],
            File::Deaths => &[File::Lease, File::Session],
            _ => &[],
        }
    }
}
