//! The generated scripts, as they are kept in `tests/golden`. A change of them is a change of the protocol:
//! read it there, and write it with `CANARY_GOLDEN=write cargo test -p iapeer-canary --test golden`.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "integration tests"
)]

mod support;

use camino::Utf8PathBuf;
use iapeer_canary::{ExitHook, Incarnation, OomBaseline, Places, Script, Subject, Wait};
use support::{is_there, shells};

/// The scripts in every mode, of a server that never was.
fn scripts() -> Vec<(&'static str, String)> {
    let places = Places {
        state: "/srv/it's a root/state".into(),
        forensics: "/srv/it's a root/server-deaths".into(),
        exits_log: "/srv/it's a root/exits.log".into(),
        lifecycle_log: "/srv/it's a root/lifecycle.log".into(),
    };
    let server = Incarnation {
        boot: "ec5a8d52-1c23-4d5e-8f90-a1b2c3d4e5f6".parse().unwrap(),
        pid: 4711,
        start: "815".parse().unwrap(),
    };
    let subject = Subject::new("claude-x y", server);
    let file = "/sys/fs/cgroup/user.slice/memory.events";
    let oom = OomBaseline { host: Some(3), cgroup: Some(1), file: Some(file.into()) };
    let argv = ["/usr/bin/tmux", "-S", "/srv/a b.sock", "wait-for", "iap-canary-claude-x"].map(str::to_owned);
    let witness = |wait| Script::new(subject.clone(), places.clone(), wait).with_oom(oom.clone()).render();
    vec![
        ("witness-lifeline.sh", witness(Wait::Lifeline).unwrap()),
        ("witness-client.sh", witness(Wait::Client { argv: argv.to_vec() }).unwrap()),
        ("witness-poll.sh", witness(Wait::Poll { secs: 5 }).unwrap()),
        ("exit-hook.sh", ExitHook::new("claude-x y", places.clone()).render().unwrap()),
    ]
}

/// The body is the same in all modes, so of two scripts only the head is kept.
fn kept(name: &str, text: &str) -> String {
    match name {
        "witness-client.sh" | "witness-poll.sh" => text.split("# ---- constant").next().unwrap().to_owned(),
        _ => text.to_owned(),
    }
}

#[test]
fn the_scripts_are_as_they_are_kept() {
    let folder = Utf8PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    for (name, text) in scripts() {
        let (path, text) = (folder.join(name), kept(name, &text));
        if std::env::var("CANARY_GOLDEN").is_ok_and(|word| word == "write") {
            std::fs::write(&path, &text).unwrap();
        }
        let wanted = std::fs::read_to_string(&path).unwrap();
        let differs = std::iter::zip(text.lines(), wanted.lines()).position(|(is, was)| is != was);
        assert!(text == wanted, "{path} differs from line {differs:?} on; see the head of this test");
    }
}

#[test]
fn shells_and_shellcheck_accept_them_in_every_mode() {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in scripts() {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        for shell in shells() {
            let output = shell.command().arg("-n").arg(&path).output().unwrap();
            assert!(output.status.success(), "{shell:?} {name}: {output:?}");
        }
        if is_there("shellcheck") {
            let mut command = std::process::Command::new("shellcheck");
            let output = command.args(["-s", "sh"]).arg(&path).output().unwrap();
            assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stdout));
        } else {
            eprintln!("shellcheck is not on this machine, so not tried");
        }
    }
}
