//! What is typed: the bytes of a terminal become keys.
//!
//! Read here and not by crossterm, whose reader never comes back once the terminal has been hung up: a lost
//! connection would leave a process that spins.

/// A key that means something to the view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    Up,
    Down,
    PageUp,
    PageDown,
    Home,
    End,
    Enter,
    Escape,
    Backspace,
    /// Ctrl-C.
    Interrupt,
    Char(char),
}

/// Puts bytes together to keys, however they come in pieces.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    left: Vec<u8>,
}

/// What stands at the beginning of some bytes.
enum Head {
    /// A key, or something that means nothing, of so many bytes.
    Whole(Option<Key>, usize),
    /// The beginning of something.
    Begun,
}

const ESCAPE: u8 = 0x1b;

impl Decoder {
    /// The keys that are whole with these bytes.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Vec<Key> {
        self.left.extend(bytes);
        let (mut keys, mut at) = (Vec::new(), 0);
        while let Head::Whole(key, length) = head(&self.left[at..]) {
            keys.extend(key);
            at += length;
        }
        self.left.drain(..at);
        keys
    }

    /// Whether something has begun. It may be whole: the key Escape is how most others begin.
    pub(super) fn has_begun(&self) -> bool {
        !self.left.is_empty()
    }

    /// Nothing more comes: what has begun is the key Escape, or nothing.
    pub(super) fn settle(&mut self) -> Option<Key> {
        let left = std::mem::take(&mut self.left);
        (left.first() == Some(&ESCAPE)).then_some(Key::Escape)
    }
}

fn head(bytes: &[u8]) -> Head {
    let Some(first) = bytes.first() else { return Head::Begun };
    match first {
        &ESCAPE => sequence(bytes),
        b'\r' | b'\n' => Head::Whole(Some(Key::Enter), 1),
        0x08 | 0x7f => Head::Whole(Some(Key::Backspace), 1),
        0x03 => Head::Whole(Some(Key::Interrupt), 1),
        0x00..=0x1f => Head::Whole(None, 1),
        _ => character(bytes),
    }
}

/// A control sequence (ECMA-48), or what keypads send: `ESC [ parameters final` and `ESC O final`.
fn sequence(bytes: &[u8]) -> Head {
    let (parameters, rest) = match bytes.get(1) {
        None => return Head::Begun,
        Some(b'[') => {
            let length = bytes[2..].iter().take_while(|byte| matches!(byte, 0x20..=0x3f)).count();
            bytes[2..].split_at(length)
        }
        Some(b'O') => (&[][..], &bytes[2..]),
        // The key itself, and whatever was typed after it.
        Some(_) => return Head::Whole(Some(Key::Escape), 1),
    };
    let Some(last) = rest.first() else { return Head::Begun };
    let key = match (last, parameters) {
        (b'A', _) => Some(Key::Up),
        (b'B', _) => Some(Key::Down),
        (b'H', _) | (b'~', b"1" | b"7") => Some(Key::Home),
        (b'F', _) | (b'~', b"4" | b"8") => Some(Key::End),
        (b'~', b"5") => Some(Key::PageUp),
        (b'~', b"6") => Some(Key::PageDown),
        (b'M', _) if bytes[1] == b'O' => Some(Key::Enter),
        _ => None,
    };
    Head::Whole(key, 2 + parameters.len() + 1)
}

/// A character in UTF-8. What is none is passed over.
fn character(bytes: &[u8]) -> Head {
    let bytes = &bytes[..bytes.len().min(4)];
    let whole = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(e) if e.valid_up_to() > 0 => std::str::from_utf8(&bytes[..e.valid_up_to()]).unwrap_or_default(),
        Err(e) => return e.error_len().map_or(Head::Begun, |length| Head::Whole(None, length)),
    };
    match whole.chars().next() {
        Some(c) => Head::Whole(Some(Key::Char(c)).filter(|_| !c.is_control()), c.len_utf8()),
        None => Head::Whole(None, 1),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn bytes_become_keys() {
        for (bytes, wanted) in [
            (&b"j"[..], vec![Key::Char('j')]),
            (b"\x1b[A\x1b[B", vec![Key::Up, Key::Down]),
            (b"\x1bOA\x1bOB\x1bOM", vec![Key::Up, Key::Down, Key::Enter]),
            (b"\x1b[5~\x1b[6~", vec![Key::PageUp, Key::PageDown]),
            (b"\x1b[H\x1b[F\x1b[1~\x1b[4~\x1b[7~\x1b[8~", [Key::Home, Key::End].repeat(3)),
            (b"\x1b[1;5A", vec![Key::Up]),
            (b"\x1b[15~\x1b[3~a", vec![Key::Char('a')]),
            (b"\r\n", vec![Key::Enter, Key::Enter]),
            (b"\x7f\x08", vec![Key::Backspace, Key::Backspace]),
            (b"\x03\x01\x00", vec![Key::Interrupt]),
            (b"\x1bq", vec![Key::Escape, Key::Char('q')]),
            (b"\x1b\x1b[A", vec![Key::Escape, Key::Up]),
            ("éж会😀".as_bytes(), "éж会😀".chars().map(Key::Char).collect()),
            (b"a\xffb\xe4\xbcc", vec![Key::Char('a'), Key::Char('b'), Key::Char('c')]),
        ] {
            assert_eq!(Decoder::default().take(bytes), wanted, "{bytes:?}");
            // The same, byte by byte.
            let mut decoder = Decoder::default();
            let keys: Vec<_> = bytes.iter().flat_map(|byte| decoder.take(&[*byte])).collect();
            assert_eq!((keys, decoder.has_begun()), (wanted, false), "{bytes:?}");
        }
    }

    #[test]
    fn what_has_begun_is_escape_or_nothing() {
        for (bytes, wanted) in
            [(&b"\x1b"[..], Some(Key::Escape)), (b"\x1b[", Some(Key::Escape)), (b"\xe4\xbc", None)]
        {
            let mut decoder = Decoder::default();
            assert_eq!(decoder.take(bytes), []);
            assert!(decoder.has_begun());
            assert_eq!(decoder.settle(), wanted, "{bytes:?}");
            assert!(!decoder.has_begun());
        }
    }

    proptest! {
        #[test]
        fn no_bytes_are_too_much(bytes: Vec<u8>) {
            let mut decoder = Decoder::default();
            decoder.take(&bytes);
            decoder.settle();
            prop_assert_eq!(decoder.take(b"q"), [Key::Char('q')]);
        }
    }
}
