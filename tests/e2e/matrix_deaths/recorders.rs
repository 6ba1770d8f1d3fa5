//! Recorders: the witnesses themselves, and what befalls them.

use rustix::process::Signal;

use super::{is_in_state, is_well, killed_it_is_recorded, one_server_exit};
use crate::host::{Host, IAPEER};
use crate::machine::{is_alive, kill, murder, processes_of, wait_until};

/// The shells that run a witness of this host.
fn witnesses(host: &Host) -> usize {
    let shells = processes_of(host.folder()).into_iter();
    shells.filter(|(_, args)| args.starts_with("/bin/sh ") && args.trim().ends_with(".witness.sh")).count()
}

#[test]
fn two_and_sixteen_arms_at_once_leave_one() {
    for many in [2, 16] {
        let (host, server) = Host::with_session();
        murder(host.recorder("alpha"));
        let passes: Vec<_> =
            (0..many).map(|_| host.command(IAPEER, "supervise --once").spawn().unwrap()).collect();
        for pass in passes {
            let output = pass.wait_with_output().unwrap();
            assert!(output.status.success(), "{output:?}");
        }
        // Of two that began in one instant, one leaves a moment later; a client of one is a shell at first.
        wait_until("one witness", || witnesses(&host) == 1);
        is_well(&host, server);
        killed_it_is_recorded(&host, server);
    }
}

#[test]
fn one_that_stands_still_is_stood_in_for() {
    let (host, server) = Host::with_session();
    let recorder = host.recorder("alpha");
    kill(recorder, Signal::STOP);
    is_in_state(recorder, 'T');
    murder(server);
    wait_until("a record by who looks", || !host.deaths().is_empty());
    kill(recorder, Signal::CONT);
    wait_until("the end of the recorder", || witnesses(&host) == 0);
    one_server_exit(&host, server, &["unobserved"], "sweep");
}

#[test]
fn a_hangup_is_nothing() {
    let (host, server) = Host::with_session();
    let recorder = host.recorder("alpha");
    kill(recorder, Signal::HUP);
    host.ok("supervise --once");
    is_well(&host, server);
    assert_eq!(host.recorder("alpha"), recorder);
    killed_it_is_recorded(&host, server);
}

#[test]
fn swept_with_the_server() {
    for server_first in [true, false] {
        let (host, server) = Host::with_session();
        let recorder = host.recorder("alpha");
        // Who of the two hears first is chance all the same.
        let mut causes = vec!["swept", "orderly-exit", "server-vanished"];
        let order = match server_first {
            true => [server, recorder],
            false => [recorder, server],
        };
        order.iter().for_each(|pid| kill(*pid, Signal::TERM));
        wait_until("both ends", || !is_alive(server) && !is_alive(recorder));
        // A recorder that waited in vain for a server that took its time has stood down, and said so.
        let observer = match host.logged("lifecycle.log", &["state=stood-down"]).len() {
            0 => "recorder",
            _ => {
                causes = vec!["unobserved"];
                "sweep"
            }
        };
        one_server_exit(&host, server, &causes, observer);
    }
}
