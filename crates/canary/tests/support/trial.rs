//! One random trial: somebody is watched, something ends, and the journals are compared with what happened.

use std::sync::Arc;
use std::time::Duration;

use iapeer_canary::{Canary, Finding, Intended, Liveness, Signal, Watcher};

use super::{Lab, Recorder, Server, Shell, lifeline_script, wait_for};

/// Who ends besides the server, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Also {
    Nobody,
    RecorderTold,
    RecorderKilledBefore,
    RecorderKilledAfter,
    /// Nobody ends, but there are two recorders.
    SecondRecorder,
    /// Nothing but the recorder: the server lives.
    OnlyRecorder,
}

/// Whether somebody has said that the end is deliberate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Word {
    None,
    Before,
    /// Too late: the death is not theirs to claim.
    After,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Supervisor {
    Absent,
    Watching,
}

/// When the server is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Time {
    /// Somewhere in the start of the recorder, whose lease was written before.
    WhileArming,
    WhenArmed,
}

#[derive(Debug, Clone, Copy)]
pub struct Plan {
    pub also: Also,
    pub word: Word,
    pub supervisor: Supervisor,
    pub time: Time,
}

/// What the journals had too little or too much of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Wrong {
    pub missed: u32,
    pub untrue: u32,
    pub double: u32,
}

/// A small generator (xorshift), so that a trial can be repeated by its seed.
pub struct Dice(u64);

impl Plan {
    /// Every plan that there is.
    pub fn all() -> Vec<Plan> {
        use Also::*;
        let mut all = Vec::new();
        for also in
            [Nobody, RecorderTold, RecorderKilledBefore, RecorderKilledAfter, SecondRecorder, OnlyRecorder]
        {
            for word in [Word::None, Word::Before, Word::After] {
                for supervisor in [Supervisor::Absent, Supervisor::Watching] {
                    for time in [Time::WhileArming, Time::WhenArmed] {
                        all.push(Plan { also, word, supervisor, time });
                    }
                }
            }
        }
        // Where nobody dies there is nothing to say.
        all.retain(|plan| plan.also != OnlyRecorder || plan.word == Word::None);
        all
    }
}

impl Dice {
    pub fn new(seed: u64) -> Dice {
        // Neighbours of small numbers would begin alike.
        Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

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

pub fn try_once(shell: Shell, plan: Plan, dice: &mut Dice) -> Wrong {
    let lab = Lab::new();
    let canary = Arc::new(lab.canary());
    let mut server = if dice.below(2) == 0 { Server::start() } else { Server::orphan() };
    let subject = server.subject("claude-x");
    let watcher = (plan.supervisor == Supervisor::Watching).then(|| {
        let (watcher, seen) = Watcher::start(Arc::clone(&canary)).unwrap();
        watcher.add(&subject).unwrap();
        (watcher, seen)
    });
    let pipe = server.lifeline();
    let text = lifeline_script(&lab, &subject);
    lab.write_lease(&subject);
    let second = (plan.also == Also::SecondRecorder)
        .then(|| Recorder::start(shell, &text, pipe.try_clone().unwrap(), &lab.root));
    let mut recorder = Recorder::start(shell, &text, pipe, &lab.root);
    match plan.time {
        Time::WhileArming => dice.pause(40),
        // Of two recorders either may have the lease.
        Time::WhenArmed if second.is_some() => dice.pause(120),
        Time::WhenArmed => {
            recorder.wait_until_armed(&lab, &subject);
            dice.pause(20);
        }
    }
    let say = || canary.intend(&subject, "trial", "deliberate", Duration::from_secs(60)).unwrap();
    if plan.word == Word::Before {
        assert!(matches!(say(), Intended::Published(_)));
    }
    // No INT: the orphan was a job in the background of a shell, and ignores it.
    let deadly = [Signal::KILL, Signal::TERM, Signal::SEGV, Signal::ABORT];
    let deadly = deadly[dice.below(deadly.len() as u64) as usize];
    let dies = plan.also != Also::OnlyRecorder;
    match plan.also {
        Also::Nobody | Also::SecondRecorder => server.signal(deadly),
        Also::RecorderTold => {
            let first = dice.below(2) == 0;
            if first {
                recorder.signal(Signal::TERM);
                dice.pause(2);
            }
            server.signal(deadly);
            if !first {
                dice.pause(2);
                recorder.signal(Signal::TERM);
            }
        }
        Also::RecorderKilledBefore => {
            recorder.signal(Signal::KILL);
            dice.pause(2);
            server.signal(deadly);
        }
        Also::RecorderKilledAfter => {
            server.signal(deadly);
            dice.pause(30);
            recorder.signal(Signal::KILL);
        }
        Also::OnlyRecorder => recorder.signal([Signal::KILL, Signal::TERM][dice.below(2) as usize]),
    }
    if dies {
        wait_for("the end of the server", || {
            matches!(server.incarnation.state(), Liveness::Dead { .. }).then_some(())
        });
    }
    if plan.word == Word::After {
        assert!(matches!(say(), Intended::AlreadyDead));
    }
    if dies {
        recorder.ended();
    } else {
        recorder.told_to_end();
    }
    if let Some(mut second) = second {
        second.ended();
    }
    // Two sweeps at once, and perhaps the watcher too; one more finds nothing to do.
    let places = &lab.places;
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| Canary::new(places.clone()).sweep().unwrap());
        }
    });
    if let Some((watcher, seen)) = watcher {
        if dies {
            seen.recv_timeout(Duration::from_secs(60)).unwrap();
        }
        watcher.stop().unwrap();
    }
    let idle = |finding: &Finding| matches!(finding, Finding::Settled | Finding::Unwatched);
    let last = canary.sweep().unwrap();
    assert!(last.swept.iter().all(|swept| idle(&swept.finding)), "{:?}", last.swept);
    compare(&lab, plan)
}

fn compare(lab: &Lab, plan: Plan) -> Wrong {
    let found = [lab.server_exits().len() as u32, lab.server_stops().len() as u32];
    let wanted = match (plan.also, plan.word) {
        (Also::OnlyRecorder, _) => [0, 0],
        (_, Word::Before) => [0, 1],
        _ => [1, 0],
    };
    let mut wrong = Wrong::default();
    for (found, wanted) in std::iter::zip(found, wanted) {
        match (found, wanted) {
            (0, 1) => wrong.missed += 1,
            (n, 0) => wrong.untrue += n,
            (n, _) => wrong.double += n - 1,
        }
    }
    wrong
}

/// A table of so many trials, each by its own seed, under the shells in turn; the second value counts what
/// went wrong in all.
pub fn run(trials: u64, shells: &[Shell]) -> (String, u32) {
    let plans = Plan::all();
    let next = std::sync::atomic::AtomicU64::new(0);
    let results = std::sync::Mutex::new(std::collections::BTreeMap::new());
    std::thread::scope(|scope| {
        // Most of the time they all wait.
        for _ in 0..6 {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                    if seed >= trials {
                        return;
                    }
                    let plan = plans[seed as usize % plans.len()];
                    let round = seed as usize / plans.len();
                    let shell = shells[(round + seed as usize) % shells.len()];
                    let wrong = try_once(shell, plan, &mut Dice::new(seed + 1));
                    if wrong != Wrong::default() {
                        println!("seed {seed} {shell:?} {plan:?}: {wrong:?}");
                    }
                    let mut results = results.lock().unwrap();
                    let key = (plan.also, plan.word, plan.supervisor);
                    let row: &mut (u32, Wrong) = results.entry(key).or_default();
                    row.0 += 1;
                    row.1.missed += wrong.missed;
                    row.1.untrue += wrong.untrue;
                    row.1.double += wrong.double;
                }
            });
        }
    });
    let line = |cells: [String; 7]| {
        let [also, word, supervisor, trials, missed, untrue, double] = cells;
        format!("{also:<21} {word:<7} {supervisor:<11} {trials:>6} {missed:>6} {untrue:>6} {double:>6}\n")
    };
    let head = ["who ends too", "intent", "supervisor", "trials", "missed", "untrue", "double"];
    let mut table = line(head.map(str::to_owned));
    let (mut count, mut all) = (0, Wrong::default());
    for ((also, word, supervisor), (trials, wrong)) in results.into_inner().unwrap() {
        let [d, e, f, g] = [trials, wrong.missed, wrong.untrue, wrong.double].map(|n| n.to_string());
        table += &line([format!("{also:?}"), format!("{word:?}"), format!("{supervisor:?}"), d, e, f, g]);
        count += trials;
        all.missed += wrong.missed;
        all.untrue += wrong.untrue;
        all.double += wrong.double;
    }
    let totals = [count, all.missed, all.untrue, all.double].map(|n| n.to_string());
    let [d, e, f, g] = totals;
    table += &line(["all".to_owned(), String::new(), String::new(), d, e, f, g]);
    (table, all.missed + all.untrue + all.double)
}
