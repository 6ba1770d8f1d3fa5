//! What goes into the archive.

use std::fs;
use std::path::Path;

use duct::cmd;

use super::archive::Packable;
use crate::repository;

/// Files of the repository that go along as they are.
const FILES: &[&str] = &["CHANGELOG.md", "LICENSE-APACHE", "LICENSE-MIT", "README.md"];

/// A shell, and the name under which it looks for completions.
const SHELLS: &[(&str, &str)] = &[("bash", "iapeer.bash"), ("fish", "iapeer.fish"), ("zsh", "_iapeer")];

/// The program with all that goes along.
pub(super) fn contents(root: &Path, program: &Path) -> Result<Vec<Packable>, String> {
    let mut all = vec![Packable { path: "iapeer".to_owned(), bytes: read(program)?, mode: 0o755 }];
    for file in FILES {
        all.push(document((*file).to_owned(), read(&root.join(file))?));
    }
    all.extend(written_by(program)?);
    Ok(all)
}

/// What the program writes of itself: completions and man pages.
fn written_by(program: &Path) -> Result<Vec<Packable>, String> {
    let mut all = Vec::new();
    for (shell, file) in SHELLS {
        all.push(document(format!("completions/{file}"), output(program, &["completions", shell])?));
    }
    let folder = tempfile::tempdir().map_err(|e| format!("cannot make a temporary folder: {e}"))?;
    let pages = folder.path().join("man");
    let out = pages.to_str().ok_or("the temporary folder is not named in UTF-8")?;
    output(program, &["man", "--out", out])?;
    let files =
        repository::files(&pages, &["."]).map_err(|e| format!("the man pages cannot be listed: {e}"))?;
    if files.is_empty() {
        return Err("`iapeer man --out DIR` wrote no page".to_owned());
    }
    for file in files {
        let file = file.trim_start_matches("./").to_owned();
        all.push(document(format!("man/{file}"), read(&pages.join(&file))?));
    }
    Ok(all)
}

/// What the program says, without anything of ours around it.
fn output(program: &Path, arguments: &[&str]) -> Result<Vec<u8>, String> {
    let line = format!("iapeer {}", arguments.join(" "));
    let home = tempfile::tempdir().map_err(|e| format!("cannot make a temporary folder: {e}"))?;
    let run = cmd(program, arguments).full_env([("HOME", home.path())]).stdin_null();
    let output = run.stdout_capture().stderr_capture().unchecked().run();
    let output = output.map_err(|e| format!("`{line}` could not be started: {e}"))?;
    if !output.status.success() {
        return Err(format!("`{line}` failed: {}", String::from_utf8_lossy(&output.stderr).trim()));
    }
    Ok(output.stdout)
}

fn document(path: String, bytes: Vec<u8>) -> Packable {
    Packable { path, bytes, mode: 0o644 }
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    fs::read(path).map_err(|e| format!("cannot read {}: {e}", path.display()))
}
