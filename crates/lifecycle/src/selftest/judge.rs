//! What is promised of a death, and whether what was seen is that.

use std::fmt;
use std::time::Duration;

/// What is promised to be on record after a session was ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expected {
    /// One death of a server, of one of these causes.
    ServerExit { causes: &'static [&'static str], writer: Writer },
    /// One end of a session's program.
    SessionExit { status: Status },
    /// No death at all.
    Nothing,
}

/// Who writes the record of a server's death.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Writer {
    /// The witness, without help.
    Witness,
    /// Whoever looks next, as the witness is gone.
    Sweep,
}

/// How a program ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    Exit(u8),
    Signal(u8),
}

/// What there was after a session was ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// Every death on record of this session.
    pub deaths: Vec<SeenDeath>,
    /// From the deed to the first record.
    pub took: Option<Duration>,
    /// Whether the forensics of the death are there, and whole. Only the death of a server has any.
    pub forensics: bool,
    /// Processes of the session that lived on: the role of each, and its pid.
    pub survivors: Vec<String>,
}

/// A death as it is on record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenDeath {
    /// `server-exit` or `session-exit`.
    pub kind: &'static str,
    /// The word for its cause.
    pub cause: String,
    /// `exit0`, `sig9` and so on, or `unknown`.
    pub status: String,
    /// Who recorded it; of a server only.
    pub observer: Option<String>,
}

/// What is not as promised, one line each.
pub(super) fn judge(expected: &Expected, seen: &Seen, limit: Duration) -> Vec<String> {
    let mut problems = Vec::new();
    let wanted = usize::from(*expected != Expected::Nothing);
    match seen.deaths.len() {
        found if found == wanted => {}
        0 => problems.push(format!("nothing was on record within {} s", limit.as_secs())),
        found => problems.push(format!("{found} deaths are on record, and not {wanted}")),
    }
    for death in &seen.deaths {
        problems.extend(judge_death(expected, death));
    }
    let server_died = seen.deaths.iter().any(|death| death.kind == SERVER);
    if matches!(expected, Expected::ServerExit { .. }) && server_died && !seen.forensics {
        problems.push("its forensics are missing".to_owned());
    }
    if !seen.survivors.is_empty() {
        problems.push(format!("still alive: {}", seen.survivors.join(", ")));
    }
    problems
}

pub(super) const SERVER: &str = "server-exit";
pub(super) const SESSION: &str = "session-exit";

fn judge_death(expected: &Expected, death: &SeenDeath) -> Vec<String> {
    let mut problems = Vec::new();
    let mut hold = |what: &str, found: &str, wanted: &[&str]| {
        if !wanted.contains(&found) {
            problems.push(format!("{what} is {found}, and not {}", wanted.join(" or ")));
        }
    };
    match expected {
        Expected::ServerExit { causes, writer } => {
            hold("what died", death.kind, &[SERVER]);
            hold("the cause", &death.cause, causes);
            hold("who recorded it", death.observer.as_deref().unwrap_or("nobody"), &[writer.as_str()]);
        }
        Expected::SessionExit { status } => {
            hold("what died", death.kind, &[SESSION]);
            hold("the cause", &death.cause, &[status.cause()]);
            hold("its status", &death.status, &[&status.to_string()]);
        }
        // That there is one at all has been said.
        Expected::Nothing => {}
    }
    problems
}

impl Writer {
    /// The word for it in a record.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Writer::Witness => "recorder",
            Writer::Sweep => "sweep",
        }
    }
}

impl Status {
    fn cause(self) -> &'static str {
        match self {
            Status::Exit(_) => "program-exited",
            Status::Signal(_) => "program-killed",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Status::Exit(code) => write!(f, "exit{code}"),
            Status::Signal(signal) => write!(f, "sig{signal}"),
        }
    }
}

/// In a few words, for a column of a table.
impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Expected::ServerExit { .. } => f.write_str(SERVER),
            Expected::SessionExit { status } => write!(f, "{SESSION} {status}"),
            Expected::Nothing => f.write_str("no death"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KILLED: Expected =
        Expected::ServerExit { causes: &["orderly-exit", "server-vanished"], writer: Writer::Witness };
    const EXITED: Expected = Expected::SessionExit { status: Status::Exit(3) };

    fn server(cause: &str, observer: &str) -> SeenDeath {
        let (cause, status) = (cause.to_owned(), "unknown".to_owned());
        SeenDeath { kind: SERVER, cause, status, observer: Some(observer.to_owned()) }
    }

    fn session(cause: &str, status: &str) -> SeenDeath {
        SeenDeath { kind: SESSION, cause: cause.to_owned(), status: status.to_owned(), observer: None }
    }

    fn seen(deaths: &[SeenDeath]) -> Seen {
        Seen {
            deaths: deaths.to_vec(),
            took: None,
            forensics: deaths.iter().any(|death| death.kind == SERVER),
            survivors: Vec::new(),
        }
    }

    #[test]
    fn what_was_seen_is_held_against_what_was_promised() {
        let vanished = server("server-vanished", "recorder");
        let exited = session("program-exited", "exit3");
        let bare = Seen { forensics: false, ..seen(std::slice::from_ref(&vanished)) };
        let survived = Seen { survivors: vec!["program (pid 7)".to_owned()], ..seen(&[]) };
        let cases: [(Expected, Seen, &[&str]); 14] = [
            (KILLED, seen(std::slice::from_ref(&vanished)), &[]),
            (KILLED, seen(&[server("orderly-exit", "recorder")]), &[]),
            (KILLED, seen(&[]), &["nothing was on record within 7 s"]),
            (KILLED, seen(&[vanished.clone(), vanished.clone()]), &["2 deaths are on record, and not 1"]),
            (KILLED, bare, &["its forensics are missing"]),
            (
                KILLED,
                seen(&[server("unobserved", "sweep")]),
                &[
                    "the cause is unobserved, and not orderly-exit or server-vanished",
                    "who recorded it is sweep, and not recorder",
                ],
            ),
            (
                KILLED,
                seen(std::slice::from_ref(&exited)),
                &[
                    "what died is session-exit, and not server-exit",
                    "the cause is program-exited, and not orderly-exit or server-vanished",
                    "who recorded it is nobody, and not recorder",
                ],
            ),
            (EXITED, seen(std::slice::from_ref(&exited)), &[]),
            (EXITED, seen(&[]), &["nothing was on record within 7 s"]),
            (
                EXITED,
                seen(&[session("program-killed", "sig9")]),
                &["the cause is program-killed, and not program-exited", "its status is sig9, and not exit3"],
            ),
            (EXITED, seen(&[exited, vanished.clone()]), &["2 deaths are on record, and not 1"]),
            (Expected::Nothing, seen(&[]), &[]),
            (Expected::Nothing, seen(&[vanished]), &["1 deaths are on record, and not 0"]),
            (Expected::Nothing, survived, &["still alive: program (pid 7)"]),
        ];
        for (expected, seen, problems) in cases {
            let found = judge(&expected, &seen, Duration::from_secs(7));
            let as_wanted = problems.iter().all(|problem| found.iter().any(|found| found == problem));
            assert!(as_wanted, "{expected:?} of {seen:?}: {found:?}");
            assert_eq!(found.is_empty(), problems.is_empty(), "{expected:?} of {seen:?}: {found:?}");
        }
    }
}
