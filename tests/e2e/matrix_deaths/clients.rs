//! Clients of a server, on which a witness waits that came later than the server.

use std::fs;

use rustix::process::Signal;

use super::{is_in_state, is_well, killed_it_is_recorded, one_server_exit, other_client, retrofit};
use crate::deaths::the_one_death;
use crate::machine::{is_alive, kill, murder, wait_until};

#[test]
fn killed_alone_is_no_death() {
    let watched = retrofit();
    kill(watched.client, Signal::KILL);
    other_client(&watched.host, watched.client);
    is_well(&watched.host, watched.server);
    assert_eq!(watched.host.recorder("alpha"), watched.recorder);
    killed_it_is_recorded(&watched.host, watched.server);
}

#[test]
fn killed_with_the_server() {
    for server_first in [true, false] {
        let watched = retrofit();
        let order = match server_first {
            true => [watched.server, watched.client],
            false => [watched.client, watched.server],
        };
        order.iter().for_each(|pid| kill(*pid, Signal::KILL));
        watched.host.death_is_recorded();
        let causes = ["client-killed-server-gone", "server-vanished"];
        one_server_exit(&watched.host, watched.server, &causes, "recorder");
    }
}

#[test]
fn killed_with_server_and_recorder() {
    let watched = retrofit();
    for pid in [watched.recorder, watched.client, watched.server] {
        kill(pid, Signal::KILL);
    }
    wait_until("the end of the server", || !is_alive(watched.server));
    one_server_exit(&watched.host, watched.server, &["unobserved"], "sweep");
}

#[test]
fn killed_while_the_server_stands_still() {
    let watched = retrofit();
    kill(watched.server, Signal::STOP);
    is_in_state(watched.server, 'T');
    kill(watched.client, Signal::KILL);
    // The next one waits for a server that does not answer, which is no death either.
    other_client(&watched.host, watched.client);
    is_well(&watched.host, watched.server);
    kill(watched.server, Signal::CONT);
    watched.host.ok("supervise --once");
    is_well(&watched.host, watched.server);
    killed_it_is_recorded(&watched.host, watched.server);
}

#[test]
fn killed_after_the_socket_was_removed() {
    let watched = retrofit();
    let socket = watched.host.root("socks/tmux-iap-shell-alpha.sock");
    fs::remove_file(&socket).unwrap();
    murder(watched.client);
    // Clients find nobody now, and so it looks by itself, and says so.
    let polling = ["ev=canary state=polling identity=shell-alpha"];
    wait_until("the witness polls", || watched.host.logged("lifecycle.log", &polling).len() == 1);
    is_well(&watched.host, watched.server);
    watched.host.ok("supervise --once");
    wait_until("the socket is back", || socket.exists());
    killed_it_is_recorded(&watched.host, watched.server);
}

#[test]
fn woken_by_somebody_else() {
    let watched = retrofit();
    let before = watched.client;
    watched.host.tmux("shell-alpha", &["wait-for", "-S", "iap-canary-shell-alpha"]);
    other_client(&watched.host, before);
    is_well(&watched.host, watched.server);
    killed_it_is_recorded(&watched.host, watched.server);
}

#[test]
fn killed_after_the_last_session() {
    let watched = retrofit();
    let host = &watched.host;
    // A server that somebody has told to stay, and whose session somebody has closed.
    host.tmux("shell-alpha", &["set-option", "-s", "exit-empty", "off"]);
    host.tmux("shell-alpha", &["kill-session", "-t", "=shell-alpha:"]);
    kill(watched.client, Signal::KILL);
    other_client(host, watched.client);
    assert!(is_alive(watched.server));
    assert_eq!(host.logged("exits.log", &["ev=server-exit"]), [""; 0]);
    // What counts is that its program has ended; the server that is left without one is ended on purpose.
    wait_until("the end of the session", || {
        host.ok("supervise --once");
        !is_alive(watched.server)
    });
    let death = the_one_death(host);
    assert_eq!((&death["kind"], &death["identity"]), (&"session-exit".into(), &"shell-alpha".into()));
    assert_eq!(host.logged("exits.log", &["ev=server-exit"]), [""; 0]);
    assert_eq!(host.status("alpha"), "asleep");
}

#[test]
fn without_tmux_the_witness_polls() {
    let watched = retrofit();
    fs::remove_file(watched.host.path("bin/tmux")).unwrap();
    murder(watched.client);
    let polling = ["ev=canary state=polling identity=shell-alpha"];
    wait_until("the witness polls", || watched.host.logged("lifecycle.log", &polling).len() == 1);
    is_well(&watched.host, watched.server);
    killed_it_is_recorded(&watched.host, watched.server);
    assert_eq!(watched.host.logged("lifecycle.log", &polling).len(), 1);
}
