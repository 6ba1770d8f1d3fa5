//! A home of its own for one trial: its files, `iapeer` in it, its session's screen, and what runs in it.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use duct::cmd;
use serde_json::Value;

use super::Place;
use crate::run;

/// Without the one `claude` refuses to run for root; without the other it installs its newest version for the
/// whole machine.
const CONFINED: &str = "IS_SANDBOX=1\nDISABLE_AUTOUPDATER=1\n";

/// How long anything may take that is waited for: these programs try to reach their service first.
const LIMIT: Duration = Duration::from_secs(40);
/// How long it is waited between two looks.
const PAUSE: Duration = Duration::from_millis(100);

/// A home with a peer `ada`.
pub(super) struct Home<'a> {
    place: &'a Place,
    runtime: &'static str,
    folder: PathBuf,
}

/// A terminal in which `iapeer attach ada` runs: a tmux server of the trial's own.
pub(super) struct Terminal {
    socket: PathBuf,
}

impl<'a> Home<'a> {
    pub(super) fn new(place: &'a Place, runtime: &'static str, name: &str) -> Result<Home<'a>, String> {
        let folder = place.folder.path().join(format!("{runtime}-{name}"));
        fs::create_dir(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
        let home = Home { place, runtime, folder };
        home.succeed(&["create", "ada", "--runtime", runtime])?;
        home.write("root/peers/ada/.iapeer/launch.env", CONFINED)?;
        Ok(home)
    }

    pub(super) fn place(&self) -> &Place {
        self.place
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(super) fn write(&self, name: &str, text: &str) -> Result<(), String> {
        let path = self.folder.join(name);
        let folder = path.parent().map_or(Ok(()), fs::create_dir_all);
        folder.and_then(|()| fs::write(&path, text)).map_err(|e| format!("{}: {e}", path.display()))
    }

    pub(super) fn append_launch_env(&self, text: &str) -> Result<(), String> {
        self.write("root/peers/ada/.iapeer/launch.env", &format!("{CONFINED}{text}"))
    }

    /// Makes the peer's folder a repository: these programs ask more in one.
    pub(super) fn make_repository(&self) -> Result<(), String> {
        let folder = self.folder.join("root/peers/ada");
        run::aloud("git init", &cmd!("git", "init", "--quiet", folder).env("HOME", &self.folder))
    }

    /// What is said to a session that begins anew.
    pub(super) fn set_first_message(&self, text: &str) -> Result<(), String> {
        let name = "root/peers/ada/.iapeer/peer-profile.json";
        let profile = fs::read(self.folder.join(name)).map_err(|e| format!("{name}: {e}"))?;
        let mut profile: Value = serde_json::from_slice(&profile).map_err(|e| format!("{name}: {e}"))?;
        profile["initial_prompt"] = text.into();
        self.write(name, &profile.to_string())
    }

    /// Puts a definition in the place of what is built in that is the same, but knows no dialogs.
    pub(super) fn forget_dialogs(&self) -> Result<(), String> {
        let shown = self.succeed(&["runtime", "show", self.runtime])?;
        let mut definition: Value = serde_json::from_str(&shown).map_err(|e| format!("{e}:\n{shown}"))?;
        definition["dialogs"] = Value::Array(Vec::new());
        self.write(&format!("root/runtimes/{}/runtime.json", self.runtime), &definition.to_string())
    }

    /// Runs `iapeer`; whether it succeeded, and all that it said.
    pub(super) fn iapeer(&self, arguments: &[&str]) -> Result<(bool, String), String> {
        println!("$ iapeer {}", arguments.join(" "));
        let output = cmd(&self.place.iapeer, arguments)
            .full_env(self.environment())
            .stdin_null()
            .stderr_to_stdout()
            .stdout_capture()
            .unchecked()
            .run()
            .map_err(|e| format!("{} could not be run: {e}", self.place.iapeer.display()))?;
        Ok((output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned()))
    }

    /// [`Home::iapeer`], and anything but success is an error.
    pub(super) fn succeed(&self, arguments: &[&str]) -> Result<String, String> {
        match self.iapeer(arguments)? {
            (true, told) => Ok(told),
            (false, told) => Err(format!("`iapeer {}` failed:\n{told}", arguments.join(" "))),
        }
    }

    /// The process of the session's tmux server.
    pub(super) fn server(&self) -> Result<String, String> {
        tmux(&self.socket(), &["display-message", "-p", "#{pid}"])
    }

    /// What the session shows.
    pub(super) fn screen(&self) -> Result<String, String> {
        tmux(&self.socket(), &["capture-pane", "-p"])
    }

    /// Opens a terminal, and attaches it to the session.
    pub(super) fn attach(&self) -> Result<Terminal, String> {
        println!("$ iapeer attach ada");
        let terminal = Terminal { socket: self.folder.join("terminal.sock") };
        let iapeer = self.place.iapeer.to_string_lossy();
        let open =
            ["-f", "/dev/null", "new-session", "-d", "-x", "150", "-y", "40", &*iapeer, "attach", "ada"];
        let stay = [";", "set-option", "-w", "remain-on-exit", "on"];
        let socket = terminal.socket.to_string_lossy();
        let words = [&["-S", &*socket][..], &open, &stay].concat();
        let opened = cmd("tmux", words).full_env(self.environment()).stderr_to_stdout().read();
        opened.map_err(|e| format!("no terminal could be opened: {e}"))?;
        Ok(terminal)
    }

    /// What runs with this home, but for the witnesses of servers; none when that cannot be told here.
    pub(super) fn processes(&self) -> Option<Vec<String>> {
        let home = format!("HOME={}", self.folder.display());
        let mut found = Vec::new();
        for entry in fs::read_dir("/proc").ok()?.flatten() {
            // One that has ended meanwhile, or is another user's, is none of ours.
            let Ok(environment) = fs::read(entry.path().join("environ")) else { continue };
            let Ok(command) = fs::read(entry.path().join("cmdline")) else { continue };
            let command = String::from_utf8_lossy(&command).replace('\0', " ");
            let is_ours = environment.split(|byte| *byte == 0).any(|variable| variable == home.as_bytes());
            if is_ours && !command.is_empty() && !command.contains(".witness.sh") {
                found.push(command);
            }
        }
        Some(found)
    }

    fn environment(&self) -> Vec<(&'static str, PathBuf)> {
        let path = std::env::var("PATH").unwrap_or_default();
        vec![
            ("HOME", self.folder.clone()),
            ("IAPEER_ROOT", self.folder.join("root")),
            ("IAPEER_CLAUDE_BIN", self.place.program("claude")),
            ("IAPEER_CODEX_BIN", self.place.program("codex")),
            ("PATH", path.into()),
            ("SHELL", "/bin/sh".into()),
            // Whatever these programs install all the same stays here.
            ("NPM_CONFIG_PREFIX", self.place.folder.path().join("prefix")),
            ("LC_ALL", "C.UTF-8".into()),
        ]
    }

    fn socket(&self) -> PathBuf {
        self.folder.join(format!("root/socks/tmux-iap-{}-ada.sock", self.runtime))
    }
}

impl Terminal {
    /// What it shows, and what went out at its top: tmux makes room for its word that the program has ended.
    pub(super) fn screen(&self) -> Result<String, String> {
        tmux(&self.socket, &["capture-pane", "-p", "-S", "-"])
    }

    /// Leaves the session as a person does, and waits for `iapeer attach` to end well.
    pub(super) fn leave(&self) -> Result<(), String> {
        // One by one: tmux takes keys that come faster than a person's for a paste, and not for its own.
        tmux(&self.socket, &["send-keys", "C-b"])?;
        thread::sleep(PAUSE);
        tmux(&self.socket, &["send-keys", "d"])?;
        let left = wait_for("`iapeer attach` ends with status 0", || {
            Ok(tmux(&self.socket, &["display-message", "-p", "#{pane_dead} #{pane_dead_status}"])? == "1 0")
        });
        left.map_err(|e| format!("{e}; its terminal shows\n{}", self.screen().unwrap_or_else(|e| e)))
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if let Err(e) = tmux(&self.socket, &["kill-server"]) {
            println!("the terminal could not be closed: {e}");
        }
    }
}

/// Waits until something is so.
pub(super) fn wait_for(what: &str, mut is_so: impl FnMut() -> Result<bool, String>) -> Result<(), String> {
    let begin = Instant::now();
    while !is_so()? {
        if begin.elapsed() > LIMIT {
            return Err(format!("waited {} s in vain until {what}", LIMIT.as_secs()));
        }
        thread::sleep(PAUSE);
    }
    Ok(())
}

fn tmux(socket: &Path, words: &[&str]) -> Result<String, String> {
    let socket = socket.to_string_lossy();
    let all = [&["-S", &*socket][..], words].concat();
    cmd("tmux", all).stderr_to_stdout().read().map_err(|e| format!("`tmux {}`: {e}", words.join(" ")))
}
