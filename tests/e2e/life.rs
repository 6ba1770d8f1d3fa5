//! A peer's whole life leaves nothing under the root but what is declared.

use std::fs;

use camino::Utf8Path;
use iapeer_lifecycle::{Owner, declared};

use crate::host::Host;
use crate::machine::{murder, wait_until};

/// Every file under the root has a name that the table has, and is as private as it has to be.
#[track_caller]
fn all_is_declared(host: &Host, moment: &str) {
    use std::os::unix::fs::PermissionsExt;

    let root = host.path("root");
    let mut checked = 0;
    for path in host.files().into_keys().chain(host.locks()) {
        let Ok(meta) = fs::symlink_metadata(&path) else { continue };
        if meta.is_dir() {
            continue;
        }
        let relative = Utf8Path::from_path(path.strip_prefix(&root).unwrap()).unwrap();
        let Some(found) = declared(relative) else { panic!("{moment}: {relative} is not declared") };
        if found.owner == Owner::Iapeer {
            assert_eq!(meta.permissions().mode() & 0o077, 0, "{moment}: {relative}");
        }
        checked += 1;
    }
    assert!(checked > 0, "{moment}: there is nothing to look at");
}

#[test]
fn from_birth_to_removal() {
    let mut host = Host::new();
    host.set("IAPEER_CRASHLOOP_MAX", "100");
    let switch = host.path("works");
    host.provider(&format!("[ -e {} ]", switch.display()));
    let done = |command: &str| {
        host.ok(command);
        all_is_declared(&host, command);
    };
    done("create alpha --runtime shell");
    fs::write(&switch, "").unwrap();
    done("memory-plugin retry --all");
    let server = host.launch("alpha");
    all_is_declared(&host, "launched");
    murder(server);
    host.death_is_recorded();
    all_is_declared(&host, "a server died");
    done("supervise --once");
    murder(host.launch("alpha"));
    done("supervise --once");
    host.launch("alpha");
    host.types("shell-alpha", "exit");
    wait_until("the end of the program", || host.status("alpha") == "asleep");
    done("supervise --once");
    done("launch alpha");
    murder(host.recorder("alpha"));
    done("supervise --once");
    fs::write(host.root("peers/alpha/.iapeer/IAPEER.md"), "Be kind.\n").unwrap();
    done("refresh alpha");
    done("new alpha");
    done("down");
    done("up");
    done("refresh alpha");
    done("stop alpha");
    done("start alpha");
    done("doctor --fix");
    done("remove alpha --force");
    done("doctor");
}
