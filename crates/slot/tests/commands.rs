//! The commands of a declaration: which there are, and whether their programs are.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "a test")]

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use camino::{Utf8Path, Utf8PathBuf};
use iapeer_slot::{CommandBlock, Slot};
use rustix::fs::{CWD, Mode, mkfifoat};

#[test]
fn commands_are_told_with_the_names_of_their_members() {
    let command = |name: &str| format!(r#"{{"command":"/{name}","args":["{{cause}}"]}}"#);
    for (members, expected) in [
        (String::new(), vec![]),
        (
            format!(
                r#","notify":{},"unprovision":{},"provision":{}"#,
                command("n"),
                command("u"),
                command("p")
            ),
            vec![("provision", "/p"), ("unprovision", "/u"), ("notify", "/n")],
        ),
        (format!(r#","unprovision":{},"notify":7"#, command("u")), vec![("unprovision", "/u")]),
    ] {
        let json = format!(r#"{{"provider":"acme","package":"p","version":"1"{members}}}"#);
        let Slot::Occupied(occupied) = Slot::from_bytes(json.as_bytes()) else { panic!("{json}") };
        let commands = occupied.declaration.commands().map(|(name, block)| (name, block.command.as_str()));
        assert_eq!(commands.collect::<Vec<_>>(), expected, "{members}");
    }
}

#[test]
fn programs_that_could_not_be_started_are_found() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| -> Utf8PathBuf { Utf8Path::from_path(folder.path()).unwrap().join(name) };
    for (name, mode) in [("plain", 0o600), ("program", 0o700), ("other's", 0o601)] {
        fs::write(at(name), "#!/bin/sh\n").unwrap();
        fs::set_permissions(at(name), fs::Permissions::from_mode(mode)).unwrap();
    }
    mkfifoat(CWD, at("fifo").as_std_path(), Mode::RWXU).unwrap();
    symlink(at("program"), at("link")).unwrap();
    symlink(at("loop"), at("loop")).unwrap();
    for (name, expected) in [
        ("program", None),
        ("link", None),
        ("other's", None),
        ("plain", Some("is not executable")),
        ("absent", Some("does not exist")),
        (".", Some("is a folder")),
        ("fifo", Some("is not a regular file")),
        ("loop", Some("cannot be looked at: ")),
        ("program/below", Some("cannot be looked at: ")),
    ] {
        let fault = CommandBlock { command: at(name), args: Vec::new() }.program_fault();
        match (expected, &fault) {
            (None, None) => {}
            (Some(expected), Some(fault)) if fault.starts_with(expected) => {}
            _ => panic!("{name}: {fault:?}, not {expected:?}"),
        }
    }
}
