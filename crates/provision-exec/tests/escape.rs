//! Processes that leave the group of the command that started them.
#![cfg(target_os = "linux")]

mod common;

use std::time::Duration;

use common::{
    SOON, STARTED, alive_with, assert_ended, cancelled_when_ready, end, end_survivors, mark, pid, sh,
};
use iapeer_provision_exec::{RUN_VARIABLE, Run, State, Survivors};

/// Prints the number of a process that sleeps in a session of its own, as a child of nobody, when it
/// is there; it holds no pipe.
const ESCAPE: &str = "echo $(setsid -f sh -c 'echo $$; exec sleep 300 >/dev/null 2>&1')";

#[test]
fn after_an_end_in_time_who_escaped_is_named_and_lives_on() {
    for (script, state) in [(ESCAPE.to_owned(), State::Ok), (format!("{ESCAPE}; exit 3"), State::Failed)] {
        let outcome = sh(&script).run();
        assert_eq!(outcome.state, state);
        let escaped = pid(&outcome.stdout.text());
        let named = outcome.survivors.to_string();
        assert!([format!("{escaped} sleep"), format!("{escaped} sh")].contains(&named), "{named}");
        assert_eq!(end_survivors(&outcome), [escaped]);
    }
}

#[test]
fn after_the_limit_who_escaped_is_ended() {
    let script = format!("{ESCAPE}; exec sleep 300");
    let outcome = sh(&script).time_limit(STARTED).run();
    assert_eq!((outcome.state, &outcome.survivors), (State::Timeout, &Survivors::None));
    assert_ended(pid(&outcome.stdout.text()));
    assert!(outcome.elapsed < SOON);
}

#[test]
fn who_escaped_has_the_grace_to_clean_up() {
    let cleaner = "trap 'sleep 0.3; echo cleaned; exit' TERM; : >$1; while :; do sleep 0.05; done";
    let outcome = cancelled_when_ready(&format!("setsid -f sh -c \"{cleaner}\"; exec sleep 300"), |run| run);
    assert_eq!((outcome.state, &outcome.survivors), (State::Cancelled, &Survivors::None));
    assert_eq!(outcome.stdout.text(), "cleaned\n");
}

#[test]
fn who_escapes_over_and_over_and_ignores_term_is_killed() {
    let mark = mark("over-and-over");
    let forker = "trap '' TERM; while setsid -f sleep 300; do : >$1; done";
    let script = format!("setsid -f sh -c \"{forker}\"; exec sleep 300");
    let with = |run: Run| run.env("MARK", &mark).grace(Duration::from_millis(100));
    let outcome = cancelled_when_ready(&script, with);
    assert_eq!((outcome.state, &outcome.survivors), (State::Cancelled, &Survivors::None));
    assert_eq!(alive_with(&mark), [0; 0]);
}

#[test]
fn a_group_of_its_own_is_no_escape() {
    // With job control, each job of the shell is a group.
    let outcome = cancelled_when_ready("set -m; sleep 300 & echo $!; : >\"$1\"; sleep 300", |run| run);
    assert_eq!((outcome.state, &outcome.survivors), (State::Cancelled, &Survivors::None));
    assert_ended(pid(&outcome.stdout.text()));
}

#[test]
fn who_was_left_by_another_run_is_left_alone() {
    let other = sh(ESCAPE).run();
    let outcome = cancelled_when_ready(&format!("{ESCAPE}; : >\"$1\"; exec sleep 300"), |run| run);
    assert_ended(pid(&outcome.stdout.text()));
    assert_eq!(end_survivors(&other).len(), 1, "it was alive until now");
}

#[test]
fn each_run_has_its_own_token_unless_it_is_taken_away() {
    let show = || sh(&format!("echo ${RUN_VARIABLE}"));
    let [first, second] = [show().run().stdout.text(), show().run().stdout.text()];
    assert!(first != second && first.len() > 1, "{first} {second}");
    assert_eq!(show().env(RUN_VARIABLE, "mine").run().stdout.text(), "mine\n");
    assert_eq!(show().env_remove(RUN_VARIABLE).run().stdout.text(), "\n");
}

#[test]
fn who_goes_without_the_token_is_not_found() {
    // As the caller wants it, and as the command may do it.
    let wanted = |run: Run| run.env_remove(RUN_VARIABLE);
    for (with, before) in [(wanted as fn(Run) -> Run, "true"), (|run| run, "unset PROVISION_EXEC_RUN")] {
        let script = format!("{before}; {ESCAPE}; : >\"$1\"; exec sleep 300");
        let outcome = cancelled_when_ready(&script, with);
        assert_eq!((outcome.state, &outcome.survivors), (State::Cancelled, &Survivors::None));
        end(pid(&outcome.stdout.text()));
    }
}
