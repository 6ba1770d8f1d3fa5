//! The records of deaths, as they stand in the journal.

use std::collections::HashSet;
use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

use camino::Utf8PathBuf;
use iapeer_statefile::{Entry, JournalRead};

use crate::oom::Oom;
use crate::process::ExitWord;

/// Why a server ended, as far as the evidence goes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Cause {
    /// Its connection dropped: SIGKILL, want of memory, a crash; also when the manner is unknown.
    ServerVanished,
    /// It was asked to end, or its last session was closed.
    OrderlyExit,
    /// The client that waited was killed too.
    ClientKilledServerGone,
    /// The witness was told to end at the same time.
    Swept,
    /// It was gone before the witness first looked.
    DiedBeforeArm,
    /// Nobody was watching; a later look found it dead.
    Unobserved,
    /// The host was started anew.
    Reboot,
    /// A word that this version does not know.
    Other(String),
}

/// One death in the journal of deaths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeathRecord {
    /// When it was recorded, as written: ISO 8601.
    pub ts: String,
    /// Whose it was.
    pub identity: String,
    /// The server's pid, where the record has it.
    pub server_pid: Option<u32>,
    /// What ended.
    pub what: Death,
}

/// What ended, and what is known of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Death {
    /// A server (`ev=server-exit`).
    Server(ServerExit),
    /// A session's own process (`ev=session-exit`).
    Session(SessionExit),
}

/// The unplanned end of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerExit {
    /// What names this death; records with the same name are one. Older records have none.
    pub death: Option<String>,
    /// Why.
    pub cause: Cause,
    /// How, where the kernel told.
    pub status: Option<ExitWord>,
    /// Whether memory ran out.
    pub oom: Oom,
    /// Who recorded it: `recorder`, `supervisor` or `sweep`.
    pub observer: Option<String>,
    /// `none`, or an intent that did not count: `stale`, `torn`.
    pub intent: Option<String>,
    /// Where its forensics are, or were.
    pub forensics: Option<Utf8PathBuf>,
}

/// The end of a session's own process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionExit {
    /// Its pid, where the record has it.
    pub pane_pid: Option<u32>,
    /// How it ended, where tmux told.
    pub status: Option<ExitWord>,
}

/// The deaths of a journal.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Deaths {
    /// In the order of the journal, each death once.
    pub records: Vec<DeathRecord>,
    /// Lines that are torn or cannot be read.
    pub unreadable_lines: u64,
}

impl Deaths {
    /// The deaths among the lines of a journal. Other events are passed over; a record without its
    /// `end=1` is torn, unless it is of the older form that had none.
    pub fn of(read: &JournalRead) -> Deaths {
        let mut deaths = Deaths { unreadable_lines: read.unreadable_lines, ..Deaths::default() };
        let mut seen = HashSet::new();
        for entry in &read.entries {
            match DeathRecord::of(entry) {
                Some(record) if record.death().is_none_or(|death| seen.insert(death.to_owned())) => {
                    deaths.records.push(record);
                }
                Some(_) => {}
                None if matches!(entry.event(), "server-exit" | "session-exit") => {
                    deaths.unreadable_lines += 1;
                }
                None => {}
            }
        }
        deaths
    }
}

impl DeathRecord {
    /// Reads one line; `None` when it is not a whole record of a death.
    pub fn of(entry: &Entry) -> Option<DeathRecord> {
        let text = |key: &str| entry.get(key).map(str::to_owned);
        let number = |key: &str| entry.get(key).and_then(|value| value.parse().ok());
        // Lines of the older form have no `end=1`, and none of the keys that came with it.
        let ours = ["death", "server_pid", "pane_pid", "end"].iter().any(|key| entry.get(key).is_some());
        if ours && entry.get("end") != Some("1") {
            return None;
        }
        let what = match entry.event() {
            "server-exit" => Death::Server(ServerExit {
                death: text("death"),
                cause: text("cause")?.parse().unwrap_or_else(|never: Infallible| match never {}),
                status: entry.get("status").and_then(|word| word.parse().ok()),
                oom: entry.get("oom").and_then(|word| word.parse().ok()).unwrap_or(Oom::Unknown),
                observer: text("observer"),
                intent: text("intent"),
                forensics: text("forensics").map(Utf8PathBuf::from),
            }),
            "session-exit" => {
                let (code, signal) = (text("dead_status")?, text("dead_signal")?);
                let code = code.parse().ok().map(ExitWord::Exited);
                let status = signal.parse().ok().map(ExitWord::Signaled).or(code);
                Death::Session(SessionExit { pane_pid: number("pane_pid"), status })
            }
            _ => return None,
        };
        let (ts, identity) = (entry.ts().to_owned(), text("identity")?);
        Some(DeathRecord { ts, identity, server_pid: number("server_pid"), what })
    }

    /// What names this death, where the record has it.
    pub fn death(&self) -> Option<&str> {
        match &self.what {
            Death::Server(server) => server.death.as_deref(),
            Death::Session(_) => None,
        }
    }

    /// How it ended, where the system told.
    pub fn status(&self) -> Option<ExitWord> {
        match &self.what {
            Death::Server(server) => server.status,
            Death::Session(session) => session.status,
        }
    }
}

impl Cause {
    /// What the kernel's word on the end says about its cause: who was asked to end, or ended by itself,
    /// did so in order; without a word the manner is unknown, and the server has vanished.
    pub(crate) fn from_status(status: Option<ExitWord>) -> Cause {
        match status {
            Some(ExitWord::Exited(_) | ExitWord::Signaled(1 | 2 | 15)) => Cause::OrderlyExit,
            Some(ExitWord::Signaled(_)) | None => Cause::ServerVanished,
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Cause::ServerVanished => "server-vanished",
            Cause::OrderlyExit => "orderly-exit",
            Cause::ClientKilledServerGone => "client-killed-server-gone",
            Cause::Swept => "swept",
            Cause::DiedBeforeArm => "died-before-arm",
            Cause::Unobserved => "unobserved",
            Cause::Reboot => "reboot",
            Cause::Other(word) => word,
        })
    }
}

impl FromStr for Cause {
    type Err = Infallible;

    fn from_str(word: &str) -> Result<Cause, Infallible> {
        Ok(match word {
            "server-vanished" => Cause::ServerVanished,
            // The word of an older version for the same thing.
            "orderly-exit" | "signaled-server-gone" => Cause::OrderlyExit,
            "client-killed-server-gone" => Cause::ClientKilledServerGone,
            "swept" => Cause::Swept,
            "died-before-arm" => Cause::DiedBeforeArm,
            "unobserved" => Cause::Unobserved,
            "reboot" => Cause::Reboot,
            other => Cause::Other(other.to_owned()),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const WHOLE: &str = "ts=2026-11-21T01:02:03.004Z ev=server-exit death=x.ec5a8d52.17.99 identity=x cause=swept \
        status=sig9 oom=cgroup+2 wait_rc=sigTERM server_pid=17 intent=stale observer=recorder forensics=\"/a b\" end=1";

    fn read(lines: &[&str]) -> Deaths {
        let entries = lines.iter().map(|line| Entry::parse(line).expect("a line")).collect();
        Deaths::of(&JournalRead { entries, unreadable_lines: 1 })
    }

    #[test]
    fn a_whole_record() {
        let deaths = read(&[WHOLE, "ts=t ev=wake identity=x", WHOLE]);
        let [record] = &deaths.records[..] else { panic!("{deaths:?}") };
        assert_eq!((record.death(), record.server_pid), (Some("x.ec5a8d52.17.99"), Some(17)));
        assert_eq!(record.status(), Some(ExitWord::Signaled(9)));
        let Death::Server(server) = &record.what else { panic!("{record:?}") };
        assert_eq!((&server.cause, server.oom), (&Cause::Swept, Oom::Cgroup(2)));
        assert_eq!(server.forensics.as_deref().map(|f| f.as_str()), Some("/a b"));
        assert_eq!(deaths.unreadable_lines, 1);
    }

    #[test]
    fn session_exits_and_the_older_form() {
        let deaths = read(&[
            "ts=t ev=session-exit identity=x dead_status=7 dead_signal=\"\" server_pid=1 pane_pid=2 end=1",
            "ts=t ev=session-exit identity=x dead_status=\"\" dead_signal=15 server_pid=1 pane_pid=2 end=1",
            "ts=t ev=session-exit identity=x dead_status= dead_signal=",
            "ts=t ev=server-exit identity=x cause=signaled-server-gone wait_rc=0",
            "ts=t ev=server-exit identity=x cause=from-the-future death=d end=1",
            // Torn in different places.
            "ts=t ev=session-exit identity=x dead_status=7 dead_signal= server_pid=1",
            "ts=t ev=server-exit death=x.1.2.3 identity=x cause=swept",
            "ts=t ev=server-exit identity=x",
        ]);
        let statuses: Vec<_> = deaths.records.iter().map(DeathRecord::status).collect();
        let wanted = [Some(ExitWord::Exited(7)), Some(ExitWord::Signaled(15)), None, None, None];
        assert_eq!(statuses, wanted);
        let causes = deaths.records.iter().filter_map(|record| match &record.what {
            Death::Server(server) => Some(server.cause.to_string()),
            Death::Session(_) => None,
        });
        assert_eq!(causes.collect::<Vec<_>>(), ["orderly-exit", "from-the-future"]);
        assert_eq!(deaths.unreadable_lines, 1 + 3);
    }

    #[test]
    fn causes_from_the_status() {
        for (status, wanted) in [
            (Some(ExitWord::Exited(0)), Cause::OrderlyExit),
            (Some(ExitWord::Signaled(15)), Cause::OrderlyExit),
            (Some(ExitWord::Signaled(9)), Cause::ServerVanished),
            (Some(ExitWord::Signaled(11)), Cause::ServerVanished),
            (None, Cause::ServerVanished),
        ] {
            assert_eq!(Cause::from_status(status), wanted, "{status:?}");
        }
    }

    proptest! {
        #[test]
        fn a_torn_record_is_never_one(cut in 30usize..WHOLE.len()) {
            // Either it is no line at all any more, or it is not a whole record.
            if let Ok(entry) = Entry::parse(&WHOLE[..cut]) {
                prop_assert_eq!(DeathRecord::of(&entry), None);
            }
        }

        #[test]
        fn causes_come_back(word in "[a-z-]{1,30}") {
            prop_assume!(word != "signaled-server-gone");
            let cause: Cause = word.parse().expect("every word is a cause");
            prop_assert_eq!(cause.to_string(), word);
        }
    }
}
