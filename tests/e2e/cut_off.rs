//! Commands that are killed at any moment: whatever they leave, the next command copes with it.

use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::host::{Host, IAPEER};
use crate::machine::{kill, processes_of, wait_until};
use crate::sight::number;

/// How many moments are tried, spread over the time that the command takes.
const MOMENTS: u32 = 20;

/// Runs a command and kills it after a while.
fn cut_off(host: &Host, command: &str, after: Duration) {
    let mut child = host.command(IAPEER, command).spawn().unwrap();
    std::thread::sleep(after);
    kill(child.id(), Signal::KILL);
    child.wait().unwrap();
}

/// How long a command takes, now and here.
fn takes(host: &Host, command: &str) -> Duration {
    let start = Instant::now();
    host.ok(command);
    start.elapsed()
}

fn servers(host: &Host) -> Vec<u32> {
    let all = processes_of(host.folder()).into_iter();
    all.filter(|(_, args)| args.contains("start-server") && !args.contains("/bin/sh"))
        .map(|(pid, _)| pid)
        .collect()
}

#[test]
fn a_launch() {
    let host = Host::with_peers(&["alpha", "measured"]);
    let whole = takes(&host, "launch measured");
    host.ok("remove measured --force");
    for moment in 0..MOMENTS {
        cut_off(&host, "launch alpha", whole * moment / MOMENTS);
        let launched = host.ok("launch alpha");
        assert_eq!(host.status("alpha"), "live", "{moment}: {launched:?}");
        let pid = number(&host.runtime("alpha")["server_pid"]);
        wait_until("exactly one server", || servers(&host) == [pid]);
        host.ok("supervise --once");
        assert_eq!(host.runtime("alpha")["canary"]["state"], "armed", "{moment}");
        host.ok("stop alpha");
        host.ok("start alpha");
        host.ok("remove alpha --force");
        host.is_quiet();
        assert_eq!(host.state(), [""; 0], "{moment}");
        assert_eq!(host.deaths().len(), 0, "{moment}: {:?}", host.deaths());
        host.ok("create alpha");
    }
}

#[test]
fn a_stop() {
    let host = Host::with_peers(&["alpha", "measured"]);
    host.launch("measured");
    let whole = takes(&host, "stop measured");
    for moment in 0..MOMENTS {
        host.ok("start alpha");
        cut_off(&host, "stop alpha", whole * moment / MOMENTS);
        host.ok("supervise --once");
        host.ok("stop alpha");
        assert_eq!(host.status("alpha"), "stopped", "{moment}");
        assert_eq!(host.deaths().len(), 0, "{moment}: {:?}", host.deaths());
        wait_until("no server", || servers(&host).is_empty());
    }
    assert!(!host.root("state/lifecycle/shell-alpha.deaths").exists());
}

#[test]
fn a_birth_and_a_removal() {
    let host = Host::with_peers(&["measured"]);
    let whole = takes(&host, "create other");
    for moment in 0..MOMENTS {
        cut_off(&host, "create alpha", whole * moment / MOMENTS);
        let ran = host.run("create alpha");
        assert!(
            ran.exit == 0 || ran.stderr.starts_with("error: the peer alpha exists already"),
            "{moment}: {ran:?}"
        );
        assert_eq!(host.status("alpha"), "asleep");
        cut_off(&host, "remove alpha", whole * moment / MOMENTS);
        let left = host.json("list")["peers"].as_array().unwrap().len();
        if left == 3 {
            host.ok("remove alpha");
        }
        assert_eq!(host.json("list")["peers"].as_array().unwrap().len(), 2, "{moment}");
        std::fs::remove_dir_all(host.root("peers/alpha")).unwrap();
    }
    assert_eq!(host.status("measured"), "asleep");
}
