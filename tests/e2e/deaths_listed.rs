//! What `deaths` shows of the journal: which, how many, how wide, and as they come.

use std::fs::{self, OpenOptions};
use std::io::{BufRead, BufReader, Read, Write as _};
use std::process::{Child, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;

use crate::host::{Host, IAPEER};
use crate::machine::{kill, murder, wait_for};
use crate::terminal::Terminal;

/// A record of the death of a server, as its witness writes it.
pub(crate) fn server_exit(ts: &str, identity: &str, cause: &str) -> String {
    format!(
        "ts={ts} ev=server-exit death={identity}.ec5a8d52.17.{} identity={identity} cause={cause} status=sig9 \
         oom=no wait_rc=lifeline server_pid=17 intent=none observer=recorder forensics=/f/{identity}.txt end=1\n",
        ts.replace(|c: char| !c.is_ascii_digit(), "")
    )
}

pub(crate) fn session_exit(ts: &str, identity: &str, code: u8) -> String {
    format!(
        "ts={ts} ev=session-exit identity={identity} dead_status={code} dead_signal= server_pid=17 pane_pid=18 end=1\n"
    )
}

/// A host whose journal has a fleet that was killed at once, and other deaths around it.
fn history() -> Host {
    let host = Host::new();
    fs::create_dir_all(host.root("logs/iapeer")).unwrap();
    let mut lines = vec![session_exit("2026-11-19T10:00:00.000Z", "shell-alpha", 1)];
    for (n, peer) in ["alpha", "beta", "gamma"].iter().enumerate() {
        let ts = format!("2026-11-20T10:00:0{n}.500Z");
        lines.push(server_exit(&ts, &format!("claude-{peer}"), "server-vanished"));
    }
    lines.push(server_exit("2026-11-20T10:00:02.000Z", "shell-alpha", "orderly-exit"));
    lines.push(server_exit("2026-11-21T10:00:00.000Z", "claude-alpha", "server-vanished"));
    fs::write(host.root("logs/iapeer/exits.log"), lines.concat()).unwrap();
    host
}

#[test]
fn servers_that_died_together_are_one_incident() {
    let host = history();
    host.holds(
        "deaths-incident",
        &host.told(&["deaths", "deaths --all", "deaths --peer beta"]).replace("2026-11-", "2026/11/"),
    );
    let deaths = host.deaths();
    let incidents: Vec<_> = deaths.iter().map(|death| death["incident"].as_str()).collect();
    let one = Some("20261120T100000500Z-server-vanished");
    assert_eq!(incidents, [None, one, one, one, None, None]);
    // The incident has its name whichever of its deaths are asked for.
    let of_beta = host.json("deaths --peer beta");
    assert_eq!(of_beta["deaths"][0]["incident"].as_str(), one);
}

#[test]
fn deaths_can_be_chosen() {
    let host = history();
    let chosen = |command: &str| {
        let document = host.json(command);
        let deaths = document["deaths"].as_array().unwrap();
        deaths.iter().map(|death| death["ts"].as_str().unwrap()[8..22].to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(chosen("deaths --since 2026-11-21"), ["21T10:00:00.00"]);
    assert_eq!(chosen("deaths --since 2026-11-20T10:00:02Z").len(), 3);
    assert_eq!(chosen("deaths --since 36500d").len(), 6);
    assert_eq!(chosen("deaths --cause program-exited"), ["19T10:00:00.00"]);
    assert_eq!(chosen("deaths --peer alpha --cause server-vanished --since=2026-11-20").len(), 2);
    let commands = [
        "deaths --summary",
        "deaths --summary --peer alpha --json",
        "deaths --cause swept",
        "deaths --since 2099-01-01 --summary",
    ];
    host.holds("deaths-chosen", &host.told(&commands));
    host.fails(
        "deaths-usage",
        2,
        &["deaths --since yesterday", "deaths --cause murder", "deaths --summary --follow"],
    );
}

#[test]
fn only_the_last_are_shown_unless_all_are_asked_for() {
    let host = Host::new();
    fs::create_dir_all(host.root("logs/iapeer")).unwrap();
    let lines = (10..35).map(|n| session_exit(&format!("2026-11-20T10:{n}:00.000Z"), "shell-alpha", n));
    fs::write(host.root("logs/iapeer/exits.log"), lines.collect::<String>()).unwrap();
    let ran = host.ok("deaths");
    assert_eq!(ran.stdout.lines().count(), 20);
    assert!(ran.stdout.starts_with("2026-11-20T10:15:00.000Z"), "{ran:?}");
    assert!(ran.stderr.starts_with("5 older ones are not shown: iapeer deaths --all"), "{ran:?}");
    assert_eq!(host.ok("deaths --all").stdout.lines().count(), 25);
    assert_eq!(host.ok("deaths --all").stderr, "");
    // A program is given all of them.
    assert_eq!(host.deaths().len(), 25);
}

#[test]
fn a_table_fits_the_terminal() {
    let host = history();
    let terminal = Terminal::open(&host, 60);
    terminal.types(&format!("{IAPEER} deaths; {IAPEER} deaths --summary; echo shown: $((6 * 7))"));
    let screen = terminal.shows("shown: 42");
    let screen = screen.split_once("WHEN").map(|(_, table)| format!("WHEN{table}")).unwrap();
    let (table, _) = screen.split_once("shown: 42").unwrap();
    let table = table.lines().map(str::trim_end).collect::<Vec<_>>().join("\n");
    host.holds("deaths-table", &table.replace("2026-11-", "2026/11/"));
}

/// A verb with `--follow`, and what it says, line by line.
pub(crate) struct Follower {
    pub(crate) child: Child,
    lines: Receiver<String>,
}

impl Follower {
    /// Begins, and waits until it has looked at what there is.
    #[track_caller]
    pub(crate) fn begin(host: &Host, args: &str) -> Follower {
        let mut child = host.command(IAPEER, args).spawn().unwrap();
        let (told, lines) = mpsc::channel();
        let stdout = child.stdout.take().unwrap();
        std::thread::spawn(move || {
            BufReader::new(stdout).lines().map_while(Result::ok).try_for_each(|line| told.send(line))
        });
        let mut follower = Follower { child, lines };
        follower.is_waiting();
        follower
    }

    #[track_caller]
    fn is_waiting(&mut self) {
        let mut stderr = BufReader::new(self.child.stderr.take().unwrap());
        let mut line = String::new();
        stderr.read_line(&mut line).unwrap();
        assert!(line.starts_with("waiting for ") && line.ends_with("; Ctrl-C ends it\n"), "{line}");
        self.child.stderr = Some(stderr.into_inner());
    }

    #[track_caller]
    pub(crate) fn line(&mut self) -> String {
        self.lines.recv_timeout(Duration::from_secs(60)).unwrap_or_else(|e| {
            let (mut stderr, exit) = (String::new(), self.child.try_wait().unwrap());
            if exit.is_some() {
                self.child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
            }
            panic!("no line ({e}), {exit:?}: {stderr}")
        })
    }

    /// Waits for the end: its exit code, what it printed beyond, and what it complained of.
    #[track_caller]
    pub(crate) fn end(mut self) -> (Option<i32>, Vec<String>, String) {
        let status = wait_for("the end of deaths --follow", || self.child.try_wait().unwrap());
        let mut stderr = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        (status.code(), self.lines.iter().collect(), stderr)
    }
}

fn append(host: &Host, line: &str) {
    let mut log =
        OpenOptions::new().append(true).create(true).open(host.root("logs/iapeer/exits.log")).unwrap();
    log.write_all(line.as_bytes()).unwrap();
}

#[test]
fn deaths_are_followed_until_ctrl_c() {
    let (host, server) = Host::with_session();
    append(&host, &server_exit("2026-11-20T10:00:00.000Z", "claude-old", "swept"));
    let mut follower = Follower::begin(&host, "deaths --follow");
    murder(server);
    let line = follower.line();
    assert!(line.contains("  shell-alpha  server-exit  server-vanished  "), "{line}");
    // The journal is moved aside, and what follows is in another file.
    let log = host.root("logs/iapeer/exits.log");
    fs::rename(&log, log.with_extension("log.1")).unwrap();
    append(&host, &session_exit("2026-11-21T23:00:00.000Z", "shell-beta", 3));
    assert_eq!(follower.line(), "2026-11-21T23:00:00.000Z  shell-beta  session-exit  program-exited  exit3");
    kill(follower.child.id(), Signal::INT);
    assert_eq!(follower.end(), (Some(0), vec![], String::new()));
}

#[test]
fn deaths_are_followed_as_json_line_by_line() {
    let host = history();
    let mut follower = Follower::begin(&host, "deaths --follow --json --since 2026-11-21 --peer alpha");
    append(&host, &session_exit("2026-11-21T23:00:00.000Z", "shell-beta", 3));
    append(&host, &session_exit("2026-11-21T23:00:01.000Z", "shell-alpha", 4));
    let told: Vec<Value> =
        (0..2).map(|_| serde_json::from_str(&follower.line()).expect("a document")).collect();
    let facts = |told: &Value| {
        ["schema", "identity", "cause"].map(|key| told[key].as_str().unwrap().to_owned()).join(" ")
    };
    let wanted = ["iapeer.death/1 claude-alpha server-vanished", "iapeer.death/1 shell-alpha program-exited"];
    assert_eq!(told.iter().map(facts).collect::<Vec<_>>(), wanted);
    kill(follower.child.id(), Signal::TERM);
    assert_eq!(follower.end(), (Some(0), vec![], String::new()));
}

#[test]
fn a_folder_that_comes_later_is_followed_too() {
    let host = Host::new();
    let mut follower = Follower::begin(&host, "deaths --follow");
    fs::create_dir_all(host.root("logs/iapeer")).unwrap();
    append(&host, &session_exit("2026-11-21T23:00:00.000Z", "shell-alpha", 3));
    assert!(follower.line().contains("shell-alpha"));
    kill(follower.child.id(), Signal::INT);
    assert_eq!(follower.end().0, Some(0));
}

#[test]
fn following_ends_when_nobody_reads_any_more() {
    let host = history();
    let (reader, writer) = std::io::pipe().unwrap();
    let mut child =
        host.command(IAPEER, "deaths --follow").stdout(writer).stderr(Stdio::piped()).spawn().unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    stderr.read_line(&mut String::new()).unwrap();
    // Nothing is printed, and still it does not wait for ever.
    drop(reader);
    let status = wait_for("the end of deaths --follow", || child.try_wait().unwrap());
    assert_eq!(status.code(), Some(0));
    let mut rest = String::new();
    stderr.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "");
}
