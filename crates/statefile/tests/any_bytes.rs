//! Whatever stands on the disk, nothing panics, and what is written is read back.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test puts anything anywhere")]

mod support;

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use camino::{Utf8Path, Utf8PathBuf};
use iapeer_statefile::*;
use proptest::prelude::*;
use support::Numbers;

fn folder() -> (tempfile::TempDir, Utf8PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = Utf8PathBuf::from_path_buf(dir.path().to_owned()).unwrap();
    (dir, path)
}

fn document(root: &Utf8Path) -> Document<Numbers> {
    let backups = Backups::in_folder(root.join("backups"));
    Document::new(root.join("x.json"), Numbers).backed_up(backups, Absence::Loss)
}

/// Bytes that are anything, or nearly what is expected.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let near = prop_oneof![
        "\\[([0-9]{1,5},? ?){0,4}\\]?",
        "ts=[0-9TZ:.-]{0,24} ev=[a-z\"\\\\ =]{0,9}( [a-z]{1,3}=\"?[a-z\\\\u0-9\"]{0,8}){0,3}\n?",
        "(<<<<<<< |>>>>>>> )?[\\[\\]\n ]{0,6}",
    ];
    let pieces = prop_oneof![
        near.prop_map(String::into_bytes),
        prop::collection::vec(any::<u8>(), 0..40),
        Just(b"\0\0\n".to_vec()),
    ];
    prop::collection::vec(pieces, 0..4).prop_map(|pieces| pieces.concat())
}

/// File names that are anything, or nearly ones of ours.
fn names() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let near = prop_oneof![
        "[0-9+]{1,22}\\.20260[0-9]{3}T[0-2][0-9][0-5][0-9]{3,6}Z(-[0-9]{1,2})?",
        "(x\\.json|é|\\.)\\.20260[0-9]{3}T[0-2][0-9][0-5][0-9]{6}Z(-[0-9]{0,2})?",
        Just("18446744073709551615.20260101T000000000Z".to_owned()),
        "\\.[a-z]{1,3}\\.tmp",
    ];
    let any_name =
        prop::collection::vec(any::<u8>().prop_filter("no separator", |b| !b"/\0".contains(b)), 1..30);
    let name = prop_oneof![near.prop_map(String::into_bytes), any_name];
    prop::collection::vec(name.prop_filter("a name", |name| name != b"." && name != b".."), 0..6)
}

fn put(folder: &Utf8Path, names: &[Vec<u8>]) {
    std::fs::create_dir_all(folder).unwrap();
    for (n, name) in names.iter().enumerate() {
        let path = folder.as_std_path().join(OsStr::from_bytes(name));
        // Some are folders, which can be neither read nor removed as files.
        let _ = if n % 3 == 2 { std::fs::create_dir(path) } else { std::fs::write(path, "[5]") };
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_journal(bytes in bytes(), value in any::<String>()) {
        let (_dir, root) = folder();
        let journal = Journal::new(root.join("x.log"));
        std::fs::write(journal.path(), &bytes).unwrap();
        let before = journal.read().unwrap();
        let torn = bytes.last().is_some_and(|last| *last != b'\n');
        journal.append(&Line::new(Timestamp::now(), &value).field("k", &value)).unwrap();
        let after = journal.read().unwrap();
        prop_assert_eq!(after.unreadable_lines, before.unreadable_lines);
        prop_assert!(!torn || before.unreadable_lines > 0);
        prop_assert_eq!(&after.entries[..before.entries.len()], &before.entries[..]);
        let [last] = &after.entries[before.entries.len()..] else { panic!("one line more") };
        prop_assert_eq!((last.event(), last.get("k")), (&*value, Some(&*value)));
    }

    #[test]
    fn a_lock_file(bytes in bytes()) {
        let (_dir, root) = folder();
        let path = root.join("lock");
        std::fs::write(&path, &bytes).unwrap();
        let other = std::fs::File::open(&path).unwrap();
        other.lock().unwrap();
        let error = Lock::acquire(&path, Wait::Try, "test").unwrap_err();
        prop_assert!(error.to_string().contains("is locked by"), "{}", error);
        drop(other);
        drop(Lock::acquire(&path, Wait::default(), "test").unwrap());
        let text = std::fs::read_to_string(&path).unwrap();
        let entry = Entry::parse(text.trim_end()).unwrap();
        prop_assert_eq!(entry.get("by"), Some("test"));
    }

    #[test]
    fn names_in_backups(names in names()) {
        let (_dir, root) = folder();
        put(&root.join("backups"), &names);
        let document = document(&root);
        let lock = Lock::acquire(&root.join("lock"), Wait::default(), "test").unwrap();
        let kept = document.backups().unwrap().list().unwrap();
        match document.lost().unwrap() {
            Some(lost) if lost.fault().is_some() => {
                let quarantine = Quarantine::in_folder(root.join("quarantine"));
                let value = lost.recover(&lock, &[Source::Backup], &quarantine, Breaker::Obeyed).unwrap().value;
                prop_assert!(value.is_none_or(|value| value == [5]));
            }
            _ => prop_assert!(kept.is_empty()),
        }
        if let Ok(edit) = document.edit(&lock) {
            edit.commit(vec![6]).unwrap();
            prop_assert!(matches!(document.read(), Reading::Present(value) if value == [6]));
        }
    }

    #[test]
    fn names_in_quarantine(names in names()) {
        let (_dir, root) = folder();
        let quarantine = Quarantine::in_folder(root.join("quarantine"));
        put(quarantine.folder(), &names);
        quarantine.list().unwrap();
        std::fs::write(root.join("x.json"), "bytes").unwrap();
        let kept = quarantine.take(&root.join("x.json"), Breaker::Overruled, Timestamp::now()).unwrap();
        prop_assert_eq!(std::fs::read(kept).unwrap(), b"bytes");
        quarantine.put("y", b"y", Breaker::Overruled, Timestamp::now()).unwrap();
    }
}

proptest! {
    // Damage is looked at twice, with a pause in between.
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn a_document(bytes in bytes()) {
        let (_dir, root) = folder();
        let document = document(&root);
        let lock = Lock::acquire(&root.join("lock"), Wait::default(), "test").unwrap();
        document.edit(&lock).unwrap().commit(vec![1]).unwrap();
        std::fs::write(document.path(), &bytes).unwrap();
        if let Some(lost) = document.lost().unwrap() {
            let quarantine = Quarantine::in_folder(root.join("quarantine"));
            let recovered = lost.recover(&lock, &[Source::Backup], &quarantine, Breaker::Obeyed).unwrap();
            prop_assert_eq!(recovered.value, Some(vec![1]));
            prop_assert_eq!(std::fs::read(recovered.quarantined.unwrap()).unwrap(), bytes);
        }
        document.edit(&lock).unwrap().commit(vec![2]).unwrap();
        prop_assert!(matches!(document.read(), Reading::Present(value) if value == [2]));
    }
}
