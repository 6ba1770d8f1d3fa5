//! One run of the tmux client, and the argv that it gets.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::time::Duration;

use iapeer_provision_exec::{RUN_VARIABLE, Run, State};

use crate::TmuxError;

/// How long a client has to leave after TERM once its time is over.
const GRACE: Duration = Duration::from_millis(500);

/// Room for a whole history; the default would cut long captures.
const KEEP_OUTPUT: usize = 4 * 1024 * 1024;

/// Runs a client to its end; its standard output. `command` is for the error only.
pub(crate) fn run(client: Run, command: &str, limit: Duration) -> Result<String, TmuxError> {
    let command = command.to_owned();
    let outcome = client
        .env_remove("TMUX")
        .env_remove("TMUX_PANE")
        // A server is meant to outlive its first client; it is no leftover of that run.
        .env_remove(RUN_VARIABLE)
        .time_limit(limit)
        .grace(GRACE)
        .keep_output(KEEP_OUTPUT)
        .run();
    let reason = || match (outcome.detail(), outcome.exit) {
        (Some(detail), _) => detail,
        (None, Some(exit)) => format!("{exit}, standard error was empty"),
        (None, None) => "its exit code was lost".to_owned(),
    };
    match outcome.state {
        State::Ok => Ok(outcome.stdout.text()),
        State::Failed => Err(TmuxError::Failed { command, reason: reason() }),
        State::Timeout => Err(TmuxError::TimedOut { command, limit }),
        State::NotExecutable | State::Cancelled => Err(TmuxError::NotRun { command, reason: reason() }),
    }
}

/// Commands for one client call, worked off by the server in one go.
#[derive(Debug, Default)]
pub(crate) struct Script {
    argv: Vec<OsString>,
    env: Vec<(String, OsString)>,
}

impl Script {
    /// Adds a command. Its arguments reach tmux as they are.
    pub(crate) fn command<T: AsRef<OsStr>>(mut self, words: impl IntoIterator<Item = T>) -> Self {
        if !self.argv.is_empty() {
            self.argv.push(";".into());
        }
        self.argv.extend(words.into_iter().map(|word| literal(word.as_ref())));
        self
    }

    /// Has sessions that are made here get these variables. They are secrets as often as not, and everybody can
    /// read the arguments of a process: so they go by way of the client's environment, and only their names are
    /// said.
    pub(crate) fn variables(mut self, env: &[(String, OsString)]) -> Self {
        self.env.extend_from_slice(env);
        self
    }

    /// The arguments for the client, after its own flags, and its environment on top of ours.
    pub(crate) fn into_parts(self) -> (Vec<OsString>, Vec<(String, OsString)>) {
        if self.env.is_empty() {
            return (self.argv, self.env);
        }
        let names: Vec<_> = self.env.iter().map(|(name, _)| name.as_str()).collect();
        let take = Script::default().command(["set-option", "-g", "update-environment", &names.join(",")]);
        // Whoever attaches later has other variables, which must not take the place of these.
        let forget = ["set-option", "-g", "-u", "update-environment"];
        let semicolon = || [OsString::from(";")];
        let argv = take.argv.into_iter().chain(semicolon()).chain(self.argv).chain(semicolon());
        (argv.chain(forget.map(OsString::from)).collect(), self.env)
    }

    /// The name of the first command, for errors.
    pub(crate) fn name(&self) -> String {
        self.argv.first().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
    }
}

/// An argument as tmux has to get it. It takes a `;` at the end of any argument for the end of the
/// command, and `\;` there for a `;`; backslashes elsewhere mean nothing to it.
fn literal(word: &OsStr) -> OsString {
    match word.as_bytes().strip_suffix(b";") {
        Some(rest) => OsString::from_vec([rest, b"\\;"].concat()),
        None => word.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::Script;

    #[test]
    fn a_variable_is_no_argument() {
        let env = [("A".to_owned(), "secret".into()), ("B".to_owned(), "".into())];
        let (argv, given) = Script::default().command(["new-session"]).variables(&env).into_parts();
        let set = ["set-option", "-g", "update-environment", "A,B", ";", "new-session", ";"];
        assert_eq!(argv, [&set[..], &["set-option", "-g", "-u", "update-environment"]].concat());
        assert_eq!(given, env);
    }

    #[test]
    fn only_a_semicolon_at_the_end_is_escaped() {
        let script = Script::default().command(["a", "b;", ";", "\\;", ";c", "d;;", ""]).command(["e"]);
        assert_eq!(script.name(), "a");
        assert_eq!(script.into_parts().0, ["a", "b\\;", "\\;", "\\\\;", ";c", "d;\\;", "", ";", "e"]);
    }
}
