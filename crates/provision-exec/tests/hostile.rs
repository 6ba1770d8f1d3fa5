//! Names, values and arguments that try to be more than they are.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests prepare the files that they run")]

mod common;

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

use common::{script, sh};
use iapeer_provision_exec::{Outcome, Run, State, Template};

/// Prints its arguments, each with a NUL behind it.
fn printer(args: &[&str]) -> Template {
    Template::new("/usr/bin/printf", ["%s\\0"].iter().chain(args).copied())
}

fn printed(outcome: &Outcome) -> Vec<Vec<u8>> {
    assert_eq!(outcome.state, State::Ok, "{:?}", outcome.detail());
    let bytes = outcome.stdout.bytes();
    bytes.strip_suffix(b"\0").unwrap().split(|&byte| byte == 0).map(<[u8]>::to_vec).collect()
}

/// Names that a shell, a template or a regular expression would make something else of.
fn hostile_names() -> Vec<OsString> {
    let names = [
        "two words",
        " ",
        "'",
        "\"",
        "'\"'\"'",
        "line\nline",
        "\n",
        "tab\there\r",
        "$(touch ran)",
        "`touch ran`",
        "${HOME}",
        "; touch ran;",
        "|&<>",
        "*",
        "~",
        "{occasion}",
        "{cwd}",
        "$&",
        "$1\\1",
        "-",
        "-n",
        "--help",
        "%s%n\\0",
        "Привет",
        "日本語",
        "e\u{301}\u{202e}",
        "🦀",
    ];
    names.iter().map(OsString::from).chain([OsString::from_vec(b"half a character \xc3".to_vec())]).collect()
}

#[test]
fn values_arrive_as_they_are_and_where_they_belong() {
    let long = [OsString::from("x".repeat(4096)), OsString::from("'$( ".repeat(1024))];
    for value in hostile_names().iter().chain(&long) {
        let values = [("cwd", value.as_os_str()), ("occasion", OsStr::new("birth"))];
        let outcome = printer(&["first", "{cwd}", "--cwd={cwd}", "{occasion}", "{cwd}{cwd}", "{other}"])
            .fill(&values)
            .unwrap()
            .run();
        let value = value.as_bytes();
        let want = [b"first", value, &[b"--cwd=", value].concat(), b"birth", &value.repeat(2), b"{other}"];
        assert_eq!(printed(&outcome), want);
    }
}

#[test]
fn every_byte_but_nul_arrives() {
    let value = OsString::from_vec((1..=255).collect());
    let outcome = printer(&["{v}"]).fill(&[("v", &value)]).unwrap().run();
    assert_eq!(printed(&outcome), [value.as_bytes()]);
    let outcome = Run::new("/usr/bin/printf").args(["%s\\0"]).args([&value]).run();
    assert_eq!(printed(&outcome), [value.as_bytes()]);
}

#[test]
fn nul_is_refused_everywhere() {
    assert!(printer(&["{v}"]).fill(&[("v", OsStr::new("a\0b"))]).is_err());
    for run in [
        Run::new("/bin/true\0"),
        Run::new("/bin/true").args(["a\0b"]),
        Run::new("/bin/true").env("A", "a\0b"),
        Run::new("/bin/true").env("A\0", "b"),
    ] {
        let outcome = run.run();
        assert_eq!((outcome.state, outcome.exit), (State::NotExecutable, None));
        assert!(outcome.detail().unwrap().to_lowercase().contains("nul byte"), "{:?}", outcome.detail());
    }
    assert_eq!(Run::new("/bin/true").current_dir("/tmp/\0").run().state, State::Ok, "no such folder exists");
}

#[test]
fn variables_arrive_as_they_are() {
    for value in hostile_names() {
        let outcome = sh("printf '%s' \"$VALUE\"").env("VALUE", &value).run();
        assert_eq!(outcome.stdout.bytes(), value.as_bytes(), "{value:?}");
    }
}

#[test]
fn programs_and_folders_may_have_any_name() {
    let root = tempfile::tempdir().unwrap();
    for name in hostile_names() {
        let folder = root.path().canonicalize().unwrap().join("in").join(&name);
        fs::create_dir_all(&folder).unwrap();
        fs::create_dir_all(root.path().join("bin")).unwrap();
        let name = name.to_str().map_or("bytes", |name| name);
        let program =
            script(&root.path().join("bin"), name, "#!/bin/sh\npwd -P\nprintf '%s' \"$0\"\n", 0o755);
        let outcome = Run::new(&program).current_dir(&folder).run();
        assert_eq!(outcome.state, State::Ok, "{:?}", outcome.detail());
        let want = [folder.as_os_str().as_bytes(), b"\n", program.as_os_str().as_bytes()].concat();
        assert_eq!(outcome.stdout.bytes(), want, "{name:?}");
    }
    let ran: Vec<_> = files_below(root.path()).into_iter().filter(|it| it == "ran").collect();
    assert!(!Path::new("ran").exists());
    assert!(ran.is_empty(), "something was taken for a command: {ran:?}");
}

fn files_below(folder: &Path) -> Vec<OsString> {
    let below = |entry: fs::DirEntry| {
        if entry.path().is_dir() { files_below(&entry.path()) } else { vec![entry.file_name()] }
    };
    fs::read_dir(folder).unwrap().flat_map(|entry| below(entry.unwrap())).collect()
}

#[test]
fn a_folder_may_have_the_longest_path_there_is() {
    let root = tempfile::tempdir().unwrap();
    let mut folder = root.path().canonicalize().unwrap();
    // The limit of 4,096 bytes counts the zero byte at the end.
    while folder.as_os_str().len() + 1 < 4095 {
        let room = 4095 - folder.as_os_str().len() - 1;
        folder.push("d".repeat(room.min(200)));
    }
    fs::create_dir_all(&folder).unwrap();
    let outcome = Run::new("/bin/pwd").args(["-P"]).current_dir(&folder).run();
    assert_eq!(outcome.stdout.bytes(), [folder.as_os_str().as_bytes(), b"\n"].concat());

    let beyond = folder.join("e");
    assert_eq!(Run::new("/bin/pwd").current_dir(&beyond).run().state, State::Ok, "it does not exist");
    let outcome = Run::new(&beyond).run();
    assert_eq!(outcome.state, State::NotExecutable);
    assert!(outcome.detail().unwrap().contains("too long"), "{:?}", outcome.detail());
}
