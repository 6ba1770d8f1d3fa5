//! Crates that promise to be of use to a stranger: built and tested without the others, and without tmux.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::{repository, run};

/// Each set is a workspace of its own.
const SETS: &[&[&str]] = &[&["provision-exec"], &["canary", "statefile"]];

/// The program that must not be there.
const ABSENT: &str = "tmux";

/// Tests each set alone. Names those that failed.
pub(crate) fn standalone() -> Result<(), String> {
    let target = repository::workspace()?.target.join("standalone");
    let mut failed = Vec::new();
    for set in SETS {
        if let Err(finding) = test_alone(set, &target) {
            failed.push(format!("{}: {finding}", set.join(" + ")));
        }
    }
    if failed.is_empty() { Ok(()) } else { Err(failed.join("; ")) }
}

fn test_alone(set: &[&str], target: &Path) -> Result<(), String> {
    let folder = workspace_of(set)?;
    let programs = tempfile::tempdir().map_err(told("make a temporary folder"))?;
    let count = link_programs(programs.path()).map_err(told("link the programs of the PATH"))?;
    println!("{} alone, in {}", set.join(" and "), folder.path().display());
    println!(
        "PATH={}: a folder with {count} links, one to each program of the usual PATH, but none to {ABSENT}",
        programs.path().display()
    );
    let test = run::cargo_in(folder.path(), &["test", "--workspace"])
        .env("PATH", programs.path())
        .env("CARGO_TARGET_DIR", target)
        .env_remove("TMUX");
    run::aloud("cargo test --workspace", &test)
}

/// A workspace with these crates only, and the versions of ours.
fn workspace_of(set: &[&str]) -> Result<TempDir, String> {
    let folder = tempfile::tempdir().map_err(told("make a temporary folder"))?;
    let root = repository::root();
    for name in set {
        let from = Path::new("crates").join(name);
        repository::copy(&root.join(&from), &folder.path().join(&from)).map_err(told("copy a crate"))?;
    }
    let manifest = fs::read_to_string(root.join("Cargo.toml")).map_err(told("read Cargo.toml"))?;
    let manifest = with_members(&manifest, r#"["crates/*"]"#)?;
    fs::write(folder.path().join("Cargo.toml"), manifest).map_err(told("write Cargo.toml"))?;
    // The lock file keeps the versions; cargo takes out of it what is not used here.
    fs::copy(root.join("Cargo.lock"), folder.path().join("Cargo.lock")).map_err(told("copy Cargo.lock"))?;
    Ok(folder)
}

fn with_members(manifest: &str, members: &str) -> Result<String, String> {
    let is_members = |line: &&str| line.starts_with("members = [") && line.ends_with(']');
    match manifest.lines().filter(is_members).collect::<Vec<_>>()[..] {
        [line] => Ok(manifest.replace(line, &format!("members = {members}"))),
        _ => Err("Cargo.toml is to have one line `members = […]`".to_owned()),
    }
}

/// Fills a folder with a link to each program that `PATH` finds, but [`ABSENT`]; says how many.
fn link_programs(folder: &Path) -> io::Result<usize> {
    let mut programs: BTreeMap<_, PathBuf> = BTreeMap::new();
    for place in env::split_paths(&env::var_os("PATH").unwrap_or_default()) {
        // A folder of the PATH that is not there is common and no matter.
        let Ok(entries) = fs::read_dir(&place) else { continue };
        for entry in entries {
            let entry = entry?;
            if entry.file_name() != ABSENT && run::is_program(&entry.path()) {
                // The first of a name is the one that would have been found.
                programs.entry(entry.file_name()).or_insert(std::path::absolute(entry.path())?);
            }
        }
    }
    for (name, program) in &programs {
        symlink(program, folder.join(name))?;
    }
    Ok(programs.len())
}

fn told(what: &str) -> impl Fn(io::Error) -> String {
    move |error| format!("cannot {what}: {error}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_replaced_and_nothing_else() {
        let manifest = "[workspace]\nmembers = [\"a\", \"b/*\"]\nx = 1\n";
        assert_eq!(
            with_members(manifest, "[\"c\"]").as_deref(),
            Ok("[workspace]\nmembers = [\"c\"]\nx = 1\n")
        );
        for odd in ["", "members = [\n", "members = []\nmembers = []\n"] {
            assert!(with_members(odd, "[]").is_err(), "{odd:?}");
        }
    }

    #[test]
    fn programs_are_linked_without_the_absent_one() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let count = link_programs(folder.path()).expect("links");
        assert!(run::is_program(&folder.path().join("sh")), "sh is among {count} programs");
        assert!(!folder.path().join(ABSENT).exists());
    }
}
