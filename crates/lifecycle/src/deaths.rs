//! What has died, as far as the journals tell.

use camino::Utf8PathBuf;
use iapeer_canary::{Canary, Death, DeathRecord, Deaths, ExitWord, Finding, Subject};
use iapeer_statefile::ReadError;

use crate::host::{Host, Warning};

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

/// The deaths that are written down, also those for which another file stood in.
///
/// # Errors
///
/// [`ReadError`] when the journal is there and cannot be read.
pub fn deaths(host: &Host) -> Result<Deaths, ReadError> {
    Ok(Deaths::of(&host.canary().lines()?))
}

/// Lets the witnesses' files be looked through; what could not be done is a warning. Gives the servers that are
/// watched, where that can be told.
pub(crate) fn sweep(canary: &Canary, warnings: &mut Vec<Warning>) -> Option<Vec<Subject>> {
    // Where nobody was ever watched there is nothing to look through, and no folder is made for it.
    if matches!(canary.places().state.try_exists(), Ok(false)) {
        return Some(Vec::new());
    }
    match canary.sweep() {
        Ok(sweep) => {
            let problem = |e| Warning::of("a death may be missing", &e);
            warnings.extend(sweep.problems.into_iter().map(problem));
            let watched = sweep.swept.into_iter().filter(|swept| swept.finding == Finding::Armed);
            Some(watched.map(|swept| swept.subject).collect())
        }
        Err(e) => {
            warnings.push(Warning::of("deaths may be missing", &e));
            None
        }
    }
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
    use crate::Settings;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a test sets the disk up by hand")]
    fn a_death_whose_journal_could_not_be_written_is_none_less() {
        let folder = tempfile::tempdir().unwrap();
        let root = Utf8PathBuf::from_path_buf(folder.path().to_owned()).unwrap();
        let host = Host::new(Settings::new(root));
        let stand_in = host.layout().canaries().join("exits.fallback.log");
        for (path, hours) in [(host.layout().exits_log(), [1, 3]), (stand_in, [2, 4])] {
            let line = |hour| {
                format!(
                    "ts=2026-11-21T0{hour}:00:00.000Z ev=server-exit death=d{hour} identity=shell-a \
                     cause=swept status=sig9 oom=no server_pid=7 end=1\n"
                )
            };
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, hours.map(line).concat()).unwrap();
        }
        let deaths = deaths(&host).unwrap();
        let found: Vec<_> = deaths.records.iter().filter_map(DeathRecord::death).collect();
        assert_eq!((found, deaths.unreadable_lines), (vec!["d1", "d2", "d3", "d4"], 0));
    }

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
