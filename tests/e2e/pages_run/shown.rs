//! What a page shows of a command, held against what it prints.
//!
//! Times, process numbers, durations, versions, sizes, and what only luck decides may differ. `…` stands for the rest of a line, or for
//! any text in it, and as a line of its own for any lines.

use std::collections::BTreeMap;

use regex::{Captures, Regex};

/// What may differ: how it looks in the page, and what may stand in its place.
const VARIES: [(&str, &str); 9] = [
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z", r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z"),
    (r"\.[0-9a-f]{8}\.\d+\.\d+", r"\.[0-9a-f]{8}\.\d+\.\d+"),
    (r"\bpid \d+", r"pid \d+"),
    (r"\b(?:iapeer|tmux) \d+\.[0-9a-z.]+", r"(?:iapeer|tmux) (?:next-)?\d+\.[0-9a-z.]+"),
    (r"\b\d+ (?:ms|KiB|MiB|bytes)", r"\d+ (?:ms|KiB|MiB|bytes)"),
    // The kernel tells how a process ended only to who looks fast enough, and may kill for memory meanwhile.
    (r"was killed by SIGKILL;.*\]", r"(?:was killed by SIGKILL|vanished)[; ].*\]"),
    (r"\bsig9\b", r"(?:sig9|unknown)"),
    (r"\b\d{3,}\b", r"\d{3,}"),
    (r" {2,}", r" {2,}"),
];

/// The numbers that differ, by what the page has in their place; an error when it is not what is shown.
pub(super) fn differences(shows: &str, told: &str) -> Result<BTreeMap<String, String>, ()> {
    let kinds = VARIES.map(|(in_page, _)| Regex::new(in_page).unwrap());
    let (mut pattern, mut in_page) = (String::from("^"), Vec::new());
    for mut rest in shows.lines() {
        if rest.trim() == "…" {
            pattern.push_str("(?:.*\n)*");
            continue;
        }
        // The first in the line, and of those at the same place the first in the table.
        let first = |rest| {
            let found =
                kinds.iter().zip(VARIES).filter_map(|(kind, (_, told))| Some((kind.find(rest)?, told)));
            found.min_by_key(|(found, _)| found.start())
        };
        while let Some((varying, told)) = first(rest) {
            pattern.push_str(&format!("{}({told})", plain(&rest[..varying.start()])));
            in_page.push(varying.as_str());
            rest = &rest[varying.end()..];
        }
        pattern.push_str(&format!("{}\n", plain(rest)));
    }
    let found = Regex::new(&format!("{pattern}$")).unwrap().captures(told).ok_or(())?;
    let numbers = in_page.iter().zip(found.iter().skip(1).flatten());
    Ok(numbers.filter_map(|(page, told)| Some((number(page)?, number(told.as_str())?))).collect())
}

/// A command with the numbers of this run in place of those of the page.
pub(super) fn renamed(command: &str, numbers: &BTreeMap<String, String>) -> String {
    let here = |found: &Captures<'_>| numbers.get(&found[0]).cloned().unwrap_or_else(|| found[0].to_owned());
    Regex::new(r"\b\d+\b").unwrap().replace_all(command, here).into_owned()
}

fn plain(text: &str) -> String {
    text.split('…').map(regex::escape).collect::<Vec<_>>().join(".*")
}

/// The number of a process, with or without the word before it.
fn number(text: &str) -> Option<String> {
    let number = text.strip_prefix("pid ").unwrap_or(text);
    number.chars().all(|c| c.is_ascii_digit()).then(|| number.to_owned())
}

#[test]
fn only_what_may_differ_does() {
    let same = |shows: &str, told: &str| differences(shows, told);
    let none = BTreeMap::new();
    for (shows, told) in [
        ("one of 2\n", "one of 2\n"),
        ("at 2026-11-21T01:02:03.004Z in 31 ms\n", "at 2027-01-01T00:00:00Z in 8 ms\n"),
        ("a  b\n", "a      b\n"),
        ("a … [certain]\n", "a (b) [certain]\n"),
        ("a\n…\nb\n", "a\nmuch\nmore\nb\n"),
        ("a\n…\nb\n", "a\nb\n"),
        ("iapeer 0.1.0, root\n", "iapeer 1.12.3, root\n"),
        ("it was killed by SIGKILL; a [certain]\n", "it vanished without a word: b [likely]\n"),
        ("a  sig9  b\n", "a  unknown  b\n"),
    ] {
        assert_eq!(same(shows, told), Ok(none.clone()), "{shows}");
    }
    for (shows, told) in [
        ("one of 2\n", "one of 3\n"),
        ("exit 3\n", "exit 4\n"),
        ("a\n", "a\nb\n"),
        ("a\nb\n", "a\n"),
        ("at 2026-11-21T01:02:03.004Z\n", "at noon\n"),
        ("a b\n", "a  b\n"),
        ("it was killed by SIGKILL; a [certain]\n", "it was stopped [certain]\n"),
        ("a  sig9  b\n", "a  exit0  b\n"),
        ("", "a\n"),
    ] {
        assert_eq!(same(shows, told), Err(()), "{shows}");
    }
}

#[test]
fn a_number_that_differs_is_known_afterwards() {
    let numbers = differences("server (pid 7) and 19378\n", "server (pid 10) and 20000\n").unwrap();
    assert_eq!(renamed("kill -KILL 19378 7 1937", &numbers), "kill -KILL 20000 10 1937");
}
