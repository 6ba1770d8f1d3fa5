//! Making all checks at once, each with its limit.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use super::sight::Sight;
use super::table::{CHECKS, Check, Group, When};
use super::{Finding, Mend, Verdict};
use crate::Host;
use crate::grade::Grade;

/// How much is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// What a supervisor cannot do without.
    Boot,
    /// Everything.
    Full,
}

/// A check that was made.
#[derive(Debug, Clone)]
pub struct Checked {
    /// What scripts call it.
    pub id: &'static str,
    /// What it is about.
    pub group: Group,
    /// What it found; never empty.
    pub findings: Vec<Finding>,
    /// How long it took.
    pub took: Duration,
}

/// Everything that was found.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// One for each check, in their order.
    pub checks: Vec<Checked>,
}

impl Report {
    /// Every finding, with its check.
    pub fn findings(&self) -> impl Iterator<Item = (&Checked, &Finding)> {
        self.checks.iter().flat_map(|checked| checked.findings.iter().map(move |finding| (checked, finding)))
    }

    /// What it comes to.
    pub fn verdict(&self) -> Verdict {
        Verdict::of(self.findings().map(|(_, finding)| finding.grade))
    }

    /// How many findings are of a grade.
    pub fn count(&self, grade: Grade) -> usize {
        self.findings().filter(|(_, finding)| finding.grade == grade).count()
    }

    /// What can be done without asking anybody.
    pub fn mends(&self) -> Vec<Mend> {
        self.findings().flat_map(|(_, finding)| finding.mends.clone()).collect()
    }
}

/// Looks for what is wrong. Reads only, runs with nothing there, and comes back within seconds whatever
/// hangs.
pub fn doctor(host: &Host, scope: Scope) -> Report {
    let checks = CHECKS.iter().filter(|check| scope == Scope::Full || check.when == When::Always);
    run(checks, &Sight::of(host))
}

/// All checks begin at once, so that those that hang do not add up. The thread of one that hangs is left
/// behind: nothing can end it, and it only reads.
fn run<'a>(checks: impl Iterator<Item = &'a Check>, sight: &Sight) -> Report {
    let begun: Vec<_> = checks
        .map(|check| {
            let (tell, told) = mpsc::channel();
            let (look, sight, start) = (check.look, sight.clone(), Instant::now());
            std::thread::spawn(move || {
                // Nobody listens any more when the time is over.
                let _ = tell.send((look(&sight), start.elapsed()));
            });
            (check, start, told)
        })
        .collect();
    let checks = begun.into_iter().map(|(check, start, told)| {
        let left = check.limit.saturating_sub(start.elapsed());
        let (findings, took) = told.recv_timeout(left).unwrap_or_else(|error| {
            let why = match error {
                RecvTimeoutError::Timeout => format!("took longer than {} ms", check.limit.as_millis()),
                RecvTimeoutError::Disconnected => "the check broke off".to_owned(),
            };
            let remedy = "see what makes the disk or the machine slow, then: iapeer doctor";
            (vec![Finding::unknown(why).remedy(remedy)], start.elapsed())
        });
        Checked { id: check.id, group: check.group, findings, took }
    });
    Report { checks: checks.collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_that_does_not_come_back_is_unknown_and_keeps_nobody_waiting() {
        let check = |id, limit, look| Check { id, group: Group::Host, when: When::Always, limit, look };
        let hour = Duration::from_secs(3600);
        let checks = [
            check("hangs", Duration::from_millis(10), |_| {
                loop {
                    std::thread::park();
                }
            }),
            check("breaks", hour, |_| panic!("a defect of a check")),
            check("well", hour, |_| vec![Finding::ok("all is well")]),
        ];
        let report = run(checks.iter(), &Sight::for_tests("/nowhere".into()));
        let told: Vec<_> = report.findings().map(|(c, f)| (c.id, f.grade, f.summary.as_str())).collect();
        assert_eq!(
            told,
            [
                ("hangs", Grade::Unknown, "took longer than 10 ms"),
                ("breaks", Grade::Unknown, "the check broke off"),
                ("well", Grade::Ok, "all is well"),
            ]
        );
        assert_eq!(report.verdict(), Verdict::Incomplete);
    }
}
