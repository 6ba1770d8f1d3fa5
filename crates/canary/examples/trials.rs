//! Random trials of the witness: `cargo run --release -p iapeer-canary --example trials [-- NUMBER]`.
//!
//! Servers are killed in every way while recorders, and with them a supervisor or not, are told to end,
//! killed or doubled at random moments, under every shell of this machine. Then the journals are compared
//! with what happened: a death without a record is missed, a record without a death (or one of a deliberate
//! end) is untrue, a second record is double. Exits with 1 when there is any of these.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program for people")]

#[path = "../tests/support/mod.rs"]
mod support;

use std::process::ExitCode;
use std::time::Instant;

/// Unless the command line has another number.
const TRIALS: u64 = 1000;

fn main() -> ExitCode {
    let trials = match std::env::args().nth(1).map(|number| number.parse()) {
        None => TRIALS,
        Some(Ok(number)) => number,
        Some(Err(_)) => {
            println!("how many trials? a number, please");
            return ExitCode::from(2);
        }
    };
    let start = Instant::now();
    let (table, wrong) = support::trial::run(trials, &support::shells());
    println!("{table}\n{trials} trials in {:.1} s, {wrong} lines wrong", start.elapsed().as_secs_f64());
    if wrong == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
