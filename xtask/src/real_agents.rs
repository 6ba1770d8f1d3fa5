//! `cargo xtask real-agents`: the real `claude` and `codex` are installed into a temporary folder and launched
//! without an account, to see that what the built-in definitions say of their screens is still so.
//!
//! It needs npm and its registry, and is no part of what must hold: these programs change when they like.

use std::fs;
use std::path::{Path, PathBuf};

use duct::cmd;
use tempfile::TempDir;

use crate::{Findings, install, no_arguments, repository, run};

/// What npm has to install.
const PACKAGES: [&str; 2] = ["@anthropic-ai/claude-code", "@openai/codex"];

/// A key of nobody: these programs only try it once they are told something.
const KEY: &str = "sk-ant-none-000000000000000000000000";

/// The settings of a `claude` that has asked what it asks at its very first start.
const CLAUDE_ONBOARDED: &str = r#"{ "hasCompletedOnboarding": true, "theme": "dark" }"#;

/// Without the one `claude` refuses to run for root; without the other it installs its newest version for the
/// whole machine.
const CONFINED: &str = "IS_SANDBOX=1\nDISABLE_AUTOUPDATER=1\n";

/// One launch in a home of its own.
struct Trial {
    /// What it is about, and the name of its home.
    name: &'static str,
    runtime: &'static str,
    prepare: fn(&Place, &Path) -> Result<(), String>,
    /// Whether the launch succeeds.
    succeeds: bool,
    /// What it says; one of these is enough, as it depends on the network.
    says: &'static [&'static str],
}

const TRIALS: &[Trial] = &[
    Trial {
        name: "claude-in-an-empty-home",
        runtime: "claude",
        prepare: |_, _| Ok(()),
        succeeds: false,
        says: &["ended before it was ready, with status 1", "nobody is signed in"],
    },
    Trial {
        name: "claude-with-a-key",
        runtime: "claude",
        prepare: |_, home| {
            write(&home.join(".claude.json"), CLAUDE_ONBOARDED)?;
            append(&launch_env(home), &format!("ANTHROPIC_API_KEY={KEY}\n"))
        },
        succeeds: true,
        says: &["claude-ada is live"],
    },
    Trial {
        name: "codex-without-log-in",
        runtime: "codex",
        prepare: |_, _| Ok(()),
        succeeds: false,
        says: &["nobody is signed in: run `codex login`"],
    },
    Trial {
        name: "codex-with-a-key",
        runtime: "codex",
        prepare: |place, home| {
            let login = cmd!(place.program("codex"), "login", "--with-api-key").env("HOME", home);
            run::aloud("codex login --with-api-key", &login.stdin_bytes(KEY))
        },
        succeeds: true,
        says: &["codex-ada is live"],
    },
];

/// Where the programs are, and the homes.
struct Place {
    folder: TempDir,
    iapeer: PathBuf,
}

/// Makes all trials, and tells what was otherwise.
pub(crate) fn real_agents(arguments: &[String]) -> Result<(), Findings> {
    no_arguments(arguments)?;
    let place = Place::new().map_err(|e| vec![e])?;
    let findings: Findings = TRIALS.iter().filter_map(|trial| place.make(trial).err()).collect();
    if findings.is_empty() { Ok(()) } else { Err(findings) }
}

impl Place {
    fn new() -> Result<Place, String> {
        install::tmux()?;
        run::which("npm").ok_or("npm is needed and not here; it comes with Node.js")?;
        run::cargo_aloud(&["build", "-p", "iapeer"])?;
        // The path of a socket must be short.
        let folder = tempfile::Builder::new().prefix("iap").tempdir_in("/tmp").map_err(|e| e.to_string())?;
        let iapeer = repository::workspace()?.target.join("debug/iapeer");
        let place = Place { folder, iapeer };
        let folder = place.folder.path().to_string_lossy().into_owned();
        let npm = [&["install", "--no-fund", "--no-audit", "--prefix", &folder][..], &PACKAGES].concat();
        run::aloud(&format!("npm install {}", PACKAGES.join(" ")), &cmd("npm", npm))?;
        // npm runs no scripts of packages unless it is told to; this one puts the real program in place.
        let script = place.folder.path().join("node_modules/@anthropic-ai/claude-code/install.cjs");
        if script.exists() {
            run::aloud("node install.cjs", &cmd!("node", script))?;
        }
        Ok(place)
    }

    fn make(&self, trial: &Trial) -> Result<(), String> {
        let Trial { name, runtime, prepare, succeeds, says } = trial;
        println!("\n{name}");
        let home = self.folder.path().join(name);
        fs::create_dir(&home).map_err(|e| format!("{}: {e}", home.display()))?;
        self.iapeer(&home, &["create", "ada", "--runtime", runtime])?;
        write(&launch_env(&home), CONFINED)?;
        prepare(self, &home)?;
        let (launched, told) = self.iapeer(&home, &["launch", "ada"])?;
        let (stopped, how) = self.iapeer(&home, &["stop", "ada"])?;
        if launched != *succeeds || !says.iter().any(|says| told.contains(says)) {
            let wanted = if *succeeds { "succeed" } else { "fail" };
            return Err(format!(
                "{name}: the launch was to {wanted} and to say one of {says:?}, but:\n{told}"
            ));
        }
        if stopped { Ok(()) } else { Err(format!("{name}: it could not be stopped:\n{how}")) }
    }

    /// Runs `iapeer` in a home; whether it succeeded, and all that it said.
    fn iapeer(&self, home: &Path, arguments: &[&str]) -> Result<(bool, String), String> {
        println!("$ iapeer {}", arguments.join(" "));
        let path = std::env::var("PATH").unwrap_or_default();
        let variables = [
            ("HOME", home.to_path_buf()),
            ("IAPEER_ROOT", home.join("root")),
            ("IAPEER_CLAUDE_BIN", self.program("claude")),
            ("IAPEER_CODEX_BIN", self.program("codex")),
            ("PATH", path.into()),
            ("SHELL", "/bin/sh".into()),
            // Whatever these programs install all the same stays here.
            ("NPM_CONFIG_PREFIX", self.folder.path().join("prefix")),
            ("LC_ALL", "C.UTF-8".into()),
        ];
        let output = cmd(&self.iapeer, arguments)
            .full_env(variables)
            .stdin_null()
            .stderr_to_stdout()
            .stdout_capture()
            .unchecked()
            .run()
            .map_err(|e| format!("{} could not be run: {e}", self.iapeer.display()))?;
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        print!("{told}");
        Ok((output.status.success(), told))
    }

    fn program(&self, name: &str) -> PathBuf {
        self.folder.path().join("node_modules/.bin").join(name)
    }
}

fn launch_env(home: &Path) -> PathBuf {
    home.join("root/peers/ada/.iapeer/launch.env")
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    fs::write(path, text).map_err(|e| format!("{}: {e}", path.display()))
}

fn append(path: &Path, text: &str) -> Result<(), String> {
    let there = fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
    write(path, &(there + text))
}
