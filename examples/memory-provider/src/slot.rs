//! The host's slot: who has it, taking it, leaving it.

use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use fs_err as fs;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{NAME, Result, files};

enum Occupant {
    Nobody,
    Us,
    Other(String),
}

/// Takes the slot, or renews what stands in it.
pub(crate) fn register(root: &Path) -> Result<String> {
    let slot = slot_in(root);
    let occupant = occupant(&slot)?;
    if let Occupant::Other(provider) = occupant {
        return Err(format!("the slot {} belongs to {provider}: unregister it first", slot.display()).into());
    }
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(root)?;
    let declaration = files::render(&declaration(root)?);
    // The heartbeat goes first: whoever finds the declaration finds the file that it names.
    files::replace(&heartbeat_in(root), b"")?;
    match occupant {
        Occupant::Us => files::replace(&slot, &declaration)?,
        // Whoever took the slot since we looked keeps it.
        _ => files::create(&slot, &declaration)?,
    }
    Ok(format!("registered {NAME} in {}", slot.display()))
}

/// Leaves the slot. The peers keep what they have: `iapeer memory-plugin off --all` comes before this.
pub(crate) fn unregister(root: &Path) -> Result<String> {
    let slot = slot_in(root);
    match occupant(&slot)? {
        Occupant::Nobody => Ok(format!("nothing to do: the slot {} is empty", slot.display())),
        Occupant::Other(provider) => {
            Err(format!("the slot {} belongs to {provider} and is left alone", slot.display()).into())
        }
        Occupant::Us => {
            fs::remove_file(&slot)?;
            if heartbeat_in(root).exists() {
                fs::remove_file(heartbeat_in(root))?;
            }
            Ok(format!("unregistered {NAME} from {}", slot.display()))
        }
    }
}

/// Shows that we are alive, if we are registered here at all.
pub(crate) fn beat(root: &Path) -> Result<()> {
    let heartbeat = heartbeat_in(root);
    if heartbeat.exists() { files::replace(&heartbeat, b"") } else { Ok(()) }
}

/// What stands in the slot. The commands name this very program by its absolute path; `args` are ours to
/// choose, and the placeholders in them are filled in by iapeer.
fn declaration(root: &Path) -> Result<Value> {
    let program = std::env::current_exe()?;
    let program = utf8(&program)?;
    let heartbeat = heartbeat_in(root);
    let block = |verb: &str| {
        json!({
            "command": program,
            "args": [
                verb, "--cwd", "{cwd}", "--occasion={occasion}",
                "--runtime={runtime}", "--personality={personality}",
            ],
        })
    };
    Ok(json!({
        "provider": NAME,
        "package": env!("CARGO_PKG_NAME"),
        "version": env!("CARGO_PKG_VERSION"),
        "registeredAt": Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string(),
        "heartbeat": utf8(&heartbeat)?,
        "provision": block("provision-peer"),
        "unprovision": block("unprovision-peer"),
    }))
}

fn occupant(slot: &Path) -> Result<Occupant> {
    Ok(match files::read_json(slot)? {
        None => Occupant::Nobody,
        Some(declaration) => match declaration["provider"].as_str().map(str::trim) {
            Some(NAME) => Occupant::Us,
            Some(other) => Occupant::Other(format!("{other:?}")),
            None => Occupant::Other("somebody who gives no name".to_owned()),
        },
    })
}

fn slot_in(root: &Path) -> PathBuf {
    root.join("memory-provider.json")
}

fn heartbeat_in(root: &Path) -> PathBuf {
    root.join("memory-provider.heartbeat")
}

/// A path that can stand in JSON.
pub(crate) fn utf8(path: &Path) -> Result<&str> {
    path.to_str().ok_or_else(|| format!("{} is not UTF-8", path.display()).into())
}
