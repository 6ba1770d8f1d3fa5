//! The word that what follows is deliberate: one line in a file beside the lease.

use std::time::Duration;

use iapeer_statefile::{Entry, Line, Timestamp};

/// The content of an intent file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Intent {
    /// When it was published, in seconds since boot.
    pub(crate) up: u64,
    /// For how many seconds it counts.
    pub(crate) ttl: u64,
    pub(crate) by: String,
    pub(crate) reason: String,
}

/// What an intent file is worth at a death.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Judgement {
    None,
    Fresh(Intent),
    Stale,
    Torn,
}

impl Intent {
    pub(crate) fn new(up: u64, ttl: Duration, by: &str, reason: &str) -> Intent {
        // A part of a second counts as one: a short intent must not be stale from the start.
        let ttl = ttl.as_secs() + u64::from(ttl.subsec_nanos() > 0);
        Intent { up, ttl, by: by.to_owned(), reason: reason.to_owned() }
    }

    /// The line as the witness reads it too: in this order, free text last, `end=1` for wholeness.
    pub(crate) fn render(&self, now: Timestamp) -> String {
        let line = Line::new(now, "intent").field("up", self.up).field("ttl", self.ttl);
        let line = line.field("by", &self.by).field("reason", &self.reason).field("end", 1);
        format!("{}\n", line.render())
    }

    pub(crate) fn parse(text: &str) -> Option<Intent> {
        let entry = Entry::parse(text.strip_suffix('\n')?).ok()?;
        let whole = entry.event() == "intent" && entry.get("end") == Some("1");
        let number = |key: &str| entry.get(key).and_then(|value| value.parse().ok());
        let text = |key: &str| entry.get(key).map(str::to_owned);
        whole.then_some(Intent {
            up: number("up")?,
            ttl: number("ttl")?,
            by: text("by")?,
            reason: text("reason")?,
        })
    }

    /// Judges what stands in the file, `up` seconds after boot; without `up` nothing counts as fresh.
    /// One second of the future is forgiven: seconds are cut, here and there.
    pub(crate) fn judge(text: Option<&str>, up: Option<u64>) -> Judgement {
        let Some(text) = text else { return Judgement::None };
        let Some(intent) = Intent::parse(text) else { return Judgement::Torn };
        let fresh = up.is_some_and(|up| up + 1 >= intent.up && up.saturating_sub(intent.up) <= intent.ttl);
        if fresh { Judgement::Fresh(intent) } else { Judgement::Stale }
    }
}

impl Judgement {
    /// The word in a record.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Judgement::None => "none",
            Judgement::Fresh(_) => "fresh",
            Judgement::Stale => "stale",
            Judgement::Torn => "torn",
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn judgement() {
        let text =
            Intent::new(100, Duration::from_millis(29_500), "a b", "it=\"\n").render(Timestamp::UNIX_EPOCH);
        let cases = [
            (Some(text.as_str()), Some(100), "fresh"),
            (Some(&text), Some(130), "fresh"),
            (Some(&text), Some(131), "stale"),
            (Some(&text), Some(99), "fresh"),
            (Some(&text), Some(98), "stale"),
            (Some(&text), None, "stale"),
            (Some(""), Some(100), "torn"),
            (Some(&text[..text.len() - 1]), Some(100), "torn"),
            (Some(&text[..text.len() - 7]), Some(100), "torn"),
            (None, Some(100), "none"),
        ];
        for (text, up, wanted) in cases {
            assert_eq!(Intent::judge(text, up).word(), wanted, "{text:?} {up:?}");
        }
    }

    proptest! {
        #[test]
        fn comes_back(up: u64, ttl in 0u64..1 << 40, by: String, reason: String) {
            let intent = Intent { up, ttl, by, reason };
            prop_assert_eq!(Intent::parse(&intent.render(Timestamp::UNIX_EPOCH)), Some(intent));
        }
    }
}
