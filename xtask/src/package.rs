//! What goes to a registry: each package as it would be published, and two of them built from nothing else.

use std::fs;
use std::path::Path;

use crate::{Findings, no_arguments, repository, run};

/// Packages that use none of ours, so that they are built from what is in their archive alone.
const BUILT: &[&str] = &["iapeer-statefile", "iapeer-provision-exec"];

/// What a package of ours has in its manifest, so that somebody finds it and may use it. There is no `repository`:
/// it has no public address yet.
const METADATA: &[&str] = &["description", "license", "readme", "keywords", "categories"];

/// What a package of ours has in its folder, for a package is all that somebody gets.
const FILES: &[&str] = &["LICENSE-APACHE", "LICENSE-MIT"];

/// `cargo xtask package`: packages all that is delivered, and builds what can be built alone.
pub(crate) fn package(arguments: &[String]) -> Result<(), Findings> {
    no_arguments(arguments)?;
    let mut findings = metadata().map_err(|finding| vec![finding])?;
    // Whether the tree is clean is asked at a release.
    let all =
        ["package", "--workspace", "--exclude", "xtask", "--exclude", "memory-provider", "--allow-dirty"];
    findings.extend(run::cargo_aloud(&[&all[..], &["--no-verify"]].concat()).err());
    let built: Vec<&str> = BUILT.iter().flat_map(|name| ["--package", name]).collect();
    findings.extend(run::cargo_aloud(&[&["package", "--allow-dirty"], &built[..]].concat()).err());
    if findings.is_empty() { Ok(()) } else { Err(findings) }
}

/// What is missing in the manifests and folders of what is delivered.
fn metadata() -> Result<Findings, String> {
    let root = repository::root();
    let metadata = repository::metadata(root, &["--no-deps"])?;
    let workspace = repository::read_metadata(&metadata, root)?;
    let mut all = Vec::new();
    for package in workspace.packages.iter().filter(|package| package.is_delivered()) {
        let packages = metadata["packages"].as_array().into_iter().flatten();
        let told = packages.filter(|p| p["name"] == package.name.as_str());
        for told in told {
            let is_missing = |key: &&&str| match &told[**key] {
                serde_json::Value::Null => true,
                serde_json::Value::Array(words) => words.is_empty(),
                _ => false,
            };
            let missing = METADATA.iter().filter(is_missing);
            all.extend(missing.map(|key| format!("{}/Cargo.toml has no `{key}`: add it", package.folder)));
            all.extend(readme(root, &package.folder, &told["readme"]));
        }
        let missing = FILES.iter().filter(|file| !same(root, &package.folder, file));
        all.extend(missing.map(|file| {
            format!("{0}/{file} is not that of the root: `ln -sf ../../{file} {0}/{file}`", package.folder)
        }));
    }
    Ok(all)
}

fn readme(root: &Path, folder: &str, readme: &serde_json::Value) -> Option<String> {
    let readme = readme.as_str()?;
    let there = root.join(folder).join(readme).is_file();
    (!there).then(|| format!("{folder}/{readme} is not there: write it, a registry shows it first"))
}

fn same(root: &Path, folder: &str, file: &str) -> bool {
    let read = |path| fs::read(path).ok();
    let ours = read(root.join(folder).join(file));
    ours.is_some() && ours == read(root.join(file))
}

#[cfg(test)]
mod tests {
    #[test]
    fn packages_are_described() {
        let findings = super::metadata().expect("cargo metadata");
        assert!(findings.is_empty(), "{}", findings.join("\n"));
    }
}
