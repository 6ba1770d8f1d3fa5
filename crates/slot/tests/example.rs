//! The example program, as a stranger runs it.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "integration tests")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

/// Examples are built before tests run, beside the folder of the tests.
fn read_slot(file: &Path) -> Output {
    let test = std::env::current_exe().unwrap();
    let program = test.parent().unwrap().parent().unwrap().join("examples/read_slot");
    assert!(
        program.exists(),
        "`cargo test -p iapeer-slot` builds it; with `--test`, `cargo build -p iapeer-slot --examples` does"
    );
    Command::new(program).arg(file).output().unwrap()
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

#[test]
fn the_example_tells_each_answer_of_the_slot() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("memory-provider.json");

    let empty = read_slot(&file);
    assert!(empty.status.success());
    assert_eq!(text(empty.stdout), "no provider\n");

    fs::write(
        &file,
        r#"{ "provider": "acme-memory", "package": "@acme/memory", "version": "1.4.0",
             "provision": { "command": "/opt/acme", "args": ["add", "{cwd}"] },
             "unprovision": { "command": "acme", "args": [] } }"#,
    )
    .unwrap();
    let occupied = read_slot(&file);
    assert!(occupied.status.success());
    assert_eq!(
        text(occupied.stdout),
        "acme-memory 1.4.0 (@acme/memory)\n\
         provision: /opt/acme add {cwd}\n\
         unprovision: refused, provider \"acme-memory\" declares an unusable unprovision command \
         (/unprovision/command: \"acme\" is not an absolute path)\n\
         left out: /unprovision/command: \"acme\" is not an absolute path\n"
    );

    fs::write(&file, "{").unwrap();
    let unusable = read_slot(&file);
    assert_eq!(unusable.status.code(), Some(1));
    assert!(text(unusable.stderr).contains("cannot be used: "));
}
