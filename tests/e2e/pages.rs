//! The commands that the pages name exist, with the flags that they name.

use std::fs;
use std::path::Path;

use crate::host::Host;

/// What stands between backticks in a page, also over the end of a line.
fn code_spans(page: &str) -> Vec<String> {
    let spans = page.split('`').skip(1).step_by(2);
    spans.map(|span| span.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

/// The help that tells of a command, and the flags that the command has.
fn asked(span: &str) -> Option<(Vec<&str>, Vec<&str>)> {
    let words: Vec<_> = span.strip_prefix("iapeer ")?.split(' ').collect();
    let is_verb =
        |word: &&&str| word.chars().all(|c| c.is_ascii_lowercase() || c == '-') && !word.starts_with('-');
    let verbs: Vec<_> = words.iter().take_while(is_verb).copied().collect();
    let flags =
        words.iter().filter(|word| word.starts_with("--")).map(|word| word.trim_matches(',')).collect();
    (!verbs.is_empty()).then_some((verbs, flags))
}

#[test]
fn the_commands_in_the_operators_guide_exist() {
    let host = Host::new();
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
    let page = fs::read_to_string(docs.join("OPERATING.md")).unwrap();
    let spans = code_spans(&page);
    let commands: Vec<_> = spans.iter().filter_map(|span| asked(span)).collect();
    assert!(commands.len() > 30, "{commands:?}");
    for (verbs, flags) in commands {
        let ran = host.run([&verbs[..], &["--help"]].concat().as_slice());
        assert_eq!(ran.exit, 0, "`iapeer {}`: {ran}", verbs.join(" "));
        let missing: Vec<_> = flags.iter().filter(|flag| !ran.stdout.contains(**flag)).collect();
        assert!(missing.is_empty(), "`iapeer {}` has no {missing:?}", verbs.join(" "));
    }
    // It sees one that does not.
    assert_eq!(host.run("bogus --help").exit, 2);
}

#[test]
fn commands_are_found_in_a_page() {
    let spans =
        code_spans("a `iapeer logs\nPEER --since 2h` b `not iapeer` `iapeer-x` `iapeer service print`");
    let found: Vec<_> = spans.iter().filter_map(|span| asked(span)).collect();
    assert_eq!(found, [(vec!["logs"], vec!["--since"]), (vec!["service", "print"], vec![])]);
}
