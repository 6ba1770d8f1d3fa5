//! The watcher inside a program: what it sees, what it records, and what it leaves alone.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "integration tests"
)]

mod support;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use iapeer_canary::{
    Cause, Claimed, DeathRecord, ExitWord, Intended, Liveness, Seen, Signal, Subject, WatchError, Watcher,
};
use support::{Lab, Recorder, SH, Server, cause, wait_for};

const MINUTE: Duration = Duration::from_secs(60);

fn start(lab: &Lab) -> (Watcher, Receiver<Seen>) {
    Watcher::start(Arc::new(lab.canary())).unwrap()
}

/// The next death that the watcher tells of.
fn next(seen: &Receiver<Seen>) -> (Subject, Claimed) {
    match seen.recv_timeout(MINUTE).unwrap() {
        Seen::Death { subject, claimed } => (subject, claimed.unwrap()),
        other => panic!("{other:?}"),
    }
}

fn recorded(seen: &Receiver<Seen>) -> DeathRecord {
    let (_, Claimed::Recorded(record)) = next(seen) else { panic!("not recorded") };
    record
}

#[test]
fn each_manner_of_death_is_seen_and_told() {
    let cases = [
        (Signal::KILL, Cause::ServerVanished, ExitWord::Signaled(9)),
        (Signal::SEGV, Cause::ServerVanished, ExitWord::Signaled(11)),
        (Signal::TERM, Cause::OrderlyExit, ExitWord::Signaled(15)),
        (Signal::INT, Cause::OrderlyExit, ExitWord::Signaled(2)),
    ];
    let lab = Lab::new();
    let (watcher, seen) = start(&lab);
    for (signal, wanted, status) in cases {
        let server = Server::start();
        let subject = server.subject("claude-x");
        watcher.add(&subject).unwrap();
        assert_eq!(watcher.len(), 1);
        server.signal(signal);
        let record = recorded(&seen);
        assert_eq!((cause(&record), record.status()), (wanted, Some(status)));
        assert_eq!(lab.only_exit(&subject).get("observer"), Some("supervisor"));
        assert!(watcher.is_empty());
    }
    // It ends by itself when another one is gone.
    let mut other = Server::start();
    let pid = other.incarnation.pid.to_string();
    let server = Server::run(std::process::Command::new("tail").args(["-f", "--pid", &pid, "/dev/null"]));
    watcher.add(&server.subject("claude-y")).unwrap();
    other.kill();
    other.reap();
    let record = recorded(&seen);
    assert_eq!((cause(&record), record.status()), (Cause::OrderlyExit, Some(ExitWord::Exited(0))));
    watcher.stop().unwrap();
    assert_eq!(lab.sweep(), []);
}

#[test]
fn who_has_ended_before_is_seen_at_once() {
    let lab = Lab::new();
    let (watcher, seen) = start(&lab);
    let mut zombie = Server::start();
    zombie.kill();
    watcher.add(&zombie.subject("zombie")).unwrap();
    assert_eq!(recorded(&seen).status(), Some(ExitWord::Signaled(9)));
    zombie.reap();
    watcher.add(&zombie.subject("gone")).unwrap();
    assert_eq!(recorded(&seen).status(), None);
    // It is on record, and stays so once.
    watcher.add(&zombie.subject("gone")).unwrap();
    assert_eq!(next(&seen).1, Claimed::Already);

    // Its pid is another's by now, who lives on and is watched under its own name.
    let living = Server::start();
    watcher.add(&living.subject("living")).unwrap();
    let mut past = living.incarnation.clone();
    past.start = "1".parse().unwrap();
    watcher.add(&Subject::new("reused", past.clone())).unwrap();
    let (subject, _) = next(&seen);
    assert_eq!(subject, Subject::new("reused", past.clone()));
    assert_eq!(living.incarnation.state(), Liveness::Alive);
    past.boot = "deadbeef-0000".parse().unwrap();
    watcher.add(&Subject::new("other-boot", past)).unwrap();
    assert_eq!(cause(&recorded(&seen)), Cause::Reboot);
    living.kill();
    assert_eq!(next(&seen).0.identity, "living");
    watcher.stop().unwrap();
    let exits = lab.server_exits();
    let identities: Vec<_> = exits.iter().map(|exit| exit.get("identity").unwrap()).collect();
    assert_eq!(identities, ["zombie", "gone", "reused", "other-boot", "living"]);
}

#[test]
fn witness_and_watcher_write_one_record_between_them() {
    for _ in 0..10 {
        let lab = Lab::new();
        let (watcher, seen) = start(&lab);
        let mut server = Server::start();
        let subject = server.subject("claude-x");
        let mut recorder = Recorder::watching(&lab, SH, &subject, &mut server);
        watcher.add(&subject).unwrap();
        server.signal(Signal::KILL);
        let (_, claimed) = next(&seen);
        recorder.ended();
        let observer = lab.only_exit(&subject).get("observer").unwrap().to_owned();
        match claimed {
            Claimed::Recorded(_) => assert_eq!(observer, "supervisor"),
            other => assert_eq!((other, observer.as_str()), (Claimed::Already, "recorder")),
        }
        watcher.stop().unwrap();
        assert!(!lab.file(&subject, "lease").exists());
    }
}

#[test]
fn a_deliberate_end_is_a_stop_for_the_watcher_too() {
    let lab = Lab::new();
    let (watcher, seen) = start(&lab);
    let server = Server::start();
    let subject = server.subject("claude-x");
    watcher.add(&subject).unwrap();
    let intended = lab.canary().intend(&subject, "cli", "stop", MINUTE).unwrap();
    assert!(matches!(intended, Intended::Published(_)));
    server.signal(Signal::KILL);
    assert_eq!(next(&seen).1, Claimed::Stopped);
    assert_eq!((lab.server_exits().len(), lab.server_stops().len()), (0, 1));
    assert!(!lab.places.forensics.exists());
}

#[test]
fn a_fleet_that_dies_at_once_is_recorded_whole() {
    let lab = Lab::new();
    let (watcher, seen) = start(&lab);
    let fleet: Vec<_> = (0..100).map(|_| Server::start()).collect();
    for (number, server) in fleet.iter().enumerate() {
        watcher.add(&server.subject(&format!("claude-{number}"))).unwrap();
    }
    assert_eq!(watcher.len(), fleet.len());
    for server in &fleet {
        server.signal(Signal::KILL);
    }
    let told: BTreeSet<_> = fleet.iter().map(|_| recorded(&seen).identity).collect();
    assert_eq!(told.len(), fleet.len());
    // It ends when the forensics of all are there.
    watcher.stop().unwrap();
    for (number, server) in fleet.iter().enumerate() {
        let exit = lab.only_exit(&server.subject(&format!("claude-{number}")));
        let forensics = std::fs::read_to_string(exit.get("forensics").unwrap()).unwrap();
        assert!(forensics.ends_with("--- end\n"), "{forensics}");
    }
    assert_eq!(std::fs::read_to_string(&lab.places.exits_log).unwrap().lines().count(), fleet.len());
}

#[test]
fn who_is_removed_is_left_alone() {
    let lab = Lab::new();
    let (watcher, seen) = start(&lab);
    let [left, kept] = [Server::start(), Server::start()];
    let (one, other) = (left.subject("one"), left.subject("other"));
    for subject in [&one, &other, &one] {
        watcher.add(subject).unwrap();
    }
    watcher.add(&kept.subject("kept")).unwrap();
    assert_eq!(watcher.len(), 2);
    watcher.remove(&one).unwrap();
    assert_eq!(watcher.len(), 2);
    watcher.remove(&other).unwrap();
    watcher.remove(&other).unwrap();
    assert_eq!(watcher.len(), 1);
    left.kill();
    kept.kill();
    assert_eq!(next(&seen).0.identity, "kept");
    watcher.stop().unwrap();
    assert!(seen.recv().is_err());
    assert_eq!(lab.server_exits().len(), 1);
}

#[test]
fn a_server_may_have_two_names() {
    let lab = Lab::new();
    let (watcher, seen) = start(&lab);
    let server = Server::start();
    for identity in ["one", "other"] {
        watcher.add(&server.subject(identity)).unwrap();
    }
    server.kill();
    assert_eq!([next(&seen).0.identity, next(&seen).0.identity], ["one", "other"]);
    assert_eq!(lab.server_exits().len(), 2);
}

#[test]
fn a_state_folder_that_is_gone_costs_the_watcher_no_record() {
    let lab = Lab::new();
    let (watcher, seen) = start(&lab);
    let mut server = Server::start();
    let subject = server.subject("claude-x");
    let recorder = Recorder::watching(&lab, SH, &subject, &mut server);
    watcher.add(&subject).unwrap();
    recorder.signal(Signal::STOP);
    std::fs::remove_dir_all(lab.root.join("state")).unwrap();
    server.kill();
    recorded(&seen);
    lab.only_exit(&subject);
}

#[test]
fn what_cannot_be_written_is_told() {
    let lab = Lab::new();
    let (watcher, seen) = start(&lab);
    std::fs::create_dir_all(lab.places.forensics.parent().unwrap()).unwrap();
    std::fs::write(&lab.places.forensics, "a file in place of the folder").unwrap();
    let server = Server::start();
    watcher.add(&server.subject("claude-x")).unwrap();
    server.kill();
    recorded(&seen);
    let line =
        wait_for("the word on what is missing", || lab.events(&lab.places.lifecycle_log, "canary").pop());
    assert_eq!(line.get("state"), Some("no-forensics"));

    std::fs::remove_file(&lab.places.lifecycle_log).unwrap();
    std::fs::create_dir(&lab.places.lifecycle_log).unwrap();
    let mut server = Server::start();
    let subject = server.subject("claude-y");
    let mut recorder = Recorder::watching(&lab, SH, &subject, &mut server);
    recorder.signal(Signal::KILL);
    recorder.ended();
    watcher.add(&subject).unwrap();
    server.kill();
    recorded(&seen);
    let Seen::NoForensics { subject, .. } = seen.recv_timeout(MINUTE).unwrap() else {
        panic!("told nothing")
    };
    assert_eq!(subject.identity, "claude-y");

    // Nor the record itself: the watcher goes on, and a sweep makes up for it.
    std::fs::remove_dir(&lab.places.lifecycle_log).unwrap();
    std::fs::remove_dir_all(lab.root.join("state")).unwrap();
    std::fs::write(lab.root.join("state"), "a file in place of the folder").unwrap();
    let [first, second] = [Server::start(), Server::start()];
    watcher.add(&first.subject("claude-z")).unwrap();
    first.kill();
    let Seen::Death { claimed: Err(_), .. } = seen.recv_timeout(MINUTE).unwrap() else { panic!("no error") };
    std::fs::remove_file(lab.root.join("state")).unwrap();
    watcher.add(&second.subject("claude-w")).unwrap();
    second.kill();
    assert_eq!(recorded(&seen).identity, "claude-w");
}

#[test]
fn an_owner_who_does_not_listen_changes_nothing() {
    let lab = Lab::new();
    let (watcher, seen) = start(&lab);
    drop(seen);
    let server = Server::start();
    let subject = server.subject("claude-x");
    watcher.add(&subject).unwrap();
    server.kill();
    wait_for("the record", || (!lab.server_exits().is_empty()).then_some(()));
    drop(watcher);
    lab.only_exit(&subject);
}

#[test]
fn it_sleeps_in_the_kernel_until_somebody_dies() {
    let lab = Lab::new();
    let (watcher, _seen) = start(&lab);
    let server = Server::start();
    watcher.add(&server.subject("claude-x")).unwrap();
    let tasks = || std::fs::read_dir("/proc/self/task").unwrap().map(|task| task.unwrap().path());
    let about =
        |task: &std::path::Path, what: &str| std::fs::read_to_string(task.join(what)).unwrap_or_default();
    wait_for("all watchers to sleep for as long as it takes", || {
        let ours: Vec<_> = tasks().filter(|task| about(task, "comm") == "canary watcher\n").collect();
        assert!(!ours.is_empty());
        // Other tests have one each, too; with a time limit it would sleep elsewhere now and then.
        ours.iter().any(|task| about(task, "wchan").contains("ep")).then_some(())
    });
    watcher.stop().unwrap();
}

#[test]
fn what_the_kernel_does_not_watch_is_refused() {
    let lab = Lab::new();
    let (watcher, seen) = start(&lab);
    let mut nobody = Server::start().incarnation.clone();
    nobody.pid = u32::MAX;
    watcher.add(&Subject::new("claude-x", nobody)).unwrap();
    recorded(&seen);
    let error = WatchError::Refused { pid: 1, source: std::io::Error::other("no more descriptors") };
    assert_eq!(error.to_string(), "pid 1 cannot be watched");
}
