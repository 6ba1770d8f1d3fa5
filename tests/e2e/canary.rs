//! What an operator does about witnesses.

use std::process::Stdio;

use rustix::process::Signal;

use crate::host::{Host, finish};
use crate::machine::{is_alive, kill, murder, wait_until};

#[test]
fn witnesses_are_listed() {
    let host = Host::with_peers(&["alpha", "beta", "gamma"]);
    host.snapshot("canary-list-empty", &["canary list"]);
    let alpha = host.launch("alpha");
    host.launch("beta");
    murder(host.recorder("beta"));
    murder(host.launch("gamma"));
    host.death_is_recorded();
    wait_until("the end of the witness", || host.json("canary list")["canaries"][2]["state"] == "settled");
    let listed = host.json("canary list");
    let canaries = listed["canaries"].as_array().unwrap();
    assert_eq!((&canaries[0]["server_pid"], canaries.len()), (&alpha.into(), 3));
    assert_eq!(canaries[0]["recorder_pid"], host.recorder("alpha"));
    let facts =
        |canary: &serde_json::Value| format!("{} {}", canary["identity"], canary["state"]).replace('"', "");
    let told: Vec<_> = canaries.iter().map(facts).collect();
    assert_eq!(told, ["shell-alpha armed", "shell-beta unwatched", "shell-gamma settled"]);
    let lines = host.ok("canary list").stdout;
    let without_pids: Vec<_> =
        lines.lines().map(|l| l.split_whitespace().take(2).collect::<Vec<_>>().join(" ")).collect();
    assert_eq!(without_pids, told);
}

#[test]
fn a_server_is_given_a_witness() {
    let (host, server) = Host::with_session();
    host.snapshot("canary-arm-already", &["canary arm alpha"]);
    let first = host.recorder("alpha");
    murder(first);
    host.holds("canary-arm", &host.told(&["canary arm alpha", "canary arm alpha shell --json"]));
    let second = host.recorder("alpha");
    assert_ne!(second, first);
    assert!(is_alive(second));
    murder(server);
    host.death_is_recorded();
    host.snapshot("canary-arm-skipped", &["canary arm alpha", "canary arm alpha --json"]);
    assert_eq!(host.deaths()[0]["server_pid"], server);
    host.fails("canary-arm-not", 1, &["canary arm nobody", "canary arm alpha codex"]);
}

#[test]
fn a_witness_that_cannot_be_had_is_a_failure() {
    let (host, _) = Host::with_session();
    murder(host.recorder("alpha"));
    // The lease cannot be taken where a folder stands in the place of the script.
    let canaries = std::fs::read_dir(host.root("state/canary")).unwrap();
    let script =
        canaries.map(|e| e.unwrap().path()).find(|p| p.to_string_lossy().ends_with(".witness.sh")).unwrap();
    std::fs::remove_file(&script).unwrap();
    std::fs::create_dir(&script).unwrap();
    let ran = host.run("canary arm alpha");
    assert_eq!(ran.exit, 1, "{ran:?}");
    assert!(ran.stdout.starts_with("shell-alpha failed (") && ran.stdout.lines().count() == 1, "{ran:?}");
    let ran = host.run("canary arm alpha --json");
    assert_eq!(ran.exit, 1, "{ran:?}");
    assert!(ran.stdout.contains("\"state\": \"failed\"") && ran.stdout.contains("\"ok\": false"), "{ran:?}");
}

#[test]
fn a_death_after_a_dismissal_is_no_death() {
    let (host, server) = Host::with_session();
    let dismissed = host.json("canary dismiss alpha shell --for 10m");
    assert_eq!(dismissed["dismissed"][0]["server_pids"], serde_json::json!([server]), "{dismissed}");
    // Who came first ends the server: nobody makes its time shorter or longer.
    host.fails("canary-dismiss-again", 3, &["canary dismiss alpha"]);
    murder(server);
    wait_until("the record of the end", || {
        !host.logged("lifecycle.log", &["ev=server-stop", "end=1"]).is_empty()
    });
    assert_eq!(host.deaths().len(), 0);
    let why = host.json("why alpha");
    let answer = "shell-alpha: its tmux server was ended on purpose, by iapeer canary (dismissed)";
    assert_eq!((&why["answer"], &why["confidence"]), (&answer.into(), &"certain".into()));
    host.fails("canary-dismiss-dead", 3, &["canary dismiss alpha"]);
    // Nor does a pass count it: the session counts as put to sleep.
    host.snapshot("canary-dismiss-pass", &["supervise --once", "supervise --once", "list"]);
    assert!(!host.root("state/lifecycle/shell-alpha.deaths").exists());
    assert!(host.root("state/lifecycle/shell-alpha.idle-reaped").exists());
    host.fails(
        "canary-dismiss-usage",
        2,
        &["canary dismiss alpha --for 2h", "canary dismiss alpha --for ever"],
    );
}

#[test]
fn a_dismissal_ends_with_its_time() {
    let (host, server) = Host::with_session();
    host.snapshot("canary-dismiss", &["canary dismiss alpha --for 1s"]);
    let intent = || {
        let text = host.state().into_iter().find(|file| file.ends_with(".intent")).unwrap();
        std::fs::read_to_string(host.root("state").join(text)).unwrap()
    };
    assert!(intent().contains("ttl=1 "), "{}", intent());
    // The seconds of the machine must go by; nothing can be asked instead.
    let up = || {
        let uptime = std::fs::read_to_string("/proc/uptime").unwrap();
        uptime.split('.').next().unwrap().parse::<u64>().unwrap()
    };
    let published = up();
    wait_until("the end of the dismissal", || up() > published + 2);
    murder(server);
    host.death_is_recorded();
    assert_eq!(host.deaths().len(), 1);
}

#[test]
fn what_a_witness_does_can_be_read() {
    let (host, server) = Host::with_session();
    let script = host.ok("canary script alpha").stdout;
    let head = ["identity=shell-alpha", &format!("server_pid='{server}'"), "wait_mode='client'"];
    for words in head {
        assert!(script.contains(words), "{words}: {script}");
    }
    host.ok("stop alpha");
    host.fails("canary-script-asleep", 3, &["canary script alpha"]);
    host.fails(
        "canary-script-usage",
        2,
        &["canary script", "canary script --identity x", "canary script alpha --pid 1"],
    );
    let relative = host.run("canary script --identity x --pid 1 -- tmux wait-for x");
    assert_eq!((relative.exit, relative.stdout.as_str()), (2, ""), "{relative:?}");
    host.fails("canary-script-no-process", 1, &["canary script --identity x --pid 999999999"]);
}

#[test]
fn a_script_witnesses_the_death_of_any_process() {
    let host = Host::new();
    let mut daemon = host.command("sleep", "600").spawn().unwrap();
    let pid = daemon.id().to_string();
    let script =
        host.ok(["canary", "script", "--identity", "my daemon", "--pid", &pid, "--dir", "w", "--poll", "1"]);
    assert!(!host.path("root").exists(), "printing a script must not make a root");
    std::fs::write(host.path("witness.sh"), script.stdout).unwrap();
    let mut witness =
        host.command("sh", "witness.sh").stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let log = host.path("w/exits.log");
    let is_watched = || {
        let leases = std::fs::read_dir(host.path("w/state")).into_iter().flatten();
        leases.filter_map(Result::ok).any(|e| e.file_name().to_string_lossy().ends_with(".lease"))
    };
    wait_until("the witness watches", is_watched);
    kill(daemon.id(), Signal::KILL);
    daemon.wait().unwrap();
    witness.wait().unwrap();
    let told = std::fs::read_to_string(log).unwrap();
    assert!(told.contains("identity=\"my daemon\"") && told.contains("ev=server-exit"), "{told}");
    assert_eq!(finish(&mut host.command("cat", "w/lifecycle.log")).stdout, "");
}
