//! The text of the witness: values, shells, names, and what it leaves behind.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "integration tests"
)]

mod support;

use iapeer_canary::{Finding, Places, Script, Signal, Subject, Wait};
use support::{Lab, Recorder, SH, Server, lifeline_script, shells, under_every_shell};

/// Values that have broken generators of shell code, log lines or file names.
const HOSTILE: [&str; 24] = [
    "plain",
    "",
    " ",
    "two words",
    "it's",
    "'; touch PWNED; '",
    "\"double\"",
    "$(touch PWNED)",
    "`touch PWNED`",
    "$HOME",
    "${IFS}",
    "back\\slash\\",
    "new\nline",
    "new\nts=1 ev=server-exit end=1",
    "tab\there",
    "100%s %d %%",
    "#{pid} #(touch PWNED)",
    "*?[a-z]",
    "~root",
    "-n",
    "a=b end=1",
    "; recorder_pid=1 recorder_start=2 end=1",
    "Привет, 世界",
    "\u{1b}[31m!&|<>",
];

#[test]
fn every_value_reaches_the_shell_as_it_is() {
    under_every_shell(|shell| {
        let mut server = Server::start();
        for value in HOSTILE {
            let lab = Lab::new();
            let places = Places { state: lab.root.join(value), ..lab.places.clone() };
            let wait = Wait::Client { argv: vec![value.to_owned(), value.to_owned()] };
            let script = Script::new(server.subject(value), places.clone(), wait).render().unwrap();
            let (head, _) = script.split_once("# ---- constant").unwrap();
            let probe = format!("{head}printf '%s\\0' \"$state\" \"$identity\" \"$@\"\n");
            std::fs::create_dir_all(&lab.root).unwrap();
            let mut command = shell.command();
            let output = command.arg("-c").arg(probe).current_dir(&lab.root).output().unwrap();
            let identity = iapeer_statefile::quote(value);
            let wanted = [places.state.as_str(), &identity, value, value].map(|v| format!("{v}\0")).concat();
            assert_eq!(String::from_utf8_lossy(&output.stdout), wanted, "{shell:?}");
            assert!(!lab.root.join("PWNED").exists(), "{shell:?} ran {value:?}");
        }
        server.signal(Signal::KILL);
        server.reap();
    });
}

#[test]
fn hostile_names_and_paths_give_one_honest_record() {
    for (number, value) in HOSTILE.into_iter().enumerate() {
        let all = shells();
        let shell = all[number % all.len()];
        // A slash would be another folder, and a NUL none; both are covered elsewhere.
        let lab = Lab::named(if value.is_empty() { "empty" } else { value });
        let mut server = Server::start();
        let subject = server.subject(value);
        let mut recorder = Recorder::watching(&lab, shell, &subject, &mut server);
        server.signal(Signal::KILL);
        recorder.ended();
        let exit = lab.only_exit(&subject);
        let forensics = exit.get("forensics").unwrap();
        assert!(std::fs::read_to_string(forensics).unwrap().ends_with("--- end\n"), "{shell:?} {value:?}");
        assert_eq!(std::fs::read_to_string(&lab.places.exits_log).unwrap().lines().count(), 1);
        assert!(!lab.root.join("PWNED").exists(), "{shell:?} ran {value:?}");
    }
}

#[test]
fn another_boot_and_a_recorded_death_are_none_of_its_business() {
    let lab = Lab::new();
    let mut server = Server::start();
    let mut past = server.incarnation.clone();
    past.boot = "deadbeef-0000".parse().unwrap();
    let text = lifeline_script(&lab, &Subject::new("claude-x", past));
    let pipe = server.lifeline();
    let mut recorder = Recorder::start(SH, &text, pipe.try_clone().unwrap(), &lab.root);
    assert_eq!(recorder.ended().code(), Some(5));

    let subject = server.subject("claude-x");
    std::fs::create_dir_all(&lab.places.state).unwrap();
    std::fs::write(lab.file(&subject, "dead"), "").unwrap();
    let mut recorder = Recorder::start(SH, &lifeline_script(&lab, &subject), pipe, &lab.root);
    assert_eq!(recorder.ended().code(), Some(5));
    assert_eq!(lab.server_exits(), []);
}

#[test]
fn a_name_with_newlines_and_parentheses_is_no_death() {
    under_every_shell(|shell| {
        let lab = Lab::new();
        let program = lab.root.join("a) Z 1\n(b");
        std::fs::create_dir_all(&lab.root).unwrap();
        std::os::unix::fs::symlink("/bin/sleep", &program).unwrap();
        let mut server = Server::run(std::process::Command::new(&program).arg("600"));
        let subject = server.subject("claude-x");
        let mut recorder = Recorder::watching(&lab, shell, &subject, &mut server);
        assert_eq!(lab.sweep(), [Finding::Armed], "{shell:?}");
        server.kill();
        recorder.ended();
        assert_eq!(lab.only_exit(&subject).get("cause"), Some("server-vanished"), "{shell:?}");
    });
}

/// Without `/proc` the script asks `ps`, as it does on macOS.
#[test]
fn it_works_with_ps_too() {
    under_every_shell(|shell| {
        let lab = Lab::new();
        let proc_root = lab.root.join("proc");
        let boot = proc_root.join("sys/kernel/random/boot_id");
        std::fs::create_dir_all(boot.parent().unwrap()).unwrap();
        std::fs::copy("/proc/sys/kernel/random/boot_id", boot).unwrap();
        std::fs::copy("/proc/uptime", proc_root.join("uptime")).unwrap();
        let mut server = Server::start();
        let ps = std::process::Command::new("ps")
            .env("TZ", "UTC0")
            .env("LC_ALL", "C")
            .args(["-o", "lstart=", "-p", &server.incarnation.pid.to_string()])
            .output();
        let ps = String::from_utf8(ps.unwrap().stdout).unwrap();
        let fields: Vec<_> = ps.split_ascii_whitespace().collect();
        let [_, month, day, time, year] = fields[..] else { panic!("ps said {ps:?}") };
        let mut incarnation = server.incarnation.clone();
        incarnation.start = format!("{year}-{month}-{day}-{time}").parse().unwrap();
        let subject = Subject::new("claude-x", incarnation);
        let script =
            Script::new(subject.clone(), lab.places.clone(), Wait::Lifeline).with_proc_root(proc_root);
        let text = script.render().unwrap();
        let mut recorder = Recorder::start(shell, &text, server.lifeline(), &lab.root);
        recorder.wait_until_armed(&lab, &subject);
        assert!(recorder.is_running(), "{shell:?}");
        server.signal(Signal::KILL);
        recorder.ended();
        let exit = lab.only_exit(&subject);
        assert_eq!(
            (exit.get("cause"), exit.get("status")),
            (Some("server-vanished"), Some("unknown")),
            "{shell:?}"
        );
    });
}

#[test]
fn forensics_are_bounded_and_hold_no_arguments() {
    let lab = Lab::new();
    let secret = format!("--token=hunter2{}", "x".repeat(100_000));
    // It follows the first file for ever, complains of the second, and has no child that could be left.
    let holder = Server::run(std::process::Command::new("tail").args(["-f", "--", "/dev/null", &secret]));
    let mut server = Server::start();
    let subject = server.subject("claude-x");
    let mut recorder = Recorder::watching(&lab, SH, &subject, &mut server);
    server.signal(Signal::KILL);
    recorder.ended();
    let path = lab.only_exit(&subject).get("forensics").unwrap().to_owned();
    let text = String::from_utf8_lossy(&std::fs::read(path).unwrap()).into_owned();
    assert!(text.len() <= 160_000 && text.lines().count() <= 400, "{} bytes", text.len());
    assert!(text.contains("--- processes") && text.contains("--- memory"), "{text}");
    assert!(!text.contains("hunter2"));
    drop(holder);
}

/// As on macOS, where there is no timeout(1).
#[test]
fn a_command_that_hangs_does_not_keep_the_forensics_waiting() {
    under_every_shell(|shell| {
        let lab = Lab::new();
        let mut server = Server::start();
        let subject = server.subject("claude-x");
        let bin = lab.root.join("bin");
        std::fs::create_dir_all(&bin).unwrap();
        let programs =
            "[ cat cut date dmesg grep head mkdir mv printf rm sh sleep sort tail test true".split(' ');
        for program in programs {
            std::os::unix::fs::symlink(format!("/usr/bin/{program}"), bin.join(program)).unwrap();
        }
        std::fs::write(bin.join("ps"), "#!/bin/sh\necho before it hung\nexec sleep 20\n").unwrap();
        std::process::Command::new("chmod").arg("+x").arg(bin.join("ps")).status().unwrap();
        let text = lifeline_script(&lab, &subject);
        let pipe = server.lifeline();
        let mut recorder = Recorder::start_with_path(shell, &text, pipe, &lab.root, bin.as_str());
        recorder.wait_until_armed(&lab, &subject);
        server.kill();
        recorder.ended();
        let forensics = lab.only_exit(&subject).get("forensics").unwrap().to_owned();
        let text = std::fs::read_to_string(&forensics).unwrap();
        assert!(text.contains("(exit code 124)") && text.ends_with("--- end\n"), "{shell:?} {text}");
        assert!(!std::path::Path::new(&format!("{forensics}.part")).exists(), "{shell:?}");
    });
}
