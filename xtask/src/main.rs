//! The tasks of this repository: `cargo xtask` lists them.
//!
//! A task is a function in the table below. It does all that it can, and its error is the list of *all*
//! that it found, each with what to do about it.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "the tasks start programs, print and copy files; they are no part of what is delivered"
)]

mod api;
mod audit;
mod bench;
mod checks;
mod demo;
mod dependencies;
#[path = "../../tests/shared/fleet.rs"]
mod fleet;
mod install;
mod package;
mod real_agents;
mod release;
mod repository;
mod run;
mod service;
mod soak;
mod standalone;
mod test;

use std::process::ExitCode;

/// What a task found; each finding is a text of its own.
type Findings = Vec<String>;

/// Name, help, and what to do with the arguments that follow.
type Task = (&'static str, &'static str, fn(&[String]) -> Result<(), Findings>);

const TASKS: &[Task] = &[
    ("test", "everything that must hold: format, lints, tests, docs, crates that stand alone", test::test),
    ("check", "what the sources say of themselves: layers, versions, words, lengths, docs", checks::check),
    ("standalone", "crates that a stranger may want, alone and without tmux; a part of test", |arguments| {
        no_arguments(arguments)?;
        standalone::standalone().map_err(|finding| vec![finding])
    }),
    ("api", "what the libraries offer, compared with the lists in xtask/api [--write]", api::api),
    (
        "dependencies",
        "how many packages each library brings along, and how many it may",
        dependencies::dependencies,
    ),
    ("package", "what would be published, as it would be; a part of test", package::package),
    (
        "release",
        "the archive of a release, or all that stands against it [--dry-run] [--tag TAG]",
        release::release,
    ),
    (
        "bench",
        "what listing, changes, passes, deaths and more cost, beside what they are measured against [--json] [NAME...]",
        bench::bench,
    ),
    (
        "service-check",
        "what `iapeer service print` says, as systemd and a parser of property lists read it",
        service::check,
    ),
    (
        "real-agents",
        "the real claude and codex, from npm and without an account: what iapeer knows of their screens",
        real_agents::real_agents,
    ),
    (
        "soak",
        "a fleet to which everything happens at random, and whether all holds afterwards [--minutes M] [--peers N] [--seed S]",
        soak::soak,
    ),
    (
        "audit",
        "what is started, with whose environment, and where the doors are, as docs/AUDIT.md says it [--write]",
        audit::audit,
    ),
    ("demo", "a host with two peers in a temporary folder, from birth to removal [--keep]", demo::demo),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some((name, rest)) = arguments.split_first() else {
        print!("{}", table());
        return ExitCode::SUCCESS;
    };
    let Some((_, _, task)) = TASKS.iter().find(|(task, _, _)| task == name) else {
        eprint!("there is no task {name:?}\n\n{}", table());
        return ExitCode::from(2);
    };
    match task(rest) {
        Ok(()) => ExitCode::SUCCESS,
        Err(findings) => {
            for finding in &findings {
                eprintln!("xtask {name}: {finding}");
            }
            ExitCode::FAILURE
        }
    }
}

fn table() -> String {
    let rows = TASKS.iter().map(|(name, help, _)| format!("  {name:<14}{help}\n"));
    format!("cargo xtask TASK\n\n{}", rows.collect::<String>())
}

/// For tasks that take no arguments.
fn no_arguments(arguments: &[String]) -> Result<(), Findings> {
    if arguments.is_empty() { Ok(()) } else { Err(vec![format!("takes no arguments, got {arguments:?}")]) }
}
