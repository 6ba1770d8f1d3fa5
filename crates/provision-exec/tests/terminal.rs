//! A command has no terminal, whether its caller has one or not.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "the test runs itself once more")]

mod common;

use common::sh;
use iapeer_provision_exec::{Run, State};

#[test]
fn a_command_leads_a_group_and_has_no_terminal() {
    let script = "read -r pid name state parent group session tty rest </proc/$$/stat
        echo $(($$ == group)) $tty; exec 3</dev/tty";
    let outcome = sh(script).run();
    assert_eq!(outcome.stdout.text(), "1 0\n");
    assert_eq!(outcome.state, State::Failed, "there is no terminal to open");
}

#[test]
fn a_terminal_of_the_caller_is_not_passed_on() {
    let test = std::env::current_exe().unwrap();
    // `script` runs its command in a new terminal; the command first makes sure of that.
    let itself = ": </dev/tty && exec \"$TEST\" --exact a_command_leads_a_group_and_has_no_terminal";
    let outcome = Run::new("/usr/bin/script").args(["-qec", itself, "/dev/null"]).env("TEST", &test).run();
    let said = outcome.stdout.text();
    assert_eq!(outcome.state, State::Ok, "{said}");
    assert!(said.contains("1 passed"), "{said}");
}
