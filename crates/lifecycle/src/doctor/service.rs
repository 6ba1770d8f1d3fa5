//! The entry by which the service manager runs the supervisor, and whether what it needs is found there.

use std::collections::BTreeMap;

use camino::Utf8PathBuf;
use iapeer_statefile::with_causes;

use super::finding::or_ok;
use super::sight::Sight;
use super::{Finding, peers};
use crate::grade::Grade;
use crate::search::find_program;
use crate::service::{Definition, Entry, EntryState, Manager, entry, problems};
use crate::{Host, Settings};

pub(super) fn service(sight: &Sight) -> Vec<Finding> {
    let found = match look(sight) {
        Ok(found) => found,
        Err(unknown) => return vec![unknown],
    };
    let findings: Vec<_> = problems(&sight.host, &found)
        .into_iter()
        .map(|problem| Finding::new(problem.grade, problem.what).remedy(problem.remedy))
        .collect();
    if findings.is_empty() && found.state == EntryState::Missing {
        let summary =
            "none is installed: `iapeer service install` has the service manager run the supervisor";
        return vec![Finding::new(Grade::Skipped, summary)];
    }
    or_ok(findings, || format!("{} is current", found.path))
}

/// The programs of all runtimes, and tmux, as the supervisor will look for them: with the `PATH` of the service.
pub(super) fn programs(sight: &Sight) -> Vec<Finding> {
    let found = match look(sight) {
        Ok(found) => found,
        Err(_) => {
            return vec![
                Finding::unknown("the service cannot be looked at").remedy("see the check `service`"),
            ];
        }
    };
    let Some(definition) = found.state.definition() else {
        return vec![Finding::new(Grade::Skipped, "no service is installed")];
    };
    let mut findings = Vec::new();
    let settings = as_service(sight.host.settings(), definition);
    if find_program(&settings.path, "tmux").is_none() {
        let summary = format!("no tmux is on the PATH of the service: {}", settings.path.display());
        findings.push(Finding::fail(summary).remedy(AGAIN));
    }
    let as_service = Sight { host: Host::new(settings), now: sight.now };
    let of_peers = peers::programs(&as_service);
    let bad = of_peers.iter().filter(|finding| finding.grade.is_problem());
    findings.extend(bad.map(|finding| {
        let summary = format!("with the PATH of the service: {}", finding.summary);
        Finding::new(finding.grade, summary).remedy(AGAIN)
    }));
    or_ok(findings, || {
        let told: Vec<_> = of_peers.iter().map(|finding| finding.summary.as_str()).collect();
        told.join("; ")
    })
}

/// What mends a `PATH` that is not enough.
const AGAIN: &str = "install it, or where it is on your own PATH: iapeer service install";

fn look(sight: &Sight) -> Result<Entry, Finding> {
    entry(&sight.host, Manager::of_this_system())
        .map_err(|e| Finding::unknown(with_causes(&e)).remedy("mend its permissions or its kind"))
}

/// The settings that a supervisor has which the service manager started.
fn as_service(here: &Settings, definition: &Definition) -> Settings {
    let variable = |name: &str| definition.environment.get(name);
    let programs: BTreeMap<_, _> = definition
        .environment
        .iter()
        .filter_map(|(name, value)| {
            let runtime = name.strip_prefix("IAPEER_")?.strip_suffix("_BIN")?;
            Some((runtime.to_ascii_lowercase(), Utf8PathBuf::from(value)))
        })
        .collect();
    Settings { path: variable("PATH").map(Into::into).unwrap_or_default(), programs, ..here.clone() }
}
