//! What a death was, in words for people.

use iapeer_canary::{Cause, Death, DeathRecord, ExitWord, Oom, ServerExit};

use super::Confidence;

/// What a death was, in one sentence, and how sure that is. `killed_for_memory` is that the kernel's log says
/// so of this very server.
pub(crate) fn explain(record: &DeathRecord, killed_for_memory: bool) -> (String, Confidence) {
    use Confidence::{Certain, Likely, Unknown};
    let server = match &record.what {
        Death::Server(server) => server,
        Death::Session(_) => {
            return match record.status() {
                Some(ExitWord::Exited(code)) => {
                    (format!("its program ended by itself with exit code {code}"), Certain)
                }
                Some(ExitWord::Signaled(signal)) => {
                    (format!("its program was ended by {}", signal_name(signal)), Certain)
                }
                None => ("its program ended; how is not known".to_owned(), Likely),
            };
        }
    };
    let pid = record.server_pid.map_or_else(String::new, |pid| format!(" (pid {pid})"));
    let the_server = format!("its tmux server{pid}");
    if killed_for_memory {
        return (format!("{the_server} was killed by the kernel, for want of memory"), Certain);
    }
    match (&server.cause, server.status, server.oom) {
        (Cause::Reboot, _, _) => ("the host was restarted while it ran".to_owned(), Certain),
        (_, _, Oom::Cgroup(n)) => {
            (format!("{the_server} died as memory ran out in its group ({n} killed there)"), Likely)
        }
        (_, Some(ExitWord::Signaled(9)), Oom::Host(n)) => (
            format!(
                "{the_server} was killed by SIGKILL while the kernel was killing for memory ({n} on this host)"
            ),
            Likely,
        ),
        (_, Some(ExitWord::Signaled(9)), _) => (
            format!(
                "{the_server} was killed by SIGKILL{}; who sent it the system does not tell",
                no_oom(server)
            ),
            Certain,
        ),
        (_, Some(ExitWord::Signaled(signal @ (4 | 6 | 7 | 8 | 11))), _) => {
            (format!("{the_server} crashed ({})", signal_name(signal)), Certain)
        }
        (Cause::OrderlyExit, _, _) => (
            format!("{the_server} was asked to end, by a signal or a tmux command that iapeer did not send"),
            Certain,
        ),
        (Cause::Swept, _, _) => (
            format!("{the_server} and its witness were ended together, as a clean-up of processes does"),
            Likely,
        ),
        (Cause::DiedBeforeArm, _, _) => (format!("{the_server} died while it was being started"), Certain),
        (Cause::Unobserved, _, _) => (
            format!("{the_server} died while nobody watched, not even its witness; how is not known"),
            Unknown,
        ),
        (Cause::ServerVanished | Cause::ClientKilledServerGone, Some(status), _) => {
            (format!("{the_server} vanished ({status})"), Likely)
        }
        (Cause::ServerVanished | Cause::ClientKilledServerGone, None, Oom::Host(n)) => (
            format!("{the_server} vanished while the kernel was killing for memory ({n} on this host)"),
            Likely,
        ),
        (Cause::ServerVanished | Cause::ClientKilledServerGone, None, _) => (
            format!(
                "{the_server} vanished without a word: killed, crashed, or out of memory{}",
                no_oom(server)
            ),
            Likely,
        ),
        (cause, _, _) => (format!("{the_server} ended ({cause})"), Unknown),
    }
}

fn no_oom(server: &ServerExit) -> &'static str {
    match server.oom {
        Oom::No => "; the kernel killed nothing for memory meanwhile",
        _ => "",
    }
}

fn signal_name(signal: u8) -> String {
    let name = match signal {
        1 => "SIGHUP",
        2 => "SIGINT",
        4 => "SIGILL",
        6 => "SIGABRT",
        7 => "SIGBUS",
        8 => "SIGFPE",
        9 => "SIGKILL",
        11 => "SIGSEGV",
        15 => "SIGTERM",
        other => return format!("signal {other}"),
    };
    name.to_owned()
}
