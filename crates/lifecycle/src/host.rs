//! One host: its settings, its layout, and the doors to what it holds.

use std::sync::{Arc, Mutex, PoisonError};

use camino::Utf8Path;
use iapeer_canary::{Canary, Places};
use iapeer_registry::{Index, Registry};
use iapeer_slot::Slot;
pub(crate) use iapeer_statefile::with_causes;
use iapeer_statefile::{BadEntry, Journal, Line, Quarantine, Timestamp};

use crate::{Layout, Scopes, Settings};

/// A host. Making one touches nothing.
#[derive(Debug, Clone)]
pub struct Host {
    settings: Settings,
    layout: Layout,
    registry: Registry,
    canary: Arc<Canary>,
    asides: Arc<Mutex<Vec<Warning>>>,
}

/// What went wrong beside the point: the deed stands, and the user should know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// What is wrong.
    pub message: String,
    /// The command that mends it, or what to do.
    pub hint: Option<String>,
}

impl Warning {
    pub(crate) fn new(message: impl Into<String>) -> Warning {
        Warning { message: message.into(), hint: None }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Warning {
        self.hint = Some(hint.into());
        self
    }

    /// A warning made of an error and all its causes.
    pub(crate) fn of(what: &str, error: &dyn std::error::Error) -> Warning {
        Warning::new(format!("{what}: {}", with_causes(error)))
    }
}

/// The index and what in it could not be used.
#[derive(Debug, Clone)]
pub struct Peers {
    /// The index.
    pub index: Index,
    /// Entries that were left out.
    pub bad: Vec<BadEntry>,
    /// What is wrong with the index when it could not be mended, and these are the peers that are left of it.
    pub lost: Option<String>,
}

impl Host {
    /// The host that these settings describe.
    pub fn new(settings: Settings) -> Host {
        let layout = Layout::new(settings.root.clone(), settings.sock_dir.clone());
        let registry = Registry::under(&settings.root);
        let places = places(&layout);
        let canary = Canary::new(places).rotating(settings.log_max_bytes, settings.log_keep);
        Host { settings, layout, registry, canary: Arc::new(canary), asides: Arc::default() }
    }

    /// The same host, on which no session's server gets a scope of its own.
    #[must_use]
    pub fn without_scopes(mut self) -> Host {
        self.settings.scopes = Scopes::Off;
        self
    }

    /// What it was told.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Where everything is.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Who the peers are.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// What happened beside the point since the last call, and the user should know.
    pub fn asides(&self) -> Vec<Warning> {
        std::mem::take(&mut *self.asides.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Tells something that happened beside the point.
    pub(crate) fn aside(&self, warning: Warning) {
        self.asides.lock().unwrap_or_else(PoisonError::into_inner).push(warning);
    }

    /// Where what cannot be read is kept.
    pub fn quarantine(&self) -> Quarantine {
        Quarantine::in_folder(self.layout.quarantine())
    }

    /// What is in the slot.
    pub fn slot(&self) -> Slot {
        Slot::read(&self.layout.slot())
    }

    /// The journal of decisions.
    pub fn lifecycle_log(&self) -> Journal {
        self.rotated(&self.layout.lifecycle_log())
    }

    /// The journal of deaths.
    pub fn exits_log(&self) -> Journal {
        self.rotated(&self.layout.exits_log())
    }

    /// The witnesses. There is one of these, so that who lives long waits for all of those that it started.
    pub fn canary(&self) -> Arc<Canary> {
        Arc::clone(&self.canary)
    }

    /// Where the witnesses keep their files.
    pub(crate) fn places(&self) -> Places {
        places(&self.layout)
    }

    /// Writes a decision down. A log that cannot be written stops nothing, but is said.
    pub(crate) fn log(&self, line: &Line, warnings: &mut Vec<Warning>) {
        if let Err(e) = self.lifecycle_log().append(line) {
            warnings.push(Warning::of("a line of lifecycle.log was lost", &e));
        }
    }

    /// Writes down what happened beside the point.
    pub(crate) fn log_aside(&self, line: &Line) {
        let mut warnings = Vec::new();
        self.log(line, &mut warnings);
        warnings.into_iter().for_each(|warning| self.aside(warning));
    }

    /// Writes down that a state file was mended: what was wrong with it, what it was taken from, how many peers
    /// it has, if that is what it has, and where what stood there is.
    pub(crate) fn log_mend(
        &self,
        file: &Utf8Path,
        fault: &str,
        from: &str,
        peers: Option<usize>,
        quarantine: Option<&Utf8Path>,
    ) {
        let line = Line::new(now(), "state-mended")
            .field("file", file)
            .field("fault", fault)
            .field("from", from)
            .field_opt("peers", peers)
            .field_opt("quarantine", quarantine)
            .field("by", &self.settings.caller);
        self.log_aside(&line);
    }

    fn rotated(&self, path: &Utf8Path) -> Journal {
        Journal::new(path.to_owned()).rotated(self.settings.log_max_bytes, self.settings.log_keep)
    }
}

fn places(layout: &Layout) -> Places {
    Places {
        state: layout.canaries(),
        forensics: layout.forensics(),
        exits_log: layout.exits_log(),
        lifecycle_log: layout.lifecycle_log(),
    }
}

/// The time, for what is written down.
pub(crate) fn now() -> Timestamp {
    Timestamp::now()
}
