//! Arming, intents, claims, lists and purges, as a program uses them.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "integration tests"
)]

mod support;

use std::sync::atomic::Ordering;
use std::time::Duration;

use iapeer_canary::{
    ArmError, Armed, CanaryState, Claimed, Death, ExitWord, Finding, Incarnation, Intended, Liveness,
    ProcessState, Signal, Subject, Watch, observe, send,
};
use support::{Lab, Machine, Recorder, SH, Server, client, client_of, sweep, wait_for};

const MINUTE: Duration = Duration::from_secs(60);

fn spawned(armed: Armed) -> u32 {
    let Armed::Spawned { recorder_pid } = armed else { panic!("{armed:?}") };
    recorder_pid
}

/// Waits until the recorder has written all that it has to write.
fn settled(lab: &Lab, subject: &Subject) {
    wait_for("the lease to go", || (!lab.file(subject, "lease").exists()).then_some(()));
    let death = subject.death();
    if lab.server_exits().iter().any(|exit| exit.get("death") == Some(&death)) {
        let file = lab.places.forensics.join(format!("{death}.txt"));
        let part = lab.places.forensics.join(format!("{death}.txt.part"));
        wait_for("the end of the forensics", || {
            let whole = std::fs::read_to_string(&file).is_ok_and(|text| text.ends_with("--- end\n"));
            (whole && !part.exists()).then_some(())
        });
    }
}

#[test]
fn armed_once_and_then_already() {
    let lab = Lab::new();
    let canary = lab.canary();
    let mut server = Server::start();
    let subject = server.subject("claude-x");
    let recorder_pid = spawned(canary.arm(&subject, Watch::Lifeline(server.lifeline().into())));
    let again = lab.canary().arm(&subject, Watch::Poll { secs: 1 });
    assert!(matches!(again, Armed::Already { recorder_pid: pid } if pid == recorder_pid), "{again:?}");
    let list = canary.list().unwrap();
    let [status] = &list[..] else { panic!("{list:?}") };
    assert_eq!((&status.subject, status.recorder_pid), (&subject, Some(recorder_pid)));
    assert_eq!(status.state, CanaryState::Armed);

    let environ = std::fs::read(format!("/proc/{recorder_pid}/environ")).unwrap();
    let environ = String::from_utf8(environ).unwrap();
    let names: Vec<_> =
        environ.split_terminator('\0').filter_map(|v| v.split_once('=')).map(|v| v.0).collect();
    assert!(names.iter().all(|name| ["PATH", "LC_ALL", "PWD"].contains(name)), "{names:?}");
    assert_eq!(std::fs::read_link(format!("/proc/{recorder_pid}/cwd")).unwrap().to_str(), Some("/"));
    let stat = std::fs::read_to_string(format!("/proc/{recorder_pid}/stat")).unwrap();
    let session = stat.rsplit_once(") ").unwrap().1.split(' ').nth(3).map(str::to_owned);
    assert_eq!(session, Some(recorder_pid.to_string()));

    server.kill();
    settled(&lab, &subject);
    let exit = lab.only_exit(&subject);
    assert_eq!((exit.get("cause"), exit.get("oom")), (Some("server-vanished"), Some("no")));
    wait_for("the recorder to be waited for", || {
        sweep(&canary);
        (observe(recorder_pid) == ProcessState::Gone).then_some(())
    });
    assert_eq!(canary.list().unwrap()[0].state, CanaryState::Settled);
    assert!(matches!(canary.arm(&subject, Watch::Poll { secs: 1 }), Armed::Skipped));
    assert!(!lab.file(&subject, "witness.sh").exists());
}

#[test]
fn armed_from_many_sides_at_once_it_has_one_recorder() {
    let lab = Lab::new();
    let mut server = Server::start();
    let subject = server.subject("claude-x");
    let pipe = server.lifeline();
    let arm = || {
        let read_end = pipe.try_clone().unwrap();
        lab.canary().arm(&subject, Watch::Lifeline(read_end.into()))
    };
    let armed: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(arm)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let count = |wanted: fn(&Armed) -> bool| armed.iter().filter(|armed| wanted(armed)).count();
    assert_eq!(count(|armed| matches!(armed, Armed::Spawned { .. })), 1, "{armed:?}");
    assert_eq!(count(|armed| matches!(armed, Armed::Already { .. })), 3, "{armed:?}");
    server.kill();
    settled(&lab, &subject);
    lab.only_exit(&subject);
}

#[test]
fn a_launcher_has_something_to_do_meanwhile() {
    let lab = Lab::new();
    let canary = lab.canary();
    let mut server = Server::start();
    let subject = server.subject("claude-x");
    let arming = canary.begin_arming(&subject, Watch::Lifeline(server.lifeline().into()));
    assert!(lab.file(&subject, "lease").exists());
    let recorder_pid = spawned(arming.confirm());
    // A new recorder takes over where the old one was killed.
    let recorder = Incarnation::of(recorder_pid).unwrap().unwrap();
    send(&recorder, Signal::KILL).unwrap();
    wait_for("the end of the recorder", || matches!(recorder.state(), Liveness::Dead { .. }).then_some(()));
    assert_eq!(canary.list().unwrap()[0].state, CanaryState::Unwatched);
    let (wait, pid_file) = client(&lab, &server);
    let iapeer_canary::Wait::Client { argv } = wait else { panic!("{wait:?}") };
    let second = spawned(canary.arm(&subject, Watch::Client { argv }));
    assert_ne!(second, recorder_pid);
    let client = client_of(&pid_file);
    server.kill();
    server.reap();
    settled(&lab, &subject);
    let exit = lab.only_exit(&subject);
    assert_eq!((exit.get("wait_rc"), exit.get("observer")), (Some("1"), Some("recorder")));
    wait_for("the end of the client", || matches!(client.state(), Liveness::Dead { .. }).then_some(()));
}

#[test]
fn what_cannot_be_armed_says_why() {
    let lab = Lab::new();
    let canary = lab.canary();
    let mut server = Server::start();
    let subject = server.subject("claude-x");
    let refused = canary.arm(&subject, Watch::Client { argv: vec![] });
    assert!(matches!(refused, Armed::Failed(ArmError::Prepare(_))), "{refused:?}");
    server.kill();
    let gone = canary.arm(&subject, Watch::Lifeline(server.lifeline().into()));
    assert!(matches!(gone, Armed::Failed(ArmError::ServerGone)), "{gone:?}");
    settled(&lab, &subject);
    assert_eq!(lab.only_exit(&subject).get("cause"), Some("died-before-arm"));

    let blocked = Lab::new();
    std::fs::create_dir_all(blocked.root.join("state")).unwrap();
    std::fs::write(&blocked.places.state, "a file in place of the folder").unwrap();
    let failed = blocked.canary().arm(&subject, Watch::Poll { secs: 1 });
    assert!(matches!(failed, Armed::Failed(ArmError::Prepare(_))), "{failed:?}");
}

#[test]
fn an_intent_is_for_the_living() {
    let lab = Lab::new();
    let canary = lab.canary();
    let mut server = Server::start();
    let subject = server.subject("claude-x");
    let intent = lab.file(&subject, "intent");
    let Intended::Published(guard) = canary.intend(&subject, "cli", "stop", MINUTE).unwrap() else {
        panic!("not published");
    };
    assert!(intent.exists());
    guard.withdraw().unwrap();
    assert!(!intent.exists());

    // Who came first stays as it is, and nobody else can take it back.
    let intended = canary.intend(&subject, "hook", "end", MINUTE).unwrap();
    assert!(matches!(intended, Intended::Published(_)));
    let text = std::fs::read(&intent).unwrap();
    match canary.intend(&subject, "cli", "stop", MINUTE * 2).unwrap() {
        Intended::Already { by, reason } => assert_eq!((by.as_str(), reason.as_str()), ("hook", "end")),
        other => panic!("{other:?}"),
    }
    assert_eq!(std::fs::read(&intent).unwrap(), text);
    // One that counts no more, or is torn, is replaced; then the one before is nobody's any more.
    let Intended::Published(first) = intended else { panic!("not published") };
    for outdated in ["", "ts=1 ev=intent up=1 ttl=9", "ts=1 ev=intent up=0 ttl=0 by=a reason=b end=1\n"] {
        std::fs::write(&intent, outdated).unwrap();
        let intended = canary.intend(&subject, "cli", "stop", MINUTE).unwrap();
        assert!(matches!(intended, Intended::Published(_)), "{outdated:?} {intended:?}");
    }
    first.withdraw().unwrap();
    assert!(std::fs::read_to_string(&intent).unwrap().contains("by=cli"));
    std::fs::remove_file(&intent).unwrap();

    let mut recorder = Recorder::watching(&lab, SH, &subject, &mut server);
    recorder.signal(Signal::KILL);
    recorder.ended();
    server.kill();
    assert!(matches!(canary.intend(&subject, "cli", "stop", MINUTE).unwrap(), Intended::AlreadyDead));
    assert!(!intent.exists());
    assert!(matches!(sweep(&canary)[..], [Finding::Recorded(_)]));
    assert_eq!(lab.only_exit(&subject).get("intent"), Some("none"));
}

#[test]
fn of_several_intents_at_once_one_stands_whole() {
    let outdated = "ts=1 ev=intent up=0 ttl=0 by=a reason=b end=1\n";
    for before in [None, Some(outdated), Some(""), None, Some(outdated)] {
        let lab = Lab::new();
        let server = Server::start();
        let subject = server.subject("claude-x");
        std::fs::create_dir_all(&lab.places.state).unwrap();
        if let Some(text) = before {
            std::fs::write(lab.file(&subject, "intent"), text).unwrap();
        }
        let start = std::sync::Barrier::new(6);
        let intend = |by: &str| {
            start.wait();
            match lab.canary().intend(&subject, by, "at once", MINUTE).unwrap() {
                Intended::Published(_) => (1, by.to_owned()),
                Intended::Already { by, .. } => (0, by),
                Intended::AlreadyDead => panic!("it lives"),
            }
        };
        let said: Vec<_> = std::thread::scope(|scope| {
            let intend = &intend;
            let names = ["a1", "b2", "c3", "d4", "e5", "f6"];
            let threads = names.map(|by| scope.spawn(move || intend(by)));
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        // One says that it is its own, and all others that it is this one's.
        assert_eq!(said.iter().map(|(published, _)| published).sum::<u32>(), 1, "{said:?}");
        let standing = std::fs::read_to_string(lab.file(&subject, "intent")).unwrap();
        assert!(said.iter().all(|(_, by)| standing.contains(&format!(" by={by} "))), "{said:?} {standing}");
        assert!(standing.ends_with(" end=1\n"), "{standing}");
    }
}

#[test]
fn a_dismissed_canary_of_exactly_this_name_is_silent() {
    let lab = Lab::new();
    let canary = lab.canary();
    let arm = |identity: &str| {
        let mut server = Server::start();
        let subject = server.subject(identity);
        spawned(canary.arm(&subject, Watch::Lifeline(server.lifeline().into())));
        (server, subject)
    };
    let (bob, bob_subject) = arm("claude-bob");
    let (bob2, bob2_subject) = arm("claude-bob2");
    let dismissed = canary.dismiss("claude-bob", "cli", "by hand", MINUTE).unwrap();
    assert_eq!(dismissed.len(), 1);
    assert_eq!(dismissed[0].0, bob_subject);
    for (server, subject) in [(bob, &bob_subject), (bob2, &bob2_subject)] {
        server.kill();
        settled(&lab, subject);
    }
    let stops = lab.server_stops();
    assert_eq!(stops.iter().map(|stop| stop.get("identity").unwrap()).collect::<Vec<_>>(), ["claude-bob"]);
    assert_eq!(lab.server_exits().len(), 1);
    lab.only_exit(&bob2_subject);
}

#[test]
fn a_sweep_honours_an_intent_that_counts() {
    let lab = Lab::new();
    let (canary, machine) = lab.canary_on(Machine::default());
    for (up, wanted) in [(0, "stopped"), (120, "recorded")] {
        let server = Server::start();
        let subject = server.subject(wanted);
        drop(canary.begin_arming(&subject, Watch::Poll { secs: 1 }).confirm());
        let recorder = Incarnation::of(canary.list().unwrap()[0].recorder_pid.unwrap()).unwrap().unwrap();
        send(&recorder, Signal::KILL).unwrap();
        wait_for("the end of the recorder", || {
            matches!(recorder.state(), Liveness::Dead { .. }).then_some(())
        });
        assert!(matches!(canary.intend(&subject, "cli", "stop", MINUTE).unwrap(), Intended::Published(_)));
        // The clock may go where it likes.
        machine.clock_secs.store(36_000, Ordering::SeqCst);
        server.kill();
        machine.up_secs.store(up, Ordering::SeqCst);
        let found = sweep(&canary);
        match wanted {
            "stopped" => assert_eq!(found, [Finding::Stopped]),
            _ => assert!(matches!(found[..], [Finding::Recorded(_)]), "{found:?}"),
        }
        canary.purge(wanted).unwrap();
    }
    assert_eq!(lab.server_stops().len(), 1);
    assert_eq!(lab.server_exits()[0].get("intent"), Some("stale"));
}

#[test]
fn a_watcher_in_a_program_claims_before_the_script() {
    let lab = Lab::new();
    let canary = lab.canary();
    let mut server = Server::start();
    let subject = server.subject("claude-x");
    let mut recorder = Recorder::watching(&lab, SH, &subject, &mut server);
    assert_eq!(canary.claim(&subject, None).unwrap(), Claimed::StillAlive);
    recorder.signal(Signal::STOP);
    server.kill();
    let Claimed::Recorded(record) = canary.claim(&subject, None).unwrap() else { panic!("not recorded") };
    let Death::Server(exit) = &record.what else { panic!("{record:?}") };
    assert_eq!(exit.observer.as_deref(), Some("supervisor"));
    assert_eq!(record.status(), Some(ExitWord::Signaled(9)));
    assert_eq!(canary.claim(&subject, None).unwrap(), Claimed::Already);
    recorder.signal(Signal::CONT);
    recorder.ended();
    lab.only_exit(&subject);
    assert!(lab.root.join("logs/server-deaths").join(format!("{}.txt", subject.death())).exists());

    // Also for a server that nobody had armed, and with what the event told.
    let unarmed = Server::start();
    unarmed.kill();
    let other = unarmed.subject("claude-y");
    let Claimed::Recorded(record) = canary.claim(&other, Some(ExitWord::Exited(3))).unwrap() else {
        panic!("not recorded");
    };
    assert_eq!(record.status(), Some(ExitWord::Exited(3)));
    assert_eq!(lab.only_exit(&other).get("cause"), Some("orderly-exit"));
}

#[test]
fn a_purge_ends_the_watch_and_leaves_the_namesake() {
    let lab = Lab::new();
    let canary = lab.canary();
    let mut servers = Vec::new();
    for identity in ["claude-bob", "claude-bob2", "claude.bob"] {
        let mut server = Server::start();
        let subject = server.subject(identity);
        let recorder_pid = spawned(canary.arm(&subject, Watch::Lifeline(server.lifeline().into())));
        servers.push((server, recorder_pid));
    }
    // A death that is owed is recorded first.
    let mut dead = Server::start();
    let owed = dead.subject("claude-bob");
    let mut recorder = Recorder::watching(&lab, SH, &owed, &mut dead);
    recorder.signal(Signal::KILL);
    recorder.ended();
    dead.kill();

    canary.purge("claude-bob").unwrap();
    lab.only_exit(&owed);
    let names: Vec<_> = std::fs::read_dir(&lab.places.state)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with("claude"))
        .collect();
    assert!(
        names.iter().all(|n| n.starts_with("claude-bob2.") || n.starts_with("claude%2Ebob.")),
        "{names:?}"
    );
    let alive: Vec<_> = servers.iter().map(|(_, pid)| Incarnation::of(*pid).unwrap().is_some()).collect();
    assert_eq!(alive, [false, true, true]);
    assert_eq!(canary.list().unwrap().len(), 2);
    for (server, _) in &servers {
        assert_eq!(server.incarnation.state(), Liveness::Alive);
    }
    canary.purge("claude-bob2").unwrap();
    canary.purge("claude.bob").unwrap();
    assert_eq!(canary.list().unwrap(), []);
}

#[test]
fn old_tombstones_and_forensics_go() {
    let lab = Lab::new();
    let (canary, machine) = lab.canary_on(Machine::default());
    let server = Server::start();
    let subject = server.subject("claude-x");
    server.kill();
    assert!(matches!(canary.claim(&subject, None).unwrap(), Claimed::Recorded(_)));
    std::fs::write(lab.file(&subject, "17.exit"), "").unwrap();
    std::fs::write(lab.file(&subject, "lease.17"), "").unwrap();
    for (name, megabytes) in [("old", 40), ("new", 40)] {
        let file = std::fs::File::create(lab.places.forensics.join(format!("{name}.txt"))).unwrap();
        file.set_len(megabytes << 20).unwrap();
        let age = if name == "old" { 100 } else { 0 };
        file.set_modified(std::time::SystemTime::now() - Duration::from_secs(age)).unwrap();
    }
    sweep(&canary);
    assert!(lab.file(&subject, "dead").exists());
    assert!(lab.places.forensics.join("new.txt").exists());
    assert!(!lab.places.forensics.join("old.txt").exists());

    machine.clock_secs.store(2 * 3600, Ordering::SeqCst);
    sweep(&canary);
    assert!(!lab.file(&subject, "lease.17").exists());
    assert!(lab.file(&subject, "dead").exists());
    machine.clock_secs.store(8 * 24 * 3600, Ordering::SeqCst);
    sweep(&canary);
    assert!(!lab.file(&subject, "dead").exists());
    assert!(!lab.file(&subject, "17.exit").exists());
}
