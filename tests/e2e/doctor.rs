//! `doctor`: it names what is wrong and what mends it, and changes nothing.

use std::collections::BTreeMap;
use std::fs::{self, File, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde_json::Value;

use crate::host::Host;
use crate::machine::murder;

/// What `doctor --json` says, which must exit so.
#[track_caller]
pub(crate) fn report(host: &Host, command: &str, exit: i32) -> Value {
    let ran = host.run(format!("{command} --json").as_str());
    assert_eq!(ran.exit, exit, "{ran}");
    assert_eq!(ran.stderr, "");
    serde_json::from_str(&ran.stdout).expect("one JSON document")
}

/// What a check found: the status of each, and summary and remedy.
pub(crate) fn found(report: &Value, id: &str) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let checks = report["checks"].as_array().unwrap().iter().filter(|check| check["id"] == id);
    checks
        .map(|check| {
            (text(&check["status"]), format!("{} | {}", text(&check["summary"]), text(&check["remedy"])))
        })
        .collect()
}

/// Paths, with kind, mode, time of change, and content.
pub(crate) type Tree = BTreeMap<PathBuf, (u32, SystemTime, Vec<u8>)>;

/// Holds what is below the folder of a host against what was there before.
#[track_caller]
pub(crate) fn is_unchanged(host: &Host, before: &Tree, what: &str) {
    let after = tree(host.folder().as_ref());
    let paths = before.keys().chain(after.keys());
    let changed: Vec<_> = paths.filter(|path| before.get(*path) != after.get(*path)).collect();
    assert!(changed.is_empty(), "{what}: changed were {changed:?}");
}

/// Everything below a folder: kind, mode, time of change, and content or what a link leads to.
pub(crate) fn tree(folder: &Path) -> Tree {
    let mut tree = BTreeMap::new();
    let mut paths = vec![folder.to_owned()];
    while let Some(path) = paths.pop() {
        let meta = fs::symlink_metadata(&path).unwrap();
        let mut changed = meta.modified().unwrap();
        let mut content = Vec::new();
        if path.ends_with("logs/lifecycle") {
            // What a pane shows is written there by tmux when it comes, whoever looks meanwhile.
            changed = SystemTime::UNIX_EPOCH;
        } else if meta.is_dir() {
            paths.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else if meta.is_file() {
            content = fs::read(&path).unwrap();
        } else if meta.is_symlink() {
            content = fs::read_link(&path).unwrap().into_os_string().into_encoded_bytes();
        }
        tree.insert(path, (meta.mode(), changed, content));
    }
    tree
}

/// Sets the mode of a file or folder.
pub(crate) fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// The path of a socket, in a folder that is there.
pub(crate) fn socket(host: &Host, identity: &str) -> PathBuf {
    fs::create_dir_all(host.root("socks")).unwrap();
    chmod(&host.root("socks"), 0o700);
    host.root(&format!("socks/tmux-iap-{identity}.sock"))
}

/// Writes a fact.
pub(crate) fn mark(host: &Host, name: &str, content: &str) {
    fs::create_dir_all(host.root("state/lifecycle")).unwrap();
    fs::write(host.root("state/lifecycle").join(name), content).unwrap();
}

#[test]
fn a_healthy_host() {
    let host = Host::with_peers(&["alpha", "beta"]);
    host.ok("memory-plugin retry --all");
    host.launch("alpha");
    let before = tree(host.folder().as_ref());
    host.snapshot("doctor-healthy", &["doctor", "doctor --json", "preflight", "preflight --json"]);
    is_unchanged(&host, &before, "a look");
    assert_eq!(report(&host, "doctor", 0)["verdict"], "ok");
}

#[test]
fn a_host_in_disorder() {
    let host = Host::with_peers(&["alpha"]);
    fs::write(host.root("peers-profiles.json"), "{ torn").unwrap();
    fs::remove_file(host.path("bin/tmux")).unwrap();
    mark(&host, "shell-alpha.session", "{ torn");
    host.slot("{ torn");
    chmod(&host.root("peers"), 0o755);
    host.snapshot("doctor-disorder", &["doctor", "preflight", "supervise --once"]);
}

#[test]
fn where_there_is_nothing_it_looks_all_the_same() {
    let host = Host::new();
    host.snapshot("doctor-nothing", &["doctor", "preflight"]);
    assert!(!host.path("root").exists());
}

#[test]
fn a_folder_that_nobody_may_enter() {
    if rustix::process::geteuid().is_root() {
        eprintln!("not tried: nothing is closed to root");
        return;
    }
    let host = Host::with_peers(&["alpha"]);
    let index = host.root("peers-profiles.json");
    chmod(&index, 0o000);
    let told = found(&report(&host, "doctor", 1), "registry");
    assert!(told[0].0 == "fail" && told[0].1.contains("Permission denied"), "{told:?}");
    chmod(&index, 0o600);

    mark(&host, "shell-alpha.stopped", "");
    chmod(&host.root("state/lifecycle"), 0o000);
    let report = report(&host, "doctor", 3);
    assert_eq!(report["verdict"], "incomplete");
    assert_eq!(found(&report, "markers")[0].0, "unknown");
    chmod(&host.root("state/lifecycle"), 0o700);
}

#[test]
fn a_tmux_that_does_not_answer_is_unknown() {
    let host = Host::with_peers(&["alpha"]);
    fs::remove_file(host.path("bin/tmux")).unwrap();
    host.program("bin/tmux", "exec sleep 300");
    let report = report(&host, "preflight", 3);
    assert_eq!(report["verdict"], "incomplete");
    let told = found(&report, "tmux");
    assert!(told[0].0 == "unknown" && told[0].1.contains("no answer within"), "{told:?}");
    host.is_quiet();
}

#[test]
fn who_holds_a_lock_is_told_and_not_disturbed() {
    let host = Host::with_peers(&["alpha"]);
    let path = host.root("state/native-memory.lock");
    fs::create_dir_all(host.root("state")).unwrap();
    let held = |since: &str| {
        let line = format!("ts={since} ev=lock pid={} by=\"a test\"\n", std::process::id());
        fs::write(&path, line).unwrap();
        let file = File::open(&path).unwrap();
        file.lock().unwrap();
        let before = tree(host.folder().as_ref());
        let told = found(&report(&host, "doctor", 0), "locks");
        is_unchanged(&host, &before, "a look");
        let [told] = &told[..] else { panic!("{told:?}") };
        assert!(
            told.1.contains(&format!("native-memory.lock is held by a test (pid {}", std::process::id()))
        );
        told.clone()
    };
    let (grade, told) = held("2999-01-01T00:00:00.000Z");
    assert_eq!(grade, "info", "{told}");
    let (grade, told) = held("2026-01-01T00:00:00.000Z");
    assert!(grade == "warn" && told.contains("ps -fp "), "{told}");
    assert_eq!(found(&report(&host, "doctor", 0), "locks")[0].0, "ok");
}

#[test]
fn what_somebody_is_just_changing_is_no_fault() {
    let (host, server) = Host::with_session();
    murder(server);
    host.is_quiet();
    assert_eq!(found(&report(&host, "doctor", 0), "sockets")[0].0, "warn");
    let lock = File::open(host.root("state/lifecycle/shell-alpha.wake.lock")).unwrap();
    // Its text names the launch, which has ended; the kernel knows that we hold it now.
    lock.lock().unwrap();
    assert_eq!(found(&report(&host, "doctor", 0), "sockets")[0].0, "ok");
}

#[test]
fn a_supervisor_says_what_it_should_know_and_begins_all_the_same() {
    let host = Host::with_peers(&["alpha"]);
    fs::write(host.root("peers-profiles.json"), r#"{"version":9,"peers":[]}"#).unwrap();
    let ran = host.ok("supervise --once");
    assert!(
        ran.stderr.contains("warning: registry: ") && ran.stderr.contains("\nhint: use the newer "),
        "{ran}"
    );
    assert_eq!(ran.stdout, "no session to look after\n");
}
