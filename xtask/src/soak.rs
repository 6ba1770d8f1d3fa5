//! A fleet that is launched, killed, stopped, started and put to sleep at random for a while, under a supervisor
//! that is itself ended at random; then it is looked at whether everything holds that must.

mod place;

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::Findings;
use crate::fleet::{Fleet, Random};
use place::{Place, end_process, sample};

/// So many commands run at a time.
const WORKERS: usize = 3;
/// How long the fleet has to come to rest.
const REST: Duration = Duration::from_secs(60);

/// One number of a sample.
type Measure = fn(&Sample) -> u64;

/// What was asked for.
struct Wanted {
    minutes: u64,
    peers: usize,
    /// With the same one the same things are tried, as far as the machine lets them.
    seed: u64,
}

/// What one worker did.
#[derive(Default)]
struct Tally {
    launched: u64,
    stopped: u64,
    started: u64,
    programs_killed: u64,
    killed: Vec<(String, u32)>,
    failures: Vec<String>,
}

/// What a supervisor uses.
#[derive(Clone, Copy)]
pub(super) struct Sample {
    pub(super) pss_kib: u64,
    pub(super) descriptors: u64,
}

pub(crate) fn soak(arguments: &[String]) -> Result<(), Findings> {
    let wanted = parse(arguments).map_err(|finding| vec![finding])?;
    crate::run::cargo_aloud(&["build", "--quiet", "--release", "--package", "iapeer"])
        .map_err(|e| vec![e])?;
    let place = Place::new().map_err(|e| vec![e])?;
    let findings = run(&place, &wanted);
    match findings.is_empty() {
        true => Ok(()),
        false => Err(findings),
    }
}

fn parse(arguments: &[String]) -> Result<Wanted, String> {
    let mut wanted = Wanted { minutes: 15, peers: 30, seed: std::process::id().into() };
    let mut rest = arguments.iter();
    while let Some(flag) = rest.next() {
        let number = rest.next().and_then(|number| number.parse::<u64>().ok()).filter(|number| *number > 0);
        match (flag.as_str(), number) {
            ("--minutes", Some(minutes)) => wanted.minutes = minutes,
            ("--peers", Some(peers)) => wanted.peers = usize::try_from(peers).map_err(|e| e.to_string())?,
            ("--seed", Some(seed)) => wanted.seed = seed,
            _ => return Err(format!("takes --minutes M, --seed S and --peers N, got {arguments:?}")),
        }
    }
    Ok(wanted)
}

fn run(place: &Place, wanted: &Wanted) -> Findings {
    let seed = wanted.seed;
    println!(
        "{} peers for {} minutes in {}, seed {seed}",
        wanted.peers,
        wanted.minutes,
        place.folder().display()
    );
    let peers: Vec<_> = (0..wanted.peers).map(|n| format!("p{n}")).collect();
    for peer in &peers {
        place.ask(&["create", peer, "--runtime", "shell"]);
    }
    let (over, time) = (AtomicBool::new(false), Duration::from_secs(60 * wanted.minutes));
    let (tallies, (restarts, samples)) = thread::scope(|scope| {
        let workers: Vec<_> = (0..WORKERS)
            .map(|n| {
                let (ours, over) = (peers.iter().skip(n).step_by(WORKERS).collect::<Vec<_>>(), &over);
                scope.spawn(move || work(place, &ours, Random::new(seed + 2 * n as u64), over))
            })
            .collect();
        let supervised = supervise(place, time, Random::new(seed + 99));
        over.store(true, Ordering::Relaxed);
        (workers.into_iter().map(|worker| worker.join().unwrap_or_default()).collect::<Vec<_>>(), supervised)
    });
    let total = |of: fn(&Tally) -> u64| tallies.iter().map(of).sum::<u64>();
    let killed: Vec<_> = tallies.iter().flat_map(|tally| tally.killed.clone()).collect();
    println!(
        "{} launches, {} stops, {} starts, {} servers and {} programs killed, {restarts} supervisors ended",
        total(|t| t.launched),
        total(|t| t.stopped),
        total(|t| t.started),
        killed.len(),
        total(|t| t.programs_killed),
    );
    let mut findings: Findings = tallies.into_iter().flat_map(|tally| tally.failures).collect();
    findings.extend(growth(&samples));
    findings.extend(at_rest(place, &killed));
    findings.extend(place.end(&peers));
    println!("{} findings", findings.len());
    findings
}

/// Does things to some peers, which nobody else touches, so that what must be on record is known.
fn work(place: &Place, peers: &[&String], mut random: Random, over: &AtomicBool) -> Tally {
    let mut tally = Tally::default();
    while !over.load(Ordering::Relaxed) && !peers.is_empty() {
        let peer = peers[usize::try_from(random.below(peers.len() as u64)).unwrap_or(0)].as_str();
        match random.below(10) {
            0 => {
                place.ask(&["stop", peer]);
                tally.stopped += 1;
            }
            1 | 2 => {
                place.ask(&["start", peer]);
                tally.started += 1;
            }
            chance => {
                let launched = place.ask(&["launch", peer]);
                tally.launched += 1;
                // A stopped one is refused, and so is one at which the supervisor is.
                let Some(server) = pid(&launched["server_pid"]) else {
                    let kind = &launched["error"]["kind"];
                    let message = launched["error"]["message"].as_str().unwrap_or_default();
                    if kind != "refused" && !message.contains("is locked by") {
                        tally.failures.push(format!("launch {peer}: {launched}"));
                    }
                    continue;
                };
                thread::sleep(Duration::from_millis(random.below(200)));
                if chance < 6 && place.is_server_of(peer, server) {
                    end_process(server, "KILL");
                    tally.killed.push((format!("shell-{peer}"), server));
                } else if chance == 6
                    && let Some(program) = place.program_of(peer, server)
                {
                    end_process(program, "KILL");
                    tally.programs_killed += 1;
                }
            }
        }
    }
    tally
}

fn pid(value: &Value) -> Option<u32> {
    value.as_u64()?.try_into().ok()
}

/// Runs supervisors, one after the other, for a third of the time; the last one stays, and is measured.
fn supervise(place: &Place, time: Duration, mut random: Random) -> (u32, Vec<Sample>) {
    let begin = Instant::now();
    let mut restarts = 0;
    while begin.elapsed() < time / 3 {
        let supervisor = place.supervisor();
        thread::sleep(Duration::from_millis(random.below(8000)));
        supervisor.end(if random.below(2) == 0 { "TERM" } else { "KILL" });
        restarts += 1;
    }
    let supervisor = place.supervisor();
    let mut samples = Vec::new();
    while begin.elapsed() < time {
        thread::sleep(Duration::from_millis(500));
        samples.extend(sample(supervisor.pid()));
    }
    supervisor.end("TERM");
    (restarts, samples)
}

/// Whether a supervisor uses more in the last quarter of its time than in the first.
fn growth(samples: &[Sample]) -> Findings {
    let quarter = samples.len() / 4;
    if quarter == 0 {
        return vec!["the supervisor could not be measured".to_owned()];
    }
    let mean = |samples: &[Sample], of: Measure| samples.iter().map(of).sum::<u64>() / samples.len() as u64;
    let measures: [(&str, u64, Measure); 2] =
        [("KiB of memory (PSS)", 1024, |s| s.pss_kib), ("descriptors", 10, |s| s.descriptors)];
    let mut findings = Vec::new();
    for (what, slack, of) in measures {
        let (first, last) = (mean(&samples[..quarter], of), mean(&samples[samples.len() - quarter..], of));
        println!("the supervisor used {first} {what} in its first quarter, {last} in its last");
        if last > first + first / 4 + slack {
            findings.push(format!("the supervisor grows: from {first} to {last} {what}"));
        }
    }
    findings
}

/// What does not hold once everything has come to rest.
fn at_rest(place: &Place, killed: &[(String, u32)]) -> Findings {
    let root = place.root();
    let ask = |words: &[&str]| place.ask(words);
    let fleet = Fleet { root: Path::new(&root), killed, ask: &ask };
    let deadline = Instant::now() + REST;
    loop {
        place.ask(&["supervise", "--once"]);
        let findings = fleet.findings();
        if findings.is_empty() || Instant::now() > deadline {
            return findings;
        }
    }
}
