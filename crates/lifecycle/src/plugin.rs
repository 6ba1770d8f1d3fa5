//! Declarations of version 1.1: the memory is a plugin of the runtime (deprecated, still found on hosts).
//!
//! Such a declaration has a `plugin` and no command. What to run is then known here, not told by the
//! provider:
//!
//! | runtime | look | on | off |
//! |---|---|---|---|
//! | `claude`, in the peer's folder | `plugin list --json` | `plugin install NAME@MARKETPLACE --scope project`, or `enable` when it is there and disabled | `plugin uninstall NAME@MARKETPLACE --scope project` |
//! | `codex`, once per sweep, for the host | `plugin list --json` | `plugin add NAME@MARKETPLACE` | `plugin remove NAME@MARKETPLACE`, for `off --all` only |
//!
//! When the program says of a look or an installation that it does not know the marketplace,
//! `plugin marketplace add OWNER/REPO` is run once and the command repeated.
//!
//! The outcomes, as [`Provisioned::state`]: `installed`, `enabled`, `already` (nothing was to be done),
//! `removed`, `skipped-host-global` (it serves other peers too, so it stays), `runtime-missing`, `failed`;
//! `refused` for a declaration that no command line can be made of, `skipped-no-agentic-runtime` for a
//! runtime that knows no plugins, and `cancelled` when the command was.
//!
//! What the two programs take and answer was learnt from their documentation. This code has met
//! recorded imitations of them and never the programs themselves.

mod listing;

use std::sync::{Mutex, PoisonError};

use camino::{Utf8Path, Utf8PathBuf};
use iapeer_provision_exec::{DETAIL_CHARS, Outcome, Run, State};
use iapeer_registry::RuntimeName;
use iapeer_slot::{Direction, Plugin};

use crate::host::{Host, with_causes};
use crate::occasion::{Occasion, Provisioned, exit_word, millis};
use crate::owed::Owed;
use crate::runtime::{Runtime, RuntimeError};
use listing::{Entry, entries};

/// How much of an answer is kept, in bytes; a list that is longer cannot be read.
const KEEP_OUTPUT: usize = 1 << 20;

/// What a program says of a marketplace that it does not know.
const UNKNOWN: [&str; 7] = [
    "not found",
    "unknown",
    "does not exist",
    "doesn't exist",
    "not configured",
    "not registered",
    "no such",
];

/// What a command passes through before it runs.
type Prepare<'a> = Box<dyn Fn(Run) -> Run + Sync + 'a>;

/// The plugin given to peers or taken from them: in a sweep, or at the birth or removal of one.
///
/// One value serves all peers of a sweep, from several threads too: what is done once for the host is
/// remembered in it, for each direction.
pub struct PluginSweep<'a> {
    host: &'a Host,
    plugin: &'a Plugin,
    prepare: Prepare<'a>,
    codex_on: Mutex<Option<Done>>,
    codex_off: Mutex<Option<Done>>,
}

/// How it went for one peer, or for the host.
#[derive(Debug, Clone, Default)]
struct Done {
    state: &'static str,
    exit: Option<String>,
    ms: u64,
    detail: Option<String>,
}

impl<'a> PluginSweep<'a> {
    /// A sweep. Each command passes through `prepare` before it runs, which sets its limits and what may
    /// end it early.
    pub fn new(
        host: &'a Host,
        plugin: &'a Plugin,
        prepare: impl Fn(Run) -> Run + Sync + 'a,
    ) -> PluginSweep<'a> {
        PluginSweep {
            host,
            plugin,
            prepare: Box::new(prepare),
            codex_on: Mutex::default(),
            codex_off: Mutex::default(),
        }
    }

    /// Does what is owed to one peer and runtime.
    ///
    /// Blocks while the commands run and, for `codex`, while another thread does it for the host.
    pub fn run(&self, owed: &Owed) -> Provisioned {
        let work = Work { sweep: self, occasion: owed.occasion };
        let done = match owed.runtime.as_str() {
            "claude" => work.for_claude(owed),
            "codex" => work.for_codex(&owed.runtime),
            other => Done::because("skipped-no-agentic-runtime", format!("{other} has no plugins")),
        };
        Provisioned {
            personality: owed.personality.clone(),
            runtime: Some(owed.runtime.clone()),
            state: done.state,
            exit: done.exit,
            ms: done.ms,
            detail: done.detail,
        }
    }
}

/// What is to be done at one occasion.
struct Work<'a> {
    sweep: &'a PluginSweep<'a>,
    occasion: Occasion,
}

impl Work<'_> {
    fn for_claude(&self, owed: &Owed) -> Done {
        // A command whose folder is missing would run in ours, and change the plugins of that one.
        if !owed.cwd.is_dir() {
            let state = if self.is_on() { "failed" } else { "already" };
            return Done::because(state, format!("its folder {} is not there", owed.cwd));
        }
        let mut program = match self.program(&owed.runtime, &owed.cwd) {
            Ok(program) => program,
            Err(done) => return done,
        };
        let id = program.id.clone();
        let result = program.look(Some(&owed.cwd)).and_then(|found| match (self.is_on(), found) {
            (true, Some(Entry { enabled: true, .. })) => Ok("already"),
            (true, Some(_)) => program.call(&["enable", &id, "--scope", "project"]).map(|_| "enabled"),
            (true, None) => {
                let install = ["install", &*id, "--scope", "project"];
                program.call_with_marketplace(&install).map(|_| "installed")
            }
            (false, None) => Ok("already"),
            (false, Some(entry)) if entry.is_of_project() => {
                program.call(&["uninstall", &id, "--scope", "project"]).map(|_| "removed")
            }
            (false, Some(entry)) => {
                let reason = format!("it is installed with scope {}, not for the project", entry.scope);
                Err(Done::because("skipped-host-global", reason))
            }
        });
        program.done(result)
    }

    fn for_codex(&self, runtime: &RuntimeName) -> Done {
        if !self.is_on() && self.occasion != Occasion::OffAll {
            let reason = "codex has its plugins for the whole host; `memory-plugin off --all` removes it";
            return Done::because("skipped-host-global", reason.to_owned());
        }
        // A thread that panicked has left nothing half-written here.
        let memory = if self.is_on() { &self.sweep.codex_on } else { &self.sweep.codex_off };
        let mut done = memory.lock().unwrap_or_else(PoisonError::into_inner);
        match &*done {
            None => done.insert(self.once_for_codex(runtime)).clone(),
            Some(Done { state: "installed" | "removed", .. }) => Done { state: "already", ..Done::default() },
            Some(before) => Done { ms: 0, ..before.clone() },
        }
    }

    fn once_for_codex(&self, runtime: &RuntimeName) -> Done {
        let mut program = match self.program(runtime, self.sweep.host.layout().root()) {
            Ok(program) => program,
            Err(done) => return done,
        };
        let id = program.id.clone();
        let result = program.look(None).and_then(|found| match (self.is_on(), found) {
            (true, Some(Entry { enabled: true, .. })) | (false, None) => Ok("already"),
            (true, Some(_)) => {
                let reason = "it is installed and disabled; enable it in the settings of codex";
                Err(Done::because("failed", reason.to_owned()))
            }
            (true, None) => program.call_with_marketplace(&["add", &id]).map(|_| "installed"),
            (false, Some(_)) => program.call(&["remove", &id]).map(|_| "removed"),
        });
        program.done(result)
    }

    fn is_on(&self) -> bool {
        self.occasion.direction() == Some(Direction::Provision)
    }

    fn program<'s>(&'s self, runtime: &RuntimeName, folder: &'s Utf8Path) -> Result<Program<'s>, Done> {
        let Plugin { name, marketplace, marketplace_ref } = self.sweep.plugin;
        // The program would take it for an option.
        if let Some(bad) = [name, marketplace_ref].into_iter().find(|word| word.starts_with('-')) {
            return Err(Done::because(
                "refused",
                format!("the declaration names {bad:?}, which begins with -"),
            ));
        }
        let path = Runtime::find(runtime, self.sweep.host.layout())
            .and_then(|runtime| runtime.program(self.sweep.host.settings()))
            .map_err(|e| match e {
                RuntimeError::NotInstalled { .. } => Done::because("runtime-missing", e.to_string()),
                e => Done::because("failed", with_causes(&e)),
            })?;
        let id = format!("{name}@{marketplace}");
        Ok(Program { work: self, path, folder, id, ms: 0, exit: None })
    }
}

/// The program of a runtime, and what its commands have come to so far. Where one of them ends the
/// matter early, the error is what there is to tell.
struct Program<'a> {
    work: &'a Work<'a>,
    path: Utf8PathBuf,
    folder: &'a Utf8Path,
    /// The plugin as the program names it.
    id: String,
    ms: u64,
    exit: Option<String>,
}

impl Program<'_> {
    /// The plugin as it is there, for this project where one is named.
    fn look(&mut self, project: Option<&Utf8Path>) -> Result<Option<Entry>, Done> {
        let list = ["list", "--json"];
        let outcome = if self.work.is_on() { self.call_with_marketplace(&list)? } else { self.call(&list)? };
        let found = if outcome.stdout.is_cut() {
            Err(format!("the list is longer than {KEEP_OUTPUT} bytes"))
        } else {
            entries(&outcome.stdout.text(), &self.work.sweep.plugin.name, &self.work.sweep.plugin.marketplace)
        };
        let found = found.map_err(|e| Done::because("failed", format!("`plugin list --json`: {e}")))?;
        let mut found: Vec<_> = found.into_iter().filter(|entry| entry.is_for(project)).collect();
        // What is there for the project alone decides over what is there for all.
        found.sort_by_key(|entry| !entry.is_of_project());
        Ok(found.into_iter().next())
    }

    /// Runs a command; when it fails for want of the marketplace, once more with that.
    fn call_with_marketplace(&mut self, args: &[&str]) -> Result<Outcome, Done> {
        let outcome = self.run(args);
        if outcome.state != State::Failed || !misses_marketplace(&outcome) {
            return checked(outcome, args);
        }
        let source = self.work.sweep.plugin.marketplace_ref.clone();
        self.call(&["marketplace", "add", &source])?;
        self.call(args)
    }

    fn call(&mut self, args: &[&str]) -> Result<Outcome, Done> {
        let outcome = self.run(args);
        checked(outcome, args)
    }

    /// Runs the `plugin` command of a runtime's own program.
    fn run(&mut self, args: &[&str]) -> Outcome {
        let run = Run::new(self.path.as_str()).args(["plugin"]).args(args).current_dir(self.folder);
        let outcome = (self.work.sweep.prepare)(run.keep_output(KEEP_OUTPUT)).run();
        self.ms += millis(&outcome);
        self.exit = exit_word(&outcome);
        outcome
    }

    /// What all the commands came to.
    fn done(self, result: Result<&'static str, Done>) -> Done {
        let done = result.map_or_else(|early| early, |state| Done { state, ..Done::default() });
        Done { ms: self.ms, exit: self.exit, ..done }
    }
}

impl Done {
    fn because(state: &'static str, reason: String) -> Done {
        Done { state, detail: Some(reason), ..Done::default() }
    }
}

/// The outcome of a command that did what it should, or what to tell of it.
fn checked(outcome: Outcome, args: &[&str]) -> Result<Outcome, Done> {
    let state = match outcome.state {
        State::Ok => return Ok(outcome),
        state if state.as_str() == "cancelled" => "cancelled",
        _ => "failed",
    };
    let said = match outcome.detail() {
        Some(detail) => detail,
        None => match outcome.stdout.text().trim().lines().last() {
            Some(line) => line.chars().take(DETAIL_CHARS).collect(),
            None => "it said nothing".to_owned(),
        },
    };
    let late = if outcome.state == State::Timeout { "was not done in time: " } else { "" };
    Err(Done::because(state, format!("`plugin {}`: {late}{said}", args.join(" "))))
}

fn misses_marketplace(outcome: &Outcome) -> bool {
    let said = (outcome.stderr.text() + &outcome.stdout.text()).to_lowercase();
    said.contains("marketplace") && UNKNOWN.iter().any(|word| said.contains(word))
}
