//! Log lines: what is written is read back, and no value can be more than a value.

use iapeer_statefile::{Entry, Line, Timestamp, quote};
use proptest::prelude::*;

fn at() -> Timestamp {
    "2026-11-21T01:02:03.004Z".parse().expect("a constant")
}

#[test]
fn quoting_follows_the_table() {
    for (value, written) in [
        ("plain", "plain"),
        ("/a/path-1.txt", "/a/path-1.txt"),
        ("", r#""""#),
        ("two words", r#""two words""#),
        ("a=b", r#""a=b""#),
        (r"back\slash", r#""back\\slash""#),
        ("say \"hi\"", r#""say \"hi\"""#),
        ("a\nb\rc\td", r#""a\nb\rc\td""#),
        ("bell\u{7}", r#""bell\u0007""#),
        ("Привет", "Привет"),
        ("no\u{a0}break", "\"no\u{a0}break\""),
    ] {
        assert_eq!(quote(value), written, "{value:?}");
    }
}

#[test]
fn a_line_has_its_fields_in_order() {
    let line = Line::new(at(), "wake")
        .field("identity", "shell-alpha")
        .field("cause", "first wake")
        .field_opt("x", None::<u8>);
    assert_eq!(
        line.render(),
        r#"ts=2026-11-21T01:02:03.004Z ev=wake identity=shell-alpha cause="first wake""#
    );
}

#[test]
fn what_is_not_a_line_says_why() {
    for (line, reason) in [
        ("", "no `ts=` first, or no `ev=`"),
        ("ev=x ts=1", "no `ts=` first, or no `ev=`"),
        ("ts=1", "no `ts=` first, or no `ev=`"),
        ("ts=1 ev=x stray", "a word without `=`"),
        ("ts=1 ev=x k=\"open", "a quoted value that does not end"),
        ("ts=1 ev=x k=\"a\"b", "text after a quoted value"),
        ("ts=1 ev=x k=\"\\q\"", "an unknown escape"),
        ("ts=1 ev=x k=\"\\u12\"", "a bad \\u escape"),
        ("ts=1  ev=x", "not a key"),
    ] {
        assert_eq!(Entry::parse(line).expect_err(line).reason, reason, "{line:?}");
    }
}

/// Any string, and more often than by chance the characters that are special somewhere: controls of both
/// ranges, white space of every kind, what a line is made of, and the ends of the code space.
fn any_string() -> impl Strategy<Value = String> {
    let special = prop::sample::select(
        "\0\u{1}\t\n\u{b}\u{c}\r\u{1b}\u{1f} !\"=\\u\u{7f}\u{80}\u{85}\u{9f}\u{a0}\u{1680}\u{2003}\u{2028}\u{2029}\
         \u{202f}\u{205f}\u{3000}\u{200b}\u{202e}\u{feff}\u{d7ff}\u{e000}\u{fffd}\u{ffff}\u{10ffff}"
            .chars()
            .collect::<Vec<_>>(),
    );
    prop::collection::vec(prop_oneof![special, any::<char>()], 0..20).prop_map(String::from_iter)
}

proptest! {
    #[test]
    fn every_string_comes_back(event in any_string(), values in prop::collection::vec(any_string(), 0..4)) {
        let line = values.iter().fold(Line::new(at(), &event), |line, v| line.field("k", v)).render();
        prop_assert!(!line.contains('\n'), "a value must not start a line: {line:?}");
        let entry = Entry::parse(&line).map_err(|e| TestCaseError::fail(format!("{e}: {line:?}")))?;
        prop_assert_eq!(entry.event(), event);
        let read: Vec<_> = entry.fields().skip(2).map(|(_, v)| v.to_owned()).collect();
        prop_assert_eq!(read, values);
    }

    #[test]
    fn no_text_panics(line in any_string()) {
        // Either answer is right; only a panic is not.
        let _ = Entry::parse(&line);
        let _ = Entry::parse(&format!("ts=1 ev=x k=\"{line}"));
    }
}

#[test]
fn every_character_comes_back() {
    let all: Vec<char> = ('\0'..=char::MAX).collect();
    for some in all.chunks(4096) {
        let value = String::from_iter(some);
        let line = Line::new(at(), "e").field("k", &value).render();
        let entry = Entry::parse(&line).expect("it is a line");
        assert_eq!(entry.get("k"), Some(&*value));
    }
}
