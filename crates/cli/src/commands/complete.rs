//! What can come next on a command line that is not finished.
//!
//! The shell asks in the middle of a line, so nothing is ever written here, no process is started, and whatever
//! cannot be read gives no candidates instead of an error.

use std::any::TypeId;
use std::ffi::OsString;
use std::process::ExitCode;

use camino::Utf8PathBuf;
use clap::builder::StyledStr;
use clap::{Arg, Command, ValueHint};
use clap_complete::engine::{ArgValueCandidates, CompletionCandidate, SubcommandCandidates, complete};
use iapeer_lifecycle::service::Manager;
use iapeer_lifecycle::{Class, Host, Runtime, identities, kept, queued};
use iapeer_registry::{Intelligence, Peer, Personality, RuntimeName};

use super::Done;
use crate::args::{CompleteArgs, Shell};
use crate::{env, help, out, text};

/// What becomes a peer's name, and is therefore none yet.
const NEW_NAMES: [&str; 2] = ["name", "new"];

/// Prints the script for a shell.
pub(crate) fn script(shell: Shell) -> Done {
    let script = match shell {
        Shell::Bash => include_str!("../completions/iapeer.bash"),
        Shell::Zsh => include_str!("../completions/iapeer.zsh"),
        Shell::Fish => include_str!("../completions/iapeer.fish"),
    };
    out::line(script.trim_end())?;
    Ok(ExitCode::SUCCESS)
}

/// Prints a line for each candidate, with what it is behind a tab.
pub(crate) fn complete_words(args: &CompleteArgs) -> Done {
    let mut words = joined(&args.words);
    if words.is_empty() {
        words.push(OsString::new());
    }
    let last = words.len();
    words.insert(0, "iapeer".into());
    let folder = std::env::current_dir().ok();
    // It fails only where nothing can come next.
    let asks_for_flags = words[last].to_string_lossy().starts_with('-');
    let mut candidates = complete(&mut completed(), words, last, folder.as_deref()).unwrap_or_default();
    let is_flag = |candidate: &CompletionCandidate| candidate.get_value().to_string_lossy().starts_with('-');
    if !asks_for_flags && !candidates.iter().all(is_flag) {
        candidates.retain(|candidate| !is_flag(candidate));
    }
    for candidate in candidates.iter().filter(|candidate| !candidate.is_hide_set()) {
        // A name of a file that is no UTF-8 cannot be typed, either.
        let Some(value) = candidate.get_value().to_str().filter(|value| !value.contains(char::is_control))
        else {
            continue;
        };
        let told = candidate.get_help().map(|help| text::one_line(&help.to_string())).unwrap_or_default();
        out::line(if told.is_empty() { value.to_owned() } else { format!("{value}\t{told}") })?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The words with `--flag`, `=` and `value` as one, as it was typed: bash takes it apart.
fn joined(words: &[OsString]) -> Vec<OsString> {
    let mut joined: Vec<OsString> = Vec::new();
    for word in words {
        let goes_on = joined.last().and_then(|last| last.to_str()).is_some_and(|last| {
            last.starts_with("--") && (word == "=" && !last.contains('=') || last.ends_with('='))
        });
        match joined.last_mut() {
            Some(last) if goes_on => last.push(word),
            _ => joined.push(word.clone()),
        }
    }
    joined
}

/// The command line with what its arguments may be.
fn completed() -> Command {
    with_candidates(help::command(), "")
        .allow_external_subcommands(true)
        .add(SubcommandCandidates::new(runtimes_as_verbs))
}

fn with_candidates(command: Command, path: &str) -> Command {
    let own = path.to_owned();
    command.mut_args(|arg| with_values(arg, &own)).mut_subcommands(|verb| {
        let path = format!("{path} {}", verb.get_name());
        with_candidates(verb, path.trim_start())
    })
}

/// An argument with what it may be, which the type tells of which its value is.
fn with_values(arg: Arg, path: &str) -> Arg {
    let kind = arg.get_value_parser().type_id();
    let (id, number) = (arg.get_id().as_str(), TypeId::of::<u64>());
    let of_kind = |wanted: TypeId| kind == wanted;
    let values = if of_kind(TypeId::of::<Personality>()) && !NEW_NAMES.contains(&id) {
        ArgValueCandidates::new(peers)
    } else if of_kind(TypeId::of::<RuntimeName>()) {
        ArgValueCandidates::new(runtimes)
    } else if of_kind(TypeId::of::<Intelligence>()) {
        ArgValueCandidates::new(|| plain(&["artificial", "natural", "absent"]))
    } else if of_kind(TypeId::of::<Manager>()) {
        ArgValueCandidates::new(|| plain(&["systemd", "launchd"]))
    } else if path == "queue drop" && of_kind(number) {
        ArgValueCandidates::new(tasks)
    } else if path == "restore" && id == "file" {
        ArgValueCandidates::new(state_files)
    } else if path == "man" && id == "verb" {
        ArgValueCandidates::new(verbs)
    } else if of_kind(TypeId::of::<Utf8PathBuf>()) {
        let is_folder = ["dir", "path", "out"].contains(&id);
        return arg.value_hint(if is_folder { ValueHint::DirPath } else { ValueHint::AnyPath });
    } else {
        return arg;
    };
    arg.add(values)
}

/// The host, where the environment says which one.
fn host() -> Option<Host> {
    env::settings("__complete").ok().map(Host::new)
}

/// The peers as the index has them. One that is damaged is left as it is.
fn all_peers(host: &Host) -> Vec<Peer> {
    host.registry().read().map(|(index, _)| index.peers().to_vec()).unwrap_or_default()
}

fn peers() -> Vec<CompletionCandidate> {
    let peers = host().map(|host| all_peers(&host)).unwrap_or_default();
    peers.iter().map(|peer| candidate(peer.facts.personality.as_str(), &peer.facts.description)).collect()
}

fn runtimes() -> Vec<CompletionCandidate> {
    let names = host().and_then(|host| Runtime::names(host.layout()).ok()).unwrap_or_default();
    names.iter().map(|name| candidate(name.as_str(), "")).collect()
}

/// Those that sessions can be started in.
fn runtimes_as_verbs() -> Vec<CompletionCandidate> {
    let Some(host) = host() else { return Vec::new() };
    let mut names = Runtime::names(host.layout()).unwrap_or_default();
    names.retain(|name| Runtime::find(name, host.layout()).is_ok_and(|found| found.class == Class::Agent));
    names
        .iter()
        .map(|name| candidate(name.as_str(), "Begin the session of this folder's peer in it"))
        .collect()
}

fn tasks() -> Vec<CompletionCandidate> {
    let Some(host) = host() else { return Vec::new() };
    let peers = all_peers(&host);
    let identities = peers.iter().flat_map(identities);
    let tasks = identities.flat_map(|identity| queued(&host, &identity).unwrap_or_default());
    tasks.map(|t| candidate(&t.number.to_string(), &format!("{}: {}", t.identity, t.text))).collect()
}

fn state_files() -> Vec<CompletionCandidate> {
    let kept = host().and_then(|host| kept(&host).ok()).unwrap_or_default();
    kept.iter().map(|kept| candidate(&kept.name, "")).collect()
}

fn verbs() -> Vec<CompletionCandidate> {
    let command = help::command();
    let visible = command.get_subcommands().filter(|verb| !verb.is_hide_set());
    visible.map(|verb| CompletionCandidate::new(verb.get_name()).help(verb.get_about().cloned())).collect()
}

fn plain(words: &[&str]) -> Vec<CompletionCandidate> {
    words.iter().map(|word| candidate(word, "")).collect()
}

fn candidate(value: &str, what: &str) -> CompletionCandidate {
    let what = (!what.is_empty()).then(|| StyledStr::from(what.to_owned()));
    CompletionCandidate::new(value).help(what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_bash_takes_apart_is_put_together() {
        for (words, wanted) in [
            (vec![], vec![]),
            (vec!["deaths", "--peer", "=", "al"], vec!["deaths", "--peer=al"]),
            (vec!["deaths", "--peer", "="], vec!["deaths", "--peer="]),
            (vec!["deaths", "--peer=al"], vec!["deaths", "--peer=al"]),
            (vec!["deaths", "--peer", "al"], vec!["deaths", "--peer", "al"]),
            (vec!["show", "=", "al"], vec!["show", "=", "al"]),
        ] {
            let words: Vec<OsString> = words.into_iter().map(OsString::from).collect();
            assert_eq!(joined(&words), wanted, "{words:?}");
        }
    }

    #[test]
    fn each_name_of_a_peer_and_of_a_runtime_is_completed() {
        fn look(command: &Command, path: &str, left: &mut Vec<String>) {
            for arg in command.get_arguments() {
                let kind = arg.get_value_parser().type_id();
                let is_name = kind == TypeId::of::<Personality>() || kind == TypeId::of::<RuntimeName>();
                if is_name && arg.get::<ArgValueCandidates>().is_none() {
                    left.push(format!("{path} {}", arg.get_id()).trim_start().to_owned());
                }
            }
            for verb in command.get_subcommands() {
                look(verb, &format!("{path} {}", verb.get_name()), left);
            }
        }
        let mut left = Vec::new();
        look(&completed(), "", &mut left);
        assert_eq!(left, ["init name", "create name", "rename new"], "a new name, or one that was forgotten");
    }
}
