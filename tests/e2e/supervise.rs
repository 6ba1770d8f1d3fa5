//! `supervise --once`: what it notices, what it mends, and what it leaves alone.

use std::fs;

use rustix::process::Signal;

use crate::host::Host;
use crate::machine::{is_alive, kill, murder, wait_until};
use crate::sight::json_file;

#[test]
fn a_pass_over_everything() {
    let host = Host::with_peers(&["alive", "dead", "stopped", "unclear"]);
    host.launch("alive");
    let server = host.launch("dead");
    host.launch("stopped");
    host.ok("stop stopped");
    murder(server);
    host.death_is_recorded();
    fs::write(host.root("state/lifecycle/shell-unclear.session"), "{ torn").unwrap();
    host.snapshot("supervise", &["supervise --once", "supervise --once --json"]);
    assert_eq!(json_file(&host.root("state/lifecycle/shell-dead.deaths")).as_array().unwrap().len(), 1);
}

#[test]
fn a_quiet_pass_writes_nothing() {
    let (host, _) = Host::with_session();
    let log = fs::read_to_string(host.root("logs/iapeer/lifecycle.log")).unwrap();
    let state = host.state();
    host.snapshot("supervise-quiet", &["supervise --once", "supervise --once --json"]);
    assert_eq!(fs::read_to_string(host.root("logs/iapeer/lifecycle.log")).unwrap(), log);
    assert_eq!(host.state(), state);
}

#[test]
fn a_socket_that_was_removed_comes_back() {
    let (host, server) = Host::with_session();
    let socket = host.root("socks/tmux-iap-shell-alpha.sock");
    fs::remove_file(&socket).unwrap();
    assert_eq!(host.status("alpha"), "live");
    host.snapshot("socket-restored", &["supervise --once"]);
    wait_until("the socket is back", || socket.exists());
    assert_eq!(host.tmux("shell-alpha", &["display-message", "-p", "#{pid}"]), format!("{server}\n"));
    assert_eq!(host.logged("lifecycle.log", &["ev=socket-restored identity=shell-alpha"]).len(), 1);
    assert_eq!(host.json("supervise --once")["outcomes"][0].get("reason"), None);
    fs::remove_file(&socket).unwrap();
    assert_eq!(host.json("launch alpha")["state"], "already-live");
    wait_until("the socket is back", || socket.exists());
    assert_eq!(host.deaths().len(), 0);
}

#[test]
fn a_session_without_a_socket_can_be_stopped() {
    let (host, server) = Host::with_session();
    fs::remove_file(host.root("socks/tmux-iap-shell-alpha.sock")).unwrap();
    let stopped = host.json("stop alpha");
    assert_eq!(stopped["stopped"][0]["was_live"], true);
    assert!(!is_alive(server));
    assert_eq!(host.deaths().len(), 0);
    host.is_quiet();
}

#[test]
fn a_witness_that_died_is_replaced() {
    let (host, server) = Host::with_session();
    let first = host.recorder("alpha");
    murder(first);
    host.snapshot("unwatched", &["show alpha"]);
    host.snapshot("canary-armed", &["supervise --once"]);
    assert_ne!(host.recorder("alpha"), first);
    host.ok("supervise --once");
    let retrofit = ["ev=supervise identity=shell-alpha action=canary state=spawned origin=retrofit"];
    assert_eq!(host.logged("lifecycle.log", &retrofit).len(), 1);

    murder(server);
    host.death_is_recorded();
    host.ok("supervise --once");
    let deaths = host.deaths();
    assert_eq!(deaths.len(), 1, "{deaths:?}");
    assert_eq!((&deaths[0]["server_pid"], &deaths[0]["kind"]), (&server.into(), &"server-exit".into()));
    assert_eq!(deaths[0]["cause"], "server-vanished");
}

#[test]
fn a_witness_that_was_sent_away_says_so_and_is_replaced() {
    let (host, server) = Host::with_session();
    let first = host.recorder("alpha");
    kill(first, Signal::TERM);
    wait_until("the witness ends", || !is_alive(first));
    let stood_down = ["ev=canary state=stood-down identity=shell-alpha signal=TERM"];
    assert_eq!(host.logged("lifecycle.log", &stood_down).len(), 1);
    host.ok("supervise --once");
    assert_ne!(host.recorder("alpha"), first);
    murder(server);
    host.death_is_recorded();
    host.ok("supervise --once");
    assert_eq!(host.deaths().len(), 1);
}

#[test]
fn a_stop_that_was_cut_off_counts_nothing() {
    // As a stop leaves it that was cut off between its marks and its deed, and finished by somebody else.
    let (host, server) = Host::with_session();
    fs::write(host.root("state/lifecycle/shell-alpha.stopped"), "somebody\n").unwrap();
    murder(server);
    host.death_is_recorded();
    host.snapshot("skipped-stopped", &["supervise --once", "supervise --once"]);
    assert!(!host.root("state/lifecycle/shell-alpha.deaths").exists());
}
