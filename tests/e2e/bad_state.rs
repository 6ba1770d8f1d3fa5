//! State that is damaged is left as it was: exit code 4, and what would mend it.

use std::fs;
use std::path::Path;

use crate::host::Host;
use crate::machine::{is_alive, murder};
use crate::sight::json_file;

const COMMANDS: [&str; 8] = [
    "list",
    "show alpha",
    "create beta",
    "init there",
    "remove alpha",
    "launch alpha",
    "stop alpha",
    "memory-plugin on --all",
];

/// A host with a peer, and a folder to be made one.
fn host() -> Host {
    let host = Host::with_peers(&["alpha"]);
    fs::create_dir(host.path("there")).unwrap();
    host.slot(r#"{ "provider": "p", "package": "p", "version": "1", "provision": { "command": "/bin/true", "args": [] } }"#);
    host
}

/// Every command says that the index cannot be used and leaves everything as it is.
#[track_caller]
fn everything_stays(host: &Host, reason: &str) {
    let before = host.files();
    for command in COMMANDS {
        let ran = host.failure(4, command);
        assert!(
            ran.stderr.contains("peers-profiles.json") && ran.stderr.contains(reason),
            "{command}: {ran:?}"
        );
        assert!(ran.stderr.contains("\nhint: "), "{command}: {ran:?}");
    }
    let status = host.run("status --json");
    assert_eq!(status.exit, 4);
    assert!(status.stdout.contains("peers-profiles.json"), "{status:?}");
    assert_eq!(host.files(), before);
    assert_eq!(fs::read_dir(host.path("there")).unwrap().count(), 0);
}

#[test]
fn an_index_that_is_corrupt() {
    let host = host();
    let index = host.root("peers-profiles.json");
    for (bytes, reason) in [
        (&b""[..], "there is nothing in it"),
        (b"\0\0\0\0", "there is nothing in it"),
        (b"{ \"version\": 2, \"peers\": [", "EOF while parsing"),
        (b"\xff\xfe{}", "not UTF-8 from byte 0"),
        (b"[]", "is damaged"),
        (b"{ \"version\": 2 }", "`peers` is missing"),
        (b"{ \"version\": \"two\", \"peers\": [] }", "`version` is not a number"),
        (b"<<<<<<< ours\n{}\n=======\n>>>>>>> theirs\n", "a merge conflict"),
    ] {
        fs::write(&index, bytes).unwrap();
        everything_stays(&host, reason);
    }
    host.fails("index-corrupt", 4, &["list", "create beta"]);
    host.snapshot("index-corrupt-status", &["status"]);
}

#[test]
fn an_index_that_has_vanished() {
    let host = host();
    fs::remove_file(host.root("peers-profiles.json")).unwrap();
    everything_stays(&host, "is gone, although it was there once");
    host.fails("index-vanished", 4, &["list", "create beta"]);
    // What the hint says does mend it.
    fs::rename(host.root("peers-profiles.lock"), host.root("peers-profiles.lock.old")).unwrap();
    host.ok("init root/peers/alpha");
    assert_eq!(host.status("alpha"), "asleep");
}

#[test]
fn an_index_from_the_future() {
    let host = host();
    fs::write(host.root("peers-profiles.json"), r#"{ "version": 3, "peers": { "alpha": {} } }"#).unwrap();
    everything_stays(&host, "is of schema 3");
    host.fails("index-newer", 4, &["list"]);
}

#[test]
fn an_index_that_is_no_file() {
    let host = host();
    let index = host.root("peers-profiles.json");
    fs::remove_file(&index).unwrap();
    fs::create_dir(&index).unwrap();
    everything_stays(&host, "is a folder, not a regular file");
    host.fails("index-unreadable", 4, &["list"]);
    fs::remove_dir(&index).unwrap();
    std::os::unix::fs::symlink("nowhere", &index).unwrap();
    everything_stays(&host, "is a symbolic link that leads nowhere");
}

#[test]
fn one_bad_entry_of_the_index_is_kept_and_does_no_harm() {
    let host = Host::with_peers(&["alpha", "gamma"]);
    let index = host.root("peers-profiles.json");
    let mut document = json_file(&index);
    let bad = serde_json::json!({ "personality": "Not A Name", "cwd": "relative", "ours": 1 });
    document["peers"].as_array_mut().unwrap().insert(1, bad.clone());
    fs::write(&index, document.to_string()).unwrap();
    host.snapshot(
        "index-partial",
        &["list", "list --json", "show gamma", "status", "create delta", "remove alpha"],
    );
    let entries = json_file(&index)["peers"].as_array().unwrap().clone();
    assert_eq!(entries.len(), 3);
    assert!(entries.contains(&bad), "{entries:?}");
}

#[test]
fn keys_of_others_survive_a_rewrite() {
    let host = Host::with_peers(&["alpha"]);
    let (index, profile) =
        (host.root("peers-profiles.json"), host.root("peers/alpha/.iapeer/peer-profile.json"));
    let add = |path: &Path, pointer: &str| {
        let mut document = json_file(path);
        document.pointer_mut(pointer).unwrap()["of_another_version"] =
            serde_json::json!({ "kept": [1, "two", null] });
        fs::write(path, document.to_string()).unwrap();
    };
    for pointer in ["", "/peers/0", "/peers/0/interfaces"] {
        add(&index, pointer);
    }
    for pointer in ["", "/interfaces"] {
        add(&profile, pointer);
    }
    host.declare_runtime("probe", "/bin/sh", &[]);
    host.ok("create beta");
    host.ok("init root/peers/alpha --runtime probe");
    host.ok("remove beta");
    let kept = |path: &Path| fs::read_to_string(path).unwrap().matches("of_another_version").count();
    assert_eq!(kept(&profile), 2);
    assert!(kept(&index) >= 2, "{}", fs::read_to_string(&index).unwrap());
}

#[test]
fn a_profile_that_is_corrupt() {
    let host = Host::with_peers(&["alpha"]);
    fs::create_dir_all(host.path("there/.iapeer")).unwrap();
    let profile = host.path("there/.iapeer/peer-profile.json");
    fs::write(&profile, "{ \"personality\": \"the").unwrap();
    let before = host.files();
    host.fails("profile-corrupt", 4, &["init there", "create there --path there", "init there --name other"]);
    assert_eq!(fs::read_to_string(&profile).unwrap(), "{ \"personality\": \"the");
    assert_eq!(host.files(), before);
    // That of a peer which is known does not keep it from being looked at, started or removed.
    fs::copy(&profile, host.root("peers/alpha/.iapeer/peer-profile.json")).unwrap();
    host.fails("profile-corrupt-known", 4, &["init root/peers/alpha --description more"]);
    host.ok("show alpha");
    host.launch("alpha");
    host.ok("remove alpha --force");
}

#[test]
fn a_fact_that_is_damaged() {
    let (host, server) = Host::with_session();
    let fact = host.root("state/lifecycle/shell-alpha.session");
    let good = fs::read(&fact).unwrap();
    fs::write(&fact, "{ torn").unwrap();
    host.fails("fact-damaged", 4, &["launch alpha", "stop alpha", "start alpha"]);
    host.fails("fact-damaged-remove", 3, &["remove alpha", "remove alpha --force"]);
    assert_eq!(fs::read_to_string(&fact).unwrap(), "{ torn");
    assert!(is_alive(server), "something was done although nothing could be told");
    // What the hint says mends it: the session is found by its socket.
    fs::remove_file(&fact).unwrap();
    assert_eq!(host.status("alpha"), "live");
    host.snapshot("adopted", &["launch alpha", "supervise --once"]);
    let session = json_file(&fact);
    assert_eq!(session["server"], serde_json::from_slice::<serde_json::Value>(&good).unwrap()["server"]);
    assert_eq!(session["pane"], serde_json::from_slice::<serde_json::Value>(&good).unwrap()["pane"]);
    host.ok("stop alpha");
    assert!(!is_alive(server));
    assert_eq!(host.deaths().len(), 0);
}

#[test]
fn a_journal_with_lines_that_nobody_can_read() {
    let (host, server) = Host::with_session();
    murder(server);
    host.death_is_recorded();
    let log = host.root("logs/iapeer/exits.log");
    let text = fs::read_to_string(&log).unwrap();
    fs::write(&log, format!("what is this\n{text}ts=2026-01-01T00:00:00.000Z ev=\"torn")).unwrap();
    let ran = host.ok("deaths");
    assert_eq!(ran.stdout.lines().count(), 1, "{ran:?}");
    assert!(ran.stderr.contains("exits.log: 2 lines cannot be read"), "{ran:?}");
    assert_eq!(host.json("deaths")["unreadable_lines"], 2);
    fs::remove_file(&log).unwrap();
    fs::create_dir(&log).unwrap();
    host.fails("journal-unreadable", 4, &["deaths", "why alpha", "show alpha"]);
}
