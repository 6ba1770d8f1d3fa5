//! The journals of one identity as a story: its last start, and what came after it.

use iapeer_canary::DeathRecord;
use iapeer_statefile::Entry;

use super::Confidence;
use super::explain::explain;
use crate::observe::{Observed, Status};

/// What the journals tell, since the last start where it says so.
#[derive(Debug, Default)]
pub(super) struct Story<'a> {
    /// When it was started, or taken on, last.
    pub(super) start: Option<&'a str>,
    /// It has had a session, whatever the journals say.
    pub(super) was_awake: bool,
    /// Its last death, from before the start or since.
    pub(super) last: Option<&'a DeathRecord>,
    /// Its last death since the start.
    pub(super) death: Option<&'a DeathRecord>,
    /// The last deliberate end of its server since the start.
    pub(super) ended: Option<&'a Entry>,
    /// The last start since then that was refused.
    pub(super) refused: Option<&'a Entry>,
}

impl<'a> Story<'a> {
    /// The story of `name`: its decisions, its last death, and whether a session has left its marks.
    pub(super) fn of(
        name: &str,
        decisions: &'a [Entry],
        last: Option<&'a DeathRecord>,
        was_awake: bool,
    ) -> Story<'a> {
        let of_it = || decisions.iter().filter(|entry| entry.get("identity") == Some(name));
        let is_refusal = |entry: &&Entry| entry.get("mode") == Some("refused");
        let wakes = || of_it().filter(|entry| entry.event() == "wake");
        let start = wakes().rfind(|entry| !is_refusal(entry)).map(Entry::ts);
        let since = |ts: &str| start.is_none_or(|start| ts >= start);
        // A program that ends at once may do so before the line about its start is written.
        let was_counted = of_it().any(|entry| {
            entry.event() == "supervise"
                && entry.get("action") == Some("reaped-gone")
                && entry.get("cause") != Some("unknown")
                && since(entry.ts())
        });
        Story {
            start,
            was_awake: was_awake || last.is_some(),
            last,
            // A death before the last start explains nothing about now.
            death: last.filter(|record| since(&record.ts) || was_counted),
            ended: of_it().rfind(|entry| entry.event() == "server-stop" && since(entry.ts())),
            refused: wakes().rfind(|entry| is_refusal(entry) && since(entry.ts())),
        }
    }

    /// The answer in one sentence, and how sure it is.
    pub(super) fn answer(
        &self,
        name: &str,
        observed: &Observed,
        killed_for_memory: bool,
    ) -> (String, Confidence) {
        use Confidence::{Certain, Unknown};
        match (&observed.status, &observed.stopped) {
            (Status::Live { server_pid }, _) => {
                return (format!("{name} is live (server pid {server_pid})"), Certain);
            }
            (Status::Unknown(reason), _) => {
                return (format!("what {name} is doing cannot be told: {reason}"), Unknown);
            }
            (_, Some(who)) => return (format!("{name} was stopped: {who}"), Certain),
            (_, None) => {}
        }
        let (what, confidence) = match (self.death, self.ended) {
            (Some(record), _) => {
                let (what, confidence) = explain(record, killed_for_memory);
                (format!("{name}: {what}"), confidence)
            }
            (None, Some(ended)) => (format!("{name}: {}", on_purpose(ended)), Certain),
            (None, None) if self.refused.is_some() => (format!("{name} is asleep"), Certain),
            (None, None) if self.start.is_none() && !self.was_awake => {
                (format!("{name} is asleep: it was never started"), Certain)
            }
            (None, None) if self.start.is_none() => {
                (format!("{name} is asleep; it was started once, but no journal tells when"), Unknown)
            }
            (None, None) => (format!("{name} is asleep, and no death of it is recorded"), Unknown),
        };
        match self.refused {
            Some(refused) => {
                let cause = refused.get("cause").unwrap_or("unknown");
                (format!("{what}; its last launch was refused ({cause})"), confidence)
            }
            None => (what, confidence),
        }
    }
}

/// A deliberate end in words.
pub(crate) fn on_purpose(ended: &Entry) -> String {
    let word = |key| ended.get(key).unwrap_or("somebody");
    let (by, reason) = (word("by"), word("reason"));
    // The reason of a verb is most often its name.
    let reason = if by.ends_with(reason) { String::new() } else { format!(" ({reason})") };
    format!("its tmux server was ended on purpose, by {by}{reason}")
}

#[cfg(test)]
mod tests {
    use iapeer_registry::Identity;

    use super::*;

    const DEATH: &str = "ts=2026-11-21T02:00:00.000Z ev=server-exit death=d identity=shell-a cause=unobserved \
        status=unknown oom=no server_pid=7 end=1";
    const START: &str = "ts=2026-11-21T01:00:00.000Z ev=wake identity=shell-a mode=fresh cause=first-wake";
    const STARTED_AGAIN: &str = "ts=2026-11-21T03:00:00.000Z ev=wake identity=shell-a mode=fresh cause=x";
    const REFUSED: &str =
        "ts=2026-11-21T04:00:00.000Z ev=wake identity=shell-a mode=refused cause=crash-loop";
    const ENDED: &str = "ts=2026-11-21T02:00:00.000Z ev=server-stop identity=shell-a by=\"iapeer stop\" reason=stop death=d end=1";
    const COUNTED: &str = "ts=2026-11-21T03:00:01.000Z ev=supervise identity=shell-a action=reaped-gone \
        death=server-dead cause=unobserved";
    const OF_ANOTHER: &str =
        "ts=2026-11-21T05:00:00.000Z ev=wake identity=shell-b mode=fresh cause=first-wake";

    #[test]
    fn the_answer_follows_from_what_came_last() {
        let asleep = || (Status::Asleep, None);
        let stopped = || (Status::Stopped, Some("by iapeer stop".to_owned()));
        let died = "shell-a: its tmux server (pid 7) died while nobody watched, not even its witness; how is not known";
        let ended = "shell-a: its tmux server was ended on purpose, by iapeer stop";
        type Case<'a> = ((Status, Option<String>), &'a [&'a str], bool, String, Confidence);
        use Confidence::{Certain, Unknown};
        let cases: Vec<Case<'_>> = vec![
            (asleep(), &[], false, "shell-a is asleep: it was never started".to_owned(), Certain),
            (asleep(), &[OF_ANOTHER], false, "shell-a is asleep: it was never started".to_owned(), Certain),
            (
                asleep(),
                &[START],
                false,
                "shell-a is asleep, and no death of it is recorded".to_owned(),
                Unknown,
            ),
            (asleep(), &[START], true, died.to_owned(), Unknown),
            (asleep(), &[], true, died.to_owned(), Unknown),
            (
                asleep(),
                &[START, STARTED_AGAIN],
                true,
                "shell-a is asleep, and no death of it is recorded".to_owned(),
                Unknown,
            ),
            (asleep(), &[START, STARTED_AGAIN, COUNTED], true, died.to_owned(), Unknown),
            (asleep(), &[START, ENDED], false, ended.to_owned(), Certain),
            (asleep(), &[START, ENDED], true, died.to_owned(), Unknown),
            (
                asleep(),
                &[START, REFUSED],
                true,
                format!("{died}; its last launch was refused (crash-loop)"),
                Unknown,
            ),
            (
                asleep(),
                &[REFUSED],
                false,
                "shell-a is asleep; its last launch was refused (crash-loop)".to_owned(),
                Certain,
            ),
            (stopped(), &[START, ENDED], false, "shell-a was stopped: by iapeer stop".to_owned(), Certain),
            (stopped(), &[START], true, "shell-a was stopped: by iapeer stop".to_owned(), Certain),
            (
                (Status::Live { server_pid: 9 }, None),
                &[START],
                true,
                "shell-a is live (server pid 9)".to_owned(),
                Certain,
            ),
            (
                (Status::Unknown("a reason".to_owned()), None),
                &[START],
                true,
                "what shell-a is doing cannot be told: a reason".to_owned(),
                Unknown,
            ),
        ];
        let entry = |line: &str| Entry::parse(line).expect("a line");
        let record = DeathRecord::of(&entry(DEATH)).expect("a record");
        let identity: Identity = "shell-a".parse().expect("an identity");
        for ((status, stopped), lines, has_died, answer, confidence) in cases {
            let decisions: Vec<_> = lines.iter().map(|line| entry(line)).collect();
            let story = Story::of("shell-a", &decisions, has_died.then_some(&record), false);
            let observed = Observed { identity: identity.clone(), status, socket: "/s".into(), stopped };
            assert_eq!(story.answer("shell-a", &observed, false), (answer, confidence), "{lines:?}");
        }
        // As after the journals were taken away.
        let observed = Observed { identity, status: Status::Asleep, socket: "/s".into(), stopped: None };
        let answer = Story::of("shell-a", &[], None, true).answer("shell-a", &observed, false);
        let wanted = "shell-a is asleep; it was started once, but no journal tells when";
        assert_eq!(answer, (wanted.to_owned(), Unknown));
    }
}
