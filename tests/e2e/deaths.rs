//! The death of a tmux server: one record, whoever is left to write it.

use std::path::Path;

use rustix::process::Signal;
use serde_json::Value;

use crate::host::Host;
use crate::machine::{is_alive, kill, murder, wait_for, wait_until};
use crate::sight::{json_file, number};

/// The one death on record, and one it stays however often everybody looks.
#[track_caller]
pub(crate) fn the_one_death(host: &Host) -> Value {
    wait_until("a record of the death", || !host.deaths().is_empty());
    for command in ["deaths", "deaths", "deaths", "supervise --once", "supervise --once", "deaths"] {
        host.ok(command);
    }
    let deaths = host.deaths();
    assert_eq!(deaths.len(), 1, "{deaths:?}");
    deaths[0].clone()
}

/// Waits for the forensics of a death, which are gathered after its record.
#[track_caller]
fn forensics(death: &Value) -> String {
    let path = death["forensics"].as_str().expect("a path");
    wait_for("the forensics", || {
        std::fs::read_to_string(path).ok().filter(|text| text.ends_with("--- end\n"))
    })
}

#[test]
fn a_killed_server_leaves_one_record() {
    let (host, server) = Host::with_session();
    murder(server);
    host.death_is_recorded();
    let death = the_one_death(&host);
    assert_eq!((&death["kind"], &death["identity"]), (&"server-exit".into(), &"shell-alpha".into()));
    assert_eq!((&death["cause"], &death["server_pid"]), (&"server-vanished".into(), &server.into()));
    assert_eq!(death["observer"], "recorder");
    let told = forensics(&death);
    assert!(told.contains("--- memory") && told.contains("--- processes"), "{told}");

    assert_eq!(host.status("alpha"), "asleep");
    assert_eq!(json_file(&host.root("state/lifecycle/shell-alpha.deaths")).as_array().unwrap().len(), 1);
    assert_eq!(
        host.logged("lifecycle.log", &["ev=supervise", "death=server-dead cause=server-vanished"]).len(),
        1
    );

    let launched = host.json("launch alpha");
    assert_eq!((&launched["state"], &launched["cause"]), (&"started".into(), &"crash-or-self-close".into()));
    assert_eq!(host.deaths().len(), 1);
}

#[test]
fn a_death_is_told() {
    let (host, server) = Host::with_session();
    murder(server);
    host.death_is_recorded();
    forensics(&the_one_death(&host));
    // The kernel tells how a process ended only to who looks fast enough.
    let told = |command: &str| {
        let told = host.ok(command).to_string().replace("sig9", "unknown");
        let killed = "was killed by SIGKILL; the kernel killed nothing for memory meanwhile; who sent it the system does not tell [certain]";
        let vanished = "vanished without a word: killed, crashed, or out of memory; the kernel killed nothing for memory meanwhile [likely]";
        assert!(command != "why alpha" || told.contains(killed) || told.contains(vanished), "{told}");
        let told = told.replace(killed, "[KILLED]").replace(vanished, "[KILLED]");
        // How far the shell got with its prompt is up to the machine.
        let told = told.split("what its pane showed last:\n").next().unwrap();
        let told: Vec<_> =
            told.split_inclusive('\n').filter(|line| !line.contains("last activity")).collect();
        let told = told.concat();
        format!("$ iapeer {command}\n{told}")
    };
    let commands = ["deaths", "deaths --json", "deaths --peer alpha", "why alpha", "show alpha"];
    host.holds("deaths", &commands.map(told).join("\n"));
    let why = host.json("why alpha");
    assert_eq!((&why["identity"], &why["status"]), (&"shell-alpha".into(), &"asleep".into()));
    for evidence in why["evidence"].as_array().unwrap() {
        assert!(Path::new(evidence["source"].as_str().unwrap()).exists(), "{evidence}");
    }
    host.snapshot("deaths-of-another", &["deaths --peer beta", "deaths --peer beta --json"]);
}

#[test]
fn why_tells_what_is_no_death_too() {
    let host = Host::with_peers(&["never", "stopped"]);
    host.launch("stopped");
    host.ok("stop stopped");
    host.snapshot("why", &["why never", "why never --json"]);
    let why = host.json("why stopped");
    assert!(why["answer"].as_str().unwrap().starts_with("shell-stopped was stopped: "), "{why}");
    assert_eq!((&why["status"], &why["confidence"]), (&"stopped".into(), &"certain".into()));
    host.fails("why-not", 1, &["why nobody", "why never codex"]);
}

#[test]
fn a_death_is_recorded_though_its_witness_died_first() {
    let (host, server) = Host::with_session();
    murder(host.recorder("alpha"));
    murder(server);
    let death = the_one_death(&host);
    assert_eq!((&death["kind"], &death["cause"]), (&"server-exit".into(), &"unobserved".into()));
    assert_eq!((&death["observer"], &death["server_pid"]), (&"sweep".into(), &server.into()));
    forensics(&death);
}

#[test]
fn server_and_witness_killed_at_once_are_one_record() {
    for turn in 0..4 {
        let (host, server) = Host::with_session();
        let recorder = host.recorder("alpha");
        let order = if turn % 2 == 0 { [server, recorder] } else { [recorder, server] };
        order.iter().for_each(|pid| kill(*pid, Signal::KILL));
        wait_until("both ends", || !is_alive(server) && !is_alive(recorder));
        let death = the_one_death(&host);
        assert_eq!((&death["kind"], &death["server_pid"]), (&"server-exit".into(), &server.into()));
    }
}

#[test]
fn a_server_that_is_told_to_end_by_somebody_else_is_a_death() {
    let (host, server) = Host::with_session();
    kill(server, Signal::TERM);
    host.death_is_recorded();
    // How it ended the kernel tells only to who looks fast enough.
    let death = the_one_death(&host);
    let told = [&death["cause"], &death["status"]];
    assert!(told == ["orderly-exit", "exit0"] || told == ["server-vanished", "unknown"], "{death}");

    let (host, _) = Host::with_session();
    host.tmux("shell-alpha", &["kill-server"]);
    host.death_is_recorded();
    assert_eq!(the_one_death(&host)["kind"], "server-exit");
}

#[test]
fn a_death_that_nobody_looked_at_is_counted_by_the_next_launch() {
    let (host, server) = Host::with_session();
    murder(server);
    assert_eq!(host.json("launch alpha")["cause"], "crash-or-self-close");
    assert_eq!(the_one_death(&host)["server_pid"], server);
    assert_eq!(json_file(&host.root("state/lifecycle/shell-alpha.deaths")).as_array().unwrap().len(), 1);
}

#[test]
fn a_stop_after_a_death_does_not_hide_it() {
    let (host, server) = Host::with_session();
    murder(server);
    let stopped = host.json("stop alpha");
    assert_eq!(stopped["stopped"][0]["was_live"], false);
    assert_eq!(the_one_death(&host)["server_pid"], server);
    assert_eq!(host.status("alpha"), "stopped");
}

#[test]
fn each_death_is_one_record() {
    let host = Host::with_peers(&["alpha"]);
    let mut servers = Vec::new();
    for _ in 0..3 {
        servers.push(host.launch("alpha"));
        murder(*servers.last().unwrap());
    }
    wait_until("three records", || host.deaths().len() >= 3);
    host.ok("supervise --once");
    let mut recorded: Vec<_> = host.deaths().iter().map(|death| number(&death["server_pid"])).collect();
    recorded.sort_unstable();
    servers.sort_unstable();
    assert_eq!(recorded, servers);
    assert_eq!(json_file(&host.root("state/lifecycle/shell-alpha.deaths")).as_array().unwrap().len(), 3);
}

#[test]
fn deaths_are_told_though_their_log_was_rotated() {
    let mut host = Host::with_peers(&["alpha"]);
    host.set("IAPEER_LIFECYCLE_LOG_MAX_BYTES", "300");
    host.set("IAPEER_CRASHLOOP_MAX", "100");
    for turn in 1..=4 {
        host.launch("alpha");
        host.types("shell-alpha", &format!("exit {turn}"));
        wait_until("a record of the end", || host.deaths().len() == turn);
        host.ok("supervise --once");
    }
    assert!(host.root("logs/iapeer/lifecycle.log.1").exists(), "nothing was rotated");
    assert_eq!(host.deaths().len(), 4);
}
