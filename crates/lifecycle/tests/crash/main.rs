//! A program that is cut off, or fails, at any of its steps leaves a state that the next one can use.
//!
//! Each operation runs once to count its steps. Then, for every step and every [`Way`], a child of this
//! program runs it on a fresh root and ends there; what it leaves is looked at by [`next`], and the
//! operation is run again.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a test starts processes, sets the disk up by hand, and prints what it tried"
)]

mod child;
mod next;
mod operation;
mod place;

use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use crate::child::{Outcome, Way};
use crate::next::Expected;
use crate::operation::{OPERATIONS, Operation};
use crate::place::Place;

/// So many children at a time.
const AT_A_TIME: usize = 4;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let [first, rest @ ..] = &args[..]
        && first == child::ARGUMENT
    {
        child::run(rest);
        return ExitCode::SUCCESS;
    }
    let asked = Asked::of(&args);
    let chosen: Vec<_> = OPERATIONS.iter().filter(|operation| asked.wants(&test_name(operation))).collect();
    if asked.list {
        chosen.iter().for_each(|operation| println!("{}: test", test_name(operation)));
        return ExitCode::SUCCESS;
    }
    let start = Instant::now();
    let (mut tried, mut broken) = (0, 0);
    for operation in chosen {
        let (points, steps, problems) = tries(operation);
        println!("{:<28} {points:>4} points at {steps:>3} steps", operation.name);
        problems.iter().for_each(|problem| println!("  {problem}"));
        tried += points;
        broken += problems.len();
    }
    println!("{tried} points tried in {:.1?}, {broken} of them broken", start.elapsed());
    if broken == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// What the test runner calls it.
fn test_name(operation: &Operation) -> String {
    format!("crash::{}", operation.name)
}

/// Tries every point of an operation; how many, at how many steps, and what went wrong.
fn tries(operation: &Operation) -> (usize, usize, Vec<String>) {
    let place = Place::new();
    let mut expected = Expected { old: operation.prepare(&place), new: Vec::new() };
    let (counted, deeds) = child::spawn(operation, &place, Way::Count, 0);
    assert!(matches!(&counted, Outcome::Done { .. }), "{}: {counted:?}", operation.name);
    expected.new = next::view(&place);
    assert!(!deeds.is_empty(), "{} has no steps", operation.name);

    let points: Vec<(Way, usize)> = deeds
        .iter()
        .enumerate()
        .flat_map(|(n, deed)| Way::of(deed).iter().map(move |way| (*way, n + 1)))
        .collect();
    let (at, tried, problems) = (AtomicUsize::new(0), AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..AT_A_TIME {
            scope.spawn(|| {
                while let Some((way, n)) = points.get(at.fetch_add(1, Ordering::Relaxed)) {
                    if let Err(problem) = one(operation, &expected, *way, *n) {
                        let deed = &deeds[n - 1];
                        problems
                            .lock()
                            .unwrap()
                            .push((*n, format!("{way:?} at step {n}, {deed}: {problem}")));
                    }
                    tried.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    assert_eq!(tried.into_inner(), points.len(), "{}: a point was not tried", operation.name);
    let mut problems = problems.into_inner().unwrap();
    problems.sort();
    (points.len(), deeds.len(), problems.into_iter().map(|(_, problem)| problem).collect())
}

/// Tries one point.
fn one(operation: &Operation, expected: &Expected, way: Way, n: usize) -> Result<(), String> {
    let place = Place::new();
    operation.prepare(&place);
    let before = place.files();
    let (outcome, deeds) = child::spawn(operation, &place, way, n);
    if (outcome == Outcome::Killed) != way.kills() {
        return Err(format!("it came to {outcome:?}"));
    }
    if !way.kills() && deeds.len() < n {
        return Err(format!("it took only {} steps", deeds.len()));
    }
    next::check(operation, &place, &before, expected, &outcome)
        .map_err(|e| format!("{e}; it was {outcome:?}"))
}

/// What the test runner asked for: the arguments that the standard harness knows.
#[derive(Default)]
struct Asked {
    list: bool,
    exact: bool,
    ignored: bool,
    filters: Vec<String>,
    skips: Vec<String>,
}

impl Asked {
    fn of(args: &[String]) -> Asked {
        let mut asked = Asked::default();
        let mut args = args.iter().map(String::as_str);
        while let Some(arg) = args.next() {
            match arg {
                "--list" => asked.list = true,
                "--exact" => asked.exact = true,
                "--ignored" => asked.ignored = true,
                "--skip" => asked.skips.extend(args.next().map(str::to_owned)),
                // These take a value, which is no filter.
                "--test-threads" | "--format" | "--color" | "--logfile" | "--report-time" | "-Z"
                | "--shuffle-seed" => drop(args.next()),
                other if other.starts_with('-') => {}
                filter => asked.filters.push(filter.to_owned()),
            }
        }
        asked
    }

    fn wants(&self, name: &str) -> bool {
        let is = |filter: &String| if self.exact { name == filter } else { name.contains(filter.as_str()) };
        !self.ignored
            && (self.filters.is_empty() || self.filters.iter().any(is))
            && !self.skips.iter().any(is)
    }
}
