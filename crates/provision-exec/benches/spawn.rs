//! What a run costs, next to starting and awaiting the same program with the standard library alone.
//!
//! `cargo bench -p iapeer-provision-exec`. It prints and judges nothing: figures depend on the machine.
//! The candidates take turns within one run, so that both see the same machine. From a terminal, run it
//! once more with `setsid -w` in front: without a terminal to be kept from the command, a run is cheaper.

#![expect(clippy::print_stdout, reason = "a bench prints")]

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use iapeer_provision_exec::{Outcome, Run, State, Survivors};
use rustix::process::{Pid, Signal, kill_process};

const ROUNDS: usize = 1000;

fn main() {
    spawn();
    held_pipe();
    bounds();
}

/// Start and end of a program that does nothing.
fn spawn() {
    let mut times = [const { Vec::new() }; 3];
    for _ in 0..ROUNDS {
        times[0].push(timed(|| raw(Stdio::null)));
        times[1].push(timed(|| raw(Stdio::piped)));
        times[2].push(timed(|| assert_eq!(Run::new("/bin/true").run().state, State::Ok)));
    }
    let [bare, piped, run] = times.map(median);
    println!("/bin/true, medians of {ROUNDS} in turn");
    println!("  std::process, no pipes  {bare:>10.2?}");
    println!("  std::process, two pipes {piped:>10.2?}  {:.2}", ratio(piped, bare));
    println!("  Run::run                {run:>10.2?}  {:.2}", ratio(run, bare));
}

/// A grandchild that holds both pipes for five minutes.
fn held_pipe() {
    let times = |script: &str| {
        let once = |_| timed(|| end_survivors(&sh(script).run()));
        median((0..50).map(once).collect())
    };
    let (alone, held) = (times("exit 0"), times("sleep 300 & exit 0"));
    println!("return after the end of the command, medians of 50");
    println!("  nobody left             {alone:>10.2?}");
    println!("  pipes held open         {held:>10.2?}");
}

/// Who ignores TERM, inside and outside of the group.
fn bounds() {
    let (limit, grace) = (Duration::from_millis(500), Duration::from_millis(200));
    println!("time over, once: limit {limit:?}, grace {grace:?}");
    for (what, script) in [
        ("ends at TERM            ", "exec sleep 300"),
        ("ignores TERM            ", "trap '' TERM; sleep 300; sleep 300"),
        ("ignores it and escapes  ", "trap '' TERM; setsid -f sleep 300; sleep 300"),
    ] {
        let run = sh(script).time_limit(limit).grace(grace);
        let time = timed(|| assert_eq!(run.run().survivors, Survivors::None));
        println!("  {what}{time:>10.2?}");
    }
}

#[expect(clippy::disallowed_methods, reason = "this is what a run is compared with")]
fn raw(output: fn() -> Stdio) {
    let mut command = Command::new("/bin/true");
    command.stdin(Stdio::null()).stdout(output()).stderr(output());
    let ended = command.spawn().and_then(|mut child| child.wait());
    assert!(ended.is_ok_and(|status| status.success()));
}

fn sh(script: &str) -> Run {
    Run::new("/bin/sh").args(["-c", script])
}

fn end_survivors(outcome: &Outcome) {
    let Survivors::Processes(list) = &outcome.survivors else { return };
    for survivor in list {
        let pid = i32::try_from(survivor.pid).ok().and_then(Pid::from_raw).expect("it is a process number");
        kill_process(pid, Signal::KILL).expect("nobody else ends it");
    }
}

fn timed(act: impl FnOnce()) -> Duration {
    let start = Instant::now();
    act();
    start.elapsed()
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn ratio(this: Duration, that: Duration) -> f64 {
    this.as_secs_f64() / that.as_secs_f64()
}
