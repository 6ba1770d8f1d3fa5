//! `top`, in a real terminal: that of another tmux.

use std::fs;

use rustix::process::Signal;

use crate::host::{Host, IAPEER};
use crate::machine::{is_alive, kill, wait_for, wait_until};
use crate::terminal::Terminal;

/// Begins the view, and waits until it shows somebody; its pid.
fn begin(host: &Host, terminal: &Terminal<'_>) -> u32 {
    let script = "echo $$ > pid.new; mv pid.new pid; exec \"$0\" top";
    terminal.types(&format!("sh -c '{script}' {IAPEER}; echo left with $?"));
    terminal.shows("? help  q quit");
    fs::read_to_string(host.path("pid")).unwrap().trim().parse().unwrap()
}

/// Presses keys, as tmux names them.
fn press(terminal: &Terminal<'_>, keys: &[&str]) {
    terminal.tmux(&[&["send-keys"], keys].concat());
}

/// What is on the screen is what was there before the view, and what is typed is a command again.
#[track_caller]
fn is_given_back(terminal: &Terminal<'_>) {
    let screen = terminal.shows("left with 0");
    assert!(screen.contains("before the view") && !screen.contains("iapeer top"), "{screen}");
    assert_eq!(terminal.tmux(&["display-message", "-p", "#{alternate_on} #{cursor_flag}"]).trim(), "0 1");
    terminal.types("echo $((6 * 7)) is shown");
    terminal.shows("42 is shown");
}

#[test]
fn the_fleet_is_shown_and_ended_with_keys() {
    let host = Host::with_peers(&["alpha", "beta", "gamma"]);
    host.launch("alpha");
    host.launch("beta");
    host.ok("stop gamma");
    let terminal = Terminal::of_size(&host, 80, 24);
    terminal.types("echo before the view");
    begin(&host, &terminal);
    let screen = terminal.shows("2 live, 0 asleep, 1 stopped, 0 unknown");
    assert!(screen.contains("shell-alpha is live"), "{screen}");
    // What its processes take is known at once, and of the processor at the second look.
    let alpha = |screen: &str| screen.lines().find(|line| line.contains("● alpha")).map(str::to_owned);
    let line = wait_for("the processor", || alpha(&terminal.screen()).filter(|line| line.contains('%')));
    assert!(line.contains("iB ") && !line.contains('?'), "{line}");
    assert_eq!(screen.trim_end().lines().count(), 24, "{screen}");

    press(&terminal, &["/", "b", "e", "t", "Enter"]);
    let screen = terminal.shows("(1 shown)");
    assert!(alpha(&screen).is_none() && screen.contains("shell-beta is live"), "{screen}");
    press(&terminal, &["s"]);
    terminal.shows("iapeer stop beta shell? y/n");
    press(&terminal, &["n"]);
    terminal.shows("not done: iapeer stop beta shell");
    assert_eq!(host.status("beta"), "live");
    press(&terminal, &["s", "y"]);
    terminal.shows("shell-beta is stopped; only");
    terminal.shows("1 live, 0 asleep, 2 stopped");
    assert_eq!((host.status("beta"), host.status("alpha")), ("stopped".to_owned(), "live".to_owned()));
    press(&terminal, &["S"]);
    terminal.shows("shell-beta is live (tmux server pid");
    assert_eq!(host.status("beta"), "live");
    press(&terminal, &["Escape"]);
    wait_until("all of them are shown", || alpha(&terminal.screen()).is_some());
    press(&terminal, &["q"]);
    is_given_back(&terminal);
}

#[test]
fn a_session_is_gone_to_and_come_back_from() {
    let (host, server) = Host::with_session();
    let terminal = Terminal::of_size(&host, 80, 24);
    terminal.types("echo before the view");
    begin(&host, &terminal);
    press(&terminal, &["Enter"]);
    terminal.shows("[shell-alp");
    terminal.types("echo I am $PEER_IDENTITY");
    terminal.shows("I am shell-alpha");
    press(&terminal, &["C-b", "d"]);
    terminal.shows("shell-alpha is live");
    assert_eq!(host.runtime("alpha")["server_pid"], server);
    for (shown, (key, words)) in [("w", "[certain]"), ("l", "WHAT")].into_iter().enumerate() {
        press(&terminal, &[key]);
        terminal.shows(words);
        // What was shown before is above it, as it is of all commands.
        let asked = || terminal.screen().matches("-- enter goes back to the fleet --").count();
        wait_until("it is asked when to go back", || asked() == shown + 1);
        press(&terminal, &["Enter"]);
        terminal.shows("? help  q quit");
    }
    press(&terminal, &["q"]);
    terminal.shows("left with 0");
}

#[test]
fn what_cannot_be_gone_to_says_why() {
    let host = Host::with_peers(&["alpha"]);
    host.ok("stop alpha");
    let terminal = Terminal::of_size(&host, 80, 24);
    begin(&host, &terminal);
    press(&terminal, &["a"]);
    let screen = terminal.shows("-- enter goes back to the fleet --");
    assert!(screen.contains("error: shell-alpha was stopped"), "{screen}");
    press(&terminal, &["Enter"]);
    terminal.shows("0 live, 0 asleep, 1 stopped");
    press(&terminal, &["q"]);
    terminal.shows("left with 0");
}

#[test]
fn deaths_are_counted() {
    let (host, server) = Host::with_session();
    let terminal = Terminal::of_size(&host, 80, 24);
    begin(&host, &terminal);
    assert!(terminal.screen().contains("deaths/24h: 0"));
    kill(server, Signal::KILL);
    let screen = terminal.shows("deaths/24h: 1");
    let bar = screen.lines().find(|line| line.contains("deaths/24h")).unwrap();
    assert!(bar.contains("█│ now"), "{bar}");
    press(&terminal, &["C-c"]);
    terminal.shows("left with 0");
}

#[test]
fn whatever_ends_it_gives_the_terminal_back() {
    let host = Host::with_peers(&["alpha"]);
    let terminal = Terminal::of_size(&host, 80, 24);
    for signal in [Signal::TERM, Signal::INT, Signal::HUP] {
        terminal.types("clear; echo before the view");
        let pid = begin(&host, &terminal);
        kill(pid, signal);
        is_given_back(&terminal);
    }
    // A terminal that goes away takes it along.
    let pid = begin(&host, &terminal);
    terminal.tmux(&["kill-server"]);
    wait_until("it has ended", || !is_alive(pid));
}

#[test]
fn without_colour_there_is_none() {
    // Colours of the foreground and of the background, of 8, 16 and 256.
    let has_colour = |screen: &str| {
        let sequences = screen.split("\u{1b}[").skip(1).filter_map(|rest| rest.split_once('m'));
        let mut numbers =
            sequences.flat_map(|(numbers, _)| numbers.split(';')).filter_map(|n| n.parse().ok());
        numbers.any(|number: u8| matches!(number, 30..=38 | 40..=48 | 90..=97 | 100..=107))
    };
    for (no_color, wanted) in [("", true), ("1", false)] {
        let mut host = Host::with_peers(&["alpha"]);
        host.ok("stop alpha");
        host.set("NO_COLOR", no_color);
        let terminal = Terminal::of_size(&host, 80, 24);
        begin(&host, &terminal);
        let screen = terminal.tmux(&["capture-pane", "-p", "-e"]);
        assert!(screen.contains("✕ alpha"), "{screen}");
        assert_eq!(has_colour(&screen), wanted, "{screen:?}");
    }
}

#[test]
fn a_screen_that_is_too_small_says_so() {
    let host = Host::with_peers(&["alpha"]);
    let terminal = Terminal::of_size(&host, 30, 6);
    terminal.types(&format!("{IAPEER} top; echo left with $?"));
    terminal.shows("too small: 30x6, needs 40x8");
    terminal.tmux(&["resize-window", "-x", "80", "-y", "24"]);
    terminal.shows("○ alpha");
    terminal.tmux(&["resize-window", "-x", "40", "-y", "8"]);
    wait_until("it fits", || terminal.screen().lines().nth(3).is_some_and(|line| line.contains("○ alpha")));
    press(&terminal, &["q"]);
    terminal.shows("left with 0");
}

#[test]
fn without_a_terminal_it_is_refused() {
    let host = Host::with_peers(&["alpha"]);
    host.snapshot("top-refused", &["top"]);
    let terminal = Terminal::open(&host, 120);
    terminal.types(&format!("{IAPEER} top | cat; {IAPEER} top < /dev/null; echo left with $?"));
    let screen = terminal.shows("left with 2");
    assert_eq!(screen.matches("error: top needs a terminal, and this is none").count(), 2, "{screen}");
    terminal.types(&format!("clear; TERM=dumb {IAPEER} top; echo dumb: $?"));
    let screen = terminal.shows("dumb: 2");
    assert!(screen.contains("error: top needs a terminal that can be drawn on"), "{screen}");
}

#[test]
fn a_list_fits_its_terminal() {
    let host = Host::new();
    let description = format!("長い説明 {}", "and more ".repeat(20));
    host.ok(["create", "a", "--runtime", "shell", "--description", "short"]);
    let long = "a-name-of-exactly-32-characters-";
    host.ok(["create", &long[..31], "--runtime", "shell", "--description", &description]);
    let terminal = Terminal::of_size(&host, 60, 24);
    terminal.types(&format!("clear; {IAPEER} list; echo shown: $((6 * 7))"));
    let screen = terminal.shows("shown: 42");
    let table = screen.split_once("PEER").map(|(_, rest)| format!("PEER{rest}")).unwrap();
    let (table, _) = table.split_once("shown: 42").unwrap();
    let lines = table.lines().map(str::trim_end).collect::<Vec<_>>();
    host.holds("list-table", &lines.join("\n"));
    // For programs it is as it was: a line for each.
    assert_eq!(host.ok("list").stdout.lines().count(), 2);
}
