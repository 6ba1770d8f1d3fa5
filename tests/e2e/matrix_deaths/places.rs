//! Names that are alike, and folders that go.

use std::fs;

use super::{is_well, killed_it_is_recorded, one_server_exit};
use crate::host::Host;
use crate::machine::{is_alive, murder, wait_until};

#[test]
fn names_that_are_alike() {
    let host = Host::with_peers(&["alpha", "alpha-two", "alp"]);
    let elsewhere = Host::with_session();
    let others = [host.launch("alpha-two"), host.launch("alp"), elsewhere.1];
    let server = host.launch("alpha");
    murder(server);
    host.death_is_recorded();
    one_server_exit(&host, server, &["server-vanished"], "recorder");
    assert_eq!(host.status("alpha"), "asleep");
    assert!(others.iter().all(|pid| is_alive(*pid)));
    for peer in ["alpha-two", "alp"] {
        assert_eq!(host.runtime(peer)["canary"]["state"], "armed", "{peer}");
    }
    // What is done to the one is done to none of the others.
    host.ok("remove alpha");
    assert!(others.iter().all(|pid| is_alive(*pid)));
    murder(others[0]);
    wait_until("the record of the namesake", || host.deaths().len() == 2);
    assert_eq!(host.deaths()[1]["identity"], "shell-alpha-two");
    is_well(&elsewhere.0, elsewhere.1);
}

#[test]
fn a_root_with_a_newline_is_refused() {
    let mut host = Host::new();
    let root = format!("{}/new\nline", host.folder());
    host.set("IAPEER_ROOT", root);
    let ran = host.failure(2, "create alpha");
    assert!(ran.stderr.contains("IAPEER_ROOT has a control character in it"), "{ran}");
    assert_eq!(fs::read_dir(host.folder()).unwrap().count(), 2, "something was made");
}

#[test]
fn logs_that_are_gone() {
    let (host, server) = Host::with_session();
    fs::remove_dir_all(host.root("logs/iapeer")).unwrap();
    killed_it_is_recorded(&host, server);
}

#[test]
fn logs_that_cannot_be_written() {
    let (host, server) = Host::with_session();
    let logs = host.root("logs/iapeer");
    fs::rename(&logs, host.root("logs/away")).unwrap();
    fs::write(&logs, "in the way").unwrap();
    murder(server);
    let fallback = host.root("state/canary/exits.fallback.log");
    let written = || fs::read_to_string(&fallback).unwrap_or_default().matches("ev=server-exit ").count();
    wait_until("the record that waits for its journal", || written() == 1);
    fs::remove_file(&logs).unwrap();
    fs::rename(host.root("logs/away"), &logs).unwrap();
    one_server_exit(&host, server, &["server-vanished"], "recorder");
    assert_eq!(written(), 0, "it is where it belongs");
}

#[test]
fn a_state_folder_that_is_gone() {
    let (host, server) = Host::with_session();
    fs::remove_dir_all(host.root("state")).unwrap();
    killed_it_is_recorded(&host, server);
    assert_eq!(host.status("alpha"), "asleep");
}
