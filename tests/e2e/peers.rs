//! `create`, `init`, `list`, `show`, `remove`.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::host::{Host, IAPEER, finish};
use crate::sight::json_file;

#[test]
fn create_makes_a_peer() {
    let host = Host::new();
    host.snapshot("create", &["create alpha", "create beta --json --intelligence natural --runtime shell"]);
    let told = [
        ("the index", "root/peers-profiles.json"),
        ("the profile", "root/peers/alpha/.iapeer/peer-profile.json"),
    ];
    let told = told.map(|(what, file)| format!("{what}:\n{}", fs::read_to_string(host.path(file)).unwrap()));
    host.holds("create-files", &told.concat());
    for (path, mode) in [
        ("root", 0o700),
        ("root/peers/alpha", 0o700),
        ("root/peers/alpha/.iapeer", 0o700),
        ("root/peers-profiles.json", 0o600),
        ("root/peers/alpha/.iapeer/peer-profile.json", 0o600),
    ] {
        assert_eq!(fs::metadata(host.path(path)).unwrap().permissions().mode() & 0o777, mode, "{path}");
    }
}

#[test]
fn create_takes_a_folder_and_a_description() {
    let host = Host::new();
    fs::create_dir(host.path("there")).unwrap();
    for (name, folder) in [("alpha", "there"), ("beta", "not there")] {
        host.ok(["create", name, "--path", folder, "--description", "two words, and\na second line"]);
        let shown = &host.json(["show", name])["peer"];
        assert_eq!(shown["cwd"], host.path(folder).to_str().unwrap());
        assert_eq!(shown["description"], "two words, and\na second line");
    }
    host.snapshot("descriptions", &["list", "show alpha"]);
    let longest = "ü".repeat(450);
    host.ok(["create", "gamma", "--description", &longest]);
    let ran = host.failure(2, ["create", "delta", "--description", &format!("{longest}x")]);
    assert!(ran.stderr.contains("451 characters, and at most 450 fit"), "{ran:?}");
}

#[test]
fn init_takes_its_name_from_the_folder() {
    let host = Host::new();
    for (folder, name) in [("Привет", "privet"), ("Köln Büro", "koln-buro"), ("№2", "no-2")] {
        fs::create_dir(host.path(folder)).unwrap();
        let born = host.json(["init", folder]);
        assert_eq!(born["peer"]["personality"], name);
        assert_eq!(born["peer"]["cwd"], host.path(folder).to_str().unwrap());
    }
    fs::create_dir(host.path("here")).unwrap();
    let here = host.path("here");
    let ran = finish(host.command(IAPEER, "init").current_dir(&here));
    host.holds("init", &format!("$ iapeer init\n{ran}"));
    host.snapshot("init-again", &["init here", "init here --json", "list"]);
}

#[test]
fn init_never_guesses_a_name() {
    let host = Host::new();
    for folder in ["2nd", "...", "-"] {
        fs::create_dir(host.path(folder)).unwrap();
    }
    host.fails("init-no-name", 2, &["init 2nd", "init ...", "init ./-", "init /"]);
    host.snapshot("init-named", &["init 2nd --name second"]);
    assert!(!host.path(".../.iapeer").exists());
}

#[test]
fn init_adds_a_runtime() {
    let host = Host::new();
    host.declare_runtime("probe", "/bin/sh", &[]);
    fs::create_dir(host.path("alpha")).unwrap();
    host.snapshot(
        "init-second-runtime",
        &["init alpha --runtime shell", "init alpha --runtime probe", "list"],
    );
    let profile = json_file(&host.path("alpha/.iapeer/peer-profile.json"));
    assert_eq!(profile["runtimes"], serde_json::json!(["shell", "probe"]));
    assert_eq!(profile["default_runtime"], "shell");
}

#[test]
fn list_tells_what_each_peer_is_doing() {
    let host = Host::with_peers(&["alive", "asleep", "stopped", "unclear"]);
    host.launch("alive");
    host.ok("stop stopped");
    fs::write(host.root("state/lifecycle/shell-unclear.session"), "{ torn").unwrap();
    host.snapshot("list", &["list", "list --json", "status", "status --json"]);
}

#[test]
fn an_empty_host_lists_nothing() {
    let host = Host::new();
    host.snapshot("empty", &["list", "list --json", "status", "deaths", "supervise --once", "slot show"]);
    assert!(!host.path("root").exists(), "looking has made a root");
}

#[test]
fn show_tells_about_one_peer() {
    let (host, server) = Host::with_session();
    host.snapshot("show", &["show alpha", "show alpha --json"]);
    assert_eq!(host.runtime("alpha")["server_pid"], server);
    host.ok("stop alpha");
    host.snapshot("show-stopped", &["show alpha", "show alpha --json"]);
}

#[test]
fn remove_leaves_the_folder_and_nothing_else() {
    let (host, _) = Host::with_session();
    host.fails("remove-live", 3, &["remove alpha"]);
    assert_eq!(host.status("alpha"), "live");
    host.snapshot("remove", &["remove alpha --force", "list"]);
    assert!(host.root("peers/alpha/.iapeer/peer-profile.json").exists());
    assert_eq!(host.state(), [""; 0]);
    host.is_quiet();

    // Who comes back begins without a past.
    host.ok("init root/peers/alpha");
    assert_eq!(host.json("launch alpha")["cause"], "first-wake");
}

#[test]
fn remove_tells_scripts_too() {
    let host = Host::with_peers(&["alpha"]);
    host.snapshot("remove-json", &["remove alpha --json"]);
}

#[test]
fn remove_spares_a_peer_with_a_longer_name() {
    let host = Host::with_peers(&["bob", "bob2", "bob-2"]);
    for peer in ["bob", "bob2", "bob-2"] {
        host.ok(["stop", peer]);
    }
    host.ok("start bob2");
    let before: Vec<_> = host.state().into_iter().filter(|file| !file.contains("shell-bob.")).collect();
    host.ok("remove bob");
    assert_eq!(host.state(), before);
    assert_eq!(host.status("bob2"), "live");
}
