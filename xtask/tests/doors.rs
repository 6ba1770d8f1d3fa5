//! Each ban in `clippy.toml` bites: a package that does what is banned is told so, method by method.
#![allow(clippy::disallowed_methods, reason = "a test")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use duct::cmd;
use serde_json::Value;

const LINT: &str = "clippy::disallowed_methods";

/// The paths that `clippy.toml` bans.
fn banned(clippy_toml: &str) -> BTreeSet<&str> {
    let paths = clippy_toml.lines().filter_map(|line| line.trim().strip_prefix("{ path = \""));
    paths.filter_map(|rest| rest.split_once('"')).map(|(path, _)| path).collect()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask is a folder in the root")
}

#[test]
fn every_ban_of_the_standard_library_bites() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let fixture = root().join("xtask/fixtures/doors");
    fs::create_dir(folder.path().join("src")).expect("a folder for the copy");
    for file in ["Cargo.toml", "src/lib.rs"] {
        fs::copy(fixture.join(file), folder.path().join(file)).expect("a copy of the fixture");
    }
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let deny = format!("-D{LINT}");
    let output = cmd!(cargo, "clippy", "--offline", "--message-format=json", "--", deny)
        .dir(folder.path())
        .env("CLIPPY_CONF_DIR", root())
        .env("CARGO_TARGET_DIR", folder.path().join("target"))
        .stdout_capture()
        .unchecked()
        .run()
        .expect("cargo clippy runs");
    assert!(!output.status.success(), "the fixture must fail");

    let messages = String::from_utf8(output.stdout).expect("JSON is UTF-8");
    let mut bitten = BTreeSet::new();
    for line in messages.lines() {
        let line: Value = serde_json::from_str(line).expect("cargo speaks JSON");
        let message = &line["message"];
        match message["code"]["code"].as_str() {
            Some(LINT) => {
                let text = message["message"].as_str().expect("a message");
                let path = text.split('`').nth(1).expect("the message names the method");
                bitten.insert(path.to_owned());
            }
            Some(code) => panic!("the fixture is wrong in another way, {code}: {message}"),
            None => {}
        }
    }
    let clippy_toml = fs::read_to_string(root().join("clippy.toml")).expect("clippy.toml");
    let of_std: BTreeSet<_> =
        banned(&clippy_toml).into_iter().filter(|path| path.starts_with("std::")).collect();
    assert!(of_std.len() > 10, "the list was read: {of_std:?}");
    let without_bite: Vec<_> = of_std.iter().filter(|path| !bitten.contains(**path)).collect();
    assert!(without_bite.is_empty(), "add a use of these to the fixture: {without_bite:?}");
}

#[test]
fn what_is_banned_in_std_is_banned_in_fs_err() {
    let clippy_toml = fs::read_to_string(root().join("clippy.toml")).expect("clippy.toml");
    let paths = banned(&clippy_toml);
    let below = |top: &str| -> BTreeSet<&str> { paths.iter().filter_map(|p| p.strip_prefix(top)).collect() };
    let mut of_std = below("std::fs::");
    assert!(of_std.remove("DirBuilder::new"), "fs_err has no twin of this one");
    assert_eq!(of_std, below("fs_err::"));
}
