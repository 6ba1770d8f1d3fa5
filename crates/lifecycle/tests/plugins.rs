//! Declarations of version 1.1, with recorded imitations of the two programs: scripts that write down how
//! they were called and answer from files.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test sets the disk up by hand")]

mod machine;

use std::fs;
use std::process::Command;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use iapeer_lifecycle::{Occasion, Owed, PluginSweep, Provisioned};
use iapeer_provision_exec::Run;
use iapeer_registry::{Facts, Peer};
use iapeer_slot::Plugin;
use machine::Machine;

/// Writes its folder and arguments down; then runs the answer for the verb (`list`, `install`, …): that
/// for this very call of the verb where there is one (`install.2`), else that for every one.
const IMITATION: &str = r#"#!/bin/sh
here=$(dirname "$0")
calls=$(grep -c "|plugin|$2" "$here/log" 2>/dev/null)
line=$PWD
for word in "$@"; do line="$line|$word"; done
printf '%s\n' "$line" >>"$here/log"
for answer in "$here/$2.$((${calls:-0} + 1))" "$here/$2"; do
    if [ -e "$answer" ]; then . "$answer"; exit; fi
done
"#;

struct Shop {
    machine: Machine,
    plugin: Plugin,
}

impl Shop {
    fn new() -> Shop {
        let plugin = Plugin {
            name: "memory".to_owned(),
            marketplace: "shop".to_owned(),
            marketplace_ref: "owner/repo".to_owned(),
        };
        Shop { machine: Machine::new(), plugin }
    }

    /// Puts the imitation of a program there, with what it answers to which verb.
    fn with(mut self, runtime: &str, answers: &[(&str, &str)]) -> Shop {
        let folder = self.machine.make_folder(runtime);
        let program = folder.join("program");
        // By another process: a program that is open for writing, also in a process that another test is just
        // starting, cannot be started ("text file busy").
        let text = folder.join("program.text");
        fs::write(&text, IMITATION).unwrap();
        let installed = Command::new("install").args(["-m", "700"]).args([&text, &program]).status().unwrap();
        assert!(installed.success());
        for (verb, answer) in answers {
            fs::write(folder.join(verb), answer).unwrap();
        }
        self.machine.settings.programs.insert(runtime.to_owned(), program);
        self
    }

    fn peer(&self, name: &str, runtime: &str) -> Peer {
        let cwd = self.machine.make_folder(format!("the folder of {name}: \"$(x)\""));
        Peer::new(Facts::new(name.parse().unwrap(), runtime.parse().unwrap()), cwd)
    }

    fn run(&self, runtime: &str, occasion: Occasion) -> Provisioned {
        let host = self.machine.host();
        let limit = |run: Run| run.time_limit(self.machine.settings.provision_timeout);
        let sweep = PluginSweep::new(&host, &self.plugin, limit);
        sweep.run(&owed(&self.peer("alpha", runtime), runtime, occasion))
    }

    /// How a program was called so far: folder and arguments of each call.
    fn calls(&self, runtime: &str) -> Vec<(Utf8PathBuf, String)> {
        let log = fs::read_to_string(self.machine.folder.join(runtime).join("log")).unwrap_or_default();
        let call = |line: &str| {
            let (folder, words) = line.split_once("|plugin|").unwrap();
            (folder.into(), words.replace('|', " "))
        };
        log.lines().map(call).collect()
    }

    fn verbs(&self, runtime: &str) -> Vec<String> {
        self.calls(runtime).into_iter().map(|(_, words)| words).collect()
    }
}

const THERE: &str = r#"echo '[{"id": "memory@shop", "scope": "project", "enabled": true}]'"#;
const DISABLED: &str = r#"echo '[{"id": "memory@shop", "scope": "project", "enabled": false}]'"#;
const FOR_THE_USER: &str = r#"echo '[{"id": "memory@shop", "scope": "user", "enabled": true}]'"#;
const ELSEWHERE: &str =
    r#"echo '[{"id": "memory@shop", "scope": "project", "projectPath": "/else", "enabled": true}]'"#;
const NOTHING: &str = "echo '[]'";
const NO_MARKETPLACE: &str = "echo 'Marketplace \"shop\" not found' >&2; exit 1";

const LIST: &str = "list --json";
const INSTALL: &str = "install memory@shop --scope project";
const ENABLE: &str = "enable memory@shop --scope project";
const UNINSTALL: &str = "uninstall memory@shop --scope project";
const ADD_MARKETPLACE: &str = "marketplace add owner/repo";

fn owed(peer: &Peer, runtime: &str, occasion: Occasion) -> Owed {
    Owed {
        personality: peer.facts.personality.clone(),
        runtime: runtime.parse().unwrap(),
        cwd: peer.cwd.clone(),
        occasion,
        cause: None,
        since: String::new(),
        attempts: 0,
        last: None,
        runs: Vec::new(),
    }
}

#[test]
fn claude_gets_its_plugin_and_gives_it_up() {
    use Occasion::{Birth, OffAll, OffPeer, Remove, SweepOn};
    for (answers, occasion, state, calls, detail) in [
        (&[("list", NOTHING)][..], Birth, "installed", &[LIST, INSTALL][..], None),
        (&[("list", "echo '{\"installed\": []}'")], SweepOn, "installed", &[LIST, INSTALL], None),
        (&[("list", ELSEWHERE)], SweepOn, "installed", &[LIST, INSTALL], None),
        (&[("list", THERE)], SweepOn, "already", &[LIST], None),
        (&[("list", FOR_THE_USER)], SweepOn, "already", &[LIST], None),
        (&[("list", DISABLED)], SweepOn, "enabled", &[LIST, ENABLE], None),
        (&[("list", THERE)], OffPeer, "removed", &[LIST, UNINSTALL], None),
        (&[("list", DISABLED)], OffAll, "removed", &[LIST, UNINSTALL], None),
        (&[("list", THERE)], Remove, "removed", &[LIST, UNINSTALL], None),
        (&[("list", NOTHING)], OffPeer, "already", &[LIST], None),
        (&[("list", ELSEWHERE)], OffPeer, "already", &[LIST], None),
        (&[("list", FOR_THE_USER)], OffPeer, "skipped-host-global", &[LIST], Some("scope user")),
        // The marketplace is added when it is missing, and the command repeated once.
        (
            &[("list", NOTHING), ("install.1", NO_MARKETPLACE)],
            SweepOn,
            "installed",
            &[LIST, INSTALL, ADD_MARKETPLACE, INSTALL],
            None,
        ),
        (
            &[("list.1", NO_MARKETPLACE), ("list", THERE)],
            SweepOn,
            "already",
            &[LIST, ADD_MARKETPLACE, LIST],
            None,
        ),
        (
            &[("list", NOTHING), ("install", NO_MARKETPLACE)],
            SweepOn,
            "failed",
            &[LIST, INSTALL, ADD_MARKETPLACE, INSTALL],
            Some("`plugin install memory@shop --scope project`: Marketplace \"shop\" not found"),
        ),
        (
            &[("list", NOTHING), ("install", NO_MARKETPLACE), ("marketplace", "echo offline; exit 7")],
            SweepOn,
            "failed",
            &[LIST, INSTALL, ADD_MARKETPLACE],
            Some("`plugin marketplace add owner/repo`: offline"),
        ),
        (&[("list", NO_MARKETPLACE)], OffPeer, "failed", &[LIST], Some("`plugin list --json`: Marketplace")),
        // What else can go wrong.
        (&[("list", "exit 3")], SweepOn, "failed", &[LIST], Some("`plugin list --json`: it said nothing")),
        (&[("list", "kill -9 $$")], SweepOn, "failed", &[LIST], Some("it said nothing")),
        (&[("list", "echo none")], SweepOn, "failed", &[LIST], Some("the answer is not JSON")),
        (&[("list", "head -c 2000000 /dev/zero")], SweepOn, "failed", &[LIST], Some("longer than")),
        (
            &[("list", NOTHING), ("install", "echo no room >&2; exit 1")],
            SweepOn,
            "failed",
            &[LIST, INSTALL],
            Some("no room"),
        ),
        (
            &[("list", DISABLED), ("enable", "exit 1")],
            SweepOn,
            "failed",
            &[LIST, ENABLE],
            Some("`plugin enable"),
        ),
        (
            &[("list", THERE), ("uninstall", "exit 1")],
            Remove,
            "failed",
            &[LIST, UNINSTALL],
            Some("`plugin uninstall"),
        ),
    ] {
        let shop = Shop::new().with("claude", answers);
        let done = shop.run("claude", occasion);
        assert_eq!(done.state, state, "{answers:?} {done:?}");
        assert_eq!(shop.verbs("claude"), calls, "{answers:?}");
        assert_eq!(done.detail.is_some(), detail.is_some(), "{done:?}");
        assert!(done.detail.as_deref().unwrap_or("").contains(detail.unwrap_or("")), "{done:?}");
        let cwd = shop.peer("alpha", "claude").cwd;
        assert!(shop.calls("claude").iter().all(|(folder, _)| *folder == cwd), "in the peer's folder");
    }
}

#[test]
fn the_exit_of_the_last_command_is_told() {
    for (answer, exit) in [(THERE, "0"), ("exit 3", "3"), ("kill -9 $$", "sig9")] {
        let done = Shop::new().with("claude", &[("list", answer)]).run("claude", Occasion::SweepOn);
        assert_eq!(done.exit.as_deref(), Some(exit));
    }
}

#[test]
fn a_command_that_hangs_is_ended_within_its_limit() {
    let mut shop = Shop::new().with("claude", &[("list", "exec sleep 600")]);
    shop.machine.settings.provision_timeout = Duration::from_millis(300);
    let done = shop.run("claude", Occasion::SweepOn);
    assert_eq!(done.state, "failed");
    assert_eq!(done.detail.unwrap(), "`plugin list --json`: was not done in time: it said nothing");
    assert_eq!(done.exit.as_deref(), Some("sig15"));
}

#[test]
fn nothing_is_run_where_there_is_nothing_to_run() {
    let shop = Shop::new().with("claude", &[]);
    let no_program = "no/such/program";
    let mut missing = Shop::new();
    missing.machine.settings.programs.insert("claude".to_owned(), missing.machine.folder.join(no_program));
    missing.machine.settings.programs.insert("codex".to_owned(), missing.machine.folder.join(no_program));
    for (runtime, occasion) in [
        ("claude", Occasion::Birth),
        ("claude", Occasion::Remove),
        ("codex", Occasion::Birth),
        ("codex", Occasion::OffAll),
    ] {
        let done = missing.run(runtime, occasion);
        assert_eq!((done.state, done.exit), ("runtime-missing", None));
        assert!(done.detail.unwrap().contains(no_program));
    }
    let done = shop.run("shell", Occasion::SweepOn);
    assert_eq!(done.state, "skipped-no-agentic-runtime");

    let host = shop.machine.host();
    let unchanged = |run| run;
    for (occasion, state) in [(Occasion::SweepOn, "failed"), (Occasion::Remove, "already")] {
        let mut peer = shop.peer("gone", "claude");
        peer.cwd.push("deeper");
        let sweep = PluginSweep::new(&host, &shop.plugin, unchanged);
        let done = sweep.run(&owed(&peer, "claude", occasion));
        assert_eq!(done.state, state);
        assert!(done.detail.unwrap().contains("is not there"));
    }
    for (name, marketplace_ref) in [("--scope", "owner/repo"), ("memory", "-x")] {
        let plugin = Plugin {
            name: name.to_owned(),
            marketplace: "shop".to_owned(),
            marketplace_ref: marketplace_ref.to_owned(),
        };
        let sweep = PluginSweep::new(&host, &plugin, unchanged);
        let done = sweep.run(&owed(&shop.peer("alpha", "claude"), "claude", Occasion::SweepOn));
        assert_eq!(done.state, "refused");
        assert!(done.detail.unwrap().contains("begins with -"));
    }
    assert_eq!(shop.verbs("claude"), [""; 0]);
}

const ADD: &str = "add memory@shop";
const REMOVE: &str = "remove memory@shop";

#[test]
fn codex_gets_its_plugin_for_the_host_and_gives_it_up_for_all_alone() {
    use Occasion::{Birth, OffAll, OffPeer, Remove, SweepOn};
    let there = r#"echo '{"plugins": [{"name": "memory", "marketplace": "shop", "installed": true}]}'"#;
    let known = r#"echo '{"plugins": [{"name": "memory", "marketplace": "shop", "installed": false}]}'"#;
    for (answers, occasion, state, calls) in [
        (&[("list", NOTHING)][..], Birth, "installed", &[LIST, ADD][..]),
        (&[("list", known)], SweepOn, "installed", &[LIST, ADD]),
        (&[("list", there)], SweepOn, "already", &[LIST]),
        (&[("list", DISABLED)], SweepOn, "failed", &[LIST]),
        (
            &[("list", NOTHING), ("add.1", "echo 'unknown marketplace: shop'; exit 1")],
            SweepOn,
            "installed",
            &[LIST, ADD, ADD_MARKETPLACE, ADD],
        ),
        (&[("list", NOTHING), ("add", "exit 1")], SweepOn, "failed", &[LIST, ADD]),
        (&[("list", there)], OffPeer, "skipped-host-global", &[]),
        (&[("list", there)], Remove, "skipped-host-global", &[]),
        (&[("list", there)], OffAll, "removed", &[LIST, REMOVE]),
        (&[("list", DISABLED)], OffAll, "removed", &[LIST, REMOVE]),
        (&[("list", NOTHING)], OffAll, "already", &[LIST]),
        (&[("list", "echo broken")], OffAll, "failed", &[LIST]),
    ] {
        let shop = Shop::new().with("codex", answers);
        let done = shop.run("codex", occasion);
        assert_eq!(done.state, state, "{answers:?} {done:?}");
        assert_eq!(shop.verbs("codex"), calls, "{answers:?}");
    }
}

#[test]
fn codex_is_called_once_for_all_peers_of_a_sweep() {
    for (answers, occasion, first, others, calls) in [
        (&[("list", NOTHING)][..], Occasion::SweepOn, "installed", "already", &[LIST, ADD][..]),
        (&[("list", THERE)], Occasion::OffAll, "removed", "already", &[LIST, REMOVE]),
        (&[("list", "echo broken >&2; exit 4")], Occasion::SweepOn, "failed", "failed", &[LIST]),
    ] {
        let shop = Shop::new().with("codex", answers);
        let host = shop.machine.host();
        let unchanged = |run| run;
        let sweep = PluginSweep::new(&host, &shop.plugin, unchanged);
        let peers: Vec<_> = (0..8).map(|i| shop.peer(&format!("peer{i}"), "codex")).collect();
        let mut done: Vec<_> = std::thread::scope(|scope| {
            let run = |peer| sweep.run(&owed(peer, "codex", occasion));
            let threads: Vec<_> = peers.iter().map(|peer| scope.spawn(move || run(peer))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(shop.verbs("codex"), calls);
        for (done, peer) in done.iter().zip(&peers) {
            assert_eq!(done.personality, peer.facts.personality);
            assert_eq!(done.detail.is_some(), others == "failed", "each is told why");
        }
        done.sort_by_key(|done| done.state != first);
        let states: Vec<_> = done.iter().map(|done| done.state).collect();
        assert_eq!(states, [&[first][..], &[others; 7]].concat());
    }
}

#[test]
fn codex_is_run_in_no_peers_folder() {
    let shop = Shop::new().with("codex", &[("list", NOTHING)]);
    let root = shop.machine.make_folder("root");
    shop.run("codex", Occasion::SweepOn);
    assert!(shop.calls("codex").iter().all(|(folder, _)| Utf8Path::new(folder) == root));
}
