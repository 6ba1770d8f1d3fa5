//! Real processes that behave badly, each in its own way.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests prepare the files that they run")]

mod common;

use std::io::Write;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use common::{SOON, STARTED, assert_ended, end_survivors, pid, script, sh};
use iapeer_provision_exec::{Exit, KEEP_OUTPUT, Run, State, Survivors};

#[test]
fn success_failure_and_signal() {
    for (script, state, exit) in [
        ("exit 0", State::Ok, Exit::Code(0)),
        ("exit 3", State::Failed, Exit::Code(3)),
        ("kill -9 $$", State::Failed, Exit::Signal(9)),
        ("kill -15 $$", State::Failed, Exit::Signal(15)),
        ("kill -SEGV $$", State::Failed, Exit::Signal(11)),
    ] {
        let outcome = sh(script).run();
        assert_eq!((outcome.state, outcome.exit), (state, Some(exit)), "{script}");
        assert_eq!(outcome.survivors, Survivors::None);
        assert_eq!(outcome.argv, ["/bin/sh", "-c", script]);
        assert_eq!((outcome.reason.clone(), outcome.detail()), (None, None));
    }
}

#[test]
fn streams_are_kept_apart() {
    let outcome = sh("echo out; echo err >&2").run();
    assert_eq!((outcome.stdout.text().as_str(), outcome.stderr.text().as_str()), ("out\n", "err\n"));
    assert_eq!(outcome.detail().as_deref(), Some("err"));
}

#[test]
fn a_grandchild_that_holds_the_pipes_delays_nothing_and_is_left_alone() {
    let outcome = sh("sleep 300 & echo $!").run();
    assert_eq!(outcome.state, State::Ok);
    assert!(outcome.elapsed < SOON, "{:?}", outcome.elapsed);
    assert_eq!(end_survivors(&outcome), [pid(&outcome.stdout.text())]);
}

#[test]
fn a_grandchild_that_keeps_writing_delays_nothing() {
    let start = Instant::now();
    let outcome = sh("(while :; do echo more; done) & exit 6").run();
    assert_eq!(outcome.exit, Some(Exit::Code(6)));
    assert!(start.elapsed() < SOON, "{:?}", start.elapsed());
    // The writer ends by itself: nobody reads its pipe any more.
    if let Survivors::Processes(list) = &outcome.survivors {
        list.iter().for_each(|survivor| assert_ended(survivor.pid));
    }
}

#[test]
fn survivors_of_a_double_fork_are_named_and_live_on() {
    let outcome = sh("(sleep 300 >/dev/null 2>&1 </dev/null & echo $!)").run();
    assert_eq!(outcome.state, State::Ok);
    let sleeper = pid(&outcome.stdout.text());
    let named = outcome.survivors.to_string();
    assert!([format!("{sleeper} sleep"), format!("{sleeper} sh")].contains(&named), "{named}");
    assert_eq!(end_survivors(&outcome), [sleeper]);
}

#[test]
fn over_the_limit_it_is_ended_by_term() {
    let outcome = sh("exec sleep 300").time_limit(Duration::from_millis(200)).run();
    assert_eq!((outcome.state, outcome.exit), (State::Timeout, Some(Exit::Signal(15))));
    assert!(outcome.elapsed >= Duration::from_millis(200));
    assert!(outcome.elapsed < SOON);
}

#[test]
fn a_time_limit_of_nothing_or_of_for_ever_is_fine() {
    let outcome = sh("exec sleep 300").time_limit(Duration::ZERO).run();
    assert_eq!(outcome.state, State::Timeout);
    let outcome = sh("exit 0").time_limit(Duration::MAX).grace(Duration::MAX).run();
    assert_eq!(outcome.state, State::Ok);
}

#[test]
fn who_ignores_term_is_killed_after_the_grace() {
    let (limit, grace) = (STARTED, Duration::from_millis(300));
    let outcome = sh("trap '' TERM; sleep 300; sleep 300").time_limit(limit).grace(grace).run();
    assert_eq!((outcome.state, outcome.exit), (State::Timeout, Some(Exit::Signal(9))));
    assert!(outcome.elapsed >= limit + grace);
    assert!(outcome.elapsed < SOON);
    assert_eq!(outcome.survivors, Survivors::None);
}

#[test]
fn an_orderly_end_in_the_grace_is_a_timeout_with_its_exit_code() {
    let script = "trap 'echo bye; exit 7' TERM; while :; do sleep 0.05; done";
    let outcome = sh(script).time_limit(STARTED).grace(SOON).run();
    assert_eq!((outcome.state, outcome.exit), (State::Timeout, Some(Exit::Code(7))));
    assert_eq!(outcome.stdout.text(), "bye\n");
    assert!(outcome.elapsed < SOON, "nobody was left, so the grace is not waited out");
}

#[test]
fn the_grace_is_for_the_whole_group() {
    // The leader goes at once; its child needs a moment to clean up.
    let script = "(trap 'sleep 0.5; echo cleaned; exit' TERM; while :; do sleep 0.05; done) & wait";
    let outcome = sh(script).time_limit(STARTED).grace(SOON).run();
    assert_eq!((outcome.state, outcome.exit), (State::Timeout, Some(Exit::Signal(15))));
    assert_eq!(outcome.stdout.text(), "cleaned\n");
    assert_eq!(outcome.survivors, Survivors::None);
}

#[test]
fn whoever_of_the_group_stays_after_the_grace_is_killed() {
    let script = "(trap '' TERM; sleep 300; sleep 300) & echo $!; wait";
    let outcome = sh(script).time_limit(STARTED).grace(Duration::from_millis(200)).run();
    assert_eq!((outcome.state, outcome.exit), (State::Timeout, Some(Exit::Signal(15))));
    assert_eq!(outcome.survivors, Survivors::None);
    assert_ended(pid(&outcome.stdout.text()));
}

#[test]
fn a_stopped_command_is_ended() {
    let outcome = sh("kill -STOP $$").time_limit(STARTED).grace(Duration::from_millis(200)).run();
    assert_eq!((outcome.state, outcome.exit), (State::Timeout, Some(Exit::Signal(9))));
}

#[test]
fn endless_output_is_read_and_only_its_end_is_kept() {
    let flood = "head -c 20000000 /dev/zero | tr '\\0' a; echo end";
    let outcome = sh(&format!("{{ {flood}; }} & {{ {flood}; }} >&2; wait")).run();
    assert_eq!(outcome.state, State::Ok);
    for tail in [&outcome.stdout, &outcome.stderr] {
        assert_eq!((tail.total(), tail.bytes().len()), (20_000_004, KEEP_OUTPUT));
        assert!(tail.is_cut() && tail.text().ends_with("aaaend\n"));
    }
    assert_eq!(outcome.detail().unwrap().chars().count(), 401);
}

#[test]
fn the_number_of_kept_bytes_can_be_chosen() {
    let outcome = sh("printf abcdef").keep_output(2).run();
    assert_eq!((outcome.stdout.text().as_str(), outcome.stdout.total()), ("ef", 6));
}

#[test]
fn half_a_character_is_no_harm() {
    let outcome = sh("printf 'a\\303' >&2; exit 1").run();
    assert_eq!(outcome.detail().as_deref(), Some("a\u{fffd}"));
}

#[test]
fn closed_streams_are_not_the_end() {
    let outcome = sh("exec >&- 2>&-; sleep 0.5; exit 4").run();
    assert_eq!(outcome.exit, Some(Exit::Code(4)));
    assert!(outcome.elapsed >= Duration::from_millis(500));
}

#[test]
fn standard_input_is_empty_unless_given() {
    assert_eq!(sh("cat; echo read").run().stdout.text(), "read\n");

    let (reader, mut writer) = std::io::pipe().unwrap();
    writer.write_all(b"given ").unwrap();
    drop(writer);
    let outcome = sh("cat; echo read").stdin(Some(OwnedFd::from(reader))).run();
    assert_eq!(outcome.stdout.text(), "given read\n");
}

#[test]
fn our_side_of_a_given_input_is_closed() {
    for program in ["/bin/true", "/nowhere/at/all"] {
        let (mut reader, writer) = std::io::pipe().unwrap();
        let _ = Run::new(program).stdin(Some(OwnedFd::from(writer))).run();
        // This would block for ever if anybody still held the other end.
        assert_eq!(std::io::read_to_string(&mut reader).unwrap(), "");
    }
}

#[test]
fn environment_and_folder() {
    let folder = tempfile::tempdir().unwrap();
    let real = folder.path().canonicalize().unwrap();
    let show = || sh("echo $A $B; pwd -P; test -n \"$PATH\"").env("A", "1").env("B", "2").env_remove("B");

    let outcome = show().current_dir(&real).run();
    assert_eq!(outcome.stdout.text(), format!("1\n{}\n", real.display()));
    assert_eq!(outcome.state, State::Ok, "the rest of the environment is the caller's");

    let here = std::env::current_dir().unwrap().canonicalize().unwrap();
    let outcome = show().current_dir(real.join("missing")).run();
    assert_eq!(outcome.stdout.text(), format!("1\n{}\n", here.display()));
}

#[test]
fn what_cannot_be_started_is_an_outcome_with_a_reason() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    let pipe = dir.join("pipe");
    assert_eq!(Run::new("/bin/sh").args(["-c", "mkfifo \"$1\"", "sh"]).args([&pipe]).run().state, State::Ok);
    for (program, reason) in [
        (dir.join("missing"), "No such file"),
        (dir.to_owned(), "is a directory"),
        (pipe, "not a regular file"),
        (script(dir, "plain", "#!/bin/sh\n", 0o644), "Permission denied"),
        (script(dir, "no-shebang", "touch \"$0.ran\"\n", 0o755), "begins with #!"),
        (script(dir, "empty", "", 0o755), "begins with #!"),
        (script(dir, "no-interpreter", "#!/no/where/sh\n", 0o755), "interpreter or loader is missing"),
        (script(dir, "file", "", 0o755).join("below"), "Not a directory"),
        (PathBuf::from("sh"), "not an absolute path"),
        (PathBuf::from("./sh"), "not an absolute path"),
        (PathBuf::new(), "not an absolute path"),
    ] {
        let outcome = Run::new(&program).args(["x"]).run();
        assert_eq!((outcome.state, outcome.exit), (State::NotExecutable, None), "{}", program.display());
        assert_eq!(outcome.argv.len(), 2);
        let detail = outcome.detail().unwrap();
        assert!(detail.contains(reason) && detail.contains(&*program.to_string_lossy()), "{detail}");
    }
    assert!(!dir.join("no-shebang.ran").exists(), "no shell ran it");
    let outcome = Run::new(script(dir, "good", "#!/bin/sh\nexit 8\n", 0o755)).run();
    assert_eq!(outcome.exit, Some(Exit::Code(8)));
}

#[test]
fn arguments_that_cannot_be_passed_are_an_outcome() {
    let outcome = sh("exit 0").args(["a\0b"]).run();
    assert_eq!(outcome.state, State::NotExecutable);
    assert!(outcome.detail().unwrap().contains("nul byte"), "{:?}", outcome.detail());

    let outcome = sh("exit 0").args(["x".repeat(8 << 20)]).run();
    assert_eq!(outcome.state, State::NotExecutable);
    assert!(outcome.detail().unwrap().contains("too long"), "{:?}", outcome.detail());
}

#[test]
fn hostile_arguments_arrive_as_they_are() {
    let args = ["a b", "", "$(touch x)", "`y`", "'\"", ";", "&&", "*", "-n", "\n", "ü", "{cwd}", "\\"];
    let outcome = sh("for it; do printf '<%s>' \"$it\"; done").args(["sh"]).args(args).run();
    let want: String = args.iter().map(|arg| format!("<{arg}>")).collect();
    assert_eq!(outcome.stdout.text(), want);
}

#[test]
fn many_at_once() {
    let codes: Vec<_> = std::thread::scope(|scope| {
        let spawn = |code| scope.spawn(move || sh(&format!("sleep 0.1; exit {code}")).run().exit);
        let threads: Vec<_> = (0..16).map(spawn).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(codes, (0..16).map(|code| Some(Exit::Code(code))).collect::<Vec<_>>());
}
