//! Several commands at once.

use serde_json::Value;

use crate::host::{Host, IAPEER, Ran, finish};
use crate::machine::{is_alive, murder, processes_of, wait_until};
use crate::sight::number;

/// Starts all commands before it waits for the first.
pub(crate) fn at_once(host: &Host, commands: &[&str]) -> Vec<Ran> {
    let run = |command: &&str| {
        let mut command = host.command(IAPEER, *command);
        std::thread::spawn(move || finish(&mut command))
    };
    let running: Vec<_> = commands.iter().map(run).collect();
    running.into_iter().map(|thread| thread.join().unwrap()).collect()
}

#[test]
fn sixteen_births_are_sixteen_peers() {
    let host = Host::new();
    let names: Vec<_> = (10..26).map(|n| format!("p{n}")).collect();
    let commands: Vec<_> = names.iter().map(|name| format!("create {name} --runtime shell")).collect();
    let commands: Vec<_> = commands.iter().map(String::as_str).collect();
    for ran in at_once(&host, &commands) {
        assert_eq!(ran.exit, 0, "{ran:?}");
    }
    let list = host.json("list");
    let listed: Vec<_> =
        list["peers"].as_array().unwrap().iter().map(|p| p["personality"].as_str().unwrap()).collect();
    assert_eq!(listed, names);
}

#[test]
fn a_name_is_given_once() {
    let host = Host::new();
    let commands = ["create alpha --path one", "create alpha --path two", "create alpha --path three"];
    let mut exits: Vec<_> = at_once(&host, &commands).iter().map(|ran| ran.exit).collect();
    exits.sort_unstable();
    assert_eq!(exits, [0, 1, 1]);
    let made = ["one", "two", "three"].iter().filter(|folder| host.path(folder).exists()).count();
    assert_eq!(made, 1, "a birth that failed left its folder behind");
}

#[test]
fn launches_at_once_are_one_server() {
    let host = Host::with_peers(&["alpha"]);
    let launched = at_once(&host, &["launch alpha --json"; 4]);
    let told: Vec<Value> = launched.iter().map(|ran| serde_json::from_str(&ran.stdout).unwrap()).collect();
    let states = |state: &str| told.iter().filter(|told| told["state"] == state).count();
    assert_eq!((states("started"), states("already-live")), (1, 3), "{told:?}");
    let server = number(&told[0]["server_pid"]);
    assert!(told.iter().all(|told| told["server_pid"] == server) && is_alive(server), "{told:?}");
    // A child of the server has its arguments until it runs a program of its own.
    wait_until("one server to be all there is", || {
        let servers = processes_of(host.folder()).into_iter().filter(|(_, a)| a.contains("start-server"));
        servers.map(|(pid, _)| pid).collect::<Vec<_>>() == [server]
    });
    assert_eq!(host.deaths().len(), 0);
}

#[test]
fn whoever_looks_does_not_disturb_who_acts() {
    let host = Host::with_peers(&["alpha"]);
    for _ in 0..3 {
        let commands =
            ["launch alpha", "supervise --once", "deaths", "list", "supervise --once", "why alpha", "status"];
        for (command, ran) in commands.iter().zip(at_once(&host, &commands)) {
            assert_eq!(ran.exit, 0, "{command}: {ran:?}");
        }
        assert_eq!(host.status("alpha"), "live");
        let commands = ["stop alpha", "supervise --once", "deaths", "supervise --once"];
        for (command, ran) in commands.iter().zip(at_once(&host, &commands)) {
            assert_eq!(ran.exit, 0, "{command}: {ran:?}");
        }
        assert_eq!(host.status("alpha"), "stopped");
        host.ok("start alpha");
        host.ok("stop alpha");
        std::fs::remove_file(host.root("state/lifecycle/shell-alpha.stopped")).unwrap();
    }
    assert_eq!(host.deaths().len(), 0);
}

#[test]
fn a_launch_and_a_removal_leave_a_peer_or_nothing() {
    for _ in 0..6 {
        let host = Host::with_peers(&["alpha"]);
        let ran = at_once(&host, &["remove alpha", "launch alpha", "launch alpha", "remove alpha"]);
        if host.json("list")["peers"].as_array().unwrap().is_empty() {
            host.is_quiet();
            assert_eq!(host.state(), [""; 0], "{ran:?}");
        } else {
            assert_eq!(host.status("alpha"), "live", "{ran:?}");
            assert!(host.state().iter().any(|file| file == "lifecycle/shell-alpha.session"), "{ran:?}");
        }
    }
}

#[test]
fn a_stop_and_a_removal_leave_nothing() {
    for _ in 0..6 {
        let (host, _) = Host::with_session();
        let ran =
            at_once(&host, &["remove alpha --force", "stop alpha", "stop alpha", "remove alpha --force"]);
        assert_eq!(host.json("list")["peers"], serde_json::json!([]), "{ran:?}");
        host.is_quiet();
        assert_eq!(host.state(), [""; 0], "{ran:?}");
        assert_eq!(host.deaths().len(), 0, "{ran:?}");
    }
}

#[test]
fn whoever_finds_a_death_first_records_it_alone() {
    for _ in 0..4 {
        let (host, server) = Host::with_session();
        murder(host.recorder("alpha"));
        murder(server);
        let commands =
            ["deaths", "supervise --once", "deaths", "launch alpha", "supervise --once", "stop alpha"];
        let ran = at_once(&host, &commands);
        assert_eq!(host.deaths().len(), 1, "{ran:?}");
        let recorded = host.logged("exits.log", &["ev=server-exit", &format!("server_pid={server} ")]);
        assert_eq!(recorded.len(), 1, "{ran:?}");
    }
}

#[test]
fn a_provider_is_never_asked_twice_at_once_about_a_peer() {
    let host = Host::with_peers(&["alpha", "beta"]);
    host.provider(&format!(
        r#"mkdir {0}/busy-$3 || {{ echo two at once >&2; exit 1; }}; sleep 0.1; rmdir {0}/busy-$3"#,
        host.folder()
    ));
    let commands = [
        "memory-plugin on --peer alpha",
        "memory-plugin on --all",
        "memory-plugin off --peer alpha",
        "memory-plugin on --peer beta",
    ];
    for (command, ran) in commands.iter().zip(at_once(&host, &commands)) {
        assert_eq!(ran.exit, 0, "{command}: {ran:?}");
    }
}
