//! Random trials: whatever ends when, there is exactly one record, and none without a death.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "integration tests"
)]

mod support;

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use iapeer_canary::{Canary, Finding, Intended, Liveness, Signal};
use support::{Lab, Recorder, Server, Shell, lifeline_script, under_every_shell, wait_for};

/// Trials under each shell.
const TRIALS: u32 = 14;

/// A small generator (xorshift), so that a trial can be repeated by its seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }

    /// A delay is what a trial varies, not a way to wait for something.
    fn pause(&mut self, limit_ms: u64) {
        std::thread::sleep(Duration::from_micros(self.below(limit_ms * 1000)));
    }
}

#[test]
fn exactly_one_record_whatever_ends_when() {
    let count = AtomicU32::new(0);
    under_every_shell(|shell| {
        for trial in 0..TRIALS {
            let seed = 0x9e37_79b9_7f4a_7c15 ^ (u64::from(trial) << 32) ^ shell.0[0].len() as u64;
            try_once(shell, trial % 7, &mut Dice(seed));
            count.fetch_add(1, Ordering::SeqCst);
        }
    });
    println!("{} trials, each with exactly the lines that it should have", count.into_inner());
}

fn try_once(shell: Shell, mode: u32, dice: &mut Dice) {
    let lab = Lab::new();
    let canary = lab.canary();
    let mut server = if dice.below(2) == 0 { Server::start() } else { Server::orphan() };
    let subject = server.subject("claude-x");
    let pipe = server.lifeline();
    let text = lifeline_script(&lab, &subject);
    let mut second = None;
    if mode == 5 {
        second = Some(Recorder::start(shell, &text, pipe.try_clone().unwrap(), &lab.root));
    }
    let mut recorder = Recorder::start(shell, &text, pipe, &lab.root);
    if mode != 5 {
        recorder.wait_until_armed(&lab, &subject);
    }
    dice.pause(80);
    let deadly = [Signal::KILL, Signal::TERM, Signal::SEGV][dice.below(3) as usize];
    let deliberate = mode == 1 || mode == 2;
    if deliberate {
        let intended = canary.intend(&subject, "trial", "deliberate", Duration::from_secs(60)).unwrap();
        assert!(matches!(intended, Intended::Published(_)));
    }
    match mode {
        // The server alone; with an intent before.
        0 | 1 => server.signal(deadly),
        // With the recorder, in either order.
        2 | 3 => {
            let first = dice.below(2) == 0;
            if first {
                recorder.signal(Signal::TERM);
            }
            dice.pause(2);
            server.signal(deadly);
            if !first {
                recorder.signal(Signal::TERM);
            }
        }
        // The recorder is killed right after, or right before.
        4 => {
            server.signal(deadly);
            dice.pause(60);
            recorder.signal(Signal::KILL);
        }
        6 => {
            recorder.signal(Signal::KILL);
            server.signal(deadly);
        }
        // Two recorders.
        _ => server.signal(deadly),
    }
    wait_for("the end of the server", || {
        matches!(server.incarnation.state(), Liveness::Dead { .. }).then_some(())
    });
    recorder.ended();
    if let Some(mut second) = second {
        second.ended();
    }
    // Two sweeps at once; and one more finds nothing to do.
    let places = &lab.places;
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| Canary::new(places.clone()).sweep().unwrap());
        }
    });
    assert_eq!(canary.sweep().unwrap().swept.iter().filter(|s| s.finding != Finding::Settled).count(), 0);
    let found = (lab.server_exits().len(), lab.server_stops().len());
    assert_eq!(found, if deliberate { (0, 1) } else { (1, 0) }, "{shell:?} mode {mode}");
    if !deliberate {
        lab.only_exit(&subject);
    }
}
