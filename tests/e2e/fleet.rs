//! All peers at once: `up`, `down`, `stop --all`, `start --all`.

use std::fs;

use crate::host::Host;
use crate::machine::is_alive;

#[test]
fn down_and_up_are_about_what_was_live() {
    let host = Host::with_peers(&["alpha", "beta", "gamma", "omega"]);
    host.ok("create herald --runtime telegram");
    let servers = ["alpha", "beta"].map(|peer| host.launch(peer));
    host.ok("stop omega");
    host.snapshot("down-up", &["down", "list", "down", "up", "list", "up"]);
    assert!(servers.iter().all(|server| !is_alive(*server)));
    host.snapshot("up-all", &["down --json", "up --all --json", "list"]);
    assert_eq!(host.deaths().len(), 0);
    let wakes = host.logged("lifecycle.log", &["ev=wake", "cause=idle-reaped-no-topic"]);
    assert_eq!(wakes.len(), 4, "{wakes:#?}");
}

#[test]
fn what_a_person_has_stopped_meanwhile_stays_so() {
    let host = Host::with_peers(&["alpha", "beta"]);
    host.launch("alpha");
    host.launch("beta");
    host.ok("down");
    host.ok("stop beta");
    host.ok("up");
    assert_eq!([host.status("alpha"), host.status("beta")], ["live", "stopped"]);
}

#[test]
fn all_can_be_stopped_and_started() {
    let host = Host::with_peers(&["alpha", "beta"]);
    host.launch("alpha");
    host.snapshot(
        "stop-all",
        &["stop --all", "stop --all", "up", "list", "start --all", "start --all --json", "list"],
    );
    host.fails("fleet-usage", 2, &["stop", "start", "stop alpha --all", "start --all alpha"]);
}

#[test]
fn three_failures_in_a_row_are_enough() {
    let host = Host::with_peers(&["alpha", "beta", "gamma", "kappa", "omega"]);
    for peer in ["beta", "gamma", "kappa"] {
        fs::rename(host.root("peers").join(peer), host.path(peer)).unwrap();
    }
    host.snapshot("up-brake", &["up --all", "up --all --json"]);
    assert_eq!([host.status("alpha"), host.status("omega")], ["live", "asleep"]);
}

#[test]
fn what_did_not_come_up_is_found_by_the_next_try() {
    let host = Host::with_peers(&["alpha", "beta"]);
    host.launch("alpha");
    host.launch("beta");
    host.ok("down");
    let mark = host.root("state/lifecycle/shell-beta.stopped");
    let before = fs::read_to_string(&mark).unwrap();
    fs::rename(host.root("peers/beta"), host.path("beta")).unwrap();
    assert_eq!(host.run("up").exit, 1);
    assert_eq!([host.status("alpha"), host.status("beta")], ["live", "stopped"]);
    assert_eq!(fs::read_to_string(&mark).unwrap(), before);
    fs::rename(host.path("beta"), host.root("peers/beta")).unwrap();
    host.ok("up");
    assert_eq!(host.status("beta"), "live");
    assert!(!mark.exists());
}

#[test]
fn nobody_is_nothing_to_do() {
    let host = Host::new();
    host.snapshot("fleet-empty", &["up", "up --all", "down", "stop --all", "start --all", "refresh --all"]);
}
