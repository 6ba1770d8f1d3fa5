//! What the pages about the slot show is what is there.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "a test")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

const PAGES: [&str; 2] = ["docs/PROVIDERS.md", "docs/SLOT-CORPUS.md"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// The fenced blocks of a page: what stands behind the opening fence, and the text.
fn blocks(page: &str) -> Vec<(&str, &str)> {
    let fenced = page.split("```").skip(1).step_by(2);
    fenced.map(|block| block.split_once('\n').expect("a fence has lines")).collect()
}

/// The name by which a heading is linked to: its words in lower case with `-` between them.
fn anchor(heading: &str) -> String {
    let kept =
        heading.trim_start_matches('#').trim().chars().filter(|c| c.is_alphanumeric() || " -".contains(*c));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

#[test]
fn quoted_code_stands_in_the_example() {
    let page = read(PAGES[0]);
    let mut quoted = BTreeSet::new();
    for (info, code) in blocks(&page) {
        let Some(source) = info.strip_prefix("rust") else { continue };
        let source = source.trim();
        assert!(source.starts_with("examples/memory-provider/"), "{code}: a quote names its source");
        assert!(read(source).contains(code), "{source} does not have, line by line:\n{code}");
        quoted.insert(source.to_owned());
    }
    let expected = ["files.rs", "main.rs", "slot.rs", "surface.rs"];
    assert_eq!(quoted, expected.map(|file| format!("examples/memory-provider/src/{file}")).into());
}

#[test]
fn links_lead_somewhere() {
    for path in PAGES {
        let page = read(path);
        let targets: Vec<_> = page.split("](").skip(1).map(|rest| rest.split(')').next().unwrap()).collect();
        for target in targets.iter().filter(|target| !target.starts_with("https://")) {
            let (file, heading) = target.split_once('#').unwrap_or((target, ""));
            let file = if file.is_empty() { path.to_owned() } else { format!("docs/{file}") };
            assert!(root().join(&file).exists(), "{path}: {target} leads nowhere");
            if !heading.is_empty() {
                let page = read(&file);
                let mut headings = page.lines().filter(|line| line.starts_with('#')).map(anchor);
                assert!(headings.any(|found| found == heading), "{path}: {file} has no heading #{heading}");
            }
        }
    }
}

#[test]
fn every_member_and_every_placeholder_is_explained() {
    let page = read(PAGES[0]);
    let rows: Vec<_> = page.lines().filter(|line| line.starts_with("| `")).collect();
    for word in [
        "provider",
        "package",
        "version",
        "registeredAt",
        "heartbeat",
        "provision",
        "unprovision",
        "notify",
        "plugin",
        "{cwd}",
        "{runtime}",
        "{personality}",
        "{occasion}",
        "{cause}",
    ] {
        let wanted = format!("`{word}`");
        let first_cell = |row: &&str| row.split('|').nth(1).is_some_and(|cell| cell.contains(&wanted));
        assert!(rows.iter().any(first_cell), "no row of a table begins with {wanted}");
    }
}
