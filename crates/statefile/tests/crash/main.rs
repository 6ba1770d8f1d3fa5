//! Cuts a writer off at each of its steps, in each way, and looks at what the next one finds.
//!
//! For each scenario a child counts the steps. Then, for each step and each way of going wrong, a fresh child
//! acts on a fresh copy of the prepared folder and is stopped there.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test that starts itself as the child that it ends"
)]

mod scenarios;
#[path = "../support/mod.rs"]
mod support;

use std::io::{self, Write};
use std::os::unix::process::ExitStatusExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::{Command, ExitCode, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use camino::{Utf8Path, Utf8PathBuf};
use iapeer_statefile::{Deed, Verdict, intercept_steps, with_causes};
use rustix::io::Errno;
use rustix::process::{Signal, getpid, kill_process};

use scenarios::{SCENARIOS, Scenario};

/// The first argument of a child.
const CHILD: &str = "--act-as-child";

/// How a step goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// SIGKILL before it.
    Killed,
    /// It fails once.
    Eio,
    /// It fails, and so does from then on whatever needs room.
    Full,
    /// SIGKILL when half is written.
    TornKilled,
    /// Half is written, then it fails.
    TornEio,
}

impl Way {
    const ALL: [Way; 5] = [Way::Killed, Way::Eio, Way::Full, Way::TornKilled, Way::TornEio];

    fn kills(self) -> bool {
        matches!(self, Way::Killed | Way::TornKilled)
    }

    fn fits(self, deed: &str) -> bool {
        deed == "Write" || !matches!(self, Way::TornKilled | Way::TornEio)
    }
}

/// How a child ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// It said that it was done.
    Acknowledged,
    /// It said that it failed.
    Failed,
    /// It was killed before it said anything.
    Killed,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [CHILD, scenario, folder, step, way] = arguments.iter().map(String::as_str).collect::<Vec<_>>()[..]
    {
        return child(scenario, folder.into(), step, way);
    }
    if support::chosen(&["crash_at_every_step"], &arguments).is_empty() {
        return ExitCode::SUCCESS;
    }
    // A failed check is reported with its point; where in the test it was says the message.
    let failures = AtomicUsize::new(0);
    let (tried, next) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some(scenario) = SCENARIOS.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let (points, failed) = every_step(scenario);
                    println!("crash: {}: {points} points", scenario.name);
                    tried.fetch_add(points, Ordering::Relaxed);
                    failures.fetch_add(failed, Ordering::Relaxed);
                }
            });
        }
    });
    let failures = failures.into_inner();
    println!("crash: {} points in {} scenarios, {failures} failures", tried.into_inner(), SCENARIOS.len());
    ExitCode::from(u8::from(failures > 0))
}

/// Tries every point of a scenario; gives how many there were and how many failed.
fn every_step(scenario: &Scenario) -> (usize, usize) {
    let dir = tempfile::tempdir().unwrap();
    let folder = Utf8Path::from_path(dir.path()).unwrap();
    let prepared = folder.join("prepared");
    std::fs::create_dir(&prepared).unwrap();
    (scenario.prepare)(&prepared);

    let deeds = count(scenario, &prepared, &folder.join("counted"));
    let (mut tried, mut failed) = (0, 0);
    for (step, deed) in deeds.iter().enumerate() {
        for way in Way::ALL.into_iter().filter(|way| way.fits(deed)) {
            tried += 1;
            let root = folder.join(format!("{step}-{way:?}"));
            let outcome = catch_unwind(AssertUnwindSafe(|| point(scenario, &prepared, &root, step, way)));
            if outcome.is_err() {
                failed += 1;
                let place = format!("step {step} ({deed}) of {}, {way:?}", deeds.len());
                eprintln!("crash: {}: failed at {place}; steps: {deeds:?}", scenario.name);
            }
        }
    }
    let writes = deeds.iter().filter(|deed| *deed == "Write").count();
    assert_eq!(tried, 3 * deeds.len() + 2 * writes, "all of them");
    (tried, failed)
}

/// The deeds of a run in which nothing goes wrong, in order.
fn count(scenario: &Scenario, prepared: &Utf8Path, root: &Utf8Path) -> Vec<String> {
    copy(prepared, root);
    let output = start(scenario, root, "none", "none");
    assert!(output.status.success(), "{}: {output:?}", scenario.name);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.ends_with("done\n"), "{}: {text}", scenario.name);
    (scenario.check)(root, End::Acknowledged);
    let deeds: Vec<_> =
        text.lines().filter_map(|line| line.strip_prefix("step ")).map(str::to_owned).collect();
    // Else a step that is not announced would go untried, and nobody would know.
    assert_eq!(deeds.join(" "), scenario.deeds, "the steps of {}", scenario.name);
    deeds
}

fn point(scenario: &Scenario, prepared: &Utf8Path, root: &Utf8Path, step: usize, way: Way) {
    copy(prepared, root);
    let output = start(scenario, root, &step.to_string(), &format!("{way:?}"));
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    assert!(text.contains("here\n"), "the step was not reached: {output:?}");
    let end = match (output.status.signal(), text.lines().last()) {
        (Some(9), _) => End::Killed,
        (None, Some("done")) => End::Acknowledged,
        (None, Some(line)) if line.starts_with("failed: ") => {
            assert!(line.contains(root.as_str()), "an error names the path: {line}");
            assert!(line.contains("os error"), "an error tells the reason: {line}");
            End::Failed
        }
        _ => panic!("{output:?}"),
    };
    assert_eq!(end == End::Killed, way.kills(), "{output:?}");
    let left = files(root).into_iter().filter(|path| is_temporary(path)).count();
    // A kill leaves what is staged, and a generation that is being written.
    assert!(left <= 2 * usize::from(way.kills()), "an error leaves no temporary file behind");
    (scenario.check)(root, end);
    for path in files(root) {
        assert!(is_temporary(&path) || !path.as_str().ends_with(".tmp"), "leftovers are hidden: {path}");
    }
    std::fs::remove_dir_all(root).unwrap();
}

fn start(scenario: &Scenario, root: &Utf8Path, step: &str, way: &str) -> Output {
    Command::new(std::env::current_exe().unwrap())
        .args([CHILD, scenario.name, root.as_str(), step, way])
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn child(scenario: &str, root: Utf8PathBuf, step: &str, way: &str) -> ExitCode {
    let scenario = SCENARIOS.iter().find(|s| s.name == scenario).unwrap();
    let fatal: Option<usize> = step.parse().ok();
    let way = Way::ALL.into_iter().find(|w| format!("{w:?}") == way);
    let taken = AtomicUsize::new(0);
    intercept_steps(move |deed, _| {
        let step = taken.fetch_add(1, Ordering::Relaxed);
        let (Some(fatal), Some(way)) = (fatal, way) else {
            say(&format!("step {deed:?}"));
            return Verdict::Proceed;
        };
        if step == fatal {
            say("here");
        }
        let needs_room = matches!(deed, Deed::Open | Deed::Write | Deed::Link | Deed::MakeFolder);
        match way {
            Way::Killed if step == fatal => Verdict::Fail(die()),
            Way::Eio if step == fatal => Verdict::Fail(eio()),
            Way::Full if step == fatal || (step > fatal && needs_room) => Verdict::Fail(Errno::NOSPC.into()),
            Way::TornKilled if step == fatal => Verdict::Tear(die),
            Way::TornEio if step == fatal => Verdict::Tear(eio),
            _ => Verdict::Proceed,
        }
    });
    match (scenario.act)(&root) {
        Ok(()) => say("done"),
        Err(e) => say(&format!("failed: {}", with_causes(&*e))),
    }
    ExitCode::SUCCESS
}

/// Says it at once: who is killed next has no time for a buffer.
fn say(line: &str) {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).unwrap();
}

fn die() -> io::Error {
    kill_process(getpid(), Signal::KILL).unwrap();
    // The signal is on its way.
    loop {
        std::thread::park();
    }
}

fn eio() -> io::Error {
    Errno::IO.into()
}

fn copy(from: &Utf8Path, to: &Utf8Path) {
    std::fs::create_dir(to).unwrap();
    for entry in from.read_dir_utf8().unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), &target).unwrap();
        }
    }
}

fn files(folder: &Utf8Path) -> Vec<Utf8PathBuf> {
    let mut all = Vec::new();
    for entry in folder.read_dir_utf8().unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            all.extend(files(entry.path()));
        } else {
            all.push(entry.path().to_owned());
        }
    }
    all
}

fn is_temporary(path: &Utf8Path) -> bool {
    path.file_name().is_some_and(|name| name.starts_with('.') && name.ends_with(".tmp"))
}
