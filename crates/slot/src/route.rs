//! How a peer gets its memory from the provider in the slot, and how it loses it.

use std::fmt;

use crate::declaration::{CommandBlock, Plugin};
use crate::parse::quoted;
use crate::slot::{Occupied, Skipped};

/// Whether a peer gets its memory or loses it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// It gets it.
    Provision,
    /// It loses it.
    Unprovision,
}

/// The way that a declaration offers in one direction.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "a refusal is to be reported"]
pub enum Route<'a> {
    /// Run this command.
    Command(&'a CommandBlock),
    /// Deprecated: install or remove this plugin of the runtime.
    Plugin(&'a Plugin),
    /// There is none, and why: a fragment for people.
    Refused(String),
}

impl Occupied {
    /// The way in one direction.
    ///
    /// A declaration that has `provision` or `unprovision` goes through commands in both directions,
    /// also when what stands there is invalid: that the plugin be used where the provider meant a
    /// command would be a fallback that nobody asked for. A direction without a valid command is then
    /// refused. Only without either of them does the plugin count.
    pub fn route(&self, direction: Direction) -> Route<'_> {
        let declared = &self.declaration;
        let command = match direction {
            Direction::Provision => &declared.provision,
            Direction::Unprovision => &declared.unprovision,
        };
        if let Some(command) = command {
            return Route::Command(command);
        }
        if let Some(plugin) = &declared.plugin
            && !self.names(Direction::Provision)
            && !self.names(Direction::Unprovision)
        {
            return Route::Plugin(plugin);
        }
        let provider = quoted(&declared.provider);
        let faults = self.faults(direction.member());
        if !faults.is_empty() {
            return Route::Refused(format!(
                "provider {provider} declares an unusable {direction} command ({faults})"
            ));
        }
        let plugin_faults = self.faults("plugin");
        let aside = match plugin_faults.as_str() {
            "" => String::new(),
            faults => format!(", and its plugin is unusable ({faults})"),
        };
        Route::Refused(format!("provider {provider} declares no {direction} command{aside}"))
    }

    /// The command that is to be told of a session that ended unplanned; `None` when there is none that can
    /// be used, and then nothing is run. It is beside the routes: whether a declaration goes through
    /// commands or through a plugin does not depend on it.
    pub fn notify(&self) -> Option<&CommandBlock> {
        self.declaration.notify.as_ref()
    }

    /// Whether the declaration has a block for this direction, valid or not.
    fn names(&self, direction: Direction) -> bool {
        let valid = match direction {
            Direction::Provision => self.declaration.provision.is_some(),
            Direction::Unprovision => self.declaration.unprovision.is_some(),
        };
        valid || self.skipped.iter().any(|s| s.is_within(direction.member()))
    }

    fn faults(&self, member: &str) -> String {
        let faults = self.skipped.iter().filter(|s| s.is_within(member));
        faults.map(Skipped::to_string).collect::<Vec<_>>().join("; ")
    }
}

impl Direction {
    /// The name of the member that declares the command of this direction.
    pub fn member(self) -> &'static str {
        match self {
            Self::Provision => "provision",
            Self::Unprovision => "unprovision",
        }
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.member())
    }
}

impl Skipped {
    /// Whether this is about the member of the declaration with this name, or something in it.
    fn is_within(&self, member: &str) -> bool {
        self.pointer
            .strip_prefix('/')
            .and_then(|p| p.strip_prefix(member))
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}
