//! Workers: tasks in a queue, each for a session of its own.

use std::fs;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::json;

use crate::checker::Random;
use crate::host::{Host, IAPEER};
use crate::machine::{kill, murder, wait_until};
use crate::sight::{json_file, number};

const ONCE: &str = "supervise --once";

impl Host {
    /// A host with the worker `alpha`.
    fn with_worker() -> Host {
        let host = Host::new();
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/agent/worker.sh");
        let definition = json!({
            "class": "agent", "program": "/bin/sh", "argv": { "fresh": [script] }, "ready": ["READY>"],
        });
        fs::create_dir_all(host.root("runtimes/worker")).unwrap();
        fs::write(host.root("runtimes/worker/runtime.json"), definition.to_string()).unwrap();
        host.ok("create alpha --runtime worker");
        let profile = host.root("peers/alpha/.iapeer/peer-profile.json");
        let mut value = json_file(&profile);
        value["wake_policy"] = json!("ephemeral");
        fs::write(&profile, value.to_string()).unwrap();
        host.works("");
        host
    }

    /// How the worker works from its next session on.
    fn works(&self, more: &str) {
        let [got, done, said] = ["got", "done", "said"].map(|name| self.path(name).display().to_string());
        let text = format!(
            "WORKER_GOT={got}\nWORKER_DONE={done}\nWORKER_SAID={said}\nWORKER_IAPEER={IAPEER}\n{more}"
        );
        fs::write(self.root("peers/alpha/.iapeer/launch.env"), text).unwrap();
    }

    /// The tasks that a session was given, or has done.
    fn noted(&self, name: &str) -> Vec<String> {
        let noted = fs::read_to_string(self.path(name)).unwrap_or_default();
        noted.lines().map(str::to_owned).collect()
    }

    fn worker_fact(&self, fact: &str) -> std::path::PathBuf {
        self.root(&format!("state/lifecycle/worker-alpha.{fact}"))
    }

    #[track_caller]
    fn waits_for(&self, name: &str, tasks: &[&str]) {
        wait_until("the worker", || self.noted(name).len() >= tasks.len());
        assert_eq!(self.noted(name), tasks);
    }

    /// What is in the queue.
    fn waiting(&self) -> usize {
        self.json("queue list")["tasks"].as_array().unwrap().len()
    }
}

#[test]
fn each_task_has_a_session_of_its_own() {
    let host = Host::with_worker();
    host.ok(["queue", "add", "alpha", "count the files"]);
    fs::write(host.path("task"), "say how many\n").unwrap();
    host.ok("queue add alpha --file task");
    assert_eq!(host.waiting(), 2);
    let outcomes = host.json(ONCE)["outcomes"].clone();
    let given =
        |n| json!([{ "identity": "worker-alpha", "action": "task-given", "reason": format!("task {n}") }]);
    assert_eq!(outcomes, given(1));
    host.waits_for("done", &["count the files"]);
    // The next one waits for the end of that session, which is no death.
    wait_until("the end of the session", || {
        host.ok(ONCE);
        host.waiting() == 0
    });
    host.waits_for("done", &["count the files", "say how many"]);
    host.waits_for("got", &["count the files", "say how many"]);
    assert!(!host.worker_fact("task-given").exists() && !host.worker_fact("deaths").exists());
    let wakes = host.logged("lifecycle.log", &["ev=wake identity=worker-alpha", "cause=ephemeral-policy"]);
    assert_eq!(wakes.len(), 2);
    for state in ["added", "given"] {
        assert_eq!(host.logged("lifecycle.log", &["ev=task", &format!("state={state}")]).len(), 2);
    }
}

#[test]
fn the_supervisor_gives_a_task_at_once() {
    let host = Host::with_worker();
    let mut supervisor = host.command(IAPEER, "supervise --every 3600").spawn().unwrap();
    let started = format!("ev=supervisor state=started pid={}", supervisor.id());
    wait_until("the supervisor", || !host.logged("lifecycle.log", &[&started]).is_empty());
    host.ok(["queue", "add", "alpha", "one"]);
    host.waits_for("done", &["one"]);
    kill(supervisor.id(), Signal::TERM);
    assert!(supervisor.wait().unwrap().success());
}

#[test]
fn a_session_that_is_up_for_something_else_is_let_be() {
    let host = Host::with_worker();
    let server = host.launch("alpha");
    host.ok(["queue", "add", "alpha", "one"]);
    assert_eq!(host.json(ONCE)["outcomes"][0]["action"], "alive");
    assert_eq!(number(&host.runtime("alpha")["server_pid"]), server);
    assert_eq!((host.waiting(), host.noted("got").len()), (1, 0));
    // A stopped one is not woken, and what it should do waits.
    host.ok("stop alpha");
    host.ok(ONCE);
    assert_eq!((host.status("alpha").as_str(), host.waiting()), ("stopped", 1));
}

#[test]
fn who_was_cut_off_loses_no_task_and_gives_none_twice() {
    let host = Host::with_worker();
    host.works("WORKER_STAYS=1\n");
    let given =
        |number: u32| fs::write(host.worker_fact("task-given"), format!("2026-01-01T00:00:00Z {number}\n"));
    host.ok(["queue", "add", "alpha", "one"]);

    // Before anything was typed: the session that is up may have it or not, so it is ended.
    let first = host.launch("alpha");
    given(1).unwrap();
    host.ok(ONCE);
    host.waits_for("done", &["one"]);
    let second = number(&host.runtime("alpha")["server_pid"]);
    assert!(second != first && host.waiting() == 0);

    // After it has answered, and before the task was off the queue: it is not given again.
    fs::write(host.worker_fact("task.000001"), "one").unwrap();
    given(1).unwrap();
    host.ok(ONCE);
    assert_eq!((number(&host.runtime("alpha")["server_pid"]), host.waiting()), (second, 0));
    assert!(!host.worker_fact("task-given").exists());

    // Between the two removals: a task that is added then is another one.
    given(1).unwrap();
    assert_eq!(host.json(["queue", "add", "alpha", "two"])["number"], 2);
    host.ok(ONCE);
    assert_eq!((host.waiting(), host.worker_fact("task-given").exists()), (1, false));

    // Somebody else wakes it after all: the task comes back into the queue.
    murder(second);
    host.death_is_recorded();
    host.ok("stop alpha");
    // As a hand-over does before its mark.
    fs::remove_file(host.worker_fact("ephemeral-armed")).unwrap();
    given(2).unwrap();
    host.ok("start alpha");
    assert_eq!((host.waiting(), host.worker_fact("task-given").exists()), (1, false));
    assert_eq!(host.noted("got"), ["one"]);
    let states = ["returned", "taken-off"]
        .map(|state| host.logged("lifecycle.log", &["ev=task", &format!("state={state}")]).len());
    assert_eq!(states, [2, 2]);
}

#[test]
fn a_task_stays_when_its_session_does_not_come_up() {
    let host = Host::with_worker();
    host.ok(["queue", "add", "alpha", "one"]);
    fs::rename(host.root("peers/alpha/.iapeer/launch.env"), host.path("launch.env")).unwrap();
    fs::create_dir(host.root("peers/alpha/.iapeer/launch.env")).unwrap();
    host.snapshot("queue-waits", &[ONCE, "queue list --json"]);
    assert!(!host.worker_fact("task-given").exists());
    fs::remove_dir(host.root("peers/alpha/.iapeer/launch.env")).unwrap();
    fs::rename(host.path("launch.env"), host.root("peers/alpha/.iapeer/launch.env")).unwrap();
    host.ok(ONCE);
    host.waits_for("done", &["one"]);
}

#[test]
fn a_supervisor_that_is_killed_at_any_moment_loses_no_task() {
    // A run that failed can be run again with its numbers.
    let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| std::process::id().into());
    eprintln!("seed {seed}");
    let mut random = Random::new(seed);
    let host = Host::with_worker();
    let tasks = ["one", "two", "three", "four"];
    for task in tasks {
        host.ok(["queue", "add", "alpha", task]);
    }
    for _ in 0..12 {
        let mut supervisor = host.command(IAPEER, "supervise --every 1").spawn().unwrap();
        // Not a wait for something: the moment is what is tried out.
        std::thread::sleep(Duration::from_millis(random.below(900)));
        murder(supervisor.id());
        supervisor.wait().unwrap();
    }
    wait_until("the rest of the tasks", || {
        host.ok(ONCE);
        host.waiting() == 0
            && !host.worker_fact("task-given").exists()
            && host.noted("done").len() >= tasks.len()
    });
    // Each was answered once, in their order, and given to nobody afterwards.
    assert_eq!(host.noted("done"), tasks);
    let mut got = host.noted("got");
    got.dedup();
    assert_eq!(got, tasks);
    assert_eq!(host.noted("said").len(), tasks.len());
}

#[test]
fn the_verbs_about_tasks() {
    let mut host = Host::with_worker();
    host.ok("create beta --runtime shell");
    host.snapshot("queue-empty", &["queue list", "queue list --json"]);
    let first = host.run(["queue", "add", "alpha", "count the files"]);
    host.ok(["queue", "add", "alpha", "  two\nlines\u{1b}[2J", "--runtime", "worker"]);
    host.holds("queue-add", &first.to_string());
    host.snapshot(
        "queue",
        &["queue list", "queue list alpha --json", "queue drop alpha 1", "queue list", "queue list beta"],
    );
    host.fails("queue-refused", 3, &["queue add beta x", "remove alpha"]);
    host.fails("queue-usage", 2, &["queue add alpha -", "queue add alpha", "self-done", "self-fresh"]);
    host.fails(
        "queue-failed",
        1,
        &["queue drop alpha 7", "queue add gamma x", "queue add alpha --file none"],
    );

    host.set("PEER_IDENTITY", "shell-beta");
    host.fails("self-refused", 3, &["self-done"]);
    host.snapshot("self-fresh", &["self-fresh", "self-fresh --json"]);
    assert!(host.root("state/lifecycle/shell-beta.new-eager").exists());
    host.set("PEER_IDENTITY", "worker-alpha");
    host.snapshot("self-done", &["self-done", "self-done --json"]);
    assert!(host.worker_fact("ephemeral-armed").exists());
    host.set("PEER_IDENTITY", "nobody");
    assert_eq!(host.run("self-done").exit, 2);

    // A new name takes the tasks along.
    host.ok("rename alpha omega");
    assert_eq!(host.json("queue list omega")["tasks"][0]["identity"], "worker-omega");
    host.ok("remove omega --force");
    assert!(!host.root("state/lifecycle/worker-omega.task.000002").exists());
}
