//! The witness as a script, under every shell that is here, with `sleep` as its server.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "integration tests"
)]

mod support;

use std::process::Stdio;
use std::time::Duration;

use iapeer_canary::{Finding, Intended, Script, Signal, Wait, send};
use support::{
    Lab, Machine, Recorder, SH, Server, client, client_of, lifeline_script, shells, under_every_shell,
    wait_for,
};

#[test]
fn the_manner_of_the_death_is_told() {
    let cases = [
        (Signal::KILL, "server-vanished", "sig9"),
        (Signal::SEGV, "server-vanished", "sig11"),
        (Signal::ABORT, "server-vanished", "sig6"),
        (Signal::TERM, "orderly-exit", "sig15"),
        (Signal::INT, "orderly-exit", "sig2"),
    ];
    under_every_shell(|shell| {
        for (signal, cause, status) in cases {
            let lab = Lab::new();
            let mut server = Server::start();
            let subject = server.subject("claude-x");
            let mut recorder = Recorder::watching(&lab, shell, &subject, &mut server);
            server.signal(signal);
            assert!(recorder.ended().success(), "{shell:?}");
            let exit = lab.only_exit(&subject);
            let told = ["cause", "status", "intent", "observer", "wait_rc"].map(|key| exit.get(key).unwrap());
            assert_eq!(told, [cause, status, "none", "recorder", "lifeline"], "{shell:?}");
            assert!(!lab.file(&subject, "lease").exists());
            assert_eq!(lab.sweep(), [], "{shell:?}");
        }
    });
}

#[test]
fn the_death_of_an_orphan_is_seen_too() {
    under_every_shell(|shell| {
        let lab = Lab::new();
        let mut server = Server::orphan();
        let subject = server.subject("claude-x");
        let mut recorder = Recorder::watching(&lab, shell, &subject, &mut server);
        server.signal(Signal::KILL);
        recorder.ended();
        let exit = lab.only_exit(&subject);
        assert_eq!(exit.get("cause"), Some("server-vanished"), "{shell:?}");
        // Pid 1 may have reaped it before anybody could look.
        assert!(matches!(exit.get("status"), Some("sig9" | "unknown")), "{shell:?} {exit:?}");
    });
}

#[test]
fn nothing_runs_beside_the_shell_on_a_lifeline() {
    under_every_shell(|shell| {
        let lab = Lab::new();
        let mut server = Server::start();
        let recorder = Recorder::watching(&lab, shell, &server.subject("claude-x"), &mut server);
        recorder.wait_until_at_rest(shell);
    });
}

#[test]
fn a_deliberate_end_is_a_stop_and_no_death() {
    under_every_shell(|shell| {
        let lab = Lab::new();
        let mut server = Server::start();
        let subject = server.subject("claude-x");
        let mut recorder = Recorder::watching(&lab, shell, &subject, &mut server);
        let minute = Duration::from_secs(60);
        let intended = lab.canary().intend(&subject, "the \"cli\"", "it is late\n", minute).unwrap();
        assert!(matches!(intended, Intended::Published(_)));
        server.signal(Signal::KILL);
        recorder.ended();
        let [stop] = &lab.server_stops()[..] else { panic!("{shell:?}") };
        let told = ["identity", "by", "reason", "end"].map(|key| stop.get(key).unwrap());
        assert_eq!(told, ["claude-x", "the \"cli\"", "it is late\n", "1"], "{shell:?}");
        assert_eq!(lab.server_exits(), [], "{shell:?}");
        assert!(!lab.file(&subject, "intent").exists(), "{shell:?}");
    });
}

#[test]
fn a_changed_clock_does_not_make_an_intent_stale() {
    let lab = Lab::new();
    let mut server = Server::start();
    let subject = server.subject("claude-x");
    let bin = lab.root.join("bin");
    std::fs::create_dir_all(&bin).unwrap();
    std::fs::write(bin.join("date"), "#!/bin/sh\necho 2031-01-01T00:00:00.000Z\n").unwrap();
    let chmod = std::process::Command::new("chmod").arg("+x").arg(bin.join("date")).status();
    assert!(chmod.unwrap().success());
    let path = format!("{bin}:{}", std::env::var("PATH").unwrap());
    let text = lifeline_script(&lab, &subject);
    let mut recorder = Recorder::start_with_path(SH, &text, server.lifeline(), &lab.root, &path);
    recorder.wait_until_armed(&lab, &subject);
    let intended = lab.canary().intend(&subject, "cli", "stop", Duration::from_secs(60)).unwrap();
    assert!(matches!(intended, Intended::Published(_)));
    server.signal(Signal::KILL);
    recorder.ended();
    let [stop] = &lab.server_stops()[..] else { panic!("no stop") };
    assert_eq!(stop.ts(), "2031-01-01T00:00:00.000Z");
}

#[test]
fn an_intent_that_does_not_count_silences_nothing() {
    under_every_shell(|shell| {
        for (word, content) in
            [("stale", None), ("torn", Some("")), ("torn", Some("ts=1 ev=intent up=1 ttl=9"))]
        {
            let lab = Lab::new();
            let mut server = Server::start();
            let subject = server.subject("claude-x");
            let mut recorder = Recorder::watching(&lab, shell, &subject, &mut server);
            match content {
                Some(text) => std::fs::write(lab.file(&subject, "intent"), text).unwrap(),
                // Published a minute ago, for one second.
                None => {
                    let (canary, _) = lab.canary_on(Machine { up_secs: (-60).into(), ..Machine::default() });
                    let intended = canary.intend(&subject, "cli", "stop", Duration::from_secs(1)).unwrap();
                    assert!(matches!(intended, Intended::Published(_)));
                }
            }
            // The intent for another server with the same name is not for this one.
            let other = Server::start();
            let foreign =
                lab.canary().intend(&other.subject("claude-x"), "cli", "stop", Duration::from_secs(60));
            assert!(matches!(foreign.unwrap(), Intended::Published(_)));
            server.signal(Signal::KILL);
            recorder.ended();
            assert_eq!(lab.only_exit(&subject).get("intent"), Some(word), "{shell:?}");
            assert_eq!(lab.server_stops(), [], "{shell:?}");
        }
    });
}

#[test]
fn a_recorder_told_to_end_after_the_death_still_records_it() {
    under_every_shell(|shell| {
        for delay_ms in [0, 5, 50, 500] {
            let lab = Lab::new();
            let mut server = Server::start();
            let subject = server.subject("claude-x");
            let mut recorder = Recorder::watching(&lab, shell, &subject, &mut server);
            server.signal(Signal::KILL);
            // The delay is what is tried here, not a way to wait for something.
            std::thread::sleep(Duration::from_millis(delay_ms));
            recorder.signal(Signal::TERM);
            recorder.ended();
            lab.only_exit(&subject);
        }
    });
}

#[test]
fn a_recorder_of_a_living_server_stands_down_and_says_so() {
    under_every_shell(|shell| {
        for signal in [Signal::TERM, Signal::INT] {
            let lab = Lab::new();
            let mut server = Server::start();
            let subject = server.subject("claude-x");
            let mut recorder = Recorder::watching(&lab, shell, &subject, &mut server);
            assert_eq!(lab.sweep(), [Finding::Armed], "{shell:?}");
            // Its `read` is what the signal interrupts.
            recorder.wait_until_at_rest(shell);
            recorder.signal(signal);
            let status = recorder.ended();
            let lines = lab.events(&lab.places.lifecycle_log, "canary");
            assert!(status.success(), "{shell:?} {signal:?} {status:?} {lines:?} {}", lab.left());
            let [line] = &lines[..] else { panic!("{shell:?} {signal:?} {lines:?}") };
            assert_eq!((line.get("state"), line.get("end")), (Some("stood-down"), Some("1")), "{shell:?}");
            assert_eq!(lab.server_exits(), [], "{shell:?}");
            assert_eq!(lab.sweep(), [Finding::Unwatched], "{shell:?}");
            server.kill();
            assert!(matches!(lab.sweep()[..], [Finding::Recorded(_)]), "{shell:?}");
            assert_eq!(lab.only_exit(&subject).get("cause"), Some("unobserved"), "{shell:?}");
        }
    });
}

#[test]
fn who_is_swept_together_with_the_server_records_it() {
    under_every_shell(|shell| {
        let lab = Lab::new();
        let mut server = Server::start();
        let subject = server.subject("claude-x");
        let mut recorder = Recorder::watching(&lab, shell, &subject, &mut server);
        // Its `read` is what the signal interrupts.
        recorder.wait_until_at_rest(shell);
        recorder.signal(Signal::TERM);
        server.signal(Signal::TERM);
        recorder.ended();
        let exit = lab.only_exit(&subject);
        assert_eq!((exit.get("cause"), exit.get("wait_rc")), (Some("swept"), Some("sigTERM")), "{shell:?}");
        assert_eq!(lab.events(&lab.places.lifecycle_log, "canary"), [], "{shell:?}");
    });
}

#[test]
fn a_client_that_ends_is_not_a_death() {
    under_every_shell(|shell| {
        let lab = Lab::new();
        let server = Server::start();
        let subject = server.subject("claude-x");
        let (wait, pid_file) = client(&lab, &server);
        let text = Script::new(subject.clone(), lab.places.clone(), wait).render().unwrap();
        let mut recorder = Recorder::start(shell, &text, Stdio::null(), &lab.root);
        for signal in [Signal::TERM, Signal::KILL] {
            let client = client_of(&pid_file);
            recorder.signal(Signal::HUP);
            send(&client, signal).unwrap();
        }
        // A third client comes: it watches still.
        let client = client_of(&pid_file);
        assert_eq!(lab.sweep(), [Finding::Armed], "{shell:?}");
        assert_eq!(lab.server_exits(), [], "{shell:?}");
        server.signal(Signal::KILL);
        // The test's own child stays a zombie, which answers `kill -0`; the client is ended by hand.
        send(&client, Signal::KILL).unwrap();
        recorder.ended();
        let cause = lab.only_exit(&subject).get("cause").unwrap().to_owned();
        assert_eq!(cause, "client-killed-server-gone", "{shell:?}");
    });
}

#[test]
fn where_waiting_does_not_work_it_polls() {
    under_every_shell(|shell| {
        let lab = Lab::new();
        let server = Server::start();
        let subject = server.subject("claude-x");
        let wait = Wait::Client { argv: vec!["/nonexistent/tmux".to_owned()] };
        let text = Script::new(subject.clone(), lab.places.clone(), wait).render().unwrap();
        let mut recorder = Recorder::start(shell, &text, Stdio::null(), &lab.root);
        let line = wait_for("the word that it polls", || {
            lab.events(&lab.places.lifecycle_log, "canary")
                .pop()
                .filter(|line| line.get("state") == Some("polling"))
        });
        assert_eq!(line.get("identity"), Some("claude-x"), "{shell:?}");
        assert_eq!(lab.sweep(), [Finding::Armed], "{shell:?}");
        server.signal(Signal::KILL);
        recorder.ended();
        assert_eq!(lab.only_exit(&subject).get("wait_rc"), Some("poll"), "{shell:?}");
        assert_eq!(lab.events(&lab.places.lifecycle_log, "canary").len(), 1, "{shell:?}");
    });
}

#[test]
fn the_second_of_two_recorders_leaves() {
    // One shell after the other: what is tried is two that begin in one instant, and with all shells at once
    // on a machine with other work there is no such instant.
    shells().into_iter().for_each(|shell| {
        let lab = Lab::new();
        let mut server = Server::start();
        let subject = server.subject("claude-x");
        let text = lifeline_script(&lab, &subject);
        let pipe = server.lifeline();
        let also = pipe.try_clone().unwrap();
        // Started in the same instant, with the lease that a launcher writes before.
        let mut two =
            [Recorder::start(shell, &text, pipe, &lab.root), Recorder::start(shell, &text, also, &lab.root)];
        let loser = wait_for("one to leave", || two.iter_mut().position(|recorder| !recorder.is_running()));
        assert_eq!(two[loser].ended().code(), Some(4), "{shell:?}");
        assert_eq!(lab.sweep(), [Finding::Armed], "{shell:?}");
        server.signal(Signal::KILL);
        two[1 - loser].ended();
        lab.only_exit(&subject);
    });
}

#[test]
fn of_many_claimers_one_records() {
    let lab = Lab::new();
    let mut server = Server::start();
    let subject = server.subject("claude-x");
    server.kill();
    server.reap();
    let text = lifeline_script(&lab, &subject);
    let mut all: Vec<_> = (0..2)
        .flat_map(|_| shells())
        .map(|sh| Recorder::start(sh, &text, Stdio::null(), &lab.root))
        .collect();
    for recorder in &mut all {
        recorder.ended();
    }
    assert_eq!(lab.only_exit(&subject).get("cause"), Some("died-before-arm"));
}

#[test]
fn a_server_that_died_before_is_recorded_so() {
    under_every_shell(|shell| {
        let lab = Lab::new();
        let mut server = Server::start();
        let subject = server.subject("claude-x");
        server.kill();
        let mut recorder =
            Recorder::start(shell, &lifeline_script(&lab, &subject), server.lifeline(), &lab.root);
        recorder.ended();
        let exit = lab.only_exit(&subject);
        assert_eq!(
            (exit.get("cause"), exit.get("wait_rc")),
            (Some("died-before-arm"), Some("none")),
            "{shell:?}"
        );
    });
}

/// What ends a hundred at once, as a logout or a wave of kills does, is a hundred deaths.
#[test]
fn a_hundred_deaths_at_once_are_a_hundred_records() {
    let lab = Lab::new();
    let mut servers: Vec<_> = (0..100).map(|_| Server::start()).collect();
    let subjects: Vec<_> =
        servers.iter().enumerate().map(|(n, server)| server.subject(&format!("claude-{n}"))).collect();
    let mut recorders: Vec<_> = std::iter::zip(&mut servers, &subjects)
        .map(|(server, subject)| {
            Recorder::start(SH, &lifeline_script(&lab, subject), server.lifeline(), &lab.root)
        })
        .collect();
    for (recorder, subject) in std::iter::zip(&recorders, &subjects) {
        recorder.wait_until_armed(&lab, subject);
    }
    servers.iter().for_each(|server| server.signal(Signal::KILL));
    for recorder in &mut recorders {
        assert!(recorder.ended().success());
    }
    let recorded = lab.canary().deaths().unwrap();
    assert_eq!((recorded.records.len(), recorded.unreadable_lines), (100, 0));
    let mut deaths: Vec<_> = recorded.records.iter().filter_map(|record| record.death()).collect();
    deaths.sort_unstable();
    let mut wanted: Vec<_> = subjects.iter().map(iapeer_canary::Subject::death).collect();
    wanted.sort_unstable();
    assert_eq!(deaths, wanted);
    assert_eq!(lab.sweep(), []);
}
