//! `rename`: wholly or not at all.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use serde_json::json;

use crate::at_once::at_once;
use crate::host::{Host, Ran};
use crate::machine::{murder, wait_until};
use crate::sight::json_file;

/// Where Claude keeps the transcripts of a folder of this host.
fn transcripts(host: &Host, folder: &str) -> PathBuf {
    let folder = host.path(folder).to_str().unwrap().to_owned();
    let slug: String = folder.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    host.path("home/.claude/projects").join(slug)
}

/// Runs commands and holds what they say against a snapshot, in which the folder of the test has a word.
#[track_caller]
fn told(host: &Host, name: &str, commands: &[&str]) {
    let slug: String =
        host.folder().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    host.holds(name, &host.told(commands).replace(&slug, "[SLUG]"));
}

/// The files of a host and what they hold; folders are made for locks, which say nothing.
fn files(host: &Host) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = host.files();
    files.retain(|path, _| !path.is_dir());
    files
}

/// Every command is refused with this exit code, and nothing is changed by it.
#[track_caller]
fn refused(host: &Host, name: &str, exit: i32, commands: &[&str]) {
    let before = files(host);
    for command in commands {
        host.failure(exit, *command);
    }
    told(host, name, commands);
    assert!(!host.root("state/rename.json").exists());
    assert_eq!(files(host), before);
}

/// A record as a rename of `alpha` to `beta` leaves it when it is cut off.
fn record(host: &Host) -> String {
    let (alpha, beta) = (host.root("peers/alpha"), host.root("peers/beta"));
    let fact = |name: &str| host.root(&format!("state/lifecycle/shell-{name}.stopped"));
    json!({
        "version": 1, "from": "alpha", "to": "beta", "cwd": alpha, "new_cwd": beta, "runtimes": ["shell"],
        "since": "2026-01-01T00:00:00.000Z",
        "steps": [
            { "step": "move", "from": alpha, "to": beta },
            { "step": "profile" },
            { "step": "move", "from": fact("alpha"), "to": fact("beta") },
            { "step": "index" },
            { "step": "remove", "path": host.root("state/lifecycle/shell-alpha.wake.lock") },
        ],
    })
    .to_string()
}

/// A host on which a rename of `alpha`, which is stopped, was cut off after its first step.
fn cut_off() -> Host {
    let host = Host::with_peers(&["alpha", "other"]);
    host.ok("stop alpha");
    fs::write(host.root("state/rename.json"), record(&host)).unwrap();
    fs::rename(host.root("peers/alpha"), host.root("peers/beta")).unwrap();
    host
}

#[test]
fn a_peer_gets_another_name_with_all_that_is_its_own() {
    let host = Host::new();
    host.program("bin/claude", "exec cat");
    host.provider(&format!("echo \"$@\" >>{}/calls", host.folder()));
    host.ok("create alpha --runtime claude --description remembers");
    host.ok("add-runtime alpha shell");
    host.ok("launch alpha shell");
    host.ok("stop alpha");
    let old = transcripts(&host, "root/peers/alpha");
    fs::create_dir_all(&old).unwrap();
    fs::write(old.join("one.jsonl"), "{}\n").unwrap();
    fs::write(host.root("peers/alpha/notes"), "mine").unwrap();
    fs::remove_file(host.path("calls")).unwrap();

    told(&host, "rename", &["rename alpha beta", "list", "launch beta", "verify", "show alpha"]);
    assert_eq!(fs::read_to_string(host.root("peers/beta/notes")).unwrap(), "mine");
    assert!(transcripts(&host, "root/peers/beta").join("one.jsonl").exists() && !old.exists());
    assert!(!host.root("peers/alpha").exists() && !host.root("state/rename.json").exists());
    // The provider is called for the new name, once per runtime, and never to take anything away.
    let folder = host.root("peers/beta");
    let call = |runtime| format!("provision sweep-on beta {runtime} {}\n", folder.display());
    assert_eq!(fs::read_to_string(host.path("calls")).unwrap(), call("claude") + &call("shell"));
    // Nothing but the past has the old name.
    let past = [host.root("backups"), host.root("state/removed")];
    let is_left = |path: &PathBuf| {
        path.to_str().unwrap().contains("alpha") && !past.iter().any(|folder| path.starts_with(folder))
    };
    let left: Vec<_> = host.files().into_keys().filter(is_left).collect();
    assert!(left.is_empty(), "{left:?}");
    assert!(host.root("logs/lifecycle/shell-beta.log").exists());
    let line = host.logged("lifecycle.log", &["ev=rename", "from=alpha", "to=beta", "cwd="]);
    assert_eq!(line.len(), 1);

    // Its life goes on, and its past is found under its old name.
    host.ok("start beta shell");
    host.ok("stop beta");
    assert_eq!(host.logged("lifecycle.log", &["ev=stop", "identity=shell-alpha"]).len(), 1);
    told(
        &host,
        "rename-json",
        &["rename beta gamma --json", "rename gamma gamma --json", "rename gamma gamma"],
    );
}

#[test]
fn a_folder_of_another_name_stays() {
    let host = Host::new();
    host.ok("create alpha --path elsewhere --runtime shell");
    host.ok("create outer --path outer --runtime shell");
    host.ok("create inner --path outer/inner --runtime shell");
    host.snapshot(
        "rename-stays",
        &["rename alpha beta", "rename outer other", "rename inner nested", "list", "verify"],
    );
    assert_eq!(json_file(&host.path("elsewhere/.iapeer/peer-profile.json"))["personality"], "beta");
    assert!(host.path("outer/nested").exists());
}

#[test]
fn what_stands_in_the_way_is_told_and_nothing_is_changed() {
    let host = Host::with_peers(&["alpha", "taken"]);
    fs::create_dir(host.root("peers/there")).unwrap();
    fs::create_dir_all(transcripts(&host, "root/peers/talked")).unwrap();
    refused(
        &host,
        "rename-refused",
        1,
        &[
            "rename alpha taken",
            "rename alpha there",
            "rename alpha talked",
            "rename alpah beta",
            "rename nobody nobody",
        ],
    );
    refused(&host, "rename-invalid", 2, &["rename alpha Beta", "rename alpha"]);
    let profile = host.root("peers/alpha/.iapeer/peer-profile.json");
    let good = fs::read_to_string(&profile).unwrap();
    fs::write(&profile, good.replace("alpha", "alphabet")).unwrap();
    refused(&host, "rename-other-profile", 1, &["rename alpha beta"]);
    fs::remove_file(&profile).unwrap();
    refused(&host, "rename-no-profile", 1, &["rename alpha beta"]);
    fs::write(&profile, "{ torn").unwrap();
    refused(&host, "rename-torn-profile", 4, &["rename alpha beta"]);
    fs::write(&profile, good).unwrap();
    host.ok("rename alpha beta");
}

#[test]
fn a_live_peer_keeps_its_name() {
    let (host, server) = Host::with_session();
    // tmux makes it in its own time.
    let pane_log = host.root("logs/lifecycle/shell-alpha.log");
    wait_until("the pane log is there", || pane_log.exists());
    let before = host.files();
    host.fails("rename-live", 3, &["rename alpha beta"]);
    assert_eq!(host.runtime("alpha")["server_pid"], server);
    assert_eq!(host.files().into_keys().collect::<Vec<_>>(), before.into_keys().collect::<Vec<_>>());
    host.ok("stop alpha");
    host.ok("rename alpha beta");
    assert_eq!(host.status("beta"), "stopped");
}

#[test]
fn a_death_that_nobody_has_seen_yet_is_brought_on_record_first() {
    let (host, server) = Host::with_session();
    murder(host.recorder("alpha"));
    murder(server);
    host.ok("rename alpha beta");
    let deaths = host.deaths();
    assert_eq!(deaths.len(), 1);
    assert_eq!(deaths[0]["identity"], "shell-alpha");
    assert_eq!(host.json("deaths --peer alpha")["deaths"].as_array().unwrap().len(), 1, "under its old name");
    assert_eq!(host.state(), ["lifecycle/shell-beta.deaths"]);
    host.launch("beta");
    host.ok("stop beta");
}

#[test]
fn a_step_that_fails_takes_everything_back() {
    let host = Host::with_peers(&["alpha"]);
    host.ok("stop alpha");
    let profile = host.root("peers/alpha/.iapeer/peer-profile.json");
    fs::rename(&profile, host.path("profile.json")).unwrap();
    std::os::unix::fs::symlink(host.path("profile.json"), &profile).unwrap();
    refused(&host, "rename-fails", 1, &["rename alpha beta"]);
    assert_eq!(host.status("alpha"), "stopped");
}

#[test]
fn a_provider_that_fails_is_owed_the_new_name() {
    let host = Host::with_peers(&["alpha"]);
    host.provider("echo no disk >&2; exit 4");
    host.run("memory-plugin on --peer alpha");
    host.snapshot("rename-provider-fails", &["rename alpha beta", "status"]);
    host.provider(&format!("echo \"$1 $2 $3\" >>{}/calls", host.folder()));
    host.ok("memory-plugin retry --all");
    assert_eq!(fs::read_to_string(host.path("calls")).unwrap(), "provision sweep-on beta\n");
}

#[test]
fn a_rename_that_was_cut_off_is_told_and_finished() {
    let host = cut_off();
    let before = host.files_but_events();
    host.snapshot("rename-pending", &["list", "show other", "status", "verify", "why alpha"]);
    assert!(host.files_but_events() == before, "looking has changed something");
    host.snapshot(
        "rename-finished",
        &["create gamma --runtime shell", "list", "verify", "rename beta alpha"],
    );
    assert_eq!(host.status("alpha"), "stopped");

    // Who is asked for it again gives its answer; who starts something finishes it as well.
    let host = cut_off();
    host.snapshot("rename-again", &["rename alpha beta"]);
    let host = cut_off();
    host.launch("other");
    assert_eq!(host.status("beta"), "stopped");
    host.ok("stop other");
    for command in [
        "remove other",
        "default-runtime other shell",
        "add-runtime other shell",
        "init root/peers/other",
        "verify --fix",
        "supervise --once",
        "memory-plugin retry --all",
    ] {
        let host = cut_off();
        host.ok(command);
        assert_eq!(host.status("beta"), "stopped", "{command}");
        assert!(!host.root("state/rename.json").exists(), "{command}");
    }
}

#[test]
fn a_rename_that_cannot_be_finished_stops_changes_and_nothing_else() {
    let host = cut_off();
    // Somebody has put a folder where the old one was.
    fs::create_dir(host.root("peers/alpha")).unwrap();
    let before = files(&host);
    host.fails("rename-unfinishable", 4, &["create gamma", "rename alpha beta", "remove other"]);
    assert_eq!(files(&host), before);
    host.launch("other");
    assert_eq!(host.run("launch alpha").exit, 1);
    host.ok("stop other");
    fs::remove_dir(host.root("peers/alpha")).unwrap();
    host.ok("create gamma");
    assert_eq!(host.status("beta"), "stopped");

    let host = cut_off();
    fs::write(host.root("state/rename.json"), "{ torn").unwrap();
    host.fails("rename-record-torn", 4, &["create gamma", "rename other another"]);
    host.snapshot("rename-record-torn-looking", &["list", "status"]);
}

#[test]
fn of_several_at_once_one_comes_through() {
    for _ in 0..4 {
        let host = Host::with_peers(&["alpha", "beta"]);
        let commands =
            ["rename alpha gamma", "rename beta gamma", "rename alpha delta", "launch alpha", "list"];
        let ran = at_once(&host, &commands);
        assert!(ran.iter().all(|ran| matches!(ran.exit, 0 | 1 | 3)), "{ran:?}");
        assert_eq!(host.json("list")["peers"].as_array().unwrap().len(), 2, "{ran:?}");
        host.ok("verify");
        let done = |ran: &&Ran| ran.exit == 0 && ran.stdout.contains(" is gamma now");
        assert_eq!(ran.iter().filter(done).count(), usize::from(host.run("show gamma").exit == 0), "{ran:?}");
        assert!(!host.root("state/rename.json").exists());
    }
}

#[test]
fn killed_at_any_moment_it_is_wholly_done_or_not_at_all() {
    let host = Host::with_peers(&["alpha"]);
    host.ok("stop alpha");
    let (mut from, mut to) = ("alpha", "beta");
    for moment in 0..30 {
        let mut child = host.command(crate::host::IAPEER, ["rename", from, to]).spawn().unwrap();
        std::thread::sleep(std::time::Duration::from_micros(700 * moment));
        crate::machine::kill(child.id(), rustix::process::Signal::KILL);
        child.wait().unwrap();
        host.ok("verify --fix");
        let list = host.json("list");
        let [peer] = &list["peers"].as_array().unwrap()[..] else { panic!("{moment}: {list}") };
        if peer["personality"] == to {
            (from, to) = (to, from);
        }
        assert_eq!(peer["personality"], from, "{moment}");
        assert_eq!(host.status(from), "stopped", "{moment}");
        assert_eq!(peer["cwd"], host.root("peers").join(from).to_str().unwrap(), "{moment}");
        let of_other = |file: &String| file.contains(&format!("-{to}."));
        assert!(!host.state().iter().any(of_other), "{moment}: {:?}", host.state());
    }
}
