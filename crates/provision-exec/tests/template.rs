//! Filling templates: one pass, and an argument stays one argument.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use iapeer_provision_exec::{FillError, Template};
use proptest::prelude::*;

/// The arguments of a filled template.
fn filled(args: &[&str], values: &[(&str, &str)]) -> Vec<OsString> {
    let values: Vec<_> = values.iter().map(|(name, value)| (*name, OsStr::new(*value))).collect();
    let run = Template::new("/bin/true", args.iter().copied()).fill(&values).expect("there is no NUL");
    run.argv()[1..].to_vec()
}

#[test]
fn placeholders_are_replaced_in_one_pass() {
    let values = [("cwd", "/a {occasion} b"), ("occasion", "birth"), ("runtime", "")];
    for (template, want) in [
        ("{cwd}", "/a {occasion} b"),
        ("--occasion={occasion}", "--occasion=birth"),
        ("{occasion}{occasion}-{occasion}", "birthbirth-birth"),
        ("{runtime}", ""),
        ("{{occasion}}", "{birth}"),
        ("{other} {OCCASION} { occasion } {}", "{other} {OCCASION} { occasion } {}"),
        ("{occasion", "{occasion"),
        ("{occ{occasion}", "{occbirth"),
        ("ü{occasion}ü", "übirthü"),
        ("$(touch x) `y` \"z\" ; & *", "$(touch x) `y` \"z\" ; & *"),
        ("", ""),
    ] {
        assert_eq!(filled(&[template], &values), [OsStr::new(want)], "{template}");
    }
}

#[test]
fn the_command_is_taken_as_it_is() {
    let run =
        Template::new("/opt/{cwd}", ["{cwd}"]).fill(&[("cwd", OsStr::new("x"))]).expect("there is no NUL");
    assert_eq!(run.argv(), ["/opt/{cwd}", "x"]);
}

#[test]
fn values_need_not_be_text() {
    let value = OsStr::from_bytes(b"/a\xff");
    let run = Template::new("/bin/true", ["--cwd={cwd}"]).fill(&[("cwd", value)]).expect("there is no NUL");
    assert_eq!(run.argv()[1], OsStr::from_bytes(b"--cwd=/a\xff"));
}

#[test]
fn a_nul_byte_is_refused_wherever_it_is() {
    let fill = |command: &str, arg: &str, value: &str| {
        let template = Template::new(command, ["first", arg]);
        template.fill(&[("cwd", OsStr::new(value))]).map(|_| ()).expect_err("there is a NUL")
    };
    assert_eq!(fill("/bin/tr\0ue", "", ""), FillError::NulInCommand);
    assert_eq!(fill("/bin/true", "a\0", ""), FillError::NulInArgument { index: 1 });
    let unused = fill("/bin/true", "", "/a\0b");
    assert_eq!(unused, FillError::NulInValue { name: "cwd".to_owned() });
    assert_eq!(unused.to_string(), "the value of {cwd} has a NUL byte");
}

/// A piece of an argument template, and what it has to become.
#[derive(Debug, Clone)]
enum Piece {
    Text(String),
    Cwd,
    Occasion,
    Unknown,
}

fn piece() -> impl Strategy<Value = Piece> {
    prop_oneof![
        "[^{}\0]{0,8}".prop_map(Piece::Text),
        Just(Piece::Cwd),
        Just(Piece::Occasion),
        Just(Piece::Unknown),
    ]
}

/// Bytes and text that are values; what looks like a placeholder is common.
fn value() -> impl Strategy<Value = OsString> {
    prop_oneof![
        prop::collection::vec(1u8..=255, 0..12).prop_map(OsString::from_vec),
        prop::sample::select(vec!["{a}", "{b}", "{a}{b}", "{", "}", "a}", "$&"]).prop_map(OsString::from),
    ]
}

/// Argument templates; placeholders are common in them.
fn template() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec("([^\0]|\\{|\\}|\\{a\\}|\\{b\\}|\\{c\\}){0,6}", 0..8)
}

fn arguments(args: &[impl AsRef<str>], a: &OsStr, b: &OsStr) -> Vec<OsString> {
    let template = Template::new("/bin/true", args.iter().map(AsRef::as_ref));
    template.fill(&[("a", a), ("b", b)]).expect("there is no NUL").argv().split_off(1)
}

proptest! {
    #[test]
    fn every_argument_becomes_exactly_what_its_pieces_say(
        arguments in prop::collection::vec(prop::collection::vec(piece(), 0..6), 0..6),
        cwd in "([^\0]|\\{cwd\\}|\\{occasion\\}){0,6}",
        occasion in "([^\0]|\\{cwd\\}|\\{occasion\\}){0,6}",
    ) {
        let render = |cwd: &str, occasion: &str| -> Vec<String> {
            let one = |pieces: &Vec<Piece>| pieces.iter().map(|piece| match piece {
                Piece::Text(text) => text.as_str(),
                Piece::Cwd => cwd,
                Piece::Occasion => occasion,
                Piece::Unknown => "{unknown}",
            }).collect();
            arguments.iter().map(one).collect()
        };
        let template = render("{cwd}", "{occasion}");
        let template: Vec<_> = template.iter().map(String::as_str).collect();
        let want: Vec<_> = render(&cwd, &occasion).into_iter().map(OsString::from).collect();
        prop_assert_eq!(filled(&template, &[("cwd", &cwd), ("occasion", &occasion)]), want);
    }

    #[test]
    fn any_template_keeps_its_number_of_arguments_and_its_neighbours(
        args in template(), a in value(), b in value(),
    ) {
        let together = arguments(&args, &a, &b);
        let alone: Vec<_> = args.iter().flat_map(|arg| arguments(&[arg], &a, &b)).collect();
        prop_assert_eq!(together.len(), args.len());
        prop_assert_eq!(together, alone);
    }

    #[test]
    fn a_value_changes_only_the_arguments_that_ask_for_it(
        args in template(), a in value(), other in value(), b in value(),
    ) {
        let (before, after) = (arguments(&args, &a, &b), arguments(&args, &other, &b));
        prop_assert_eq!(before.len(), after.len());
        for (arg, (before, after)) in args.iter().zip(before.iter().zip(&after)) {
            prop_assert!(arg.contains("{a}") || before == after, "{arg:?}: {before:?} became {after:?}");
        }
    }
}
