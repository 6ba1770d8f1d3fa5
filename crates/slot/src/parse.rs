//! From the bytes of the file to a declaration and the list of what was left out.

use camino::Utf8PathBuf;
use serde_json::value::RawValue;

use crate::declaration::{CommandBlock, Declaration, Plugin};
use crate::json::{self, Members};
use crate::slot::{Occupied, Skipped};

/// The longest piece of a value that is quoted in a reason, in characters.
const QUOTE_LIMIT: usize = 80;

/// The declaration in a file of this content, or why there is none.
pub(crate) fn parse(bytes: &[u8]) -> Result<Occupied, String> {
    let root = json::document(bytes)?;
    let (provider, package, version) = needed(&root)?;
    let mut optional = Optional { skipped: Vec::new() };
    let declaration = Declaration {
        provider,
        package,
        version,
        registered_at: optional.member(&root, "/registeredAt", text).unwrap_or_default(),
        heartbeat: optional.member(&root, "/heartbeat", path),
        plugin: optional.plugin(&root),
        provision: optional.command_block(&root, "/provision"),
        unprovision: optional.command_block(&root, "/unprovision"),
        notify: optional.command_block(&root, "/notify"),
    };
    Ok(Occupied { declaration, skipped: optional.skipped })
}

/// The three members without which there is no declaration; all that is wrong with them is told at once.
fn needed(root: &Members<'_>) -> Result<(String, String, String), String> {
    let read = |name: &str| {
        let value = root.get(name).ok_or_else(|| "is missing".to_owned()).and_then(|raw| name_of(raw));
        value.map_err(|reason| format!("`{name}` {reason}"))
    };
    match (read("provider"), read("package"), read("version")) {
        (Ok(provider), Ok(package), Ok(version)) => Ok((provider, package, version)),
        (provider, package, version) => {
            let reasons = [provider, package, version].into_iter().filter_map(Result::err);
            Err(reasons.collect::<Vec<_>>().join("; "))
        }
    }
}

/// Reads what may be absent, and keeps the list of what is not as it should be.
struct Optional {
    skipped: Vec<Skipped>,
}

impl Optional {
    /// A member of the declaration itself, where `null` is the same as absent.
    fn member<'a, T>(
        &mut self,
        root: &Members<'a>,
        pointer: &str,
        read: impl FnOnce(&'a RawValue) -> Result<T, String>,
    ) -> Option<T> {
        let raw = *root.get(name_in(pointer)).filter(|raw| raw.get() != "null")?;
        self.note(pointer, read(raw))
    }

    /// A member that its block must have.
    fn part<'a, T>(
        &mut self,
        block: &Members<'a>,
        pointer: &str,
        read: impl FnOnce(&'a RawValue) -> Result<T, String>,
    ) -> Option<T> {
        let raw = block.get(name_in(pointer)).copied();
        self.note(pointer, raw.ok_or_else(|| "is missing".to_owned()).and_then(read))
    }

    fn plugin(&mut self, root: &Members<'_>) -> Option<Plugin> {
        let block = self.member(root, "/plugin", json::object)?;
        let name = self.part(&block, "/plugin/name", name_of);
        let marketplace = self.part(&block, "/plugin/marketplace", name_of);
        let marketplace_ref = self.part(&block, "/plugin/marketplaceRef", name_of);
        Some(Plugin { name: name?, marketplace: marketplace?, marketplace_ref: marketplace_ref? })
    }

    fn command_block(&mut self, root: &Members<'_>, pointer: &str) -> Option<CommandBlock> {
        let block = self.member(root, pointer, json::object)?;
        let command = self.part(&block, &format!("{pointer}/command"), program);
        let pointer = format!("{pointer}/args");
        let args = self.part(&block, &pointer, json::array).map(|raws| {
            let read = |(i, raw)| self.note(&format!("{pointer}/{i}"), argument(raw));
            // Collected first, so that every bad argument is listed and not only the first.
            raws.into_iter().enumerate().map(read).collect::<Vec<_>>()
        });
        Some(CommandBlock { command: command?, args: args?.into_iter().collect::<Option<_>>()? })
    }

    fn note<T>(&mut self, pointer: &str, value: Result<T, String>) -> Option<T> {
        value.map_err(|reason| self.skipped.push(Skipped { pointer: pointer.to_owned(), reason })).ok()
    }
}

/// The last step of a pointer. No name that is asked for here has a character that a pointer escapes.
fn name_in(pointer: &str) -> &str {
    pointer.rsplit_once('/').map_or(pointer, |(_, name)| name)
}

/// Any string, as it stands.
fn text(raw: &RawValue) -> Result<String, String> {
    json::string(raw)
}

/// A string that says something, without the blanks around it.
fn name_of(raw: &RawValue) -> Result<String, String> {
    let text = json::string(raw)?;
    match text.trim_matches(is_blank) {
        "" => Err("is blank".to_owned()),
        name => Ok(name.to_owned()),
    }
}

fn path(raw: &RawValue) -> Result<Utf8PathBuf, String> {
    name_of(raw).and_then(without_nul).map(Utf8PathBuf::from)
}

fn program(raw: &RawValue) -> Result<Utf8PathBuf, String> {
    let command = Utf8PathBuf::from(without_nul(json::string(raw)?)?);
    if command.is_absolute() {
        return Ok(command);
    }
    Err(format!("{} is not an absolute path", quoted(command.as_str())))
}

fn argument(raw: &RawValue) -> Result<String, String> {
    json::string(raw).and_then(without_nul)
}

/// The operating system ends a string at a NUL, so that what runs would not be what was declared.
fn without_nul(text: String) -> Result<String, String> {
    if text.contains('\0') {
        return Err(format!("{} holds a NUL", quoted(&text)));
    }
    Ok(text)
}

/// Blank as `String.prototype.trim` has it: Unicode's white space with U+FEFF and without U+0085.
fn is_blank(c: char) -> bool {
    c == '\u{feff}' || (c.is_whitespace() && c != '\u{85}')
}

/// A value for a message: on one line, and not longer than one likes to read.
pub(crate) fn quoted(value: &str) -> String {
    match value.char_indices().nth(QUOTE_LIMIT) {
        Some((end, _)) => format!("{:?}…", &value[..end]),
        None => format!("{value:?}"),
    }
}
