//! What is wrong on this host, and what mends it.

use std::collections::BTreeMap;
use std::process::ExitCode;

use iapeer_lifecycle::{Checked, Finding, Grade, Host, Mend, Report, Scope, Verdict, Warning, doctor, mend};
use iapeer_statefile::with_causes;
use serde::Serialize;

use super::Done;
use crate::args::{DoctorArgs, Output};
use crate::error::Kind;
use crate::out::{self, Stop};
use crate::text;

/// What an answer with something unknown in it, and nothing wrong, exits with.
const INCOMPLETE: u8 = 3;
/// The width of a line, as far as its words allow.
const WIDTH: usize = 80;
/// Where the text begins that stands behind a grade.
const INDENT: usize = 10;

#[derive(Serialize)]
struct ReportDoc {
    verdict: &'static str,
    counts: BTreeMap<&'static str, usize>,
    checks: Vec<FindingDoc>,
    #[serde(skip_serializing_if = "Option::is_none")]
    planned: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fixed: Option<Vec<FixDoc>>,
}

#[derive(Serialize)]
struct FindingDoc {
    id: &'static str,
    status: &'static str,
    summary: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    remedy: Option<String>,
    ms: u128,
}

#[derive(Serialize)]
struct FixDoc {
    what: String,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

pub(crate) fn doctor_verb(host: &Host, args: &DoctorArgs) -> Done {
    let report = doctor(host, Scope::Full);
    if args.dry_run {
        let planned: Vec<_> = report.mends().iter().map(ToString::to_string).collect();
        if !args.output.json {
            say_plan("would", &planned)?;
        }
        return tell("doctor", host, &report, Some(Fixes::Planned(planned)), &args.output);
    }
    if args.fix {
        let fixed = fix(host, &report.mends(), &args.output)?;
        // What counts is how it is now.
        return tell("doctor", host, &doctor(host, Scope::Full), Some(Fixes::Done(fixed)), &args.output);
    }
    tell("doctor", host, &report, None, &args.output)
}

pub(crate) fn preflight(host: &Host, output: &Output) -> Done {
    tell("preflight", host, &doctor(host, Scope::Boot), None, output)
}

/// Says what a supervisor should know before it begins. It begins all the same: what makes a pass
/// impossible, the pass itself tells.
pub(super) fn warn_before_supervising(host: &Host) {
    // What mends itself is mended first, and told as an aside; what cannot be is what is found below.
    let _ = host.peers();
    let report = doctor(host, Scope::Boot);
    let bad = report.findings().filter(|(_, finding)| matches!(finding.grade, Grade::Warn | Grade::Fail));
    let warning = |(checked, finding): (&Checked, &Finding)| Warning {
        message: format!("{}: {}", checked.id, finding.summary),
        hint: finding.remedy.clone(),
    };
    out::warnings(&bad.map(warning).collect::<Vec<_>>());
}

enum Fixes {
    Planned(Vec<String>),
    Done(Vec<FixDoc>),
}

fn say_plan(word: &str, planned: &[String]) -> Result<(), Stop> {
    if planned.is_empty() {
        out::line("nothing is there that can be mended without asking you")?;
    }
    planned.iter().try_for_each(|what| out::line(text::one_line(&format!("{word} {what}"))))?;
    out::line("")
}

/// Says all that will be done, then does it.
fn fix(host: &Host, mends: &[Mend], output: &Output) -> Result<Vec<FixDoc>, Stop> {
    let planned: Vec<_> = mends.iter().map(ToString::to_string).collect();
    if !output.json {
        say_plan("will", &planned)?;
    }
    let mut fixed = Vec::new();
    for (what, planned) in mends.iter().zip(planned) {
        let (state, reason) = match mend(host, what) {
            Ok(()) => ("done", None),
            Err(e) => ("failed", Some(with_causes(&e))),
        };
        if let (Some(reason), false) = (&reason, output.json) {
            out::remark("warning", &format!("could not {planned}: {reason}"));
        }
        fixed.push(FixDoc { what: planned, state, reason });
    }
    Ok(fixed)
}

fn tell(name: &str, host: &Host, report: &Report, fixes: Option<Fixes>, output: &Output) -> Done {
    let code = match report.verdict() {
        Verdict::Ok | Verdict::Warn => ExitCode::SUCCESS,
        Verdict::Fail => Kind::Failed.into(),
        Verdict::Incomplete => INCOMPLETE.into(),
    };
    if output.json {
        let (planned, fixed) = match fixes {
            Some(Fixes::Planned(planned)) => (Some(planned), None),
            Some(Fixes::Done(fixed)) => (None, Some(fixed)),
            None => (None, None),
        };
        out::json(name, &ReportDoc { planned, fixed, ..ReportDoc::of(report) })?;
        return Ok(code);
    }
    let mut heading = None;
    for grade in Grade::ALL.into_iter().filter(|grade| grade.is_problem()) {
        for (checked, finding) in report.findings().filter(|(_, finding)| finding.grade == grade) {
            head(&mut heading, "what is wrong")?;
            line(checked, finding)?;
        }
    }
    for (checked, finding) in report.findings().filter(|(_, finding)| !finding.grade.is_problem()) {
        head(&mut heading, checked.group.as_str())?;
        line(checked, finding)?;
    }
    let counts: Vec<_> = Grade::ALL
        .iter()
        .map(|grade| (report.count(*grade), grade.as_str()))
        .filter(|(count, _)| *count > 0)
        .map(|(count, grade)| format!("{count} {grade}"))
        .collect();
    let root = host.layout().root();
    out::line(format!("\n{name} of {root}: {} ({})", report.verdict().as_str(), counts.join(", ")))?;
    Ok(code)
}

/// A heading before the first line that stands under it.
fn head(last: &mut Option<&'static str>, heading: &'static str) -> Result<(), Stop> {
    match *last {
        Some(there) if there == heading => return Ok(()),
        Some(_) => out::line("")?,
        None => {}
    }
    *last = Some(heading);
    out::line(heading)
}

/// A finding, and below it what mends it, which is one line so that it can be copied.
fn line(checked: &Checked, finding: &Finding) -> Result<(), Stop> {
    let summary = text::one_line(&format!("{}: {}", checked.id, finding.summary));
    for (n, part) in text::wrapped(&summary, WIDTH - INDENT).iter().enumerate() {
        let grade = if n == 0 { finding.grade.as_str() } else { "" };
        out::line(format!("  {grade:<width$}{part}", width = INDENT - 2))?;
    }
    match &finding.remedy {
        Some(remedy) => out::line(format!("{:INDENT$}hint: {}", "", text::one_line(remedy))),
        None => Ok(()),
    }
}

impl ReportDoc {
    fn of(report: &Report) -> ReportDoc {
        let checks = report.findings().map(|(checked, finding)| FindingDoc {
            id: checked.id,
            status: finding.grade.as_str(),
            summary: finding.summary.clone(),
            remedy: finding.remedy.clone(),
            ms: checked.took.as_millis(),
        });
        ReportDoc {
            verdict: report.verdict().as_str(),
            counts: Grade::ALL.iter().map(|grade| (grade.as_str(), report.count(*grade))).collect(),
            checks: checks.collect(),
            planned: None,
            fixed: None,
        }
    }
}
