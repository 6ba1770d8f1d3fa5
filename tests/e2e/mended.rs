//! State that is lost is taken back: nothing of it is lost, and it is told once.

use std::fs;
use std::path::PathBuf;

use crate::host::Host;
use crate::sight::json_file;

/// What is in quarantine.
fn quarantined(host: &Host) -> Vec<Vec<u8>> {
    let Ok(entries) = fs::read_dir(host.root("quarantine")) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

/// The next command sees all of these peers and tells of the mend; the one after it finds nothing to do.
#[track_caller]
fn is_mended(host: &Host, peers: &[&str], told: &str) {
    let ran = host.ok("list");
    let names: Vec<_> = ran.stdout.lines().map(|line| line.split_whitespace().nth(1).unwrap()).collect();
    assert_eq!(names, peers, "{ran:?}");
    assert!(ran.stderr.contains(told), "{ran:?}");
    let before = host.files();
    let again = host.ok("list");
    assert_eq!((again.stdout, again.stderr.as_str()), (ran.stdout, ""));
    assert_eq!(host.files(), before, "the second run changes nothing");
    assert_eq!(host.logged("lifecycle.log", &["ev=state-mended"]).len(), 1, "it is one event");
}

fn two_peers() -> Host {
    let host = Host::with_peers(&["alpha"]);
    fs::create_dir(host.path("elsewhere")).unwrap();
    host.ok("create beta --path elsewhere --runtime shell");
    host
}

#[test]
fn an_index_that_is_corrupt() {
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
        let host = two_peers();
        fs::write(host.root("peers-profiles.json"), bytes).unwrap();
        is_mended(&host, &["alpha", "beta"], reason);
        assert_eq!(quarantined(&host), [bytes]);
    }
}

#[test]
fn the_mend_and_its_event_as_a_user_sees_them() {
    let host = two_peers();
    fs::write(host.root("peers-profiles.json"), "{ torn").unwrap();
    host.snapshot("index-mended", &["list", "status"]);
    let [line] = &host.logged("lifecycle.log", &["ev=state-mended"])[..] else { panic!("not one line") };
    host.holds("index-mended-event", line);
}

#[test]
fn an_index_that_has_vanished() {
    let host = two_peers();
    fs::remove_file(host.root("peers-profiles.json")).unwrap();
    is_mended(&host, &["alpha", "beta"], "is gone, although it was there once; mended from generation 2 of ");
    assert_eq!(quarantined(&host), [[0; 0]; 0]);
}

#[test]
fn a_mend_comes_before_a_change() {
    let host = two_peers();
    fs::write(host.root("peers-profiles.json"), "{ torn").unwrap();
    let ran = host.ok("create gamma");
    assert!(ran.stderr.contains("mended from generation 2 of "), "{ran:?}");
    assert_eq!(host.ok("list").stdout.lines().count(), 3);
    fs::remove_file(host.root("peers-profiles.json")).unwrap();
    host.ok("remove gamma");
    assert_eq!(host.ok("list").stdout.lines().count(), 2);
}

#[test]
fn without_generations_the_profiles_tell_who_there_is() {
    let (host, server) = Host::with_session();
    for folder in ["live", "here", "salvaged", "unknown"] {
        fs::create_dir(host.path(folder)).unwrap();
        host.ok(["create", folder, "--path", folder, "--runtime", "shell"]);
    }
    host.launch("live");
    host.ok("create gone");
    host.ok("remove gone");
    let index = host.root("peers-profiles.json");
    fs::remove_dir_all(host.root("backups")).unwrap();
    // What is left of the file names a folder; a folder that nothing names stays unknown.
    let salvaged = host.path("salvaged");
    fs::write(&index, format!("{{ \"peers\": [ {{ \"cwd\": \"{}\", torn", salvaged.display())).unwrap();
    let listed =
        crate::host::finish(host.command(crate::host::IAPEER, "list").current_dir(host.path("here")));
    assert_eq!(listed.exit, 0, "{listed:?}");
    let names: Vec<_> = listed.stdout.lines().map(|line| line.split_whitespace().nth(1).unwrap()).collect();
    assert_eq!(names, ["alpha", "here", "live", "salvaged"], "{listed:?}");
    assert!(listed.stderr.contains("mended from the profiles in the peers' folders (4 peers)"), "{listed:?}");
    assert_eq!(host.status("alpha"), "live", "nothing was done to its session");
    assert!(crate::machine::is_alive(server));
    host.ok("init unknown");
    // Who is born again is no removed peer any more.
    host.ok("create gone");
    fs::remove_dir_all(host.root("backups")).unwrap();
    fs::remove_file(&index).unwrap();
    let ran = host.ok("list");
    assert!(ran.stdout.contains("gone") && !ran.stdout.contains("unknown"), "{ran:?}");
}

#[test]
fn a_new_root_takes_nobody_from_the_folder_of_the_caller() {
    let mut host = two_peers();
    host.set("IAPEER_ROOT", host.path("other").to_str().unwrap());
    let looked =
        || crate::host::finish(host.command(crate::host::IAPEER, "list").current_dir(host.path("elsewhere")));
    assert_eq!((looked().exit, looked().stdout.as_str()), (0, ""));
    assert!(!host.path("other").exists());
    // A root without an index, but with peers: as it is when it was copied without it.
    fs::create_dir_all(host.path("other/peers")).unwrap();
    fs::rename(host.root("peers/alpha"), host.path("other/peers/alpha")).unwrap();
    let ran = looked();
    assert!(ran.stdout.contains("alpha") && !ran.stdout.contains("beta"), "{ran:?}");
    assert!(ran.stderr.contains("was not there; mended from the profiles in the peers' folders (1 peer)"));
}

#[test]
fn who_was_removed_is_not_guessed() {
    let host = two_peers();
    host.ok("remove alpha");
    fs::remove_dir_all(host.root("state/removed")).unwrap();
    fs::write(host.root("state/removed"), "a file").unwrap();
    fs::remove_file(host.root("peers-profiles.json")).unwrap();
    let ran = host.ok("list");
    assert!(ran.stdout.contains("beta") && !ran.stdout.contains("alpha"), "{ran:?}");
    assert!(ran.stderr.contains("who was removed cannot be told"), "{ran:?}");
}

#[test]
fn an_index_of_which_nothing_is_left() {
    let host = Host::new();
    fs::create_dir_all(host.path("root")).unwrap();
    let index = host.root("peers-profiles.json");
    fs::write(&index, "{ torn").unwrap();
    host.fails("index-nothing-left", 4, &["list", "create beta --runtime shell"]);
    assert_eq!(fs::read_to_string(&index).unwrap(), "{ torn");
    assert!(!host.root("peers").exists());
    // It was there, and is gone with every generation that could be read: it begins anew, with a word.
    let host = Host::with_peers(&["alpha"]);
    host.ok("remove alpha");
    for entry in fs::read_dir(host.root("backups/peers-profiles.json")).unwrap() {
        fs::write(entry.unwrap().path(), "").unwrap();
    }
    fs::remove_file(host.root("peers-profiles.json")).unwrap();
    let ran = host.ok("list");
    assert!(ran.stderr.contains("it begins anew (0 peers)"), "{ran:?}");
    assert!(!host.ok("list").stderr.contains("anew"));
}

#[test]
fn the_third_time_in_a_day_it_is_left_to_a_person() {
    let host = two_peers();
    let index = host.root("peers-profiles.json");
    for n in 0..2 {
        fs::write(&index, format!("{{ torn {n}")).unwrap();
        host.ok("list");
    }
    fs::write(&index, "{ torn 2").unwrap();
    // What there is can be seen, and nothing is written any more.
    host.snapshot("index-breaker", &["list", "status"]);
    host.failure(4, "create gamma --runtime shell");
    assert_eq!(fs::read_to_string(&index).unwrap(), "{ torn 2");
    host.snapshot("restore-by-a-person", &["restore peers-profiles.json", "list"]);
    host.ok("create gamma");
    assert_eq!(quarantined(&host).last().unwrap(), b"{ torn 2");
}

#[test]
fn one_bad_entry_does_no_harm_and_goes_to_quarantine_with_the_next_change() {
    let host = Host::with_peers(&["alpha", "gamma"]);
    let index = host.root("peers-profiles.json");
    let mut document = json_file(&index);
    let bad = serde_json::json!({ "personality": "Not A Name", "cwd": "relative", "ours": 1 });
    document["peers"].as_array_mut().unwrap().insert(1, bad.clone());
    fs::write(&index, document.to_string()).unwrap();
    host.snapshot(
        "index-partial",
        &["list", "list --json", "show gamma", "status", "create delta", "remove alpha", "status"],
    );
    let entries = json_file(&index)["peers"].as_array().unwrap().clone();
    assert_eq!(entries.len(), 2);
    let [piece] = &quarantined(&host)[..] else { panic!("not one piece") };
    assert_eq!(
        serde_json::from_slice::<serde_json::Value>(piece).unwrap()["entries"],
        serde_json::json!([bad])
    );
    for event in ["ev=degraded id=registry-entries", "ev=state-mended", "ev=recovered id=registry-entries"] {
        assert_eq!(host.logged("lifecycle.log", &[event]).len(), 1, "{event}");
    }
    // Whose profile can be read is registered again from it.
    let mut document = json_file(&index);
    document["peers"][0]["personality"] = "Not A Name".into();
    fs::write(&index, document.to_string()).unwrap();
    let ran = host.ok("create alpha --runtime shell");
    assert!(ran.stderr.contains("registered again by profile: 1"), "{ran:?}");
    assert_eq!(host.ok("list").stdout.lines().count(), 3);
}

#[test]
fn generations_are_listed_and_brought_back() {
    let host = two_peers();
    host.ok("create gamma --description third --runtime shell");
    host.ok("remove alpha");
    host.snapshot("backup-list", &["backup list"]);
    host.snapshot(
        "restore",
        &[
            "restore peers-profiles.json",
            "restore peers-profiles.json --generation 1",
            "list",
            "restore root/peers-profiles.json --generation 4 --json",
            "list",
        ],
    );
    host.fails(
        "restore-refused",
        1,
        &["restore nothing", "restore profiles/alpha", "restore peers-profiles.json --generation 99"],
    );
    // A profile is never touched but by a person.
    let profile = host.root("peers/gamma/.iapeer/peer-profile.json");
    fs::write(&profile, "{ torn").unwrap();
    host.snapshot("profile-damaged-status", &["status"]);
    assert_eq!(fs::read_to_string(&profile).unwrap(), "{ torn");
    host.ok("restore profiles/gamma");
    assert_eq!(json_file(&profile)["description"], "third");
    host.ok(["restore", profile.to_str().unwrap()]);
    assert_eq!(host.json("status")["degradations"], serde_json::json!([]));
    let newest = fs::read_dir(host.root("backups/profiles/gamma")).unwrap().next().unwrap().unwrap().path();
    fs::write(newest, "{").unwrap();
    host.fails("restore-damaged", 4, &["restore profiles/gamma", "restore profiles/gamma --generation 1"]);
    assert_eq!(json_file(&profile)["description"], "third");
}
