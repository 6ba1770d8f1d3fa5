//! What has died, as far as the journals tell.

use camino::Utf8PathBuf;
use iapeer_canary::{Death, DeathRecord, Deaths, ExitWord};
use iapeer_statefile::ReadError;

use crate::host::Host;

/// Every word for a cause, those of servers first.
pub const CAUSES: [&str; 10] = [
    "server-vanished",
    "orderly-exit",
    "client-killed-server-gone",
    "swept",
    "died-before-arm",
    "unobserved",
    "reboot",
    "program-exited",
    "program-killed",
    "program-ended",
];

/// The deaths that are written down.
///
/// # Errors
///
/// [`ReadError`] when the journal is there and cannot be read.
pub fn deaths(host: &Host) -> Result<Deaths, ReadError> {
    Ok(Deaths::of(&host.exits_log().read()?))
}

/// The word for the cause of a death.
pub fn cause_word(record: &DeathRecord) -> String {
    match (&record.what, record.status()) {
        (Death::Server(server), _) => server.cause.to_string(),
        (Death::Session(_), Some(ExitWord::Exited(_))) => "program-exited".to_owned(),
        (Death::Session(_), Some(ExitWord::Signaled(_))) => "program-killed".to_owned(),
        (Death::Session(_), None) => "program-ended".to_owned(),
    }
}

/// Where the forensics of a death are, or were.
pub fn forensics(record: &DeathRecord) -> Option<Utf8PathBuf> {
    match &record.what {
        Death::Server(server) => server.forensics.clone(),
        Death::Session(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use iapeer_canary::Cause;

    use super::*;

    #[test]
    fn every_cause_of_a_server_is_among_the_words() {
        for cause in [
            Cause::ServerVanished,
            Cause::OrderlyExit,
            Cause::ClientKilledServerGone,
            Cause::Swept,
            Cause::DiedBeforeArm,
            Cause::Unobserved,
            Cause::Reboot,
        ] {
            assert!(CAUSES.contains(&cause.to_string().as_str()), "{cause}");
        }
        let of_servers = CAUSES.iter().filter(|word| !word.starts_with("program-"));
        for word in of_servers {
            let cause: Cause = word.parse().expect("every word is a cause");
            assert!(!matches!(cause, Cause::Other(_)), "{word} is not known");
        }
    }
}
