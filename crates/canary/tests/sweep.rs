//! The look afterwards: what nobody recorded, what was left half-done, and what is none of its business.
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

use iapeer_canary::{Canary, Cause, Finding, Host, Intended, Places, Signal, Subject, ThisHost};
use iapeer_statefile::Entry;
use support::{Lab, Machine, Recorder, SH, Server, block, cause, sweep, the_record};

#[test]
fn a_stopped_recorder_is_waited_for_and_then_stood_in_for() {
    let lab = Lab::new();
    let (canary, machine) = lab.canary_on(Machine::default());
    let mut server = Server::start();
    let subject = server.subject("claude-x");
    let mut recorder = Recorder::watching(&lab, SH, &subject, &mut server);
    recorder.signal(Signal::STOP);
    server.kill();
    assert_eq!(sweep(&canary), [Finding::Dying]);
    assert_eq!(sweep(&canary), [Finding::Dying]);
    machine.up_secs.store(5, Ordering::SeqCst);
    assert_eq!(cause(&the_record(&sweep(&canary))), Cause::Unobserved);
    recorder.signal(Signal::CONT);
    recorder.ended();
    lab.only_exit(&subject);
    assert_eq!(sweep(&canary), []);
}

#[test]
fn a_claim_without_a_word_is_recorded_by_the_sweep() {
    let lab = Lab::new();
    let mut server = Server::start();
    let subject = server.subject("claude-x");
    let mut recorder = Recorder::watching(&lab, SH, &subject, &mut server);
    recorder.signal(Signal::KILL);
    recorder.ended();
    std::fs::write(lab.file(&subject, "dead"), "").unwrap();
    assert_eq!(lab.sweep(), [Finding::Unwatched]);
    server.kill();
    the_record(&lab.sweep());
    lab.only_exit(&subject);
    assert_eq!(lab.sweep(), []);
}

#[test]
fn a_record_that_was_not_ticked_off_is_not_written_again() {
    let lab = Lab::new();
    let mut server = Server::start();
    let subject = server.subject("claude-x");
    let mut recorder = Recorder::watching(&lab, SH, &subject, &mut server);
    let (lease, dead) = (lab.file(&subject, "lease"), lab.file(&subject, "dead"));
    let text = std::fs::read(&lease).unwrap();
    server.kill();
    recorder.ended();
    // As if the witness had been killed after its line, with its claim and without.
    let line = std::fs::read_to_string(&dead).unwrap().replace("logged\n", "");
    for claim in [Some(line), None] {
        std::fs::write(&lease, &text).unwrap();
        std::fs::remove_file(&dead).unwrap();
        if let Some(claim) = claim {
            std::fs::write(&dead, claim).unwrap();
        }
        assert_eq!(lab.sweep(), [Finding::Settled]);
        lab.only_exit(&subject);
        assert_eq!(lab.sweep(), []);
    }
}

#[test]
fn a_new_boot_ends_what_was_watched() {
    let lab = Lab::new();
    let mut server = Server::start();
    let subject = server.subject("claude-x");
    let mut recorder = Recorder::watching(&lab, SH, &subject, &mut server);
    // An intent of the other boot cannot be judged any more.
    let intended = lab.canary().intend(&subject, "cli", "stop", Duration::from_secs(600)).unwrap();
    assert!(matches!(intended, Intended::Published(_)));
    recorder.signal(Signal::KILL);
    recorder.ended();
    let boot = Some("deadbeef-0000".parse().unwrap());
    let (canary, _) = lab.canary_on(Machine { boot, ..Machine::default() });
    assert_eq!(cause(&the_record(&sweep(&canary))), Cause::Reboot);
    let exit = lab.only_exit(&subject);
    let told = ["status", "oom", "intent"].map(|key| exit.get(key).unwrap());
    assert_eq!(told, ["unknown", "unknown", "stale"]);
    assert_eq!(sweep(&canary), []);
}

#[test]
fn a_reused_pid_is_another_process() {
    let lab = Lab::new();
    let server = Server::start();
    let mut past = server.incarnation.clone();
    past.start = "1".parse().unwrap();
    let subject = Subject::new("claude-x", past);
    std::fs::create_dir_all(&lab.places.state).unwrap();
    // The lease is torn besides: its name has all that is needed.
    std::fs::write(lab.file(&subject, "lease"), "ts=2026-11-21T01:02:03.004Z ev=lease v=1 ident").unwrap();
    assert_eq!(cause(&the_record(&lab.sweep())), Cause::Unobserved);
    assert_eq!(lab.only_exit(&subject).get("status"), Some("unknown"));
    assert_eq!(lab.sweep(), []);
    assert_eq!(ThisHost::new().boot_id().unwrap(), subject.server.boot);
}

#[test]
fn two_sweeps_at_once_record_once() {
    let lab = Lab::new();
    let mut subjects = Vec::new();
    for number in 0..10 {
        let mut server = Server::start();
        let subject = server.subject(&format!("claude-{number}"));
        let mut recorder = Recorder::watching(&lab, SH, &subject, &mut server);
        recorder.signal(Signal::KILL);
        recorder.ended();
        server.kill();
        subjects.push(subject);
    }
    let places = &lab.places;
    let sweepers = || Canary::new(places.clone()).sweep().unwrap().swept.len();
    let found: usize = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(sweepers)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(found, subjects.len());
    for subject in &subjects {
        lab.only_exit(subject);
    }
}

#[test]
fn one_bad_canary_does_not_keep_the_others_waiting() {
    let lab = Lab::new();
    let mut server = Server::start();
    let subject = server.subject("claude-x");
    let mut recorder = Recorder::watching(&lab, SH, &subject, &mut server);
    recorder.signal(Signal::KILL);
    recorder.ended();
    server.kill();
    let other = Subject::new("claude-a", server.incarnation.clone());
    block(&lab.file(&other, "lease"));
    let swept = lab.canary().sweep().unwrap();
    assert_eq!((swept.swept.len(), swept.problems.len()), (1, 1), "{swept:?}");
    lab.only_exit(&subject);
}

#[test]
fn journals_elsewhere_and_unknown_files_are_no_trouble() {
    let lab = Lab::new();
    let places = Places { state: lab.root.join("s"), ..lab.places.clone() };
    std::fs::create_dir_all(&places.state).unwrap();
    for name in ["README", "a.b.c.d.e", "x.12345678.notapid.1.lease", ".hidden", "exits.fallback.log"] {
        std::fs::write(places.state.join(name), "").unwrap();
    }
    let canary = Canary::new(places.clone());
    assert_eq!(sweep(&canary), []);
    assert_eq!(canary.list().unwrap(), []);
    assert!(places.state.join("README").exists());
    assert_eq!(Entry::parse("nothing").ok(), None);
}
