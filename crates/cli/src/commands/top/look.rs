//! What the view shows, gathered from the host.

use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime};

use iapeer_lifecycle::{
    Glance, Host, Processes, Status, Warning, deaths, glance, identities, record_what_is_owed,
};
use iapeer_registry::Identity;
use iapeer_statefile::{Timestamp, with_causes};

use super::model::{Fleet, HOURS, Row};
use crate::commands::follow::SWEEP_EVERY;
use crate::text;

/// Processor time is told in steps of 10 ms, so that what is measured within less is mostly noise.
const MEASURE: Duration = Duration::from_millis(500);

const DAY: Duration = Duration::from_secs(24 * 3600);

/// Looks at a host again and again, and reads of it again only what may have changed.
#[derive(Debug)]
pub(super) struct Looker<'a> {
    host: &'a Host,
    next_sweep: Instant,
    /// What went wrong when deaths were looked for last.
    swept: Option<String>,
    /// The journal of deaths as it was last: its length and when it was written, and what stands in it.
    journal: Option<(u64, SystemTime)>,
    deaths: Vec<(Timestamp, String)>,
    measured: BTreeMap<Identity, Measure>,
    /// What happened beside the point, each once.
    asides: Vec<Warning>,
}

/// The processor time of one server's tree, when it was measured, and what came out.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Measure {
    server_pid: u32,
    at: Instant,
    cpu: Duration,
    percent: Option<f64>,
}

impl<'a> Looker<'a> {
    pub(super) fn new(host: &'a Host) -> Looker<'a> {
        Looker {
            host,
            next_sweep: Instant::now(),
            swept: None,
            journal: None,
            deaths: Vec::new(),
            measured: BTreeMap::new(),
            asides: Vec::new(),
        }
    }

    /// What happened beside the point, for who reads it afterwards.
    pub(super) fn asides(self) -> Vec<Warning> {
        self.asides
    }

    /// How things are now.
    pub(super) fn look(&mut self) -> Fleet {
        let mut problems = Vec::new();
        let peers = self.host.peers();
        for aside in self.host.asides() {
            problems.push(aside.message.clone());
            if !self.asides.contains(&aside) {
                self.asides.push(aside);
            }
        }
        let peers = match peers {
            Ok(peers) => peers,
            Err(e) => return Fleet { problem: Some(text::one_line(&with_causes(&e))), ..Fleet::default() },
        };
        problems.extend(peers.lost);
        let path = self.host.registry().path();
        problems.extend(peers.bad.first().map(|bad| format!("{path}#{}: {}", bad.pointer, bad.reason)));
        self.look_for_deaths(&mut problems);
        let (now, moment) = (Timestamp::now(), Instant::now());
        let mut deaths = [0; HOURS];
        let mut died: BTreeMap<&str, usize> = BTreeMap::new();
        for (hour, who) in self.deaths.iter().filter_map(|(at, who)| Some((hour(*at, now)?, who))) {
            deaths[hour] += 1;
            *died.entry(who).or_default() += 1;
        }
        let processes = Processes::now();
        let mut measured = BTreeMap::new();
        let mut rows = Vec::new();
        for identity in peers.index.peers().iter().flat_map(identities) {
            let glance = glance(self.host, &identity, &processes);
            let measure = measure(self.measured.get(&identity), &glance, moment);
            let died = died.get(identity.to_string().as_str()).copied().unwrap_or(0);
            rows.push(row(glance, measure.and_then(|measure| measure.percent), died, now));
            measured.extend(measure.map(|measure| (identity, measure)));
        }
        self.measured = measured;
        Fleet { rows, deaths, problem: problems.first().map(|problem| text::one_line(problem)) }
    }

    fn look_for_deaths(&mut self, problems: &mut Vec<String>) {
        if Instant::now() >= self.next_sweep {
            self.swept = match record_what_is_owed(self.host) {
                Ok(warnings) => warnings.into_iter().next().map(|warning| warning.message),
                Err(e) => Some(with_causes(&e)),
            };
            self.next_sweep = Instant::now() + SWEEP_EVERY;
        }
        problems.extend(self.swept.clone());
        let meta = self.host.layout().exits_log().metadata();
        let journal = meta.and_then(|meta| Ok((meta.len(), meta.modified()?))).ok();
        if journal.is_some() && journal == self.journal {
            return;
        }
        match deaths(self.host) {
            Ok(found) => {
                let when = |ts: &str| ts.parse::<Timestamp>().ok();
                let dated = found.records.into_iter().filter_map(|r| Some((when(&r.ts)?, r.identity)));
                self.deaths = dated.collect();
                self.journal = journal;
            }
            Err(e) => problems.push(with_causes(&e)),
        }
    }
}

/// In which of the last 24 hours a moment is, the one that ends now being the last.
fn hour(at: Timestamp, now: Timestamp) -> Option<usize> {
    // What a clock that was set back has dated into the future was just now.
    let ago = Duration::try_from(now.duration_since(at)).unwrap_or(Duration::ZERO);
    let hours = usize::try_from(ago.as_secs() / 3600).ok()?;
    if ago < DAY { (HOURS - 1).checked_sub(hours) } else { None }
}

/// What the processes of a session take of the processor, in percent of one, since the last time.
fn measure(before: Option<&Measure>, glance: &Glance, at: Instant) -> Option<Measure> {
    let (Status::Live { server_pid }, Some(usage)) = (&glance.observed.status, glance.usage) else {
        return None;
    };
    let before = before.filter(|before| before.server_pid == *server_pid);
    let Some(before) = before else {
        return Some(Measure { server_pid: *server_pid, at, cpu: usage.cpu, percent: None });
    };
    let passed = at.saturating_duration_since(before.at);
    if passed < MEASURE {
        return Some(*before);
    }
    // Less than before: who used the rest has ended, and nobody was told of it.
    let used = usage.cpu.saturating_sub(before.cpu);
    let percent = Some(100.0 * used.as_secs_f64() / passed.as_secs_f64());
    Some(Measure { server_pid: *server_pid, at, cpu: usage.cpu, percent })
}

fn row(glance: Glance, cpu: Option<f64>, died: usize, now: Timestamp) -> Row {
    let Glance { observed, active, usage, last_line } = glance;
    let because = match &observed.status {
        Status::Unknown(reason) => Some(reason.clone()),
        _ => observed.stopped.clone(),
    };
    Row {
        sign: text::sign(std::slice::from_ref(&observed)),
        state: observed.status.as_str(),
        because: because.map(|because| text::one_line(&because)),
        idle: active.map(|at| Duration::try_from(now.duration_since(at)).unwrap_or(Duration::ZERO)),
        memory: usage.map(|usage| usage.memory),
        cpu,
        last_line: last_line.map(|line| text::one_line(&line)),
        died,
        identity: observed.identity,
    }
}

#[cfg(test)]
mod tests {
    use iapeer_lifecycle::{Observed, Usage};

    use super::*;

    #[test]
    fn deaths_are_counted_by_the_hour() {
        let now: Timestamp = "2026-11-21T12:30:00Z".parse().unwrap();
        for (at, wanted) in [
            ("2026-11-21T12:30:00Z", Some(23)),
            ("2026-11-21T11:30:01Z", Some(23)),
            ("2026-11-21T11:30:00Z", Some(22)),
            ("2026-11-20T12:30:01Z", Some(0)),
            ("2026-11-20T12:30:00Z", None),
            ("1999-01-01T00:00:00Z", None),
            ("2026-11-21T13:00:00Z", Some(23)),
        ] {
            assert_eq!(hour(at.parse().unwrap(), now), wanted, "{at}");
        }
    }

    #[test]
    fn the_processor_is_measured_between_two_looks() {
        let begin = Instant::now();
        let glance = |server_pid, cpu| Glance {
            observed: Observed {
                identity: "shell-alpha".parse().unwrap(),
                status: Status::Live { server_pid },
                socket: "/nowhere".into(),
                stopped: None,
            },
            active: None,
            usage: Some(Usage { processes: 1, memory: 1, cpu: Duration::from_millis(cpu) }),
            last_line: None,
        };
        let first = measure(None, &glance(7, 1000), begin).unwrap();
        assert_eq!(first.percent, None);
        // Milliseconds later, the server, its processor time, and what comes out.
        for (later, server, cpu, wanted) in [
            (2000, 7, 2000, Some(50.0)),
            (2000, 7, 5000, Some(200.0)),
            (1000, 7, 500, Some(0.0)),
            (1000, 8, 9000, None),
            (100, 7, 1100, None),
        ] {
            let measured =
                measure(Some(&first), &glance(server, cpu), begin + Duration::from_millis(later)).unwrap();
            assert_eq!(measured.percent, wanted, "{later} {server} {cpu}");
            // What was measured too soon is measured from the same beginning again.
            assert_eq!(measured.at == begin, later == 100);
        }
        let asleep = Observed { status: Status::Asleep, ..glance(7, 1).observed };
        assert_eq!(measure(Some(&first), &Glance { observed: asleep, ..glance(7, 1) }, begin), None);
    }
}
