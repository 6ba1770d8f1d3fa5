//! The end of a session: the hook, and who stands in for it.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "integration tests"
)]

mod support;

use std::process::{Command, Stdio};
use std::sync::atomic::Ordering;
use std::time::Duration;

use iapeer_canary::{ExitHook, ExitWord, Intended, SessionEnd, SessionRecord};
use support::{Lab, Machine, Recorder, Server, under_every_shell};

const MINUTE: Duration = Duration::from_secs(60);

#[test]
fn the_exit_hook_writes_one_line_and_the_intent() {
    let values = ["claude-x", "it's \"$(touch PWNED)\" 100% #{pid}\n\\", "Привет"];
    under_every_shell(|shell| {
        for identity in values {
            let lab = Lab::new();
            let canary = lab.canary();
            let mut server = Server::start();
            let subject = server.subject(identity);
            let mut recorder = Recorder::watching(&lab, shell, &subject, &mut server);
            let hook = lab.root.join("hook.sh");
            std::fs::write(&hook, ExitHook::new(identity, lab.places.clone()).render().unwrap()).unwrap();
            let pid = server.incarnation.pid.to_string();
            for arguments in [["4711", "s7", "g"], ["4711", "s7", "g"], ["4712", "s", "g15"]] {
                let mut command = shell.command();
                command.arg(&hook).arg(&pid).args(arguments).current_dir(&lab.root);
                assert!(command.stdin(Stdio::null()).status().unwrap().success(), "{shell:?}");
            }
            // Whoever comes after the hook finds that the line is not owed.
            let end = SessionEnd { pane_pid: 4711, status: None };
            assert_eq!(canary.record_session_exit(&subject, &end).unwrap(), SessionRecord::Already);
            let lines = lab.events(&lab.places.exits_log, "session-exit");
            let told: Vec<_> = lines
                .iter()
                .map(|l| {
                    ["identity", "dead_status", "dead_signal", "pane_pid", "end"].map(|k| l.get(k).unwrap())
                })
                .collect();
            assert_eq!(
                told,
                [[identity, "7", "", "4711", "1"], [identity, "", "15", "4712", "1"]],
                "{shell:?}"
            );
            server.kill();
            recorder.ended();
            let [stop] = &lab.server_stops()[..] else { panic!("{shell:?}") };
            assert_eq!((stop.get("by"), stop.get("reason")), (Some("exit-hook"), Some("session-ended")));
            assert_eq!(lab.server_exits(), [], "{shell:?}");
            assert!(!lab.root.join("PWNED").exists());
        }
    });
}

#[test]
fn the_exit_hook_keeps_an_intent_that_counts_and_refuses_nonsense() {
    let lab = Lab::new();
    let server = Server::start();
    let subject = server.subject("claude-x");
    assert!(matches!(lab.canary().intend(&subject, "cli", "stop", MINUTE).unwrap(), Intended::Published(_)));
    let hook = lab.root.join("hook.sh");
    std::fs::write(&hook, ExitHook::new("claude-x", lab.places.clone()).render().unwrap()).unwrap();
    let run = |arguments: &[&str]| Command::new("/bin/sh").arg(&hook).args(arguments).status().unwrap();
    let pid = server.incarnation.pid.to_string();
    assert!(run(&[&pid, "4711", "s$(x)", "g;"]).success());
    assert!(std::fs::read_to_string(lab.file(&subject, "intent")).unwrap().contains("by=cli"));
    let lines = lab.events(&lab.places.exits_log, "session-exit");
    assert_eq!((lines[0].get("dead_status"), lines[0].get("dead_signal")), (Some(""), Some("")));
    for nonsense in [&[][..], &[pid.as_str()], &["$(x)", "1", "s", "g"], &[&pid, "../x", "s", "g"]] {
        assert!(!run(nonsense).success(), "{nonsense:?}");
    }
    assert_eq!(lab.events(&lab.places.exits_log, "session-exit").len(), 1);
}

#[test]
fn of_hook_and_program_at_once_the_first_stands() {
    under_every_shell(|shell| {
        let outdated = "ts=1 ev=intent up=0 ttl=0 by=a reason=b end=1\n";
        for before in [None, None, None, None, Some(outdated)] {
            let lab = Lab::new();
            let server = Server::start();
            let subject = server.subject("claude-x");
            let hook = lab.root.join("hook.sh");
            std::fs::create_dir_all(&lab.places.state).unwrap();
            std::fs::write(&hook, ExitHook::new("claude-x", lab.places.clone()).render().unwrap()).unwrap();
            if let Some(text) = before {
                std::fs::write(lab.file(&subject, "intent"), text).unwrap();
            }
            let pid = server.incarnation.pid.to_string();
            let mut command = shell.command();
            let mut child = command.arg(&hook).args([&pid, "4711", "s7", "g"]).spawn().unwrap();
            let at_work = lab.file(&subject, "4711.exit");
            support::wait_for("the hook to be at work", || at_work.exists().then_some(()));
            let intended = lab.canary().intend(&subject, "cli", "stop", MINUTE).unwrap();
            assert!(child.wait().unwrap().success(), "{shell:?}");
            let standing = std::fs::read_to_string(lab.file(&subject, "intent")).unwrap();
            assert!(standing.ends_with(" end=1\n"), "{shell:?} {standing}");
            match (intended, before) {
                (Intended::Published(_), None) => {
                    assert!(standing.contains(" by=cli "), "{shell:?} {standing}");
                }
                (Intended::Already { by, .. }, _) => assert_eq!(by, "exit-hook", "{shell:?}"),
                // Of two that replace an old one in the same instant either may be the last.
                (Intended::Published(_), Some(_)) => assert!(!standing.contains(" by=a "), "{shell:?}"),
                (other, _) => panic!("{shell:?} {other:?}"),
            }
            let left = std::fs::read_dir(&lab.places.state).unwrap().map(|entry| entry.unwrap().file_name());
            let temporary = left.filter(|name| name.to_string_lossy().contains(".intent.")).count();
            assert_eq!(temporary, 0, "{shell:?}");
        }
    });
}

#[test]
fn a_line_that_the_hook_owed_is_written_once() {
    let lab = Lab::new();
    let canary = lab.canary();
    let server = Server::start();
    let subject = server.subject("claude-x");
    let hook = lab.root.join("hook.sh");
    std::fs::create_dir_all(&lab.root).unwrap();
    std::fs::write(&hook, ExitHook::new("claude-x", lab.places.clone()).render().unwrap()).unwrap();
    let pid = server.incarnation.pid.to_string();
    // Both at once, several times.
    for pane_pid in 4711..4721 {
        let mut command = Command::new("/bin/sh");
        let mut child = command.arg(&hook).args([&pid, &pane_pid.to_string(), "s", "g9"]).spawn().unwrap();
        let end = SessionEnd { pane_pid, status: Some(ExitWord::Signaled(9)) };
        let ours = canary.record_session_exit(&subject, &end).unwrap();
        child.wait().unwrap();
        let lines = lab.events(&lab.places.exits_log, "session-exit");
        let about: Vec<_> =
            lines.iter().filter(|l| l.get("pane_pid") == Some(&pane_pid.to_string())).collect();
        assert_eq!(about.len(), 1, "{ours:?}");
        assert_eq!(about[0].get("dead_signal"), Some("9"));
    }
    assert!(std::fs::read_to_string(lab.file(&subject, "intent")).unwrap().contains("session-ended"));

    // A hook that ended between its claim and its line.
    let (canary, machine) = lab.canary_on(Machine::default());
    let claim = lab.file(&subject, "99.exit");
    let line = "ts=2026-11-21T01:02:03.004Z ev=session-exit identity=claude-x dead_status=7 dead_signal=\"\" \
                server_pid=1 pane_pid=99 end=1\n";
    std::fs::write(&claim, line).unwrap();
    machine.clock_secs.store(60, Ordering::SeqCst);
    assert_eq!(canary.sweep().unwrap().moved_lines, 1);
    assert_eq!(canary.sweep().unwrap().moved_lines, 0);
    assert!(std::fs::read_to_string(&lab.places.exits_log).unwrap().ends_with(line));
}
