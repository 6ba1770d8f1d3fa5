//! `new`, and the name of a runtime as a verb.

use std::fs;

use crate::host::{Host, IAPEER, finish};
use crate::machine::{is_alive, murder};
use crate::sight::{json_file, number};
use crate::terminal::Terminal;

#[test]
fn new_ends_a_session_and_begins_another() {
    let host = Host::with_scripts(&["alpha", "beta"]);
    let old = host.launch("alpha");
    host.snapshot("new", &["new alpha", "new beta --json", "deaths"]);
    assert!(!is_alive(old));
    let server = number(&host.runtime("alpha")["server_pid"]);
    assert!(is_alive(server) && server != old);
    assert_eq!(
        host.logged("lifecycle.log", &["ev=server-stop identity=script-alpha", "reason=new"]).len(),
        1
    );
    let wakes = host.logged("lifecycle.log", &["ev=wake identity=script-alpha", "cause=folder-launch"]);
    assert_eq!(wakes.len(), 1);
    assert!(!host.root("state/lifecycle/script-alpha.new-eager").exists());
    // Nobody is left waiting for the old one.
    host.ok("supervise --once");
    assert_eq!(host.deaths().len(), 0);
}

#[test]
fn a_death_before_new_is_one() {
    let host = Host::with_peers(&["alpha"]);
    murder(host.launch("alpha"));
    host.ok("new alpha");
    assert_eq!(host.deaths().len(), 1);
    let ring = json_file(&host.root("state/lifecycle/shell-alpha.deaths"));
    assert_eq!(ring.as_array().unwrap().len(), 1);
}

#[test]
fn new_ends_nothing_that_it_could_not_begin() {
    let host = Host::with_peers(&["alpha", "beta"]);
    let server = host.launch("alpha");
    fs::rename(host.root("peers/alpha"), host.root("peers/moved")).unwrap();
    host.ok("stop beta");
    host.ok("create herald --runtime telegram");
    host.fails("new-refused", 3, &["new alpha", "new beta", "new herald"]);
    assert!(is_alive(server));
    fs::rename(host.root("peers/moved"), host.root("peers/alpha")).unwrap();
    assert_eq!(host.runtime("alpha")["server_pid"], server);
}

#[test]
fn what_was_cut_off_while_it_began_anew_is_finished_by_the_next_wake() {
    let host = Host::with_scripts(&["alpha", "beta"]);
    let marks = [
        ("alpha", "soft-reload", jiff::Timestamp::now()),
        ("beta", "first-wake", jiff::Timestamp::UNIX_EPOCH),
    ];
    for (peer, cause, at) in marks {
        let mark = host.root(&format!("state/lifecycle/script-{peer}.new-eager"));
        fs::create_dir_all(mark.parent().unwrap()).unwrap();
        fs::write(&mark, format!("{at}\n")).unwrap();
        // Nobody waits for ever for what somebody wanted at once.
        assert_eq!(host.json(["launch", peer])["cause"], cause);
        assert!(!mark.exists());
    }
}

#[test]
fn the_name_of_a_runtime_starts_the_peer_of_the_folder() {
    let host = Host::with_scripts(&["alpha"]);
    host.ok("create beta --runtime shell");
    let here = |folder: &str, words: &[&str]| {
        let mut command = host.command(IAPEER, words);
        finish(command.current_dir(host.path(folder)))
    };
    std::os::unix::fs::symlink(host.root("peers/alpha"), host.path("link")).unwrap();
    let told: Vec<_> = [
        ("root/peers/alpha", &["script", "--json"][..]),
        ("link", &["script"]),
        ("root/peers/alpha", &["shell"]),
        ("root/peers/beta", &["shell"]),
        ("home", &["script"]),
        ("root/peers/alpha", &["script", "--help"]),
        ("root/peers/alpha", &["script", "alpha"]),
        ("root/peers/alpha", &["skript"]),
    ]
    .iter()
    .map(|(folder, words)| format!("{folder} $ iapeer {}\n{}", words.join(" "), here(folder, words)))
    .collect();
    host.holds("folder-launch", &told.join("\n"));
    assert_eq!(host.logged("lifecycle.log", &["ev=wake", "cause=folder-launch"]).len(), 2);
}

#[test]
fn the_name_of_a_runtime_goes_to_the_session_on_a_terminal() {
    let host = Host::with_peers(&["alpha"]);
    let terminal = Terminal::open(&host, 120);
    terminal.types(&format!("cd {}; {IAPEER} shell; echo left with $?", host.root("peers/alpha").display()));
    terminal.shows("[shell-alp");
    terminal.tmux(&["send-keys", "C-b", "d"]);
    terminal.shows("left with 0");
    let server = number(&host.runtime("alpha")["server_pid"]);
    // One that is live is gone to, and stays as it is.
    terminal.types(&format!("clear; {IAPEER} shell; echo went with $?"));
    terminal.shows("[shell-alp");
    terminal.tmux(&["send-keys", "C-b", "d"]);
    terminal.shows("went with 0");
    assert_eq!(host.runtime("alpha")["server_pid"], server);
    host.ok("stop alpha");
}
