//! Who the peers are, whether their profiles say the same, and whether there is what runs them.

use std::collections::BTreeMap;

use camino::Utf8Path;
use iapeer_registry::{Difference, Index, Personality, ProfileFinding, RuntimeName};
use iapeer_statefile::{StateFault, with_causes};

use super::finding::{count, or_ok};
use super::sight::{Sight, names_in, quoted, set_aside};
use super::{Finding, Mend};
use crate::degraded::profile_remedy;
use crate::grade::Grade;
use crate::runtime::RuntimeError;
use crate::unfinished::{Unfinished, none_unfinished};
use crate::verify::{IfDifferent, VerifyError, verify};
use crate::{Host, Runtime};

pub(super) fn registry(sight: &Sight) -> Vec<Finding> {
    let registry = sight.host.registry();
    let path = registry.path();
    let peers = match sight.peers() {
        Err(fault) => return vec![damaged(path, &fault)],
        Ok(peers) => peers,
    };
    let bad = peers.bad.iter().map(|entry| {
        Finding::warn(format!("{path}#{}: {} (kept, and not used)", entry.pointer, entry.reason))
            .remedy("iapeer doctor --fix")
            .mends(vec![Mend::Index])
    });
    let findings = bad.chain(unfinished(&sight.host)).collect();
    or_ok(findings, || match peers.index.peers().len() {
        0 => format!("no peer is in {path}"),
        n => format!("{} in {path}", count(n, "one peer", "peers")),
    })
}

/// A rename that is not finished, or whose record cannot be used: nothing is changed until it is.
fn unfinished(host: &Host) -> Option<Finding> {
    let e = none_unfinished(host).err()?;
    Some(match &e {
        Unfinished::Rename { from, to } => {
            Finding::warn(with_causes(&e)).remedy(format!("iapeer rename {from} {to}"))
        }
        _ => Finding::fail(with_causes(&e)).remedy("mend that file: it lists what is left of a rename"),
    })
}

/// An index that cannot be used as a whole.
fn damaged(path: &Utf8Path, fault: &StateFault) -> Finding {
    let finding = Finding::fail(with_causes(fault));
    match fault {
        StateFault::Vanished { .. } | StateFault::Corrupt { .. } => {
            finding.remedy("iapeer doctor --fix").mends(vec![Mend::Index])
        }
        StateFault::Newer { .. } => finding.remedy("use the newer iapeer that wrote it"),
        _ => finding.remedy(format!(
            "see what stands there: ls -l {}; mend its permissions or its kind",
            quoted(path)
        )),
    }
}

pub(super) fn profiles(sight: &Sight) -> Vec<Finding> {
    let host = &sight.host;
    let verified = match verify(host, IfDifferent::Tell) {
        Ok(verified) => verified,
        Err(VerifyError::State(_)) => {
            return vec![Finding::unknown("the index cannot be read").remedy("see the check `registry`")];
        }
        Err(e) => return vec![Finding::unknown(with_causes(&e)).remedy("iapeer verify")],
    };
    // Only a fault needs to know what the index says.
    let peers = if verified.is_ok() {
        Index::default()
    } else {
        sight.peers().map(|peers| peers.index).unwrap_or_default()
    };
    let restored = |name: &Personality| {
        peers.find(name).map_or("iapeer verify".to_owned(), |peer| profile_remedy(host, peer))
    };
    let mut findings = Vec::new();
    for judged in &verified.profiles {
        let name = &judged.personality;
        for finding in &judged.findings {
            let summary = format!("{name}: {finding}");
            findings.push(Finding::fail(summary).remedy(match finding {
                ProfileFinding::Unusable { .. } => restored(name),
                _ => "iapeer verify".to_owned(),
            }));
        }
    }
    for difference in &verified.differences {
        let who = difference.personality().map_or_else(String::new, |name| format!("{name}: "));
        let summary = format!("{who}{difference}");
        findings.push(match difference {
            // The check of the registry tells of these.
            Difference::BadEntry(_) => continue,
            Difference::FolderMissing { personality, folder } => {
                Finding::fail(summary).remedy(format!("put {folder} back, or: iapeer remove {personality}"))
            }
            Difference::ProfileMissing { personality, .. } => {
                Finding::warn(summary).remedy(restored(personality))
            }
            Difference::Unlisted(stray) => {
                Finding::info(summary).remedy(format!("iapeer init {}", quoted(&stray.folder)))
            }
            _ => Finding::warn(summary).remedy("iapeer verify --fix"),
        });
    }
    or_ok(findings, || "every profile says what the index says".to_owned())
}

pub(super) fn programs(sight: &Sight) -> Vec<Finding> {
    let mut wanted: BTreeMap<RuntimeName, Vec<String>> = BTreeMap::new();
    let mut findings = Vec::new();
    match sight.peers() {
        Ok(peers) => {
            for peer in peers.index.peers() {
                for runtime in peer.facts.runtimes() {
                    wanted.entry(runtime.clone()).or_default().push(peer.facts.personality.to_string());
                }
            }
        }
        Err(_) => findings.push(
            Finding::unknown("which runtimes are needed: the index cannot be read")
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
        let runtime = Runtime::find(name, sight.layout());
        if let Some(warning) = runtime.as_ref().ok().and_then(|runtime| runtime.warning(sight.layout())) {
            let remedy = warning.hint.unwrap_or_default();
            findings.push(Finding::warn(warning.message).remedy(remedy));
        }
        match runtime.and_then(|runtime| runtime.program(sight.host.settings())) {
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
