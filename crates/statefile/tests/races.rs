//! Many writers, many readers, and a holder of a lock that is killed.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a test that starts itself as the processes that race"
)]

mod support;

use std::io::{self, BufRead, BufReader, Read};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use camino::Utf8Path;
use iapeer_statefile::*;
use support::Numbers;

/// The first argument of a child.
const CHILD: &str = "--act-as-child";

type Test = (&'static str, fn(&Utf8Path));

const TESTS: [Test; 6] = [
    ("race_of_64_processes", |root| processes(root, 64, 1)),
    ("race_of_8_processes_50_times", |root| processes(root, 8, 50)),
    ("race_of_50_threads", threads),
    ("race_of_a_reader_and_10000_commits", reader),
    ("race_of_journal_writers", journal_writers),
    ("race_after_a_killed_holder", killed_holder),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [CHILD, what, root, first, times] = arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        child(what, root.into(), first.parse().unwrap(), times.parse().unwrap());
        return ExitCode::SUCCESS;
    }
    let names = TESTS.map(|(name, _)| name);
    let chosen = support::chosen(&names, &arguments);
    for (name, test) in TESTS.into_iter().filter(|(name, _)| chosen.contains(name)) {
        let dir = folder();
        let start = Instant::now();
        test(Utf8Path::from_path(dir.path()).unwrap());
        println!("races: {name}: ok, {:.1?}", start.elapsed());
    }
    ExitCode::SUCCESS
}

/// In memory where that is possible: how long a disk takes to sync decides no race, only how long it lasts.
fn folder() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

fn document(root: &Utf8Path) -> Document<Numbers> {
    let backups = Backups::in_folder(root.join("backups/x.json"));
    Document::new(root.join("x.json"), Numbers).backed_up(backups, Absence::Loss)
}

fn lock(root: &Utf8Path, wait: Wait) -> Result<Lock, LockError> {
    Lock::acquire(&root.join("lock"), wait, "a racer")
}

fn journal(root: &Utf8Path) -> Journal {
    Journal::new(root.join("logs/x.log")).rotated(4096, 60)
}

/// Adds a number as every program does: lock, read again, change, commit. Gives how long the lock took.
fn add(root: &Utf8Path, n: u32) -> Duration {
    let document = document(root);
    let start = Instant::now();
    let lock = lock(root, Wait::default()).unwrap();
    let waited = start.elapsed();
    let mut edit = document.edit(&lock).unwrap();
    let mut numbers = edit.take_value().unwrap_or_default();
    numbers.push(n);
    edit.commit(numbers).unwrap();
    waited
}

fn all_are_there(root: &Utf8Path, count: u32) {
    let Reading::Present(mut numbers) = document(root).read() else { panic!("it is whole") };
    numbers.sort_unstable();
    assert_eq!(numbers, (0..count).collect::<Vec<_>>());
    assert_eq!(document(root).backups().unwrap().list().unwrap()[0].number, u64::from(count));
    assert_eq!(list_folder(root).unwrap(), ["backups", "lock", "x.json"]);
}

fn processes(root: &Utf8Path, count: u32, times: u32) {
    let longest = race("add", root, count, times);
    println!("races: the longest wait for the lock was {longest} ms");
    all_are_there(root, count * times);
}

fn threads(root: &Utf8Path) {
    std::thread::scope(|scope| (0..50).for_each(|n| drop(scope.spawn(move || add(root, n)))));
    all_are_there(root, 50);
}

fn journal_writers(root: &Utf8Path) {
    race("log", root, 8, 50);
    let read = journal(root).read().unwrap();
    assert_eq!(read.unreadable_lines, 0);
    let mut numbers: Vec<u32> = read.entries.iter().map(|e| e.get("n").unwrap().parse().unwrap()).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..400).collect::<Vec<_>>());
    assert!(root.join("logs/x.log.1").exists(), "it did rotate");
}

/// While a document is replaced 10,000 times, a reader sees whole values only, and none that is older than
/// one it has seen.
fn reader(root: &Utf8Path) {
    const WRITES: u32 = 10_000;
    let document = document(root);
    let lock = lock(root, Wait::Try).unwrap();
    let value = |n: u32| vec![n; 1 + n as usize % 500];
    document.edit(&lock).unwrap().commit(value(0)).unwrap();
    let done = AtomicBool::new(false);
    let watch = || {
        let (mut reads, mut last) = (0, 0);
        while !done.load(Ordering::Relaxed) {
            // The bytes of one read, not a reading: that one would read twice before it believes in damage.
            let bytes = read_file(document.path(), 1 << 20).unwrap().expect("it is never missing");
            let read = document.parse(&bytes).expect("it is never torn").value;
            assert_eq!(read, value(read[0]), "it is never mixed");
            assert!(read[0] >= last, "it never goes back");
            (reads, last) = (reads + 1, read[0]);
        }
        reads
    };
    let reads: u64 = std::thread::scope(|scope| {
        let reader = scope.spawn(watch);
        for n in 1..=WRITES {
            document.edit(&lock).unwrap().commit(value(n)).unwrap();
        }
        done.store(true, Ordering::Relaxed);
        reader.join().unwrap()
    });
    println!("races: {reads} reads during {WRITES} commits");
    assert!(reads > 0);
}

fn killed_holder(root: &Utf8Path) {
    let mut holder = start("hold", root, 0, 0, Stdio::null());
    let mut said = String::new();
    BufReader::new(holder.stdout.take().unwrap()).read_line(&mut said).unwrap();
    assert_eq!(said, "held\n");
    assert!(matches!(lock(root, Wait::Try), Err(LockError::Held { .. })));
    // SIGKILL: it has no time to let go of anything.
    holder.kill().unwrap();
    holder.wait().unwrap();
    drop(lock(root, Wait::Try).unwrap());
}

/// Lets `count` children start at one moment; all succeed. Gives the longest wait that one tells, in
/// milliseconds.
fn race(what: &str, root: &Utf8Path, count: u32, times: u32) -> u64 {
    // They start at the end of their input, which is one pipe for all of them.
    let (gate, holder) = io::pipe().unwrap();
    let start_one = |n| start(what, root, n * times, times, gate.try_clone().unwrap().into());
    let children: Vec<Child> = (0..count).map(start_one).collect();
    drop(holder);
    let longest = children.into_iter().map(|child| {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap().trim().parse().unwrap()
    });
    longest.max().unwrap()
}

fn start(what: &str, root: &Utf8Path, first: u32, times: u32, stdin: Stdio) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args([CHILD, what, root.as_str(), &first.to_string(), &times.to_string()])
        .stdin(stdin)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

fn child(what: &str, root: &Utf8Path, first: u32, times: u32) {
    if what == "hold" {
        let _held = lock(root, Wait::Try).unwrap();
        println!("held");
        // Until it is killed.
        loop {
            std::thread::park();
        }
    }
    io::stdin().read_to_end(&mut Vec::new()).unwrap();
    let mut longest = Duration::ZERO;
    for n in first..first + times {
        match what {
            "add" => longest = longest.max(add(root, n)),
            _ => {
                let line = Line::new(Timestamp::now(), "e").field("n", n).field("pad", "x".repeat(200));
                journal(root).append(&line).unwrap();
            }
        }
    }
    println!("{}", longest.as_millis());
}
