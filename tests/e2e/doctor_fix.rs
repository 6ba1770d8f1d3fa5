//! `doctor --fix`: what it mends, what it leaves alone, and that it says so first.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::time::{Duration, SystemTime};

use crate::doctor::{found, is_unchanged, report, socket, tree};
use crate::host::Host;
use crate::machine::{is_alive, murder};
use crate::sight::json_file;

const MENDED: [&str; 5] = ["folders", "permissions", "leftovers", "sockets", "canaries"];

/// A host with something of everything that can be mended.
fn worn() -> Host {
    let (host, _) = Host::with_session();
    murder(host.recorder("alpha"));
    drop(UnixListener::bind(socket(&host, "shell-ghost")).unwrap());
    let left = host.root("state/lifecycle/.shell-alpha.session.Ab12Cd.tmp");
    fs::write(&left, "").unwrap();
    let long_ago = SystemTime::now() - Duration::from_secs(2 * 24 * 3600);
    File::options().write(true).open(&left).unwrap().set_modified(long_ago).unwrap();
    for (name, mode) in [("", 0o755), ("state", 0o777), ("peers-profiles.json", 0o644)] {
        fs::set_permissions(host.root(name), Permissions::from_mode(mode)).unwrap();
    }
    host
}

#[test]
fn what_is_provably_ours_is_mended() {
    let host = worn();
    let before = tree(host.folder().as_ref());
    host.snapshot("doctor-dry-run", &["doctor --fix --dry-run"]);
    let dry = report(&host, "doctor --fix --dry-run", 0);
    is_unchanged(&host, &before, "a dry run");
    for id in MENDED {
        assert_ne!(found(&dry, id)[0].0, "ok", "{id} is to be mended: {dry}");
    }

    host.snapshot("doctor-fix", &["doctor --fix"]);
    let after = report(&host, "doctor", 0);
    for id in MENDED {
        assert_eq!(found(&after, id).len(), 1, "{id}: {after}");
        assert_eq!(found(&after, id)[0].0, "ok", "{id}: {after}");
    }
    assert!(is_alive(host.recorder("alpha")));
    assert_eq!(host.status("alpha"), "live");
    let again = report(&host, "doctor --fix", 0);
    assert_eq!(again["fixed"].as_array().unwrap().len(), 0, "{again}");
}

#[test]
fn a_registry_that_is_lost_is_taken_back() {
    type Fault = fn(&Host);
    let faults: [(&str, Fault); 4] = [
        ("corrupt", |host| fs::write(host.root("peers-profiles.json"), "{ torn").unwrap()),
        ("vanished", |host| fs::remove_file(host.root("peers-profiles.json")).unwrap()),
        ("a bad entry", |host| {
            let index = host.root("peers-profiles.json");
            let mut document = json_file(&index);
            document["peers"].as_array_mut().unwrap().push("no peer".into());
            fs::write(&index, document.to_string()).unwrap();
        }),
        // What is mended by itself no more, a person can have mended.
        ("damaged again and again", |host| {
            for n in 0..3 {
                fs::write(host.root("peers-profiles.json"), format!("{{ torn {n}")).unwrap();
                host.ok("list");
            }
        }),
    ];
    for (what, fault) in faults {
        let host = Host::with_peers(&["alpha"]);
        fault(&host);
        let dry = report(&host, "doctor --fix --dry-run", i32::from(what != "a bad entry"));
        assert_ne!(found(&dry, "registry")[0].0, "ok", "{what}: {dry}");
        let ran = host.ok("doctor --fix --json");
        assert!(
            ran.stderr.starts_with("warning: ") && ran.stderr.contains("quarantine") == (what != "vanished")
        );
        let done = serde_json::from_str(&ran.stdout).unwrap();
        assert_eq!(found(&done, "registry")[0].0, "ok", "{what}: {done}");
        assert_eq!(host.ok("list").stderr, "", "{what}");
        assert_eq!(host.status("alpha"), "asleep", "{what}");
    }
    // With nothing left to mend it from, it begins anew, and what was there is kept.
    let host = Host::new();
    fs::create_dir(host.path("root")).unwrap();
    fs::write(host.root("peers-profiles.json"), "{ torn").unwrap();
    host.failure(4, "list");
    host.snapshot("doctor-fix-nothing-left", &["doctor --fix", "list"]);
    assert_eq!(fs::read_dir(host.root("quarantine")).unwrap().count(), 1);
}

#[test]
fn what_it_did_is_in_the_document() {
    let host = worn();
    let done = report(&host, "doctor --fix", 0);
    let planned = report(&worn(), "doctor --fix --dry-run", 0)["planned"].as_array().unwrap().len();
    let fixed = done["fixed"].as_array().unwrap();
    assert_eq!(fixed.len(), planned, "{done}");
    assert!(fixed.iter().all(|fix| fix["state"] == "done"), "{done}");
    assert_eq!(found(&done, "permissions")[0].0, "ok");
}

#[test]
fn what_may_be_somebody_elses_is_left_alone() {
    let host = Host::with_peers(&["alpha"]);
    host.provider("exit 4");
    host.run("memory-plugin on --all");
    // Somebody listens on the one; the other is of a peer, whose next session takes it.
    let listening = UnixListener::bind(socket(&host, "shell-ghost")).unwrap();
    drop(UnixListener::bind(socket(&host, "shell-alpha")).unwrap());
    fs::create_dir_all(host.root("state/lifecycle")).unwrap();
    for name in ["state/lifecycle/shell-ghost.stopped", "state/lifecycle/.shell-a.session.New1.tmp", "notes"]
    {
        fs::write(host.root(name), "").unwrap();
    }
    for name in ["notes", "peers/alpha", "memory-provider.json"] {
        fs::set_permissions(host.root(name), Permissions::from_mode(0o755)).unwrap();
    }
    for folder in ["socks", "state/provision", "state/lifecycle", "state/canary", "logs/lifecycle"] {
        fs::create_dir_all(host.root(folder)).unwrap();
        fs::set_permissions(host.root(folder), Permissions::from_mode(0o700)).unwrap();
    }
    report(&host, "doctor --fix", 0);
    let before = tree(host.folder().as_ref());
    let done = report(&host, "doctor --fix", 0);
    assert_eq!(done["fixed"].as_array().unwrap().len(), 0, "{done}");
    is_unchanged(&host, &before, "a second fix");
    for name in ["socks/tmux-iap-shell-ghost.sock", "socks/tmux-iap-shell-alpha.sock", "notes"] {
        assert!(host.root(name).exists(), "{name}");
    }
    assert!(host.root("state/lifecycle/shell-ghost.stopped").exists());
    assert!(host.root("state/lifecycle/.shell-a.session.New1.tmp").exists());
    assert!(found(&done, "owed")[0].1.contains("iapeer memory-plugin retry --peer alpha"));
    drop(listening);
}

#[test]
fn a_dry_run_is_of_a_fix() {
    Host::new().fails("doctor-usage", 2, &["doctor --dry-run"]);
}
