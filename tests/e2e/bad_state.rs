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
    let before = host.files_but_events();
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
    let changed: Vec<_> =
        host.files_but_events().into_iter().filter(|(path, bytes)| before.get(path) != Some(bytes)).collect();
    assert_eq!((changed, host.files_but_events().len()), (Vec::new(), before.len()));
    assert_eq!(host.logged("lifecycle.log", &["ev=degraded id=registry "]).len(), 1, "one event an episode");
    assert_eq!(fs::read_dir(host.path("there")).unwrap().count(), 0);
}

#[test]
fn an_index_from_the_future() {
    let host = host();
    let good = fs::read(host.root("peers-profiles.json")).unwrap();
    fs::write(host.root("peers-profiles.json"), r#"{ "version": 3, "peers": { "alpha": {} } }"#).unwrap();
    everything_stays(&host, "is of schema 3");
    host.fails("index-newer", 4, &["list"]);
    host.snapshot("index-newer-status", &["status"]);
    fs::write(host.root("peers-profiles.json"), good).unwrap();
    host.ok("status");
    assert_eq!(host.logged("lifecycle.log", &["ev=recovered id=registry"]).len(), 1);
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
    let good = json_file(&fact);
    // Each verb sets it aside, and finds the session by its socket.
    fs::write(&fact, "{ torn").unwrap();
    assert_eq!(host.status("alpha"), "unknown");
    host.snapshot("fact-damaged", &["launch alpha", "launch alpha", "list"]);
    for key in ["server", "pane"] {
        assert_eq!(json_file(&fact)[key], good[key]);
    }
    fs::remove_dir_all(host.root("quarantine")).unwrap();
    fs::write(&fact, "[ torn").unwrap();
    host.snapshot("fact-damaged-supervise", &["supervise --once", "supervise --once"]);
    assert_eq!(json_file(&fact)["server"], good["server"]);
    fs::write(&fact, "").unwrap();
    let ran = host.failure(3, "remove alpha");
    assert!(ran.stderr.contains("is live"), "{ran:?}");
    assert!(is_alive(server), "something was done although nothing could be told");
    // The third time in a day it is left to a person.
    fs::write(&fact, "{ torn again").unwrap();
    host.fails("fact-damaged-often", 4, &["launch alpha", "stop alpha", "start alpha"]);
    assert_eq!(fs::read_to_string(&fact).unwrap(), "{ torn again");
    fs::remove_file(&fact).unwrap();
    host.snapshot("adopted", &["launch alpha", "supervise --once"]);
    host.ok("stop alpha");
    assert!(!is_alive(server));
    assert_eq!(host.deaths().len(), 0);
}

#[test]
fn a_session_of_the_existing_iapeer() {
    let (host, server) = Host::with_session();
    let fact = host.root("state/lifecycle/shell-alpha.session");
    let theirs = serde_json::json!({ "identity": "shell-alpha", "runtime": "shell", "personality": "alpha",
        "cwd": host.root("peers/alpha"), "wokeAt": 1_700_000_000_000_i64 });
    fs::write(&fact, theirs.to_string()).unwrap();
    assert_eq!(host.status("alpha"), "live");
    host.ok("supervise --once");
    assert_eq!(json_file(&fact)["server"]["pid"], server);
    assert!(!host.root("quarantine").exists());
    // One whose server is gone is no session, and no death that we could tell anything of.
    host.ok("stop alpha");
    fs::write(&fact, theirs.to_string()).unwrap();
    assert_eq!(host.status("alpha"), "stopped");
    host.ok("supervise --once");
    host.ok("start alpha");
    assert_eq!(host.deaths().len(), 0);
}

#[test]
fn a_ring_of_deaths_that_is_damaged() {
    let (host, server) = Host::with_session();
    let ring = host.root("state/lifecycle/shell-alpha.deaths");
    fs::write(&ring, "[1, ").unwrap();
    murder(server);
    host.death_is_recorded();
    let ran = host.ok("supervise --once");
    assert!(ran.stdout.contains("reaped-gone") && ran.stderr.contains("it was moved to"), "{ran:?}");
    assert_eq!(json_file(&ring).as_array().unwrap().len(), 1);
    assert_eq!(host.deaths().len(), 1);
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
    host.fails("journal-unreadable", 4, &["deaths", "why alpha"]);
    let ran = host.ok("show alpha");
    assert!(ran.stderr.contains("warning: its last death cannot be told: "), "{ran:?}");
    assert!(ran.stdout.contains("shell (default): asleep"), "{ran:?}");
}
