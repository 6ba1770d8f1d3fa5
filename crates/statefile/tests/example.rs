//! The example program, as a stranger runs it.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "integration tests")]

use std::fs;
use std::path::Path;
use std::process::Command;

/// Examples are built before tests run, beside the folder of the tests.
fn safe_state(folder: &Path) -> Command {
    let test = std::env::current_exe().unwrap();
    let program = test.parent().unwrap().parent().unwrap().join("examples/safe_state");
    assert!(
        program.exists(),
        "`cargo test -p iapeer-statefile` builds it; with `--test`, `cargo build -p iapeer-statefile --examples` does"
    );
    let mut command = Command::new(program);
    command.arg(folder).arg("visits");
    command
}

fn said(folder: &Path) -> String {
    let output = safe_state(folder).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_example_loses_no_count() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = &temporary.path().join("state");
    assert_eq!(said(folder), "visits: 1\n");

    // Eight at once count eight times.
    let programs: Vec<_> = (0..8).map(|_| safe_state(folder).spawn().unwrap()).collect();
    for mut program in programs {
        assert!(program.wait().unwrap().success());
    }
    assert_eq!(said(folder), "visits: 10\n");

    // Damage is told, kept and made up for.
    let file = folder.join("counters.json");
    fs::write(&file, "{\"visits\": 1").unwrap();
    let told = said(folder);
    assert!(told.contains("taken back from ") && told.ends_with("visits: 11\n"), "{told}");
    let kept = fs::read_dir(folder.join("quarantine")).unwrap().next().unwrap().unwrap().path();
    assert_eq!(fs::read_to_string(kept).unwrap(), "{\"visits\": 1");

    // So is a file that somebody took away.
    fs::remove_file(&file).unwrap();
    let told = said(folder);
    assert!(told.contains("taken back from ") && told.ends_with("visits: 12\n"), "{told}");
    assert_eq!(fs::read_to_string(&file).unwrap(), "{\n  \"visits\": 12\n}\n");
}
