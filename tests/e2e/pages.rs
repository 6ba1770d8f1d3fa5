//! The commands that the pages name exist, with the flags that they name; and the page of the command line has
//! all that exist.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

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

/// README.md, and what is in docs/ by name.
pub(crate) fn pages() -> Vec<(String, String)> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let docs = fs::read_dir(top.join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<PathBuf> = docs.filter(|path| path.extension().is_some_and(|e| e == "md")).collect();
    paths.sort();
    paths.insert(0, top.join("README.md"));
    let name = |path: &PathBuf| path.strip_prefix(&top).unwrap().to_str().unwrap().to_owned();
    paths.iter().map(|path| (name(path), fs::read_to_string(path).unwrap())).collect()
}

/// A page without its fenced blocks, which other tests read.
fn without_blocks(page: &str) -> String {
    page.split("```").step_by(2).collect()
}

/// The help of a verb, or of all.
fn help(host: &Host, verbs: &[&str]) -> Option<String> {
    let ran = host.run([verbs, &["--help"]].concat().as_slice());
    (ran.exit == 0).then_some(ran.stdout)
}

/// The verbs below some, each with what its help says. A verb stands at the beginning of a line; on the front
/// page a group does, and its verbs follow.
pub(crate) fn verbs_below(host: &Host, verbs: &[&str]) -> Vec<(String, String)> {
    let told = help(host, verbs).unwrap();
    let lines = told.lines().filter_map(|line| line.strip_prefix("  ")?.split_once("  "));
    let words = lines.flat_map(|(word, rest)| match word.starts_with(char::is_uppercase) {
        true => rest.split_whitespace().collect(),
        false => vec![word],
    });
    let is_verb = |word: &&str| word.starts_with(|c: char| c.is_ascii_lowercase()) && !word.contains(' ');
    let known = words.filter(is_verb).filter_map(|word| {
        let path = [verbs, &[word]].concat();
        Some((path.join(" "), help(host, &path)?))
    });
    known.collect()
}

/// The `--flags` that a help names, in its list of them.
fn flags(help: &str) -> BTreeSet<&str> {
    let firsts =
        help.lines().filter_map(|line| line.trim_start().strip_prefix("-h, ").or(Some(line.trim_start())));
    let flags =
        firsts.filter(|line| line.starts_with("--")).filter_map(|line| line.split_whitespace().next());
    flags.filter(|flag| !["--help", "--json", "--version"].contains(flag)).collect()
}

#[test]
fn the_commands_in_the_pages_exist() {
    let host = Host::new();
    let pages = pages();
    let texts: Vec<_> = pages.iter().map(|(name, page)| (name, without_blocks(page))).collect();
    let spans: Vec<_> =
        texts.iter().flat_map(|(name, text)| code_spans(text).into_iter().map(move |s| (name, s))).collect();
    let commands: BTreeSet<_> = spans
        .iter()
        .filter_map(|(name, span)| asked(span).map(|(verbs, flags)| (name, verbs, flags)))
        .collect();
    assert!(commands.len() > 60, "{commands:?}");
    for (name, verbs, flags) in commands {
        let told = help(&host, &verbs).unwrap_or_else(|| panic!("{name}: no `iapeer {}`", verbs.join(" ")));
        let missing: Vec<_> = flags.iter().filter(|flag| !told.contains(**flag)).collect();
        assert!(missing.is_empty(), "{name}: `iapeer {}` has no {missing:?}", verbs.join(" "));
    }
    // It sees one that does not.
    assert_eq!(help(&host, &["bogus"]), None);
}

#[test]
fn the_page_of_the_command_line_has_every_verb_and_every_flag() {
    let host = Host::new();
    let pages = pages();
    let (_, page) = pages.iter().find(|(name, _)| name == "docs/CLI.md").unwrap();
    let cells: Vec<_> = page
        .lines()
        .filter(|line| line.starts_with("| `"))
        .map(|row| {
            let spans = code_spans(row.split(" | ").next().unwrap());
            spans.iter().map(|span| format!("{span} ")).collect::<Vec<_>>()
        })
        .collect();
    // `memory-plugin on`, `off` is one row of two verbs.
    let has = |verb: &str| {
        let (first, last) = verb.split_once(' ').unwrap_or((verb, verb));
        cells.iter().any(|spans| {
            spans.iter().any(|span| span.starts_with(&format!("{verb} ")))
                || spans[0].starts_with(&format!("{first} ")) && spans.contains(&format!("{last} "))
        })
    };
    let mut missing = Vec::new();
    let mut seen = 0;
    for (verb, told) in verbs_below(&host, &[]) {
        let below = verbs_below(&host, &[&verb]);
        let leaves = if below.is_empty() { vec![(verb, told)] } else { below };
        for (verb, told) in leaves {
            seen += 1;
            if !has(&verb) {
                missing.push(format!("`iapeer {verb}`"));
            }
            let flags = flags(&told).into_iter().filter(|flag| !page.contains(flag));
            missing.extend(flags.map(|flag| format!("{flag} of `iapeer {verb}`")));
        }
    }
    assert!(seen > 40, "the verbs are not found any more: {seen}");
    assert!(missing.is_empty(), "docs/CLI.md does not have {missing:#?}");
}

#[test]
fn commands_are_found_in_a_page() {
    let spans =
        code_spans("a `iapeer logs\nPEER --since 2h` b `not iapeer` `iapeer-x` `iapeer service print`");
    let found: Vec<_> = spans.iter().filter_map(|span| asked(span)).collect();
    assert_eq!(found, [(vec!["logs"], vec!["--since"]), (vec!["service", "print"], vec![])]);
}
