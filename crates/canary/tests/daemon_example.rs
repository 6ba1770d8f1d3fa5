//! The example program, as a stranger runs it.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "integration tests"
)]

mod support;

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use iapeer_canary::{Incarnation, Liveness, Signal, send};
use support::{Lab, Server, wait_for};

/// Examples are built before tests run, beside the folder of the tests.
fn example() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let program = test.parent().unwrap().parent().unwrap().join("examples/watch_daemon");
    assert!(
        program.exists(),
        "`cargo test -p iapeer-canary` builds it; with `--test`, `cargo build -p iapeer-canary --examples` does"
    );
    program
}

#[test]
fn the_example_watches_a_daemon_and_makes_up_for_its_own_death() {
    let lab = Lab::new();
    let folder = lab.root.join("watched");
    let exits = folder.join("exits.log");
    let watch = |server: &Server, name: &str| {
        let pid = server.incarnation.pid.to_string();
        let mut command = Command::new(example());
        command.args([&pid, name, folder.as_str()]).stdout(Stdio::piped());
        let mut program = command.spawn().unwrap();
        let mut lines = BufReader::new(program.stdout.take().unwrap()).lines().map(|line| line.unwrap());
        let mut said = Vec::new();
        for line in lines.by_ref() {
            let watching = line.starts_with("watching ");
            said.push(line);
            if watching {
                break;
            }
        }
        (program, lines, said)
    };

    let server = Server::start();
    let (mut program, lines, _) = watch(&server, "first");
    server.kill();
    let rest: Vec<_> = lines.collect();
    assert!(program.wait().unwrap().success(), "{rest:?}");
    assert!(rest[0].contains("first"), "{rest:?}");
    assert_eq!(lab.events(&exits, "server-exit").len(), 1);

    // The program, its shell and the daemon are all killed; the next run finds that.
    let server = Server::start();
    let (mut program, _, said) = watch(&server, "second");
    let shell = said[0].split(' ').nth(2).unwrap().parse().unwrap();
    let shell = Incarnation::of(shell).unwrap().unwrap();
    program.kill().unwrap();
    program.wait().unwrap();
    send(&shell, Signal::KILL).unwrap();
    wait_for("the end of the shell", || matches!(shell.state(), Liveness::Dead { .. }).then_some(()));
    server.kill();
    let server = Server::start();
    let (mut program, lines, said) = watch(&server, "third");
    assert!(said[0].starts_with("second died at "), "{said:?}");
    server.kill();
    lines.for_each(drop);
    assert!(program.wait().unwrap().success());
    let named: Vec<_> = lab.events(&exits, "server-exit");
    let named: Vec<_> = named.iter().map(|exit| exit.get("identity").unwrap()).collect();
    assert_eq!(named, ["first", "second", "third"]);
}
