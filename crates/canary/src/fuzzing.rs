//! What must hold whatever bytes are read; for tests alone. Each says whether it understood what it was given.

use iapeer_statefile::{Entry, Timestamp};

use crate::intent::Intent;
use crate::lease::Lease;
use crate::names::Name;
use crate::process::{ExitWord, ProcessState};
use crate::{Cause, DeathRecord};

/// A lease that is understood says the same when it is written again, but for who has taken it.
pub fn lease(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let Some(lease) = Lease::parse(&text) else { return false };
    let again = Lease::render_untaken(&lease.subject, &lease.oom, "lifeline", Timestamp::UNIX_EPOCH, 0);
    assert_eq!(Lease::parse(&again), Some(Lease { recorder: None, ..lease }));
    true
}

/// An intent that is understood says the same when it is written again, and can be judged.
pub fn intent(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    for up in [None, Some(0), Some(u64::from(u32::MAX))] {
        let _ = Intent::judge(Some(&text), up);
    }
    let Some(intent) = Intent::parse(&text) else { return false };
    assert_eq!(Intent::parse(&intent.render(Timestamp::UNIX_EPOCH)), Some(intent));
    true
}

/// The name of a file about a death is the name of that death and the kind of the file.
pub fn file_name(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let Some(name) = Name::parse(text.trim_end()) else { return false };
    let _ = name.identity();
    assert_eq!(Name::parse(&format!("{}.{}", name.death(), name.kind)), Some(name));
    true
}

/// A record of a death has a cause and an end that are words which come back.
pub fn record(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let Ok(entry) = Entry::parse(text.trim_end_matches('\n')) else { return false };
    let Some(record) = DeathRecord::of(&entry) else { return false };
    if let Some(status) = record.status() {
        assert_eq!(status.to_string().parse(), Ok(status));
    }
    if let crate::Death::Server(server) = &record.what {
        assert_eq!(server.cause.to_string().parse::<Cause>().as_ref(), Ok(&server.cause));
    }
    true
}

/// How the kernel tells of a process: what is understood has a start, and an end only where it is dead.
#[cfg(target_os = "linux")]
pub fn proc_stat(bytes: &[u8]) -> bool {
    let hidden = crate::host::linux::parse_stat(bytes, false);
    let state = crate::host::linux::parse_stat(bytes, true);
    match (&state, &hidden) {
        (ProcessState::Zombie { start, exit }, ProcessState::Zombie { start: same, exit: None }) => {
            assert_eq!(start, same);
            exit.iter().for_each(is_word);
        }
        (state, hidden) => assert_eq!(state, hidden),
    }
    !matches!(state, ProcessState::Unknown(_))
}

/// How `ps` tells of a process; nobody is taken for gone by a `ps` that did not answer.
pub fn ps(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let _ = crate::host::said::parse_boot_time(&text);
    let state = crate::host::said::parse_ps(&text, 11, 10);
    let pid = |line: &str| line.split_ascii_whitespace().next().and_then(|word| word.parse().ok());
    assert!(state != ProcessState::Gone || text.lines().any(|line| pid(line) == Some(10)));
    !matches!(state, ProcessState::Unknown(_))
}

fn is_word(exit: &ExitWord) {
    assert_eq!(exit.to_string().parse().as_ref(), Ok(exit));
}
