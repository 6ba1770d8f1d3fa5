//! The ways to end a session, and what is promised of each.

use rustix::process::Signal;

use super::judge::{Expected, Status, Writer};

/// One way to end a session.
#[derive(Debug)]
pub(super) struct Trial {
    /// Its name, which is also that of its peer.
    pub(super) name: &'static str,
    /// What is done to the session, in this order.
    pub(super) steps: &'static [Step],
    /// What is on record then.
    pub(super) expected: Expected,
}

/// A process of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// The tmux server.
    Server,
    /// What runs in the session.
    Program,
    /// What watches the server.
    Witness,
    /// The tmux client on which a witness waits that came later.
    Client,
}

/// Something that happens to a session.
#[derive(Debug, Clone, Copy)]
pub(super) enum Step {
    /// Each of these gets the signal, without a pause in between.
    Send(Signal, &'static [Role]),
    /// Waits for the end of one of them.
    Ended(Role),
    /// Somebody tells the server to end, by tmux's own command.
    KillServer,
    /// Somebody closes the session, the last one of its server.
    KillSession,
    /// Something is typed: the program reads a number, and exits with it.
    Type(&'static str),
    /// Somebody removes the socket.
    RemoveSocket,
    /// A pass of the supervisor brings the socket back, or sees to a new witness.
    Mended(Mend),
    /// The witness, whose client was ended, has another one, and took that for no death.
    NewClient,
    /// The session is stopped, by our own verb.
    Stop,
}

/// What a pass of the supervisor mends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mend {
    Socket,
    /// The new witness waits on a client of the server.
    Witness,
}

use Role::{Client, Program, Server, Witness};
use Step::{Ended, KillServer, KillSession, Mended, NewClient, RemoveSocket, Send, Stop, Type};

const VANISHED: &[&str] = &["server-vanished"];
/// The kernel tells how a server ended only to who looks before somebody has waited for it.
const ORDERLY: &[&str] = &["orderly-exit", "server-vanished"];

pub(super) const TRIALS: [Trial; 17] = [
    trial("server-killed", &[Send(Signal::KILL, &[Server])], by_witness(VANISHED)),
    trial("server-terminated", &[Send(Signal::TERM, &[Server])], by_witness(ORDERLY)),
    trial("server-segfaulted", &[Send(Signal::SEGV, &[Server])], by_witness(VANISHED)),
    trial("server-aborted", &[Send(Signal::ABORT, &[Server])], by_witness(VANISHED)),
    trial("kill-server", &[KillServer], by_witness(ORDERLY)),
    trial("last-session-closed", &[KillSession], by_witness(ORDERLY)),
    trial("program-exits-0", &[Type("0")], Expected::SessionExit { status: Status::Exit(0) }),
    trial("program-exits-3", &[Type("3")], Expected::SessionExit { status: Status::Exit(3) }),
    trial(
        "program-killed",
        &[Send(Signal::KILL, &[Program])],
        Expected::SessionExit { status: Status::Signal(9) },
    ),
    trial(
        "client-killed",
        &[
            Send(Signal::KILL, &[Witness]),
            Ended(Witness),
            Mended(Mend::Witness),
            Send(Signal::KILL, &[Client]),
            NewClient,
            Send(Signal::KILL, &[Server]),
        ],
        by_witness(VANISHED),
    ),
    trial(
        "client-and-server-killed",
        &[
            Send(Signal::KILL, &[Witness]),
            Ended(Witness),
            Mended(Mend::Witness),
            Send(Signal::KILL, &[Client, Server]),
        ],
        by_witness(&["client-killed-server-gone", "server-vanished"]),
    ),
    trial(
        "witness-killed-first",
        &[Send(Signal::KILL, &[Witness]), Ended(Witness), Send(Signal::KILL, &[Server])],
        by_sweep(&["unobserved"]),
    ),
    trial(
        "all-killed-at-once",
        &[
            Send(Signal::KILL, &[Witness]),
            Ended(Witness),
            Mended(Mend::Witness),
            Send(Signal::KILL, &[Witness, Client, Server]),
        ],
        by_sweep(&["unobserved"]),
    ),
    trial(
        "witness-terminated",
        &[
            Send(Signal::TERM, &[Witness]),
            Ended(Witness),
            Mended(Mend::Witness),
            Send(Signal::KILL, &[Server]),
        ],
        by_witness(VANISHED),
    ),
    trial(
        "all-terminated",
        &[Send(Signal::TERM, &[Server, Witness])],
        by_witness(&["swept", "orderly-exit", "server-vanished"]),
    ),
    trial(
        "socket-removed",
        &[RemoveSocket, Mended(Mend::Socket), Send(Signal::KILL, &[Server])],
        by_witness(VANISHED),
    ),
    trial("stopped", &[Stop], Expected::Nothing),
];

const fn trial(name: &'static str, steps: &'static [Step], expected: Expected) -> Trial {
    Trial { name, steps, expected }
}

const fn by_witness(causes: &'static [&'static str]) -> Expected {
    Expected::ServerExit { causes, writer: Writer::Witness }
}

const fn by_sweep(causes: &'static [&'static str]) -> Expected {
    Expected::ServerExit { causes, writer: Writer::Sweep }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use iapeer_registry::Personality;

    use super::*;

    #[test]
    fn every_trial_has_a_name_of_its_own_that_a_peer_can_have() {
        let names: BTreeSet<_> = TRIALS.iter().map(|trial| trial.name).collect();
        assert_eq!(names.len(), TRIALS.len());
        for name in names {
            assert!(name.parse::<Personality>().is_ok(), "{name}");
        }
    }

    #[test]
    fn a_client_is_there_only_after_a_witness_was_replaced() {
        for trial in &TRIALS {
            let mut replaced = false;
            for step in trial.steps {
                match step {
                    Mended(Mend::Witness) => replaced = true,
                    Send(_, roles) => assert!(replaced || !roles.contains(&Client), "{}", trial.name),
                    NewClient => assert!(replaced, "{}", trial.name),
                    _ => {}
                }
            }
        }
    }
}
