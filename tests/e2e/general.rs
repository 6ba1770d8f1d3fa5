//! What holds for every verb: help, wrong usage, a reader that goes away.

use std::fs::File;
use std::process::Stdio;

use crate::host::{Host, IAPEER, finish};

const VERBS: [&str; 37] = [
    "init",
    "create",
    "list",
    "show",
    "remove",
    "rename",
    "verify",
    "slot",
    "slot show",
    "memory-plugin",
    "memory-plugin on",
    "memory-plugin off",
    "launch",
    "attach",
    "stop",
    "start",
    "new",
    "refresh",
    "up",
    "down",
    "status",
    "doctor",
    "preflight",
    "supervise",
    "top",
    "deaths",
    "why",
    "service",
    "service install",
    "logs",
    "interrupt",
    "compact",
    "runtime",
    "runtime check",
    "completions",
    "man",
    "schema",
];

#[test]
fn help_and_version_are_data() {
    let host = Host::new();
    host.snapshot("help", &["--help", "--version", "create --help", "launch --help"]);
    for verb in VERBS {
        let help = host.ok(format!("{verb} --help").as_str());
        assert!(help.stdout.contains(&format!("Usage: iapeer {verb}")), "{verb}: {help:?}");
        assert_eq!(help.stderr, "", "{verb}");
    }
    assert!(!host.path("root").exists(), "asking for help has made a root");
}

#[test]
fn without_a_verb_there_is_help_on_standard_error() {
    let host = Host::new();
    let ran = host.run("");
    assert_eq!((ran.exit, ran.stdout.as_str()), (2, ""));
    assert_eq!(ran.stderr, host.ok("--help").stdout);
    for group in ["slot", "memory-plugin", "service"] {
        let ran = host.run(group);
        assert_eq!((ran.exit, ran.stdout.as_str()), (2, ""));
        assert_eq!(ran.stderr, host.ok([group, "--help"]).stdout);
    }
}

#[test]
fn wrong_usage_is_told_with_what_would_be_right() {
    let host = Host::new();
    host.fails(
        "wrong-usage",
        2,
        &[
            "bogus",
            "lunch alpha",
            "list --bogus",
            "create",
            "create alpha --runtime",
            "create alpha --intelligence clever",
            "create alpha --runtime no-dash",
            "list alpha",
            "memory-plugin on",
            "memory-plugin on --all --peer alpha",
        ],
    );
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let host = Host::with_peers(&["alpha", "beta"]);
    for command in ["list", "list --json", "--help", "status", "show alpha", "slot show"] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let ran = finish(host.command(IAPEER, command).stdout(writer));
        assert_eq!((ran.exit, ran.stderr.as_str()), (0, ""), "{command}");
    }
}

#[test]
fn a_full_disk_behind_the_output_is_one() {
    let host = Host::with_peers(&["alpha"]);
    let full = File::options().write(true).open("/dev/full").unwrap();
    let ran = finish(host.command(IAPEER, "list").stdout(Stdio::from(full)));
    assert_eq!(ran.exit, 1);
    assert!(ran.stderr.starts_with("error: cannot write the output: No space left"), "{ran:?}");
}
