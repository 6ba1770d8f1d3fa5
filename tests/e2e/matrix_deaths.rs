//! Every way in which a server, its witness and what they need may go: one record, no false one, no double.
//!
//! | what happens | where it is tried |
//! |---|---|
//! | SIGKILL of the server | `deaths`: `a_killed_server_leaves_one_record` |
//! | TERM of the server; `kill-server` from outside | `deaths`: `a_server_that_is_told_to_end_by_somebody_else_is_a_death` |
//! | SEGV, ABRT of the server | `servers`: `one_that_crashes` |
//! | its last session closed from outside | `servers`: `one_whose_last_session_is_closed` |
//! | the program exits 0, exits 3, is killed | `programs` |
//! | client killed | `clients`: `killed_alone_is_no_death` |
//! | client and server killed | `clients`: `killed_with_the_server` |
//! | recorder killed, then the server; recorder and server at once | `deaths`: `a_death_is_recorded_though_its_witness_died_first`, `server_and_witness_killed_at_once_are_one_record` |
//! | recorder, client and server killed | `clients`: `killed_with_server_and_recorder` |
//! | recorder told to end while the server lives | `supervise`: `a_witness_that_was_sent_away_says_so_and_is_replaced` |
//! | server stopped for a while, and continued | `servers`: `one_that_stands_still_is_not_dead`, with a client `clients`: `killed_while_the_server_stands_still` |
//! | socket removed | `supervise`: `a_socket_that_was_removed_comes_back`; with the client killed `clients`: `killed_after_the_socket_was_removed` |
//! | server replaced on its socket at once | `servers`: `one_that_is_replaced_at_once` |
//! | two arms, 16 arms at once | `recorders`: `two_and_sixteen_arms_at_once_leave_one` |
//! | armed before the server is there, or after it has died | `crates/canary/tests/canary.rs`: `what_cannot_be_armed_says_why`; no verb arms what is not there |
//! | an identity that is the beginning of another; one identity under two roots | `places`: `names_that_are_alike` |
//! | quotes, spaces, `$`, `%`, `#{` in the root | `sessions`: `a_root_with_a_hostile_name_is_only_a_name` |
//! | a newline in the root | refused, `places`: `a_root_with_a_newline_is_refused` |
//! | log folder gone, or something else in its place, then restored | `places`: `logs_that_are_gone`, `logs_that_cannot_be_written` |
//! | log folder read-only, full, then restored | `full` |
//! | log and state full, then freed | `full`: `everything_is_full` |
//! | recorder stopped, then the server dies | `recorders`: `one_that_stands_still_is_stood_in_for` |
//! | recorder gets HUP | `recorders`: `a_hangup_is_nothing` |
//! | a foreign `wait-for -S` | `clients`: `woken_by_somebody_else` |
//! | no session left, and the client killed | `clients`: `killed_after_the_last_session` |
//! | the tmux program removed | `clients`: `without_tmux_the_witness_polls` |
//! | state folder removed while armed | `places`: `a_state_folder_that_is_gone` |
//! | recorder and server told to end together | `recorders`: `swept_with_the_server` |
//! | a deliberate stop racing with a death | `servers`: `a_stop_and_a_death_at_once_are_one_line` |

mod clients;
mod full;
mod places;
mod recorders;
mod servers;

use serde_json::Value;

use crate::deaths::the_one_death;
use crate::host::Host;
use crate::machine::{is_alive, murder, processes_of, wait_for, wait_until};

/// A session whose witness came later, and so waits on a client of the server.
struct Retrofit {
    host: Host,
    server: u32,
    recorder: u32,
    client: u32,
}

/// Such a session of the peer `alpha`.
fn retrofit() -> Retrofit {
    let (host, server) = Host::with_session();
    murder(host.recorder("alpha"));
    host.ok("supervise --once");
    let recorder = host.recorder("alpha");
    let client = other_client(&host, 0);
    Retrofit { host, server, recorder, client }
}

/// Waits for a client on which a witness waits, other than this one.
#[track_caller]
fn other_client(host: &Host, than: u32) -> u32 {
    wait_for("a client of the server", || {
        let clients = processes_of(host.folder()).into_iter();
        let mut clients = clients.filter(|(_, args)| args.contains(" wait-for ")).map(|(pid, _)| pid);
        clients.find(|pid| *pid != than && is_alive(*pid))
    })
}

/// Exactly one record, which is of this server, of one of these causes, and by this observer.
#[track_caller]
fn one_server_exit(host: &Host, server: u32, causes: &[&str], observer: &str) {
    let death = the_one_death(host);
    assert_eq!((&death["kind"], &death["server_pid"]), (&"server-exit".into(), &server.into()), "{death}");
    assert!(causes.contains(&death["cause"].as_str().unwrap()), "not of {causes:?}: {death}");
    assert_eq!(death["observer"], observer, "{death}");
    assert_eq!(host.logged("exits.log", &["ev=server-exit"]).len(), 1, "one line");
}

/// The server is killed, and its witness brings that on record without any help.
#[track_caller]
fn killed_it_is_recorded(host: &Host, server: u32) {
    murder(server);
    host.death_is_recorded();
    one_server_exit(host, server, &["server-vanished"], "recorder");
}

/// Nothing is on record, the session is up, and its witness watches.
#[track_caller]
fn is_well(host: &Host, server: u32) {
    assert_eq!(host.deaths(), [Value::Null; 0]);
    let runtime = host.runtime("alpha");
    assert_eq!((&runtime["status"], &runtime["server_pid"]), (&"live".into(), &server.into()), "{runtime}");
    assert_eq!(runtime["canary"]["state"], "armed", "{runtime}");
}

/// Waits until a process is in a state, as `ps` has it: `S` sleeps, `T` is stopped.
#[track_caller]
fn is_in_state(pid: u32, state: char) {
    wait_until("the state of a process", || {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        stat.rsplit(')').next().unwrap().trim_start().starts_with(state)
    });
}
