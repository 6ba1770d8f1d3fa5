//! Every fault that `doctor` names, and what it says of it.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde_json::json;

use crate::doctor::{chmod, found, is_unchanged, mark, report, socket, tree};
use crate::host::Host;
use crate::machine::murder;
use crate::sight::json_file;

/// A fault, and how it must be told: the id of the check, its status, and words of summary and remedy.
struct Case {
    what: &'static str,
    cause: fn(&mut Host),
    told: (&'static str, &'static str, &'static [&'static str]),
}

const CASES: &[Case] = &[
    Case {
        what: "no root",
        cause: |host| fs::remove_dir_all(host.path("root")).unwrap(),
        told: ("root", "warn", &["there is no", "iapeer create NAME"]),
    },
    Case {
        what: "a file in place of the root",
        cause: |host| {
            fs::remove_dir_all(host.path("root")).unwrap();
            fs::write(host.path("root"), "").unwrap();
        },
        told: ("root", "fail", &["is not a folder", "mv "]),
    },
    Case {
        what: "a file in place of a folder",
        cause: |host| fs::write(host.root("state"), "").unwrap(),
        told: ("folders", "fail", &["state/lifecycle cannot be entered", "ls -ld"]),
    },
    Case {
        what: "wide permissions",
        cause: |host| chmod(&host.root("peers-profiles.json"), 0o644),
        told: ("permissions", "warn", &["others have access to", "profiles.json | iapeer doctor --fix"]),
    },
    Case {
        what: "a definition that others can write",
        cause: |host| {
            host.declare_runtime("probe", "/bin/sh", &[]);
            chmod(&host.root("runtimes/probe/runtime.json"), 0o666);
        },
        told: ("permissions", "warn", &["others can write to", "runtime.json | chmod go-w "]),
    },
    Case {
        what: "a link in place of a log",
        cause: |host| {
            fs::write(host.path("elsewhere"), "").unwrap();
            symlink(host.path("elsewhere"), log(host, "lifecycle.log")).unwrap();
        },
        told: ("permissions", "fail", &["lifecycle.log is a symbolic link", "mv "]),
    },
    Case {
        what: "a stranger's file",
        cause: |host| fs::write(host.root("notes.txt"), "").unwrap(),
        told: ("undeclared", "info", &["root/notes.txt", "move them out of the root"]),
    },
    Case {
        what: "a write that was cut off",
        cause: |host| {
            let path = host.root(".peers-profiles.json.Ab12Cd.tmp");
            fs::write(&path, "").unwrap();
            dated(&path, SystemTime::now() - Duration::from_secs(2 * 24 * 3600));
        },
        told: ("leftovers", "info", &[".peers-profiles.json.Ab12Cd.tmp", "iapeer doctor --fix"]),
    },
    Case {
        what: "a file from the future",
        cause: |host| {
            let index = host.root("peers-profiles.json");
            dated(&index, SystemTime::now() + Duration::from_secs(3600));
        },
        told: ("clock", "warn", &["peers-profiles.json", "date -u"]),
    },
    Case {
        what: "a log line from the future",
        cause: |host| {
            let line = "ts=2999-01-01T00:00:00.000Z ev=test\n";
            fs::write(log(host, "lifecycle.log"), line).unwrap();
        },
        told: ("clock", "warn", &["lifecycle.log is from the future: 2999-", "date -u"]),
    },
    Case {
        what: "an index that is corrupt",
        cause: |host| fs::write(host.root("peers-profiles.json"), "{ torn").unwrap(),
        told: ("registry", "fail", &["peers-profiles.json is damaged", "iapeer doctor --fix"]),
    },
    Case {
        what: "an index from a newer version",
        cause: |host| fs::write(host.root("peers-profiles.json"), r#"{"version":9,"peers":[]}"#).unwrap(),
        told: ("registry", "fail", &["is of schema 9", "newer iapeer"]),
    },
    Case {
        what: "an index that has vanished",
        cause: |host| fs::remove_file(host.root("peers-profiles.json")).unwrap(),
        told: ("registry", "fail", &["is gone, although it was there once", "iapeer doctor --fix"]),
    },
    Case {
        what: "an index with an entry that is bad",
        cause: |host| {
            let index = host.root("peers-profiles.json");
            let mut document = json_file(&index);
            document["peers"].as_array_mut().unwrap().push(json!({ "personality": "Not A Name" }));
            fs::write(&index, document.to_string()).unwrap();
        },
        told: ("registry", "warn", &["peers-profiles.json#/peers/1", "iapeer doctor --fix"]),
    },
    Case {
        what: "a folder in place of the index",
        cause: |host| {
            let index = host.root("peers-profiles.json");
            fs::remove_file(&index).unwrap();
            fs::create_dir(&index).unwrap();
        },
        told: ("registry", "fail", &["is a folder, not a regular file", "ls -l "]),
    },
    Case {
        what: "a FIFO in place of the index",
        cause: |host| {
            let index = host.root("peers-profiles.json");
            fs::remove_file(&index).unwrap();
            let fifo = rustix::fs::FileType::Fifo;
            rustix::fs::mknodat(rustix::fs::CWD, &index, fifo, 0o600.into(), 0).unwrap();
        },
        told: ("registry", "fail", &["is a FIFO, not a regular file", "ls -l "]),
    },
    Case {
        what: "a link to nothing in place of the index",
        cause: |host| {
            let index = host.root("peers-profiles.json");
            fs::remove_file(&index).unwrap();
            symlink("nowhere", &index).unwrap();
        },
        told: ("registry", "fail", &["is a symbolic link that leads nowhere", "ls -l "]),
    },
    Case {
        what: "a profile that is damaged",
        cause: |host| fs::write(profile(host), "{ torn").unwrap(),
        told: ("profiles", "fail", &["peer-profile.json is damaged", "iapeer restore profiles/alpha"]),
    },
    Case {
        what: "a profile that is gone",
        cause: |host| fs::remove_file(profile(host)).unwrap(),
        told: ("profiles", "warn", &["peer-profile.json is missing", "iapeer restore profiles/alpha"]),
    },
    Case {
        what: "a profile of somebody else",
        cause: |host| changed(host, "personality", "beta"),
        told: ("profiles", "fail", &["alpha: ", "beta", "iapeer verify"]),
    },
    Case {
        what: "a profile that says other things",
        cause: |host| changed(host, "description", "of another mind"),
        told: ("profiles", "warn", &["alpha: `description` is ", "iapeer verify --fix"]),
    },
    Case {
        what: "a folder that is gone",
        cause: |host| fs::remove_dir_all(host.root("peers/alpha")).unwrap(),
        told: ("profiles", "fail", &["is missing", "iapeer remove alpha"]),
    },
    Case {
        what: "a shell that is gone",
        cause: |host| drop(host.set("SHELL", "/no/such/shell")),
        told: ("programs", "fail", &["/no/such/shell", "(of alpha)", "IAPEER_SHELL_BIN"]),
    },
    Case {
        what: "a definition that does not parse",
        cause: |host| {
            host.declare_runtime("probe", "/bin/sh", &[]);
            fs::write(host.root("runtimes/probe/runtime.json"), "{ torn").unwrap();
        },
        told: ("programs", "warn", &["runtimes/probe/runtime.json", "line 1", "mend "]),
    },
    Case {
        what: "a declaration that is damaged",
        cause: |host| host.slot("{ torn"),
        told: ("slot", "fail", &["memory-provider.json cannot be used", "register the provider again"]),
    },
    Case {
        what: "a declaration whose program is gone",
        cause: |host| host.provider_command("/no/such/program", &[]),
        told: ("slot", "fail", &["/provision/command: /no/such/program does not exist", "iapeer slot check"]),
    },
    Case {
        what: "a declaration that is bad in part",
        cause: |host| {
            let block = json!({ "command": "relative", "args": [] });
            let slot = json!({ "provider": "p", "package": "p", "version": "1", "provision": block });
            host.slot(&slot.to_string());
        },
        told: ("slot", "warn", &["/provision/command", "not an absolute path", "iapeer slot check"]),
    },
    Case {
        what: "a provider with a heartbeat",
        cause: |host| {
            fs::write(host.path("heartbeat"), "").unwrap();
            let heartbeat = host.path("heartbeat");
            let slot = json!({ "provider": "p", "package": "p", "version": "1", "heartbeat": heartbeat });
            host.slot(&slot.to_string());
        },
        told: ("slot", "info", &["heartbeat ", " s ago"]),
    },
    Case {
        what: "a provider that failed",
        cause: |host| {
            host.provider("echo no disk >&2; exit 4");
            host.ok("create beta --runtime shell");
        },
        told: ("owed", "warn", &["shell-beta (birth)", "no disk", "iapeer memory-plugin retry --peer beta"]),
    },
    Case {
        what: "no tmux",
        cause: |host| fs::remove_file(host.path("bin/tmux")).unwrap(),
        told: ("tmux", "fail", &["tmux was not found", "install it"]),
    },
    Case {
        what: "a folder whose sockets have too long a path",
        cause: |host| {
            let long = host.path(&"long".repeat(30));
            host.set("IAPEER_SOCK_DIR", long.to_str().unwrap());
        },
        told: ("sockets", "fail", &["only 107 fit", "IAPEER_SOCK_DIR"]),
    },
    Case {
        what: "a socket of nobody",
        cause: |host| drop(UnixListener::bind(socket(host, "shell-ghost")).unwrap()),
        told: ("sockets", "info", &["nobody listens on", "shell-ghost.sock", "iapeer doctor --fix"]),
    },
    Case {
        what: "a socket of nobody in a folder that others may have, too",
        cause: |host| {
            let folder = host.path("sockets");
            fs::create_dir(&folder).unwrap();
            drop(UnixListener::bind(folder.join("tmux-iap-shell-ghost.sock")).unwrap());
            host.set("IAPEER_SOCK_DIR", folder.to_str().unwrap());
        },
        told: ("sockets", "info", &["nobody listens on", "if no other root has it: rm "]),
    },
    Case {
        what: "a session whose server was killed",
        cause: |host| {
            murder(host.launch("alpha"));
            // Its witness writes a record, and forensics after that.
            host.is_quiet();
        },
        told: ("sockets", "warn", &["the server of shell-alpha", "is gone", "iapeer supervise --once"]),
    },
    Case {
        what: "a session without its socket",
        cause: |host| {
            host.launch("alpha");
            fs::remove_file(socket(host, "shell-alpha")).unwrap();
        },
        told: ("sockets", "warn", &["its socket is gone", "iapeer supervise --once"]),
    },
    Case {
        what: "a server that nobody wrote down",
        cause: |host| {
            host.launch("alpha");
            fs::remove_file(host.root("state/lifecycle/shell-alpha.session")).unwrap();
        },
        told: ("sockets", "warn", &["nobody wrote down", "iapeer launch alpha shell"]),
    },
    Case {
        what: "a session whose witness was killed",
        cause: |host| {
            host.launch("alpha");
            murder(host.recorder("alpha"));
        },
        told: ("canaries", "warn", &["nobody watches the server of shell-alpha", "iapeer supervise --once"]),
    },
    Case {
        what: "a mark of nobody",
        cause: |host| mark(host, "shell-ghost.stopped", "2026-01-01T00:00:00.000Z somebody\n"),
        told: ("markers", "warn", &["no peer has shell-ghost", "if ghost is not to come back: rm "]),
    },
    Case {
        what: "a mark from the future",
        cause: |host| mark(host, "shell-alpha.stopped", "2999-01-01T00:00:00.000Z somebody\n"),
        told: ("markers", "warn", &["shell-alpha.stopped is from the future: 2999-", "date -u"]),
    },
    Case {
        what: "a session that is damaged",
        cause: |host| mark(host, "shell-alpha.session", "{ torn"),
        told: ("markers", "fail", &["shell-alpha.session is damaged", "mv "]),
    },
    Case {
        what: "deaths that are damaged",
        cause: |host| mark(host, "shell-alpha.deaths", "{}"),
        told: ("markers", "fail", &["shell-alpha.deaths is damaged", "mv "]),
    },
    Case {
        what: "a log that is no file",
        cause: |host| {
            fs::create_dir(log(host, "lifecycle.log")).unwrap();
        },
        told: ("logs", "fail", &["lifecycle.log is a folder", "ls -l "]),
    },
    Case {
        what: "a torn line",
        cause: |host| fs::write(log(host, "exits.log"), "what is this\n").unwrap(),
        told: ("logs", "info", &["exits.log: one line cannot be read", "grep"]),
    },
    Case {
        what: "logs over their budget",
        cause: |host| {
            host.set("IAPEER_LIFECYCLE_LOG_MAX_BYTES", (1 << 19).to_string());
            let log = File::create(log(host, "lifecycle.log.7")).unwrap();
            log.set_len(5 << 20).unwrap();
        },
        told: ("logs", "warn", &["lifecycle.log has 5 MiB, more than its 3 MiB", "rm the oldest"]),
    },
];

fn profile(host: &Host) -> PathBuf {
    host.root("peers/alpha/.iapeer/peer-profile.json")
}

fn changed(host: &Host, key: &str, value: &str) {
    let mut document = json_file(&profile(host));
    document[key] = value.into();
    fs::write(profile(host), document.to_string()).unwrap();
}

fn dated(path: &Path, time: SystemTime) {
    File::options().write(true).open(path).unwrap().set_modified(time).unwrap();
}

/// The path of a log, in a folder that is there.
fn log(host: &Host, name: &str) -> PathBuf {
    fs::create_dir_all(host.root("logs/iapeer")).unwrap();
    host.root("logs/iapeer").join(name)
}

#[test]
fn every_fault_is_named_with_what_mends_it_and_nothing_is_changed() {
    for Case { what, cause, told: (id, status, words) } in CASES {
        let mut host = Host::with_peers(&["alpha"]);
        cause(&mut host);
        let before = tree(host.folder().as_ref());
        let text = host.run("doctor");
        is_unchanged(&host, &before, what);

        let exit = text.exit;
        let report = report(&host, "doctor", exit);
        let all = found(&report, id);
        let is_it = |(grade, told): &(String, String)| {
            grade == status && words.iter().all(|word| told.contains(word))
        };
        assert!(all.iter().any(is_it), "{what}: {all:#?}");
        let counts = |grade: &str| report["counts"][grade].as_u64().unwrap();
        assert_eq!(exit, i32::from(counts("fail") > 0), "{what}: {text}");
        assert!(counts("unknown") == 0 || counts("fail") > 0, "{what}: {text}");
        if *status != "info" {
            assert!(text.stdout.starts_with("what is wrong\n"), "{what}: {text}");
        }
        let without_remedy = report["checks"].as_array().unwrap().iter().find(|check| {
            ["warn", "fail", "unknown"].contains(&check["status"].as_str().unwrap())
                && check["remedy"].is_null()
        });
        assert_eq!(without_remedy, None, "{what}");
    }
}
