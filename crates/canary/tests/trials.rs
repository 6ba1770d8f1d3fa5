//! Random trials: whatever ends when, there is exactly one record, and none without a death. More of them:
//! `cargo run --release -p iapeer-canary --example trials -- 5000`.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "integration tests"
)]

mod support;

use support::{shells, trial};

#[test]
fn exactly_one_record_whatever_ends_when() {
    // Every plan twice, each time under another shell.
    let trials = trial::Plan::all().len() as u64 * 2;
    let (table, wrong) = trial::run(trials, &shells());
    println!("{table}");
    assert_eq!(wrong, 0, "\n{table}");
}
