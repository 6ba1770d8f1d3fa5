//! What the libraries offer, as their sources say it: one file for each in `xtask/api`, so that a change of what
//! others build on is seen in a diff.
//!
//! The sources are read, not compiled, so that this runs on a stable compiler. Its limits: what a macro makes is
//! named and not shown, as items of other crates are; what a derive implements is seen as the `derive`;
//! implementations for types of others (`impl From<Ours> for Theirs`) and what the compiler implements by itself
//! (`Send`) are not seen.

mod exports;
mod modules;
mod shown;

use std::fs;
use std::path::Path;

use crate::Findings;
use crate::repository::{self, Package, Workspace};
use modules::Modules;

/// Where the lists are.
const FOLDER: &str = "xtask/api";

/// `cargo xtask api`: compares; with `--write` it writes the lists anew.
pub(crate) fn api(arguments: &[String]) -> Result<(), Findings> {
    let root = repository::root();
    let workspace = repository::workspace().map_err(|finding| vec![finding])?;
    let findings = match arguments {
        [] => findings(root, &workspace),
        [flag] if flag == "--write" => write(root, &workspace),
        _ => vec![format!("takes --write or nothing, got {arguments:?}")],
    };
    if findings.is_empty() { Ok(()) } else { Err(findings) }
}

/// The libraries whose list is not what the sources say, and lists without a library.
pub(crate) fn findings(root: &Path, workspace: &Workspace) -> Findings {
    let mut all = Vec::new();
    let mut names = Vec::new();
    for package in workspace.packages.iter().filter(|package| package.is_library()) {
        let name = file_name(package);
        // A list that cannot be read differs.
        let listed = fs::read_to_string(root.join(FOLDER).join(&name)).unwrap_or_default();
        match list(root, package) {
            Ok(said) if said == listed => {}
            Ok(said) => all.push(format!(
                "{FOLDER}/{name} differs from the sources, first at {}: if others may build on that, run \
                 `cargo xtask api --write` and read the difference",
                first_difference(&said, &listed)
            )),
            Err(finding) => all.push(finding),
        }
        names.push(name);
    }
    match repository::files(&root.join(FOLDER), &["."]) {
        Ok(files) => {
            let stray = files.iter().filter(|file| !names.iter().any(|name| file.ends_with(name)));
            all.extend(stray.map(|file| format!("{FOLDER}/{file} is of no library: remove it")));
        }
        Err(e) => all.push(format!("{FOLDER} cannot be listed: {e}")),
    }
    all
}

fn write(root: &Path, workspace: &Workspace) -> Findings {
    let mut all = Vec::new();
    for package in workspace.packages.iter().filter(|package| package.is_library()) {
        let path = root.join(FOLDER).join(file_name(package));
        let written = list(root, package).and_then(|text| {
            fs::write(&path, text).map_err(|e| format!("cannot write {}: {e}", path.display()))
        });
        all.extend(written.err());
    }
    all
}

fn file_name(package: &Package) -> String {
    format!("{}.txt", package.name)
}

/// What a library offers.
fn list(root: &Path, package: &Package) -> Result<String, String> {
    let modules = Modules::read(&root.join(&package.folder).join("src"))?;
    let file = exports::of(&modules).map_err(|finding| format!("{}: {finding}", package.folder))?;
    let head = format!("// What {} offers. Written by `cargo xtask api --write`.\n\n", package.name);
    Ok(head + &shown::text(&file))
}

/// The number and the text of the first line that differs.
fn first_difference(said: &str, listed: &str) -> String {
    let same = said.lines().zip(listed.lines()).take_while(|(a, b)| a == b).count();
    let line = said.lines().nth(same).or_else(|| listed.lines().nth(same)).unwrap_or_default();
    format!("line {}, `{}`", same + 1, line.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_what_the_sources_say() {
        let workspace = repository::workspace().expect("cargo metadata");
        let findings = findings(repository::root(), &workspace);
        assert!(findings.is_empty(), "{}", findings.join("\n"));
    }

    #[test]
    fn what_is_offered_is_listed_and_nothing_else() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let src = folder.path().join("src");
        fs::create_dir_all(src.join("shape")).expect("a folder");
        let write = |file: &str, text: &str| fs::write(src.join(file), text).expect("a source");
        write(
            "lib.rs",
            "mod shape;\npub mod open { pub fn door() -> u8 { 1 } fn shut() {} }\n\
             pub use shape::{Circle, Figure as Form};\npub use std::time::Duration;\n\
             #[cfg(test)] mod tests { pub fn t() {} }\n",
        );
        write(
            "shape.rs",
            "mod form;\npub(crate) use form::Figure;\n/// Round.\n#[derive(Debug)]\n\
             pub struct Circle { pub radius: u32, inner: u8 }\n\
             impl Circle { pub fn new(radius: u32) -> Self { Circle { radius, inner: 0 } } fn hidden(&self) {} }\n\
             impl Drop for Circle { fn drop(&mut self) {} }\npub struct Unseen;\n",
        );
        write(
            "shape/form.rs",
            "use super::Circle;\npub enum Figure { Round(Circle), Other { sides: u8 } }\n\
             impl Circle { pub const UNIT: u32 = 1; }\n",
        );
        let modules = Modules::read(&src).expect("sources");
        let text = shown::text(&exports::of(&modules).expect("exports"));
        assert_eq!(
            text,
            "\
#[derive(Debug)]
pub struct Circle {
    pub radius: u32,
    // private fields
}
impl Circle {
    pub const UNIT: u32 = 1;
}
impl Circle {
    pub fn new(radius: u32) -> Self {}
}
impl Drop for Circle {}
pub use std::time::Duration;
pub enum Form {
    Round(Circle),
    Other { sides: u8 },
}
pub mod open {
    pub fn door() -> u8 {}
}
"
        );
    }
}
