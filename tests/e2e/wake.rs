//! Fresh or resume: what a session begins with, and why.

use std::fs;

use serde_json::{Value, json};

use crate::host::Host;
use crate::machine::{murder, wait_for, wait_until};
use crate::sight::json_file;
use crate::terminal::Terminal;

impl Host {
    /// A host with these peers, each with the runtime `script`, which can go on where it ended. Its program
    /// writes down what it was called with.
    pub(crate) fn with_scripts(peers: &[&str]) -> Host {
        let host = Host::new();
        let calls = host.path("calls");
        let body = format!("echo \"$PEER_PERSONALITY $*\" >>{}\nexec sleep 1000", calls.display());
        let script = host.program("script", &body);
        let script = script.to_str().unwrap();
        let folder = host.root("runtimes/script");
        fs::create_dir_all(&folder).unwrap();
        let definition = json!({
            "class": "agent",
            "program": "/bin/sh",
            "argv": {
                "fresh": [script, "fresh", ["--prompt", "{system_prompt_file}"]],
                "resume": [script, "resume"],
            },
            "transcripts": "{home}/talks/{cwd_slug}/*.log",
        });
        fs::write(folder.join("runtime.json"), definition.to_string()).unwrap();
        for peer in peers {
            host.ok(["create", peer, "--runtime", "script"]);
        }
        host
    }

    /// Puts a transcript where the runtime `script` says that they are.
    fn talks(&self, peer: &str) {
        let folder = fs::canonicalize(self.root("peers").join(peer)).unwrap();
        let slug = folder.to_str().unwrap().replace(|c: char| !c.is_ascii_alphanumeric(), "-");
        let folder = self.path("home/talks").join(slug);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("1.log"), "").unwrap();
    }

    /// What the program of `script` was called with last, once it was called so often.
    #[track_caller]
    pub(crate) fn called(&self, times: usize) -> String {
        wait_for("the call of the program", || {
            let text = fs::read_to_string(self.path("calls")).unwrap_or_default();
            let whole = text.ends_with('\n') && text.lines().count() == times;
            whole.then(|| text.lines().next_back().unwrap().to_owned())
        })
    }

    /// Leaves a session as sleep does: it has ended cleanly, and nobody has stopped it.
    fn parks(&self, peer: &str, identity: &str) {
        self.ok(["stop", peer]);
        fs::remove_file(self.root(&format!("state/lifecycle/{identity}.stopped"))).unwrap();
    }

    /// Changes the profile of a peer, and lets the index take it.
    fn profile(&self, peer: &str, key: &str, value: Value) {
        let path = self.root("peers").join(peer).join(".iapeer/peer-profile.json");
        let mut profile = json_file(&path);
        profile[key] = value;
        fs::write(&path, serde_json::to_string_pretty(&profile).unwrap()).unwrap();
        self.ok("verify --fix");
    }

    /// Launches; how it came up, and why.
    #[track_caller]
    fn wakes(&self, command: &str) -> (String, String) {
        let told = self.json(command);
        (told["state"].as_str().unwrap().to_owned(), told["cause"].as_str().unwrap().to_owned())
    }

    fn wakes_logged(&self) -> String {
        self.logged("lifecycle.log", &["ev=wake"]).join("\n")
    }
}

fn fresh(cause: &str) -> (String, String) {
    ("started".to_owned(), cause.to_owned())
}

fn resumed(cause: &str) -> (String, String) {
    ("resumed".to_owned(), cause.to_owned())
}

#[test]
fn a_parked_session_goes_on_with_what_it_has_worked_on() {
    let host = Host::with_scripts(&["alpha"]);
    let topics = || fs::read_to_string(host.root("state/lifecycle/script-alpha.topic")).unwrap_or_default();
    assert_eq!(host.wakes("launch alpha"), fresh("first-wake"));
    assert_eq!(host.called(1), "alpha fresh");
    host.talks("alpha");
    host.parks("alpha", "script-alpha");
    assert_eq!(host.wakes("launch alpha"), fresh("idle-reaped-no-topic"));
    host.parks("alpha", "script-alpha");
    assert_eq!(host.wakes("launch alpha --topic roof"), fresh("idle-reaped-new-topic"));
    // One who comes while it is live is noted, too.
    host.ok(["launch", "alpha", "--topic", "the garden"]);
    assert_eq!(topics(), "roof\nthe garden\n");
    host.parks("alpha", "script-alpha");
    assert_eq!(host.wakes("launch alpha --topic=roof"), resumed("idle-reaped-resume"));
    assert_eq!(host.called(4), "alpha resume");
    assert_eq!(topics(), "the garden\nroof\n");
    host.parks("alpha", "script-alpha");
    // What begins anew has worked on nothing before.
    assert_eq!(host.wakes("launch alpha --topic cellar"), fresh("idle-reaped-new-topic"));
    assert_eq!(topics(), "cellar\n");
    host.parks("alpha", "script-alpha");
    fs::remove_dir_all(host.path("home/talks")).unwrap();
    assert_eq!(host.wakes("launch alpha --topic cellar"), fresh("nothing-to-resume"));
    host.holds("wake-topics", &host.wakes_logged());
    host.fails("wake-bad-topic", 2, &["launch alpha --topic="]);
}

#[test]
fn what_the_profile_says_decides() {
    let host = Host::with_scripts(&["alpha", "beta"]);
    for peer in ["alpha", "beta"] {
        host.launch(peer);
        host.talks(peer);
        host.parks(peer, &format!("script-{peer}"));
    }
    host.profile("alpha", "interfaces", json!({ "telegram": { "chat": 7 } }));
    host.profile("beta", "interfaces", json!({ "telegram": { "chat": 7 } }));
    host.profile("beta", "wake_policy", json!("ephemeral"));
    assert_eq!(host.wakes("launch alpha"), resumed("idle-reaped-human"));
    assert_eq!(host.called(3), "alpha resume");
    assert_eq!(host.wakes("launch beta"), fresh("ephemeral-policy"));
    host.holds("wake-profile", &host.wakes_logged());
}

#[test]
fn what_crashed_begins_anew() {
    let host = Host::with_scripts(&["alpha"]);
    host.talks("alpha");
    murder(host.launch("alpha"));
    host.death_is_recorded();
    assert_eq!(host.wakes("launch alpha"), fresh("crash-or-self-close"));
    assert_eq!(host.called(2), "alpha fresh");
}

#[test]
fn a_runtime_that_cannot_go_on_says_so() {
    let host = Host::with_peers(&["alpha"]);
    host.ok("launch alpha --topic roof");
    host.parks("alpha", "shell-alpha");
    assert_eq!(host.wakes("launch alpha --topic roof"), fresh("runtime-cannot-resume"));
}

#[test]
fn refresh_lets_the_next_session_begin_anew_once() {
    let host = Host::with_scripts(&["alpha", "beta"]);
    host.profile("alpha", "interfaces", json!({ "telegram": {} }));
    host.launch("alpha");
    host.talks("alpha");
    host.ok("create herald --runtime telegram");
    host.ok("stop beta");
    host.snapshot(
        "refresh",
        &["refresh alpha", "refresh beta script", "refresh --all", "refresh alpha --json", "refresh herald"],
    );
    host.parks("alpha", "script-alpha");
    host.snapshot("refresh-asleep", &["refresh alpha"]);
    assert_eq!(host.wakes("launch alpha"), fresh("soft-reload"));
    host.parks("alpha", "script-alpha");
    assert_eq!(host.wakes("launch alpha"), resumed("idle-reaped-human"));
    host.fails("refresh-nobody", 1, &["refresh gamma"]);
    host.fails("refresh-usage", 2, &["refresh", "refresh alpha --all"]);
}

#[test]
fn what_dies_too_often_is_left_asleep_until_a_person_starts_it() {
    let mut host = Host::with_scripts(&["alpha"]);
    for deaths in 1..=3 {
        murder(host.launch("alpha"));
        wait_until("the witness's record", || {
            host.logged("exits.log", &["ev=server-exit", "end=1"]).len() == deaths
        });
        host.ok("supervise --once");
    }
    host.fails("crash-loop", 3, &["launch alpha", "new alpha"]);
    host.snapshot("crash-loop-lifted", &["start alpha", "supervise --once"]);
    murder(host.launch("alpha"));
    host.ok("supervise --once");
    // Those before the start do not count any more.
    assert_eq!(host.wakes("launch alpha"), fresh("first-wake"));
    host.set("IAPEER_CRASHLOOP_MAX", "0");
    host.fails("crash-loop-usage", 2, &["launch alpha"]);
}

#[test]
fn attach_wakes_and_goes_on_or_says_why_not() {
    let host = Host::with_scripts(&["alpha", "beta"]);
    let terminal = Terminal::open(&host, 120);
    terminal.types(&format!("{} attach beta; echo left with $?", crate::host::IAPEER));
    let screen = terminal.shows("left with 3");
    assert!(screen.contains("error: script-beta is not started: there is nothing to go on with"), "{screen}");
    assert!(screen.contains("hint: begin anew: iapeer launch beta script"), "{screen}");
    assert_eq!(host.status("beta"), "asleep");
    host.launch("alpha");
    host.talks("alpha");
    host.parks("alpha", "script-alpha");
    terminal.types(&format!("clear; {} attach alpha; echo went with $?", crate::host::IAPEER));
    terminal.shows("[script-al");
    assert_eq!(host.called(2), "alpha resume");
    terminal.tmux(&["send-keys", "C-b", "d"]);
    terminal.shows("went with 0");
    assert_eq!(host.logged("lifecycle.log", &["ev=wake", "mode=resume cause=attach"]).len(), 1);
    host.ok("stop alpha");
}

#[test]
fn a_peer_with_a_text_of_its_own_has_a_system_prompt() {
    let host = Host::with_scripts(&["alpha"]);
    host.ok(["create", "beta", "--runtime", "shell", "--description", "says \"no\""]);
    let prompt = host.root("state/lifecycle/script-alpha.system-prompt.md");
    let put = |path: &str, text: &str| {
        fs::create_dir_all(host.root(path).parent().unwrap()).unwrap();
        fs::write(host.root(path), text).unwrap();
    };
    put("IAPEER.md", "For all.\n");
    put("fragments/style.md", "Be short.\n");
    host.launch("alpha");
    assert_eq!(host.called(1), "alpha fresh");
    assert!(!prompt.exists());
    put("peers/alpha/.iapeer/IAPEER.md", "You are {system_prompt_file} $HOME.\n");
    put("peers/alpha/.iapeer/plans.md", "Plans.\n");
    put("peers/alpha/.iapeer/fragments/a.md", "\n");
    host.ok("new alpha");
    assert_eq!(host.called(2), format!("alpha fresh --prompt {}", prompt.display()));
    host.holds("system-prompt", &fs::read_to_string(&prompt).unwrap());
    fs::remove_file(host.root("peers/alpha/.iapeer/IAPEER.md")).unwrap();
    host.ok("new alpha");
    assert_eq!(host.called(3), "alpha fresh");
    assert!(!prompt.exists());
}
