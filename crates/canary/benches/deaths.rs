//! How soon a death is on record, and what it costs to watch: the witness under `/bin/sh` on a lifeline, and
//! the watcher inside a program.
//!
//! `cargo bench -p iapeer-canary`. It prints and judges nothing. The servers are plain processes; what is
//! timed is from the SIGKILL until the record stands in the journal, as a reader without patience sees it.

#![expect(clippy::print_stdout, reason = "a bench prints")]
#![expect(
    clippy::disallowed_methods,
    reason = "it starts servers to kill them, and waits for what it starts"
)]

use std::error::Error;
use std::io::pipe;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use camino::Utf8Path;
use iapeer_canary::{
    Armed, Canary, Incarnation, Liveness, Places, Seen, Signal, Subject, Watch, Watcher, send,
};

const DEATHS: usize = 100;
const FLEET: u32 = 100;
/// What the protocol before this one waited until it wrote, in milliseconds.
const BEFORE: f64 = 2000.0;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

struct Server {
    child: Child,
    subject: Subject,
    lifeline: Option<std::io::PipeReader>,
}

fn main() -> Result<()> {
    println!("from SIGKILL to the record, {DEATHS} deaths");
    println!(
        "  {:<32} {:>10} {:>10} {:>10}  compared with the {BEFORE:.0} ms before",
        "", "p50", "p99", "max"
    );
    latency("witness alone (sh, lifeline)", |canary, server| {
        let lifeline = server.lifeline.take().ok_or("a lifeline")?;
        armed(canary, server, Watch::Lifeline(lifeline.into())).map(|_| None)
    })?;
    latency("watcher alone", |canary, server| watched(canary, server).map(Some))?;
    latency("witness and watcher", |canary, server| {
        let lifeline = server.lifeline.take().ok_or("a lifeline")?;
        armed(canary, server, Watch::Lifeline(lifeline.into()))?;
        watched(canary, server).map(Some)
    })?;
    println!("\nper watched server, of {FLEET}");
    println!("  {:<32} {:>10} {:>10}", "", "kB (PSS)", "processes");
    let witness = cost_of_witnesses()?;
    let watcher = cost_of_watcher()?;
    println!("  {:<32} {witness:>10.1} {:>10}", "witness (sh, lifeline)", 1);
    println!(
        "  {:<32} {watcher:>10.1} {:>10}  {:.0} times less",
        "watcher, one thread for all",
        0,
        witness / watcher.max(0.01)
    );
    Ok(())
}

/// The seconds-long things of a death, forensics above all, are over before the next one.
fn latency(
    what: &str,
    watch: impl Fn(&Arc<Canary>, &mut Server) -> Result<Option<(Watcher, std::sync::mpsc::Receiver<Seen>)>>,
) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let canary = Arc::new(canary(folder.path())?);
    let mut times = Vec::new();
    for number in 0..DEATHS {
        let mut server = server(&format!("server-{number}"))?;
        let watcher = watch(&canary, &mut server)?;
        let death = server.subject.death();
        // A witness looks once more, 50 ms after it began, whether it is the only one; then it is at rest.
        std::thread::sleep(Duration::from_millis(150));
        let start = Instant::now();
        send(&server.subject.server, Signal::KILL)?;
        let journal = &canary.places().exits_log;
        while !std::fs::read_to_string(journal).is_ok_and(|text| is_whole(&text, &death)) {
            if start.elapsed() > Duration::from_secs(10) {
                return Err(format!("{what}: no record of {death}").into());
            }
            std::thread::sleep(Duration::from_micros(50));
        }
        times.push(start.elapsed().as_secs_f64() * 1000.0);
        if let Some((watcher, _)) = watcher {
            watcher.stop()?;
        }
        server.child.wait()?;
        at_rest(&canary, &death)?;
    }
    times.sort_by(f64::total_cmp);
    let (p50, p99) = (times[DEATHS / 2], times[DEATHS * 99 / 100 - 1]);
    let max = times[DEATHS - 1];
    println!("  {what:<32} {p50:>7.2} ms {p99:>7.2} ms {max:>7.2} ms  {:.0} times sooner", BEFORE / p50);
    Ok(())
}

fn is_whole(journal: &str, death: &str) -> bool {
    journal.lines().any(|line| line.contains(&format!(" death={death} ")) && line.ends_with(" end=1"))
}

/// Waits until the forensics are there, so that one death does not slow down the next.
fn at_rest(canary: &Canary, death: &str) -> Result<()> {
    let file = canary.places().forensics.join(format!("{death}.txt"));
    let part = canary.places().forensics.join(format!("{death}.txt.part"));
    let start = Instant::now();
    while part.exists() || !std::fs::read_to_string(&file).is_ok_and(|text| text.ends_with("--- end\n")) {
        if start.elapsed() > Duration::from_secs(60) {
            return Err(format!("no forensics of {death}").into());
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}

/// The memory of one witness among many, in kB.
fn cost_of_witnesses() -> Result<f64> {
    let folder = tempfile::tempdir()?;
    let canary = canary(folder.path())?;
    let (mut servers, mut total) = (Vec::new(), 0.0);
    let mut recorders = Vec::new();
    for number in 0..FLEET {
        let mut server = server(&format!("server-{number}"))?;
        let lifeline = server.lifeline.take().ok_or("a lifeline")?;
        recorders.push(armed(&canary, &server, Watch::Lifeline(lifeline.into()))?);
        servers.push(server);
    }
    // Each looks once more, a moment after it began, whether it is the only one.
    std::thread::sleep(Duration::from_millis(500));
    for recorder in &recorders {
        total += pss(*recorder)?;
    }
    // Nothing here is to be recorded: the witnesses go first.
    for recorder in recorders {
        let Some(recorder) = Incarnation::of(recorder)? else { continue };
        send(&recorder, Signal::KILL)?;
        while recorder.state() == Liveness::Alive {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    end(servers)?;
    Ok(total / f64::from(FLEET))
}

/// By how much this process grows for each server that it watches, the thread and all, in kB. What the kernel
/// keeps for a descriptor is not in it.
fn cost_of_watcher() -> Result<f64> {
    let folder = tempfile::tempdir()?;
    let canary = Arc::new(canary(folder.path())?);
    let servers = (0..FLEET).map(|number| server(&format!("server-{number}"))).collect::<Result<Vec<_>>>()?;
    let before = pss(std::process::id())?;
    let (watcher, _seen) = Watcher::start(Arc::clone(&canary))?;
    for server in &servers {
        watcher.add(&server.subject)?;
    }
    let after = pss(std::process::id())?;
    watcher.stop()?;
    end(servers)?;
    Ok((after - before) / f64::from(FLEET))
}

fn pss(pid: u32) -> Result<f64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:")).ok_or("no Pss")?;
    Ok(line.trim().trim_end_matches("kB").trim().parse()?)
}

fn armed(canary: &Canary, server: &Server, watch: Watch) -> Result<u32> {
    match canary.arm(&server.subject, watch) {
        Armed::Spawned { recorder_pid } => Ok(recorder_pid),
        other => Err(format!("not armed: {other:?}").into()),
    }
}

fn watched(canary: &Arc<Canary>, server: &Server) -> Result<(Watcher, std::sync::mpsc::Receiver<Seen>)> {
    let (watcher, seen) = Watcher::start(Arc::clone(canary))?;
    watcher.add(&server.subject)?;
    Ok((watcher, seen))
}

fn server(identity: &str) -> Result<Server> {
    let (reader, writer) = pipe()?;
    let mut command = Command::new("sleep");
    let child = command.arg("600").stdin(Stdio::null()).stdout(writer).spawn()?;
    let incarnation = Incarnation::of(child.id())?.ok_or("it lives")?;
    Ok(Server { child, subject: Subject::new(identity, incarnation), lifeline: Some(reader) })
}

fn end(servers: Vec<Server>) -> Result<()> {
    for mut server in servers {
        server.child.kill()?;
        server.child.wait()?;
    }
    Ok(())
}

fn canary(folder: &std::path::Path) -> Result<Canary> {
    let root = Utf8Path::from_path(folder).ok_or("a UTF-8 path")?;
    Ok(Canary::new(Places {
        state: root.join("state"),
        forensics: root.join("server-deaths"),
        exits_log: root.join("exits.log"),
        lifecycle_log: root.join("lifecycle.log"),
    }))
}
