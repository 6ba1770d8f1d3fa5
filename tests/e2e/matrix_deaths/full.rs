//! Folders that are full or read-only. Each test starts itself in a mount namespace of its own, where it
//! may mount small file systems; where that is not allowed, it says so.
#![allow(clippy::print_stderr, reason = "what is not tried is said")]

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use super::one_server_exit;
use crate::host::Host;
use crate::machine::{murder, wait_until};

/// Set in a test that runs where it may mount.
const MOUNTED: &str = "IAPEER_E2E_MAY_MOUNT";
const UNSHARE: [&str; 4] = ["unshare", "--map-root-user", "--mount", "--"];

fn runs(words: &[&str]) -> bool {
    Command::new(words[0]).args(&words[1..]).status().is_ok_and(|status| status.success())
}

/// Runs the body of the test of this name where it may mount.
#[track_caller]
fn where_it_may_mount(name: &str, body: impl FnOnce()) {
    if std::env::var_os(MOUNTED).is_some() {
        return body();
    }
    if !runs(&[&UNSHARE[..], &["mount", "-t", "tmpfs", "none", "/mnt"]].concat()) {
        eprintln!("not tried: {name}, because nothing can be mounted here");
        return;
    }
    let program = std::env::current_exe().unwrap();
    let test = format!("{}::{name}", module_path!().split_once("::").unwrap().1);
    let output = Command::new(UNSHARE[0])
        .args(&UNSHARE[1..])
        .arg(program)
        .args(["--exact", &test, "--nocapture"])
        .env(MOUNTED, "1")
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && told.contains("1 passed"), "{told}");
}

/// A host with this folder on a small file system, and the pid of the server of its session.
fn with_small(folder: &str, size: &str) -> (Host, u32) {
    let host = Host::new();
    let folder = host.path(folder);
    fs::create_dir_all(&folder).unwrap();
    mount(&folder, &format!("size={size},mode=700"), "none");
    host.ok("create alpha --runtime shell");
    let server = host.launch("alpha");
    (host, server)
}

fn mount(folder: &Path, options: &str, source: &str) {
    let folder = folder.to_str().unwrap();
    assert!(runs(&["mount", "-t", "tmpfs", "-o", options, source, folder]));
}

/// Writes until not one byte more fits.
fn fill(folder: &Path) {
    let mut file = File::create(folder.join("filler")).unwrap();
    while file.write_all(&[0]).is_ok() {}
}

/// Waits for the record that waits for its journal.
#[track_caller]
fn is_in_the_fallback(host: &Host) {
    let fallback = host.root("state/canary/exits.fallback.log");
    wait_until("the record beside its journal", || {
        fs::read_to_string(&fallback).unwrap_or_default().matches("ev=server-exit ").count() == 1
    });
}

/// A pass finds the cause, wherever the record stands.
#[track_caller]
fn its_cause_is_known(host: &Host) {
    let outcome = &host.json("supervise --once")["outcomes"][0];
    assert_eq!((&outcome["action"], &outcome["reason"]), (&"reaped-gone".into(), &"server-vanished".into()));
}

#[test]
fn logs_are_full() {
    where_it_may_mount("logs_are_full", || {
        let (host, server) = with_small("root/logs/iapeer", "64k");
        fill(&host.root("logs/iapeer"));
        murder(server);
        is_in_the_fallback(&host);
        its_cause_is_known(&host);
        fs::remove_file(host.root("logs/iapeer/filler")).unwrap();
        one_server_exit(&host, server, &["server-vanished"], "recorder");
    });
}

#[test]
fn logs_are_read_only() {
    where_it_may_mount("logs_are_read_only", || {
        let (host, server) = with_small("root/logs/iapeer", "64k");
        let logs = host.root("logs/iapeer");
        mount(&logs, "remount,ro", "none");
        murder(server);
        is_in_the_fallback(&host);
        its_cause_is_known(&host);
        mount(&logs, "remount,rw", "none");
        one_server_exit(&host, server, &["server-vanished"], "recorder");
    });
}

#[test]
fn everything_is_full() {
    where_it_may_mount("everything_is_full", || {
        let (host, server) = with_small("root", "512k");
        let recorder = host.recorder("alpha");
        fill(&host.root("."));
        murder(server);
        // It has nowhere to write; what it leaves is a lease, or a claim without a word.
        wait_until("the end of the recorder", || !crate::machine::is_alive(recorder));
        host.run("supervise --once");
        host.run("deaths");
        assert_eq!(host.logged("exits.log", &["end=1"]), [""; 0], "it was not full");
        fs::remove_file(host.root("filler")).unwrap();
        one_server_exit(&host, server, &["unobserved"], "sweep");
        host.launch("alpha");
    });
}
