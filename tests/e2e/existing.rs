//! Taking over a root that is there already: it is read, and nothing in it is lost by a write.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::host::Host;
use crate::sight::json_file;

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/existing");
const ROOTS: [&str; 4] = ["v1", "v2", "0.2", "0.4"];

/// A host whose root is one of the fixtures.
fn host(fixture: &str) -> Host {
    let host = Host::new();
    host.program("bin/claude", "exec cat");
    let from = Path::new(FIXTURES).join(fixture);
    for file in files_under(&from) {
        let to = host.root(file.strip_prefix(&from).unwrap().to_str().unwrap());
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        let text = fs::read_to_string(file).unwrap();
        fs::write(to, text.replace("@ROOT@", host.path("root").to_str().unwrap())).unwrap();
    }
    host
}

fn files_under(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> =
        entries.flat_map(|path| if path.is_dir() { files_under(&path) } else { vec![path] }).collect();
    files.sort();
    files
}

/// What of `old` is not in `new`, by JSON pointer: each key and each value, at every level. The entries of
/// the index are known by their names.
fn lost(old: &Value, new: &Value, at: &str) -> Vec<String> {
    match (old, new) {
        (Value::Object(old), Value::Object(new)) => old
            .iter()
            .flat_map(|(key, value)| match new.get(key) {
                // The version of the index is that of whoever writes it.
                Some(_) if at.is_empty() && key == "version" => Vec::new(),
                Some(there) => lost(value, there, &format!("{at}/{key}")),
                None => vec![format!("{at}/{key}")],
            })
            .collect(),
        (Value::Array(old), Value::Array(new)) if at == "/peers" => old
            .iter()
            .flat_map(|peer| {
                let name = &peer["personality"];
                match new.iter().find(|other| other["personality"] == *name) {
                    Some(there) => lost(peer, there, &format!("{at}/{name}")),
                    None => vec![format!("{at}/{name}")],
                }
            })
            .collect(),
        // A list may take the order of the profile.
        (Value::Array(old), Value::Array(new)) if old.iter().all(|item| new.contains(item)) => Vec::new(),
        (old, new) if old == new => Vec::new(),
        (old, new) => vec![format!("{at}: {old} became {new}")],
    }
}

/// The index and the profiles of a host.
fn documents(host: &Host) -> Vec<(PathBuf, Value)> {
    let files = files_under(&host.path("root")).into_iter();
    let of_peers =
        |path: &PathBuf| path.ends_with("peers-profiles.json") || path.ends_with("peer-profile.json");
    files.filter(of_peers).map(|path| (path.clone(), json_file(&path))).collect()
}

#[test]
fn every_fixture_is_tried() {
    let entries = fs::read_dir(FIXTURES).unwrap().map(|entry| entry.unwrap());
    let folders = entries.filter(|entry| entry.path().is_dir());
    let mut names: Vec<_> = folders.map(|entry| entry.file_name().into_string().unwrap()).collect();
    let mut tried = ROOTS.map(str::to_owned);
    names.sort();
    tried.sort();
    assert_eq!(names, tried);
}

#[test]
fn a_root_that_is_there_is_read() {
    for fixture in ROOTS {
        let host = host(fixture);
        let before = host.files();
        let commands = ["list", "show boss", "show assistant --json", "status", "verify", "verify --fix"];
        host.snapshot(&format!("existing-{fixture}"), &commands);
        assert_eq!(host.files(), before, "{fixture}");
    }
}

#[test]
fn a_write_loses_no_key_and_no_value() {
    for fixture in ROOTS {
        let host = host(fixture);
        let before = documents(&host);
        let unchanged = |host: &Host, after: &str| {
            for (path, old) in &before {
                let lost = lost(old, &json_file(path), "");
                assert_eq!(lost, [""; 0], "{fixture}: {after}: {}", path.display());
            }
            host.ok("verify");
        };
        host.ok("create other --runtime shell");
        unchanged(&host, "create");
        host.ok("remove other");
        fs::remove_dir_all(host.root("peers/other")).unwrap();
        unchanged(&host, "remove");
        for peer in ["assistant", "boss"] {
            host.ok(["init", host.root("peers").join(peer).to_str().unwrap()]);
        }
        unchanged(&host, "init");
        host.ok("add-runtime assistant shell");
        unchanged(&host, "add-runtime");
        host.ok("default-runtime boss telegram");
        unchanged(&host, "default-runtime");
    }
}

#[test]
fn a_changed_default_runtime_and_a_new_name_change_nothing_else() {
    for fixture in ROOTS {
        let host = host(fixture);
        let before = documents(&host);
        let default = host.json("show assistant")["peer"]["default_runtime"].as_str().unwrap().to_owned();
        host.ok("add-runtime assistant shell");
        host.ok("default-runtime assistant shell");
        host.ok(["default-runtime", "assistant", &default]);
        host.ok("rename boss chief");
        host.ok("rename chief boss");
        host.ok("verify");
        for (path, old) in &before {
            let lost = lost(old, &json_file(path), "");
            assert_eq!(lost, [""; 0], "{fixture}: {}", path.display());
        }
    }
}
