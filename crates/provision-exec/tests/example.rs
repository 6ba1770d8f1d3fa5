//! The example program, as a stranger runs it.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "integration tests")]

use std::process::{Command, Output};

/// Examples are built before tests run, beside the folder of the tests.
fn run_command(arguments: &[&str]) -> Output {
    let test = std::env::current_exe().unwrap();
    let program = test.parent().unwrap().parent().unwrap().join("examples/run_command");
    assert!(
        program.exists(),
        "`cargo test -p iapeer-provision-exec` builds it; with `--test`, `cargo build -p iapeer-provision-exec --examples` does"
    );
    Command::new(program).args(arguments).current_dir("/").output().unwrap()
}

#[test]
fn the_example_says_what_became_of_a_command() {
    let ran = run_command(&["/bin/sh", "-c", "echo \"$1 at $2\"; exit 3", "sh", "{occasion}", "{cwd}"]);
    assert_eq!(ran.status.code(), Some(1));
    let said = String::from_utf8(ran.stdout).unwrap();
    let lines: Vec<&str> = said.lines().filter(|line| !line.starts_with("elapsed")).collect();
    assert_eq!(
        lines,
        [
            r#"argv       ["/bin/sh", "-c", "echo \"$1 at $2\"; exit 3", "sh", "birth", "/"]"#,
            "state      failed",
            "exit       exit 3",
            "survivors  none",
            "detail     none",
            "stdout     11 bytes",
            "  | birth at /",
            "stderr     0 bytes",
        ]
    );

    assert!(run_command(&["/bin/echo", "{cwd}"]).status.success());
    assert_eq!(run_command(&[]).status.code(), Some(2));
}
