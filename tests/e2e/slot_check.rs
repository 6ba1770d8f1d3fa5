//! `slot check` and `slot schema`: what a provider's author asks the host.

use std::fs;

use rustix::fs::{CWD, Mode, mkfifoat};
use serde_json::Value;

use crate::host::Host;

/// A declaration of which something is wrong in every way that leaves it usable.
const HALF: &str = r#"{
    "provider": "acme\n  provision: forged", "package": "@acme/memory", "version": "1.4.0", "heartbeat": 7,
    "provision": { "command": "/nowhere/acme", "args": ["add", "--cwd", "{cwd}", "two  words", "a\"b"] },
    "unprovision": { "command": "acme", "args": ["remove", null] },
    "notify": { "command": "/", "args": ["{cause}"] }
}"#;

const PLUGIN: &str = r#"{
    "provider": "acme-memory", "package": "@acme/memory", "version": "1.1.0",
    "plugin": { "name": "memory", "marketplace": "acme", "marketplaceRef": "acme/marketplace" }
}"#;

/// A declaration with these members beside the three that it needs.
fn declaration(members: &str) -> String {
    format!(r#"{{ "provider": "acme", "package": "p", "version": "1"{members} }}"#)
}

#[test]
fn a_declaration_is_explained() {
    let host = Host::new();
    fs::write(host.path("half.json"), HALF).unwrap();
    fs::write(host.path("plugin.json"), PLUGIN).unwrap();
    let commands = [
        "slot check half.json",
        "slot check half.json --json",
        "slot check plugin.json",
        "slot check plugin.json --json",
    ];
    host.snapshot("slot-check", &commands);
    assert!(!host.path("root").exists(), "a check leaves nothing behind");
}

#[test]
fn the_exit_code_tells_how_usable_it_is() {
    let host = Host::new();
    let good = r#"{ "command": "/bin/sh", "args": [] }"#;
    let missing = r#"{ "command": "/nowhere/acme", "args": [] }"#;
    for (json, exit, state) in [
        (declaration(""), 0, "occupied"),
        (
            declaration(&format!(r#", "provision": {good}, "unprovision": {good}, "notify": {good}"#)),
            0,
            "occupied",
        ),
        (PLUGIN.to_owned(), 0, "occupied"),
        (declaration(r#", "heartbeat": 7"#), 1, "occupied"),
        (declaration(&format!(r#", "provision": {missing}"#)), 1, "occupied"),
        (declaration(&format!(r#", "provision": {good}, "notify": {missing}"#)), 1, "occupied"),
        (r#"{ "provider": "acme" }"#.to_owned(), 4, "unusable"),
        ("{".to_owned(), 4, "unusable"),
        (String::new(), 4, "unusable"),
    ] {
        fs::write(host.path("it.json"), &json).unwrap();
        let text = host.run("slot check it.json");
        assert_eq!((text.exit, text.stderr.as_str()), (exit, ""), "{json}: {text:?}");
        let told = host.run("slot check it.json --json");
        assert_eq!(told.exit, exit, "{json}: {told:?}");
        let document: Value = serde_json::from_str(&told.stdout).expect("one JSON document");
        assert_eq!(document["schema"], "iapeer.slot-check/1", "{json}");
        assert_eq!(document["state"], state, "{json}");
    }
}

#[test]
fn what_is_no_file_is_told_and_never_waited_for() {
    let host = Host::new();
    mkfifoat(CWD, host.path("fifo"), Mode::RWXU).unwrap();
    host.fails("slot-check-nothing", 1, &["slot check absent.json"]);
    host.snapshot("slot-check-no-file", &["slot check fifo", "slot check fifo --json", "slot check home"]);
}

#[test]
fn the_schema_is_the_one_that_is_shipped() {
    let shipped = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/slot.schema.json");
    assert_eq!(Host::new().ok("slot schema").stdout, fs::read_to_string(shipped).unwrap());
}
