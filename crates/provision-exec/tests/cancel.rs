//! Runs that are ended from outside.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests look at files")]

mod common;

use std::fs::File;
use std::io::Write;
use std::thread;
use std::time::Duration;

use common::{assert_ended, cancelled_when_ready, pid, sh, when_ready};
use iapeer_provision_exec::{Cancel, Exit, Run, State, Survivors};

#[test]
fn another_thread_ends_it_by_term() {
    let outcome = cancelled_when_ready(": >\"$1\"; exec sleep 300", |run| run);
    assert_eq!((outcome.state, outcome.exit), (State::Cancelled, Some(Exit::Signal(15))));
    assert_eq!((outcome.reason.clone(), outcome.detail()), (None, None));
    assert_eq!(outcome.state.to_string(), "cancelled");
}

#[test]
fn a_byte_from_a_signal_handler_ends_it() {
    let cancel = Cancel::new().unwrap();
    let mut writer = File::from(cancel.writer().unwrap());
    let write = || writer.write_all(b"x").unwrap();
    let outcome = when_ready(": >\"$1\"; exec sleep 300", |run| run.cancel(&cancel), write);
    assert_eq!(outcome.state, State::Cancelled);
    assert!(cancel.is_cancelled());
}

#[test]
fn it_may_end_in_an_orderly_way() {
    let script = "trap 'echo bye; exit 7' TERM; : >\"$1\"; while :; do sleep 0.05; done";
    let outcome = cancelled_when_ready(script, |run| run);
    assert_eq!((outcome.state, outcome.exit), (State::Cancelled, Some(Exit::Code(7))));
    assert_eq!(outcome.stdout.text(), "bye\n");
}

#[test]
fn who_ignores_term_is_killed_after_the_grace() {
    let grace = Duration::from_millis(200);
    let script = "trap '' TERM; echo $$; : >\"$1\"; sleep 300; sleep 300";
    let outcome = cancelled_when_ready(script, |run| run.grace(grace));
    assert_eq!((outcome.state, outcome.exit), (State::Cancelled, Some(Exit::Signal(9))));
    assert_eq!(outcome.survivors, Survivors::None);
    assert!(outcome.elapsed >= grace);
    assert_ended(pid(&outcome.stdout.text()));
}

#[test]
fn what_is_cancelled_before_its_start_is_not_started() {
    let folder = tempfile::tempdir().unwrap();
    let trace = folder.path().join("trace");
    let cancel = Cancel::new().unwrap();
    cancel.cancel();
    cancel.cancel();
    for program in ["/bin/sh", "/nowhere/at/all"] {
        let run = Run::new(program).args(["-c", ": >\"$1\"", "sh"]).args([&trace]);
        let outcome = run.cancel(&cancel).run();
        assert_eq!((outcome.state, outcome.exit), (State::Cancelled, None));
        assert_eq!((outcome.elapsed, outcome.argv.len(), outcome.detail()), (Duration::ZERO, 5, None));
        assert!(!trace.exists());
    }
}

#[test]
fn a_handle_that_nobody_pulls_changes_nothing() {
    let cancel = Cancel::new().unwrap();
    assert_eq!(sh("exit 0").cancel(&cancel).run().state, State::Ok);
    assert_eq!(sh("exit 3").cancel(&cancel).run().state, State::Failed);
    assert_eq!(sh("sleep 300").cancel(&cancel).time_limit(Duration::ZERO).run().state, State::Timeout);
    assert!(!cancel.is_cancelled());
}

#[test]
fn one_handle_ends_many() {
    let cancel = Cancel::new().unwrap();
    let states: Vec<_> = thread::scope(|scope| {
        let run = || sh("exec sleep 300").cancel(&cancel).run().state;
        let threads: Vec<_> = (0..16).map(|_| scope.spawn(run)).collect();
        cancel.cancel();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(states, [State::Cancelled; 16]);
}

#[test]
fn the_handle_is_not_inherited() {
    let cancel = Cancel::new().unwrap();
    let count = "set -- /dev/fd/*; echo $#";
    let without = sh(count).run().stdout.text();
    assert_eq!(sh(count).cancel(&cancel).run().stdout.text(), without);
}
