//! What the sources say of themselves, compared with what they are. Each check lists all that it finds;
//! the same checks are tests of this package.

mod architecture;
mod circles;
mod crate_pages;
mod layers;
mod links;
mod sources;

use std::fs;
use std::path::Path;

use crate::repository::{self, Workspace};
use crate::{Findings, audit, no_arguments};

/// A check looks at the repository and its packages.
type Check = fn(&Path, &Workspace) -> Findings;

const CHECKS: &[(&str, Check)] = &[
    ("layers", |_, workspace| layers::findings(&workspace.packages)),
    ("circles", |root, _| circles::findings(root)),
    ("architecture", |root, workspace| match fs::read_to_string(root.join(architecture::PAGE)) {
        Ok(page) => architecture::findings(&page, root, &workspace.packages),
        Err(e) => vec![format!("{} cannot be read ({e}): write it, it is tested", architecture::PAGE)],
    }),
    ("links", |root, _| links::findings(root)),
    ("crate pages", |root, workspace| {
        each(root, crate_pages::of(&workspace.packages), crate_pages::findings)
    }),
    ("versions", |root, workspace| {
        let manifests = workspace.packages.iter().map(|p| format!("{}/Cargo.toml", p.folder));
        each(root, manifests.collect(), sources::own_versions)
    }),
    ("words", |root, _| each_below(root, |_| true, sources::banned_words)),
    ("audit", |root, _| audit::findings(root)),
    ("lengths", |root, _| each_below(root, sources::is_source, sources::too_long)),
];

/// The folders of sources.
const FOLDERS: &[&str] = &["crates", "xtask", "examples", "tests"];

/// `cargo xtask check`: all checks, all findings.
pub(crate) fn check(arguments: &[String]) -> Result<(), Findings> {
    no_arguments(arguments)?;
    let workspace = repository::workspace().map_err(|e| vec![e])?;
    let mut all = Vec::new();
    for (name, check) in CHECKS {
        let findings = check(repository::root(), &workspace);
        println!("{:<8}{name}", if findings.is_empty() { "ok" } else { "FAILED" });
        all.extend(findings.into_iter().map(|finding| format!("{name}: {finding}")));
    }
    if all.is_empty() { Ok(()) } else { Err(all) }
}

/// Those of the checks that are about what a reader of the docs would follow.
pub(crate) fn of_docs(root: &Path, workspace: &Workspace) -> Findings {
    let is_of_docs = |name: &str| ["architecture", "links"].contains(&name);
    CHECKS.iter().filter(|(name, _)| is_of_docs(name)).flat_map(|(_, check)| check(root, workspace)).collect()
}

/// What is to be said of each file's text. Files that are not text are passed over.
fn each(root: &Path, files: Vec<String>, say: fn(&str) -> Findings) -> Findings {
    let mut all = Vec::new();
    for file in files {
        match fs::read(root.join(&file)) {
            Ok(bytes) => {
                let findings = std::str::from_utf8(&bytes).map(say).unwrap_or_default();
                all.extend(findings.into_iter().map(|finding| format!("{file}: {finding}")));
            }
            // Somebody else may have just removed it.
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
            Err(e) => all.push(format!("{file}: cannot be read: {e}")),
        }
    }
    all
}

fn each_below(root: &Path, wanted: fn(&str) -> bool, say: fn(&str) -> Findings) -> Findings {
    match repository::files(root, FOLDERS) {
        Ok(files) => each(root, files.into_iter().filter(|f| wanted(f)).collect(), say),
        Err(e) => vec![format!("the sources cannot be listed: {e}")],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passes(name: &str) {
        let (_, check) = CHECKS.iter().find(|(n, _)| *n == name).expect("a check of this name");
        let workspace = repository::workspace().expect("cargo metadata");
        let findings = check(repository::root(), &workspace);
        assert!(findings.is_empty(), "{}", findings.join("\n"));
    }

    #[test]
    fn layers_hold() {
        passes("layers");
    }

    #[test]
    fn no_modules_stand_in_a_circle() {
        passes("circles");
    }

    #[test]
    fn architecture_page_is_true() {
        passes("architecture");
    }

    #[test]
    fn links_lead_somewhere() {
        passes("links");
    }

    #[test]
    fn crate_pages_are_whole() {
        passes("crate pages");
    }

    #[test]
    fn versions_stand_in_one_place() {
        passes("versions");
    }

    #[test]
    fn banned_words_are_absent() {
        passes("words");
    }

    #[test]
    fn audit_page_is_true() {
        passes("audit");
    }

    #[test]
    fn files_are_short() {
        passes("lengths");
    }
}
