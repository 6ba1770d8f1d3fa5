//! Proving on this host that deaths are recorded.

use std::process::ExitCode;
use std::time::Duration;

use iapeer_lifecycle::{
    Afterwards, Host, SeenDeath, Selftest, SelftestError, Selftested, Tried, selftest, selftest_ways,
};
use serde::Serialize;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use super::memory::cancelled_by;
use super::{Done, hints, write_error};
use crate::args::SelftestArgs;
use crate::error::{CliError, Kind};
use crate::{env, out, text};

#[derive(Serialize)]
struct SelftestDoc<'a> {
    verdict: &'static str,
    tmux: String,
    root: &'a str,
    kept: bool,
    rows: Vec<RowDoc<'a>>,
    /// Left out, because the selftest was interrupted.
    not_tried: &'a [&'static str],
}

#[derive(Serialize)]
struct RowDoc<'a> {
    way: &'static str,
    ok: bool,
    expected: &'a str,
    seen: Vec<SeenDoc<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    record_ms: Option<u128>,
    forensics: bool,
    survivors: &'a [String],
    problems: &'a [String],
}

#[derive(Serialize)]
struct SeenDoc<'a> {
    kind: &'static str,
    cause: &'a str,
    status: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    observer: Option<&'a str>,
}

/// The heads of the columns. The first is as wide as the widest way, so that a row can be printed as soon as
/// it is known.
const HEADS: [&str; 7] = ["", "expected", "seen", "cause", "after", "forensics", "survivors"];

pub(crate) fn selftest_verb(host: &Host, args: &SelftestArgs) -> Done {
    let plan = Selftest {
        ways: args.ways.clone(),
        temporary: env::temporary_folder()?,
        limit: Duration::from_secs(args.limit.get()),
        afterwards: if args.keep { Afterwards::Keep } else { Afterwards::Remove },
        cancel: cancelled_by(&[SIGINT, SIGTERM, SIGHUP])?,
    };
    let mut printed = Ok(());
    let mut head = Some(HEADS);
    let selftested = selftest(&plan, host.settings(), &mut |tried| {
        if !args.output.json && printed.is_ok() {
            let head = head.take().map_or(Ok(()), |head| out::line(row(head.map(str::to_owned))));
            printed = head.and_then(|()| told(tried));
        }
    });
    let selftested = selftested.map_err(|e| selftest_error(&e))?;
    out::warnings(&selftested.warnings);
    printed?;
    let code = match selftested.is_as_promised() {
        true => ExitCode::SUCCESS,
        false => Kind::Failed.into(),
    };
    if args.output.json {
        out::json("selftest", &SelftestDoc::of(&selftested, args.keep))?;
        return Ok(code);
    }
    let Selftested { tried, not_tried, tmux, root, .. } = &selftested;
    let good = tried.iter().filter(|tried| tried.problems.is_empty()).count();
    let all = tried.len();
    out::line(format!("\nselftest with tmux {tmux}: {good} of {all} as promised"))?;
    if !not_tried.is_empty() {
        out::note(&format!("interrupted; not tried: {}", not_tried.join(", ")));
    }
    if args.keep {
        out::note(&format!("kept: {root}"));
    } else if good < all {
        out::note("hint: iapeer selftest --keep, and see logs/iapeer in the folder that it names");
    }
    Ok(code)
}

/// One line about a way to end a session, and one for each problem.
fn told(tried: &Tried) -> Result<(), out::Stop> {
    let seen = &tried.seen;
    let died = match &seen.deaths[..] {
        [] => "no death".to_owned(),
        [SeenDeath { kind, status, .. }] if status == "unknown" => (*kind).to_owned(),
        [SeenDeath { kind, status, .. }] => format!("{kind} {status}"),
        several => format!("{} deaths", several.len()),
    };
    let survivors = match seen.survivors.len() {
        0 => nothing(),
        several => several.to_string(),
    };
    out::line(row([
        tried.way.to_owned(),
        tried.expected.clone(),
        died,
        seen.deaths.first().map_or_else(nothing, |death| death.cause.clone()),
        seen.took.map_or_else(nothing, |took| format!("{} ms", took.as_millis())),
        if seen.forensics { "there".to_owned() } else { nothing() },
        survivors,
    ]))?;
    tried.problems.iter().try_for_each(|problem| out::line(format!("  FAILED: {}", text::one_line(problem))))
}

fn nothing() -> String {
    "-".to_owned()
}

/// Cells as a line, the first as wide as the widest name, the others as wide as what usually stands there.
fn row(cells: [String; HEADS.len()]) -> String {
    let first = selftest_ways().map(str::len).max().unwrap_or(0);
    let widths = [first, 18, 18, 25, 8, 9, 0];
    let cells = cells.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}"));
    cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
}

fn selftest_error(error: &SelftestError) -> CliError {
    match error {
        SelftestError::Tmux(e) => hints::tmux_error(e),
        SelftestError::Write(e) => write_error(e).hint("name another folder for it: TMPDIR=DIR"),
        _ => CliError::of(Kind::Failed, error),
    }
}

impl<'a> SelftestDoc<'a> {
    fn of(selftested: &'a Selftested, kept: bool) -> SelftestDoc<'a> {
        let verdict = match selftested {
            selftested if selftested.is_as_promised() => "as-promised",
            selftested if selftested.tried.iter().all(|tried| tried.problems.is_empty()) => "interrupted",
            _ => "not-as-promised",
        };
        SelftestDoc {
            verdict,
            tmux: selftested.tmux.to_string(),
            root: selftested.root.as_str(),
            kept,
            rows: selftested.tried.iter().map(RowDoc::of).collect(),
            not_tried: &selftested.not_tried,
        }
    }
}

impl<'a> RowDoc<'a> {
    fn of(tried: &'a Tried) -> RowDoc<'a> {
        let seen = tried.seen.deaths.iter().map(|death| SeenDoc {
            kind: death.kind,
            cause: &death.cause,
            status: &death.status,
            observer: death.observer.as_deref(),
        });
        RowDoc {
            way: tried.way,
            ok: tried.problems.is_empty(),
            expected: &tried.expected,
            seen: seen.collect(),
            record_ms: tried.seen.took.map(|took| took.as_millis()),
            forensics: tried.seen.forensics,
            survivors: &tried.seen.survivors,
            problems: &tried.problems,
        }
    }
}
