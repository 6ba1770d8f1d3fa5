//! Files, locks, journals and documents on a real disk.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test sets the disk up by hand")]

use std::os::unix::fs::{PermissionsExt, symlink};
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use iapeer_statefile::*;

struct Folder(
    #[expect(dead_code, reason = "it is removed when this is dropped")] tempfile::TempDir,
    Utf8PathBuf,
);

fn folder() -> Folder {
    let dir = tempfile::tempdir().unwrap();
    let path = Utf8PathBuf::from_path_buf(dir.path().canonicalize().unwrap()).unwrap();
    Folder(dir, path)
}

impl std::ops::Deref for Folder {
    type Target = Utf8Path;
    fn deref(&self) -> &Utf8Path {
        &self.1
    }
}

fn names(folder: &Utf8Path) -> Vec<String> {
    let mut names: Vec<_> =
        folder.read_dir_utf8().unwrap().map(|e| e.unwrap().file_name().to_owned()).collect();
    names.sort();
    names
}

#[test]
fn reading_tells_absent_from_unreadable_and_never_blocks() {
    let f = folder();
    assert!(matches!(read_file(&f.join("no"), 10), Ok(None)));
    assert!(matches!(read_file(&f.join("no/no"), 10), Ok(None)));

    std::fs::write(f.join("ten"), "0123456789").unwrap();
    assert_eq!(read_file(&f.join("ten"), 10).unwrap().unwrap(), b"0123456789");
    assert!(matches!(read_file(&f.join("ten"), 9), Err(ReadError::TooLarge { limit: 9, .. })));
    assert!(matches!(read_file(&f.join("ten/no"), 9), Err(ReadError::Io { .. })), "a file is not a folder");

    assert!(matches!(read_file(&f, 9), Err(ReadError::NotRegular { found: "a folder", .. })));
    rustix::fs::mknodat(
        rustix::fs::CWD,
        f.join("fifo").as_std_path(),
        rustix::fs::FileType::Fifo,
        0o600.into(),
        0,
    )
    .unwrap();
    assert!(matches!(read_file(&f.join("fifo"), 9), Err(ReadError::NotRegular { found: "a FIFO", .. })));
    let _socket = std::os::unix::net::UnixListener::bind(f.join("socket")).unwrap();
    assert!(matches!(read_file(&f.join("socket"), 9), Err(ReadError::NotRegular { found: "a socket", .. })));

    symlink("nowhere", f.join("dangling")).unwrap();
    assert!(matches!(read_file(&f.join("dangling"), 9), Err(ReadError::DanglingLink { .. })));
    symlink("loop", f.join("loop")).unwrap();
    assert!(matches!(read_file(&f.join("loop"), 9), Err(ReadError::Io { .. })));
    symlink("ten", f.join("link")).unwrap();
    assert_eq!(read_file(&f.join("link"), 10).unwrap().unwrap().len(), 10, "links are followed for reading");
}

#[test]
fn a_file_that_comes_while_it_is_read_is_no_link() {
    let f = folder();
    let path = f.join("comes-and-goes");
    let reads = std::sync::atomic::AtomicU32::new(0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while reads.load(std::sync::atomic::Ordering::Relaxed) < 50_000 {
                std::fs::write(&path, "").unwrap();
                std::fs::remove_file(&path).unwrap();
            }
        });
        // Its failure must not keep the other one at it.
        let all = (0..50_000).map(|_| {
            reads.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            read_file(&path, 9)
        });
        let failed: Vec<_> = all.filter_map(Result::err).collect();
        assert!(failed.is_empty(), "{} times: {}", failed.len(), failed[0]);
    });
}

#[test]
fn writing_is_whole_private_and_follows_no_link() {
    let f = folder();
    let path = f.join("file");
    replace_file(&path, b"one").unwrap();
    replace_file(&path, b"two").unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), b"two");
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);

    assert_eq!(create_file(&path, b"three").unwrap(), Creation::AlreadyThere);
    assert_eq!(create_file(&f.join("new"), b"three").unwrap(), Creation::Created);
    assert_eq!(claim_file(&f.join("new")).unwrap(), Creation::AlreadyThere);
    assert_eq!(claim_file(&f.join("claim")).unwrap(), Creation::Created);

    symlink("file", f.join("link")).unwrap();
    assert!(matches!(replace_file(&f.join("link"), b"x"), Err(WriteError::SymbolicLink { .. })));
    assert_eq!(claim_file(&f.join("link")).unwrap(), Creation::AlreadyThere);
    assert_eq!(std::fs::read(&path).unwrap(), b"two", "what the link leads to is as it was");
    assert_eq!(remove_file(&f.join("link")).unwrap(), Removal::Removed);
    assert_eq!(remove_file(&f.join("link")).unwrap(), Removal::WasAbsent);

    ensure_dir(&f.join("a/b/c")).unwrap();
    assert_eq!(f.join("a/b").metadata().unwrap().permissions().mode() & 0o777, 0o700);
    assert!(matches!(ensure_dir(&path), Err(WriteError::WrongKind { wanted: "a folder", .. })));
    assert!(matches!(replace_file(&f.join("a"), b"x"), Err(WriteError::WrongKind { .. })));
    assert_eq!(names(&f), ["a", "claim", "file", "new"], "no temporary file is left behind");
}

#[test]
fn rewriting_keeps_the_permissions_that_were_there() {
    let f = folder();
    let path = f.join("settings");
    let mode = || path.metadata().unwrap().permissions().mode() & 0o7777;
    rewrite_file(&path, b"one").unwrap();
    assert_eq!(mode(), 0o600, "a new file is private");
    for kept in [0o644, 0o400, 0o770] {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(kept)).unwrap();
        rewrite_file(&path, format!("{kept:o}").as_bytes()).unwrap();
        assert_eq!(mode(), kept);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), format!("{kept:o}"));
    }
    symlink("settings", f.join("link")).unwrap();
    assert!(matches!(rewrite_file(&f.join("link"), b"x"), Err(WriteError::SymbolicLink { .. })));
    std::fs::create_dir(f.join("folder")).unwrap();
    assert!(matches!(rewrite_file(&f.join("folder"), b"x"), Err(WriteError::WrongKind { .. })));
    assert_eq!(names(&f), ["folder", "link", "settings"], "no temporary file is left behind");
}

#[test]
fn a_lock_is_waited_for_within_a_limit_and_names_its_holder() {
    let f = folder();
    let path = f.join("lock");
    let held = Lock::acquire(&path, Wait::Try, "the test").unwrap();
    let refused = Lock::acquire(&path, Wait::UpTo(Duration::from_millis(20)), "another").unwrap_err();
    assert!(refused.to_string().contains(&format!("the test (pid {}", std::process::id())), "{refused}");
    drop(held);
    assert!(path.exists(), "a lock file is never deleted");
    let _again = Lock::acquire(&path, Wait::Try, "the test").unwrap();
}

#[test]
fn many_writers_append_whole_lines_and_lose_none_to_rotation() {
    let f = folder();
    let journal = Journal::new(f.join("logs/x.log")).rotated(4096, 60);
    std::thread::scope(|scope| {
        for writer in 0..8 {
            let journal = &journal;
            scope.spawn(move || {
                for n in 0..50 {
                    let line = Line::new(Timestamp::now(), "e")
                        .field("writer", writer)
                        .field("n", n)
                        .field("pad", "x".repeat(200));
                    journal.append(&line).unwrap();
                }
            });
        }
    });
    let read = journal.read().unwrap();
    assert_eq!(read.unreadable_lines, 0);
    let mut seen: Vec<_> =
        read.entries.iter().map(|e| (e.get("writer").unwrap(), e.get("n").unwrap())).collect();
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), 400);
    assert!(f.join("logs/x.log.1").exists(), "it did rotate");
}

#[test]
fn a_torn_tail_costs_no_other_line() {
    let f = folder();
    let journal = Journal::new(f.join("x.log"));
    journal.append(&Line::new(Timestamp::now(), "whole")).unwrap();
    let mut bytes = std::fs::read(journal.path()).unwrap();
    let whole = bytes.len();
    let line = Line::new(Timestamp::now(), "torn").field("n", 12).field("text", "a \" b");
    bytes.extend_from_slice(line.render().as_bytes());
    // Also where a part of it would read like a whole one.
    for end in whole + 1..=bytes.len() {
        std::fs::write(journal.path(), &bytes[..end]).unwrap();
        assert_eq!(journal.read().unwrap().unreadable_lines, 1);
        journal.append(&Line::new(Timestamp::now(), "next")).unwrap();
        let read = journal.read().unwrap();
        assert_eq!(read.entries.iter().map(Entry::event).collect::<Vec<_>>(), ["whole", "next"]);
        assert_eq!(read.unreadable_lines, 1, "{}", String::from_utf8_lossy(&bytes[whole..end]));
    }
}

#[test]
fn the_last_line_of_a_kind_is_found_in_whichever_generation_it_is() {
    let f = folder();
    let journal = Journal::new(f.join("x.log")).rotated(400, 9);
    for n in 0..40 {
        let kind = if n % 10 == 3 { "rare" } else { "common" };
        journal.append(&Line::new(Timestamp::now(), kind).field("n", n)).unwrap();
    }
    assert!(f.join("x.log.3").exists(), "it did rotate");
    let last = |wanted: &dyn Fn(&Entry) -> bool| {
        journal.find_last(wanted).unwrap().map(|entry| entry.get("n").unwrap().to_owned())
    };
    assert_eq!(last(&|_| true).as_deref(), Some("39"));
    assert_eq!(last(&|entry| entry.event() == "rare").as_deref(), Some("33"));
    assert_eq!(last(&|entry| entry.get("n") == Some("0")).as_deref(), Some("0"));
    assert_eq!(last(&|entry| entry.event() == "none"), None);
    // A line that is on its way is none yet, and a torn one never was.
    let mut text = std::fs::read_to_string(journal.path()).unwrap();
    text.push_str("ts=2026-01-01T00:00:00.000Z ev=rare n=99");
    std::fs::write(journal.path(), text).unwrap();
    assert_eq!(last(&|entry| entry.event() == "rare").as_deref(), Some("33"));
}

/// A journal is read from its end in pieces of 16 KiB: lines that end at the edge of one, and that are longer.
#[test]
fn a_line_is_found_whole_wherever_it_lies() {
    let f = folder();
    let journal = Journal::new(f.join("x.log"));
    let line = |n: usize, len: usize| {
        let short = Line::new(Timestamp::now(), "x").field("n", n).field("pad", "").render();
        Line::new(Timestamp::now(), "x")
            .field("n", n)
            .field("pad", "p".repeat(len - short.len() + 1))
            .render()
    };
    for len in [16_382, 16_383, 16_384, 32_767, 40_000, 100_000, 4_095, 127] {
        // The first is looked for, so that all the others are passed on the way.
        let text: Vec<String> = (0..5).map(|n| line(n, len)).collect();
        std::fs::write(journal.path(), text.join("\n") + "\n").unwrap();
        for wanted in ["4", "2", "0"] {
            let found =
                journal.find_last(|entry| entry.get("n") == Some(wanted)).unwrap().expect("it is there");
            let read = journal.read().unwrap().entries;
            let same = read.iter().find(|entry| entry.get("n") == Some(wanted)).unwrap();
            assert_eq!(&found, same, "line {wanted} of {len} bytes");
        }
        assert!(journal.find_last(|entry| entry.get("n") == Some("5")).unwrap().is_none());
    }
}

/// A writer that meets another's line on its way sees a part of it, and marks what is whole by then.
#[test]
fn a_mark_after_a_whole_line_is_no_loss() {
    let f = folder();
    let journal = Journal::new(f.join("x.log"));
    let line = Line::new(Timestamp::now(), "whole").render();
    std::fs::write(journal.path(), format!("{line}\n torn\n{line}\n")).unwrap();
    let read = journal.read().unwrap();
    assert_eq!((read.entries.len(), read.unreadable_lines), (2, 0));
}

#[derive(Debug, Clone)]
struct Lines;

impl Format for Lines {
    type Value = Vec<u32>;
    fn parse(&self, bytes: &[u8]) -> Result<Parsed<Vec<u32>>, Fault> {
        let value: serde_json::Value = serde_json::from_slice(bytes).map_err(|e| Fault::syntax(&e))?;
        let list = value.as_array().ok_or_else(|| Fault::shape("not a list"))?;
        if let Some(found) = value.get(0).and_then(|v| v.get("version")).and_then(serde_json::Value::as_u64) {
            return Err(Fault::Newer { found, known: 1 });
        }
        let mut parsed = Parsed::whole(Vec::new());
        for (i, v) in list.iter().enumerate() {
            match v.as_u64().and_then(|n| u32::try_from(n).ok()) {
                Some(n) => parsed.value.push(n),
                None => parsed.bad.push(BadEntry { pointer: format!("/{i}"), reason: "not a number".into() }),
            }
        }
        Ok(parsed)
    }
    fn render(&self, value: &Vec<u32>) -> Vec<u8> {
        serde_json::to_vec(value).unwrap()
    }
}

#[test]
fn the_seven_readings_and_the_right_to_write() {
    let f = folder();
    let lock_path = f.join("x.lock");
    let document = Document::new(f.join("x.json"), Lines)
        .backed_up(Backups::in_folder(f.join("backups/x.json")), Absence::Loss);
    let lock = Lock::acquire(&lock_path, Wait::Try, "test").unwrap();
    let refused = |document: &Document<Lines>| document.edit(&lock).unwrap_err().to_string();

    assert!(matches!(document.read(), Reading::Fresh));
    document.edit(&lock).unwrap().commit(vec![1]).unwrap();
    assert!(matches!(document.read(), Reading::Present(v) if v == [1]));

    std::fs::remove_file(document.path()).unwrap();
    assert!(matches!(document.read(), Reading::Vanished));
    assert!(refused(&document).contains("is gone"));

    for (bytes, kind) in [
        (&b""[..], Corruption::Empty),
        (b" \n\0\0", Corruption::Empty),
        (b"[1, \xff]", Corruption::Encoding),
        (b"[1, ", Corruption::Syntax),
        (b"{}", Corruption::Shape),
        (b"<<<<<<< HEAD\n[1]\n=======\n[2]\n>>>>>>> b\n", Corruption::MergeConflict),
    ] {
        std::fs::write(document.path(), bytes).unwrap();
        assert!(
            matches!(document.read(), Reading::Corrupt { corruption, .. } if corruption == kind),
            "{bytes:?}"
        );
        assert!(refused(&document).contains("is damaged"));
        assert_eq!(std::fs::read(document.path()).unwrap(), bytes, "it is as it was");
    }

    std::fs::write(document.path(), "[{\"version\": 9}]").unwrap();
    assert!(matches!(document.read(), Reading::Newer { found: 9, known: 1 }));
    assert!(refused(&document).contains("schema 9"));

    std::fs::remove_file(document.path()).unwrap();
    std::fs::create_dir(document.path()).unwrap();
    assert!(matches!(document.read(), Reading::Unreadable(ReadError::NotRegular { .. })));
    std::fs::remove_dir(document.path()).unwrap();

    std::fs::write(document.path(), "[1, \"x\", 3]").unwrap();
    let Reading::Partial(value, bad) = document.read() else { panic!("not partial") };
    assert_eq!((value, bad[0].pointer.as_str()), (vec![1, 3], "/1"));
    document.edit(&lock).unwrap().commit(vec![1, 3]).unwrap();
    assert!(matches!(document.read(), Reading::Present(v) if v == [1, 3]));
}

/// What was written is not parsed again while it stands there; what somebody else wrote is, also without the lock.
#[test]
fn what_stands_there_counts_and_not_what_was_written() {
    let f = folder();
    let backups = Backups::in_folder(f.join("backups"));
    let document = Document::new(f.join("x.json"), Lines).backed_up(backups.clone(), Absence::Loss);
    let lock = Lock::acquire(&f.join("x.lock"), Wait::Try, "test").unwrap();
    let edit = || document.edit(&lock).unwrap();
    edit().commit(vec![1]).unwrap();
    assert_eq!(edit().value(), Some(&vec![1]));
    // What was read and not committed is read again.
    edit().commit(vec![1, 2]).unwrap();
    drop(edit());
    assert_eq!(edit().take_value(), Some(vec![1, 2]));
    edit().commit(vec![3]).unwrap();
    std::fs::write(document.path(), "[7, 8]").unwrap();
    assert_eq!(edit().value(), Some(&vec![7, 8]));
    edit().commit(vec![3]).unwrap();
    std::fs::write(document.path(), "[7, ").unwrap();
    assert!(matches!(document.edit(&lock), Err(StateFault::Corrupt { .. })));
    std::fs::remove_file(document.path()).unwrap();
    assert!(matches!(document.edit(&lock), Err(StateFault::Vanished { .. })));
    // The same once more makes no generation; what differs does, also right after it.
    std::fs::write(document.path(), "[9]").unwrap();
    let kept = |value: &[u32]| {
        edit().commit(value.to_vec()).unwrap();
        backups.list().unwrap()[0].number
    };
    let first = kept(&[5]);
    assert_eq!([kept(&[5]), kept(&[6]), kept(&[6]), kept(&[5])], [first, first + 1, first + 1, first + 2]);
}

#[test]
fn a_move_replaces_nothing_and_follows_no_link() {
    let f = folder();
    ensure_dir(&f.join("full/deep")).unwrap();
    std::fs::write(f.join("full/deep/file"), "kept").unwrap();
    ensure_dir(&f.join("empty")).unwrap();
    std::fs::write(f.join("file"), "a file").unwrap();
    symlink("nowhere", f.join("link")).unwrap();
    for (from, to) in [
        ("full", "empty"),
        ("full", "file"),
        ("file", "full/deep/file"),
        ("file", "link"),
        ("link", "new"),
        ("no", "new"),
    ] {
        let refused = move_path(&f.join(from), &f.join(to));
        assert!(refused.is_err(), "{from} to {to}");
        assert!(!f.join("new").exists());
    }
    let into_itself = move_path(&f.join("full"), &f.join("full/deep/full"));
    assert!(matches!(into_itself, Err(WriteError::Move { .. })), "{into_itself:?}");
    move_path(&f.join("full"), &f.join("moved")).unwrap();
    move_path(&f.join("file"), &f.join("moved/file")).unwrap();
    assert_eq!(names(&f), ["empty", "link", "moved"]);
    assert_eq!(std::fs::read(f.join("moved/deep/file")).unwrap(), b"kept");
    assert!(matches!(remove_file_durably(&f.join("moved/file")), Ok(Removal::Removed)));
    assert!(matches!(remove_file_durably(&f.join("moved/file")), Ok(Removal::WasAbsent)));
}

#[test]
fn a_forbidden_folder_is_refused_by_every_detour() {
    // The switch is process-wide, so the folder is one that no other test uses.
    let f = folder();
    let home = f.join("home");
    std::fs::create_dir(&home).unwrap();
    std::fs::write(home.join("kept"), "kept").unwrap();
    symlink(&home, f.join("detour")).unwrap();
    forbid_writes_under(&home);
    for path in
        [home.join("kept"), f.join("detour/kept"), home.join("new/deep/file"), f.join("x/../home/kept")]
    {
        assert!(matches!(replace_file(&path, b"x"), Err(WriteError::Forbidden { .. })), "{path}");
        assert!(matches!(remove_file(&path), Err(WriteError::Forbidden { .. })), "{path}");
        let moved = [move_path(&path, &f.join("new")), move_path(&f.join("new"), &path)];
        assert!(moved.iter().all(|m| matches!(m, Err(WriteError::Forbidden { .. }))), "{path}");
        assert!(matches!(ensure_dir(&path.join("y")), Err(WriteError::Forbidden { .. })), "{path}");
        assert!(Lock::acquire(&path, Wait::Try, "t").is_err(), "{path}");
        assert!(Journal::new(path.clone()).append(&Line::new(Timestamp::now(), "e")).is_err(), "{path}");
    }
    assert_eq!(std::fs::read(home.join("kept")).unwrap(), b"kept");
    replace_file(&f.join("beside"), b"x").unwrap();
}

#[test]
fn the_access_of_others_is_taken_from_files_and_folders_only() {
    let f = folder();
    let mode = |name: &str| f.join(name).symlink_metadata().unwrap().permissions().mode() & 0o777;
    std::fs::write(f.join("file"), "x").unwrap();
    std::fs::create_dir(f.join("folder")).unwrap();
    symlink("file", f.join("link")).unwrap();
    for (name, before, after) in
        [("file", 0o666, 0o600), ("file", 0o640, 0o600), ("file", 0o555, 0o500), ("folder", 0o755, 0o700)]
    {
        std::fs::set_permissions(f.join(name), std::fs::Permissions::from_mode(before)).unwrap();
        restrict_mode(&f.join(name)).unwrap();
        assert_eq!(mode(name), after, "{name} {before:o}");
    }
    std::fs::set_permissions(f.join("file"), std::fs::Permissions::from_mode(0o644)).unwrap();
    assert!(matches!(restrict_mode(&f.join("link")), Err(WriteError::SymbolicLink { .. })));
    assert_eq!(mode("file"), 0o644, "the link was followed");
    let _socket = std::os::unix::net::UnixListener::bind(f.join("socket")).unwrap();
    assert!(matches!(restrict_mode(&f.join("socket")), Err(WriteError::WrongKind { .. })));
    assert!(matches!(restrict_mode(&f.join("nothing")), Err(WriteError::Io { .. })));
}

#[test]
#[cfg(target_os = "linux")]
fn the_holder_of_a_lock_is_told_without_taking_it() {
    let f = folder();
    let (path, other) = (f.join("a.lock"), f.join("b.lock"));
    let holder = |path: &Utf8Path| HeldLocks::read().unwrap().expect("Linux tells").holder(path).unwrap();
    assert_eq!(holder(&path), None);
    assert!(!path.exists(), "the look made the file");
    drop(Lock::acquire(&other, Wait::Try, "somebody").unwrap());

    let lock = Lock::acquire(&path, Wait::Try, "a test").unwrap();
    let before = std::fs::read(&path).unwrap();
    let held = holder(&path).expect("it is held");
    assert_eq!((held.pid, held.by.as_deref()), (std::process::id(), Some("a test")));
    assert!(held.since.unwrap().parse::<Timestamp>().is_ok());
    assert_eq!(std::fs::read(&path).unwrap(), before);
    assert_eq!(holder(&other), None, "it was let go");
    drop(lock);
    assert_eq!(holder(&path), None);
}

#[test]
fn what_would_not_be_read_is_not_written() {
    let f = folder();
    let lock = Lock::acquire(&f.join("x.lock"), Wait::Try, "test").unwrap();
    let document = Document::new(f.join("x.json"), Lines);
    document.edit(&lock).unwrap().commit(vec![1]).unwrap();
    let error = document.edit(&lock).unwrap().commit(vec![u32::MAX; 2 << 20]).unwrap_err();
    assert!(error.to_string().contains("at most 16777216 are read"), "{error}");
    assert!(matches!(document.read(), Reading::Present(value) if value == [1]));
}
