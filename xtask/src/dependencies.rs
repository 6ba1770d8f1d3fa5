//! How many packages each library brings along for who embeds it, and what they are for.

use crate::repository;
use crate::{Findings, no_arguments, run};

/// A library, the most packages that it may bring along (directly and through others, ours included, without those
/// for tests), and what they are for. A limit is raised by hand, with a reason. Each direct dependency has its
/// own reason in the root Cargo.toml.
const LIMITS: &[(&str, usize, &str)] = &[
    (
        "iapeer-statefile",
        29,
        "serde and JSON, times without a C library, system calls, temporary names, paths in UTF-8",
    ),
    (
        "iapeer-provision-exec",
        16,
        "system calls, and a session of its own for a child, both without unsafe code of ours",
    ),
    ("iapeer-slot", 30, "statefile, and nothing beside it; the feature `schema` adds the schema's generator"),
    ("iapeer-registry", 31, "statefile, and the tables that turn a folder's name in any script into ASCII"),
    ("iapeer-canary", 32, "statefile, and a session of its own for the witness"),
    (
        "iapeer-tmux",
        18,
        "provision-exec, and who is at the other end of a socket on systems other than Linux",
    ),
    (
        "iapeer-lifecycle",
        45,
        "all of the above, and parsers that cut one key out of settings which people wrote",
    ),
];

/// Where the packages are counted, so that the numbers are the same on every machine.
const TARGET: &str = "x86_64-unknown-linux-gnu";

/// `cargo xtask dependencies`: the table, and an error for each limit that does not hold.
pub(crate) fn dependencies(arguments: &[String]) -> Result<(), Findings> {
    no_arguments(arguments)?;
    let counts = counts().map_err(|finding| vec![finding])?;
    println!("{:<23}{:>8}{:>7}  for what", "library", "packages", "limit");
    for (name, count) in &counts {
        let (limit, reason) = limit_of(name).map_or(("none".to_owned(), ""), |(l, r)| (l.to_string(), r));
        println!("{name:<23}{count:>8}{limit:>7}  {reason}");
    }
    let findings = findings(&counts);
    if findings.is_empty() { Ok(()) } else { Err(findings) }
}

/// How many packages each library brings along.
fn counts() -> Result<Vec<(String, usize)>, String> {
    let workspace = repository::workspace()?;
    let libraries = workspace.packages.iter().filter(|package| package.is_library());
    libraries.map(|package| Ok((package.name.clone(), count(&package.name)?))).collect()
}

fn count(package: &str) -> Result<usize, String> {
    let options =
        ["--locked", "--edges", "normal", "--prefix", "none", "--target", TARGET, "--package", package];
    let tree = run::cargo(&[&["tree"], &options[..]].concat()).read();
    Ok(packages(&tree.map_err(|e| format!("`cargo tree --package {package}` failed: {e}"))?))
}

/// How many packages a tree has below its root. A package that has stood before is marked, as `name v1.0.0 (*)`.
fn packages(tree: &str) -> usize {
    let mut names: Vec<_> =
        tree.lines().skip(1).filter_map(|line| line.split_once(" v")).map(version_alone).collect();
    names.sort_unstable();
    names.dedup();
    names.len()
}

fn version_alone<'a>((name, rest): (&'a str, &'a str)) -> (&'a str, &'a str) {
    (name, rest.split(' ').next().unwrap_or(rest))
}

fn limit_of(name: &str) -> Option<(usize, &'static str)> {
    LIMITS.iter().find(|(library, ..)| *library == name).map(|(_, limit, reason)| (*limit, *reason))
}

fn findings(counts: &[(String, usize)]) -> Findings {
    let mut all = Vec::new();
    for (name, count) in counts {
        match limit_of(name) {
            None => all.push(format!("{name} has no limit: add it to LIMITS in xtask, with the reason")),
            Some((limit, _)) if *count > limit => all.push(format!(
                "{name} brings {count} packages along, the limit is {limit}: do without one \
                 (`cargo tree -e normal -p {name}`), or raise the limit in xtask with the reason"
            )),
            Some(_) => {}
        }
    }
    let is_there = |name: &str| counts.iter().any(|(library, _)| library == name);
    let gone = LIMITS.iter().filter(|(name, ..)| !is_there(name));
    all.extend(gone.map(|(name, ..)| format!("{name} is gone: take it out of LIMITS in xtask")));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_hold() {
        let findings = findings(&counts().expect("cargo tree"));
        assert!(findings.is_empty(), "{}", findings.join("\n"));
    }

    #[test]
    fn each_package_counts_once() {
        let tree = "\
ours v0.1.0 (/a)
serde v1.0.1
serde_derive v1.0.1 (proc-macro)
syn v2.0.1
syn v3.0.1

serde v1.0.1 (*)
";
        assert_eq!(packages(tree), 4);
    }

    #[test]
    fn a_limit_bites() {
        let mut counts: Vec<_> = LIMITS.iter().map(|(name, limit, _)| ((*name).to_owned(), *limit)).collect();
        assert_eq!(findings(&counts), [""; 0]);
        counts[0].1 += 1;
        counts[1].0 = "iapeer-utils".to_owned();
        let found = findings(&counts);
        let expected = ["statefile brings ", "utils has no limit", "provision-exec is gone"];
        assert_eq!(found.len(), expected.len(), "{found:?}");
        for (found, expected) in found.iter().zip(expected) {
            assert!(found.starts_with(&format!("iapeer-{expected}")), "{found}");
        }
    }
}
