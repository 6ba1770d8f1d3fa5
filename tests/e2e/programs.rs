//! The end of a session's program: one `session-exit`, and no death of a server.
//!
//! Some versions of tmux lose the news of a program's end now and then; whoever looks next, `deaths` or
//! `supervise --once`, writes the record then.

use rustix::process::Signal;

use crate::host::Host;
use crate::machine::{is_alive, kill, wait_until};
use crate::sight::{json_file, number};

/// Ends the program with `end`, has `look` notice it, and expects one record with this status.
#[track_caller]
fn one_session_exit(end: impl Fn(&Host), look: &str, status: &str, cause: &str) {
    let (host, server) = Host::with_session();
    end(&host);
    wait_until("a record of the end", || {
        host.ok(look);
        host.logged("exits.log", &["ev=session-exit identity=shell-alpha"]).len() == 1
    });
    for command in ["deaths", "supervise --once", "deaths", "supervise --once"] {
        host.ok(command);
    }
    let deaths = host.deaths();
    assert_eq!(deaths.len(), 1, "{deaths:?}");
    let told = ["kind", "status", "cause"].map(|key| deaths[0][key].as_str().unwrap());
    assert_eq!(told, ["session-exit", status, cause]);
    assert_eq!(host.logged("exits.log", &["ev=server-exit"]), [""; 0]);
    // A server without its session is of no use.
    wait_until("the end of the server", || !is_alive(server));
    assert_eq!(host.status("alpha"), "asleep");
    assert_eq!(json_file(&host.root("state/lifecycle/shell-alpha.deaths")).as_array().unwrap().len(), 1);
    assert_eq!(host.json("launch alpha")["cause"], "crash-or-self-close");
}

fn exits(host: &Host, line: &str) {
    host.types("shell-alpha", line);
}

fn is_killed(host: &Host) {
    kill(number(&host.session("shell-alpha")["pane"]["pid"]), Signal::KILL);
}

#[test]
fn exit_0_seen_by_deaths() {
    one_session_exit(|host| exits(host, "exit"), "deaths", "exit0", "program-exited");
}

#[test]
fn exit_3_seen_by_deaths() {
    one_session_exit(|host| exits(host, "exit 3"), "deaths", "exit3", "program-exited");
}

#[test]
fn exit_3_seen_by_supervise() {
    one_session_exit(|host| exits(host, "exit 3"), "supervise --once", "exit3", "program-exited");
}

#[test]
fn sigkill_seen_by_deaths() {
    one_session_exit(is_killed, "deaths", "sig9", "program-killed");
}

#[test]
fn sigkill_seen_by_supervise() {
    one_session_exit(is_killed, "supervise --once", "sig9", "program-killed");
}

#[test]
fn the_end_of_a_program_is_told() {
    let (host, _) = Host::with_session();
    exits(&host, "exit 3");
    wait_until("a record of the end", || !host.deaths().is_empty());
    host.snapshot("program-ended", &["supervise --once", "deaths", "deaths --json"]);
    let why = host.ok("why alpha").stdout;
    let (told, happened) = why.split_once("what happened last:\n").unwrap();
    host.holds("program-ended-why", told);
    for event in ["wake runtime=shell", "session-exit dead_status=3", "supervise action=reaped-gone"] {
        assert!(happened.contains(event), "{why}");
    }
}

#[test]
fn a_program_that_ends_often_is_one_record_each_time() {
    let mut host = Host::with_peers(&["alpha"]);
    host.set("IAPEER_CRASHLOOP_MAX", "100");
    for turn in 1..=5 {
        host.launch("alpha");
        exits(&host, &format!("exit {turn}"));
        wait_until("a record of the end", || host.deaths().len() >= turn);
    }
    host.ok("supervise --once");
    let statuses: Vec<_> =
        host.deaths().iter().map(|death| death["status"].as_str().unwrap().to_owned()).collect();
    assert_eq!(statuses, ["exit1", "exit2", "exit3", "exit4", "exit5"]);
}
