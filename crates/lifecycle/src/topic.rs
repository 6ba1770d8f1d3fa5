//! What a session is worked on about.

use std::str::FromStr;

/// The longest topic, in characters.
const TOPIC_MAX: usize = 200;

/// What a session is worked on about: one line that names a thread.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topic(String);

/// Why a text names no topic.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a topic is one line of 1 to {TOPIC_MAX} characters")]
pub struct BadTopic;

impl Topic {
    /// The line.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Topic {
    type Err = BadTopic;

    fn from_str(text: &str) -> Result<Topic, BadTopic> {
        let text = text.trim();
        let fits = !text.is_empty() && text.chars().count() <= TOPIC_MAX && !text.contains(char::is_control);
        if fits { Ok(Topic(text.to_owned())) } else { Err(BadTopic) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_is_one_line() {
        for (text, wanted) in [
            ("a thread", Some("a thread")),
            ("  a thread ", Some("a thread")),
            ("Привет, мир", Some("Привет, мир")),
            ("", None),
            ("   ", None),
            ("two\nlines", None),
            ("a\u{1b}[31mcolour", None),
            (&"x".repeat(TOPIC_MAX + 1), None),
            (&"ü".repeat(TOPIC_MAX), Some("ü".repeat(TOPIC_MAX).as_str())),
        ] {
            assert_eq!(text.parse::<Topic>().ok().as_ref().map(Topic::as_str), wanted, "{text:?}");
        }
    }
}
