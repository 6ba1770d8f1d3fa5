use std::time::Duration;

use super::screen::{Limits, Next, Seen};
use crate::Layout;
use crate::launch_error::NotReady;
use crate::runtime::{Runtime, StartUp};

const LIMITS: Limits = Limits { boot: Duration::from_secs(240), ready: Duration::from_secs(120) };

fn start_up(runtime: &str) -> StartUp {
    let layout = Layout::new("/nowhere".into(), "/nowhere/socks".into());
    Runtime::find(&runtime.parse().unwrap(), &layout).unwrap().start_up
}

/// What is done about screens, each with its time in seconds, by the word for it.
fn told(start_up: &StartUp, screens: &[(&str, u64)]) -> Vec<String> {
    let mut seen = Seen::default();
    let next =
        |(screen, at): &(&str, u64)| match seen.look(start_up, LIMITS, screen, Duration::from_secs(*at)) {
            Next::Ready => "ready".to_owned(),
            Next::Press(key) => key.as_str().to_owned(),
            Next::Wait => "wait".to_owned(),
            Next::GiveUp(why) => why.to_string(),
        };
    screens.iter().map(next).collect()
}

/// A screen of the real program, as it was captured.
macro_rules! screen {
    ($name:literal) => {
        include_str!(concat!("../runtimes/screens/", $name, ".txt"))
    };
}

#[test]
fn real_screens_are_known() {
    let unanswerable =
        |dialog: &str, reason: &str| format!("its dialog {dialog:?} cannot be answered: {reason}");
    for (runtime, screen, wanted) in [
        ("claude", screen!("claude-trust"), "Enter".to_owned()),
        ("claude", screen!("claude-api-key-no"), "Up".to_owned()),
        ("claude", screen!("claude-api-key-yes"), "Enter".to_owned()),
        ("claude", screen!("claude-bypass-no"), "Down".to_owned()),
        ("claude", screen!("claude-bypass-yes"), "Enter".to_owned()),
        ("claude", screen!("claude-ready"), "ready".to_owned()),
        ("claude", screen!("claude-offline"), "wait".to_owned()),
        ("codex", screen!("codex-trust"), "Enter".to_owned()),
        ("codex", screen!("codex-loading"), "wait".to_owned()),
        ("codex", screen!("codex-resuming"), "wait".to_owned()),
        ("codex", screen!("codex-resumed"), "ready".to_owned()),
        ("codex", screen!("codex-ready"), "ready".to_owned()),
        (
            "codex",
            screen!("codex-sign-in"),
            unanswerable("sign-in", "nobody is signed in: run `codex login`"),
        ),
    ] {
        assert_eq!(told(&start_up(runtime), &[(screen, 1)]), [wanted], "{runtime}:\n{screen}");
    }
}

#[test]
fn the_resume_picker_is_never_answered_with_its_default() {
    let picker = |first: char, second: char| {
        format!(
            " {first} 1. Resume from summary (recommended)\n {second} 2. Resume full session as-is\n   3. Don't ask me again"
        )
    };
    let (default, full) = (picker('❯', ' '), picker(' ', '❯'));
    assert_eq!(told(&start_up("claude"), &[(&default, 1), (&full, 2)]), ["Down", "Enter"]);
}

#[test]
fn one_key_for_each_look() {
    let claude = start_up("claude");
    let (no, yes) = (screen!("claude-api-key-no"), screen!("claude-api-key-yes"));
    let ready = screen!("claude-ready");
    // As long as it has not gone it is not answered again, until its key must have been lost.
    let screens = [("", 0), (no, 1), (no, 1), (no, 3), (no, 4), (yes, 4), (yes, 5), ("", 6), (ready, 7)];
    assert_eq!(
        told(&claude, &screens),
        ["wait", "Up", "wait", "wait", "Up", "Enter", "wait", "wait", "ready"]
    );
    // One that comes back is a new one.
    assert_eq!(told(&claude, &[(no, 1), ("", 1), (no, 1)]), ["Up", "wait", "Up"]);
}

#[test]
fn a_prompt_that_is_still_loading_is_not_ready_for_input() {
    let codex = start_up("codex");
    let (loading, trust) = (screen!("codex-loading"), screen!("codex-trust"));
    // The prompt shows before the question does: what were typed now would answer it.
    assert_eq!(
        told(&codex, &[(loading, 1), (loading, 60), (trust, 61), (screen!("codex-ready"), 62)]),
        ["wait", "wait", "Enter", "ready"]
    );
    assert_eq!(
        told(&codex, &[(loading, 1), (loading, 121)]),
        ["wait", "it has loaded, but was not ready within 120 s"]
    );
    // A question that nobody knows has the same mark before its answers as the prompt.
    let unknown = trust.replace("Trust this folder?", "Trust this house?");
    assert_eq!(
        told(&codex, &[(loading, 1), (&unknown, 2), (&unknown, 12)])[1..],
        ["wait", "its screen has not changed for 10 s, and shows neither its prompt nor a known dialog"]
    );
}

#[test]
fn waiting_has_an_end() {
    let claude = start_up("claude");
    let trust = screen!("claude-trust");
    for (screens, last) in [
        (vec![("", 239)], "wait"),
        (vec![("", 240)], "it has shown nothing that is known within 240 s"),
        (vec![("Loading", 1), ("Loading", 10)], "wait"),
        (
            vec![("Loading", 1), ("Loading", 11)],
            "its screen has not changed for 10 s, and shows neither its prompt nor a known dialog",
        ),
        (vec![("Loading 1", 1), ("Loading 2", 10), ("Loading 2", 19)], "wait"),
        (vec![("Loading 1", 239), ("Loading 2", 240)], "it has shown nothing that is known within 240 s"),
        (vec![("❯", 100), ("❯ 1", 219)], "wait"),
        (vec![("❯", 100), ("❯ 1", 220)], "it has loaded, but was not ready within 120 s"),
        (vec![(trust, 1), (trust, 120)], "Enter"),
        (vec![(trust, 1), (trust, 121)], "it has loaded, but was not ready within 120 s"),
        (vec![(trust, 1), (screen!("claude-ready"), 500)], "ready"),
    ] {
        assert_eq!(told(&claude, &screens).last().unwrap(), last, "{screens:?}");
    }
    assert!(matches!(
        Seen::default().look(&claude, LIMITS, "", LIMITS.boot),
        Next::GiveUp(NotReady::NotLoaded { .. })
    ));
}
