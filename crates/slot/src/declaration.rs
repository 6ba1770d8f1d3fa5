//! What a provider says of itself, as far as it is usable.
//!
//! The JSON Schema is derived from these types; the comments on their fields are its descriptions.

use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;

use camino::Utf8PathBuf;
use serde::Serialize;

/// What the patterns of the schema ask of a text. `\s` is blank in ECMAScript, which is what a JSON Schema
/// means by it and what the parser goes by.
#[cfg(feature = "schema")]
mod pattern {
    pub(super) const NOT_BLANK: &str = r"\S";
    pub(super) const NOT_BLANK_WITHOUT_NUL: &str = r"^[^\u0000]*[^\s\u0000][^\u0000]*$";
    pub(super) const ABSOLUTE_PATH: &str = r"^/[^\u0000]*$";
    pub(super) const WITHOUT_NUL: &str = r"^[^\u0000]*$";
}

/// A usable declaration.
///
/// Serialized with the names that stand in the file; what is absent is left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(
    feature = "schema",
    schemars(
        title = "Declaration of a memory provider",
        description = "The file `memory-provider.json` in the root of an iapeer host. The provider writes it, \
                       iapeer only reads it. What this schema accepts is read as it stands; of anything else \
                       `iapeer slot check` says what is left out, or why nothing can be used."
    )
)]
#[serde(rename_all = "camelCase")]
pub struct Declaration {
    /// The provider's name. Blanks around it do not count.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = pattern::NOT_BLANK)))]
    pub provider: String,
    /// The package that it came in. Blanks around it do not count.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = pattern::NOT_BLANK)))]
    pub package: String,
    /// Its version, in its own words. Blanks around it do not count.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = pattern::NOT_BLANK)))]
    pub version: String,
    /// When it took the slot, as it wrote it (meant to be an ISO time); empty when it did not say.
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    pub registered_at: String,
    /// A file that it touches while it is well: an absolute path. Its age is shown, and nothing is done
    /// about it.
    #[cfg_attr(
        feature = "schema",
        schemars(with = "Option<String>", regex(pattern = pattern::NOT_BLANK_WITHOUT_NUL))
    )]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub heartbeat: Option<Utf8PathBuf>,
    /// Deprecated: a plugin of the runtime as the way to give a peer its memory. It counts only where there
    /// is neither `provision` nor `unprovision`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plugin: Option<Plugin>,
    /// The command that gives a peer its memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provision: Option<CommandBlock>,
    /// The command that takes a peer's memory away.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unprovision: Option<CommandBlock>,
    /// The command that is told of a session that ended unplanned, with `session-ended` for `{occasion}`
    /// and why for `{cause}`. An extension, which hosts other than this one ignore.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notify: Option<CommandBlock>,
}

/// A command to be run once per peer and agent runtime.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CommandBlock {
    /// The program: an absolute path, used exactly as declared.
    #[cfg_attr(feature = "schema", schemars(with = "String", regex(pattern = pattern::ABSOLUTE_PATH)))]
    pub command: Utf8PathBuf,
    /// Its arguments. `{cwd}`, `{runtime}`, `{personality}` and `{occasion}` in them are replaced, for
    /// `notify` `{cause}` as well; anything else in braces stays. An argument stays one argument.
    #[cfg_attr(feature = "schema", schemars(inner(regex(pattern = pattern::WITHOUT_NUL))))]
    pub args: Vec<String>,
}

/// A plugin of the runtime, by its three names; none is blank.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Plugin {
    /// The plugin's name.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = pattern::NOT_BLANK)))]
    pub name: String,
    /// The name of the marketplace that has it.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = pattern::NOT_BLANK)))]
    pub marketplace: String,
    /// Where that marketplace is (`owner/repo`).
    #[cfg_attr(feature = "schema", schemars(regex(pattern = pattern::NOT_BLANK)))]
    pub marketplace_ref: String,
}

impl Declaration {
    /// Its commands, each with the name of the member that declares it, in the order of the fields.
    pub fn commands(&self) -> impl Iterator<Item = (&'static str, &CommandBlock)> {
        let blocks =
            [("provision", &self.provision), ("unprovision", &self.unprovision), ("notify", &self.notify)];
        blocks.into_iter().filter_map(|(member, block)| Some((member, block.as_ref()?)))
    }
}

impl CommandBlock {
    /// Why the program could not be started now, as far as its entry in the file system tells: a fragment
    /// that goes after the command. Links are followed; nothing is opened.
    ///
    /// No fault is no promise. What is in the file, and whether *this* user may run it, is found out by
    /// running it.
    pub fn program_fault(&self) -> Option<String> {
        match self.command.metadata() {
            Err(e) if e.kind() == ErrorKind::NotFound => Some("does not exist".to_owned()),
            Err(e) => Some(format!("cannot be looked at: {e}")),
            Ok(found) if found.is_dir() => Some("is a folder".to_owned()),
            Ok(found) if !found.is_file() => Some("is not a regular file".to_owned()),
            Ok(found) if found.permissions().mode() & 0o111 == 0 => Some("is not executable".to_owned()),
            Ok(_) => None,
        }
    }
}
