//! Reads the slot of a host's memory provider and says what it declares, what was left out, and what would be
//! run for a peer: `cargo run -p iapeer-slot --example read_slot -- ~/.iapeer/memory-provider.json`.
//!
//! Nothing is written and nothing is started. The exit code is 0 for a slot that is empty or can be used.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "an example prints")]

use std::process::ExitCode;

use camino::Utf8PathBuf;
use iapeer_slot::{Direction, Occupied, Route, Slot};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [path] = &arguments[..] else {
        eprintln!("usage: read_slot FILE");
        return ExitCode::from(2);
    };
    match Slot::read(&Utf8PathBuf::from(path)) {
        Slot::Empty => println!("no provider"),
        Slot::Occupied(occupied) => print(&occupied),
        Slot::Unusable { reason } => {
            eprintln!("{path} cannot be used: {reason}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

fn print(occupied: &Occupied) {
    let declaration = &occupied.declaration;
    println!("{} {} ({})", declaration.provider, declaration.version, declaration.package);
    for (name, direction) in [("provision", Direction::Provision), ("unprovision", Direction::Unprovision)] {
        match occupied.route(direction) {
            Route::Command(block) => println!("{name}: {} {}", block.command, block.args.join(" ")),
            Route::Refused(reason) => println!("{name}: refused, {reason}"),
            other => println!("{name}: {other:?}"),
        }
    }
    for skipped in &occupied.skipped {
        println!("left out: {skipped}");
    }
}
