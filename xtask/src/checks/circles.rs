//! Modules of a crate that use each other in a circle, so that none of them can be understood first.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use crate::Findings;
use crate::repository;

/// The sources in which there is none. The others are small.
const WITHOUT: &[&str] = &["crates/lifecycle/src"];

/// What each module uses; one with files below it counts as one.
type Uses = BTreeMap<String, BTreeSet<String>>;

pub(super) fn findings(root: &Path) -> Findings {
    let files = match repository::files(root, WITHOUT) {
        Ok(files) => files,
        Err(e) => return vec![format!("the sources cannot be listed: {e}")],
    };
    let read = |file: &String| fs::read_to_string(root.join(file)).ok();
    let mut all = Vec::new();
    for folder in WITHOUT {
        let inside = |file: &String| Some((file.strip_prefix(folder)?[1..].to_owned(), read(file)?));
        let sources: Vec<_> = files.iter().filter(|file| file.ends_with(".rs")).filter_map(inside).collect();
        let found = of_circles(uses(&sources));
        all.extend(found.into_iter().map(|finding| format!("{folder}: {finding}")));
    }
    all
}

fn uses(sources: &[(String, String)]) -> Uses {
    let tests: BTreeSet<String> = sources.iter().flat_map(|(file, text)| test_files(file, text)).collect();
    let is_code = |file: &str| file != "lib.rs" && !tests.iter().any(|test| file.starts_with(test));
    let code = sources.iter().filter(|(file, _)| is_code(file));
    let mut uses: Uses =
        code.clone().map(|(file, _)| (module_of(file).to_owned(), BTreeSet::new())).collect();
    let page = sources.iter().find(|(file, _)| file == "lib.rs").map_or("", |(_, text)| text);
    let offered = offered(page);
    for (file, text) in code {
        let module = module_of(file);
        for name in names(text) {
            let used = offered.get(name).copied().unwrap_or(name);
            if used != module && uses.contains_key(used) {
                uses.entry(module.to_owned()).or_default().insert(used.to_owned());
            }
        }
    }
    uses
}

/// What the files begin with that are compiled for the tests of a file alone.
fn test_files(file: &str, text: &str) -> Vec<String> {
    let folder = file.trim_end_matches(".rs");
    let declared = text.split("#[cfg(test)]\nmod ").skip(1).filter_map(|rest| rest.split_once(';'));
    let named = declared.filter(|(name, _)| words(name).eq([*name]));
    named.flat_map(|(name, _)| [format!("{folder}/{name}.rs"), format!("{folder}/{name}/")]).collect()
}

/// The module of a file, by its path below the sources.
fn module_of(file: &str) -> &str {
    file.split_once('/').map_or(file, |(module, _)| module).trim_end_matches(".rs")
}

/// From which module the crate offers a name.
fn offered(page: &str) -> BTreeMap<&str, &str> {
    let lists = page.split("pub use ").skip(1).filter_map(|rest| rest.split_once(';')?.0.split_once("::"));
    let names = lists.flat_map(|(module, names)| words(names).map(move |name| (name, module)));
    names.collect()
}

/// What a file takes from its crate, but for its tests.
fn names(text: &str) -> Vec<&str> {
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let mut names = Vec::new();
    for line in code.split('\n').filter(|line| !line.trim_start().starts_with("//")) {
        for path in line.split("crate::").skip(1) {
            match path.strip_prefix('{') {
                Some(list) => names.extend(words(list)),
                None => names.extend(words(path).next()),
            }
        }
    }
    names
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty())
}

/// What is left when, again and again, those are taken out that use none of the rest, or that none of it uses.
fn of_circles(mut uses: Uses) -> Findings {
    loop {
        let used: BTreeSet<_> = uses.values().flatten().cloned().collect();
        let known: BTreeSet<_> = uses.keys().cloned().collect();
        uses.retain(|module, uses| used.contains(module) && !uses.is_disjoint(&known));
        for used in uses.values_mut() {
            used.retain(|module| known.contains(module));
        }
        if uses.len() == known.len() {
            break;
        }
    }
    let told = |(module, used): (String, BTreeSet<String>)| {
        let used = used.into_iter().collect::<Vec<_>>().join(", ");
        format!("`{module}` is in a circle, or between two, by {used}: move what closes it below both")
    };
    uses.into_iter().map(told).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_circle_is_found_and_nothing_else() {
        let source = |file: &str, text: &str| (file.to_owned(), text.to_owned());
        let mut sources = vec![
            source("lib.rs", "pub use low::{Low, lower};\npub use top::Top;\n"),
            source(
                "low.rs",
                "// crate::top\nuse std::fmt;\n#[cfg(test)]\nmod tests {\n    use crate::top;\n}\n",
            ),
            source("middle.rs", "use crate::Low;\n#[cfg(test)]\nmod proofs;\n"),
            source("middle/part.rs", "fn part() {\n    crate::low::lower();\n}\n"),
            source("middle/proofs.rs", "use crate::top::Top;\n"),
            source("top.rs", "use crate::middle::Middle;\nuse crate::{Low, lower};\n"),
        ];
        assert_eq!(of_circles(uses(&sources)), [""; 0]);

        sources.push(source("low/part.rs", "use crate::{Top, std};\n"));
        let found = of_circles(uses(&sources));
        let modules: Vec<_> = found.iter().map(|finding| finding.split('`').nth(1).unwrap()).collect();
        assert_eq!(modules, ["low", "middle", "top"], "{found:?}");
    }
}
