//! The witness as text: a pure function from plain values to a POSIX shell script.

use std::fmt::Write as _;

use camino::{Utf8Path, Utf8PathBuf};
use iapeer_statefile::{Line, Timestamp, quote};

use crate::lease;
use crate::names::{Files, Places, Subject, key};
use crate::oom::OomBaseline;

/// The pause between two looks when another way of waiting has failed, in seconds.
const POLL_SECS: u32 = 2;

/// What ends the head of every script.
const CONSTANT: &str = "# ---- constant from here on; only the values above differ from script to script ----
LC_ALL=C
export LC_ALL

";
const WAIT: &str = include_str!("shell/wait.sh");
const BASE: &str = include_str!("shell/base.sh");
const ARM: &str = include_str!("shell/arm.sh");
const COMMON: &str = include_str!("shell/common.sh");
const WITNESS: &str = include_str!("shell/witness.sh");
const EXIT_HOOK: &str = include_str!("shell/exit-hook.sh");

/// How a witness waits. Whatever the wait returns, the server's own incarnation decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wait {
    /// For the end of file on its standard input, a pipe whose write end only the server holds. The
    /// shell's own `read` waits: one process in all.
    Lifeline,
    /// For the end of a client of the server, as `tmux -S SOCKET wait-for CHANNEL`.
    Client {
        /// The command, as absolute path and arguments.
        argv: Vec<String>,
    },
    /// By looking from time to time.
    Poll {
        /// The pause between two looks, in seconds; 0 is taken for 1.
        secs: u32,
    },
}

impl Wait {
    /// The word for it in scripts and leases.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Wait::Lifeline => "lifeline",
            Wait::Client { .. } => "client",
            Wait::Poll { .. } => "poll",
        }
    }
}

/// Why a script cannot be made of these values.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ScriptError {
    /// No shell can hold a NUL.
    #[error("the {what} holds a NUL character, which no shell script can")]
    Nul {
        /// Which value.
        what: &'static str,
    },
    /// A path that is not absolute would mean another place where the script runs.
    #[error("the {what} {path} is not an absolute path")]
    Relative {
        /// Which value.
        what: &'static str,
        /// The path.
        path: Utf8PathBuf,
    },
    /// A client without even a program.
    #[error("the client to wait for has no command")]
    NoCommand,
}

/// The witness of one server.
///
/// The body is the same for every server; only the assignments at the head differ, each a single-quoted
/// word, so that no value is ever code. The script needs a POSIX `sh` and, at the death, `date`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    subject: Subject,
    places: Places,
    wait: Wait,
    oom: OomBaseline,
    proc_root: Utf8PathBuf,
}

impl Script {
    /// The witness of `subject`.
    pub fn new(subject: Subject, places: Places, wait: Wait) -> Script {
        Script { subject, places, wait, oom: OomBaseline::default(), proc_root: "/proc".into() }
    }

    /// With the counters to compare with at the death; without, the record says `oom=unknown`.
    #[must_use = "this returns the script that compares"]
    pub fn with_oom(mut self, oom: OomBaseline) -> Script {
        self.oom = oom;
        self
    }

    /// With another place for `/proc`. Where that has no `self/stat`, the script asks `ps`.
    #[must_use = "this returns the script that looks there"]
    pub fn with_proc_root(mut self, proc_root: Utf8PathBuf) -> Script {
        self.proc_root = proc_root;
        self
    }

    /// The text of the script.
    ///
    /// # Errors
    ///
    /// [`ScriptError`] for values that cannot be put into a script.
    pub fn render(&self) -> Result<String, ScriptError> {
        let Script { subject, places, wait, oom, proc_root } = self;
        let (poll_secs, argv) = match wait {
            Wait::Lifeline => (POLL_SECS, &[][..]),
            Wait::Client { argv } if argv.is_empty() => return Err(ScriptError::NoCommand),
            Wait::Client { argv } => (POLL_SECS, &argv[..]),
            Wait::Poll { secs } => ((*secs).max(1), &[][..]),
        };
        let number = |value: Option<u64>| value.map_or(String::new(), |n| n.to_string());
        let death = subject.death();
        let forensics = places.forensics.join(format!("{death}.txt"));
        let mut head =
            Head::new("The witness of one server: it records the server's death, whatever its cause.");
        head.identity(&subject.identity)?;
        head.path("folder of processes", "proc", proc_root)?;
        head.path("state folder", "state", &places.state)?;
        head.path("journal of deaths", "exits", &places.exits_log)?;
        head.path("journal of decisions", "lifecycle", &places.lifecycle_log)?;
        head.path("forensics folder", "forensics_file", &forensics)?;
        head.path("state folder", "base", &Files::new(&places.state, &death).base())?;
        head.value("identity", "death", &death)?;
        head.value("server's pid", "server_pid", &subject.server.pid.to_string())?;
        head.value("server's start", "server_start", subject.server.start.as_str())?;
        head.value("boot", "server_boot8", subject.server.boot.short())?;
        head.value("lease", "lease_words", &lease_words(subject, oom, wait.word()))?;
        head.value("forensics folder", "forensics_value", &quote(forensics.as_str()))?;
        head.value("counter", "oom_host", &number(oom.host))?;
        head.value("counter", "oom_cgroup", &number(oom.cgroup))?;
        head.value("counter file", "oom_file", oom.file.as_deref().map_or("", Utf8Path::as_str))?;
        head.value("wait", "wait_mode", wait.word())?;
        head.value("wait", "poll_secs", &poll_secs.to_string())?;
        head.arguments("command", argv)?;
        Ok(head.with_body(&[WAIT, BASE, ARM, COMMON, WITNESS]))
    }
}

/// The program behind tmux's `pane-died`: it writes the one line about the end of a session, and
/// publishes the intent for the end of the server that follows from it.
///
/// Arguments of the script: the server's pid, the pane's pid, `s` and the exit code, `g` and the signal
/// (`#{pid} #{pane_pid} s#{pane_dead_status} g#{pane_dead_signal}`); the letters keep empty values in
/// their places. The values at its head are data, as in [`Script`], so that nothing has to be spliced
/// into tmux's own language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExitHook {
    identity: String,
    places: Places,
}

impl ExitHook {
    /// The hook of the sessions of `identity`. Its intent counts for 30 seconds.
    pub fn new(identity: impl Into<String>, places: Places) -> ExitHook {
        ExitHook { identity: identity.into(), places }
    }

    /// The text of the script.
    ///
    /// # Errors
    ///
    /// [`ScriptError`] for values that cannot be put into a script.
    pub fn render(&self) -> Result<String, ScriptError> {
        let mut head =
            Head::new("Called when the process in a pane has ended; writes the record of its session.");
        head.identity(&self.identity)?;
        head.value("identity", "key", &key(&self.identity))?;
        head.path("folder of processes", "proc", Utf8Path::new("/proc"))?;
        head.path("state folder", "state", &self.places.state)?;
        head.path("journal of deaths", "exits", &self.places.exits_log)?;
        Ok(head.with_body(&[BASE, COMMON, EXIT_HOOK]))
    }
}

/// The words of the lease that the witness writes as they are.
fn lease_words(subject: &Subject, oom: &OomBaseline, mode: &str) -> String {
    let none = Line::new(Timestamp::UNIX_EPOCH, "lease");
    let skip = none.render().len() + 1;
    lease::words(none, subject, oom, mode).render().split_off(skip)
}

/// The head of a script: assignments of single-quoted words.
struct Head(String);

impl Head {
    fn new(purpose: &str) -> Head {
        Head(format!("#!/bin/sh\n# {purpose} Generated.\n"))
    }

    /// The identity as a value of a log line. That could be written even with a NUL; but who has one in a
    /// name has made a mistake, and is told so.
    fn identity(&mut self, identity: &str) -> Result<(), ScriptError> {
        let what = "identity";
        single_quoted(what, identity)?;
        self.value(what, "identity", &quote(identity))
    }

    fn value(&mut self, what: &'static str, name: &str, value: &str) -> Result<(), ScriptError> {
        let word = single_quoted(what, value)?;
        writeln!(self.0, "{name}={word}").expect("writing to a String cannot fail");
        Ok(())
    }

    fn path(&mut self, what: &'static str, name: &str, path: &Utf8Path) -> Result<(), ScriptError> {
        if !path.is_absolute() {
            return Err(ScriptError::Relative { what, path: path.to_owned() });
        }
        self.value(what, name, path.as_str())
    }

    fn arguments(&mut self, what: &'static str, argv: &[String]) -> Result<(), ScriptError> {
        self.0.push_str("set --");
        for argument in argv {
            self.0.push(' ');
            self.0.push_str(&single_quoted(what, argument)?);
        }
        self.0.push('\n');
        Ok(())
    }

    fn with_body(self, parts: &[&str]) -> String {
        self.0 + CONSTANT + &parts.concat()
    }
}

/// The value as one word of a shell: nothing between single quotes means anything but itself.
fn single_quoted(what: &'static str, value: &str) -> Result<String, ScriptError> {
    if value.contains('\0') {
        return Err(ScriptError::Nul { what });
    }
    Ok(format!("'{}'", value.replace('\'', r"'\''")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::Incarnation;

    fn script(identity: &str, places: Places, wait: Wait) -> Result<String, ScriptError> {
        let server = Incarnation {
            boot: "ec5a8d52-1c23".parse().expect("a word"),
            pid: 17,
            start: "99".parse().expect("a word"),
        };
        Script::new(Subject::new(identity, server), places, wait).render()
    }

    fn places() -> Places {
        Places {
            state: "/s".into(),
            forensics: "/f".into(),
            exits_log: "/e.log".into(),
            lifecycle_log: "/l.log".into(),
        }
    }

    #[test]
    fn what_no_script_can_hold_is_refused() {
        assert_eq!(script("a\0b", places(), Wait::Lifeline), Err(ScriptError::Nul { what: "identity" }));
        let wait = Wait::Client { argv: vec!["/bin/true".into(), "a\0".into()] };
        assert_eq!(script("x", places(), wait), Err(ScriptError::Nul { what: "command" }));
        let wait = Wait::Client { argv: vec![] };
        assert_eq!(script("x", places(), wait), Err(ScriptError::NoCommand));
        let nul = Places { state: "/s\0".into(), ..places() };
        assert_eq!(script("x", nul, Wait::Lifeline), Err(ScriptError::Nul { what: "state folder" }));
        let relative = Places { exits_log: "e.log".into(), ..places() };
        let refused = Err(ScriptError::Relative { what: "journal of deaths", path: "e.log".into() });
        assert_eq!(script("x", relative, Wait::Lifeline), refused);
    }

    #[test]
    fn only_the_head_differs() {
        let body = |text: &str| text.split_once("# ---- constant").map(|(_, body)| body.to_owned());
        let one = script("x", places(), Wait::Lifeline).expect("a script");
        let hostile = Wait::Client { argv: vec!["/bin/sh".into(), "-c".into(), "'; touch PWNED; '".into()] };
        let other = script("a'b$(c)`d`\n", places(), hostile).expect("a script");
        assert!(body(&one).is_some());
        assert_eq!(body(&one), body(&other));
        assert_eq!(one.lines().last(), Some("witness \"$@\""));
    }

    #[test]
    fn the_bodies_are_readable_in_every_locale() {
        for body in [WAIT, BASE, ARM, COMMON, WITNESS, EXIT_HOOK] {
            assert!(body.is_ascii());
        }
    }

    #[test]
    fn no_process_is_looked_for_by_name() {
        let text = [WAIT, BASE, ARM, COMMON, WITNESS, EXIT_HOOK].concat();
        for tool in ["grep", "kill"].map(|end| format!("p{end}")) {
            assert!(!text.contains(&tool), "{tool}");
        }
    }
}
