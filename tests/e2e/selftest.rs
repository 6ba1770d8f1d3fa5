//! `selftest`: it passes here, fails where deaths are not recorded, and leaves nothing behind.

use std::fs;
use std::path::PathBuf;
use std::process::Child;

use rustix::process::Signal;
use serde_json::Value;

use crate::host::{Host, IAPEER, Ran};
use crate::machine::{kill, processes_of, wait_for};

/// A host whose temporary folder is its own.
fn host() -> Host {
    let mut host = Host::new();
    fs::create_dir(host.path("t")).unwrap();
    let folder = host.path("t").to_str().unwrap().to_owned();
    host.set("TMPDIR", folder);
    host
}

/// The temporary roots that are there.
fn roots(host: &Host) -> Vec<PathBuf> {
    fs::read_dir(host.path("t")).unwrap().map(|entry| entry.unwrap().path()).collect()
}

/// Nothing runs, no temporary root is there, and the user's root was never made.
#[track_caller]
fn nothing_is_left(host: &Host) {
    host.is_quiet();
    assert!(roots(host).is_empty(), "{:?}", roots(host));
    assert!(!host.path("root").exists());
}

/// A tmux that does `body` before it becomes the real one.
fn tmux_that(host: &Host, body: &str) {
    let real = fs::read_link(host.path("bin/tmux")).unwrap();
    fs::remove_file(host.path("bin/tmux")).unwrap();
    host.program("bin/tmux", &format!("{body}\nexec {} \"$@\"", real.display()));
}

/// What does not differ from run to run: how a server ended is told by the kernel only to who looks fast
/// enough, and what is told depends on that.
fn steady(ran: &Ran) -> String {
    let mut text = ran.to_string();
    for status in ["sig9", "sig11", "sig6", "exit0"] {
        text = text.replace(&format!("server-exit {status}"), "server-exit");
    }
    for cause in ["orderly-exit", "client-killed-server-gone", "swept", "server-vanished"] {
        text = text.replace(cause, "[CAUSE]");
    }
    let line = |line: &str| {
        let cells: Vec<_> = line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect();
        let number = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_digit());
        let steady = cells.iter().map(|cell| match cell.strip_suffix(" ms") {
            Some(ms) if number(ms) => "[MS] ms",
            _ => cell,
        });
        steady.collect::<Vec<_>>().join("  ")
    };
    let mut lines: Vec<_> = text.lines().map(line).collect();
    for line in &mut lines {
        if let Some((_, rest)) = line.strip_prefix("selftest with tmux ").and_then(|l| l.split_once(": ")) {
            *line = format!("selftest with tmux [VERSION]: {rest}");
        }
    }
    lines.join("\n") + "\n"
}

#[test]
fn it_passes_here() {
    let host = host();
    let ran = host.ok("selftest");
    assert_eq!(ran.stderr, "");
    host.holds("selftest", &steady(&ran));
    nothing_is_left(&host);
}

#[test]
fn a_few_ways_as_json_in_a_root_that_is_kept() {
    let host = host();
    let document = host.json("selftest server-killed stopped --keep");
    assert_eq!((&document["verdict"], &document["kept"]), (&"as-promised".into(), &true.into()));
    let rows = document["rows"].as_array().unwrap();
    let ways: Vec<_> = rows.iter().map(|row| row["way"].as_str().unwrap()).collect();
    assert_eq!(ways, ["server-killed", "stopped"]);
    assert_eq!(rows[0]["seen"][0]["observer"], "recorder");
    assert!(rows[0]["record_ms"].is_u64() && rows[0]["forensics"] == true, "{document}");
    assert_eq!((&rows[1]["seen"], rows[1].get("record_ms")), (&Value::Array(Vec::new()), None));

    host.is_quiet();
    let root = PathBuf::from(document["root"].as_str().unwrap());
    assert_eq!(roots(&host), std::slice::from_ref(&root));
    let exits = fs::read_to_string(root.join("logs/iapeer/exits.log")).unwrap();
    assert_eq!(exits.lines().count(), 1, "{exits}");
    assert!(!host.path("root").exists());
}

#[test]
fn it_fails_where_a_witness_cannot_see_the_death() {
    let host = host();
    // Somebody else inherits the server's end of the pipe, so that it is not closed at its death.
    tmux_that(&host, r#"case "$*" in *start-server*) setsid sleep 1000 >/dev/null 2>&1 & ;; esac"#);
    let ran = host.run("selftest server-killed stopped --limit 1");
    assert_eq!(ran.exit, 1, "{ran}");
    // That its witness lives on is told with its pid.
    let told = steady(&ran);
    let told: Vec<_> =
        told.lines().map(|l| l.split_once(" (pid ").map_or(l.to_owned(), |(l, _)| l.to_owned())).collect();
    host.holds("selftest-fails", &(told.join("\n") + "\n"));
    let left: Vec<_> = processes_of(host.folder()).into_iter().map(|(_, args)| args).collect();
    assert!(left.iter().all(|args| args.starts_with("sleep 1000")), "{left:?}");
    assert!(roots(&host).is_empty(), "{:?}", roots(&host));
}

#[test]
fn it_fails_where_no_session_comes_up() {
    let host = host();
    tmux_that(&host, r#"case "$*" in *new-session*) echo no >&2; exit 1 ;; esac"#);
    let ran = host.run("selftest server-killed --json");
    assert_eq!(ran.exit, 1, "{ran}");
    let document: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(
        (&document["verdict"], &document["rows"][0]["ok"]),
        (&"not-as-promised".into(), &false.into())
    );
    let problem = document["rows"][0]["problems"][0].as_str().unwrap();
    assert!(problem.contains("new-session"), "{document}");
    nothing_is_left(&host);
}

#[test]
fn what_cannot_be_tried_at_all_is_an_error() {
    let host = host();
    host.fails("selftest-way", 2, &["selftest nonsense", "selftest --limit 0"]);
    fs::remove_file(host.path("bin/tmux")).unwrap();
    host.fails("selftest-without-tmux", 1, &["selftest"]);
    nothing_is_left(&host);
}

/// A selftest that is under way, with its root and a session that is up.
fn under_way(host: &Host) -> (Child, PathBuf, String) {
    let selftest = host.command(IAPEER, "selftest").spawn().unwrap();
    let (root, way) = wait_for("a session is up", || {
        let root = roots(host).pop()?;
        let facts = fs::read_dir(root.join("state/lifecycle")).ok()?;
        let mut names = facts.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let way = names.find_map(|n| Some(n.strip_prefix("trial-")?.strip_suffix(".session")?.to_owned()))?;
        Some((root, way))
    });
    (selftest, root, way)
}

#[test]
fn interrupted_it_ends_what_it_started() {
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let host = host();
        let (selftest, ..) = under_way(&host);
        kill(selftest.id(), signal);
        let output = selftest.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(told.starts_with("interrupted; not tried: "), "{told}");
        nothing_is_left(&host);
    }
}

#[test]
fn what_a_killed_one_leaves_can_be_ended() {
    let mut host = host();
    let (mut selftest, root, way) = under_way(&host);
    kill(selftest.id(), Signal::KILL);
    selftest.wait().unwrap();
    host.set("IAPEER_ROOT", root.to_str().unwrap());
    host.ok(["stop", &way]);
    host.is_quiet();
}
