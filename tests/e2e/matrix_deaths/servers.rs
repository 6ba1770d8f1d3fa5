//! Servers: how they end, stand still, and are replaced.

use std::time::Duration;

use rustix::process::{Resource, Rlimit, Signal, getrlimit, setrlimit};

use super::{is_in_state, is_well, killed_it_is_recorded, one_server_exit, retrofit};
use crate::host::{Host, IAPEER};
use crate::machine::{is_alive, kill, murder, wait_until};
use crate::sight::number;

#[test]
fn one_that_crashes() {
    // No dump of it is left where it stood.
    setrlimit(Resource::Core, Rlimit { current: Some(0), ..getrlimit(Resource::Core) }).unwrap();
    for signal in [Signal::SEGV, Signal::ABORT] {
        let (host, server) = Host::with_session();
        kill(server, signal);
        host.death_is_recorded();
        one_server_exit(&host, server, &["server-vanished"], "recorder");
    }
}

#[test]
fn one_whose_last_session_is_closed() {
    let (host, server) = Host::with_session();
    host.tmux("shell-alpha", &["kill-session", "-t", "=shell-alpha:"]);
    host.death_is_recorded();
    one_server_exit(&host, server, &["orderly-exit", "server-vanished"], "recorder");
}

#[test]
fn one_that_stands_still_is_not_dead() {
    let (host, server) = Host::with_session();
    kill(server, Signal::STOP);
    is_in_state(server, 'T');
    // None of them waits for the server for longer than its limit, or it would not come back at all.
    for command in ["list", "status", "deaths", "why alpha", "supervise --once", "doctor"] {
        let ran = host.run(command);
        assert!(ran.exit == 0 || command == "doctor", "{command}: {ran}");
    }
    is_well(&host, server);
    kill(server, Signal::CONT);
    host.ok("supervise --once");
    is_well(&host, server);
    killed_it_is_recorded(&host, server);
}

#[test]
fn one_that_is_replaced_at_once() {
    // On the socket of the old one, whose witness waits on a client of that socket.
    let old = retrofit();
    murder(old.server);
    let new = old.host.launch("alpha");
    wait_until("the end of the old witness", || !is_alive(old.recorder));
    old.host.ok("supervise --once");
    let recorded = |host: &Host| -> Vec<u32> {
        host.deaths().iter().map(|death| number(&death["server_pid"])).collect()
    };
    assert_eq!(recorded(&old.host), [old.server]);
    assert_eq!(old.host.runtime("alpha")["server_pid"], new);
    assert_eq!(old.host.runtime("alpha")["canary"]["state"], "armed");
    murder(new);
    wait_until("the record of the new one", || recorded(&old.host).len() == 2);
    old.host.ok("supervise --once");
    assert_eq!(recorded(&old.host), [old.server, new]);
}

#[test]
fn a_stop_and_a_death_at_once_are_one_line() {
    const MOMENTS: u32 = 8;
    for moment in 0..MOMENTS {
        let (host, server) = Host::with_session();
        let stop = host.command(IAPEER, "stop alpha").spawn().unwrap();
        // Spread over what a stop takes; which of the two is first does not matter.
        std::thread::sleep(Duration::from_millis(u64::from(moment * 10)));
        kill(server, Signal::KILL);
        let output = stop.wait_with_output().unwrap();
        assert!(output.status.success(), "{moment}: {output:?}");
        let lines = || {
            let pid = format!("server_pid={server} ");
            let stops = host.logged("lifecycle.log", &["ev=server-stop", &pid]).len();
            stops + host.logged("exits.log", &["ev=server-exit", &pid]).len()
        };
        wait_until("a line about the end", || lines() > 0);
        host.ok("supervise --once");
        host.ok("deaths");
        assert_eq!(lines(), 1, "{moment}");
        assert_eq!(host.logged("exits.log", &["ev=session-exit"]), [""; 0], "{moment}");
        assert_eq!(host.status("alpha"), "stopped");
        host.is_quiet();
    }
}
