//! The facts about identities: whose are they, can they be read, and are their times past.

use std::collections::BTreeMap;

use camino::Utf8Path;
use iapeer_registry::Identity;
use iapeer_statefile::{Timestamp, read_file, with_causes};

use super::Finding;
use super::finding::{count, or_ok};
use super::sight::{Sight, quoted, set_aside};
use crate::facts::{FactError, Facts};

/// No mark of one line is longer, in bytes.
const LIMIT: u64 = 64 << 10;

pub(super) fn markers(sight: &Sight) -> Vec<Finding> {
    let facts = match sight.facts() {
        Ok(facts) => facts,
        Err(why) => {
            let remedy = format!("mend the permissions of {}", sight.layout().facts());
            return vec![Finding::unknown(why).remedy(remedy)];
        }
    };
    let mut findings = Vec::new();
    let mut by_identity: BTreeMap<&Identity, Vec<&str>> = BTreeMap::new();
    for (identity, fact) in &facts {
        findings.extend(one(sight, identity, fact));
        // A lock says nothing about anybody.
        if fact != "wake.lock" {
            by_identity.entry(identity).or_default().push(fact);
        }
    }
    match sight.identities() {
        Ok(peers) => {
            for (identity, facts) in by_identity.iter().filter(|(identity, _)| !peers.contains(**identity)) {
                findings.push(of_nobody(sight, identity, facts));
            }
        }
        Err(_) => findings.push(
            Finding::unknown("whose the marks are: the index cannot be read")
                .remedy("see the check `registry`"),
        ),
    }
    or_ok(findings, || match by_identity.len() {
        0 => "there are none".to_owned(),
        n => format!("those of {} can be used", count(n, "one identity", "identities")),
    })
}

/// Marks that may be the past of a namesake to come, so that nobody but the user may take them away.
fn of_nobody(sight: &Sight, identity: &Identity, facts: &[&str]) -> Finding {
    let paths: Vec<_> = facts.iter().map(|fact| quoted(&sight.layout().fact(identity, fact))).collect();
    Finding::warn(format!("no peer has {identity}, and there are marks of it: {}", facts.join(", ")))
        .remedy(format!("if {} is not to come back: rm {}", identity.personality(), paths.join(" ")))
}

/// What is wrong with one fact.
fn one(sight: &Sight, identity: &Identity, fact: &str) -> Option<Finding> {
    let path = sight.layout().fact(identity, fact);
    let facts = Facts::of(sight.layout(), identity);
    let times = match fact {
        "session" => {
            facts.session().map(|session| session.map(|session| session.woke_at).into_iter().collect())
        }
        "deaths" => facts.deaths(),
        "stopped" | "idle-reaped" | "fresh-next" | "new-eager" | "ephemeral-armed" | "task-given" => {
            Ok(time_in(&path))
        }
        _ => return None,
    };
    let times: Vec<i64> = match times {
        Ok(times) => times,
        Err(e) => return Some(unusable(&path, &e)),
    };
    let future = times.into_iter().find(|millis| sight.is_future(*millis))?;
    let told =
        Timestamp::from_millisecond(future).map_or_else(|_| future.to_string(), iapeer_statefile::iso_millis);
    Some(
        Finding::warn(format!("{path} is from the future: {told}"))
            .remedy(format!("compare the clock (date -u); if that is right: {}", set_aside(&path))),
    )
}

fn unusable(path: &Utf8Path, error: &FactError) -> Finding {
    let finding = Finding::fail(with_causes(error));
    match error {
        // A session that lives is found by its socket.
        FactError::Damaged { .. } => finding.remedy(set_aside(path)),
        _ => finding.remedy(format!("see what stands there: ls -l {}", quoted(path))),
    }
}

/// The time at the beginning of a mark. Its presence is the fact, so one without a time is as good.
fn time_in(path: &Utf8Path) -> Vec<i64> {
    let Ok(Some(bytes)) = read_file(path, LIMIT) else { return Vec::new() };
    let text = String::from_utf8_lossy(&bytes);
    let time = text.split_whitespace().next().and_then(|word| word.parse::<Timestamp>().ok());
    time.map(Timestamp::as_millisecond).into_iter().collect()
}
