//! Under which licences the packages are that go into the program, and which packages are there twice.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::Findings;

/// Licences whose conditions the archive fulfils by itself: none asks for more than its text and its names.
const ALLOWED: &[&str] = &[
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "MIT",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// Packages that may be there in more than one major version, and why.
const TWICE: &[(&str, &str)] =
    &[("syn", "what derives is moving from 2 to 3, package by package; it runs at build time only")];

/// Packages whose licence is not on the list.
pub(super) fn of_licences(metadata: &Value) -> Findings {
    let mut all = Vec::new();
    for package in metadata["packages"].as_array().into_iter().flatten() {
        let name = package["name"].as_str().unwrap_or("?");
        match package["license"].as_str() {
            Some(licence) if is_allowed(licence) => {}
            Some(licence) => all.push(format!(
                "{name} is under {licence:?}: do without it, or add the licence to ALLOWED in xtask, after you read it"
            )),
            None => all.push(format!("{name} names no licence: do without it, or ask its authors")),
        }
    }
    all
}

/// Packages that are there in several major versions without a reason.
pub(super) fn of_duplicates(metadata: &Value) -> Findings {
    let mut versions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for package in metadata["packages"].as_array().into_iter().flatten() {
        if let (Some(name), Some(version)) = (package["name"].as_str(), package["version"].as_str()) {
            versions.entry(name).or_default().insert(major(version));
        }
    }
    let has_reason = |name: &str| TWICE.iter().any(|(allowed, _)| *allowed == name);
    let twice = versions.into_iter().filter(|(name, majors)| majors.len() > 1 && !has_reason(name));
    let finding = |(name, majors): (&str, BTreeSet<&str>)| {
        let majors: Vec<_> = majors.into_iter().collect();
        format!(
            "{name} is there in the versions {}: do without one (`cargo tree -i {name}@…`), or add it to TWICE in \
             xtask, with the reason",
            majors.join(" and ")
        )
    };
    twice.map(finding).collect()
}

/// The part of a version that says what it is compatible with: `1`, or `0.3`.
fn major(version: &str) -> &str {
    let dots: Vec<usize> = version.match_indices('.').map(|(at, _)| at).collect();
    let dot = if version.starts_with("0.") { dots.get(1) } else { dots.first() };
    &version[..*dot.unwrap_or(&version.len())]
}

/// Whether an expression of licences can be fulfilled with those on the list. `/` is an old form of `OR`.
fn is_allowed(expression: &str) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut rest = &words[..];
    any(&mut rest) && rest.is_empty()
}

/// `A OR B`, of which one is enough.
fn any(words: &mut &[&str]) -> bool {
    let mut allowed = all(words);
    while take(words, "OR") {
        allowed |= all(words);
    }
    allowed
}

/// `A AND B`, which binds closer than `OR`.
fn all(words: &mut &[&str]) -> bool {
    let mut allowed = one(words);
    while take(words, "AND") {
        allowed &= one(words);
    }
    allowed
}

/// A licence with its exception, or something in brackets.
fn one(words: &mut &[&str]) -> bool {
    if take(words, "(") {
        let allowed = any(words);
        return take(words, ")") && allowed;
    }
    let Some((licence, rest)) = words.split_first() else { return false };
    *words = rest;
    let mut name = (*licence).to_owned();
    if take(words, "WITH")
        && let Some((exception, rest)) = words.split_first()
    {
        *words = rest;
        name += &format!(" WITH {exception}");
    }
    ALLOWED.contains(&name.as_str())
}

fn take(words: &mut &[&str], word: &str) -> bool {
    match words.split_first() {
        Some((first, rest)) if *first == word => {
            *words = rest;
            true
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn expressions_are_read_as_they_bind() {
        for allowed in [
            "MIT",
            "MIT/Apache-2.0",
            "GPL-3.0-only OR MIT",
            "(MIT OR Apache-2.0) AND Unicode-3.0",
            "MIT AND Zlib OR GPL-3.0-only",
            "Apache-2.0 WITH LLVM-exception",
        ] {
            assert!(is_allowed(allowed), "{allowed}");
        }
        for refused in [
            "",
            "GPL-3.0-only",
            "MIT AND GPL-3.0-only",
            "MIT AND (Zlib OR",
            "(MIT",
            "MIT)",
            "MIT MIT",
            "MIT WITH Classpath-exception-2.0",
            "OR",
        ] {
            assert!(!is_allowed(refused), "{refused}");
        }
    }

    #[test]
    fn what_is_compatible_is_no_duplicate() {
        let metadata = |versions: &[&str]| {
            let packages: Vec<_> = versions.iter().map(|v| json!({ "name": "a", "version": v })).collect();
            json!({ "packages": packages })
        };
        for fine in [&["1.0.0", "1.9.3"][..], &["0.3.1", "0.3.2"], &["2.0.0"]] {
            assert_eq!(of_duplicates(&metadata(fine)), [""; 0], "{fine:?}");
        }
        for twice in [["1.0.0", "2.0.0"], ["0.3.1", "0.4.0"], ["0.9.0", "1.0.0"]] {
            assert_eq!(of_duplicates(&metadata(&twice)).len(), 1, "{twice:?}");
        }
    }
}
