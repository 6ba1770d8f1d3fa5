//! `verify`: the profiles against what they must be, and the index against the profiles.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::host::Host;
use crate::sight::json_file;

/// Changes a JSON file.
fn change(path: &Path, pointer: &str, more: &Value) {
    let mut document = json_file(path);
    let object = document.pointer_mut(pointer).unwrap().as_object_mut().unwrap();
    object.extend(more.as_object().unwrap().clone());
    fs::write(path, document.to_string()).unwrap();
}

fn profile(host: &Host, peer: &str) -> std::path::PathBuf {
    host.root(&format!("peers/{peer}/.iapeer/peer-profile.json"))
}

/// Everything but the journal and the lock files.
fn state(host: &Host) -> std::collections::BTreeMap<std::path::PathBuf, Vec<u8>> {
    let mut files = host.files();
    files.retain(|path, _| !path.ends_with("lifecycle.log"));
    files
}

#[test]
fn where_all_is_well_it_says_so() {
    let host = Host::new();
    host.snapshot("verify-empty", &["verify", "verify --fix", "verify --json"]);
    assert!(!host.path("root").exists(), "looking has made a root");
    let host = Host::with_peers(&["alpha", "beta"]);
    let before = host.files();
    host.snapshot("verify-well", &["verify", "verify --json", "verify --fix"]);
    assert_eq!(host.files(), before);
}

#[test]
fn differences_are_told_and_fixed_once() {
    let host = Host::with_peers(&["alpha", "beta", "gamma"]);
    let index = host.root("peers-profiles.json");
    change(&index, "/peers/0", &json!({ "kept": [1], "description": "stored" }));
    change(&index, "/peers/1", &json!({ "description": "stale", "intelligence": "human" }));
    change(&index, "", &json!({ "of_another_version": { "kept": true } }));
    let interfaces = json!({ "telegram": { "ids": [7, 8], "name": "b" } });
    change(&profile(&host, "beta"), "", &json!({ "description": "new", "interfaces": interfaces }));
    change(
        &profile(&host, "gamma"),
        "",
        &json!({ "runtimes": ["shell", "web"], "sections": { "of": "others" } }),
    );
    let profiles = ["alpha", "beta", "gamma"].map(|peer| fs::read(profile(&host, peer)).unwrap());

    host.snapshot("verify-differences", &["verify", "verify --json", "verify --fix"]);
    host.snapshot("verify-fixed", &["verify --fix --json", "verify"]);
    let document = json_file(&index);
    assert_eq!(document["of_another_version"]["kept"], true);
    assert_eq!(document["peers"][0]["kept"][0], 1);
    assert_eq!(document["peers"][0]["description"], "stored", "an empty description wipes nothing");
    assert_eq!(document["peers"][1]["interfaces"], interfaces);
    assert_eq!(document["peers"][1]["intelligence"], "artificial");
    assert_eq!(document["peers"][2]["runtimes"], json!(["shell", "web"]));
    assert_eq!(["alpha", "beta", "gamma"].map(|peer| fs::read(profile(&host, peer)).unwrap()), profiles);
    assert_eq!(host.logged("lifecycle.log", &["ev=registry-fix", "personality=beta"]).len(), 1);

    let before = host.files();
    host.ok("verify --fix");
    assert_eq!(host.files(), before, "a second fix has changed something");
}

#[test]
fn what_cannot_be_fixed_stays_and_is_told() {
    let host = Host::with_peers(&["alpha", "bare", "gone", "long", "other", "torn", "removed", "bad"]);
    let index = host.root("peers-profiles.json");
    change(&profile(&host, "long"), "", &json!({ "description": "x".repeat(451), "runtime": "web" }));
    change(&profile(&host, "other"), "", &json!({ "personality": "another", "runtimes": ["web"] }));
    change(&profile(&host, "alpha"), "", &json!({ "description": "new" }));
    fs::remove_file(profile(&host, "bare")).unwrap();
    fs::remove_dir_all(host.root("peers/gone")).unwrap();
    fs::write(profile(&host, "torn"), "{ torn").unwrap();
    host.ok("remove removed");
    host.ok("remove bad");
    fs::write(profile(&host, "bad"), "{ torn, too").unwrap();
    fs::create_dir(host.root("peers/of nobody")).unwrap();
    let mut document = json_file(&index);
    document["peers"].as_array_mut().unwrap().push(json!({ "personality": "No", "kept": 1 }));
    fs::write(&index, document.to_string()).unwrap();

    host.snapshot("verify-findings", &["verify", "verify --json"]);
    host.snapshot("verify-partly-fixed", &["verify --fix"]);
    let fixed = state(&host);
    assert_eq!(host.run("verify --fix").exit, 1);
    assert_eq!(state(&host), fixed);
    let entries = json_file(&index)["peers"].as_array().unwrap().clone();
    assert_eq!(entries.len(), 6, "an entry was removed: {entries:?}");
    let piece = fs::read_dir(host.root("quarantine")).unwrap().next().unwrap().unwrap().path();
    assert_eq!(json_file(&piece)["entries"], json!([{ "personality": "No", "kept": 1 }]));
    assert_eq!(entries[3]["description"], "", "what is too long is not taken");
}

#[test]
fn a_profile_that_was_lost_is_made_anew_from_the_index() {
    let host = Host::new();
    host.declare_runtime("probe", "/bin/sh", &[]);
    host.ok("create alpha --runtime probe --description remembers --intelligence absent");
    host.ok("add-runtime alpha shell");
    let lost = json_file(&profile(&host, "alpha"));
    fs::remove_file(profile(&host, "alpha")).unwrap();
    // As the hint says.
    host.ok(["init", host.root("peers/alpha").to_str().unwrap(), "--name", "alpha"]);
    assert_eq!(json_file(&profile(&host, "alpha")), lost);
    host.ok("verify");
}

#[test]
fn an_index_that_cannot_be_used_is_left_alone() {
    let host = Host::with_peers(&["alpha"]);
    fs::write(host.root("peers-profiles.json"), "{ torn").unwrap();
    let before = host.files();
    host.fails("verify-no-index", 4, &["verify", "verify --fix"]);
    assert_eq!(host.files(), before);
}
