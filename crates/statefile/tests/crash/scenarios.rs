//! What is done, and what must hold however it ended.

use std::error::Error;

use camino::Utf8Path;
use iapeer_statefile::*;

use crate::End;
use crate::support::Numbers;

pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    /// The steps that it takes when nothing goes wrong.
    pub(crate) deeds: &'static str,
    /// Fills an empty folder, in which nothing goes wrong.
    pub(crate) prepare: fn(&Utf8Path),
    /// What is cut off.
    pub(crate) act: fn(&Utf8Path) -> Done,
    /// Looks at what is left, and goes on from there.
    pub(crate) check: fn(&Utf8Path, End),
}

type Done = Result<(), Box<dyn Error>>;

pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "first commit",
        deeds: "Open Write Open Write MakeFolder MakeFolder Open Write Link Sync Rename Sync",
        prepare: |_| {},
        act: |root| commit(root, &NEW),
        check: |root, end| {
            let reading = document(root).read();
            match reading {
                Reading::Fresh => assert_ne!(end, End::Acknowledged),
                // Its generation came first, and it is what comes back.
                Reading::Vanished => {
                    assert_ne!(end, End::Acknowledged);
                    assert_eq!(recover(root).unwrap().value.as_deref(), Some(&NEW[..]));
                }
                other => assert_eq!(present(other), NEW),
            }
            next_commit(root);
        },
    },
    Scenario {
        name: "later commit",
        deeds: "Open Write Open Write Open Write Link Sync Rename Sync",
        prepare: |root| commits(root, 2),
        act: |root| commit(root, &NEW),
        check: |root, end| old_or_new(root, end, 2),
    },
    Scenario {
        name: "commit that lets go of a generation",
        deeds: "Open Write Open Write Open Rename Write Rename Sync Rename Sync",
        prepare: |root| commits(root, 7),
        act: |root| commit(root, &NEW),
        check: |root, end| {
            let kept = backups(root).list().unwrap().len();
            // A commit that fails takes its own generation back, when an older one has gone for it.
            assert!((4..=6).contains(&kept), "{kept} generations");
            old_or_new(root, end, 7);
            assert_eq!(backups(root).list().unwrap().len(), 5, "the next commit catches up");
        },
    },
    Scenario {
        name: "recovery of a damaged document",
        deeds: "Open Write MakeFolder Link Sync Open Write Open Write Link Sync Rename Sync",
        prepare: |root| {
            commits(root, 2);
            // The newest generation has these bytes, too.
            std::fs::write(&backups(root).list().unwrap()[0].path, DAMAGED).unwrap();
            std::fs::write(document(root).path(), DAMAGED).unwrap();
        },
        act: |root| recover(root).map(drop),
        check: |root, end| mended(root, end, &[1]),
    },
    Scenario {
        name: "recovery of a damaged document without generations",
        deeds: "Open Write MakeFolder Link Sync Open Write Sync Rename Sync",
        prepare: |root| std::fs::write(document(root).path(), DAMAGED).unwrap(),
        act: |root| rebuild(root).map(drop),
        check: |root, end| {
            match bare(root).read() {
                Reading::Corrupt { .. } => {
                    assert_ne!(end, End::Acknowledged);
                    rebuild(root).unwrap();
                }
                other => assert_eq!(present(other), NEW),
            }
            assert_eq!(present(bare(root).read()), NEW);
            kept_once(root);
        },
    },
    Scenario {
        name: "recovery of a vanished document",
        deeds: "Open Write Open Write Sync Rename Sync",
        prepare: |root| {
            commits(root, 3);
            std::fs::remove_file(document(root).path()).unwrap();
        },
        act: |root| recover(root).map(drop),
        check: |root, end| {
            match document(root).read() {
                Reading::Vanished => {
                    assert_ne!(end, End::Acknowledged);
                    recover(root).unwrap();
                }
                other => assert_eq!(present(other), [3]),
            }
            assert_eq!(present(document(root).read()), [3]);
            next_commit(root);
        },
    },
    Scenario {
        name: "first line of a journal",
        deeds: "MakeFolder Open Write Sync Sync",
        prepare: |_| {},
        act: |root| append(root, 100),
        check: |root, end| lines(root, end, 0..0),
    },
    Scenario {
        name: "later line of a journal",
        deeds: "Open Write Sync",
        prepare: |root| (0..3).for_each(|n| append(root, n).unwrap()),
        act: |root| append(root, 100),
        check: |root, end| lines(root, end, 0..3),
    },
    Scenario {
        name: "rotation of a journal",
        deeds: "Open Write Rename Rename Rename Open Write Sync Sync",
        prepare: |root| (0..16).for_each(|n| append(root, n).unwrap()),
        act: |root| append(root, 100),
        // The oldest generation, of four lines, is what a rotation lets go of.
        check: |root, end| lines(root, end, 4..16),
    },
    Scenario {
        name: "rotation of a journal with a gap",
        deeds: "Open Write Rename Rename Open Write Sync Sync",
        prepare: |root| {
            (0..16).for_each(|n| append(root, n).unwrap());
            // As a rotation leaves it that was cut off before its second step.
            std::fs::rename(root.join("logs/x.log.2"), root.join("logs/x.log.3")).unwrap();
        },
        act: |root| append(root, 100),
        check: |root, end| lines(root, end, 4..16),
    },
    Scenario {
        name: "new file",
        deeds: "Open Write Sync Link Sync",
        prepare: |_| {},
        act: |root| Ok(create_file(&root.join("new"), CONTENT).map(drop)?),
        check: |root, end| {
            let path = root.join("new");
            match read_file(&path, 99).unwrap() {
                Some(bytes) => assert_eq!(bytes, CONTENT),
                None => {
                    assert_ne!(end, End::Acknowledged);
                    assert_eq!(create_file(&path, CONTENT).unwrap(), Creation::Created);
                }
            }
            assert_eq!(create_file(&path, b"other").unwrap(), Creation::AlreadyThere);
            assert_eq!(read_file(&path, 99).unwrap().unwrap(), CONTENT);
        },
    },
    Scenario {
        name: "file of somebody else",
        deeds: "Open Write Sync Mode Rename Sync",
        prepare: |root| std::fs::write(root.join("settings"), "old").unwrap(),
        act: |root| Ok(rewrite_file(&root.join("settings"), CONTENT)?),
        check: |root, end| {
            let path = root.join("settings");
            let bytes = std::fs::read(&path).unwrap();
            assert!(bytes == CONTENT || (bytes == b"old" && end != End::Acknowledged), "{bytes:?}");
            rewrite_file(&path, b"next").unwrap();
            assert_eq!(std::fs::read(&path).unwrap(), b"next");
        },
    },
    Scenario {
        name: "first lock",
        deeds: "Open Write",
        prepare: |_| {},
        act: lock_and_leave,
        check: |root, _| drop(lock(root).unwrap()),
    },
    Scenario {
        name: "later lock",
        deeds: "Open Write",
        prepare: |root| drop(Lock::acquire(&root.join("lock"), Wait::Try, &"long ".repeat(50)).unwrap()),
        act: lock_and_leave,
        check: |root, _| {
            let _held = lock(root).unwrap();
            let other = Lock::acquire(&root.join("lock"), Wait::Try, "other").unwrap_err().to_string();
            assert!(other.contains("is locked by test (pid "), "{other}");
        },
    },
];

const NEW: [u32; 3] = [7, 8, 9];
const DAMAGED: &[u8] = b"[1, 2, dam";
const CONTENT: &[u8] = b"the whole content";

fn bare(root: &Utf8Path) -> Document<Numbers> {
    Document::new(root.join("x.json"), Numbers)
}

fn document(root: &Utf8Path) -> Document<Numbers> {
    bare(root).backed_up(backups(root), Absence::Loss)
}

fn backups(root: &Utf8Path) -> Backups {
    Backups::in_folder(root.join("backups/x.json"))
}

/// Not without waiting: a child of another thread has what this process has open until it is executed.
fn lock(root: &Utf8Path) -> Result<Lock, LockError> {
    Lock::acquire(&root.join("lock"), Wait::default(), "test")
}

fn lock_and_leave(root: &Utf8Path) -> Done {
    Ok(lock(root).map(drop)?)
}

fn commit(root: &Utf8Path, value: &[u32]) -> Done {
    let (document, lock) = (document(root), lock(root)?);
    Ok(document.edit(&lock)?.commit(value.to_vec())?)
}

fn commits(root: &Utf8Path, last: u32) {
    (1..=last).for_each(|n| commit(root, &[n]).unwrap());
}

fn present(reading: Reading<Vec<u32>>) -> Vec<u32> {
    match reading {
        Reading::Present(value) => value,
        other => panic!("{other:?}"),
    }
}

fn old_or_new(root: &Utf8Path, end: End, old: u32) {
    let value = present(document(root).read());
    assert!(value == NEW || (value == [old] && end != End::Acknowledged), "{value:?}");
    next_commit(root);
}

/// The next writer works, and what it writes can be taken back.
fn next_commit(root: &Utf8Path) {
    commit(root, &[42]).unwrap();
    assert_eq!(present(document(root).read()), [42]);
    let kept = backups(root).list().unwrap();
    assert_eq!(std::fs::read(&kept[0].path).unwrap(), b"[42]");
    assert_eq!(list_folder(backups(root).folder()).unwrap().len(), kept.len(), "nothing else is there");
}

fn quarantine(root: &Utf8Path) -> Quarantine {
    Quarantine::in_folder(root.join("quarantine"))
}

fn recover(root: &Utf8Path) -> Result<Recovered<Vec<u32>>, Box<dyn Error>> {
    let (document, lock) = (document(root), lock(root)?);
    let lost = document.lost()?.expect("it is lost");
    Ok(lost.recover(&lock, &[Source::Backup], &quarantine(root), Breaker::Obeyed)?)
}

fn rebuild(root: &Utf8Path) -> Result<Recovered<Vec<u32>>, Box<dyn Error>> {
    let (document, lock) = (bare(root), lock(root)?);
    let lost = document.lost()?.expect("it is lost");
    let with = |_: Option<Vec<u32>>, bytes: Option<&[u8]>| bytes.map(|_| NEW.to_vec());
    let order = [Source::Rebuild { what: "the bytes", with: &with }];
    Ok(lost.recover(&lock, &order, &quarantine(root), Breaker::Obeyed)?)
}

fn mended(root: &Utf8Path, end: End, value: &[u32]) {
    match document(root).read() {
        Reading::Corrupt { .. } => {
            assert_ne!(end, End::Acknowledged);
            recover(root).unwrap();
        }
        other => assert_eq!(present(other), value),
    }
    assert_eq!(present(document(root).read()), value);
    kept_once(root);
    next_commit(root);
}

/// What is damaged was kept, and a mend that was cut off does not count twice.
fn kept_once(root: &Utf8Path) {
    let pieces = quarantine(root).list().unwrap();
    assert_eq!(pieces.len(), 1, "{pieces:?}");
    assert_eq!(std::fs::read(&pieces[0].path).unwrap(), DAMAGED);
}

/// Four lines fit into a generation.
fn journal(root: &Utf8Path) -> Journal {
    Journal::new(root.join("logs/x.log")).rotated(4 * 53, 3)
}

fn append(root: &Utf8Path, n: u32) -> Done {
    let at: Timestamp = "2026-11-21T01:02:03.004Z".parse()?;
    Ok(journal(root).append(&Line::new(at, "event").field("n", format!("{n:013}")))?)
}

fn numbers(root: &Utf8Path) -> (Vec<u32>, u64) {
    let read = journal(root).read().unwrap();
    (read.entries.iter().map(|e| e.get("n").unwrap().parse().unwrap()).collect(), read.unreadable_lines)
}

fn lines(root: &Utf8Path, end: End, before: std::ops::Range<u32>) {
    let (read, unreadable) = numbers(root);
    assert!(unreadable <= 1, "{unreadable} unreadable lines");
    let times = |read: &[u32], n: u32| read.iter().filter(|m| **m == n).count();
    let whole = |read: &[u32]| {
        for n in before.clone() {
            assert_eq!(times(read, n), 1, "line {n} in {read:?}");
        }
    };
    whole(&read);
    let new = times(&read, 100);
    assert!(new == 1 || (new == 0 && end != End::Acknowledged), "{read:?}");
    append(root, 200).unwrap();
    let (read, unreadable_now) = numbers(root);
    whole(&read);
    assert_eq!((times(&read, 100), times(&read, 200), unreadable_now), (new, 1, unreadable));
    let left = crate::files(root);
    assert!(left.len() <= 5, "the journal, three generations and a lock: {left:?}");
}
