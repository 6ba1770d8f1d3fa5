//! The provider's commands for many peers, and those that are owed.

use std::fs;
use std::path::Path;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::host::{Host, finish};
use crate::machine::{is_alive, kill, wait_until};
use crate::sight::number;

/// A provider that refuses to run twice for one peer at a time, and notes each run with its end.
const CAREFUL: &str = r#"
mkdir "$5/.running" || { echo "two at once for $3" >&2; exit 9; }
echo "begin $1 $2 $3" >>"$5/.runs"
sleep "${PAUSE:-0.2}"
echo "end $1 $2 $3" >>"$5/.runs"
rmdir "$5/.running"
"#;

fn careful(peers: usize) -> (Host, Vec<String>) {
    let mut host = Host::new();
    host.set("PAUSE", "0");
    host.provider(CAREFUL);
    let names: Vec<_> = (0..peers).map(|n| format!("p{n}")).collect();
    for name in &names {
        host.ok(["create", name, "--runtime", "shell"]);
        fs::remove_file(host.root(&format!("peers/{name}/.runs"))).unwrap();
    }
    (host, names)
}

/// How many runs of a peer began and how many ended.
fn runs(host: &Host, peer: &str) -> (usize, usize) {
    let text = fs::read_to_string(host.root(&format!("peers/{peer}/.runs"))).unwrap_or_default();
    let count = |word: &str| text.lines().filter(|line| line.starts_with(word)).count();
    (count("begin"), count("end"))
}

fn owed(host: &Host) -> usize {
    number(&host.json("status")["owed"]) as usize
}

#[test]
fn a_sweep_runs_several_peers_at_once_and_each_once() {
    let (mut host, names) = careful(12);
    host.set("PAUSE", "0.3");
    let document = host.json("memory-plugin on --all --jobs 6");
    assert_eq!((&document["ok"], document["outcomes"].as_array().unwrap().len()), (&json!(true), 12));
    for name in &names {
        assert_eq!(runs(&host, name), (1, 1), "{name}");
    }
    assert_eq!(owed(&host), 0);
}

#[test]
fn two_sweeps_at_once_never_meet_at_one_peer() {
    let (mut host, names) = careful(3);
    host.set("PAUSE", "0.1");
    let sweep = || finish(&mut host.command(crate::host::IAPEER, "memory-plugin on --all --json"));
    let both =
        std::thread::scope(|scope| [scope.spawn(sweep), scope.spawn(sweep)].map(|t| t.join().unwrap()));
    assert_eq!(both.map(|ran| ran.exit), [0, 0]);
    for name in &names {
        assert_eq!(runs(&host, name), (2, 2), "{name}");
    }
}

#[test]
fn a_sweep_that_was_killed_is_made_good_by_a_retry() {
    let (mut host, names) = careful(8);
    host.set("PAUSE", "1");
    let mut sweep = host.command(crate::host::IAPEER, "memory-plugin on --all --jobs 3").spawn().unwrap();
    wait_until("the first commands", || names.iter().any(|name| runs(&host, name).0 > 0));
    kill(sweep.id(), Signal::KILL);
    sweep.wait().unwrap();
    let begun = names.iter().filter(|name| runs(&host, name).0 > 0).count();
    assert!(begun < names.len(), "it was killed in the middle");
    assert_eq!(owed(&host), names.len(), "nobody had come to its end, so all are owed");

    // What the killed sweep left running is waited for: the provider would refuse a second one.
    host.set("PAUSE", "0");
    let before: Vec<_> = names.iter().map(|name| runs(&host, name).0).collect();
    let document = host.json("memory-plugin retry --all");
    assert_eq!(document["ok"], true, "{document}");
    for (name, before) in names.iter().zip(before) {
        assert_eq!(runs(&host, name).0, before + 1, "{name} is provisioned exactly once more");
        assert_eq!(runs(&host, name).1, before + 1, "{name}: every run came to its end");
    }
    assert_eq!(owed(&host), 0);
    assert_eq!(host.ok("memory-plugin retry --all").stdout, "nothing is owed\n");
}

#[test]
fn what_fails_stays_owed_until_a_retry_succeeds() {
    let host = Host::new();
    let switch = host.path("works");
    host.provider(&format!("[ -e {} ] || {{ echo 'no disk' >&2; exit 4; }}", switch.display()));
    host.ok("create alpha --runtime shell");
    host.snapshot("owed-status", &["status", "memory-plugin retry --peer alpha"]);
    fs::write(&switch, "").unwrap();
    host.snapshot("owed-retry", &["memory-plugin retry --all", "status"]);

    // A removed peer's debt is paid from what was written down.
    fs::remove_file(&switch).unwrap();
    host.ok("remove alpha");
    assert_eq!(owed(&host), 1);
    fs::write(&switch, "").unwrap();
    let document = host.json("memory-plugin retry --peer alpha");
    assert_eq!(document["outcomes"][0]["state"], "ok", "{document}");
    assert_eq!(
        host.logged("lifecycle.log", &["ev=memory-provision", "occasion=remove", "state=ok"]).len(),
        1
    );
    assert_eq!(owed(&host), 0);
}

#[test]
fn a_later_occasion_takes_the_place_of_an_earlier_one() {
    let host = Host::new();
    host.provider("exit 1");
    host.ok("create alpha --runtime shell");
    host.run("memory-plugin off --peer alpha");
    let records: Vec<_> = fs::read_dir(host.root("state/provision"))
        .unwrap()
        .map(|e| e.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "json"))
        .collect();
    let [record] = &records[..] else { panic!("{records:?}") };
    let record: Value = serde_json::from_str(&fs::read_to_string(record).unwrap()).unwrap();
    assert_eq!((&record["occasion"], &record["attempts"]), (&json!("off-peer"), &json!(1)));
}

#[test]
fn a_dry_run_runs_and_writes_nothing() {
    let (host, names) = careful(2);
    let before = host.files();
    host.snapshot(
        "memory-plugin-dry",
        &["memory-plugin on --all --dry-run", "memory-plugin off --peer p1 --dry-run --json"],
    );
    assert_eq!(host.files(), before);
    assert!(names.iter().all(|name| runs(&host, name) == (0, 0)));
}

#[test]
fn ctrl_c_ends_the_running_commands_and_says_what_was_not_done() {
    let (mut host, names) = careful(4);
    host.provider(r#"echo $$ >"$5/.pid"; exec sleep 300"#);
    host.set("PAUSE", "0");
    let sweep = host.command(crate::host::IAPEER, "memory-plugin on --all --jobs 2").spawn().unwrap();
    let pid_of = |name: &String| fs::read_to_string(host.root(&format!("peers/{name}/.pid"))).ok();
    let running = || names.iter().filter_map(pid_of).filter(|pid| pid.ends_with('\n')).count();
    wait_until("two commands", || running() == 2);
    kill(sweep.id(), Signal::INT);
    let ran = sweep.wait_with_output().unwrap();
    let (stdout, stderr) = (String::from_utf8(ran.stdout).unwrap(), String::from_utf8(ran.stderr).unwrap());
    assert_eq!(ran.status.code(), Some(1), "{stderr}");
    assert_eq!(stdout.matches(": cancelled").count(), 2, "{stdout}");
    assert!(stderr.contains("interrupted; not begun: shell-p2, shell-p3"), "{stderr}");
    for pid in names.iter().filter_map(pid_of) {
        assert!(!is_alive(pid.trim().parse().unwrap()), "it was ended");
    }
    assert_eq!(owed(&host), 4);
}

#[test]
fn the_provider_hears_of_a_death_once() {
    let (host, server) = Host::with_session();
    let notices = host.path("notices");
    let script = host.program("notify", &format!("echo \"$@\" >>{}", notices.display()));
    let notify = json!({ "command": script, "args": ["{occasion}", "{personality}", "{cause}", "{cwd}"] });
    host.slot(&json!({ "provider": "p", "package": "p", "version": "1", "notify": notify }).to_string());
    crate::machine::murder(server);
    host.death_is_recorded();
    host.ok("supervise --once");
    host.ok("supervise --once");
    let folder = host.root("peers/alpha");
    let told = fs::read_to_string(&notices).unwrap();
    assert_eq!(told, format!("session-ended alpha server-vanished {}\n", folder.display()));
    assert_eq!(host.logged("lifecycle.log", &["ev=memory-provision", "occasion=session-ended"]).len(), 1);
    assert_eq!(owed(&host), 0);
}

#[test]
fn a_birth_with_a_provider_turns_the_runtimes_own_memory_off() {
    let mut host = Host::new();
    let bin = host.path("bin");
    for agent in ["claude", "codex"] {
        host.program(&format!("bin/{agent}"), "exec sleep 300");
    }
    host.set("CODEX_HOME", host.path("codex").to_str().unwrap());
    fs::create_dir(host.path("codex")).unwrap();
    host.provider("exit 0");
    host.ok("create alpha --runtime claude");
    host.ok("add-runtime alpha codex");
    let read = |path: &Path| fs::read_to_string(path).unwrap_or_default();
    let claude = host.root("peers/alpha/.claude/settings.json");
    let codex = host.root("peers/alpha/.codex/config.toml");
    assert!(read(&claude).contains("\"autoMemoryEnabled\": false"), "{}", read(&claude));
    assert!(read(&codex).contains("memories = false"), "{}", read(&codex));
    assert!(read(&host.path("codex/config.toml")).contains("trusted"));
    host.snapshot(
        "native-memory",
        &[
            "native-memory off --peer alpha",
            "native-memory on --peer alpha",
            "native-memory on --all --json",
            "default-runtime alpha codex",
            "default-runtime alpha codex --json",
            "show alpha",
        ],
    );
    assert!(!read(&claude).contains("autoMemoryEnabled"));
    fs::create_dir_all(claude.parent().unwrap()).unwrap();
    fs::write(&claude, "{ torn").unwrap();
    host.snapshot("native-memory-torn", &["native-memory off --peer alpha"]);
    assert_eq!(read(&claude), "{ torn");
    host.fails("default-runtime-none", 1, &["default-runtime alpha shell"]);
    drop(bin);
}

#[test]
fn a_plugin_declaration_goes_through_the_runtimes_program() {
    let host = Host::new();
    host.program(
        "bin/claude",
        &format!("echo \"$@\" >>{}/calls; [ \"$2\" != list ] || echo '[]'", host.folder()),
    );
    let plugin = json!({ "name": "mem", "marketplace": "shop", "marketplaceRef": "who/shop" });
    host.slot(&json!({ "provider": "p", "package": "p", "version": "1", "plugin": plugin }).to_string());
    host.snapshot("plugin", &["create alpha --runtime claude", "memory-plugin off --peer alpha"]);
    let calls = fs::read_to_string(host.path("calls")).unwrap();
    assert!(calls.contains("plugin install mem@shop --scope project\n"), "{calls}");
}
