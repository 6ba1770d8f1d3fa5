//! `launch`, `stop`, `start`, and what a session is made of.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rustix::process::Signal;

use crate::host::Host;
use crate::machine::{is_alive, kill, murder, processes_of, wait_for, wait_until};
use crate::sight::{json_file, number};

#[test]
fn launch_brings_a_session_up() {
    let host = Host::with_peers(&["alpha", "beta"]);
    host.snapshot(
        "launch",
        &["launch alpha", "launch alpha", "launch beta shell --json", "launch beta --json", "list"],
    );
    let session = host.session("shell-alpha");
    let server = number(&session["server"]["pid"]);
    assert!(is_alive(server) && is_alive(number(&session["pane"]["pid"])));
    assert_eq!(
        host.tmux("shell-alpha", &["list-sessions", "-F", "#{session_name} #{pid}"]),
        format!("shell-alpha {server}\n")
    );
    assert_eq!(
        host.logged("lifecycle.log", &["ev=wake identity=shell-alpha", "mode=fresh cause=first-wake"]).len(),
        1
    );
}

#[test]
fn stop_is_no_death_and_start_lifts_it() {
    let host = Host::with_peers(&["alpha", "beta"]);
    let server = host.launch("alpha");
    host.launch("beta");
    host.snapshot("stop", &["stop alpha", "stop alpha", "stop beta shell --json", "list"]);
    assert!(!is_alive(server));
    host.fails("launch-stopped", 3, &["launch alpha"]);
    host.snapshot("stop-then-supervise", &["supervise --once", "deaths"]);
    assert_eq!(host.json("why alpha")["confidence"], "certain");
    assert_eq!(host.logged("exits.log", &[]), [""; 0]);
    assert!(!host.root("state/lifecycle/shell-alpha.deaths").exists());
    host.snapshot("start", &["start alpha", "start alpha", "start beta --json", "list"]);
    assert_eq!(host.deaths(), [""; 0]);
}

#[test]
fn a_session_knows_whose_it_is() {
    let (host, _) = Host::with_session();
    host.types("shell-alpha", r#"env | grep ^PEER_ >env; pwd >pwd; printf 'shown-%s\n' "$((40 + 2))""#);
    let folder = host.root("peers/alpha");
    wait_until("the end of the commands", || folder.join("pwd").exists() && folder.join("env").exists());
    let told = |file: &str| {
        wait_for("what the session writes", || {
            fs::read_to_string(folder.join(file)).ok().filter(|text| text.ends_with('\n'))
        })
    };
    let pwd = told("pwd");
    assert_eq!(pwd.trim_end(), folder.to_str().unwrap());
    let env = told("env");
    let mut env: Vec<_> = env.lines().collect();
    env.sort_unstable();
    assert_eq!(env, ["PEER_IDENTITY=shell-alpha", "PEER_PERSONALITY=alpha", "PEER_RUNTIME=shell"]);
    wait_until("the pane log has what the pane showed", || {
        let log = fs::read_to_string(host.root("logs/lifecycle/shell-alpha.log")).unwrap();
        log.contains("shown-42")
    });
}

#[test]
fn arguments_of_a_runtime_reach_its_program_as_they_are() {
    let host = Host::new();
    let hostile = [
        "two words",
        "; touch x",
        "#{pid}",
        "#(touch x)",
        "$(touch x)",
        "`touch x`",
        "it's",
        "\"quoted\"",
        "",
        "a;",
        "\\;",
        "-t",
        "%1",
        "*",
        "~",
        "ü\nnew line",
        "$HOME",
        "{cwd}",
    ];
    let told = host.path("told");
    let script = host.program(
        "probe",
        &format!(
            r#"for a in "$@"; do printf '%s\0' "$a"; done >{0}.part; mv {0}.part {0}; exec sleep 1000"#,
            told.display()
        ),
    );
    let args = [&[script.to_str().unwrap()], &hostile[..]].concat();
    host.declare_runtime("probe", "/bin/sh", &args);
    host.ok("create alpha --runtime probe");
    host.launch("alpha");
    wait_until("what the program was given", || told.exists());
    let told = fs::read_to_string(told).unwrap();
    assert_eq!(told.split_terminator('\0').collect::<Vec<_>>(), hostile);
    assert_eq!(fs::read_dir(host.root("peers/alpha")).unwrap().count(), 1, "something ran as code");
}

#[test]
fn the_users_tmux_configuration_does_not_reach_a_session() {
    let host = Host::with_peers(&["alpha"]);
    let line = "set -g @reached yes\nset -g remain-on-exit off\n";
    fs::write(host.path("home/.tmux.conf"), line).unwrap();
    fs::create_dir_all(host.path("home/.config/tmux")).unwrap();
    fs::write(host.path("home/.config/tmux/tmux.conf"), line).unwrap();
    host.launch("alpha");
    assert_eq!(host.tmux("shell-alpha", &["show-options", "-gqv", "@reached"]), "");
    assert_eq!(
        host.tmux("shell-alpha", &["show-options", "-pv", "-t", "=shell-alpha:", "remain-on-exit"]),
        "on\n"
    );
}

#[test]
fn stop_ends_what_ran_in_the_session() {
    let (host, _) = Host::with_session();
    // One that does not hear the hang-up, and one that left the terminal, too.
    host.types("shell-alpha", "(trap '' HUP; exec sleep 1001) & (setsid sleep 1002; :) & echo $$ >started");
    let running = |seconds: &str| {
        processes_of(host.folder()).iter().any(|(_, args)| args.trim() == format!("sleep {seconds}"))
    };
    wait_until("both children", || running("1001") && running("1002"));
    let ran = host.ok("stop alpha");
    assert_eq!(ran.stderr, "");
    assert!(!running("1001") && !running("1002"));
    host.is_quiet();
}

#[test]
fn a_program_that_cannot_start_is_told_at_once() {
    let mut host = Host::new();
    host.set("IAPEER_CRASHLOOP_MAX", "100");
    let script = host.program("broken", "echo the account is gone; exit 7");
    host.declare_runtime("probe", "/bin/sh", &[script.to_str().unwrap()]);
    host.ok("create alpha --runtime probe");
    // Whether it is seen to end during the launch or right after it, it is one death of the session.
    for turn in 1..=8 {
        let ran = host.run("launch alpha");
        wait_until("the record of its end", || host.deaths().len() >= turn);
        assert!(
            ran.exit == 0
                || ran.stderr.starts_with("error: /bin/sh ended before it was ready, with status 7\n"),
            "{ran:?}"
        );
    }
    host.ok("supervise --once");
    let deaths = host.deaths();
    assert_eq!(deaths.len(), 8, "{deaths:?}");
    for death in deaths {
        assert_eq!((&death["kind"], &death["status"]), (&"session-exit".into(), &"exit7".into()));
    }
    host.is_quiet();
}

#[test]
fn one_name_under_two_roots_is_two_peers() {
    let (here, here_server) = Host::with_session();
    let (there, there_server) = Host::with_session();
    assert_ne!(here_server, there_server);
    here.ok("stop alpha");
    assert_eq!((here.status("alpha"), there.status("alpha")), ("stopped".to_owned(), "live".to_owned()));
    assert_eq!(there.runtime("alpha")["server_pid"], there_server);
    assert_eq!(here.deaths().len() + there.deaths().len(), 0);
}

#[test]
fn two_runtimes_of_a_peer_are_two_sessions() {
    let host = Host::with_peers(&["alpha"]);
    host.declare_runtime("probe", "/bin/sh", &["-c", "exec sleep 1000"]);
    host.ok("init root/peers/alpha --runtime probe");
    host.launch("alpha");
    host.snapshot("two-runtimes", &["launch alpha probe", "list", "stop alpha probe", "list", "stop alpha"]);
    let profile = json_file(&host.root("peers/alpha/.iapeer/peer-profile.json"));
    assert_eq!(profile["default_runtime"], "shell");
}

#[test]
fn a_root_with_a_hostile_name_is_only_a_name() {
    let host = Host::named("i a'p\"$(touch x)`touch y`#{pid}#(touch z)%H\\é;");
    host.provider("exit 0");
    assert_eq!(host.json("create alpha --runtime shell")["ok"], true);
    host.launch("alpha");
    host.types("shell-alpha", "echo shown-$((40 + 2)); exit 3");
    wait_until("a record of the end", || !host.deaths().is_empty());
    let server = host.launch("alpha");
    let log = fs::read_to_string(host.root("logs/lifecycle/shell-alpha.log")).unwrap();
    assert!(log.contains("shown-42"), "{log}");
    murder(server);
    host.death_is_recorded();
    let deaths = host.deaths();
    let kinds: Vec<_> = deaths.iter().map(|death| death["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["session-exit", "server-exit"], "{deaths:?}");
    let forensics = Path::new(deaths[1]["forensics"].as_str().unwrap());
    assert!(forensics.starts_with(host.folder()), "{forensics:?}");
    wait_until("the forensics", || forensics.exists());
    host.launch("alpha");
    host.ok("stop alpha");
    host.ok("remove alpha");
    host.is_quiet();
    let ours = ["bin", "home", "provider", "root"];
    let mut there: Vec<_> = fs::read_dir(host.folder()).unwrap().map(|e| e.unwrap().file_name()).collect();
    there.sort();
    assert_eq!(there, ours, "something ran as code");
}

#[test]
fn a_server_that_hangs_is_live_and_can_be_stopped() {
    let (host, server) = Host::with_session();
    kill(server, Signal::STOP);
    assert_eq!(host.status("alpha"), "live");
    assert_eq!(host.json("supervise --once")["outcomes"][0]["action"], "alive");
    assert_eq!(host.json("stop alpha")["stopped"][0]["was_live"], true);
    assert!(!is_alive(server));
    assert_eq!(host.status("alpha"), "stopped");
    assert_eq!(host.deaths().len(), 0);
    host.is_quiet();
}

#[test]
fn a_session_can_be_stopped_without_tmux() {
    let (host, server) = Host::with_session();
    fs::remove_file(host.path("bin/tmux")).unwrap();
    assert_eq!(host.status("alpha"), "live");
    host.ok("supervise --once");
    host.ok("stop alpha");
    assert!(!is_alive(server));
    assert_eq!(host.deaths().len(), 0);
    host.is_quiet();
}

#[test]
fn a_server_of_somebody_else_is_left_alone() {
    let host = Host::with_peers(&["alpha"]);
    fs::create_dir(host.root("socks")).unwrap();
    host.tmux("shell-alpha", &["new-session", "-d", "-s", "somebody-else", "sleep 1000"]);
    host.fails("foreign", 3, &["launch alpha", "stop alpha", "remove alpha", "remove alpha --force"]);
    assert_eq!(host.tmux("shell-alpha", &["list-sessions", "-F", "#{session_name}"]), "somebody-else\n");
    assert_eq!(host.json("supervise --once")["outcomes"], serde_json::json!([]));
    assert_eq!(host.state(), ["lifecycle/shell-alpha.stopped"]);
}

#[test]
fn nobody_else_can_look_at_a_session() {
    let (host, server) = Host::with_session();
    murder(server);
    host.death_is_recorded();
    wait_until("the forensics", || host.root("logs/iapeer/server-deaths").exists());
    host.launch("alpha");
    let folders = [
        "socks",
        "state",
        "state/lifecycle",
        "state/canary",
        "logs",
        "logs/lifecycle",
        "logs/iapeer/server-deaths",
    ];
    let files = [
        "state/lifecycle/shell-alpha.session",
        "logs/lifecycle/shell-alpha.log",
        "logs/iapeer/exits.log",
        "logs/iapeer/lifecycle.log",
    ];
    let open = folders
        .iter()
        .chain(&files)
        .filter(|path| fs::metadata(host.root(path)).unwrap().permissions().mode() & 0o077 != 0);
    assert_eq!(open.collect::<Vec<_>>(), [&""; 0]);
}

#[test]
fn nothing_is_left_behind() {
    let (host, _) = Host::with_session();
    host.ok("stop alpha");
    host.ok("start alpha");
    murder(host.launch("alpha"));
    host.ok("supervise --once");
    host.launch("alpha");
    host.ok("remove alpha --force");
    host.is_quiet();
    assert_eq!(host.state(), [""; 0]);
}
