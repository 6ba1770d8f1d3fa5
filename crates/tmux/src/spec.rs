//! What a session is to be.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::TmuxError;
use crate::client::Script;

/// What a new session is made from. No value of it is ever evaluated by tmux or by a shell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionSpec {
    /// The folder that the program runs in. It has to exist.
    pub cwd: PathBuf,
    /// The program and its arguments. A program without `/` is looked up in the server's `PATH`.
    pub argv: Vec<OsString>,
    /// Environment variables on top of those that the server was started with. Their names have only ASCII letters,
    /// digits and underscores. They are handed on in the environment of the tmux client, never in its arguments.
    pub env: Vec<(String, OsString)>,
    /// Columns of the window as long as nobody is attached.
    pub width: u16,
    /// Lines of the window as long as nobody is attached.
    pub height: u16,
    /// User options of the session; each name begins with `@`.
    pub options: Vec<(String, OsString)>,
    /// A script that `/bin/sh` runs when the program ends, with four arguments: pid of the server,
    /// pid of the program, `s` and the exit code or nothing, `g` and the signal or nothing. When it
    /// is done, the session ends. Without it the session stays, with the pane dead.
    pub exit_hook: Option<PathBuf>,
    /// A file that gets what the program prints, at its end; it is made with mode 0600.
    pub pane_log: Option<PathBuf>,
}

/// How long a variable may be, name and value, in bytes. A longer one does not fit into a message of tmux, and
/// its client drops it without a word.
const ENV_LIMIT: usize = 16_000;

/// Enters the folder and becomes the program. Arguments: folder, program, its arguments.
const ENTER_AND_EXEC: &str = r#"cd -- "$1" && shift && exec "$@""#;

/// Runs the exit hook and then ends the session of the pane that died.
const ON_PANE_DIED: &str = "run-shell 'exec /bin/sh #{q:@iapeer_hook} #{pid} #{pane_pid} \
     s#{pane_dead_status} g#{pane_dead_signal}' ; kill-session";

/// Appends to the log of the pane.
const LOG_PANE: &str = "umask 077; exec cat >>#{q:@iapeer_pane_log}";

/// What tmux tells about a new session.
const CREATED: &str = "#{pid} #{pane_pid} #{session_id}";

impl SessionSpec {
    /// A session for a program in a folder, 200 columns wide and 50 lines high.
    pub fn new(cwd: impl Into<PathBuf>, argv: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        Self {
            cwd: cwd.into(),
            argv: argv.into_iter().map(Into::into).collect(),
            env: Vec::new(),
            width: 200,
            height: 50,
            options: Vec::new(),
            exit_hook: None,
            pane_log: None,
        }
    }

    /// Refuses what tmux would understand in another way than it is meant.
    pub(crate) fn check(&self) -> Result<(), TmuxError> {
        let bad_path = |what, path: &Path, reason| TmuxError::BadPath { what, path: path.to_owned(), reason };
        for (what, path) in [("exit hook", &self.exit_hook), ("pane log", &self.pane_log)] {
            let Some(path) = path else { continue };
            if !path.is_absolute() {
                return Err(bad_path(what, path, "is not absolute"));
            }
            // The quoting of tmux lets a tab through as it is, and the path would fall apart.
            if path.as_os_str().as_bytes().iter().any(u8::is_ascii_control) {
                return Err(bad_path(what, path, "has a control character"));
            }
        }
        if !self.cwd.is_absolute() {
            return Err(bad_path("session's folder", &self.cwd, "is not absolute"));
        }
        if !self.cwd.is_dir() {
            return Err(bad_path("session's folder", &self.cwd, "is no folder that exists"));
        }
        let bad = |what, value: &str| TmuxError::BadSpec { what, value: value.to_owned() };
        if self.argv.is_empty() {
            return Err(bad("program", ""));
        }
        if let Some((name, _)) = self.env.iter().find(|(name, _)| !is_variable(name)) {
            return Err(bad("variable name", name));
        }
        if let Some((name, _)) = self.env.iter().find(|(name, value)| name.len() + value.len() > ENV_LIMIT) {
            return Err(bad("variable, which is longer than tmux takes,", name));
        }
        match self.options.iter().find(|(name, _)| !is_user_option(name)) {
            Some((name, _)) => Err(bad("option name", name)),
            None => Ok(()),
        }
    }

    /// The commands that make the session, print its numbers and set it up.
    ///
    /// Only this pane remains when its program ends, and only such panes run the hook: what somebody
    /// who is attached opens beside it comes and goes as usual.
    pub(crate) fn script(&self, name: &str, target: &str) -> Script {
        let remain = ["set-option", "-p", "-t", target, "remain-on-exit", "on"];
        let mut script = Script::default().variables(&self.env);
        script = script.command(self.new_session(name)).command(remain);
        let option = |script: Script, name: &str, value: &OsStr| {
            script.command(["set-option".as_ref(), "-t".as_ref(), target.as_ref(), OsStr::new(name), value])
        };
        for (name, value) in &self.options {
            script = option(script, name, value);
        }
        if let Some(hook) = &self.exit_hook {
            script = option(script, "@iapeer_hook", hook.as_ref());
            script = script.command(["set-hook", "-g", "pane-died", ON_PANE_DIED]);
        }
        if let Some(log) = &self.pane_log {
            script = option(script, "@iapeer_pane_log", log.as_ref());
            script = script.command(["pipe-pane", "-t", target, LOG_PANE]);
        }
        script.command(["set-option", "-s", "exit-empty", "on"])
    }

    fn new_session(&self, name: &str) -> Vec<OsString> {
        let (width, height) = (self.width.to_string(), self.height.to_string());
        let mut words: Vec<OsString> =
            ["new-session", "-d", "-P", "-F", CREATED, "-s", name, "-x", &width, "-y", &height]
                .map(OsString::from)
                .to_vec();
        words.extend(["--", "/bin/sh", "-c", ENTER_AND_EXEC, "sh"].map(OsString::from));
        words.push(self.cwd.clone().into());
        words.extend_from_slice(&self.argv);
        words
    }
}

/// Other names could not be said to tmux, which takes them for patterns.
fn is_variable(name: &str) -> bool {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    !name.is_empty() && name.chars().all(word)
}

fn is_user_option(name: &str) -> bool {
    let word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    name.strip_prefix('@').is_some_and(|rest| !rest.is_empty() && rest.chars().all(word))
}
