//! Keys that are pressed in live sessions: `interrupt` and `compact`.

use std::process::ExitCode;

use iapeer_lifecycle::{Gesture, Host, PressError, Status, identity_of, press};
use serde::Serialize;

use super::hints::{launch_error, runtime_hint, tmux_error, words};
use super::{Done, UNCLEAR, find_error, locked, one_peer};
use crate::args::PressArgs;
use crate::error::{CliError, Kind};
use crate::out;

pub(crate) fn press_verb(host: &Host, gesture: Gesture, args: &PressArgs) -> Done {
    let peer = one_peer(host, &args.peer)?;
    let identity = identity_of(&peer, args.runtime.as_ref()).map_err(|e| launch_error(&e))?;
    let words = words(&peer, &identity);
    let warnings = press(host, &identity, gesture).map_err(|e| press_error(host, &e, &words))?;
    out::warnings(&warnings);
    if args.output.json {
        #[derive(Serialize)]
        struct Doc {
            identity: String,
        }
        out::json(&gesture.to_string(), &Doc { identity: identity.to_string() })?;
    } else {
        out::line(format!("{identity} was told to {gesture}"))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn press_error(host: &Host, error: &PressError, words: &str) -> CliError {
    let cli = CliError::of(Kind::Failed, error);
    let refused = || CliError::of(Kind::Refused, error);
    match error {
        PressError::NotLive { status: Status::Stopped, .. } => {
            refused().hint(format!("iapeer start {words}"))
        }
        PressError::NotLive { .. } => refused().hint(format!("iapeer launch {words}")),
        PressError::NoKeys { runtime, .. } => {
            let file = host.layout().runtime_file(runtime);
            refused().hint(format!("declare it in {file}; what it is now: iapeer runtime show {runtime}"))
        }
        PressError::Unknown { .. } => cli.hint(UNCLEAR),
        PressError::Runtime(e) => runtime_hint(cli, e),
        PressError::Tmux(e) => tmux_error(e),
        PressError::Lock(e) => locked(e),
        PressError::Peer(e) => find_error(e),
        _ => cli,
    }
}
