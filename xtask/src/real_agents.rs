//! `cargo xtask real-agents`: the real `claude` and `codex` are installed into a temporary folder and tried
//! without an account, to see that what the built-in definitions say of them is still so: how they come up, and
//! a whole life of a session, from its first launch over attaching, killing and going on to its stop.
//!
//! It needs npm and its registry, and is no part of what must hold: these programs change when they like.

mod home;
mod life;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use duct::cmd;
use tempfile::TempDir;

use crate::{Findings, install, no_arguments, repository, run};
use home::Home;

/// What npm has to install.
const PACKAGES: [&str; 2] = ["@anthropic-ai/claude-code", "@openai/codex"];

/// A key of nobody: these programs only try it once they are told something.
const KEY: &str = "sk-ant-none-000000000000000000000000";

/// The settings of a `claude` that has asked what it asks at its very first start.
const CLAUDE_ONBOARDED: &str = r#"{ "hasCompletedOnboarding": true, "theme": "dark" }"#;

/// How long a start may take that ends at a question which nobody knows: it stands still for 10 s, after it has
/// come up.
const UNKNOWN_QUESTION: Duration = Duration::from_secs(30);

/// One program, and how it is made ready to run in a home of its own.
struct Agent {
    runtime: &'static str,
    sign_in: fn(&Home<'_>) -> Result<(), String>,
    /// What it asks before it starts in a folder of somebody else.
    question: &'static str,
}

/// One launch in a home where nobody is signed in.
struct Refusal {
    runtime: &'static str,
    /// What it says; one of these is enough, as it depends on the network.
    says: &'static [&'static str],
}

const AGENTS: &[Agent] = &[
    Agent {
        runtime: "claude",
        sign_in: |home| {
            home.write(".claude.json", CLAUDE_ONBOARDED)?;
            home.append_launch_env(&format!("ANTHROPIC_API_KEY={KEY}\n"))
        },
        question: "Yes, I trust this folder",
    },
    Agent {
        runtime: "codex",
        sign_in: |home| {
            let login = cmd!(home.place().program("codex"), "login", "--with-api-key");
            let login = login.env("HOME", home.folder()).stdin_bytes(KEY);
            run::aloud("codex login --with-api-key", &login)
        },
        question: "Trust this folder?",
    },
];

const REFUSALS: &[Refusal] = &[
    Refusal { runtime: "claude", says: &["ended before it was ready, with status 1", "nobody is signed in"] },
    Refusal { runtime: "codex", says: &["nobody is signed in: run `codex login`"] },
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
    let mut findings = Findings::new();
    for refusal in REFUSALS {
        findings.extend(place.without_sign_in(refusal).err());
    }
    for agent in AGENTS {
        findings.extend(place.unknown_question(agent).err());
        findings.extend(place.life(agent).err());
    }
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
        for program in ["claude", "codex"] {
            let home = place.folder.path().join("versions");
            let version = cmd!(place.program(program), "--version").env("HOME", home).stderr_null();
            println!("{program}: {}", version.read().map_err(|e| format!("{program} --version: {e}"))?);
        }
        Ok(place)
    }

    /// Nobody is signed in: the launch fails at once, with the reason.
    fn without_sign_in(&self, refusal: &Refusal) -> Result<(), String> {
        let Refusal { runtime, says } = refusal;
        self.in_home(runtime, "nobody-is-signed-in", |home| {
            let (launched, told) = home.iapeer(&["launch", "ada"])?;
            if launched || !says.iter().any(|says| told.contains(says)) {
                return Err(format!("the launch was to fail and to say one of {says:?}, but:\n{told}"));
            }
            seen("launch", "fails, with the reason");
            Ok(())
        })
    }

    /// A definition that knows no question: the launch fails with what is asked.
    fn unknown_question(&self, agent: &Agent) -> Result<(), String> {
        let Agent { runtime, sign_in, question } = agent;
        self.in_home(runtime, "a-question-that-nobody-knows", |home| {
            sign_in(home)?;
            home.make_repository()?;
            home.forget_dialogs()?;
            let begin = Instant::now();
            let (launched, told) = home.iapeer(&["launch", "ada"])?;
            let (took, still) = (begin.elapsed(), "its screen has not changed for 10 s");
            if launched || !told.contains(still) || !told.contains(question) || took > UNKNOWN_QUESTION {
                return Err(format!(
                    "after {took:.1?}, the launch was to fail with {question:?}, but:\n{told}"
                ));
            }
            seen("launch", &format!("fails after {took:.1?}, with what is asked"));
            Ok(())
        })
    }

    fn life(&self, agent: &Agent) -> Result<(), String> {
        self.in_home(agent.runtime, "a-whole-life", |home| {
            (agent.sign_in)(home)?;
            life::live(home)
        })
    }

    /// Tries something with a peer `ada` in a home of its own, and ends whatever runs there.
    fn in_home(
        &self,
        runtime: &'static str,
        name: &str,
        trial: impl FnOnce(&Home<'_>) -> Result<(), String>,
    ) -> Result<(), String> {
        println!("\n{runtime}: {name}");
        let tried = Home::new(self, runtime, name).and_then(|home| {
            let tried = trial(&home);
            let (stopped, told) = home.iapeer(&["stop", "ada"])?;
            tried.and(if stopped { Ok(()) } else { Err(format!("it could not be stopped:\n{told}")) })
        });
        tried.map_err(|e| format!("{runtime}: {name}: {e}"))
    }

    fn program(&self, name: &str) -> PathBuf {
        self.folder.path().join("node_modules/.bin").join(name)
    }
}

/// Says what was seen at a step.
fn seen(step: &str, what: &str) {
    println!("  {step:<12}{what}");
}
