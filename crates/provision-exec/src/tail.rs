//! The end of a stream, in bounded memory.

use std::collections::VecDeque;

/// The last bytes of a stream, and how many there were in all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tail {
    kept: VecDeque<u8>,
    limit: usize,
    total: u64,
}

impl Tail {
    pub(crate) fn new(limit: usize) -> Self {
        Self { kept: VecDeque::new(), limit, total: 0 }
    }

    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.total = self.total.saturating_add(bytes.len() as u64);
        let bytes = &bytes[bytes.len().saturating_sub(self.limit)..];
        let excess = (self.kept.len() + bytes.len()).saturating_sub(self.limit);
        self.kept.drain(..excess);
        self.kept.extend(bytes);
    }

    /// The bytes that were kept.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        self.kept.iter().copied().collect()
    }

    /// How many bytes the stream had in all.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Whether the beginning of the stream is missing.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        self.total > self.kept.len() as u64
    }

    /// The kept bytes as text. What is no UTF-8 is shown as U+FFFD; half a character that the cut
    /// left at the beginning is dropped.
    #[must_use]
    pub fn text(&self) -> String {
        let bytes = self.bytes();
        let continuation = |byte: &u8| byte & 0b1100_0000 == 0b1000_0000;
        let half =
            if self.is_cut() { bytes.iter().take(3).take_while(|b| continuation(b)).count() } else { 0 };
        String::from_utf8_lossy(&bytes[half..]).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::Tail;

    fn tail(limit: usize, parts: &[&[u8]]) -> Tail {
        let mut tail = Tail::new(limit);
        for part in parts {
            tail.push(part);
        }
        tail
    }

    #[test]
    fn keeps_the_end_and_counts_everything() {
        for (limit, parts, kept, total, cut) in [
            (4, &[b"" as &[u8]] as &[&[u8]], b"" as &[u8], 0, false),
            (4, &[b"abcd"], b"abcd", 4, false),
            (4, &[b"abc", b"de"], b"bcde", 5, true),
            (4, &[b"ab", b"cdefghij"], b"ghij", 10, true),
            (0, &[b"ab"], b"", 2, true),
        ] {
            let tail = tail(limit, parts);
            assert_eq!((tail.bytes().as_slice(), tail.total(), tail.is_cut()), (kept, total, cut));
        }
    }

    #[test]
    fn text_is_valid_whatever_came() {
        assert_eq!(tail(3, &["aéb".as_bytes()]).text(), "éb");
        assert_eq!(tail(2, &["aéb".as_bytes()]).text(), "b", "the half character is dropped");
        assert_eq!(tail(9, &[b"a\xc3"]).text(), "a\u{fffd}");
        assert_eq!(tail(9, &[b"\xa9b"]).text(), "\u{fffd}b", "nothing was cut, so nothing is dropped");
    }
}
