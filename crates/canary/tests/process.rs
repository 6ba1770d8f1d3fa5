//! Processes as they are seen, and signals that reach only whom they are for.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "integration tests"
)]

mod support;

use iapeer_canary::{Delivery, ExitWord, Incarnation, Liveness, ProcessState, Signal, observe, send};
use support::Server;

#[test]
fn processes_are_seen_as_they_are() {
    let mut server = Server::start();
    let incarnation = server.incarnation.clone();
    let start = incarnation.start.clone();
    assert_eq!(observe(incarnation.pid), ProcessState::Running { start: start.clone() });
    assert_eq!(incarnation.state(), Liveness::Alive);
    server.signal(Signal::STOP);
    assert_eq!(incarnation.state(), Liveness::Alive);
    server.kill();
    let exit = Some(ExitWord::Signaled(9));
    assert_eq!(observe(incarnation.pid), ProcessState::Zombie { start, exit });
    assert_eq!(incarnation.state(), Liveness::Dead { status: exit });
    assert_eq!(send(&incarnation, Signal::TERM).unwrap(), Delivery::AlreadyDead);
    server.reap();
    assert_eq!(observe(incarnation.pid), ProcessState::Gone);
    assert_eq!(incarnation.state(), Liveness::Dead { status: None });
    assert_eq!(Incarnation::of(incarnation.pid).unwrap(), None);
    assert_eq!(send(&incarnation, Signal::TERM).unwrap(), Delivery::AlreadyDead);
}

#[test]
fn a_signal_never_reaches_who_has_the_pid_now() {
    let server = Server::start();
    let mut past = server.incarnation.clone();
    past.start = "1".parse().unwrap();
    assert_eq!(send(&past, Signal::KILL).unwrap(), Delivery::AlreadyDead);
    past.pid = 0;
    assert_eq!(send(&past, Signal::KILL).unwrap(), Delivery::AlreadyDead);
    let mut other_boot = server.incarnation.clone();
    other_boot.boot = "deadbeef".parse().unwrap();
    assert_eq!(send(&other_boot, Signal::KILL).unwrap(), Delivery::AlreadyDead);
    assert_eq!(server.incarnation.state(), Liveness::Alive);
}
