//! Deaths that are one incident: several servers that went together, of one cause.

use std::collections::BTreeMap;

use iapeer_canary::{Death, DeathRecord};
use iapeer_statefile::Timestamp;

use crate::deaths::cause_word;

/// Deaths that are no farther apart than this belong together, in milliseconds.
const TOGETHER_MS: i64 = 5_000;

/// For each record the name of its incident, where it is part of one.
///
/// An incident is the deaths of servers of at least two identities, of one cause, all within five seconds of
/// the first. The time is that of the record. The name is made of the first death's time and of the cause, so
/// that it is the same however the records are looked at later.
pub fn incidents(records: &[DeathRecord]) -> Vec<Option<String>> {
    let mut by_cause: BTreeMap<String, Vec<(Timestamp, usize)>> = BTreeMap::new();
    for (index, record) in records.iter().enumerate() {
        if matches!(record.what, Death::Server(_))
            && let Ok(at) = record.ts.parse()
        {
            by_cause.entry(cause_word(record)).or_default().push((at, index));
        }
    }
    let mut names = vec![None; records.len()];
    for (cause, mut deaths) in by_cause {
        deaths.sort();
        let mut rest = &deaths[..];
        while let Some((first, _)) = rest.first() {
            let is_near =
                |(at, _): &(Timestamp, usize)| at.as_millisecond() - first.as_millisecond() <= TOGETHER_MS;
            let (together, later) = rest.split_at(rest.partition_point(is_near));
            let whose = |(_, index): &(Timestamp, usize)| &records[*index].identity;
            // One server that dies again and again is no incident of several.
            if together.iter().any(|death| whose(death) != whose(&together[0])) {
                let name = name(&records[together[0].1].ts, &cause);
                together.iter().for_each(|(_, index)| names[*index] = Some(name.clone()));
            }
            rest = later;
        }
    }
    names
}

fn name(ts: &str, cause: &str) -> String {
    let stamp: String = ts.chars().filter(char::is_ascii_alphanumeric).collect();
    format!("{stamp}-{cause}")
}

#[cfg(test)]
mod tests {
    use iapeer_statefile::Entry;

    use super::*;

    fn record(at: &str, identity: &str, what: &str) -> DeathRecord {
        let ts = format!("2026-11-21T01:02:{at}Z");
        let line = match what {
            "session" => {
                format!("ts={ts} ev=session-exit identity={identity} dead_status= dead_signal=9 end=1")
            }
            cause => {
                format!(
                    "ts={ts} ev=server-exit death={identity}.{at} identity={identity} cause={cause} end=1"
                )
            }
        };
        DeathRecord::of(&Entry::parse(&line).expect("a line")).expect("a record")
    }

    #[test]
    fn deaths_are_one_incident_when_they_are_near_of_one_cause_and_of_several() {
        type Case<'a> = (&'a str, &'a [(&'a str, &'a str, &'a str)], &'a [Option<usize>]);
        let cases: &[Case] = &[
            ("none", &[], &[]),
            ("one", &[("01.000", "a", "swept")], &[None]),
            ("two", &[("01.000", "a", "swept"), ("02.000", "b", "swept")], &[Some(0), Some(0)]),
            ("just near", &[("01.000", "a", "swept"), ("06.000", "b", "swept")], &[Some(0), Some(0)]),
            ("just too far", &[("01.000", "a", "swept"), ("06.001", "b", "swept")], &[None, None]),
            ("two causes", &[("01.000", "a", "swept"), ("01.000", "b", "reboot")], &[None, None]),
            ("one server again", &[("01.000", "a", "swept"), ("02.000", "a", "swept")], &[None, None]),
            ("sessions", &[("01.000", "a", "session"), ("01.000", "b", "session")], &[None, None]),
            (
                "within the time of the first, not of the last",
                &[("01.000", "a", "swept"), ("05.000", "b", "swept"), ("09.000", "c", "swept")],
                &[Some(0), Some(0), None],
            ),
            (
                "not in order, and two at once",
                &[
                    ("20.000", "c", "swept"),
                    ("02.000", "b", "swept"),
                    ("01.500", "d", "reboot"),
                    ("01.000", "a", "swept"),
                    ("01.400", "e", "reboot"),
                ],
                &[None, Some(3), Some(4), Some(3), Some(4)],
            ),
        ];
        for (what, records, wanted) in cases {
            let records: Vec<_> = records.iter().map(|(at, who, what)| record(at, who, what)).collect();
            let first_of = |index: usize| name(&records[index].ts, &cause_word(&records[index]));
            let wanted: Vec<_> = wanted.iter().map(|first| first.map(first_of)).collect();
            assert_eq!(incidents(&records), wanted, "{what}");
        }
    }

    #[test]
    fn a_name_says_when_and_of_what() {
        let both = [record("01.000", "a", "swept"), record("01.000", "b", "swept")];
        assert_eq!(incidents(&both)[0].as_deref(), Some("20261121T010201000Z-swept"));
    }

    #[test]
    fn a_time_that_cannot_be_read_is_no_time() {
        let mut both = [record("01.000", "a", "swept"), record("01.000", "b", "swept")];
        both[1].ts = "yesterday".to_owned();
        assert_eq!(incidents(&both), [None, None]);
    }
}
