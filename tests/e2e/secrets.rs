//! A secret in a `launch.env` goes to the session, and nowhere else; and everything that is made is private, whatever
//! the umask.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use camino::Utf8Path;
use iapeer_lifecycle::{Owner, declared};

use crate::host::{Host, IAPEER, finish};
use crate::machine::{murder, wait_until};

const SECRET: &str = "hunter2-and-nobody-else";

/// A host on which every call of tmux has its arguments written down, as everybody on the machine could read them.
fn host_with_secret() -> Host {
    let host = Host::new();
    host.ok("create alpha --runtime shell");
    let text = format!("TOKEN={SECRET}\nEMPTY=\n");
    fs::write(host.root("peers/alpha/.iapeer/launch.env"), text).unwrap();
    let (tmux, calls) = (host.path("bin/tmux"), host.path("calls"));
    let real = fs::canonicalize(&tmux).unwrap();
    fs::remove_file(&tmux).unwrap();
    let (real, calls) = (real.display(), calls.display());
    host.program("bin/tmux", &format!("printf '%s\\n' \"$@\" >>{calls}\nexec {real} \"$@\""));
    host
}

/// The files below a folder that hold the secret.
fn holding(folder: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let meta = fs::symlink_metadata(&path).unwrap();
        if meta.is_dir() {
            holding(&path, found);
        } else if meta.is_file() && String::from_utf8_lossy(&fs::read(&path).unwrap()).contains(SECRET) {
            found.push(path.file_name().unwrap().to_str().unwrap().to_owned());
        }
    }
}

/// The processes of the machine that have the secret in their arguments.
fn saying() -> Vec<String> {
    let pids = fs::read_dir("/proc").unwrap().map(|entry| entry.unwrap().path());
    let arguments = pids.filter_map(|pid| fs::read(pid.join("cmdline")).ok());
    arguments
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .filter(|a| a.contains(SECRET))
        .collect()
}

#[test]
fn a_secret_stands_where_the_user_wrote_it_and_nowhere_else() {
    let host = host_with_secret();
    host.provider("exit 1");
    let server = host.launch("alpha");
    // The session has it, also when somebody has attached in between.
    host.types(
        "shell-alpha",
        "[ -n \"$TOKEN\" ] && [ \"${EMPTY-unset}\" = '' ] && echo ${#TOKEN} >../../../given",
    );
    wait_until("the session's word", || {
        fs::read_to_string(host.path("given")).is_ok_and(|text| text.ends_with('\n'))
    });
    assert_eq!(fs::read_to_string(host.path("given")).unwrap(), format!("{}\n", SECRET.len()));
    assert_eq!(saying(), [""; 0]);

    murder(server);
    host.death_is_recorded();
    let forensics = host.root("logs/iapeer/server-deaths");
    wait_until("the forensics", || fs::read_dir(&forensics).is_ok_and(|mut files| files.next().is_some()));
    host.launch("alpha");
    let commands = [
        "supervise --once",
        "why alpha",
        "doctor",
        "logs alpha",
        "deaths --all",
        "show alpha",
        "list",
        "status",
        "verify",
        "runtime show shell",
        "canary list",
        "stop alpha",
        "logs",
    ];
    for command in commands {
        for json in ["", " --json"] {
            let ran = host.run(format!("{command}{json}").as_str());
            assert!(!ran.to_string().contains(SECRET), "{command}{json}: {ran}");
        }
    }
    let calls = fs::read_to_string(host.path("calls")).unwrap();
    assert!(calls.contains("new-session") && calls.contains("TOKEN"), "{calls}");
    assert!(!calls.contains(SECRET), "{calls}");
    let mut found = Vec::new();
    holding(Path::new(host.folder()), &mut found);
    assert_eq!(found, ["launch.env"]);
}

#[test]
fn a_variable_that_tmux_would_drop_starts_nothing() {
    let host = Host::with_peers(&["alpha"]);
    let text = format!("TOKEN={}\n", "x".repeat(20_000));
    fs::write(host.root("peers/alpha/.iapeer/launch.env"), text).unwrap();
    let ran = host.failure(1, "launch alpha");
    assert!(ran.stderr.contains("longer than tmux takes") && ran.stderr.contains("TOKEN"), "{ran}");
    assert!(!ran.stderr.contains("xxxx"), "{ran}");
    host.is_quiet();
}

/// What stands under the root that is ours, by the name that the table has for it, with its mode.
fn modes(host: &Host) -> BTreeSet<String> {
    let root = host.path("root");
    let (mut modes, mut folders) = (BTreeSet::new(), vec![root.clone()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            // What is written at this moment is gone at the next.
            let Ok(meta) = fs::symlink_metadata(&path) else { continue };
            let name = Utf8Path::from_path(path.strip_prefix(&root).unwrap()).unwrap().to_owned();
            let mode = meta.permissions().mode() & 0o777;
            if meta.is_dir() {
                modes.insert(format!("{mode:04o} {name}/"));
                folders.push(path);
            } else {
                let found = declared(&name).unwrap_or_else(|| panic!("{name} is not declared"));
                let what = if found.owner == Owner::User { name.as_str() } else { found.pattern };
                modes.insert(format!("{mode:04o} {what}"));
            }
        }
    }
    modes
}

#[test]
fn nothing_is_open_to_others_whatever_the_umask_is() {
    let made = ["000", "077"].map(|umask| {
        let host = Host::new();
        let script = format!("umask {umask}; exec \"$@\"");
        let iapeer = |words: &[&str]| {
            let words = [&["-c", &script, "sh", IAPEER], words].concat();
            let ran = finish(&mut host.command("/bin/sh", words.as_slice()));
            assert_eq!(ran.exit, 0, "{ran:?}");
        };
        iapeer(&["create", "alpha", "--runtime", "shell"]);
        iapeer(&["launch", "alpha"]);
        let mut all = modes(&host);
        murder(host.runtime("alpha")["server_pid"].as_u64().unwrap().try_into().unwrap());
        host.death_is_recorded();
        let forensics = host.root("logs/iapeer/server-deaths");
        wait_until("the forensics", || {
            let names =
                fs::read_dir(&forensics).into_iter().flatten().map(|entry| entry.unwrap().file_name());
            names.into_iter().any(|name| name.to_str().unwrap().ends_with(".txt"))
        });
        iapeer(&["supervise", "--once"]);
        iapeer(&["launch", "alpha"]);
        iapeer(&["stop", "alpha"]);
        all.extend(modes(&host));
        // A temporary file, or one that is made and gone at once, may be seen or not.
        all.retain(|line| {
            ![".tmp", ".part", ".intent", ".late", ".<number>"].iter().any(|end| line.ends_with(end))
        });
        all
    });
    assert_eq!(made[0], made[1]);
    let open: Vec<_> = made[0].iter().filter(|line| line[2..4] != *"00").collect();
    assert_eq!(open, [""; 0]);
    Host::new().holds("modes", &made[0].iter().cloned().collect::<Vec<_>>().join("\n"));
}
