//! What a whole process takes: wall time, processor time with that of the processes it waited for, and its peak
//! of memory.
//!
//! The kernel adds the figures of all children of a process up, so each run has a parent of its own: this
//! program, which starts one program and says what that took. A child begins with the peak of its parent, so
//! that no peak below that of this small one shows.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use nix::sys::resource::{UsageWho, getrusage};
use serde_json::{Value, json};

/// The argument with which this program is the parent of one run.
pub(super) const PARENT: &str = "parent-of";

/// What is done before each run and not measured, told the number of the run.
type Before<'a> = Box<dyn Fn(usize) -> Result<(), String> + 'a>;

/// Something that is measured.
pub(super) struct Candidate<'a> {
    program: PathBuf,
    arguments: Box<dyn Fn(usize) -> Vec<String> + 'a>,
    root: PathBuf,
    before: Before<'a>,
}

/// What one run took: seconds, seconds, MiB.
#[derive(Clone, Copy)]
struct Sample {
    wall: f64,
    cpu: f64,
    peak: f64,
}

/// What the runs of one candidate took; times in milliseconds, memory in MiB.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Figures {
    pub(super) runs: usize,
    pub(super) wall: f64,
    pub(super) wall_p99: f64,
    pub(super) cpu: f64,
    pub(super) peak: f64,
}

impl Figures {
    /// Of times alone, in milliseconds.
    pub(super) fn of_wall(times: &[f64]) -> Figures {
        let mut wall = times.to_vec();
        wall.sort_by(f64::total_cmp);
        let (median, p99) = (quantile(&wall, 50), quantile(&wall, 99));
        Figures { runs: wall.len(), wall: median, wall_p99: p99, cpu: 0.0, peak: 0.0 }
    }
}

impl<'a> Candidate<'a> {
    /// A program that is run as it is each time.
    pub(super) fn new(program: &Path, arguments: &[&str], root: &Path) -> Candidate<'a> {
        let arguments: Vec<String> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        Candidate {
            program: program.to_owned(),
            arguments: Box::new(move |_| arguments.clone()),
            root: root.to_owned(),
            before: Box::new(|_| Ok(())),
        }
    }

    /// With other arguments each time.
    pub(super) fn with(self, arguments: impl Fn(usize) -> Vec<String> + 'a) -> Candidate<'a> {
        Candidate { arguments: Box::new(arguments), ..self }
    }

    /// With something to do before each run.
    pub(super) fn before(self, before: impl Fn(usize) -> Result<(), String> + 'a) -> Candidate<'a> {
        Candidate { before: Box::new(before), ..self }
    }

    fn run(&self, number: usize) -> Result<Sample, String> {
        (self.before)(number)?;
        let arguments = (self.arguments)(number);
        let line = format!("{} {}", self.program.display(), arguments.join(" "));
        let this = env::current_exe().map_err(|e| format!("where this program is cannot be told: {e}"))?;
        let output = Command::new(this)
            .args(["bench", PARENT])
            .arg(&self.program)
            .args(arguments)
            .envs(environment(&self.root))
            .stdin(Stdio::null())
            .output()
            .map_err(|e| format!("`{line}`: {e}"))?;
        let told = || {
            let value: Value = serde_json::from_slice(&output.stdout).ok()?;
            let number = |key: &str| value[key].as_f64();
            Some(Sample { wall: number("wall")?, cpu: number("cpu")?, peak: number("peak")? })
        };
        let failed = || format!("`{line}` failed: {}", String::from_utf8_lossy(&output.stderr).trim());
        if output.status.success() { told().ok_or_else(failed) } else { Err(failed()) }
    }
}

/// What every run of ours has in its environment.
pub(super) fn environment(root: &Path) -> [(&'static str, PathBuf); 4] {
    [
        ("IAPEER_ROOT", root.to_owned()),
        ("IAPEER_TEST_SANDBOX", "1".into()),
        // A second runtime for peers that switch between two; it is never started.
        ("IAPEER_CODEX_BIN", "/bin/true".into()),
        // Who is killed again and again is launched all the same.
        ("IAPEER_CRASHLOOP_MAX", "1000".into()),
    ]
}

/// Runs every candidate so many times, in turn, so that all see the same machine.
pub(super) fn in_turn(candidates: &[Candidate<'_>], runs: usize) -> Result<Vec<Figures>, String> {
    let mut samples = vec![Vec::new(); candidates.len()];
    // The first run finds nothing in the caches, and is not counted.
    for number in 0..=runs {
        for (candidate, samples) in candidates.iter().zip(&mut samples) {
            let sample = candidate.run(number)?;
            if number > 0 {
                samples.push(sample);
            }
        }
    }
    Ok(samples.iter().map(|samples| figures(samples)).collect())
}

fn figures(samples: &[Sample]) -> Figures {
    let sorted = |what: fn(&Sample) -> f64| {
        let mut values: Vec<f64> = samples.iter().map(what).collect();
        values.sort_by(f64::total_cmp);
        values
    };
    let (wall, cpu) = (sorted(|s| s.wall * 1000.0), sorted(|s| s.cpu * 1000.0));
    Figures {
        runs: samples.len(),
        wall: quantile(&wall, 50),
        wall_p99: quantile(&wall, 99),
        cpu: quantile(&cpu, 50),
        peak: sorted(|s| s.peak).last().copied().unwrap_or(0.0),
    }
}

/// The value below which so many of a hundred sorted ones are.
pub(super) fn quantile(sorted: &[f64], percent: usize) -> f64 {
    let last = sorted.len().saturating_sub(1);
    sorted.get((sorted.len() * percent / 100).min(last)).copied().unwrap_or(0.0)
}

/// Runs one program and prints what it took. Its output goes nowhere, its complaints where ours go.
pub(super) fn parent_of(command: &[String]) -> Result<(), String> {
    let Some((program, arguments)) = command.split_first() else { return Err("no program".to_owned()) };
    let start = Instant::now();
    let status = Command::new(program).args(arguments).stdout(Stdio::null()).status();
    let wall = start.elapsed().as_secs_f64();
    let status = status.map_err(|e| format!("{program}: {e}"))?;
    if !status.success() {
        return Err(format!("{program} ended with {status}"));
    }
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).map_err(|e| format!("what it took: {e}"))?;
    let seconds = |time: nix::sys::time::TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
    let cpu = seconds(usage.user_time()) + seconds(usage.system_time());
    // Linux counts in KiB, macOS in bytes.
    let unit = if cfg!(target_os = "macos") { 1024.0 * 1024.0 } else { 1024.0 };
    println!("{}", json!({ "wall": wall, "cpu": cpu, "peak": usage.max_rss() as f64 / unit }));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_one_of_the_values() {
        let hundred: Vec<f64> = (1..=100).map(f64::from).collect();
        for (values, percent, wanted) in [
            (&hundred[..], 50, 51.0),
            (&hundred[..], 99, 100.0),
            (&hundred[..1], 99, 1.0),
            (&[1.0, 2.0, 9.0][..], 50, 2.0),
            (&[][..], 50, 0.0),
        ] {
            assert_eq!(quantile(values, percent), wanted, "{percent} of {}", values.len());
        }
    }
}
