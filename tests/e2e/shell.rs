//! What the shells complete, on the shells themselves; manual pages, schemas, and names that are mistyped.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use crate::host::{Host, IAPEER, finish};
use crate::machine::wait_for;
use crate::terminal::Terminal;

/// A program of this machine, if it has it.
#[expect(clippy::print_stdout, reason = "a test that tried nothing says so")]
fn found(program: &str) -> Option<PathBuf> {
    let search_path = std::env::var_os("PATH").expect("tests need a PATH");
    let found = std::env::split_paths(&search_path).map(|folder| folder.join(program)).find(|p| p.exists());
    if found.is_none() {
        println!("skipped, for {program} is not installed");
    }
    found
}

/// A host with peers, on which `iapeer` and these programs are found; none where one is not installed.
fn host_with(programs: &[&str]) -> Option<Host> {
    let host = Host::with_peers(&["alpha", "alpine", "beta"]);
    symlink(IAPEER, host.path("bin/iapeer")).unwrap();
    for program in programs {
        let link = host.path("bin").join(program);
        if !link.exists() {
            symlink(found(program)?, link).unwrap();
        }
    }
    Some(host)
}

/// What can come after these words; the last one is not finished.
#[track_caller]
fn candidates(host: &Host, words: &[&str]) -> Vec<String> {
    let ran = host.ok([&["__complete", "--"], words].concat().as_slice());
    assert_eq!(ran.stderr, "", "{words:?}");
    ran.stdout.lines().map(|line| line.split('\t').next().unwrap().to_owned()).collect()
}

#[test]
fn names_are_completed_as_they_are_now() {
    let host = Host::with_peers(&["alpha", "alpine", "beta"]);
    fs::write(host.path("a file.json"), "{}").unwrap();
    for (words, wanted) in [
        (&["sho"][..], &["show"][..]),
        (&["cl"], &["claude"]),
        (&["noti"], &[]),
        (&["show", ""], &["alpha", "alpine", "beta"]),
        (&["show", "al"], &["alpha", "alpine"]),
        (&["show", "x"], &[]),
        (&["list", ""], &["--json", "--help"]),
        (&["show", "alpha", "--j"], &["--json"]),
        (&["launch", "alpha", "c"], &["claude", "codex"]),
        (&["deaths", "--peer", "b"], &["beta"]),
        (&["deaths", "--peer=b"], &["--peer=beta"]),
        (&["deaths", "--peer", "=", "b"], &["--peer=beta"]),
        (&["deaths", "--cause", "sw"], &["swept"]),
        (&["create", "ada", "--runtime", "sh"], &["shell"]),
        (&["create", "ada", "--intelligence", "n"], &["natural"]),
        (&["rename", "al"], &["alpha", "alpine"]),
        (&["rename", "alpha", "al"], &[]),
        (&["create", "al"], &[]),
        (&["restore", "profiles/b"], &["profiles/beta"]),
        (&["service", "print", "--for", ""], &["systemd", "launchd"]),
        (&["slot", "check", "a"], &["a file.json"]),
        (&["init", "ho"], &["home/"]),
        (&["completions", ""], &["bash", "zsh", "fish"]),
        (&["folder"], &[]),
        (&["__"], &[]),
    ] {
        assert_eq!(candidates(&host, words), wanted, "{words:?}");
    }
    host.ok("remove beta");
    assert_eq!(candidates(&host, &["show", ""]), ["alpha", "alpine"]);
    let profile = host.root("peers/alpha/.iapeer/peer-profile.json");
    let text = fs::read_to_string(&profile).unwrap();
    fs::write(&profile, text.replacen('{', r#"{ "wake_policy": "ephemeral","#, 1)).unwrap();
    host.ok(["queue", "add", "alpha", "Read the mail"]);
    let told = host.ok(["__complete", "--", "queue", "drop", "alpha", ""]).stdout;
    assert_eq!(told, "1\tshell-alpha: Read the mail\n");
}

#[test]
fn completing_writes_nothing_and_never_complains() {
    let mut host = Host::new();
    assert_eq!(candidates(&host, &["show", "-"]), ["--json", "-h"]);
    assert!(!host.path("root").exists(), "completing has made a root");
    host.ok(["create", "alpha", "--runtime", "shell"]);
    // No program can be started then.
    let path = host.set("PATH", host.path("nowhere").to_str().unwrap()).unwrap();
    assert_eq!(candidates(&host, &["show", ""]), ["alpha"]);
    host.set("PATH", path);
    fs::write(host.root("peers-profiles.json"), "{ it is no").unwrap();
    let before = all_files(&host);
    assert_eq!(candidates(&host, &["show", "a"]), [""; 0]);
    assert_eq!(all_files(&host), before);
    for root in ["not/absolute", ""] {
        host.set("IAPEER_ROOT", root);
        host.unset("HOME");
        assert_eq!(candidates(&host, &["show", "a"]), [""; 0]);
        assert_eq!(candidates(&host, &["sho"]), ["show"]);
    }
}

/// Everything in the root, with what is in it; [`Host::files`] leaves the locks out.
fn all_files(host: &Host) -> Vec<(PathBuf, Option<Vec<u8>>)> {
    let mut left = vec![host.path("root")];
    let mut files = Vec::new();
    while let Some(path) = left.pop() {
        if path.is_dir() {
            left.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        }
        files.push((path.clone(), fs::read(&path).ok()));
    }
    files.sort();
    files
}

#[test]
fn bash_completes() {
    let Some(host) = host_with(&["bash"]) else { return };
    fs::create_dir(host.path("a folder")).unwrap();
    let complete = |words: &[&str]| {
        let script = r#"
            set -u
            source <(iapeer completions bash)
            complete -p iapeer
            COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
            _iapeer iapeer "${!#}" "${COMP_WORDS[COMP_CWORD - 1]}"
            printf '[%s]\n' "${COMPREPLY[@]-}"
        "#;
        let words = [&["--noprofile", "--norc", "-c", script, "bash"], words].concat();
        let ran = finish(&mut host.command(host.path("bin/bash"), words.as_slice()));
        assert_eq!((ran.exit, ran.stderr.as_str()), (0, ""), "{ran:?}");
        ran.stdout
    };
    let registered = "complete -F _iapeer iapeer\n";
    for (words, wanted) in [
        (&["iapeer", "show", ""][..], "[alpha]\n[alpine]\n[beta]\n"),
        (&["iapeer", "deaths", "--peer", "=", "al"], "[alpha]\n[alpine]\n"),
        (&["iapeer", "deaths", "--peer", "="], "[alpha]\n[alpine]\n[beta]\n"),
        (&["iapeer", "show", "none"], "[]\n"),
    ] {
        assert_eq!(complete(words), format!("{registered}{wanted}"), "{words:?}");
    }
    let terminal = Terminal::open(&host, 80);
    terminal.types("exec bash --noprofile --norc");
    terminal.types("PS1='ready> '; source <(iapeer completions bash)");
    wait_prompt(&terminal);
    completes(&terminal, "iapeer show alph\tx", "ready> iapeer show alpha x");
    completes(&terminal, "iapeer init a\t", r"ready> iapeer init a\ folder/");
    completes(&terminal, "iapeer deaths --peer=b\t", "ready> iapeer deaths --peer=beta");
}

#[test]
fn zsh_completes() {
    let Some(host) = host_with(&["zsh"]) else { return };
    fs::create_dir(host.path("a folder")).unwrap();
    let terminal = Terminal::open(&host, 80);
    terminal.types("exec zsh -f");
    terminal.types("PS1='ready> '; autoload -U compinit; compinit -u -D; source <(iapeer completions zsh)");
    wait_prompt(&terminal);
    completes(&terminal, "iapeer show alph\tx", "ready> iapeer show alpha x");
    completes(&terminal, "iapeer launch b\tx", "ready> iapeer launch beta x");
    completes(&terminal, "iapeer init a\t", r"ready> iapeer init a\ folder/");
    completes(&terminal, "iapeer deaths --peer=b\t", "ready> iapeer deaths --peer=beta");
    completes(&terminal, "iapeer slot \t", "-- Show what is declared");
}

#[test]
fn fish_completes() {
    let Some(host) = host_with(&["fish"]) else { return };
    fs::create_dir(host.path("a folder")).unwrap();
    let complete = |line: &str| {
        let script = "iapeer completions fish | source; complete -C $argv[1]";
        let ran = finish(&mut host.command(host.path("bin/fish"), ["--no-config", "-c", script, line]));
        assert_eq!((ran.exit, ran.stderr.as_str()), (0, ""), "{ran:?}");
        ran.stdout
    };
    for (line, wanted) in [
        ("iapeer show al", "alpha\nalpine\n"),
        ("iapeer show none", ""),
        ("iapeer deaths --peer=b", "--peer=beta\n"),
        ("iapeer init a", "a folder/\n"),
        ("iapeer sho", "show\tShow one peer\n"),
    ] {
        assert_eq!(complete(line), wanted, "{line}");
    }
}

/// What is typed, on a line of its own, becomes what is shown.
fn completes(terminal: &Terminal<'_>, typed: &str, shown: &str) {
    press(terminal, "\u{15}");
    press(terminal, typed);
    terminal.shows(shown);
}

fn press(terminal: &Terminal<'_>, keys: &str) {
    terminal.tmux(&["send-keys", "-l", "--", keys]);
}

/// Waits until a shell has read what was typed to make it complete.
fn wait_prompt(terminal: &Terminal<'_>) {
    wait_for("the prompt of a shell", || {
        let screen = terminal.tmux(&["capture-pane", "-p"]);
        screen.lines().any(|line| line.trim_end() == "ready>").then_some(())
    });
}

#[test]
fn manual_pages_are_read_without_a_warning() {
    let host = Host::new();
    let ran = host.ok(["man", "--out", "pages"]);
    let pages: Vec<_> =
        fs::read_dir(host.path("pages")).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(ran.stdout.starts_with(&format!("{} manual pages are in ", pages.len())), "{ran:?}");
    assert!(!host.path("root").exists(), "the manual has made a root");
    let page = fs::read_to_string(host.path("pages/iapeer-slot-check.1")).unwrap();
    assert_eq!(host.ok("man slot check").stdout.trim_end(), page.trim_end());
    host.snapshot("man", &["man deaths"]);
    let lints: [(&str, &[&str]); 2] =
        [("groff", &["-ww", "-man", "-Tutf8", "-z"]), ("mandoc", &["-T", "lint", "-W", "warning"])];
    for (program, words) in lints {
        let Some(lint) = found(program) else { continue };
        let files: Vec<_> = pages.iter().map(|page| page.to_str().unwrap()).collect();
        let mut command = host.command(lint, [words, files.as_slice()].concat().as_slice());
        // It starts parts of itself.
        let ran = finish(command.env("PATH", std::env::var_os("PATH").unwrap()));
        // Pages have no date, so that each build of a version makes the same ones.
        let told = format!("{}{}", ran.stdout, ran.stderr);
        let told: Vec<_> = told.lines().filter(|line| !line.contains("missing date")).collect();
        assert_eq!(told, [""; 0], "{program}");
    }
    host.snapshot(
        "man-unknown",
        &["man shwo", "man slot chekc", "man folder-launch", "man deaths --out pages"],
    );
}

#[test]
fn names_that_are_mistyped_are_suggested() {
    let host = Host::with_peers(&["alpha", "alpine", "beta"]);
    host.fails("did-you-mean", 1, &["show alfa", "stop zzz", "runtime show claud", "restore profiles/alpa"]);
    host.fails("did-you-mean-verb", 2, &["claud", "shoe alpha", "list --jsn"]);
}
