//! `attach`, in a real terminal: that of another tmux.

use crate::host::{Host, IAPEER, Ran};
use crate::terminal::Terminal;

#[test]
fn attach_goes_to_the_session_and_comes_back() {
    let (host, server) = Host::with_session();
    let terminal = Terminal::open(&host, 120);
    // Inside tmux, too, as the variable TMUX tells it there.
    terminal.types(&format!("{IAPEER} attach alpha; echo left with $?"));
    terminal.shows("[shell-alp");
    terminal.types("echo I am $PEER_IDENTITY");
    terminal.shows("I am shell-alpha");
    // The prefix reaches the outer tmux only when it is pressed; sent, it goes to the program, our tmux.
    terminal.tmux(&["send-keys", "C-b", "d"]);
    let screen = terminal.shows("left with 0");
    assert!(screen.contains("[detached (from session shell-alpha)]"), "{screen}");
    assert_eq!(host.runtime("alpha")["server_pid"], server);
    assert_eq!(host.status("alpha"), "live");
}

#[test]
fn attach_ends_with_the_session() {
    let (host, _) = Host::with_session();
    let terminal = Terminal::open(&host, 120);
    terminal.types(&format!("{IAPEER} attach alpha shell; echo left with $?"));
    terminal.shows("[shell-alp");
    host.ok("stop alpha");
    terminal.shows("left with ");
    assert_eq!(host.status("alpha"), "stopped");
}

#[test]
fn attach_refuses_what_is_not_live() {
    let host = Host::with_peers(&["asleep", "stopped", "unclear", "live"]);
    host.ok("stop stopped");
    std::fs::write(host.root("state/lifecycle/shell-unclear.session"), "{ torn").unwrap();
    host.launch("live");
    let attempts = ["attach asleep", "attach stopped", "attach unclear", "attach live", "attach live codex"];
    host.snapshot("attach-refusals", &attempts);
    let exits: Vec<_> =
        attempts.iter().map(|attempt| host.run(*attempt)).map(|Ran { exit, .. }| exit).collect();
    assert_eq!(exits, [1, 3, 1, 1, 1]);
    assert_eq!(host.status("asleep"), "asleep");
}
