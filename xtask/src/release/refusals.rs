//! What stands against a release. Everything is looked at, and all that is found is told at once.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value;

use super::{git, licences};
use crate::{Findings, checks, repository};

/// Where the roots are that the program must be able to read: a folder `v<schema>` for each schema of the state.
const FIXTURES: &str = "tests/fixtures/existing";

/// The source that says the schema of the state, and the line there.
const SCHEMA: (&str, &str) = ("crates/registry/src/index.rs", "const VERSION: u64 = ");

/// What is wished.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Wish {
    pub(super) occasion: Occasion,
    /// The tag that is to be, if it was said.
    pub(super) tag: Option<String>,
}

/// What it is done for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Occasion {
    /// To be delivered: from the commit with the tag, with a section of its own in the changelog.
    Release,
    /// To see whether it would go well: there need not be a tag yet, and what will be the section may still be
    /// called `[Unreleased]`.
    Rehearsal,
}

impl Wish {
    pub(super) fn parse(arguments: &[String]) -> Result<Wish, String> {
        let mut wish = Wish { occasion: Occasion::Release, tag: None };
        let mut words = arguments.iter();
        while let Some(word) = words.next() {
            match word.as_str() {
                "--dry-run" => wish.occasion = Occasion::Rehearsal,
                "--tag" => wish.tag = Some(words.next().ok_or("--tag wants a tag, such as v1.2.3")?.clone()),
                _ => return Err(format!("takes --dry-run and --tag TAG, got {word:?}")),
            }
        }
        Ok(wish)
    }
}

/// The version that may be released, or all that stands against it.
pub(super) fn version(root: &Path, wish: &Wish) -> Result<String, Findings> {
    // `--locked`: what is built is what was looked at.
    let metadata = match repository::metadata(root, &["--locked"]) {
        Ok(metadata) => metadata,
        Err(finding) => return Err([changed_files(root), vec![finding]].concat()),
    };
    let versions = versions(&metadata);
    // One for all of them, unless somebody takes a version out of the root; then the tag differs from one.
    let version = versions.first().cloned().unwrap_or_default();
    let mut all = changed_files(root);
    match git::tags(root) {
        Ok(tags) => all.extend(of_tags(&versions, &tags, wish)),
        Err(finding) => all.push(finding),
    }
    all.extend(of_changelog(&read(root, "CHANGELOG.md"), &version, wish.occasion));
    all.extend(of_schema(root));
    match repository::read_metadata(&metadata, root) {
        Ok(workspace) => all.extend(checks::of_docs(root, &workspace)),
        Err(finding) => all.push(finding),
    }
    all.extend(licences::of_licences(&metadata));
    all.extend(licences::of_duplicates(&metadata));
    if all.is_empty() { Ok(version) } else { Err(all) }
}

/// The versions of the packages of the workspace.
fn versions(metadata: &Value) -> BTreeSet<String> {
    let members = metadata["workspace_members"].as_array();
    let is_member = |id: &Value| members.is_some_and(|members| members.contains(id));
    let packages = metadata["packages"].as_array().into_iter().flatten();
    packages.filter(|p| is_member(&p["id"])).filter_map(|p| Some(p["version"].as_str()?.to_owned())).collect()
}

fn changed_files(root: &Path) -> Findings {
    match git::changed(root) {
        Ok(files) if files.is_empty() => Vec::new(),
        Ok(files) => {
            vec![format!("the tree is not as it was committed: commit or undo {}", files.join(", "))]
        }
        Err(finding) => vec![finding],
    }
}

fn of_tags(versions: &BTreeSet<String>, tags: &[String], wish: &Wish) -> Findings {
    let names_version = |tag: &&String| {
        tag.strip_prefix('v').is_some_and(|version| version.starts_with(|c: char| c.is_ascii_digit()))
    };
    let here: Vec<&String> = tags.iter().filter(names_version).collect();
    let mut all = Vec::new();
    for tag in wish.tag.iter().chain(here.iter().copied()) {
        for version in versions.iter().filter(|version| *tag != format!("v{version}")) {
            all.push(format!(
                "the tag {tag} is not that of the manifests, which say {version}: mend the version in the root \
                 Cargo.toml, or tag anew"
            ));
        }
    }
    if here.is_empty() && wish.occasion == Occasion::Release {
        let version = versions.first().map_or("?", |version| version);
        all.push(format!("this commit has no tag: `git tag v{version}`, when nothing else stands here"));
    }
    all
}

fn of_changelog(changelog: &str, version: &str, occasion: Occasion) -> Option<String> {
    let is_told = |name: &str| {
        let head = format!("## [{name}]");
        let lines = changelog.lines().skip_while(|line| !line.starts_with(&head)).skip(1);
        lines.take_while(|line| !line.starts_with("## ")).any(|line| line.starts_with("- "))
    };
    if is_told(version) || occasion == Occasion::Rehearsal && is_told("Unreleased") {
        return None;
    }
    Some(format!(
        "CHANGELOG.md says nothing of {version}: write what changed below `## [{version}] - <date>`"
    ))
}

/// Whether there is a root of the schema that the state has now, for later versions to read.
fn of_schema(root: &Path) -> Option<String> {
    let (source, line) = SCHEMA;
    let text = read(root, source);
    let schema = text.lines().find_map(|l| l.strip_prefix(line)).and_then(|rest| rest.strip_suffix(';'));
    let Some(schema) = schema.and_then(|schema| schema.parse::<u64>().ok()) else {
        return Some(format!(
            "{source} has no line `{line}…;`: say in xtask where the schema of the state stands"
        ));
    };
    let index = format!("{FIXTURES}/v{schema}/peers-profiles.json");
    let says: Option<Value> = serde_json::from_str(&read(root, &index)).ok();
    let is_of_schema = says.is_some_and(|index| index["version"] == schema);
    (!is_of_schema).then(|| {
        format!(
            "there is no state of schema {schema} for later versions to read: put a root with an index that says \
             `\"version\": {schema}` in {FIXTURES}/v{schema}"
        )
    })
}

/// The text of a file. One that cannot be read has not what is looked for, and that is what is told.
fn read(root: &Path, file: &str) -> String {
    fs::read_to_string(root.join(file)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read() {
        let parse = |words: &[&str]| Wish::parse(&words.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>());
        let rehearsal = Wish { occasion: Occasion::Rehearsal, tag: Some("v1.0.0".to_owned()) };
        assert_eq!(parse(&["--tag", "v1.0.0", "--dry-run"]), Ok(rehearsal));
        assert_eq!(parse(&[]), Ok(Wish { occasion: Occasion::Release, tag: None }));
        assert!(parse(&["--tag"]).is_err() && parse(&["now"]).is_err());
    }

    #[test]
    fn an_empty_section_is_none() {
        let told = "## [Unreleased]\n\n## [1.1.0] - 2020-01-02\n\n### Added\n\n- This.\n\n## [1.0.0]\n";
        let refused = |text, version, occasion| of_changelog(text, version, occasion).is_some();
        assert!(!refused(told, "1.1.0", Occasion::Release));
        assert!(refused(told, "1.0.0", Occasion::Release) && refused(told, "1.1", Occasion::Release));
        assert!(refused(told, "1.2.0", Occasion::Rehearsal));
        let coming = "## [Unreleased]\n\n- That.\n";
        assert!(
            !refused(coming, "1.2.0", Occasion::Rehearsal) && refused(coming, "1.2.0", Occasion::Release)
        );
    }
}
