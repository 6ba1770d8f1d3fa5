//! The process that is cut off.

use std::io;
use std::process::Command;
use std::sync::Mutex;

use iapeer_statefile::{Deed, Verdict, intercept_steps};
use rustix::process::{Signal, getpid, kill_process};

use crate::operation::{OPERATIONS, Operation};
use crate::place::Place;

/// What tells a child that it is one.
pub(crate) const ARGUMENT: &str = "--child-of-the-crash-test";

/// How an operation ends at a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// It does not: the steps are counted.
    Count,
    /// SIGKILL before the step.
    Kill,
    /// SIGKILL when half of the bytes are written.
    TearAndKill,
    /// The step fails with an I/O error.
    InputOutput,
    /// The disk is full, and stays so; of a write, half of the bytes fit.
    DiskFull,
}

/// What became of a child.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It was killed before it could say anything.
    Killed,
    /// It said that it is done, and what the user should know.
    Done { warnings: Vec<String> },
    /// It said that there is nothing to do: what it should make is there, or what it should take is gone.
    Again,
    /// It said why it failed.
    Failed(String),
}

impl Way {
    const ALL: [Way; 5] = [Way::Count, Way::Kill, Way::TearAndKill, Way::InputOutput, Way::DiskFull];

    /// The ways to end at such a step.
    pub(crate) fn of(deed: &str) -> &'static [Way] {
        if deed.starts_with("Write") {
            &[Way::Kill, Way::TearAndKill, Way::InputOutput, Way::DiskFull]
        } else {
            &[Way::Kill, Way::InputOutput, Way::DiskFull]
        }
    }

    pub(crate) fn kills(self) -> bool {
        matches!(self, Way::Kill | Way::TearAndKill)
    }

    fn verdict(self) -> Verdict {
        match self {
            Way::Count => Verdict::Proceed,
            Way::Kill => Verdict::Fail(end()),
            Way::TearAndKill => Verdict::Tear(end),
            Way::InputOutput => Verdict::Fail(io::Error::from_raw_os_error(5)),
            Way::DiskFull => Verdict::Tear(full),
        }
    }
}

/// Runs an operation in a child that ends at step `n`; what became of it, and the steps that it took.
pub(crate) fn spawn(operation: &Operation, place: &Place, way: Way, n: usize) -> (Outcome, Vec<String>) {
    let ran = Command::new(std::env::current_exe().unwrap())
        .args([ARGUMENT, operation.name, place.folder.as_str(), &format!("{way:?}"), &n.to_string()])
        .output()
        .unwrap();
    let text = String::from_utf8(ran.stdout).unwrap();
    let Some((line, steps)) = text.split_once('\n') else {
        use std::os::unix::process::ExitStatusExt;
        let stderr = String::from_utf8_lossy(&ran.stderr);
        assert_eq!(ran.status.signal(), Some(9), "a child said nothing: {stderr}");
        return (Outcome::Killed, Vec::new());
    };
    let (word, rest) = line.split_once(' ').unwrap();
    let outcome = match word {
        "done" => Outcome::Done { warnings: serde_json::from_str(rest).unwrap() },
        "again" => Outcome::Again,
        "failed" => Outcome::Failed(rest.to_owned()),
        _ => panic!("what is {line:?}"),
    };
    (outcome, steps.lines().map(str::to_owned).collect())
}

/// What a child does: the operation, up to the step.
pub(crate) fn run(args: &[String]) {
    let [operation, folder, way, n] = args else { panic!("{args:?}") };
    let operation = OPERATIONS.iter().find(|o| o.name == *operation).unwrap();
    let way = Way::ALL.into_iter().find(|known| format!("{known:?}") == *way).unwrap();
    let (n, place) = (n.parse::<usize>().unwrap(), Place::at(folder.as_str().into()));
    let host = operation.host(&place);

    static STEPS: Mutex<Vec<String>> = Mutex::new(Vec::new());
    let below = place.folder.clone();
    intercept_steps(move |deed: Deed, path| {
        let mut steps = STEPS.lock().unwrap();
        steps.push(format!("{deed:?} {}", path.strip_prefix(&below).unwrap_or(path)));
        match steps.len() {
            at if at == n => way.verdict(),
            at if at > n && way == Way::DiskFull && needs_room(deed) => Verdict::Fail(full()),
            _ => Verdict::Proceed,
        }
    });
    let said = match operation.run(&place, &host) {
        Outcome::Done { warnings } => format!("done {}", serde_json::to_string(&warnings).unwrap()),
        Outcome::Again => "again ".to_owned(),
        Outcome::Failed(reason) => format!("failed {}", reason.replace('\n', " ")),
        Outcome::Killed => unreachable!("it would not be here"),
    };
    println!("{said}\n{}", STEPS.lock().unwrap().join("\n"));
}

fn needs_room(deed: Deed) -> bool {
    matches!(deed, Deed::Open | Deed::Write | Deed::Link | Deed::MakeFolder)
}

fn full() -> io::Error {
    io::Error::from_raw_os_error(28)
}

fn end() -> io::Error {
    kill_process(getpid(), Signal::KILL).unwrap();
    loop {
        std::thread::park();
    }
}
