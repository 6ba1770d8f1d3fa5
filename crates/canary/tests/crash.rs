//! The witness is cut off before every other one of its commands, from its first to its last; what it left
//! undone, a sweep does. And: what it does where nothing more can be started or written.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "integration tests"
)]

mod support;

use iapeer_canary::{Liveness, Signal};
use std::collections::BTreeSet;
use support::{Lab, Recorder, SH, Server, Shell, lifeline_script, wait_for};

/// Counts the commands; before the wanted one the shell is cut off. `$?` is what the command before left. The
/// child that arms has numbers of its own, and may be cut off alone.
const CRASH: &str = "crash() {
  crash_code=$?
  crash_count=$((crash_count + 1))
  if [ \"$crash_count\" -eq \"$CRASH_AT\" ]; then
    if [ \"$CRASH_BY\" = child ]; then exit 137; fi
    kill -s \"$CRASH_BY\" $$
  fi
  return \"$crash_code\"
}
crash_count=0
[ -z \"${witness_part:-}\" ] || crash_count=1000
";
/// The first number of the child's.
const CHILD: u32 = 1000;

/// The script with a call before each line where one may stand.
fn with_crash_points(text: &str) -> String {
    let (head, body) = text.split_once("# ---- constant").unwrap();
    let mut result = format!("{head}{CRASH}# ---- constant");
    let mut continues = true;
    for line in body.split_inclusive('\n') {
        let bare = line.trim();
        let word = bare.split([' ', ';']).next().unwrap_or_default();
        let assigns = bare.split_once('=').is_some_and(|(name, _)| {
            name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_') && !name.is_empty()
        });
        let simple = assigns
            || matches!(word, "put" | "rm" | "emit" | "claim" | "judge_cause" | "judge_oom" | "judge_intent")
            || matches!(word, "look" | "read_boot" | "read_clock" | "take_lease" | "watch_on" | "record")
            || matches!(word, "read_uptime" | "wait_once" | "make_sure" | "stand_down")
            || matches!(
                word,
                "forensics" | "trap" | "umask" | "choose_reader" | "settle" | "return" | "exit"
            )
            || bare.starts_with("[ ")
            || bare.starts_with("{ ")
            || bare.starts_with("if [ ");
        if simple && !continues && line.starts_with("  ") && !bare.contains(") ;;") {
            result.push_str("crash\n");
        }
        result.push_str(line);
        // A list that goes on, a string of several lines, or the patterns of a case.
        continues = bare.ends_with(['\\', '|', '&']) || bare.starts_with('&') || bare.ends_with(" in");
        continues |= bare.matches('\'').count() % 2 == 1;
    }
    result
}

/// Whether a run was cut off.
enum Run {
    Cut,
    Whole,
}

fn run(shell: Shell, at: u32, by: &str, deaths_seen: &mut BTreeSet<String>) -> Run {
    let lab = Lab::new();
    let mut server = Server::start();
    let subject = server.subject("claude-x");
    lab.write_lease(&subject);
    let text = with_crash_points(&lifeline_script(&lab, &subject));
    let text = format!("CRASH_AT={at} CRASH_BY={by}\n{text}");
    let mut recorder = Recorder::start(shell, &text, server.lifeline(), &lab.root);
    if by == "child" {
        recorder.wait_until_at_rest(shell);
    } else {
        // It arms, or is cut off in that.
        let named = format!(" recorder_pid={} ", recorder.incarnation.pid);
        wait_for("the recorder to watch or to end", || {
            let lease = std::fs::read_to_string(lab.file(&subject, "lease")).unwrap_or_default();
            (lease.contains(&named) || !recorder.is_running()).then_some(())
        });
    }
    server.kill();
    let status = recorder.ended();
    let canary = lab.canary();
    for _ in 0..2 {
        assert!(canary.sweep().unwrap().problems.is_empty());
    }
    let exit = lab.only_exit(&subject);
    deaths_seen.insert(exit.get("observer").unwrap().to_owned());
    assert!(matches!(server.incarnation.state(), Liveness::Dead { .. }));
    assert_eq!(lab.canary().deaths().unwrap().unreadable_lines, 0, "{by} at {at}");
    let cut = if by == "KILL" { !status.success() } else { exit.get("wait_rc") == Some("sigTERM") };
    if cut || !status.success() { Run::Cut } else { Run::Whole }
}

#[test]
fn cut_off_anywhere_it_leaves_exactly_one_record() {
    let by_kill = side_by_side(|first| cut_off_each("KILL", (2 * first..).step_by(8)));
    let (places, observers) = &by_kill;
    println!("cut off by KILL at {places} places, then recorded by {observers:?}");
    assert!(*places > 30, "cut off only {places} times");
    assert_eq!(observers.len(), 2, "both write some of the records: {observers:?}");
    let (arming, observers) = side_by_side(|first| cut_off_each("KILL", (CHILD + first..).step_by(4)));
    println!("killed at {arming} places of its child's arming, then recorded by {observers:?}");
    assert!(arming > 10, "cut off only {arming} times");
    let alone = side_by_side(|first| {
        let mut observers = BTreeSet::new();
        for at in (CHILD + first..=CHILD + arming).step_by(4) {
            assert!(matches!(run(SH, at, "child", &mut observers), Run::Whole), "it watches all the same");
        }
        (0, observers)
    });
    assert!(alone.1.iter().eq(["recorder"]), "{alone:?}");
    // A TERM is a request, and from the death on it is not heard.
    let by_term = side_by_side(|first| cut_off_each("TERM", (8 * first..=2 * places).step_by(40)));
    println!("told to end by TERM: {by_term:?}");
}

fn side_by_side(work: impl Fn(u32) -> (u32, BTreeSet<String>) + Sync) -> (u32, BTreeSet<String>) {
    let results = std::thread::scope(|scope| {
        let work = &work;
        let threads = [1, 2, 3, 4].map(|first| scope.spawn(move || work(first)));
        threads.map(|thread| thread.join().unwrap())
    });
    let cut = results.iter().map(|(cut, _)| cut).sum();
    (cut, results.into_iter().flat_map(|(_, observers)| observers).collect())
}

/// At each of these places, until there are no more; how many there were, and who recorded.
fn cut_off_each(by: &str, places: impl Iterator<Item = u32>) -> (u32, BTreeSet<String>) {
    let (mut cut, mut whole, mut observers) = (0, 0, BTreeSet::new());
    for at in places {
        match run(SH, at, by, &mut observers) {
            Run::Cut => (cut, whole) = (cut + 1, 0),
            Run::Whole => whole += 1,
        }
        // Loops may make one run a little longer than another.
        if by == "KILL" && whole == 2 {
            break;
        }
        assert!(at < 2000, "it never ends");
    }
    (cut, observers)
}

/// A disk with no room but for a part of the line: what is torn is known as torn, and the record stands
/// elsewhere. Here the limit on the size of files stands in for the disk.
#[test]
fn a_line_that_fits_only_in_part_is_written_elsewhere() {
    let lab = Lab::new();
    let mut server = Server::start();
    let subject = server.subject("claude-x");
    std::fs::create_dir_all(lab.places.exits_log.parent().unwrap()).unwrap();
    // Files may have 1024 bytes here; 1000 of them are taken.
    let taken = format!("ts=2026-11-21T01:02:03.004Z ev=note text={}\n", "x".repeat(957));
    std::fs::write(&lab.places.exits_log, &taken).unwrap();
    let room = 1024 - taken.len();
    assert!((1..100).contains(&room), "{room}");
    let text = format!("ulimit -f 2\ntrap '' XFSZ\n{}", lifeline_script(&lab, &subject));
    let mut recorder = Recorder::start(SH, &text, server.lifeline(), &lab.root);
    recorder.wait_until_armed(&lab, &subject);
    server.kill();
    recorder.ended();
    let torn = std::fs::read_to_string(&lab.places.exits_log).unwrap();
    assert!(torn.len() > taken.len() && !torn.ends_with('\n'), "{torn}");
    let fallback = lab.places.state.join("exits.fallback.log");
    assert_eq!(lab.events(&fallback, "server-exit").len(), 1);
    assert_eq!(lab.canary().deaths().unwrap().records.len(), 1);
    assert_eq!(lab.canary().sweep().unwrap().moved_lines, 1);
    assert_eq!(lab.canary().sweep().unwrap().moved_lines, 0);
    let deaths = lab.canary().deaths().unwrap();
    assert_eq!((deaths.records.len(), deaths.unreadable_lines), (1, 1), "{deaths:?}");
}

/// With no process left to its user, a shell can start none: where `date` is one, the sweep writes the record.
#[test]
fn where_no_process_can_be_started_the_record_is_made_up_for() {
    if !support::is_there("setpriv") || !support::is_there("prlimit") || !support::is_root() {
        eprintln!("not as root, or without setpriv: not tried");
        return;
    }
    // bash and mksh try for half a minute before they give up.
    for (uid, shell) in
        (54321..).zip(support::shells().into_iter().filter(|shell| !matches!(shell.0[0], "bash" | "mksh")))
    {
        let lab = Lab::new();
        let mut server = Server::start();
        let subject = server.subject("claude-x");
        let text = lifeline_script(&lab, &subject);
        let mut recorder = Recorder::start_as(uid, shell, &text, server.lifeline(), &lab);
        recorder.wait_until_armed(&lab, &subject);
        recorder.wait_until_at_rest(shell);
        // It watches by now; then its user has no process left.
        let others: Vec<_> = (0..support::NPROC).map(|_| Server::of_user(uid)).collect();
        server.signal(Signal::KILL);
        recorder.ended();
        lab.sweep();
        let exit = lab.only_exit(&subject);
        // Its own user may not know how another's process ended.
        let told = ["cause", "observer", "status"].map(|key| exit.get(key).unwrap());
        assert!(
            matches!(told, ["unobserved", "sweep", "sig9"] | ["server-vanished", "recorder", "unknown"]),
            "{shell:?} {told:?}"
        );
        assert_eq!(lab.sweep(), [], "{shell:?}");
        drop(others);
    }
}
