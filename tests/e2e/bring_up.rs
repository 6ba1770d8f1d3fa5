//! A wake that succeeds when the runtime is ready for input, and fails with a reason when it is not.

use std::fs;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::host::Host;
use crate::machine::{is_alive, kill, wait_until};
use crate::sight::{json_file, number};

#[test]
fn a_session_is_up_when_it_is_ready() {
    let host = Host::with_agent("transcript ask=trust choose=key ready keys");
    host.snapshot("ready", &["launch alpha", "launch alpha", "list"]);
    assert_eq!(host.agent_keys(), ["Enter", "Down", "Enter"]);
    assert!(host.path("transcript.jsonl").exists());
    assert_eq!(host.logged("lifecycle.log", &["ev=wake-failed"]), [""; 0]);
}

#[test]
fn a_dialog_that_only_a_person_can_answer() {
    let host = Host::with_agent("ask=sign-in ready keys");
    let ran = host.run("launch alpha");
    host.holds("sign-in", &ran.to_string());
    assert_eq!(host.agent_keys(), [""; 0]);
    assert_eq!(host.logged("lifecycle.log", &["ev=wake-failed identity=scripted-alpha", "sign-in"]).len(), 1);
    // It is up although its wake failed, and so it is looked after.
    assert_eq!(host.status("alpha"), "live");
    assert_eq!(host.json("supervise --once")["outcomes"][0]["action"], "alive");
    host.ok("stop alpha");
    assert_eq!(host.deaths().len(), 0);
    host.is_quiet();
}

#[test]
fn a_dialog_that_nobody_knows() {
    let mut host = Host::with_agent("say=one_line say=a_new_question? ask=unheard-of ready keys");
    host.set("IAPEER_BOOT_DEADLINE_SECS", "1");
    let ran = host.run("launch alpha");
    assert_eq!(ran.exit, 1);
    let wanted = "error: scripted-alpha is up, but not ready for input: it has shown nothing that is known within 1 s\n";
    assert!(ran.stderr.starts_with(wanted), "{ran}");
    assert_eq!(host.agent_keys(), [""; 0]);
    assert_eq!(host.status("alpha"), "live");
    host.ok("stop alpha");
}

#[test]
fn one_that_never_becomes_ready() {
    let mut host = Host::with_agent("deaf half tick");
    host.set("IAPEER_READY_GATE_SECS", "1");
    let ran = host.run("launch alpha");
    assert_eq!(ran.exit, 1);
    for wanted in [
        "error: scripted-alpha is up, but not ready for input: it has loaded, but was not ready within 1 s\n",
        "caused by: its pane showed: ",
        "hint: look at it: iapeer attach alpha scripted; or end it: iapeer stop alpha scripted\n",
    ] {
        assert!(ran.stderr.contains(wanted), "{ran}");
    }
    let program = number(&host.session("scripted-alpha")["pane"]["pid"]);
    assert!(is_alive(program));
    host.ok("stop alpha");
    assert!(!is_alive(program));
    host.is_quiet();
}

#[test]
fn one_that_ends_before_it_is_ready() {
    let host = Host::with_agent("say=starting say=no_account say=no_network seen exit=1");
    host.snapshot("ends-before-ready", &["launch alpha", "list"]);
    let deaths = host.deaths();
    assert_eq!((deaths.len(), &deaths[0]["kind"]), (1, &json!("session-exit")));
    assert_eq!(json_file(&host.root("state/lifecycle/scripted-alpha.deaths")).as_array().unwrap().len(), 1);
    host.plan("say=starting seen crash", "");
    let ran = host.failure_of_a_wake();
    assert!(ran.contains("/bin/sh ended before it was ready, by signal 9\n"), "{ran}");
    let outcomes = host.json("supervise --once")["outcomes"].clone();
    assert_eq!(outcomes, json!([]), "it is on record already");
    host.plan("ready keys", "");
    assert_eq!(host.json("launch alpha")["cause"], "crash-or-self-close");
}

#[test]
fn a_dialog_that_ends_the_program() {
    let host = Host::with_agent("ask=trust say=refused seen exit=3");
    let ran = host.failure_of_a_wake();
    assert!(
        ran.contains("with status 3\ncaused by: its pane showed: ") && ran.contains("refused\n"),
        "{ran}"
    );
    assert_eq!(host.agent_keys(), ["Enter"]);
}

#[test]
fn one_that_is_killed_while_it_starts() {
    let host = Host::with_agent("half hang");
    let host = &host;
    std::thread::scope(|scope| {
        let launch = scope.spawn(|| host.failure_of_a_wake());
        let file = host.root("state/lifecycle/scripted-alpha.session");
        let pane = || -> Option<Value> {
            serde_json::from_slice::<Value>(&fs::read(&file).ok()?).ok()?.get("pane").cloned()
        };
        wait_until("the program", || pane().is_some());
        kill(number(&pane().unwrap()["pid"]), Signal::KILL);
        let told = launch.join().unwrap();
        assert!(told.contains("/bin/sh ended before it was ready, by signal 9\n"), "{told}");
    });
    assert_eq!(host.status("alpha"), "asleep");
}

#[test]
fn limits_that_make_no_sense_are_named() {
    let mut host = Host::with_agent("ready keys");
    for variable in ["IAPEER_BOOT_DEADLINE_SECS", "IAPEER_READY_GATE_SECS"] {
        for value in ["0", "-1", "soon"] {
            host.set(variable, value);
            let ran = host.failure(2, "launch alpha");
            assert!(ran.stderr.contains(&format!("error: {variable} is not a whole number")), "{ran}");
        }
        host.unset(variable);
    }
}

#[test]
fn the_first_prompt_arrives_as_it_is() {
    let prompt = "do $(touch x) `touch y` \"it's\" #{pid} #(touch z) \\n 100% ;\nüber\tall;";
    // One piece with its marks around it; a new line is what a terminal sends for it.
    let wanted = format!("\x1b[200~{}\x1b[201~\r", prompt.replace('\n', "\r"));
    let plan = format!("bytes={} keys", wanted.len());
    let host = Host::with_agent(&plan);
    let profile = host.root("peers/alpha/.iapeer/peer-profile.json");
    let mut document = json_file(&profile);
    // An escape would end the paste, so it is left out.
    document["initial_prompt"] = json!(format!("{prompt}\u{1b}"));
    fs::write(&profile, document.to_string()).unwrap();
    assert_eq!(host.ok("launch alpha").stderr, "");
    wait_until("the prompt", || host.agent_told().exists());
    assert_eq!(fs::read_to_string(host.agent_told()).unwrap(), wanted);
    assert_eq!(fs::read_dir(host.root("peers/alpha")).unwrap().count(), 1, "something ran as code");
    // Who is live already gets no first prompt.
    fs::remove_file(host.agent_told()).unwrap();
    host.ok("launch alpha");
    assert_eq!(host.agent_keys(), [""; 0]);
}

#[test]
fn a_long_prompt_arrives_whole() {
    let prompt = "0123456789 ü ".repeat(3000);
    let wanted = format!("\x1b[200~{prompt}\x1b[201~\r");
    let host = Host::with_agent(&format!("bytes={}", wanted.len()));
    let profile = host.root("peers/alpha/.iapeer/peer-profile.json");
    let mut document = json_file(&profile);
    document["initial_prompt"] = json!(prompt);
    fs::write(&profile, document.to_string()).unwrap();
    host.ok("launch alpha");
    wait_until("the prompt", || host.agent_told().exists());
    assert_eq!(fs::read_to_string(host.agent_told()).unwrap(), wanted);
}

#[test]
fn an_initial_prompt_that_is_no_text_is_told() {
    let host = Host::with_agent("ready keys");
    let profile = host.root("peers/alpha/.iapeer/peer-profile.json");
    let mut document = json_file(&profile);
    document["initial_prompt"] = json!(7);
    fs::write(&profile, document.to_string()).unwrap();
    let ran = host.ok("launch alpha");
    assert!(ran.stderr.contains("`initial_prompt` is no text and was not typed: 7\n"), "{ran}");
}

#[test]
fn launch_env_reaches_the_session_as_data() {
    let host = Host::with_agent("");
    fs::write(
        host.root("runtimes/scripted/launch.env"),
        "GIVEN_A=of the runtime\nGIVEN_B=of the runtime\nPEER_START_ARGS=--of-the-runtime\n",
    )
    .unwrap();
    let more = "GIVEN_B=$(touch x) `touch y` #{pid} #(touch z) \\n ;\nGIVEN_C=\"in quotes\"\n\
                PEER_START_ARGS=--flag 'two words' \"$(touch x)\" ;\n";
    host.plan("args ready keys", more);
    host.ok("launch alpha");
    let told = fs::read_to_string(host.agent_told()).unwrap();
    assert_eq!(
        told.lines().collect::<Vec<_>>(),
        [
            "arg --flag",
            "arg two words",
            "arg $(touch x)",
            "arg ;",
            "GIVEN_A=of the runtime",
            "GIVEN_B=$(touch x) `touch y` #{pid} #(touch z) \\n ;",
            "GIVEN_C=in quotes",
        ]
    );
    assert_eq!(fs::read_dir(host.root("peers/alpha")).unwrap().count(), 1, "something ran as code");
    host.ok("stop alpha");
    assert_eq!(host.ok("start alpha").exit, 0);
}

#[test]
fn a_bad_line_of_launch_env_starts_nothing() {
    let host = Host::with_agent("ready keys");
    host.plan("ready keys", "export A=1\n");
    host.fails("launch-env", 1, &["launch alpha"]);
    host.plan("ready keys", "");
    fs::write(host.root("runtimes/scripted/launch.env"), "PEER_START_ARGS=\"a\n").unwrap();
    let ran = host.failure(1, "launch alpha");
    assert!(ran.stderr.contains("runtimes/scripted/launch.env, line 1: PEER_START_ARGS has a \""), "{ran}");
    assert_eq!(host.status("alpha"), "asleep");
    host.is_quiet();
}

#[test]
fn a_session_is_interrupted_and_compacted() {
    let host = Host::with_agent("ready keys");
    host.ok("create beta --runtime shell");
    host.fails("press-refused", 3, &["interrupt alpha", "compact alpha"]);
    host.ok("launch alpha");
    host.launch("beta");
    host.fails("press-no-keys", 3, &["compact beta"]);
    host.snapshot("press", &["interrupt alpha", "compact alpha scripted", "compact alpha --json"]);
    let compact = ["/", "c", "o", "m", "p", "a", "c", "t", "Enter"];
    let wanted = [&["C-c"][..], &compact, &compact].concat();
    wait_until("the keys", || host.agent_keys() == wanted);
    assert_eq!(host.logged("lifecycle.log", &["ev=interrupt identity=scripted-alpha by="]).len(), 1);
    assert_eq!(host.logged("lifecycle.log", &["ev=compact identity=scripted-alpha by="]).len(), 2);
    host.ok("stop beta");
    host.fails("press-stopped", 3, &["interrupt beta"]);
}
