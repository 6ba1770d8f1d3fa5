//! Finding tmux and telling its version.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "tests prepare the programs that are found"
)]

mod common;

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use common::{sh, tmux};
use iapeer_tmux::{Tmux, TmuxError};

/// A folder with a `tmux` that answers as told. Another process writes the file, so that no
/// descriptor of ours is still open for writing when it is run.
fn fake(folder: &tempfile::TempDir, name: &str, script: &str, mode: u32) -> PathBuf {
    let path = folder.path().join(name).join("tmux");
    fs::create_dir(path.parent().unwrap()).unwrap();
    sh("printf '#!/bin/sh\\n%s\\n' \"$1\" >\"$2\"", [script.as_ref(), path.as_os_str()]);
    fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
    path
}

fn search_path(programs: &[&PathBuf]) -> OsString {
    std::env::join_paths(programs.iter().map(|program| program.parent().unwrap())).unwrap()
}

#[test]
fn the_real_one_is_found_and_new_enough() {
    let tmux = tmux();
    assert!(tmux.program().is_absolute());
    assert!(tmux.version().is_at_least(3, 2), "{}", tmux.version());
}

#[test]
fn the_first_that_can_be_executed_counts() {
    let folder = tempfile::tempdir().unwrap();
    let plain = fake(&folder, "plain", "echo tmux 9.9", 0o644);
    let good = fake(&folder, "good", "echo tmux 3.5a", 0o755);
    let later = fake(&folder, "later", "echo tmux 3.6", 0o755);
    fs::create_dir_all(folder.path().join("folder/tmux")).unwrap();
    let a_folder = folder.path().join("folder/tmux");

    let found = Tmux::find(&search_path(&[&plain, &a_folder, &good, &later])).unwrap();
    assert_eq!((found.program(), found.version().to_string().as_str()), (good.as_path(), "3.5a"));
}

#[test]
fn relative_folders_are_passed_over() {
    let nowhere = OsString::from(".:bin::/nonexistent");
    assert_eq!(Tmux::find(&nowhere), Err(TmuxError::NotFound { searched: nowhere }));
}

#[test]
fn what_will_not_do_is_refused_with_its_reason() {
    let folder = tempfile::tempdir().unwrap();
    for (name, script, message) in [
        ("old", "echo tmux 3.1c", "is tmux 3.1c, but 3.2 or later is needed"),
        ("other", "echo screen 4.9", "does not tell a tmux version: screen 4.9"),
        ("silent", "", "does not tell a tmux version"),
        ("failing", "echo broken libevent >&2; exit 1", "tmux -V failed: broken libevent"),
        ("mute", "exit 1", "tmux -V failed: exit 1, standard error was empty"),
    ] {
        let program = fake(&folder, name, script, 0o755);
        let error = Tmux::find(&search_path(&[&program])).unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    }
    let error = Tmux::at("/nonexistent/tmux").unwrap_err();
    assert!(matches!(error, TmuxError::NotRun { .. }), "{error}");
}

#[test]
fn socket_paths_are_checked_before_anything_is_done() {
    let tmux = tmux();
    let longest = format!("/{}", "x".repeat(if cfg!(target_os = "linux") { 106 } else { 102 }));
    assert!(tmux.server(&longest).is_ok());
    let error = tmux.server(format!("{longest}x")).unwrap_err();
    let TmuxError::SocketTooLong { len, limit, .. } = error else { panic!("{error}") };
    assert_eq!((len, limit), (longest.len() + 1, longest.len()));
    assert!(matches!(tmux.server("relative/s"), Err(TmuxError::BadPath { what: "socket", .. })));
}
