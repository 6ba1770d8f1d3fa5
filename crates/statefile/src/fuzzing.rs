//! What must hold whatever bytes are read; for tests alone. Each says whether it understood what it was given.

use crate::held::HeldLocks;
use crate::journal::JournalRead;
use crate::{Entry, Line, Timestamp, quote};

/// A line that is understood says the same when it is written again.
pub fn line(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    // Any text can be a value, and stays on its line.
    let line = Line::new(Timestamp::UNIX_EPOCH, &text).field("key", &text).render();
    let entry = Entry::parse(&line).expect("what we write is a line");
    assert!(!line.contains(['\n', '\r']), "a value forged a line: {line:?}");
    assert_eq!((entry.event(), entry.get("key")), (&*text, Some(&*text)));

    let Ok(entry) = Entry::parse(&text) else { return false };
    let again: Vec<_> = entry.fields().map(|(key, value)| format!("{key}={}", quote(value))).collect();
    assert_eq!(Entry::parse(&again.join(" ")), Ok(entry));
    true
}

/// Each line of a journal is an entry, or counted, or empty.
pub fn journal(bytes: &[u8]) -> bool {
    let mut read = JournalRead::default();
    read.take(bytes);
    let lines = bytes.split_inclusive(|byte| *byte == b'\n').count() as u64;
    assert!(read.entries.len() as u64 + read.unreadable_lines <= lines);
    !read.entries.is_empty()
}

/// The kernel's table of locks has at most one row for each of its lines.
pub fn locks(bytes: &[u8]) -> bool {
    HeldLocks::parse(&String::from_utf8_lossy(bytes)) != HeldLocks::default()
}
