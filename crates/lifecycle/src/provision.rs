//! Running the provider's commands at the moments of a peer's life.
//!
//! Each command is written down as owed before it runs and cleared when it succeeded. Nobody runs two of
//! them for one peer at a time: a kernel lock per peer is held meanwhile, and what a run that was cut off
//! left running is waited for, and in the end ended, before the next begins.

use std::ffi::OsStr;
use std::time::{Duration, Instant};

use iapeer_provision_exec::{Cancel, Outcome, Run, State, Template, end_leftovers, unique_name};
use iapeer_registry::{Identity, Peer, Personality, RuntimeName};
use iapeer_slot::{Occupied, Plugin, Route};
use iapeer_statefile::{Line, Lock, LockError, Wait, ensure_dir};

use crate::host::{Host, Warning, now, with_causes};
use crate::occasion::{Occasion, Provisioned, exit_word, millis};
use crate::owed::Owed;
use crate::plugin::PluginSweep;
use crate::runtime::{Class, Runtime};

/// The runtimes of a peer that the provider's command is run for. One whose definition cannot be read
/// is left out with a warning: the provider is not called for what nobody can say what it is.
pub(crate) fn agent_runtimes(host: &Host, peer: &Peer, warnings: &mut Vec<Warning>) -> Vec<RuntimeName> {
    let mut agents = Vec::new();
    for name in peer.facts.runtimes() {
        match Runtime::find(name, host.layout()) {
            Ok(runtime) if runtime.class == Class::Agent => agents.push(name.clone()),
            Ok(_) => {}
            Err(e) => warnings.push(Warning::of("the provider is not called for a runtime", &e)),
        }
    }
    agents
}

/// What the commands of one peer are run with.
pub(crate) struct Caller<'a> {
    pub(crate) host: &'a Host,
    pub(crate) occupied: &'a Occupied,
    pub(crate) cancel: Option<&'a Cancel>,
    plugins: Option<PluginSweep<'a>>,
}

impl<'a> Caller<'a> {
    pub(crate) fn new(host: &'a Host, occupied: &'a Occupied, cancel: Option<&'a Cancel>) -> Caller<'a> {
        let limit = host.settings().provision_timeout;
        let plugins = occupied.declaration.plugin.as_ref();
        let limited = move |run: Run| match cancel {
            Some(cancel) => run.time_limit(limit).cancel(cancel),
            None => run.time_limit(limit),
        };
        let plugins = plugins.map(|plugin| PluginSweep::new(host, plugin, limited));
        Caller { host, occupied, cancel, plugins }
    }

    /// Runs what is owed, one command after the other, under the peer's lock. The provider must not be
    /// called while the registry is locked.
    pub(crate) fn pay(&self, owed: Vec<Owed>, warnings: &mut Vec<Warning>) -> Vec<Provisioned> {
        let Some(first) = owed.first() else { return Vec::new() };
        let lock = self.lock_peer(&first.personality);
        let mut outcomes = Vec::new();
        for mut owed in owed {
            let outcome = match &lock {
                Ok(_) => self.pay_one(&owed, warnings),
                Err(e) => {
                    let state = if self.is_cancelled() { "cancelled" } else { "failed" };
                    Provisioned::unrun(&owed.personality, Some(&owed.runtime), state, Some(with_causes(e)))
                }
            };
            // What the provider has no command for is not owed; but a debt from before is not forgotten
            // because the provider in the slot is another one now.
            let never_owed = outcome.state == "refused" && owed.attempts <= 1;
            let settled = if outcome.is_ok() || never_owed {
                owed.clear(self.host.layout())
            } else {
                let detail = outcome.detail.as_ref().map_or_else(String::new, |d| format!(": {d}"));
                owed.failed(self.host.layout(), format!("{}{detail}", outcome.state))
            };
            if let Err(e) = settled {
                warnings.push(Warning::of("what is owed to the provider may be wrong", &e));
            }
            self.log(&owed, &outcome, warnings);
            outcomes.push(outcome);
        }
        outcomes
    }

    fn pay_one(&self, owed: &Owed, warnings: &mut Vec<Warning>) -> Provisioned {
        let unrun =
            |state, detail| Provisioned::unrun(&owed.personality, Some(&owed.runtime), state, Some(detail));
        let run = match work(self.occupied, owed) {
            Ok(Work::Command(run)) => run,
            Ok(Work::Plugin(_)) => {
                return match &self.plugins {
                    Some(plugins) => plugins.run(owed),
                    None => unrun("refused", "the provider declares no plugin".to_owned()),
                };
            }
            Err(reason) => return unrun("refused", reason),
        };
        let Some((name, before)) = owed.runs.split_last() else {
            return unrun("failed", "it was not written down as owed".to_owned());
        };
        for leftover in before {
            let patience = self.host.settings().provision_timeout;
            let survivors = end_leftovers(leftover, patience, self.cancel);
            if !survivors.is_none() {
                let message =
                    format!("an earlier command for {} does not end: {survivors}", owed.personality);
                warnings.push(Warning::new(message));
            }
        }
        said(&self.limited(run, owed).named(name).run(), owed)
    }

    fn limited(&self, run: Run, owed: &Owed) -> Run {
        let run = run.current_dir(&owed.cwd).time_limit(self.host.settings().provision_timeout);
        match self.cancel {
            Some(cancel) => run.cancel(cancel),
            None => run,
        }
    }

    fn lock_peer(&self, personality: &Personality) -> Result<Lock, LockError> {
        ensure_dir(&self.host.layout().owed())?;
        let path = self.host.layout().provision_lock(personality);
        // Longer than any command of somebody else may take; in short steps, so that Ctrl-C is heard.
        let limit = self.host.settings().provision_timeout + Duration::from_secs(10);
        let deadline = Instant::now() + limit;
        let step = Wait::UpTo(Duration::from_millis(100));
        loop {
            match Lock::acquire(&path, step, &self.host.settings().caller) {
                Err(LockError::Held { .. }) if Instant::now() < deadline && !self.is_cancelled() => {}
                Err(LockError::Held { path, holder, .. }) => {
                    return Err(LockError::Held { path, holder, wait: Wait::UpTo(limit) });
                }
                other => return other,
            }
        }
    }

    fn is_cancelled(&self) -> bool {
        self.cancel.is_some_and(Cancel::is_cancelled)
    }

    fn log(&self, owed: &Owed, outcome: &Provisioned, warnings: &mut Vec<Warning>) {
        let line = Line::new(now(), "memory-provision")
            .field("identity", owed.identity())
            .field("occasion", owed.occasion)
            .field("state", outcome.state)
            .field_opt("exit", outcome.exit.as_deref())
            .field("ms", outcome.ms)
            .field_opt("detail", outcome.detail.as_deref());
        self.host.log(&line, warnings);
    }
}

/// What is owed to a peer at an occasion, for each agent runtime of `only` (all of them when `None`). An
/// outcome instead where there is nothing to run.
pub(crate) fn due(
    host: &Host,
    peer: &Peer,
    only: Option<&[RuntimeName]>,
    occasion: Occasion,
    warnings: &mut Vec<Warning>,
) -> Result<Vec<Owed>, Provisioned> {
    let personality = &peer.facts.personality;
    let agents = agent_runtimes(host, peer, warnings);
    if agents.is_empty() {
        return Err(Provisioned::unrun(personality, None, "skipped-no-agentic-runtime", None));
    }
    let chosen = agents.into_iter().filter(|r| only.is_none_or(|only| only.contains(r)));
    let owed =
        |runtime| Owed::new(&Identity::new(runtime, personality.clone()), peer.cwd.clone(), occasion, now());
    Ok(chosen.map(owed).collect())
}

/// Writes down that these are about to be tried. One that cannot be written down is tried all the same,
/// under a name of its own.
pub(crate) fn begin(host: &Host, all: &mut [Owed], warnings: &mut Vec<Warning>) {
    for owed in all {
        if let Err(e) = owed.begin(host.layout()) {
            warnings.push(Warning::of("what is owed to the provider cannot be written down", &e));
            owed.runs = vec![unique_name()];
        }
    }
}

/// What has to be done about something that is owed.
pub(crate) enum Work<'a> {
    /// The provider's command, filled in.
    Command(Run),
    /// A plugin of the runtime.
    Plugin(&'a Plugin),
}

/// What has to be done, or why nothing can be.
pub(crate) fn work<'a>(occupied: &'a Occupied, owed: &Owed) -> Result<Work<'a>, String> {
    let block = match owed.occasion.direction().map(|direction| occupied.route(direction)) {
        Some(Route::Command(block)) => block,
        Some(Route::Refused(reason)) => return Err(reason),
        Some(Route::Plugin(plugin)) => return Ok(Work::Plugin(plugin)),
        None => occupied.notify().ok_or("the provider declares no notify command")?,
    };
    let values = [
        ("cwd", OsStr::new(owed.cwd.as_str())),
        ("runtime", OsStr::new(owed.runtime.as_str())),
        ("personality", OsStr::new(owed.personality.as_str())),
        ("occasion", OsStr::new(owed.occasion.as_str())),
        ("cause", OsStr::new(owed.cause.as_deref().unwrap_or_default())),
    ];
    // Only a notice has a cause; elsewhere `{cause}` is not ours and stays as it is.
    let values = &values[..if owed.cause.is_some() { 5 } else { 4 }];
    let template = Template::new(block.command.as_str(), &block.args);
    template.fill(values).map(Work::Command).map_err(|e| e.to_string())
}

fn said(outcome: &Outcome, owed: &Owed) -> Provisioned {
    let mut detail = match outcome.state {
        State::Ok => None,
        _ => outcome.detail(),
    };
    if !outcome.survivors.is_none() {
        let survivors = format!("still running: {}", outcome.survivors);
        detail = Some(detail.map_or(survivors.clone(), |detail| format!("{detail}; {survivors}")));
    }
    Provisioned {
        personality: owed.personality.clone(),
        runtime: Some(owed.runtime.clone()),
        state: outcome.state.as_str(),
        exit: exit_word(outcome),
        ms: millis(outcome),
        detail,
    }
}
