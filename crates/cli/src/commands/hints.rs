//! What to do about an error that several verbs meet.

use iapeer_lifecycle::{AttendError, LaunchError, Refusal, RuntimeError};
use iapeer_registry::{Identity, Peer, RuntimeName};
use iapeer_tmux::TmuxError;

use super::{UNCLEAR, fact_error};
use crate::error::{CliError, Kind};
use crate::nearest::did_you_mean;

/// Why a session did not come up, and what to do about it.
pub(super) fn launch_error(error: &LaunchError) -> CliError {
    let cli = CliError::of(Kind::Failed, error);
    match error {
        LaunchError::Refused { identity, refusal, detail } => {
            let cli = CliError::of(Kind::Refused, error);
            match refusal {
                Refusal::Stopped => cli.hint(format!("iapeer start {}", words_of(identity))),
                Refusal::HeldByService => cli,
                Refusal::CrashLoop => cli
                    .hint(format!("see what it died of: iapeer why {0}", words_of(identity)))
                    .hint(format!("then try again, whatever it was: iapeer start {0}", words_of(identity))),
                Refusal::NothingToResume | Refusal::RuntimeCannotResume => {
                    cli.hint(format!("begin anew: iapeer launch {}", words_of(identity)))
                }
                Refusal::FolderMissing => cli.hint(format!(
                    "put {detail} back, or remove the peer: iapeer remove {}",
                    identity.personality()
                )),
                _ => cli,
            }
        }
        LaunchError::Foreign { .. } => CliError::of(Kind::Refused, error)
            .hint("nothing was touched; end that server yourself, or choose another IAPEER_SOCK_DIR"),
        LaunchError::NotItsRuntime { runtime, .. } => {
            cli.hint(format!("iapeer init DIR --runtime {runtime}"))
        }
        LaunchError::Runtime(e) => runtime_hint(cli, e),
        LaunchError::Ended { identity, shown, .. } => {
            pane_showed(cli, shown).hint(format!("iapeer why {}", words_of(identity)))
        }
        LaunchError::NotReady { identity, shown, .. } => {
            let (peer, runtime) = (identity.personality(), identity.runtime());
            pane_showed(cli, shown).hint(format!(
                "look at it: iapeer attach {peer} {runtime}; or end it: iapeer stop {peer} {runtime}"
            ))
        }
        LaunchError::Env(_) => cli.hint("mend that file; nothing was started"),
        LaunchError::Tmux(e) => tmux_error(e),
        LaunchError::Lock(e) => super::locked(e),
        LaunchError::Fact(e) | LaunchError::Attend(AttendError::Fact(e)) => fact_error(e),
        LaunchError::Unknown { .. } => cli.hint(UNCLEAR),
        LaunchError::Write(e) => super::write_error(e),
        LaunchError::Peer(e) => super::find_error(e),
        _ => cli,
    }
}

/// An identity after a verb.
fn words_of(identity: &Identity) -> String {
    format!("{} {}", identity.personality(), identity.runtime())
}

fn pane_showed(mut error: CliError, shown: &[String]) -> CliError {
    error.causes.extend(shown.iter().map(|line| format!("its pane showed: {}", line.trim())));
    error
}

/// What tmux did not do, and what to do about it.
pub(super) fn tmux_error(error: &TmuxError) -> CliError {
    let cli = CliError::of(Kind::Failed, error);
    match error {
        TmuxError::NotFound { .. } => {
            cli.hint("install it: apt-get install tmux, dnf install tmux, or brew install tmux")
        }
        TmuxError::TooOld { .. } => cli.hint("install a newer tmux, or put one first on the PATH"),
        TmuxError::NotTmux { .. } | TmuxError::NotRun { .. } => {
            cli.hint("put a tmux that works first on the PATH")
        }
        TmuxError::SocketTooLong { .. } => cli.hint(
            "choose a shorter folder for the sockets: IAPEER_SOCK_DIR=/run/user/UID/iapeer, for example",
        ),
        _ => cli,
    }
}

/// What to do about a runtime that cannot be used.
pub(super) fn runtime_hint(cli: CliError, error: &RuntimeError) -> CliError {
    match error {
        RuntimeError::NotDeclared { runtime, known, .. } => {
            let meant = did_you_mean(runtime.as_str(), known.iter().map(RuntimeName::as_str));
            let cli = if let Some(meant) = meant { cli.hint(meant) } else { cli };
            cli.hint("built in are claude, codex, shell, telegram and notifier; any other is that file")
        }
        RuntimeError::NotInstalled { runtime, .. } => cli.hint(format!(
            "install it, or say where it is: IAPEER_{}_BIN=/path/to/program",
            runtime.as_str().to_ascii_uppercase()
        )),
        RuntimeError::BadDefinition { .. } | RuntimeError::Unreadable(_) => {
            cli.hint("mend the file, or move it away to use what is built in")
        }
        _ => cli,
    }
}

/// How to name an identity after a verb: the runtime only where it is not the default.
pub(super) fn words(peer: &Peer, identity: &Identity) -> String {
    match identity.runtime() {
        runtime if runtime == peer.facts.default_runtime() => identity.personality().to_string(),
        runtime => format!("{} {runtime}", identity.personality()),
    }
}
