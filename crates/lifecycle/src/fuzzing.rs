//! What must hold whatever bytes are read, by the name of what they are: one place for the fuzz targets in
//! `fuzz` and for the test that runs their seeds.
//!
//! Each entry panics when something does not hold, and says whether it understood what it was given.

#[cfg(test)]
mod seeds;

use camino::Utf8Path;
use iapeer_registry::{IndexFormat, ProfileFormat};
use iapeer_slot::{Direction, Slot};
use iapeer_statefile::Format;

use crate::facts::Session;
use crate::launch_env::{LaunchEnv, OURS};
use crate::native_memory::{json, toml};
use crate::runtime::definition::{Definition, unknown_keys};
use crate::service::Manager;

/// Says whether it understood the bytes.
pub type Entry = fn(&[u8]) -> bool;

/// Everything that reads bytes of others, or of an iapeer that was cut off.
pub const TARGETS: &[(&str, Entry)] = &[
    ("claude_settings", claude_settings),
    ("codex_settings", codex_settings),
    ("death_record", iapeer_canary::fuzzing::record),
    ("file_name", iapeer_canary::fuzzing::file_name),
    ("index", index),
    ("intent", iapeer_canary::fuzzing::intent),
    ("journal", iapeer_statefile::fuzzing::journal),
    ("launch_env", launch_env),
    ("lease", iapeer_canary::fuzzing::lease),
    ("locks", iapeer_statefile::fuzzing::locks),
    ("log_line", iapeer_statefile::fuzzing::line),
    ("pane", pane),
    #[cfg(target_os = "linux")]
    ("proc_stat", proc_stat),
    ("profile", profile),
    ("ps", iapeer_canary::fuzzing::ps),
    ("runtime", runtime),
    ("service", service),
    ("session", session),
    ("slot", slot),
    ("task", iapeer_tmux::fuzzing::paste),
    ("task_name", task_name),
    ("tmux", iapeer_tmux::fuzzing::answer),
    ("transcript", transcript),
];

/// Runs an entry, for a fuzz target.
///
/// # Panics
///
/// When there is no such entry, and when something does not hold.
pub fn run(name: &str, bytes: &[u8]) {
    let (_, entry) = TARGETS.iter().find(|(target, _)| *target == name).expect("an entry of this name");
    entry(bytes);
}

/// A slot is occupied, or unusable with a reason; either way each direction has an answer.
fn slot(bytes: &[u8]) -> bool {
    let slot = Slot::from_bytes(bytes);
    match &slot {
        Slot::Occupied(occupied) => {
            for direction in [Direction::Provision, Direction::Unprovision] {
                let _ = occupied.route(direction);
            }
            assert!(occupied.skipped.iter().all(|skipped| !skipped.to_string().is_empty()));
            assert!(occupied.declaration.commands().all(|(_, block)| block.command.is_absolute()));
        }
        Slot::Unusable { reason } => assert!(!reason.is_empty()),
        Slot::Empty => panic!("a file is a file"),
    }
    matches!(slot, Slot::Occupied(_))
}

fn index(bytes: &[u8]) -> bool {
    is_written_as_read(&IndexFormat, bytes)
}

fn profile(bytes: &[u8]) -> bool {
    is_written_as_read(&ProfileFormat, bytes)
}

/// What is understood can be written, is read back whole, and is written the same then.
fn is_written_as_read<F: Format>(format: &F, bytes: &[u8]) -> bool {
    let Ok(parsed) = format.parse(bytes) else { return false };
    let written = format.render(&parsed.value);
    let again = format.parse(&written).unwrap_or_else(|fault| panic!("{fault}: {}", text(&written)));
    assert_eq!(again.bad.len(), parsed.bad.len());
    assert_eq!(text(&format.render(&again.value)), text(&written));
    true
}

/// A definition can say its arguments, with and without a system prompt.
fn runtime(bytes: &[u8]) -> bool {
    let unknown = unknown_keys(&text(bytes));
    assert!(unknown.iter().all(|fault| !fault.reason.is_empty()));
    let Ok(definition) = Definition::parse(bytes) else { return false };
    for file in [None, Some(Utf8Path::new("/a/prompt"))] {
        let _ = definition.argv.fresh(file).len() + definition.argv.resume(file).map_or(0, |argv| argv.len());
    }
    true
}

/// A file that is taken sets no variable that is ours, and none that no program could be given.
fn launch_env(bytes: &[u8]) -> bool {
    let Ok(env) = LaunchEnv::parse(&text(bytes)) else { return false };
    for (name, value) in &env.variables {
        assert!(
            !OURS.contains(&name.as_str()) && !name.is_empty() && !name.contains(['=', '\0']),
            "{name:?}"
        );
        assert!(!value.contains(['\0', '\n']), "{value:?}");
    }
    assert!(env.start_args.iter().flatten().all(|word| !word.contains('\0')));
    !env.variables.is_empty() || env.start_args.is_some()
}

fn claude_settings(bytes: &[u8]) -> bool {
    is_switched(&text(bytes), json::off, json::on)
}

/// Beside the switch of the memory, a folder can be trusted once.
fn codex_settings(bytes: &[u8]) -> bool {
    let text = text(bytes);
    if let Ok(Some(trusted)) = toml::trusted(&text, "/a folder/\"x\"") {
        let again = toml::trusted(&trusted, "/a folder/\"x\"");
        assert!(matches!(again, Ok(None)), "{trusted:?}");
    }
    is_switched(&text, toml::off, toml::on)
}

type Editor = fn(&str) -> Result<Option<String>, crate::native_memory::Fault>;

/// What can be turned off is off then and can be turned on; a fault is at a place in the text.
fn is_switched(text: &str, off: Editor, on: Editor) -> bool {
    let edited = |edit: Editor, text: &str| match edit(text) {
        Ok(edited) => Some(edited),
        Err(fault) => {
            assert!(fault.at <= text.len() && !fault.reason.is_empty());
            None
        }
    };
    if let Some(Some(without)) = edited(on, text) {
        assert_eq!(edited(on, &without), Some(None), "still there: {without:?}");
    }
    let Some(turned) = edited(off, text) else { return false };
    if let Some(turned) = turned {
        assert_eq!(edited(off, &turned), Some(None), "not off: {turned:?}");
        assert!(matches!(edited(on, &turned), Some(Some(_))), "cannot be turned on: {turned:?}");
    }
    true
}

/// How the kernel tells of a process: three readers, none of which panics.
#[cfg(target_os = "linux")]
fn proc_stat(bytes: &[u8]) -> bool {
    let understood = [
        iapeer_canary::fuzzing::proc_stat(bytes),
        iapeer_provision_exec::fuzzing::proc_stat(bytes),
        crate::tree::understands(bytes),
    ];
    understood.contains(&true)
}

/// An entry of the service whose definition is understood can be written from it again, and is intact then.
fn service(bytes: &[u8]) -> bool {
    let Some(parsed) = crate::service::definition::parse(&text(bytes)) else { return false };
    let Some(definition) = parsed.definition else { return false };
    for manager in [Manager::Systemd, Manager::Launchd] {
        if let Ok(written) = definition.render(manager) {
            let again = crate::service::definition::parse(&written).expect("what we write is ours");
            assert!(again.is_intact, "{written}");
            assert_eq!(again.definition.as_ref(), Some(&definition));
        }
    }
    true
}

fn session(bytes: &[u8]) -> bool {
    let Ok(session) = serde_json::from_slice::<Session>(bytes) else { return false };
    let written = serde_json::to_vec(&session).expect("a session has only string keys");
    assert_eq!(serde_json::from_slice::<Session>(&written).ok(), Some(session));
    true
}

/// Nothing that steers a terminal is left of what a pane showed.
fn pane(bytes: &[u8]) -> bool {
    let plain = crate::pane::plain(&text(bytes));
    assert!(!plain.contains(|c: char| c.is_control() && c != '\n' && c != '\r'), "{plain:?}");
    let lines = crate::pane::last_of(&plain, 5);
    assert!(lines.len() <= 5 && lines.iter().all(|line| !line.trim().is_empty() && !line.contains('\n')));
    !lines.is_empty()
}

/// Whose the task of a file is, is in the file's name.
fn task_name(bytes: &[u8]) -> bool {
    let name = text(bytes);
    let Some(identity) = crate::queue::whose_task(name.trim_end()) else { return false };
    assert!(name.starts_with(&format!("{identity}.task.")), "{name:?}");
    true
}

/// The first line of a transcript, and the bytes as a name and as a pattern for names.
fn transcript(bytes: &[u8]) -> bool {
    let line = text(bytes);
    if let Some((pattern, name)) = line.lines().next().and_then(|line| line.split_once('/')) {
        assert!(crate::transcripts::fits("*", name));
        let _ = crate::transcripts::fits(pattern, name);
    }
    crate::transcripts::names_folder(bytes, Utf8Path::new("/home/a/\"b\""))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
