//! What a caller that was cut off left running is found by the run's name, and ended.
#![cfg(target_os = "linux")]
#![allow(clippy::disallowed_methods, reason = "the test looks at processes that it starts itself")]

use std::process::Command;
use std::time::Duration;

use iapeer_provision_exec::{RUN_VARIABLE, Run, Survivors, end_leftovers, unique_name};

/// Stands in for the command of a caller that is gone: somebody who carries the run's name.
fn orphan(name: &str, script: &str) -> std::process::Child {
    Command::new("/bin/sh").args(["-c", script]).env(RUN_VARIABLE, name).spawn().expect("sh starts")
}

#[test]
fn who_ends_in_time_is_waited_for() {
    let name = unique_name();
    let mut child = orphan(&name, "sleep 0.2; exit 7");
    assert_eq!(end_leftovers(&name, Duration::from_secs(60), None), Survivors::None);
    assert_eq!(child.wait().expect("it was not reaped").code(), Some(7), "it was not ended by us");
}

#[test]
fn who_does_not_is_ended_and_strangers_are_left_alone() {
    use std::os::unix::process::ExitStatusExt;
    let (name, other) = (unique_name(), unique_name());
    let mut deaf = orphan(&name, "trap '' TERM; while :; do sleep 0.1; done");
    let mut stranger = orphan(&other, "sleep 300");
    assert_eq!(end_leftovers(&name, Duration::ZERO, None), Survivors::None);
    assert_eq!(deaf.wait().expect("it was not reaped").signal(), Some(9));
    stranger.kill().expect("it runs");
    assert_eq!(stranger.wait().expect("it was not reaped").signal(), Some(9), "it lived until now");
}

#[test]
fn a_named_run_leaves_whom_its_name_finds() {
    let name = unique_name();
    let script = "setsid sleep 300 >/dev/null 2>&1 & echo started";
    let outcome = Run::new("/bin/sh").args(["-c", script]).named(&name).run();
    assert_eq!(outcome.stdout.text(), "started\n");
    assert!(
        matches!(&outcome.survivors, Survivors::Processes(list) if list.len() == 1),
        "{:?}",
        outcome.survivors
    );
    assert_eq!(end_leftovers(&name, Duration::ZERO, None), Survivors::None);
}
