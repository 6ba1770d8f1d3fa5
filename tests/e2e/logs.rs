//! `logs`: what happened, as one timeline.

use std::fs;

use rustix::process::Signal;

use crate::deaths_listed::{Follower, server_exit, session_exit};
use crate::host::{Host, IAPEER, finish};
use crate::machine::{kill, wait_until};

/// A host with a past.
fn history() -> Host {
    let host = Host::new();
    fs::create_dir_all(host.root("logs/iapeer")).unwrap();
    let decisions = [
        "ts=2026-11-20T09:00:00.000Z ev=wake identity=shell-alpha runtime=shell mode=fresh cause=first-wake\n",
        "ts=2026-11-20T09:30:00.000Z ev=wake identity=shell-beta runtime=shell mode=fresh cause=first-wake\n",
        "ts=2026-11-20T11:00:00.000Z ev=supervise identity=claude-alpha action=reaped-gone death=server-dead \
         cause=server-vanished\n",
        "ts=2026-11-20T12:00:00.000Z ev=stop identity=shell-beta by=\"iapeer stop\" was_live=true survivors=0\n",
        "ts=2026-11-20T13:00:00.000Z ev=of-the-future identity=shell-beta what=\"two\\nlines\"\n",
    ];
    fs::write(host.root("logs/iapeer/lifecycle.log"), decisions.concat()).unwrap();
    let exits = [
        server_exit("2026-11-20T10:00:00.000Z", "claude-alpha", "server-vanished"),
        session_exit("2026-11-20T12:30:00.000Z", "shell-alpha", 3),
        "no line of ours\n".to_owned(),
    ];
    fs::write(host.root("logs/iapeer/exits.log"), exits.concat()).unwrap();
    host
}

#[test]
fn one_timeline_of_all_that_happened() {
    let host = history();
    let told = host.told(&[
        "logs",
        "logs beta",
        "logs alpha --since 2026-11-20T10:30",
        "logs gamma",
        "logs beta --json",
    ]);
    host.holds("logs", &told.replace("2026-11-", "2026/11/"));
    host.fails("logs-usage", 2, &["logs --since yesterday", "logs Alpha"]);
}

#[test]
fn the_last_lines_of_a_pane_are_among_it() {
    let (host, _) = Host::with_session();
    host.types("shell-alpha", "echo one-$((1 + 1))-three");
    let log = host.root("logs/lifecycle/shell-alpha.log");
    wait_until("the pane has shown it", || {
        fs::read_to_string(&log).unwrap_or_default().contains("one-2-three")
    });
    let lines = host.json("logs alpha")["lines"].as_array().unwrap().clone();
    let pane: Vec<_> = lines.iter().filter(|line| line["origin"] == "pane").collect();
    assert!(pane.iter().any(|line| line["what"] == "one-2-three"), "{lines:?}");
    assert!(lines.iter().any(|line| line["event"] == "wake"), "{lines:?}");
    assert!(host.json("logs")["lines"].as_array().unwrap().iter().all(|line| line["origin"] != "pane"));
}

#[test]
fn only_the_last_lines_are_shown_unless_it_is_said_since_when() {
    let host = Host::new();
    fs::create_dir_all(host.root("logs/iapeer")).unwrap();
    let lines: String = (0..50)
        .map(|n| format!("ts=2026-11-20T09:00:{n:02}.000Z ev=start identity=shell-alpha by=me\n"))
        .collect();
    fs::write(host.root("logs/iapeer/lifecycle.log"), lines).unwrap();
    let ran = host.ok("logs");
    assert_eq!(ran.stdout.lines().count(), 40);
    assert!(ran.stdout.starts_with("2026-11-20T09:00:10Z "), "{ran}");
    assert!(ran.stderr.contains("10 older lines are not shown"), "{ran}");
    assert_eq!(host.ok("logs --since 2026-01-01").stdout.lines().count(), 50);
    assert_eq!(host.json("logs")["lines"].as_array().unwrap().len(), 50);

    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let ran = finish(host.command(IAPEER, "logs").stdout(writer));
    assert_eq!((ran.exit, ran.stderr.lines().count()), (0, 0), "{ran}");
}

#[test]
fn it_is_followed_until_ctrl_c() {
    let host = history();
    let mut follower = Follower::begin(&host, "logs beta --follow");
    let append = |log: &str, line: &str| {
        use std::io::Write as _;
        let mut file = fs::OpenOptions::new().append(true).open(host.root("logs/iapeer").join(log)).unwrap();
        file.write_all(line.as_bytes()).unwrap();
    };
    append("lifecycle.log", "ts=2026-11-21T09:00:00.000Z ev=start identity=shell-alpha by=me\n");
    append("lifecycle.log", "ts=2026-11-21T09:00:01.000Z ev=start identity=shell-beta by=me\n");
    assert_eq!(follower.line(), "2026-11-21T09:00:01Z  shell-beta  lifecycle  may be started again, by me");
    append("exits.log", &session_exit("2026-11-21T09:00:02.000Z", "shell-beta", 4));
    assert_eq!(
        follower.line(),
        "2026-11-21T09:00:02Z  shell-beta  exits  its program ended by itself with exit code 4"
    );
    kill(follower.child.id(), Signal::INT);
    assert_eq!(follower.end(), (Some(0), vec![], String::new()));
}
