//! Full disks, missing folders, killed and stopped recorders: the record is late, or elsewhere, and still
//! exactly one.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "integration tests"
)]

mod support;

use std::time::Duration;

use camino::Utf8Path;
use iapeer_canary::{Cause, ExitWord, Finding, Script, Signal, Wait};
use support::{
    Lab, Recorder, Server, block, cause, lifeline_script, the_record, under_every_shell, wait_for,
};

fn unblock(path: &Utf8Path) {
    std::fs::remove_dir(path).unwrap();
}

#[test]
fn a_killed_recorder_costs_no_record() {
    under_every_shell(|shell| {
        let lab = Lab::new();
        let mut server = Server::start();
        let subject = server.subject("claude-x");
        let mut recorder = Recorder::watching(&lab, shell, &subject, &mut server);
        recorder.signal(Signal::KILL);
        recorder.ended();
        assert_eq!(lab.sweep(), [Finding::Unwatched], "{shell:?}");
        server.kill();
        let record = the_record(&lab.sweep());
        assert_eq!((cause(&record), record.status()), (Cause::Unobserved, Some(ExitWord::Signaled(9))));
        assert_eq!(lab.sweep(), [], "{shell:?}");
        let exit = lab.only_exit(&subject);
        let text = std::fs::read_to_string(exit.get("forensics").unwrap()).unwrap();
        assert!(text.ends_with("--- end\n"), "{text}");
        assert_eq!(lab.canary().deaths().unwrap().records, [record]);
    });
}

#[test]
fn a_recorder_that_is_told_to_end_while_it_arms_loses_nothing() {
    under_every_shell(|shell| {
        for delay_ms in [0, 3, 10, 30] {
            let lab = Lab::new();
            let mut server = Server::start();
            let subject = server.subject("claude-x");
            lab.write_lease(&subject);
            let text = lifeline_script(&lab, &subject);
            let mut recorder = Recorder::start(shell, &text, server.lifeline(), &lab.root);
            // The delay is what is tried here.
            std::thread::sleep(Duration::from_millis(delay_ms));
            recorder.told_to_end();
            server.kill();
            the_record(&lab.sweep());
            lab.only_exit(&subject);
        }
    });
}

#[test]
fn a_folder_of_journals_that_is_gone_is_made_again() {
    under_every_shell(|shell| {
        let lab = Lab::new();
        let mut server = Server::start();
        let subject = server.subject("claude-x");
        let mut recorder = Recorder::watching(&lab, shell, &subject, &mut server);
        assert!(!lab.places.exits_log.parent().unwrap().exists());
        server.kill();
        recorder.ended();
        lab.only_exit(&subject);
    });
}

#[test]
fn where_the_journal_cannot_be_written_another_file_stands_in() {
    under_every_shell(|shell| {
        let lab = Lab::new();
        let mut server = Server::start();
        let subject = server.subject("claude-x");
        let mut recorder = Recorder::watching(&lab, shell, &subject, &mut server);
        block(&lab.places.exits_log);
        server.kill();
        recorder.ended();
        assert_eq!(lab.server_exits(), [], "{shell:?}");
        let fallback = lab.places.state.join("exits.fallback.log");
        assert_eq!(lab.events(&fallback, "server-exit").len(), 1, "{shell:?}");

        unblock(&lab.places.exits_log);
        assert_eq!(lab.canary().deaths().unwrap().records.len(), 1, "{shell:?}");
        let swept = lab.canary().sweep().unwrap();
        assert_eq!((swept.moved_lines, swept.problems.len()), (1, 0), "{shell:?}");
        assert_eq!(lab.only_exit(&subject).get("cause"), Some("server-vanished"), "{shell:?}");
        assert!(!fallback.exists());
        assert_eq!(lab.canary().sweep().unwrap().moved_lines, 0);
    });
}

#[test]
fn a_full_disk_for_the_journal() {
    let full = Utf8Path::new("/dev/full");
    if !full.exists() {
        eprintln!("there is no /dev/full on this machine, so it is not tried");
        return;
    }
    under_every_shell(|shell| {
        let lab = Lab::new();
        let mut server = Server::start();
        let subject = server.subject("claude-x");
        std::fs::create_dir_all(lab.places.exits_log.parent().unwrap()).unwrap();
        std::os::unix::fs::symlink(full, &lab.places.exits_log).unwrap();
        let mut recorder = Recorder::watching(&lab, shell, &subject, &mut server);
        server.kill();
        recorder.ended();
        let fallback = lab.places.state.join("exits.fallback.log");
        assert_eq!(lab.events(&fallback, "server-exit").len(), 1, "{shell:?}");
    });
}

#[test]
fn when_nothing_can_be_written_the_record_waits_in_its_claim() {
    under_every_shell(|shell| {
        let lab = Lab::new();
        let mut server = Server::start();
        let subject = server.subject("claude-x");
        let mut recorder = Recorder::watching(&lab, shell, &subject, &mut server);
        let fallback = lab.places.state.join("exits.fallback.log");
        block(&lab.places.exits_log);
        block(&fallback);
        server.kill();
        recorder.ended();
        assert!(lab.file(&subject, "lease").exists(), "{shell:?}");
        let blocked = lab.canary().sweep().unwrap();
        assert!(!blocked.problems.is_empty(), "{shell:?}");

        unblock(&lab.places.exits_log);
        unblock(&fallback);
        assert_eq!(lab.sweep(), [Finding::Repaired], "{shell:?}");
        // The witness's own words, not a later guess.
        assert_eq!(lab.only_exit(&subject).get("cause"), Some("server-vanished"), "{shell:?}");
        assert_eq!(lab.sweep(), [], "{shell:?}");
    });
}

#[test]
fn what_cannot_be_told_is_no_death() {
    under_every_shell(|shell| {
        let lab = Lab::new();
        let mut server = Server::start();
        let subject = server.subject("claude-x");
        // A /proc that shows that there is a process, and not which.
        let proc_root = lab.root.join("proc");
        let folder = proc_root.join(server.incarnation.pid.to_string());
        let boot = proc_root.join("sys/kernel/random/boot_id");
        for made in [&folder, &proc_root.join("self"), boot.parent().unwrap()] {
            std::fs::create_dir_all(made).unwrap();
        }
        std::fs::write(proc_root.join("self/stat"), "").unwrap();
        std::fs::write(folder.join("stat"), "17 (sleep) S 1 2 3\n").unwrap();
        std::fs::copy("/proc/uptime", proc_root.join("uptime")).unwrap();
        std::fs::copy("/proc/sys/kernel/random/boot_id", boot).unwrap();
        let script = Script::new(subject.clone(), lab.places.clone(), Wait::Poll { secs: 1 });
        let text = script.with_proc_root(proc_root).render().unwrap();
        let mut recorder = Recorder::start(shell, &text, server.lifeline(), &lab.root);
        recorder.wait_until_armed(&lab, &subject);
        server.kill();
        // Between two of its pauses it looks; after the second one it has surely looked at what is there now.
        let pid = recorder.incarnation.pid;
        let pause =
            || std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
        let mut looks_on = || {
            for _ in 0..2 {
                let last = pause();
                wait_for("the next pause", || {
                    let now = pause();
                    (!now.is_empty() && now != last).then_some(())
                });
            }
            assert!(recorder.is_running(), "{shell:?}");
            assert_eq!(lab.server_exits(), [], "{shell:?}");
        };
        looks_on();
        std::fs::remove_file(folder.join("stat")).unwrap();
        looks_on();
        std::fs::remove_dir_all(folder).unwrap();
        recorder.ended();
        assert_eq!(lab.only_exit(&subject).get("wait_rc"), Some("poll"), "{shell:?}");
    });
}

#[test]
fn a_torn_last_line_takes_no_other_with_it() {
    under_every_shell(|shell| {
        let lab = Lab::new();
        let mut server = Server::start();
        let subject = server.subject("claude-x");
        std::fs::create_dir_all(lab.places.exits_log.parent().unwrap()).unwrap();
        std::fs::write(&lab.places.exits_log, "ts=2026-11-21T01:02:03.004Z ev=server-exit dea").unwrap();
        let mut recorder = Recorder::watching(&lab, shell, &subject, &mut server);
        server.kill();
        recorder.ended();
        let deaths = lab.canary().deaths().unwrap();
        assert_eq!((deaths.records.len(), deaths.unreadable_lines), (1, 1), "{shell:?} {deaths:?}");
        assert_eq!(deaths.records[0].death(), Some(subject.death().as_str()), "{shell:?}");
    });
}

#[test]
fn a_state_folder_that_is_gone_costs_no_record() {
    under_every_shell(|shell| {
        let lab = Lab::new();
        let mut server = Server::start();
        let subject = server.subject("claude-x");
        let mut recorder = Recorder::watching(&lab, shell, &subject, &mut server);
        std::fs::remove_dir_all(&lab.places.state).unwrap();
        server.kill();
        recorder.ended();
        lab.only_exit(&subject);
        // A watcher in a program that comes later finds it on record.
        let claimed = lab.canary().claim(&subject, None).unwrap();
        assert_eq!(claimed, iapeer_canary::Claimed::Already, "{shell:?}");
        lab.only_exit(&subject);
    });
}

#[test]
fn without_date_the_sweep_writes_the_record() {
    under_every_shell(|shell| {
        let lab = Lab::new();
        let mut server = Server::start();
        let subject = server.subject("claude-x");
        let text = lifeline_script(&lab, &subject);
        let bin = lab.root.join("bin");
        std::fs::create_dir_all(&bin).unwrap();
        // yash has its own builtins only where the programs of that name are there too.
        for program in ["[", "cat", "mkdir", "mv", "printf", "rm", "sleep", "true"] {
            std::os::unix::fs::symlink(format!("/usr/bin/{program}"), bin.join(program)).unwrap();
        }
        let pipe = server.lifeline();
        let mut recorder = Recorder::start_with_path(shell, &text, pipe, &lab.root, bin.as_str());
        recorder.wait_until_armed(&lab, &subject);
        server.kill();
        recorder.ended();
        assert_eq!(lab.server_exits(), [], "{shell:?}");
        assert_eq!(cause(&the_record(&lab.sweep())), Cause::Unobserved, "{shell:?}");
        lab.only_exit(&subject);
    });
}
