//! Full disks, read-only ones, and state on two of them: what was there stays, and the error names path and
//! reason.
//!
//! Each test runs in a mount namespace of its own (`unshare`), in which it mounts small file systems; they go
//! with it. Where that is not allowed, it says so, and a limit on file sizes stands in for the full disk.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test that starts itself where it may mount"
)]

mod support;

use std::error::Error;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, ExitCode};

use camino::Utf8Path;
use iapeer_statefile::*;
use support::Numbers;

/// The first argument of a child.
const CHILD: &str = "--act-as-child";

/// Runs a program in a mount namespace, as who may mount there.
const UNSHARE: [&str; 4] = ["unshare", "--map-root-user", "--mount", "--"];

/// Runs a program for which a file of more than 16 blocks of 512 bytes is an error, as the signal is ignored.
const LIMIT: [&str; 4] = ["sh", "-c", "trap '' XFSZ; ulimit -f 16; exec \"$0\" \"$@\"", ""];

/// Name, what starts it, and what it does.
type Test = (&'static str, &'static [&'static str], fn(&Utf8Path));

const TESTS: [Test; 5] = [
    ("trouble_full_disk", &UNSHARE, full_disk),
    ("trouble_full_disk_at_every_size", &UNSHARE, full_at_every_size),
    ("trouble_read_only", &UNSHARE, read_only),
    ("trouble_quarantine_elsewhere", &UNSHARE, quarantine_elsewhere),
    ("trouble_file_size_limit", &LIMIT, file_size_limit),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [CHILD, name, root] = arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        let (_, _, test) = TESTS.into_iter().find(|(known, ..)| *known == name).unwrap();
        test(root.into());
        return ExitCode::SUCCESS;
    }
    let chosen = support::chosen(&TESTS.map(|(name, ..)| name), &arguments);
    let may_mount = runs(&UNSHARE, &["mount", "-t", "tmpfs", "none", "/mnt"]);
    let mut failed = false;
    for (name, prefix, _) in TESTS.into_iter().filter(|(name, ..)| chosen.contains(name)) {
        if prefix == UNSHARE && !may_mount {
            eprintln!("trouble: {name}: not tried, because nothing can be mounted here");
            continue;
        }
        let dir = tempfile::tempdir().unwrap();
        let program = std::env::current_exe().unwrap();
        let ok = runs(prefix, &[program.to_str().unwrap(), CHILD, name, dir.path().to_str().unwrap()]);
        println!("trouble: {name}: {}", if ok { "ok" } else { "failed" });
        failed |= !ok;
    }
    ExitCode::from(u8::from(failed))
}

fn runs(prefix: &[&str], command: &[&str]) -> bool {
    // What stands for the name of a shell script's program is the program itself.
    let words: Vec<_> = prefix.iter().chain(command).filter(|word| !word.is_empty()).collect();
    Command::new(words[0]).args(&words[1..]).status().is_ok_and(|status| status.success())
}

fn mount(folder: &Utf8Path, options: &str) {
    std::fs::create_dir_all(folder).unwrap();
    assert!(runs(&["mount", "-t", "tmpfs", "-o", options, "none", folder.as_str()], &[]));
}

fn document(root: &Utf8Path) -> Document<Numbers> {
    let backups = Backups::in_folder(root.join("backups/x.json"));
    Document::new(root.join("x.json"), Numbers).backed_up(backups, Absence::Loss)
}

fn commit(root: &Utf8Path, value: &[u32]) -> Result<(), Box<dyn Error>> {
    // Beside the folder, as one that cannot be written has no lock, either.
    let lock = Lock::acquire(&root.with_extension("lock"), Wait::Try, "test")?;
    Ok(document(root).edit(&lock)?.commit(value.to_vec())?)
}

fn recover(root: &Utf8Path, quarantine: &Quarantine) -> Result<(), Box<dyn Error>> {
    let lock = Lock::acquire(&root.with_extension("lock"), Wait::Try, "test")?;
    let document = document(root);
    let lost = document.lost()?.expect("it is lost");
    Ok(lost.recover(&lock, &[Source::Backup], quarantine, Breaker::Obeyed).map(drop)?)
}

fn value(root: &Utf8Path) -> Vec<u32> {
    match document(root).read() {
        Reading::Present(value) => value,
        other => panic!("{other:?}"),
    }
}

fn event(name: &str) -> Line {
    Line::new(Timestamp::now(), name).field("pad", "x".repeat(100))
}

/// The error names a path under `root`, and the reason.
fn refused<T>(result: Result<T, impl Into<Box<dyn Error>>>, root: &Utf8Path, reason: &str) {
    let Err(e) = result else { panic!("it was not refused: {reason}") };
    let text = with_causes(&*e.into());
    assert!(text.contains(root.as_str()) && text.contains(reason), "{text}");
    assert_eq!(text.matches(reason).count(), 1, "once: {text}");
}

fn fill(root: &Utf8Path) {
    // The last write fails, when everything is full.
    let _ = std::fs::write(root.join("filler"), vec![b'x'; 1 << 20]);
}

fn full_disk(dir: &Utf8Path) {
    const FULL: &str = "No space left on device";
    let root = dir.join("state");
    mount(&root, "size=128k,mode=700");
    let journal = Journal::new(root.join("x.log"));
    let quarantine = Quarantine::in_folder(root.join("quarantine"));
    let large = vec![1; 5000];
    commit(&root, &[1]).unwrap();
    commit(&root, &[2]).unwrap();
    journal.append(&event("before")).unwrap();
    ensure_dir(quarantine.folder()).unwrap();
    fill(&root);

    refused(commit(&root, &large), &root, FULL);
    refused(replace_file(&root.join("x.json"), b"[3]"), &root, FULL);
    refused(rewrite_file(&root.join("x.json"), b"[3]"), &root, FULL);
    refused(create_file(&root.join("new"), b"new"), &root, FULL);
    assert!(!root.join("new").exists());
    assert_eq!(value(&root), [2]);
    // There may be room for some lines in the last block of the journal.
    let fitted = (0..200).take_while(|n| journal.append(&event(&format!("n{n}"))).is_ok()).count();
    let error = journal.append(&event("lost")).unwrap_err();
    let text = with_causes(&error);
    assert!(text.contains("x.log") && (text.contains(FULL) || text.contains("fitted into")), "{text}");
    // Removal works, and is the way out.
    let damaged = b"[1, 2, dam";
    std::fs::remove_file(root.join("filler")).unwrap();
    std::fs::write(root.join("x.json"), damaged).unwrap();
    fill(&root);
    for _ in 0..4 {
        refused(recover(&root, &quarantine), &root, FULL);
        assert_eq!(std::fs::read(root.join("x.json")).unwrap(), damaged, "it is as it was");
    }
    refused(quarantine.put("y", b"bytes", Breaker::Obeyed, Timestamp::now()), &root, FULL);
    assert_eq!(remove_file(&root.join("filler")).unwrap(), Removal::Removed);

    recover(&root, &quarantine).unwrap();
    assert_eq!(value(&root), [2]);
    let pieces = quarantine.list().unwrap();
    assert_eq!(pieces.len(), 1, "what could not be mended at once does not count again");
    assert_eq!(std::fs::read(&pieces[0].path).unwrap(), damaged);
    commit(&root, &large).unwrap();
    journal.append(&event("after")).unwrap();
    let read = journal.read().unwrap();
    let events: Vec<_> = read.entries.iter().map(Entry::event).collect();
    assert_eq!((events[0], events[fitted + 1], events.len()), ("before", "after", fitted + 2));
    assert!(read.unreadable_lines <= 1);
    let hidden = |entry: &std::fs::DirEntry| entry.file_name().to_string_lossy().ends_with(".tmp");
    assert_eq!(std::fs::read_dir(&root).unwrap().filter(|e| hidden(e.as_ref().unwrap())).count(), 0);
}

fn full_at_every_size(dir: &Utf8Path) {
    // From "nothing fits" to "all fits", one page at a time.
    let large = vec![1234; 2000];
    let mut succeeded = 0;
    for pages in 0..12 {
        let root = dir.join(format!("state-{pages}"));
        mount(&root, "size=128k,mode=700");
        commit(&root, &[1]).unwrap();
        fill(&root);
        let filler = std::fs::File::options().write(true).open(root.join("filler")).unwrap();
        let full = filler.metadata().unwrap().len();
        filler.set_len(full - pages * 4096).unwrap();
        match commit(&root, &large) {
            Ok(()) => {
                succeeded += 1;
                assert_eq!(value(&root), large);
            }
            Err(e) => {
                assert_eq!(succeeded, 0, "it fitted into less: {e}");
                assert_eq!(value(&root), [1]);
            }
        }
        drop(filler);
        std::fs::remove_file(root.join("filler")).unwrap();
        commit(&root, &[2]).unwrap();
        assert_eq!(value(&root), [2]);
    }
    assert!((1..12).contains(&succeeded), "{succeeded}");
}

fn read_only(dir: &Utf8Path) {
    const READ_ONLY: &str = "Read-only file system";
    let root = dir.join("state");
    mount(&root, "size=1m,mode=700");
    let journal = Journal::new(root.join("x.log"));
    let quarantine = Quarantine::in_folder(root.join("quarantine"));
    commit(&root, &[1]).unwrap();
    journal.append(&event("before")).unwrap();
    drop(Lock::acquire(&root.join("lock"), Wait::Try, "test").unwrap());
    assert!(runs(&["mount", "-o", "remount,ro", root.as_str()], &[]));

    let path = root.join("x.json");
    refused(commit(&root, &[2]), &root, READ_ONLY);
    refused(replace_file(&path, b"[2]"), &root, READ_ONLY);
    refused(create_file(&root.join("new"), b"new"), &root, READ_ONLY);
    refused(claim_file(&root.join("new")), &root, READ_ONLY);
    refused(remove_file(&path), &root, READ_ONLY);
    refused(rename_file(&path, &root.join("y.json")), &root, READ_ONLY);
    refused(ensure_dir(&root.join("folder")), &root, READ_ONLY);
    refused(journal.append(&event("lost")), &root, READ_ONLY);
    refused(Lock::acquire(&root.join("lock"), Wait::Try, "test"), &root, READ_ONLY);
    refused(quarantine.take(&path, Breaker::Obeyed, Timestamp::now()), &root, READ_ONLY);
    assert_eq!(value(&root), [1], "reading works");
    assert_eq!(journal.read().unwrap().entries.len(), 1);

    assert!(runs(&["mount", "-o", "remount,rw", root.as_str()], &[]));
    commit(&root, &[2]).unwrap();
    assert_eq!(value(&root), [2]);
}

fn quarantine_elsewhere(dir: &Utf8Path) {
    let root = dir.join("state");
    std::fs::create_dir(&root).unwrap();
    let quarantine = Quarantine::in_folder(root.join("quarantine"));
    mount(quarantine.folder(), "size=64k,mode=700");

    let damaged = b"[1, 2, dam";
    commit(&root, &[1]).unwrap();
    std::fs::write(root.join("x.json"), damaged).unwrap();
    std::fs::set_permissions(root.join("x.json"), std::fs::Permissions::from_mode(0o644)).unwrap();
    recover(&root, &quarantine).unwrap();
    assert_eq!(value(&root), [1]);
    let pieces = quarantine.list().unwrap();
    assert_eq!(std::fs::read(&pieces[0].path).unwrap(), damaged);
    assert_eq!(pieces[0].path.metadata().unwrap().permissions().mode() & 0o777, 0o600);

    let other = root.join("other");
    std::fs::write(&other, "bytes").unwrap();
    let taken = quarantine.take(&other, Breaker::Obeyed, Timestamp::now()).unwrap();
    assert_eq!(std::fs::read(&taken).unwrap(), b"bytes");
    assert!(!other.exists(), "what is copied whole may go");

    // What cannot be copied stays.
    std::fs::write(&other, vec![b'x'; 1 << 20]).unwrap();
    let full = "No space left on device";
    refused(quarantine.take(&other, Breaker::Obeyed, Timestamp::now()), quarantine.folder(), full);
    assert_eq!(other.metadata().unwrap().len(), 1 << 20);
    // Nor is a file read into memory that is larger than all that a quarantine may hold.
    std::fs::File::options().write(true).open(&other).unwrap().set_len(1 << 40).unwrap();
    let too_large = "is larger than 67108864 bytes";
    refused(quarantine.take(&other, Breaker::Obeyed, Timestamp::now()), &root, too_large);

    let to = quarantine.folder().join("other");
    refused(rename_file(&other, &to), &other, "Invalid cross-device link");
    assert!(other.exists() && !to.exists());
}

fn file_size_limit(root: &Utf8Path) {
    let small = vec![1; 1000];
    commit(root, &small).unwrap();
    let too_large = "File too large";
    refused(commit(root, &vec![1; 10_000]), root, too_large);
    assert_eq!(value(root), small);
    refused(replace_file(&root.join("x.json"), &[b'x'; 10_000]), root, too_large);
    assert_eq!(value(root), small);
    let journal = Journal::new(root.join("x.log"));
    let appended = (0..500).take_while(|_| journal.append(&event("e")).is_ok()).count();
    assert!((10..400).contains(&appended), "{appended}");
    let read = journal.read().unwrap();
    assert_eq!(read.entries.len(), appended);
    assert!(read.unreadable_lines <= 1);
    commit(root, &[2]).unwrap();
    assert_eq!(value(root), [2]);
}
