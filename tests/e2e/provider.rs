//! Providers that fail: the birth stands, loudly, and what was missed can be made up for.

use std::fs;

use crate::host::{Host, IAPEER};
use crate::sight::json_file;

/// A birth with a provider that fails, the state of its outcome, and its mending.
#[track_caller]
fn birth_stands(host: &Host, name: &str, state: &str) {
    host.snapshot(
        &format!("provider-{name}"),
        &["create alpha --runtime shell", "create beta --runtime shell --json"],
    );
    let failed = |occasion: &str| {
        let (occasion, state) = (format!("occasion={occasion} "), format!("state={state} "));
        host.logged("lifecycle.log", &["ev=memory-provision", &occasion, &state]).len()
    };
    assert_eq!(failed("birth"), 2);
    let sweep = host.run("memory-plugin on --all --json");
    assert_eq!(sweep.exit, 1, "{sweep:?}");
    assert_eq!(failed("sweep-on"), 2);
    assert_eq!(host.json("list")["peers"].as_array().unwrap().len(), 2);

    host.provider("exit 0");
    let mended = host.json("memory-plugin on --peer alpha");
    assert_eq!((&mended["ok"], &mended["outcomes"][0]["state"]), (&true.into(), &"ok".into()));
}

#[test]
fn one_that_fails() {
    let host = Host::new();
    host.provider("echo the disk of the memory is full >&2; exit 9");
    birth_stands(&host, "fails", "failed");
}

#[test]
fn one_that_is_killed_and_says_nothing() {
    let host = Host::new();
    host.provider("kill -9 $$");
    birth_stands(&host, "killed", "failed");
}

#[test]
fn one_that_hangs() {
    let mut host = Host::new();
    host.set("IAPEER_PROVISION_TIMEOUT_SECS", "1");
    host.provider("exec sleep 1000");
    birth_stands(&host, "hangs", "timeout");
    host.is_quiet();
}

#[test]
fn one_that_ignores_the_order_to_end() {
    let mut host = Host::new();
    host.set("IAPEER_PROVISION_TIMEOUT_SECS", "1");
    host.provider("trap '' TERM HUP; while :; do sleep 1000; done");
    let born = host.json("create alpha");
    assert_eq!((&born["ok"], &born["outcomes"][0]["state"]), (&false.into(), &"timeout".into()));
    host.is_quiet();
}

#[test]
fn one_that_says_more_than_a_line() {
    let host = Host::new();
    host.provider(r"printf 'the first line\nerror: the second\033[31m\n' >&2; exit 1");
    let ran = host.ok("create alpha");
    let lines = |text: &str, start: &str| text.lines().filter(|line| line.starts_with(start)).count();
    assert_eq!((lines(&ran.stderr, "warning: "), lines(&ran.stderr, "error: ")), (1, 0), "{ran:?}");
    assert!(ran.stderr.contains("the first line") && ran.stderr.contains("error: the second"), "{ran:?}");
    assert!(!ran.stderr.contains('\x1b') && !ran.stdout.contains('\x1b'), "{ran:?}");
    assert_eq!(host.logged("lifecycle.log", &["ev=memory-provision"]).len(), 1);
}

#[test]
fn one_that_is_not_there() {
    let host = Host::new();
    host.provider_command(&format!("{}/nowhere", host.folder()), &[]);
    birth_stands(&host, "is-missing", "not-executable");
}

#[test]
fn one_that_cannot_be_run() {
    let host = Host::new();
    fs::write(host.path("no-program"), "just text\n").unwrap();
    host.provider_command(&format!("{}/no-program", host.folder()), &[]);
    birth_stands(&host, "is-no-program", "not-executable");
}

#[test]
fn one_that_leaves_somebody_with_its_output() {
    let host = Host::new();
    host.provider("sleep 1000 & echo done");
    let born = host.json("create alpha");
    assert_eq!(born["outcomes"][0]["state"], "ok");
}

#[test]
fn a_failure_at_a_removal_is_told_and_the_removal_stands() {
    let host = Host::with_peers(&["alpha"]);
    host.provider("echo it is not mine >&2; exit 4");
    host.snapshot("provider-fails-removal", &["remove alpha", "list --json"]);
}

#[test]
fn a_provider_runs_while_nobody_holds_the_registry() {
    let mut host = Host::new();
    host.set("PROGRAM", IAPEER);
    host.provider(&format!(
        r#"[ "$3" != other ] || exit 0
case $2 in
  birth) exec "$PROGRAM" create other --runtime shell ;;
  *) exec "$PROGRAM" remove other ;;
esac >>{}/said 2>&1"#,
        host.folder()
    ));
    assert_eq!(host.json("create alpha")["ok"], true, "{}", fs::read_to_string(host.path("said")).unwrap());
    assert_eq!(host.status("other"), "asleep");
    assert_eq!(host.json("remove alpha")["ok"], true, "{}", fs::read_to_string(host.path("said")).unwrap());
    assert_eq!(host.json("list")["peers"], serde_json::json!([]));
}

#[test]
fn memory_is_taken_back_between_the_registry_and_the_purge() {
    let (host, _) = Host::with_session();
    let (index, state, saw) =
        (host.root("peers-profiles.json"), host.root("state/lifecycle"), host.path("saw"));
    host.provider(&format!(
        r#"mkdir {saw} && cp {index} {saw}/index && ls {state} >{saw}/state && pwd >{saw}/pwd && echo "$1 $2" >{saw}/why"#,
        saw = saw.display(),
        index = index.display(),
        state = state.display(),
    ));
    host.ok("stop alpha");
    host.ok("remove alpha");
    let read = |file: &str| fs::read_to_string(saw.join(file)).unwrap();
    assert_eq!(read("why"), "unprovision remove\n");
    assert_eq!(read("pwd").trim_end(), host.root("peers/alpha").to_str().unwrap());
    assert_eq!(json_file(&saw.join("index"))["peers"], serde_json::json!([]));
    assert!(read("state").contains("shell-alpha.stopped"), "{}", read("state"));
    assert_eq!(host.state(), [""; 0]);
}

#[test]
fn arguments_for_a_provider_stay_as_they_are() {
    let host = Host::new();
    let told = host.path("told");
    let script = host.program("provider", &format!(r#"printf '%s\0' "$@" >{}"#, told.display()));
    host.slot(
        &serde_json::json!({ "provider": "p", "package": "p", "version": "1", "provision": {
            "command": "/bin/sh",
            "args": [script, "--at={cwd}", "{occasion}{occasion}", "{unknown} {", "$(touch x); `touch x`", "", "two words"],
        } })
        .to_string(),
    );
    let folder = host.path("a {occasion} 'folder' $(touch y)");
    host.ok(["create", "alpha", "--path", folder.to_str().unwrap()]);
    let told = fs::read_to_string(told).unwrap();
    let wanted = [
        &format!("--at={}", folder.display()),
        "birthbirth",
        "{unknown} {",
        "$(touch x); `touch x`",
        "",
        "two words",
    ];
    assert_eq!(told.split_terminator('\0').collect::<Vec<_>>(), wanted);
    assert_eq!(fs::read_dir(folder).unwrap().count(), 1, "something ran as code");
}
