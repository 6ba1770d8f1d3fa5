//! One session, named exactly.

use std::ffi::OsString;

use crate::client::Script;
use crate::{Probe, Server, SessionSpec, TmuxError, probe};

/// The buffer of a paste, on a server that has one session only.
const PASTE_BUFFER: &str = "iapeer-paste";

/// How much of a text goes into one call, in bytes: half of what tmux takes.
pub(crate) const PASTE_PIECE: usize = 8000;

/// A session of one name on one server, whether it exists or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session<'a> {
    server: &'a Server,
    name: String,
}

/// The numbers of a session that was just made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSession {
    /// The server that has it. Another one than was started before, if that one died in between.
    pub server_pid: u32,
    /// The program in its pane.
    pub pane_pid: u32,
    /// What tmux calls it as long as this server lives, such as `$0`.
    pub session_id: String,
}

/// A pane, as it was when tmux was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pane {
    /// What tmux calls it as long as this server lives, such as `%0`.
    pub id: String,
    /// The program in it.
    pub pid: u32,
    /// Whether the program has ended, everything it printed has been read, and its pane remains.
    /// Without status and signal, tmux has seen its terminal close but not, or not yet, its end.
    pub dead: bool,
    /// Exit code of the program that has ended by itself; may be known a moment before `dead`.
    pub dead_status: Option<i32>,
    /// Signal that ended the program; always None on tmux 3.2.
    pub dead_signal: Option<i32>,
}

impl<'a> Session<'a> {
    pub(crate) fn new(server: &'a Server, name: &str) -> Result<Self, TmuxError> {
        let fine = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if name.is_empty() || name.starts_with('-') || !name.chars().all(fine) {
            return Err(TmuxError::BadName { name: name.to_owned() });
        }
        Ok(Self { server, name: name.to_owned() })
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Makes the session, detached, in one call with its options, hook and log. From then on the
    /// server ends with its last session. A program that cannot be started is one that ends at once,
    /// with exit code 126 or 127.
    ///
    /// # Errors
    ///
    /// [`TmuxError::BadSpec`] and [`TmuxError::BadPath`] before anything is done;
    /// [`TmuxError::NoServer`], as no server is started for it; [`TmuxError::Failed`], also when the
    /// session exists already. After [`TmuxError::TimedOut`] the session may exist.
    pub fn create(&self, spec: &SessionSpec) -> Result<NewSession, TmuxError> {
        spec.check()?;
        // tmux would start a server of its own accord, and nobody would watch it.
        match probe(self.server.socket()) {
            Probe::Listening { .. } => {}
            Probe::Missing | Probe::Refused => return Err(self.server.nobody()),
            Probe::Unknown { reason } => {
                return Err(TmuxError::Unclear { socket: self.server.socket().to_owned(), reason });
            }
        }
        let answer = self.server.ask(spec.script(&self.name, &self.target()), Some(&spec.cwd))?;
        parse_created(&answer)
            .ok_or_else(|| TmuxError::Unexpected { command: "new-session".to_owned(), answer })
    }

    /// Whether the server has it.
    ///
    /// # Errors
    ///
    /// Those of every command, see [`Server::kill`]. None of them says that it is gone.
    pub fn exists(&self) -> Result<bool, TmuxError> {
        // Not `has-session`, whose one exit code stands for all there is to go wrong.
        Ok(self.server.sessions()?.contains(&self.name))
    }

    /// Its first pane: the one that [`create`](Self::create) made, as long as that has not been
    /// closed while others are open.
    ///
    /// # Errors
    ///
    /// Those of every command, see [`Server::kill`]; [`TmuxError::Failed`] when there is no such
    /// session.
    pub fn pane(&self) -> Result<Pane, TmuxError> {
        const FORMAT: &str = "#{pane_id} #{pane_pid} #{pane_dead} s#{pane_dead_status} g#{pane_dead_signal}";
        let command = ["list-panes", "-s", "-t", &self.target(), "-F", FORMAT];
        let answer = self.server.ask(Script::default().command(command), None)?;
        let panes: Option<Vec<_>> = answer.lines().map(parse_pane).collect();
        let Some(panes) = panes else {
            return Err(TmuxError::Unexpected { command: "list-panes".to_owned(), answer });
        };
        // Numbers are given in rising order and never again.
        let first = panes.into_iter().min_by_key(|(number, _)| *number);
        first.map(|(_, pane)| pane).ok_or_else(|| TmuxError::NoPane { name: self.name.clone() })
    }

    /// What a pane of the session shows, and so many lines of its history above it. Lines end where
    /// their text ends; what is no UTF-8 is shown as U+FFFD. When a program ends, tmux adds a line at the
    /// bottom, which may push the first line of the screen into the history.
    ///
    /// # Errors
    ///
    /// Those of every command, see [`Server::kill`]; [`TmuxError::Failed`] when there is no such pane.
    pub fn capture(&self, pane: &Pane, history: u32) -> Result<String, TmuxError> {
        let (target, from) = (self.pane_target(pane), format!("-{history}"));
        let from = if history == 0 { "0" } else { &from };
        let command = ["capture-pane", "-p", "-t", &target, "-S", from];
        self.server.ask(Script::default().command(command), None)
    }

    /// Presses keys in a pane of the session, by their tmux names, such as `Enter`, `C-c`, `Down`; a
    /// text that is no such name is typed as it is.
    ///
    /// # Errors
    ///
    /// Those of every command, see [`Server::kill`]; [`TmuxError::Failed`] when there is no such pane.
    pub fn send_keys(&self, pane: &Pane, keys: &[&str]) -> Result<(), TmuxError> {
        let target = self.pane_target(pane);
        let command = ["send-keys", "-t", &target, "--"].into_iter().chain(keys.iter().copied());
        self.server.ask(Script::default().command(command), None).map(|_| ())
    }

    /// Types a text in a pane of the session, whatever it says. It does not press Enter.
    ///
    /// # Errors
    ///
    /// Those of every command, see [`Server::kill`]; [`TmuxError::Failed`] when there is no such pane.
    pub fn send_text(&self, pane: &Pane, text: &str) -> Result<(), TmuxError> {
        let target = self.pane_target(pane);
        let command = ["send-keys", "-l", "-t", &target, "--", text];
        self.server.ask(Script::default().command(command), None).map(|_| ())
    }

    /// Pastes a text into a pane of the session, as one piece for a program that knows what a paste is. Control
    /// characters other than tabs and ends of lines are left out: they would end the paste, or press keys. It
    /// does not press Enter.
    ///
    /// # Errors
    ///
    /// Those of every command, see [`Server::kill`]; [`TmuxError::Failed`] when there is no such pane.
    pub fn paste(&self, pane: &Pane, text: &str) -> Result<(), TmuxError> {
        let text = pasted(text);
        for (at, piece) in pieces(&text, PASTE_PIECE).into_iter().enumerate() {
            let set = ["set-buffer", "-b", PASTE_BUFFER, "--", piece];
            let append = ["set-buffer", "-a", "-b", PASTE_BUFFER, "--", piece];
            let words = if at == 0 { &set[..] } else { &append[..] };
            self.server.ask(Script::default().command(words), None)?;
        }
        if text.is_empty() {
            return Ok(());
        }
        let target = self.pane_target(pane);
        let command = ["paste-buffer", "-p", "-d", "-b", PASTE_BUFFER, "-t", &target];
        self.server.ask(Script::default().command(command), None).map(|_| ())
    }

    /// Ends the session. Its programs are told to hang up; who ignores that lives on.
    ///
    /// # Errors
    ///
    /// Those of every command, see [`Server::kill`]; [`TmuxError::Failed`] when there is no such
    /// session.
    pub fn kill(&self) -> Result<(), TmuxError> {
        let command = ["kill-session", "-t", &self.target()];
        self.server.ask(Script::default().command(command), None).map(|_| ())
    }

    /// What attaches a terminal to the session, for the caller to become. `TMUX` should be taken out
    /// of its environment: tmux refuses to attach from inside tmux.
    #[must_use]
    pub fn attach_argv(&self) -> Vec<OsString> {
        let mut argv = self.server.client_argv();
        argv.extend(["attach-session", "-t", &self.target()].map(OsString::from));
        argv
    }

    /// With `=` tmux takes the name as it is; the colon says that it is one of a session.
    fn target(&self) -> String {
        format!("={}:", self.name)
    }

    fn pane_target(&self, pane: &Pane) -> String {
        format!("={}:.{}", self.name, pane.id)
    }
}

pub(crate) fn parse_created(answer: &str) -> Option<NewSession> {
    let mut words = answer.split_whitespace();
    let mut next = || words.next();
    Some(NewSession {
        server_pid: next()?.parse().ok()?,
        pane_pid: next()?.parse().ok()?,
        session_id: next().filter(|id| id.starts_with('$'))?.to_owned(),
    })
}

/// What of a text is pasted: all but what would end the paste, or press keys.
pub(crate) fn pasted(text: &str) -> String {
    text.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).collect()
}

/// The text in pieces of at most so many bytes, cut between characters.
pub(crate) fn pieces(mut text: &str, most: usize) -> Vec<&str> {
    let mut pieces = Vec::new();
    while !text.is_empty() {
        let at = (1..=most.min(text.len())).rev().find(|at| text.is_char_boundary(*at));
        // A character that alone is longer than a piece is one.
        let (piece, rest) =
            text.split_at(at.unwrap_or_else(|| text.chars().next().map_or(0, char::len_utf8)));
        pieces.push(piece);
        text = rest;
    }
    pieces
}

/// One line of `list-panes`: the pane and its number.
pub(crate) fn parse_pane(line: &str) -> Option<(u64, Pane)> {
    let [id, pid, dead, status, signal] = line.split(' ').collect::<Vec<_>>().try_into().ok()?;
    let number = id.strip_prefix('%')?.parse().ok()?;
    let pane = Pane {
        id: id.to_owned(),
        pid: pid.parse().ok()?,
        dead: dead == "1",
        dead_status: optional(status.strip_prefix('s')?)?,
        dead_signal: optional(signal.strip_prefix('g')?)?,
    };
    Some((number, pane))
}

/// A number or nothing; the outer None is for anything else.
fn optional(text: &str) -> Option<Option<i32>> {
    if text.is_empty() { Some(None) } else { text.parse().ok().map(Some) }
}

#[cfg(test)]
mod tests {
    use super::{NewSession, Pane, parse_created, parse_pane, pieces};

    #[test]
    fn pieces_are_cut_between_characters() {
        for (text, wanted) in
            [("", vec![]), ("abcdefg", vec!["abcd", "efg"]), ("aüüü€", vec!["aü", "üü", "€"])]
        {
            assert_eq!(pieces(text, 4), wanted, "{text}");
        }
        assert_eq!(pieces("a€", 1), ["a", "€"]);
    }

    #[test]
    fn answers_are_read_or_refused() {
        let pane = |dead, dead_status, dead_signal| {
            Some((12, Pane { id: "%12".to_owned(), pid: 34, dead, dead_status, dead_signal }))
        };
        assert_eq!(parse_pane("%12 34 0 s g"), pane(false, None, None));
        assert_eq!(parse_pane("%12 34 1 s7 g"), pane(true, Some(7), None));
        assert_eq!(parse_pane("%12 34 1 s g9"), pane(true, None, Some(9)));
        for line in ["", "12 34 0 s g", "%12 x 0 s g", "%12 34 0 s", "%12 34 0 sx g", "%12 34 0 s g h"] {
            assert_eq!(parse_pane(line), None, "{line:?}");
        }

        let created = NewSession { server_pid: 1, pane_pid: 2, session_id: "$3".to_owned() };
        assert_eq!(parse_created("1 2 $3\n"), Some(created));
        for answer in ["", "1 2", "1 2 3", "x 2 $3"] {
            assert_eq!(parse_created(answer), None, "{answer:?}");
        }
    }
}
