//! `why`: everything that is known, joined into one answer.

use std::fs::{self, File};
use std::time::{Duration, SystemTime};

use serde_json::Value;

use crate::host::Host;
use crate::machine::{murder, wait_until};

/// A host with the session of alpha, whose pane has shown its prompt and will show nothing more.
fn quiet_session() -> (Host, u32) {
    let mut host = Host::with_peers(&["alpha"]);
    host.set("PS1", "ready> ");
    let server = host.launch("alpha");
    let log = host.root("logs/lifecycle/shell-alpha.log");
    wait_until("the prompt", || fs::read_to_string(&log).is_ok_and(|text| text.contains("ready> ")));
    (host, server)
}

/// The time stamp of the pane log becomes `at`: when it was written last is up to the machine.
fn pane_was_active(host: &Host, at: SystemTime) {
    let log = File::options().append(true).open(host.root("logs/lifecycle/shell-alpha.log")).unwrap();
    log.set_modified(at).unwrap();
}

fn whats(why: &Value) -> Vec<&str> {
    let timeline = why["timeline"].as_array().unwrap();
    timeline.iter().map(|happening| happening["what"].as_str().unwrap()).collect()
}

fn evidence(why: &Value) -> String {
    let evidence = why["evidence"].as_array().unwrap();
    evidence
        .iter()
        .map(|e| format!("{}: {}\n", e["source"].as_str().unwrap(), e["text"].as_str().unwrap()))
        .collect()
}

/// Writes a death of alpha's into the journal, with these forensics.
fn died(host: &Host, record: &str, forensics: &str) {
    let path = host.root("logs/iapeer/server-deaths/one.txt");
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, forensics).unwrap();
    let line = format!(
        "ts=2026-11-20T10:00:00.000Z ev=server-exit death=shell-alpha.ec5a8d52.4711.99 identity=shell-alpha {record} \
         wait_rc=lifeline server_pid=4711 observer=recorder forensics={} end=1\n",
        path.display()
    );
    fs::write(host.root("logs/iapeer/exits.log"), line).unwrap();
}

#[test]
fn the_timeline_goes_from_the_start_to_what_was_done() {
    let (host, server) = quiet_session();
    let active = SystemTime::now();
    pane_was_active(&host, active);
    // The record must be of another millisecond.
    wait_until("a later time", || active.elapsed().is_ok_and(|time| time > Duration::from_millis(2)));
    murder(server);
    host.death_is_recorded();
    host.ok("supervise --once");
    let why = host.json("why alpha");
    let first_words: Vec<_> =
        whats(&why).iter().map(|what| what.split(' ').take(2).collect::<Vec<_>>().join(" ")).collect();
    assert_eq!(
        first_words,
        [
            "wake runtime=shell",
            "last activity",
            "server-exit cause=server-vanished",
            "supervise action=reaped-gone"
        ]
    );
    assert_eq!(why["pane"], serde_json::json!(["ready>"]));

    host.launch("alpha");
    let why = host.json("why alpha");
    assert_eq!((&why["status"], &why["confidence"]), (&"live".into(), &"certain".into()));
    assert!(whats(&why).iter().any(|what| what.ends_with("mode=fresh cause=crash-or-self-close")), "{why}");
    assert!(evidence(&why).contains("server-exit, cause server-vanished"), "{why}");
}

#[test]
fn what_the_kernel_says_of_memory_is_told() {
    let host = Host::with_peers(&["alpha"]);
    let forensics = "the record\n--- reclaim\noom_kill 3\nwhen armed: oom_kill 1, in its cgroup unknown\n\
        --- kernel-log\n[7.0] Out of memory: Killed process 12 (node) total-vm:1kB\n\
        [9.0] Out of memory: Killed process 4711 (tmux: server) total-vm:1kB\n--- end\n";
    died(&host, "cause=server-vanished status=sig9 oom=host+2 intent=none", forensics);
    host.snapshot("why-killed-for-memory", &["why alpha", "why alpha --json"]);
    // Without the kernel's own word on this server it is no more than likely.
    died(&host, "cause=server-vanished status=sig9 oom=host+2 intent=none", "the record\n--- end\n");
    host.snapshot("why-memory-likely", &["why alpha"]);
    died(&host, "cause=server-vanished status=unknown oom=cgroup+1 intent=stale", "the record\n--- end\n");
    host.snapshot("why-memory-of-its-group", &["why alpha"]);
}

#[test]
fn each_cause_has_its_words() {
    let host = Host::with_peers(&["alpha"]);
    let mut told = String::new();
    for (cause, status) in [
        ("server-vanished", "sig9"),
        ("server-vanished", "sig11"),
        ("server-vanished", "unknown"),
        ("orderly-exit", "exit0"),
        ("client-killed-server-gone", "unknown"),
        ("swept", "unknown"),
        ("died-before-arm", "unknown"),
        ("unobserved", "unknown"),
        ("from-a-newer-version", "unknown"),
    ] {
        died(&host, &format!("cause={cause} status={status} oom=no intent=none"), "");
        let answer = host.ok("why alpha").stdout.lines().next().unwrap().to_owned();
        told.push_str(&format!("{cause} {status}: {answer}\n"));
    }
    host.holds("why-causes", &told);
}

#[test]
fn a_restart_of_the_host_is_told_by_the_boot() {
    let host = Host::with_peers(&["alpha"]);
    died(&host, "cause=reboot status=unknown oom=unknown intent=none", "");
    let told = host.ok("why alpha").to_string();
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    host.holds("why-reboot", &told.replace(&boot[..8], "[THIS]"));
}

#[test]
fn a_launch_that_was_refused_is_told() {
    let host = Host::with_peers(&["alpha", "beta"]);
    died(&host, "cause=unobserved status=unknown oom=no intent=none", "");
    for peer in ["alpha", "beta"] {
        let folder = host.root(&format!("peers/{peer}"));
        fs::rename(&folder, folder.with_extension("away")).unwrap();
        assert_eq!(host.run(["launch", peer]).exit, 3);
    }
    host.snapshot("why-refused", &["why alpha", "why beta"]);
}

#[test]
fn what_died_together_and_what_is_wrong_is_told() {
    let host = Host::with_peers(&["alpha"]);
    died(&host, "cause=unobserved status=unknown oom=no intent=none", "");
    let log = host.root("logs/iapeer/exits.log");
    let alpha = fs::read_to_string(&log).unwrap();
    let beta = alpha.replace("alpha", "beta").replace("T10:00:00", "T10:00:03");
    fs::write(&log, alpha + &beta).unwrap();
    fs::remove_file(host.root("peers/alpha/.iapeer/peer-profile.json")).unwrap();
    host.run("status");
    host.snapshot("why-together", &["why alpha"]);
}

#[test]
fn a_stop_and_a_living_session_are_told() {
    let (host, _) = quiet_session();
    pane_was_active(&host, SystemTime::now() + Duration::from_secs(3600));
    host.snapshot("why-live", &["why alpha", "why alpha shell --json"]);
    host.ok("stop alpha");
    // The witness writes its line when it gets to it.
    wait_until("the witness's line", || {
        !host.logged("lifecycle.log", &["ev=server-stop", "end=1"]).is_empty()
    });
    let told = host.ok("why alpha").stdout;
    host.holds("why-stopped", told.split("what happened last:\n").next().unwrap());
}

#[test]
fn what_a_pane_showed_cannot_steer_the_terminal() {
    let host = Host::with_peers(&["alpha"]);
    died(&host, "cause=unobserved status=unknown oom=no intent=none", "");
    let log = host.root("logs/lifecycle/shell-alpha.log");
    fs::create_dir_all(log.parent().unwrap()).unwrap();
    let text = "one\r\ntwo\r\n\u{1b}[31mthree\u{1b}[0m\r\n\u{1b}]0;a title\u{7}four\r\n10 %\r100 %\r\n\u{1b}[?2004hfive \u{8}\r\n";
    fs::write(&log, text).unwrap();
    assert_eq!(host.json("why alpha")["pane"], serde_json::json!(["three", "four", "100 %", "five"]));
    let told = host.ok("why alpha").stdout;
    assert!(told.ends_with("what its pane showed last:\n  three\n  four\n  100 %\n  five\n"), "{told}");
    assert!(!told.contains(|c: char| c.is_control() && c != '\n'), "{told:?}");
}

#[test]
fn a_transcript_is_a_sign_of_life() {
    let mut host = Host::with_peers(&["alpha"]);
    host.set("IAPEER_CLAUDE_BIN", host.path("bin/true").to_str().unwrap());
    host.ok("add-runtime alpha claude");
    let folder = host.root("peers/alpha").canonicalize().unwrap();
    let slug: String =
        folder.to_str().unwrap().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let transcripts = host.path("home/.claude/projects").join(slug);
    fs::create_dir_all(&transcripts).unwrap();
    let file = File::create(transcripts.join("one.jsonl")).unwrap();
    file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(86_400)).unwrap();
    let why = host.json("why alpha claude");
    assert_eq!(why["timeline"][0]["ts"], "1970-01-02T00:00:00.000Z");
    assert_eq!(whats(&why), ["last activity of a transcript"]);
}
