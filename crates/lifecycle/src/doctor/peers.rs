//! Who the peers are, whether their profiles say the same, and whether there is what runs them.

use std::collections::BTreeMap;

use iapeer_registry::{Peer, RuntimeName, profile_document, profile_path};
use iapeer_statefile::{Reading, StateFault, with_causes};

use super::finding::{count, or_ok};
use super::sight::{Sight, names_in, quoted, set_aside};
use super::{Finding, Grade};
use crate::runtime::RuntimeError;
use crate::{Host, Runtime};

pub(super) fn registry(sight: &Sight) -> Vec<Finding> {
    let registry = sight.host.registry();
    let path = registry.path();
    let peers = match sight.host.peers() {
        Err(fault) => return vec![damaged(&sight.host, &fault)],
        Ok(peers) => peers,
    };
    let bad = peers.bad.iter().map(|entry| {
        Finding::warn(format!("{path}#{}: {} (kept, and not used)", entry.pointer, entry.reason))
            .remedy(format!("mend the entry in {path} by hand"))
    });
    or_ok(bad.collect(), || match peers.index.peers().len() {
        0 => format!("no peer is in {path}"),
        n => format!("{} in {path}", count(n, "one peer", "peers")),
    })
}

/// An index that cannot be used as a whole.
fn damaged(host: &Host, fault: &StateFault) -> Finding {
    let (path, lock) = (host.registry().path(), host.registry().lock_path());
    let anew = format!("{}; then `iapeer init DIR` for the folder of each peer", set_aside(lock));
    let remedy = match fault {
        // These two are what a mend of the registry will be for: the newest backup, else the profiles.
        StateFault::Vanished { .. } => format!("put a copy of {path} back; or, to begin anew: {anew}"),
        StateFault::Corrupt { .. } => {
            format!("mend {path} by hand; or, to begin anew: {} && {anew}", set_aside(path))
        }
        StateFault::Newer { .. } => "use the newer iapeer that wrote it".to_owned(),
        _ => format!("see what stands there: ls -l {}; mend its permissions or its kind", quoted(path)),
    };
    Finding::fail(with_causes(fault)).remedy(remedy)
}

pub(super) fn profiles(sight: &Sight) -> Vec<Finding> {
    match differences(&sight.host) {
        Err(_) => vec![Finding::unknown("the registry cannot be read").remedy("see the check `registry`")],
        Ok(differences) => or_ok(differences, || "every profile says what the registry says".to_owned()),
    }
}

/// Where the profile of a peer and its entry in the index are not of one mind.
fn differences(host: &Host) -> Result<Vec<Finding>, StateFault> {
    Ok(host.peers()?.index.peers().iter().filter_map(difference).collect())
}

fn difference(peer: &Peer) -> Option<Finding> {
    let (name, folder, path) = (&peer.facts.personality, &peer.cwd, profile_path(&peer.cwd));
    let project = || format!("iapeer init {}", quoted(folder));
    match profile_document(folder).read() {
        Reading::Fresh | Reading::Vanished if !folder.exists() => Some(
            Finding::fail(format!("the folder of {name} is gone: {folder}"))
                .remedy(format!("put {folder} back, or: iapeer remove {name}")),
        ),
        Reading::Fresh | Reading::Vanished => {
            Some(Finding::warn(format!("the profile of {name} is gone: {path}")).remedy(format!(
                "{} --name {name} --runtime {}",
                project(),
                peer.facts.default_runtime()
            )))
        }
        Reading::Present(profile) | Reading::Partial(profile, _) => {
            let facts = &profile.facts;
            if facts.personality != *name {
                let found = &facts.personality;
                let summary = format!("{path} is the profile of {found}, and the registry has {name} there");
                let remedy = format!("put the profile of {name} back, or: iapeer remove {name}");
                return Some(Finding::fail(summary).remedy(remedy));
            }
            (*facts != peer.facts).then(|| {
                Finding::warn(format!("{path} says other things of {name} than the registry"))
                    .remedy(project())
            })
        }
        Reading::Corrupt { reason, .. } => {
            Some(Finding::fail(format!("{path} is damaged: {reason}")).remedy(format!("mend {path} by hand")))
        }
        Reading::Newer { found, known } => Some(
            Finding::fail(format!("{path} is of schema {found}, and this version knows up to {known}"))
                .remedy("use the newer iapeer that wrote it"),
        ),
        Reading::Unreadable(e) => Some(Finding::fail(with_causes(&e)).remedy(format!(
            "see what stands there: ls -l {}; mend its permissions or its kind",
            quoted(&path)
        ))),
    }
}

pub(super) fn programs(sight: &Sight) -> Vec<Finding> {
    let mut wanted: BTreeMap<RuntimeName, Vec<String>> = BTreeMap::new();
    let mut findings = Vec::new();
    match sight.host.peers() {
        Ok(peers) => {
            for peer in peers.index.peers() {
                for runtime in peer.facts.runtimes() {
                    wanted.entry(runtime.clone()).or_default().push(peer.facts.personality.to_string());
                }
            }
        }
        Err(_) => findings.push(
            Finding::unknown("which runtimes are needed: the registry cannot be read")
                .remedy("see the check `registry`"),
        ),
    }
    // A definition that nobody needs yet is read, too.
    match names_in(&sight.layout().runtimes()) {
        Ok(names) => {
            for name in names.iter().filter_map(|name| name.parse::<RuntimeName>().ok()) {
                if matches!(sight.layout().runtime_file(&name).try_exists(), Ok(true)) {
                    wanted.entry(name).or_default();
                }
            }
        }
        Err(why) => findings.push(Finding::unknown(why).remedy("mend its permissions")),
    }
    let mut found = Vec::new();
    for (name, peers) in &wanted {
        let of = || {
            if peers.is_empty() { String::new() } else { format!(" (of {})", super::finding::some(peers)) }
        };
        match Runtime::find(name, sight.layout()).and_then(|runtime| runtime.program(sight.host.settings())) {
            Ok(program) => found.push(format!("{name}: {program}")),
            Err(RuntimeError::Router { .. }) => found.push(format!("{name}: not started here")),
            // Nobody misses the program of a runtime that no peer has.
            Err(RuntimeError::NotInstalled { .. }) if peers.is_empty() => {}
            Err(e) => {
                let grade = if peers.is_empty() { Grade::Warn } else { Grade::Fail };
                findings
                    .push(Finding::new(grade, format!("{}{}", with_causes(&e), of())).remedy(mended_by(&e)));
            }
        }
    }
    or_ok(findings, || if found.is_empty() { "none is needed".to_owned() } else { found.join("; ") })
}

fn mended_by(error: &RuntimeError) -> String {
    match error {
        RuntimeError::NotInstalled { runtime, .. } => {
            let variable = format!("IAPEER_{}_BIN", runtime.as_str().to_ascii_uppercase());
            format!("install it, or set {variable} to its absolute path")
        }
        RuntimeError::NotDeclared { file, .. } => {
            format!("write {file}, or remove the runtime from the peer")
        }
        RuntimeError::BadDefinition { file, .. } => format!("mend {file}, or: {}", set_aside(file)),
        _ => "mend its permissions or its kind".to_owned(),
    }
}
