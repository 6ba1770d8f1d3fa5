//! The memory slot: can what it declares be run, and is anything owed.

use iapeer_slot::{CommandBlock, Slot};
use iapeer_statefile::with_causes;

use super::Finding;
use super::finding::or_ok;
use super::sight::{Sight, holder, quoted, set_aside};
use crate::owed::{Owed, OwedError, owed as all_owed};

pub(super) fn slot(sight: &Sight) -> Vec<Finding> {
    let path = sight.layout().slot();
    let occupied = match sight.host.slot() {
        Slot::Empty => return vec![Finding::ok("empty: this host has no memory provider")],
        Slot::Unusable { reason } => {
            let remedy = format!("register the provider again, or: {}", set_aside(&path));
            return vec![Finding::fail(format!("{path} cannot be used: {reason}")).remedy(remedy)];
        }
        Slot::Occupied(occupied) => occupied,
    };
    let check = format!("iapeer slot check {}", quoted(&path));
    let declared = &occupied.declaration;
    let mut findings = Vec::new();
    for skipped in &occupied.skipped {
        findings.push(Finding::warn(format!("{path}#{skipped} (left out)")).remedy(check.clone()));
    }
    for (member, block) in declared.commands() {
        let CommandBlock { command, .. } = block;
        if let Some(fault) = block.program_fault() {
            let summary = format!("{path}#/{member}/command: {command} {fault}");
            findings
                .push(Finding::fail(summary).remedy(format!("install the provider again, then: {check}")));
        }
    }
    let well = findings.is_empty();
    if let Some(file) = declared.heartbeat.as_ref().filter(|path| path.is_absolute()) {
        let age = file.metadata().and_then(|meta| meta.modified()).map(|then| then.elapsed());
        findings.push(match age {
            Ok(Ok(age)) => Finding::info(format!("heartbeat {} s ago: {file}", age.as_secs())),
            Ok(Err(_)) => Finding::info(format!("the heartbeat is from the future: {file}")),
            Err(e) => Finding::info(format!("no heartbeat: {file}: {e}")),
        });
    }
    if well {
        findings.insert(
            0,
            Finding::ok(format!("{} {}, declared in {path}", declared.provider, declared.version)),
        );
    }
    findings
}

pub(super) fn owed(sight: &Sight) -> Vec<Finding> {
    let (all, bad) = match all_owed(sight.layout()) {
        Ok(found) => found,
        Err(e) => {
            let remedy = format!("mend the permissions of {}", sight.layout().owed());
            return vec![Finding::unknown(with_causes(&e)).remedy(remedy)];
        }
    };
    let mut findings: Vec<_> = all.iter().map(|debt| tell(sight, debt)).collect();
    findings.extend(bad.iter().map(|e| {
        let finding = Finding::warn(with_causes(e));
        match e {
            OwedError::Damaged { path, .. } => {
                finding.remedy(format!("{}; then: iapeer memory-plugin on --all", set_aside(path)))
            }
            _ => finding.remedy("mend its permissions or its kind"),
        }
    }));
    or_ok(findings, || "nothing is owed".to_owned())
}

fn tell(sight: &Sight, debt: &Owed) -> Finding {
    let what = format!("the provider's command for {} ({})", debt.identity(), debt.occasion);
    // While the command runs it is owed, and that is as it should be.
    if let Some(holder) = holder(&sight.layout().provision_lock(&debt.personality)) {
        return Finding::info(format!("{what} is being run by the process {}", holder.pid));
    }
    let last = debt.last.as_deref().unwrap_or("it did not come to its end");
    Finding::warn(format!("{what} is owed since {}: {last}", debt.since))
        .remedy(format!("iapeer memory-plugin retry --peer {}", debt.personality))
}
