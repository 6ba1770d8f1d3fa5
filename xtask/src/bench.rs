//! What a commit, the provider's commands, watching a server, a pass of the supervisor and `doctor` cost, each figure beside what it is
//! measured against, in the same run.
//! A bench prints and judges nothing: it fails only when something does not work.

use std::fs;
use std::path::Path;
use std::time::Instant;

use duct::cmd;
use serde_json::json;

use crate::Findings;
use crate::repository;
use crate::run::cargo_aloud;

const PEERS: usize = 100;
const JOBS: usize = 16;
const RUNS: usize = 15;

pub(crate) fn bench(arguments: &[String]) -> Result<(), Findings> {
    crate::no_arguments(arguments)?;
    let bench = |package, name| cargo_aloud(&["bench", "--quiet", "--package", package, "--bench", name]);
    bench("iapeer-registry", "commits")
        .and_then(|()| bench("iapeer-provision-exec", "spawn"))
        .and_then(|()| bench("iapeer-canary", "deaths"))
        .and_then(|()| with_peers())
        .map_err(|finding| vec![finding])
}

/// A host with many peers, on which the rest is measured.
fn with_peers() -> Result<(), String> {
    cargo_aloud(&["build", "--quiet", "--release", "--package", "iapeer"])?;
    let program = repository::workspace()?.target.join("release/iapeer");
    let folder = tempfile::tempdir().map_err(|e| format!("cannot make a temporary folder: {e}"))?;
    let root = folder.path().join("root");
    let iapeer = |arguments: &[&str]| {
        cmd(&program, arguments)
            .env("IAPEER_ROOT", &root)
            .env("IAPEER_TEST_SANDBOX", "1")
            .stdin_null()
            .stdout_null()
            .run()
            .map(drop)
            .map_err(|e| format!("iapeer {}: {e}", arguments.join(" ")))
    };
    println!("\npreparing {PEERS} peers");
    for n in 0..PEERS {
        iapeer(&["create", &format!("p{n}"), "--runtime", "shell"])?;
    }
    doctor(&iapeer)?;
    let passes = passes(&iapeer);
    // Whatever became of that, nothing is left running.
    let ended: Result<Vec<()>, _> = (0..PEERS).map(|n| iapeer(&["stop", &format!("p{n}")])).collect();
    passes.and(ended)?;
    sweep(&root, &iapeer)
}

/// A pass of the supervisor over sessions that run, beside one over none.
fn passes(iapeer: &impl Fn(&[&str]) -> Result<(), String>) -> Result<(), String> {
    let pass = || median(|| iapeer(&["supervise", "--once"]));
    let nobody = pass()?;
    println!("supervise --once, median of {RUNS} runs\n  {:.1} ms over no session", nobody * 1000.0);
    let mut live = 0;
    for sessions in [10, PEERS] {
        for n in live..sessions {
            iapeer(&["launch", &format!("p{n}")])?;
        }
        live = sessions;
        let whole = pass()?;
        let each = (whole - nobody) / sessions as f64;
        println!("  {:.1} ms over {sessions} that run, {:.2} ms for each", whole * 1000.0, each * 1000.0);
    }
    Ok(())
}

/// `doctor` over many peers, beside the time of a program that does nothing.
fn doctor(iapeer: &impl Fn(&[&str]) -> Result<(), String>) -> Result<(), String> {
    let empty = || cmd("true", [""; 0]).run().map(drop).map_err(|e| format!("true: {e}"));
    let (whole, nothing) = (median(|| iapeer(&["doctor"]))?, median(empty)?);
    println!("doctor, {PEERS} peers, median of {RUNS} runs");
    println!(
        "  {:.1} ms, {:.1} times the {:.1} ms of an empty program",
        whole * 1000.0,
        whole / nothing,
        nothing * 1000.0
    );
    Ok(())
}

/// The middle one of the times that so many runs took, in seconds.
fn median(mut run: impl FnMut() -> Result<(), String>) -> Result<f64, String> {
    let mut times = Vec::new();
    for _ in 0..RUNS {
        let start = Instant::now();
        run()?;
        times.push(start.elapsed().as_secs_f64());
    }
    times.sort_by(f64::total_cmp);
    Ok(times[RUNS / 2])
}

/// `memory-plugin on --all` over many peers with a provider that takes a second, beside the time that so
/// many seconds take, `JOBS` at a time.
fn sweep(root: &Path, iapeer: &impl Fn(&[&str]) -> Result<(), String>) -> Result<(), String> {
    println!("memory-plugin on --all --jobs {JOBS}, {PEERS} peers");
    for (what, script, rounds) in [
        ("a provider that takes 1 s", "sleep 1", PEERS.div_ceil(JOBS)),
        ("a provider that takes no time", ":", 0),
    ] {
        take_slot(root, script)?;
        let start = Instant::now();
        iapeer(&["memory-plugin", "on", "--all", "--jobs", &JOBS.to_string()])?;
        let seconds = start.elapsed().as_secs_f64();
        let ratio = match rounds {
            0 => String::new(),
            _ => format!(", {:.2} times the {rounds} s of the commands alone", seconds / rounds as f64),
        };
        println!("  {what}: {seconds:.2} s{ratio}");
    }
    Ok(())
}

fn take_slot(root: &Path, script: &str) -> Result<(), String> {
    let provision = json!({ "command": "/bin/sh", "args": ["-c", script] });
    let slot = json!({ "provider": "bench", "package": "bench", "version": "1", "provision": provision });
    fs::write(root.join("memory-provider.json"), slot.to_string()).map_err(|e| e.to_string())
}
