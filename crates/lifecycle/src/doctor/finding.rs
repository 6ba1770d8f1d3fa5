//! What a check says, and what all of it comes to.

use super::Mend;
use crate::grade::Grade;

/// What a look comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing is wrong.
    Ok,
    /// Something could be better.
    Warn,
    /// Something is wrong.
    Fail,
    /// Nothing was found to be wrong, and not everything could be looked at.
    Incomplete,
}

impl Verdict {
    /// What these grades come to.
    pub fn of(grades: impl IntoIterator<Item = Grade>) -> Verdict {
        let grades: Vec<_> = grades.into_iter().collect();
        let any = |grade| grades.contains(&grade);
        if any(Grade::Fail) {
            Verdict::Fail
        } else if any(Grade::Unknown) {
            Verdict::Incomplete
        } else if any(Grade::Warn) {
            Verdict::Warn
        } else {
            Verdict::Ok
        }
    }

    /// The word that scripts read.
    pub fn as_str(self) -> &'static str {
        match self {
            Verdict::Ok => "ok",
            Verdict::Warn => "warn",
            Verdict::Fail => "fail",
            Verdict::Incomplete => "incomplete",
        }
    }
}

/// One thing that a check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How it stands.
    pub grade: Grade,
    /// What was found; names the file and the reason.
    pub summary: String,
    /// The command that mends it, or what to do.
    pub remedy: Option<String>,
    /// What can be done about it without asking anybody.
    pub mends: Vec<Mend>,
}

impl Finding {
    pub(super) fn new(grade: Grade, summary: impl Into<String>) -> Finding {
        Finding { grade, summary: summary.into(), remedy: None, mends: Vec::new() }
    }

    pub(super) fn ok(summary: impl Into<String>) -> Finding {
        Finding::new(Grade::Ok, summary)
    }

    pub(super) fn info(summary: impl Into<String>) -> Finding {
        Finding::new(Grade::Info, summary)
    }

    pub(super) fn warn(summary: impl Into<String>) -> Finding {
        Finding::new(Grade::Warn, summary)
    }

    pub(super) fn fail(summary: impl Into<String>) -> Finding {
        Finding::new(Grade::Fail, summary)
    }

    pub(super) fn unknown(summary: impl Into<String>) -> Finding {
        Finding::new(Grade::Unknown, summary)
    }

    pub(super) fn remedy(mut self, remedy: impl Into<String>) -> Finding {
        self.remedy = Some(remedy.into());
        self
    }

    /// What `iapeer doctor --fix` would do about it.
    pub(super) fn mends(mut self, mends: Vec<Mend>) -> Finding {
        self.mends = mends;
        match self.remedy {
            Some(_) => self,
            None => self.remedy("iapeer doctor --fix"),
        }
    }
}

/// The findings, or that all is well when there is none.
pub(super) fn or_ok(findings: Vec<Finding>, well: impl FnOnce() -> String) -> Vec<Finding> {
    if findings.is_empty() { vec![Finding::ok(well())] } else { findings }
}

/// Some names out of many, so that a summary stays readable.
pub(super) fn some(names: &[String]) -> String {
    const SHOWN: usize = 3;
    match names.len() {
        ..=SHOWN => names.join(", "),
        n => format!("{} and {} more", names[..SHOWN].join(", "), n - SHOWN),
    }
}

/// `one` for one, else the number with `many`.
pub(super) fn count(n: usize, one: &str, many: &str) -> String {
    if n == 1 { one.to_owned() } else { format!("{n} {many}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_that_is_known_decides() {
        use Grade::{Fail, Info, Ok, Skipped, Unknown, Warn};
        let cases: [(&[Grade], Verdict); 8] = [
            (&[], Verdict::Ok),
            (&[Ok, Info, Skipped], Verdict::Ok),
            (&[Ok, Warn, Info], Verdict::Warn),
            (&[Unknown], Verdict::Incomplete),
            (&[Warn, Unknown, Ok], Verdict::Incomplete),
            (&[Fail], Verdict::Fail),
            (&[Unknown, Fail, Warn], Verdict::Fail),
            (&[Skipped], Verdict::Ok),
        ];
        for (grades, verdict) in cases {
            assert_eq!(Verdict::of(grades.iter().copied()), verdict, "{grades:?}");
        }
    }

    #[test]
    fn many_names_are_cut_short() {
        let names = |n: usize| (0..n).map(|n| format!("f{n}")).collect::<Vec<_>>();
        assert_eq!(some(&names(3)), "f0, f1, f2");
        assert_eq!(some(&names(5)), "f0, f1, f2 and 2 more");
    }
}
