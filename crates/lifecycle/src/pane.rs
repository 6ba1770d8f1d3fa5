//! What a pane showed last, as plain text.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::iter::Peekable;
use std::str::Chars;

use camino::Utf8Path;
use rustix::fs::{Mode, OFlags};

/// How much of the end of a pane log is looked at, in bytes.
const TAIL: u64 = 64 << 10;

/// The last `count` lines with text that a pane showed, without what steers a terminal. None when its log is
/// not there or cannot be read: what a pane showed is never more than a help.
pub(crate) fn last_lines(pane_log: &Utf8Path, count: usize) -> Vec<String> {
    let bytes = tail(pane_log).unwrap_or_default();
    last_of(&plain(&String::from_utf8_lossy(&bytes)), count)
}

/// The last `count` lines with text of what a pane showed.
pub(crate) fn last_of(text: &str, count: usize) -> Vec<String> {
    let lines = text.lines().map(shown).filter(|line| !line.trim().is_empty());
    let lines: Vec<_> = lines.map(|line| line.trim_end().to_owned()).collect();
    lines[lines.len().saturating_sub(count)..].to_vec()
}

/// The end of a file. What is no regular file is not waited for.
fn tail(path: &Utf8Path) -> std::io::Result<Vec<u8>> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let mut file = File::from(rustix::fs::open(path.as_std_path(), flags, Mode::empty())?);
    let meta = file.metadata()?;
    let mut bytes = Vec::new();
    if meta.is_file() {
        file.seek(SeekFrom::Start(meta.len().saturating_sub(TAIL)))?;
        file.take(TAIL).read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}

/// What is left of a line after its carriage returns: what was written last over what was there.
fn shown(line: &str) -> &str {
    line.rsplit('\r').find(|part| !part.is_empty()).unwrap_or_default()
}

/// The text without escape sequences and without control characters other than the ends of lines.
pub(crate) fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' => plain.extend(skip_sequence(&mut chars)),
            '\t' => plain.push(' '),
            c if c.is_control() && !matches!(c, '\n' | '\r') => {}
            c => plain.push(c),
        }
    }
    plain
}

/// Skips what follows an escape character and belongs to it (ECMA-48). The end of a line never does: what is
/// cut off must not hide the next line. Programs that draw their screen move over blanks instead of printing
/// them: what the sequence stands for in a text, if anything.
fn skip_sequence(chars: &mut Peekable<Chars<'_>>) -> Option<char> {
    match chars.next_if(|c| !c.is_control()) {
        // A control sequence: parameters and intermediates, then a final character.
        Some('[') => {
            let parameter = || chars.next_if(|c| ('\u{20}'..='\u{3f}').contains(c));
            let parameters: String = std::iter::from_fn(parameter).collect();
            match (chars.next_if(|c| ('\u{40}'..='\u{7e}').contains(c))?, parameters.as_str()) {
                // To the first column, and to any other one or some further.
                ('G', "" | "0" | "1") => return Some('\r'),
                ('G' | 'C', _) => return Some(' '),
                _ => {}
            }
        }
        // A string, up to a bell or to the escape sequence that ends it.
        Some(']' | 'P' | 'X' | '^' | '_') => {
            while chars.next_if(|c| !matches!(c, '\u{7}' | '\u{1b}' | '\n')).is_some() {}
        }
        // The choice of a character set, for example: intermediates, then a final character.
        Some('\u{20}'..='\u{2f}') => {
            while chars.next_if(|c| ('\u{20}'..='\u{2f}').contains(c)).is_some() {}
            chars.next_if(|c| ('\u{30}'..='\u{7e}').contains(c));
        }
        _ => {}
    }
    None
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "the test writes the file that is read")]
mod tests {
    use camino::Utf8PathBuf;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_steers_a_terminal_is_left_out() {
        for (raw, wanted) in [
            ("plain", "plain"),
            ("\u{1b}[1;31mred\u{1b}[0m", "red"),
            ("\u{1b}[?2004h$ \u{1b}[K", "$ "),
            ("\u{1b}]0;a title\u{7}text", "text"),
            ("\u{1b}]8;;http://x\u{1b}\\link\u{1b}]8;;\u{1b}\\", "link"),
            ("\u{1b}Pq#0\u{1b}\\x", "x"),
            ("\u{1b}(Ba\u{1b}=b\u{1b}7c", "abc"),
            ("bell\u{7} back\u{8}\u{9b}", "bell back"),
            ("a\u{1b}[Cb\u{1b}[3Cc\u{1b}[3Dd\u{1b}[40Ge", "a b cd e"),
            ("a\u{1b}[1Gb\u{1b}[Gc", "a\rb\rc"),
            ("a\tb", "a b"),
            ("cut \u{1b}[1;3", "cut "),
            ("cut \u{1b}", "cut "),
            ("cut \u{1b}]0;never ends\nnext", "cut \nnext"),
            ("❯ Привет", "❯ Привет"),
        ] {
            assert_eq!(plain(raw), wanted, "{raw:?}");
        }
    }

    #[test]
    fn the_last_lines_of_a_log() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = Utf8PathBuf::from_path_buf(folder.path().join("pane.log")).expect("a UTF-8 path");
        assert_eq!(last_lines(&path, 2), Vec::<String>::new());
        for (text, wanted) in [
            ("", vec![]),
            ("one", vec!["one"]),
            ("one\r\n\r\n  \r\ntwo  \r\n", vec!["one", "two"]),
            ("one\ntwo\nthree\n", vec!["two", "three"]),
            ("10 %\r50 %\r100 %\r\ndone\r", vec!["100 %", "done"]),
        ] {
            std::fs::write(&path, text).expect("it can be written");
            assert_eq!(last_lines(&path, 2), wanted, "{text:?}");
        }
        std::fs::write(&path, format!("{}end\n", "long line\n".repeat(100_000))).expect("it can be written");
        assert_eq!(last_lines(&path, 2), ["long line", "end"]);
        assert_eq!(last_lines(path.parent().expect("a folder"), 2), Vec::<String>::new());
    }

    proptest! {
        #[test]
        fn no_control_character_is_left(text in any::<String>()) {
            prop_assert!(!plain(&text).contains(|c: char| c.is_control() && c != '\n' && c != '\r'));
        }
    }
}
