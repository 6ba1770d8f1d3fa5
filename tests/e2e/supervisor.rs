//! The supervisor: each row of its table, and its loop.

use std::fs;
use std::process::{Child, Command};
use std::time::{Duration, SystemTime};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::checker::{Fleet, Random};
use crate::host::{Host, IAPEER, finish};
use crate::machine::{is_alive, kill, murder, wait_until};
use crate::sight::{json_file, number};
use crate::terminal::Terminal;

const ONCE: &str = "supervise --once";

impl Host {
    /// Starts a supervisor that makes a pass every so many seconds, and waits until it is at work.
    #[track_caller]
    fn supervisor(&self, every: u32) -> Child {
        let mut command = self.command(IAPEER, format!("supervise --every {every}").as_str());
        let child =
            command.stdout(self.file("supervisor.out")).stderr(self.file("supervisor.err")).spawn().unwrap();
        let started = format!("ev=supervisor state=started pid={}", child.id());
        wait_until("the supervisor", || !self.logged("lifecycle.log", &[&started]).is_empty());
        child
    }

    fn file(&self, name: &str) -> fs::File {
        fs::File::options().create(true).append(true).open(self.path(name)).unwrap()
    }

    /// The only outcome of one pass.
    #[track_caller]
    fn outcome(&self) -> Value {
        let outcomes = self.json(ONCE)["outcomes"].as_array().unwrap().clone();
        assert_eq!(outcomes.len(), 1, "{outcomes:?}");
        outcomes[0].clone()
    }

    /// Makes it look as if the session of `alpha` had done nothing for an hour and a half.
    fn has_been_idle(&self) {
        let log = self.root("logs/lifecycle/shell-alpha.log");
        let ago = SystemTime::now() - Duration::from_secs(5400);
        // What the shell has to say at its start is not yet there when it has just been launched.
        wait_until("the prompt", || fs::metadata(&log).is_ok_and(|meta| meta.len() > 0));
        fs::File::options().append(true).open(&log).unwrap().set_modified(ago).unwrap();
        let mut session = self.session("shell-alpha");
        session["wokeAt"] = json!(session["wokeAt"].as_u64().unwrap() - 5_400_000);
        fs::write(self.root("state/lifecycle/shell-alpha.session"), session.to_string()).unwrap();
    }

    fn is_ephemeral(&self) {
        let profile = self.root("peers/alpha/.iapeer/peer-profile.json");
        let mut value = json_file(&profile);
        value["wake_policy"] = json!("ephemeral");
        fs::write(&profile, value.to_string()).unwrap();
    }

    fn fact(&self, fact: &str) -> std::path::PathBuf {
        self.root(&format!("state/lifecycle/shell-alpha.{fact}"))
    }

    fn mark(&self, fact: &str, content: &str) {
        fs::write(self.fact(fact), content).unwrap();
    }

    #[track_caller]
    fn nobody_died(&self) {
        assert_eq!(self.deaths().len(), 0);
        assert!(!self.fact("deaths").exists());
    }
}

fn an_hour_from(time: SystemTime, sign: i64) -> String {
    let secs = time.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs() as i64 + sign * 3600;
    iapeer_statefile::iso_millis(iapeer_statefile::Timestamp::from_second(secs).unwrap())
}

#[test]
fn an_idle_session_is_put_to_sleep() {
    let (mut host, server) = Host::with_session();
    host.has_been_idle();
    host.set("IAPEER_IDLE_SECS", "7200");
    assert_eq!(host.outcome()["action"], "alive");
    host.unset("IAPEER_IDLE_SECS");
    host.snapshot("reaped-idle", &[ONCE, ONCE, "list"]);
    assert!(!is_alive(server) && host.fact("idle-reaped").exists() && !host.fact("session").exists());
    assert_eq!(
        host.logged("lifecycle.log", &["ev=supervise identity=shell-alpha action=reaped-idle"]).len(),
        1
    );
    wait_until("the line about the end", || {
        host.logged("lifecycle.log", &["ev=server-stop", "reason=idle"]).len() == 1
    });
    host.nobody_died();
    assert_eq!(host.json("launch alpha")["cause"], "idle-reaped-no-topic");
}

#[test]
fn what_somebody_does_or_looks_at_is_not_idle() {
    let (host, _) = Host::with_session();
    host.has_been_idle();
    host.types("shell-alpha", "echo busy");
    let log = host.root("logs/lifecycle/shell-alpha.log");
    wait_until("the output", || fs::read_to_string(&log).is_ok_and(|shown| shown.contains("busy")));
    assert_eq!(host.outcome()["action"], "alive");

    let terminal = Terminal::open(&host, 120);
    terminal.types(&format!("{IAPEER} attach alpha; echo left with $?"));
    terminal.shows("[shell-alp");
    host.has_been_idle();
    assert_eq!(host.outcome()["action"], "alive");
    terminal.tmux(&["send-keys", "C-b", "d"]);
    terminal.shows("left with 0");
    host.has_been_idle();
    assert_eq!(host.outcome()["action"], "reaped-idle");
}

#[test]
fn launch_does_not_put_to_sleep_what_it_is_asked_for() {
    let (host, server) = Host::with_session();
    host.has_been_idle();
    let launched = host.json("launch alpha");
    assert_eq!((&launched["state"], &launched["server_pid"]), (&json!("already-live"), &json!(server)));
}

#[test]
fn an_ephemeral_peer_ends_when_it_is_done() {
    let mut host = Host::with_peers(&["alpha"]);
    host.is_ephemeral();
    host.set("IAPEER_IDLE_SECS", "86400");
    host.launch("alpha");
    host.mark("ephemeral-armed", &an_hour_from(SystemTime::now(), -1));
    // It has answered, and is at work again.
    host.types("shell-alpha", "echo busy");
    let log = host.root("logs/lifecycle/shell-alpha.log");
    wait_until("the output", || fs::read_to_string(&log).is_ok_and(|shown| shown.contains("busy")));
    assert_eq!(host.outcome()["action"], "alive");
    host.has_been_idle();
    host.snapshot("reaped-ephemeral", &[ONCE, "list"]);
    assert!(!host.fact("ephemeral-armed").exists() && !host.fact("idle-reaped").exists());

    // One that never answers does not stay for ever.
    host.launch("alpha");
    host.has_been_idle();
    assert_eq!(host.outcome()["action"], "reaped-ephemeral");
    host.nobody_died();
}

#[test]
fn a_session_that_is_to_begin_anew_does_so_when_it_is_gone() {
    let (host, server) = Host::with_session();
    let now = || an_hour_from(SystemTime::now() - Duration::from_secs(3600), 1);
    host.mark("new-eager", &now());
    assert_eq!(host.outcome()["action"], "alive");
    murder(server);
    host.death_is_recorded();
    host.snapshot("needs-eager-fresh", &[ONCE, ONCE, "list"]);
    let again = number(&host.runtime("alpha")["server_pid"]);
    assert!(again != server && !host.fact("new-eager").exists() && !host.fact("deaths").exists());

    // A stopped one is not started, and one whose time is over neither.
    host.ok("stop alpha");
    host.mark("new-eager", &now());
    assert_eq!(host.json(ONCE)["outcomes"], json!([]));
    host.ok("start alpha");
    host.mark("new-eager", &an_hour_from(SystemTime::now(), -1));
    murder(number(&host.runtime("alpha")["server_pid"]));
    assert_eq!(host.outcome()["action"], "reaped-gone");
    assert!(!host.fact("new-eager").exists());
    assert_eq!(host.status("alpha"), "asleep");

    // One that was cut off after its session was taken away is finished.
    host.mark("new-eager", &now());
    assert_eq!(host.outcome()["action"], "needs-eager-fresh");
    assert_eq!(host.status("alpha"), "live");
}

#[test]
fn what_cannot_begin_anew_is_told_and_tried_again() {
    let (host, server) = Host::with_session();
    host.mark("new-eager", &an_hour_from(SystemTime::now() - Duration::from_secs(3600), 1));
    murder(server);
    host.death_is_recorded();
    fs::rename(host.root("peers/alpha"), host.root("peers/away")).unwrap();
    host.snapshot("eager-refused", &[ONCE]);
    fs::rename(host.root("peers/away"), host.root("peers/alpha")).unwrap();
    assert_eq!(host.outcome(), json!({ "identity": "shell-alpha", "action": "needs-eager-fresh" }));
    assert_eq!(host.status("alpha"), "live");
}

#[test]
fn what_the_service_manager_holds_is_left_alone() {
    let (host, server) = Host::with_session();
    host.has_been_idle();
    fs::create_dir_all(host.root("runtimes/shell")).unwrap();
    fs::write(host.root("runtimes/shell/runtime.json"), r#"{ "class": "router" }"#).unwrap();
    host.snapshot("skipped-service", &[ONCE]);
    assert!(is_alive(server));
    murder(server);
    assert_eq!(host.outcome()["action"], "skipped-service");
    assert!(host.fact("session").exists());
}

#[test]
fn a_pass_over_live_sessions_starts_no_process() {
    let path = std::env::var_os("PATH").unwrap();
    let Some(strace) = std::env::split_paths(&path).map(|f| f.join("strace")).find(|p| p.exists()) else {
        return eprintln!("skipped: there is no strace");
    };
    let host = Host::with_peers(&["alpha", "beta", "gamma"]);
    ["alpha", "beta", "gamma"].iter().for_each(|peer| {
        host.launch(peer);
    });
    let trace = host.path("trace");
    let words = ["-f", "-e", "trace=process", "-o", trace.to_str().unwrap(), IAPEER, "supervise", "--once"];
    let ran = finish(&mut host.command(&strace, words.as_slice()));
    if ran.stderr.contains("PTRACE") || ran.stderr.contains("ptrace") {
        return eprintln!("skipped: strace may not trace here: {}", ran.stderr);
    }
    assert_eq!(ran.stdout.matches(" alive\n").count(), 3, "{ran:?}");
    let trace = fs::read_to_string(trace).unwrap();
    let is_start = |line: &&str| {
        let is_thread = line.contains("CLONE_THREAD");
        ["execve(", "fork(", "clone(", "clone3("].iter().any(|call| line.contains(call)) && !is_thread
    };
    let started: Vec<_> = trace.lines().filter(is_start).collect();
    // The boot checks of doctor ask tmux for its version, before the pass. The first is the program itself.
    let passed: Vec<_> = started.iter().filter(|line| line.contains("execve(")).collect();
    assert!(passed.len() <= 2 && passed.iter().skip(1).all(|line| line.contains("\"-V\"")), "{started:#?}");
}

#[test]
fn a_death_is_acted_upon_at_once() {
    let host = Host::with_peers(&["alpha", "beta"]);
    let before = host.launch("alpha");
    let mut supervisor = host.supervisor(3600);
    // One that came up before it began, and one that comes up afterwards.
    murder(before);
    let reaped = |who: &str| {
        let line = format!("ev=supervise identity=shell-{who} action=reaped-gone death=server-dead");
        wait_until("the end of the session", || host.logged("lifecycle.log", &[&line]).len() == 1);
    };
    reaped("alpha");
    murder(host.launch("beta"));
    reaped("beta");
    // A stop is none.
    host.launch("beta");
    host.ok("stop beta");
    kill(supervisor.id(), Signal::TERM);
    assert!(supervisor.wait().unwrap().success());
    let told = fs::read_to_string(host.path("supervisor.out")).unwrap();
    let first = "shell-alpha reaped-gone death=server-dead (server-vanished)\n\
                 shell-beta reaped-gone death=server-dead (server-vanished)\n";
    assert_eq!(told, first);
    assert_eq!(fs::read_to_string(host.path("supervisor.err")).unwrap(), "");
    assert_eq!(host.deaths().len(), 2);
}

#[test]
fn the_end_of_a_program_is_seen_at_the_next_pass_at_the_latest() {
    let (host, _) = Host::with_session();
    // At once, too, unless tmux loses its hook.
    let mut supervisor = host.supervisor(1);
    host.types("shell-alpha", "exit 7");
    let line = "ev=supervise identity=shell-alpha action=reaped-gone death=session-gone";
    wait_until("the end of the program", || host.logged("lifecycle.log", &[line]).len() == 1);
    kill(supervisor.id(), Signal::TERM);
    assert!(supervisor.wait().unwrap().success());
    assert_eq!(host.deaths().len(), 1);
}

#[test]
fn there_is_one_supervisor_at_a_time() {
    let host = Host::with_peers(&["alpha"]);
    assert_eq!(host.json("status")["supervisor"], json!({ "running": false }));
    let mut supervisor = host.supervisor(3600);
    let pid = supervisor.id();
    host.fails("supervisor-refused", 3, &["supervise"]);
    assert_eq!(host.json("status")["supervisor"], json!({ "running": true, "pid": pid }));
    host.snapshot("supervisor-status", &["status"]);
    assert_eq!(host.json(ONCE)["outcomes"], json!([]));
    // Whatever ends it, the next one can begin.
    murder(pid);
    supervisor.wait().unwrap();
    assert_eq!(host.json("status")["supervisor"], json!({ "running": false }));
    let mut next = host.supervisor(3600);
    kill(next.id(), Signal::TERM);
    assert!(next.wait().unwrap().success());
}

#[test]
fn it_ends_cleanly_and_sessions_go_on() {
    let (host, server) = Host::with_session();
    for (n, signal) in [Signal::TERM, Signal::INT, Signal::HUP].into_iter().enumerate() {
        let mut supervisor = host.supervisor(3600);
        kill(supervisor.id(), signal);
        assert!(supervisor.wait().unwrap().success(), "{signal:?}");
        let stopped = format!("ev=supervisor state=stopped pid={}", supervisor.id());
        assert_eq!(host.logged("lifecycle.log", &[&stopped]).len(), 1);
        assert_eq!(host.logged("lifecycle.log", &["ev=supervisor"]).len(), 2 * (n + 1));
    }
    assert!(is_alive(server));
    assert_eq!(host.runtime("alpha")["server_pid"], server);
    host.nobody_died();
}

#[test]
fn it_begins_anew_what_is_to_begin_anew() {
    let (host, server) = Host::with_session();
    let mut supervisor = host.supervisor(3600);
    host.mark("new-eager", &an_hour_from(SystemTime::now() - Duration::from_secs(3600), 1));
    murder(server);
    wait_until("the new session", || host.status("alpha") == "live" && !host.fact("new-eager").exists());
    let again = number(&host.runtime("alpha")["server_pid"]);
    // It is watched, too.
    murder(again);
    let line = "ev=supervise identity=shell-alpha action=reaped-gone death=server-dead";
    wait_until("the end of the new one", || host.logged("lifecycle.log", &[line]).len() == 1);
    kill(supervisor.id(), Signal::TERM);
    assert!(supervisor.wait().unwrap().success());
}

#[test]
fn a_pane_log_is_rotated_while_it_is_written() {
    let (mut host, _) = Host::with_session();
    host.set("IAPEER_PANELOG_MAX_BYTES", "2000");
    let log = host.root("logs/lifecycle/shell-alpha.log");
    let has = |path: &std::path::Path, word: &str| {
        wait_until("the output", || fs::read_to_string(path).unwrap_or_default().contains(word));
    };
    host.types(
        "shell-alpha",
        "i=0; while [ $i -lt 300 ]; do echo line $i; i=$((i+1)); done; echo all-$((1+1))",
    );
    has(&log, "all-2");
    host.ok(ONCE);
    assert!(fs::read_to_string(host.root("logs/lifecycle/shell-alpha.log.1")).unwrap().contains("all-2"));
    assert!(!fs::read_to_string(&log).unwrap().contains("all-2"));
    host.types("shell-alpha", "echo next-$((1+1))");
    has(&log, "next-2");
    host.ok(ONCE);
    assert!(!host.root("logs/lifecycle/shell-alpha.log.2").exists());
}

/// The fleet of the test below, with ten peers.
const PEERS: [&str; 10] = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"];

#[test]
fn a_supervisor_that_is_killed_at_any_moment_loses_nothing() {
    // A run that failed can be run again with its numbers.
    let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| std::process::id().into());
    eprintln!("seed {seed}");
    let mut random = Random::new(seed);
    let mut host = Host::with_peers(&PEERS);
    host.set("IAPEER_IDLE_SECS", "2");
    // They are there to die.
    host.set("IAPEER_CRASHLOOP_MAX", "100000");
    let mut killed = Vec::new();
    for _ in 0..50 {
        let mut supervisor = host.command(IAPEER, "supervise --every 1").spawn().unwrap();
        for _ in 0..2 {
            let peer = PEERS[random.below(10) as usize];
            let launched = host.json(["launch", peer]);
            if random.below(2) == 0 {
                let server = number(&launched["server_pid"]);
                killed.push((format!("shell-{peer}"), server));
                kill(server, Signal::KILL);
            }
        }
        // Not a wait for something: the moment is what is tried out.
        std::thread::sleep(Duration::from_millis(random.below(60)));
        murder(supervisor.id());
        supervisor.wait().unwrap();
    }
    host.set("IAPEER_IDLE_SECS", "3600");
    killed.iter().for_each(|(_, server)| wait_until("the end of a server", || !is_alive(*server)));
    let ask = |words: &[&str]| {
        let mut command: Command = host.command(IAPEER, words);
        let ran = finish(command.arg("--json"));
        serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{ran:?}"))
    };
    let all = host.path("root");
    let fleet = Fleet { root: &all, killed: &killed, ask: &ask };
    let mut findings = Vec::new();
    // What was cut off is finished by the next pass, and a witness that is at work by itself.
    wait_until("the fleet is at rest, or has had its time", || {
        host.ok(ONCE);
        findings = fleet.findings();
        findings.is_empty()
    });
}

#[test]
fn the_checker_of_a_fleet_finds_what_does_not_hold() {
    let (host, server) = Host::with_session();
    let root = host.path("root");
    let ask = |words: &[&str]| {
        let ran = finish(host.command(IAPEER, words).arg("--json"));
        serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{ran:?}"))
    };
    let findings = |killed: &[(String, u32)]| Fleet { root: &root, killed, ask: &ask }.findings().join("\n");
    let finds = |killed: &[(String, u32)], what: &str| {
        let found = findings(killed);
        assert!(found.contains(what), "{what:?} is not in {found}");
    };
    assert_eq!(findings(&[]), "");
    let alpha = [("shell-alpha".to_owned(), server)];
    finds(&alpha, "has no line");
    host.mark("stopped", "somebody\n");
    finds(&[], "was stopped, and runs");
    fs::remove_file(host.fact("stopped")).unwrap();
    fs::write(host.root("state/what"), "").unwrap();
    finds(&[], "state/what");
    fs::remove_file(host.root("state/what")).unwrap();
    murder(host.recorder("alpha"));
    finds(&[], "a witness has not come to its end");
    murder(server);
    finds(&alpha, "its session is written down");
    host.ok(ONCE);
    assert_eq!(findings(&alpha), "");
    finds(&[], "was not killed, and counts as dead");
    let log = host.root("logs/iapeer/exits.log");
    fs::write(&log, fs::read_to_string(&log).unwrap().repeat(2)).unwrap();
    finds(&alpha, "has 2 lines");
}
