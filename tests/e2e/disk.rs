//! A disk that is full, cannot be written, or is not one disk: a clear error, and the old state intact.
//!
//! Each case runs in a mount namespace of its own (`unshare`), in which the root, or a folder in it, is another
//! file system. Where the machine allows no such namespace, that is said, and nothing is tried.

use std::fs;
use std::process::Command;

use crate::host::{Host, IAPEER, Ran, finish};

/// What every script has: `run NAME ARG...` runs the program under test under a title.
const RUN: &str = r#"run() { echo "== $1"; shift; "$IAPEER" "$@" 2>&1 || echo "exit $?"; }"#;

/// Runs a script as the superuser of a namespace of its own. `None` where there can be none.
#[expect(clippy::print_stderr, reason = "what is not tried is said")]
fn in_namespace(host: &Host, script: &str) -> Option<Ran> {
    let unshare = |args: &[&str]| {
        let mut command = Command::new("unshare");
        command.args(["--map-root-user", "--mount", "--"]).args(args);
        command
    };
    // Both are needed: some machines give a namespace in which nothing can be mounted.
    let probe = unshare(&["mount", "-t", "tmpfs", "tmpfs", "/mnt"]).output();
    if !probe.is_ok_and(|probe| probe.status.success()) {
        eprintln!("not tried: this machine allows no mount namespace");
        return None;
    }
    let mut command = unshare(&["sh", "-ec", &format!("{RUN}\n{script}")]);
    let ours = host.command("true", &[][..]);
    command.env_clear().envs(ours.get_envs().filter_map(|(name, value)| Some((name, value?))));
    // `mount` and `dd` are the script's, not the program's under test.
    command.env("PATH", std::env::var_os("PATH").unwrap()).env("IAPEER", IAPEER);
    command.current_dir(host.folder()).stdin(std::process::Stdio::null());
    command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    Some(finish(&mut command))
}

/// What a script told of one command: its exit code and what it said.
fn told<'a>(ran: &'a Ran, name: &str) -> &'a str {
    let (_, rest) =
        ran.stdout.split_once(&format!("== {name}\n")).unwrap_or_else(|| panic!("{name}: {ran:?}"));
    rest.split("== ").next().unwrap()
}

#[test]
fn a_full_disk() {
    let host = Host::new();
    fs::create_dir(host.path("root")).unwrap();
    let script = r#"
        mount -t tmpfs -o size=1m tmpfs root
        run born create alpha --runtime shell
        cp root/peers-profiles.json before
        dd if=/dev/zero of=root/peers/ballast bs=1k 2>dd.log || :
        run create create beta --runtime shell
        run change init root/peers/alpha --description more
        run remove remove alpha
        cmp root/peers-profiles.json before
        run list list
        echo "{ torn" >root/peers-profiles.json || : >root/peers-profiles.json
        run damaged list
        rm root/peers/ballast
        run mended list
        run again create beta --runtime shell
        run both list
    "#;
    let Some(ran) = in_namespace(&host, script) else { return };
    assert_eq!(ran.exit, 0, "{ran:?}");
    for (name, path) in [("create", "root/"), ("change", "root/"), ("remove", "root/")] {
        let told = told(&ran, name);
        assert!(told.contains("No space left on device") && told.contains(path), "{name}: {told}");
        assert!(told.contains("exit 1\n") && told.contains("hint: make room on the disk"), "{name}: {told}");
    }
    assert!(told(&ran, "list").contains("alpha"), "{ran:?}");
    // What there is of a damaged index is shown although it cannot be written.
    assert!(told(&ran, "damaged").contains("○ alpha"), "{ran:?}");
    assert!(told(&ran, "mended").contains("○ alpha"), "{ran:?}");
    assert!(told(&ran, "both").contains("○ alpha") && told(&ran, "both").contains("○ beta"), "{ran:?}");
}

#[test]
fn a_root_that_can_only_be_read() {
    let host = Host::with_peers(&["alpha"]);
    let before = host.files();
    let script = r#"
        mount --bind root root
        mount -o remount,ro,bind root
        run list list
        run status status
        run create create beta --runtime shell
        run remove remove alpha
        run launch launch alpha
        run supervise supervise --once
        run doctor doctor
    "#;
    let Some(ran) = in_namespace(&host, script) else { return };
    assert_eq!(ran.exit, 0, "{ran:?}");
    assert!(told(&ran, "list").contains("○ alpha") && !told(&ran, "list").contains("exit"), "{ran:?}");
    assert!(told(&ran, "status").contains("1 asleep"), "{ran:?}");
    for name in ["create", "remove", "launch"] {
        let told = told(&ran, name);
        assert!(told.contains("Read-only file system") && told.contains("exit 1\n"), "{name}: {told}");
        assert!(told.contains("root/") && told.contains("one that can be written"), "{name}: {told}");
    }
    assert!(told(&ran, "doctor").contains("fail"), "{ran:?}");
    assert!(host.files() == before, "something was written");
}

#[test]
fn a_quarantine_and_backups_on_another_disk() {
    let host = Host::with_peers(&["alpha"]);
    let script = r#"
        mkdir root/quarantine
        mount -t tmpfs tmpfs root/quarantine
        cp -r root/backups kept && mount -t tmpfs tmpfs root/backups && cp -r kept/* root/backups
        echo "{ torn" >root/peers-profiles.json
        run mended list
        cat root/quarantine/peers-profiles.json.*
        run again list
        run create create beta --runtime shell
        run both list
    "#;
    let Some(ran) = in_namespace(&host, script) else { return };
    assert_eq!(ran.exit, 0, "{ran:?}");
    assert!(told(&ran, "mended").contains("mended from generation 1 of "), "{ran:?}");
    assert!(told(&ran, "mended").ends_with("{ torn\n"), "{ran:?}");
    assert_eq!(told(&ran, "again"), "○ alpha  shell asleep\n");
    assert_eq!(told(&ran, "both").lines().count(), 2, "{ran:?}");
}

#[test]
fn a_folder_that_would_have_to_move_to_another_disk() {
    let host = Host::with_peers(&["alpha"]);
    let script = r#"
        mount --bind root/peers/alpha root/peers/alpha
        run rename rename alpha beta
        run list list
        run verify verify
    "#;
    let before = host.files_but_events();
    let Some(ran) = in_namespace(&host, script) else { return };
    assert_eq!(ran.exit, 0, "{ran:?}");
    let refused = told(&ran, "rename");
    assert!(refused.contains("exit 1\n") && refused.contains("everything is as it was"), "{refused}");
    assert!(refused.contains("root/peers/alpha") && refused.contains("hint: "), "{refused}");
    assert!(told(&ran, "list").contains("○ alpha"), "{ran:?}");
    assert!(!told(&ran, "verify").contains("exit"), "{ran:?}");
    assert!(host.files_but_events().keys().eq(before.keys()), "something was left");
    assert!(!host.root("state/rename.json").exists());
}
