//! Times as people type them.

use std::str::FromStr;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, SpanRelativeTo, Timestamp};

/// A length of time: `90s`, `2h`, `1h30m`, `7d`, or in the form of ISO 8601.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Duration(SignedDuration);

/// A moment, or how long ago it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Since {
    /// So long ago.
    Ago(Duration),
    /// Then.
    At(Timestamp),
}

impl Duration {
    /// As the standard library has it.
    pub(crate) fn unsigned(self) -> std::time::Duration {
        self.0.unsigned_abs()
    }
}

impl Since {
    /// The moment, as seen at `now`. What was before all time was at its beginning.
    pub(crate) fn moment(self, now: Timestamp) -> Timestamp {
        match self {
            Since::Ago(Duration(time)) => now.checked_sub(time).unwrap_or(Timestamp::MIN),
            Since::At(moment) => moment,
        }
    }
}

impl FromStr for Duration {
    type Err = String;

    fn from_str(text: &str) -> Result<Duration, String> {
        // A day has 24 hours, and a month has no length.
        let length = text.parse::<Span>().and_then(|s| s.to_duration(SpanRelativeTo::days_are_24_hours()));
        match length {
            Ok(length) if length > SignedDuration::ZERO => Ok(Duration(length)),
            _ => Err("it is no length of time such as 90s, 2h or 7d".to_owned()),
        }
    }
}

impl FromStr for Since {
    type Err = String;

    fn from_str(text: &str) -> Result<Since, String> {
        let in_utc = || text.parse::<DateTime>().and_then(|time| time.to_zoned(TimeZone::UTC));
        let moment = || text.parse().or_else(|_| in_utc().map(|time| time.timestamp())).map(Since::At);
        text.parse().map(Since::Ago).or_else(|_| moment()).map_err(|_| {
            "it is neither how long ago (2h, 30m, 7d) nor a date or time (2026-11-20, 2026-11-20T18:00Z)"
                .to_owned()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_as_people_type_them() {
        let now: Timestamp = "2026-11-21T12:00:00Z".parse().expect("a time");
        for (text, wanted) in [
            ("2h", "2026-11-21T10:00:00Z"),
            ("30m", "2026-11-21T11:30:00Z"),
            ("45s", "2026-11-21T11:59:15Z"),
            ("7d", "2026-11-14T12:00:00Z"),
            ("1w", "2026-11-14T12:00:00Z"),
            ("1h30m", "2026-11-21T10:30:00Z"),
            ("1 day 2 hours", "2026-11-20T10:00:00Z"),
            ("PT2H", "2026-11-21T10:00:00Z"),
            ("2026-11-20", "2026-11-20T00:00:00Z"),
            ("2026-11-20T18:00", "2026-11-20T18:00:00Z"),
            ("2026-11-20 18:00:05", "2026-11-20T18:00:05Z"),
            ("2026-11-20T18:00:00.123Z", "2026-11-20T18:00:00.123Z"),
            ("2026-11-20T18:00+02:00", "2026-11-20T16:00:00Z"),
            ("9999d", "1999-07-07T12:00:00Z"),
        ] {
            let since: Since = text.parse().unwrap_or_else(|e| panic!("{text}: {e}"));
            let wanted: Timestamp = wanted.parse().expect("a time");
            assert_eq!(since.moment(now), wanted, "{text}");
        }
    }

    #[test]
    fn what_is_no_moment_is_none() {
        for text in
            ["", "2", "h", "yesterday", "-2h", "2h ago", "1mo", "1y", "2026-13-01", "2026-11", "0s", "12:00"]
        {
            assert!(text.parse::<Since>().is_err(), "{text}");
        }
    }
}
