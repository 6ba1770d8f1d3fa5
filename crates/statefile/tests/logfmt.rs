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

proptest! {
    #[test]
    fn every_string_comes_back(values in prop::collection::vec(any::<String>(), 0..4)) {
        let line = values.iter().fold(Line::new(at(), "e"), |line, v| line.field("k", v)).render();
        prop_assert!(!line.contains('\n'), "a value must not start a line: {line:?}");
        let entry = Entry::parse(&line).map_err(|e| TestCaseError::fail(format!("{e}: {line:?}")))?;
        let read: Vec<_> = entry.fields().skip(2).map(|(_, v)| v.to_owned()).collect();
        prop_assert_eq!(read, values);
    }

    #[test]
    fn no_bytes_panic(line in any::<String>()) {
        // Either answer is right; only a panic is not.
        let _ = Entry::parse(&line);
    }
}
