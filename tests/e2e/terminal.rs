//! A real terminal: that of another tmux.

use crate::host::{Host, finish};
use crate::machine::wait_for;

/// A terminal with a shell in it, which has the environment of the host.
pub(crate) struct Terminal<'a> {
    host: &'a Host,
}

impl<'a> Terminal<'a> {
    /// Opens one of so many columns.
    pub(crate) fn open(host: &'a Host, columns: u16) -> Terminal<'a> {
        Terminal::of_size(host, columns, 30)
    }

    /// Opens one of so many columns and lines.
    pub(crate) fn of_size(host: &'a Host, columns: u16, lines: u16) -> Terminal<'a> {
        let terminal = Terminal { host };
        let (columns, lines) = (columns.to_string(), lines.to_string());
        terminal.tmux(&["new-session", "-d", "-x", &columns, "-y", &lines, "/bin/sh"]);
        // What is typed before the shell asks is shown before its prompt, and what it prints then begins behind it.
        wait_for("a prompt", || Some(terminal.screen()).filter(|screen| !screen.trim().is_empty()));
        terminal
    }

    /// What its tmux says to a command.
    #[track_caller]
    pub(crate) fn tmux(&self, words: &[&str]) -> String {
        let socket = self.host.path("terminal");
        let words = [&["-f", "/dev/null", "-S", socket.to_str().unwrap()], words].concat();
        let ran = finish(&mut self.host.command("tmux", words.as_slice()));
        assert_eq!(ran.exit, 0, "{words:?}: {ran:?}");
        ran.stdout
    }

    /// What it shows.
    #[track_caller]
    pub(crate) fn screen(&self) -> String {
        self.tmux(&["capture-pane", "-p"])
    }

    /// Types a line.
    pub(crate) fn types(&self, line: &str) {
        self.tmux(&["send-keys", "-l", "--", line]);
        self.tmux(&["send-keys", "Enter"]);
    }

    /// Waits until the screen has these words.
    #[track_caller]
    pub(crate) fn shows(&self, words: &str) -> String {
        let what = format!("{words:?} on the screen");
        wait_for(&what, || Some(self.screen()).filter(|screen| screen.contains(words)))
    }
}
