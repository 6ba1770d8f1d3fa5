//! What cannot be done: each time a clear error with what mends it, and nothing half-done left behind.

use std::fs;

use crate::host::{Host, IAPEER, finish};

#[test]
fn a_peer_that_is_not_there() {
    let host = Host::new();
    host.fails("unknown-peer-empty", 1, &["show alpha", "launch alpha"]);
    host.ok("create alpha");
    host.ok("create alpine");
    let verbs = ["show", "launch", "attach", "stop", "start", "remove", "why", "memory-plugin on --peer"];
    for verb in verbs.iter().filter(|verb| **verb != "attach") {
        let ran = host.failure(1, format!("{verb} alpa").as_str());
        assert_eq!(ran.stderr, "error: no peer is named alpa\nhint: did you mean alpha?\n", "{verb}");
    }
    host.fails("unknown-peer", 1, &["show alpah", "show lpine", "show zebra", "launch alphax shell"]);
    host.fails("not-its-runtime", 1, &["launch alpha codex", "start alpha codex", "stop alpha codex"]);
}

#[test]
fn a_name_that_is_none() {
    let host = Host::new();
    let long = "a".repeat(33);
    for name in [
        "Alpha",
        "1alpha",
        "alpha beta",
        "älpha",
        "alpha_beta",
        "alpha.beta",
        "../alpha",
        "alpha\n",
        "",
        &long,
    ] {
        let ran = host.failure(2, ["create", name]);
        assert!(ran.stderr.contains("is not a valid peer name"), "{ran:?}");
    }
    host.fails("invalid-name", 2, &["create Alpha", "launch 1st", "init . --name A", "remove ../etc"]);
    assert!(!host.path("root").exists());
}

#[test]
fn a_name_that_another_folder_has() {
    let host = Host::with_peers(&["alpha"]);
    for folder in ["other", "sub", "sub/alpha"] {
        fs::create_dir(host.path(folder)).unwrap();
    }
    let before = host.files();
    let commands = [
        "create alpha",
        "create alpha --path other",
        "create alpha --path new",
        "init sub/alpha",
        "init other --name alpha",
    ];
    host.fails("name-taken", 1, &commands);
    assert_eq!(host.files(), before);
    assert!(!host.path("new").exists());
    for folder in ["other", "sub/alpha"] {
        assert_eq!(fs::read_dir(host.path(folder)).unwrap().count(), 0, "{folder}");
    }
}

#[test]
fn a_folder_that_another_peer_has() {
    let host = Host::with_peers(&["alpha"]);
    let before = host.files();
    host.fails(
        "folder-taken",
        1,
        &["create beta --path root/peers/alpha", "init root/peers/alpha --name beta"],
    );
    assert_eq!(host.files(), before);
    // The index alone knows whose it is.
    fs::remove_file(host.root("peers/alpha/.iapeer/peer-profile.json")).unwrap();
    let before = host.files();
    host.fails(
        "folder-taken-index",
        1,
        &["create beta --path root/peers/alpha", "init root/peers/alpha/../alpha --name beta"],
    );
    assert_eq!(host.files(), before);
    // A peer that was removed still has its profile there.
    let host = Host::with_peers(&["alpha"]);
    host.ok("remove alpha");
    host.fails("folder-of-a-removed-peer", 1, &["create beta --path root/peers/alpha"]);
    host.ok("create alpha");
}

#[test]
fn a_runtime_that_is_not_there() {
    let mut host = Host::new();
    host.fails("runtime", 1, &["create alpha --runtime gemini", "create alpha --runtime claude"]);
    host.set("IAPEER_CLAUDE_BIN", format!("{}/no-claude", host.folder()));
    host.fails("runtime-named", 1, &["create alpha --runtime claude"]);
    assert_eq!(host.files().len(), 0, "{:?}", host.files());

    // One that went away after the birth.
    host.declare_runtime("probe", "probe-program", &[]);
    let program = host.program("bin/probe-program", "exec sleep 1000");
    host.ok("create alpha --runtime probe");
    fs::remove_file(program).unwrap();
    host.fails("runtime-gone", 1, &["launch alpha"]);
    fs::remove_dir_all(host.root("runtimes/probe")).unwrap();
    host.fails("runtime-undeclared", 1, &["launch alpha"]);
    assert_eq!(host.status("alpha"), "asleep");
}

#[test]
fn a_runtime_that_is_held_by_the_service_manager() {
    let host = Host::new();
    host.snapshot("router", &["create herald --runtime telegram"]);
    host.fails("router-launch", 3, &["launch herald"]);
}

#[test]
fn a_runtime_definition_that_does_not_parse() {
    let host = Host::new();
    host.declare_runtime("probe", "/bin/sh", &[]);
    let file = host.root("runtimes/probe/runtime.json");
    fs::write(&file, "{\n  \"class\": \"agent\",\n  \"program\": 7\n}\n").unwrap();
    host.fails("runtime-definition", 1, &["create alpha --runtime probe"]);
    for (text, reason) in [
        ("", "EOF while parsing"),
        ("{ \"class\": \"robot\", \"program\": \"/bin/sh\" }", "unknown variant `robot`"),
        ("{ \"class\": \"agent\" }", "an agent runtime needs a `program`"),
        ("[]", "invalid length"),
    ] {
        fs::write(&file, text).unwrap();
        let ran = host.failure(1, "create alpha --runtime probe");
        assert!(ran.stderr.contains(reason) && ran.stderr.contains("runtimes/probe/runtime.json"), "{ran:?}");
    }
    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    let ran = host.failure(1, "create alpha --runtime probe");
    assert!(ran.stderr.contains("is a folder, not a regular file"), "{ran:?}");
    assert!(!host.root("peers").exists());
    // What is built in does not suffer from it.
    host.ok("create alpha --runtime shell");
}

#[test]
fn a_folder_that_is_missing() {
    let host = Host::new();
    fs::write(host.path("file"), "").unwrap();
    let commands = [
        "create alpha --path no/such",
        "init nowhere",
        "create alpha --path file",
        "create alpha --path file/below",
        "init file",
    ];
    host.fails("folder-missing", 1, &commands);
    assert_eq!(host.files().len(), 0, "{:?}", host.files());

    host.ok("create alpha");
    fs::rename(host.root("peers/alpha"), host.path("elsewhere")).unwrap();
    host.fails("folder-vanished", 3, &["launch alpha", "start alpha"]);
    host.snapshot("folder-vanished-remove", &["remove alpha"]);
}

#[test]
fn a_folder_with_a_control_character() {
    let host = Host::new();
    for name in ["a\nb", "a\tb", "a\x1b[31mb"] {
        fs::create_dir(host.path(name)).unwrap();
        for command in [&["create", "alpha", "--path", name][..], &["init", name, "--name", "alpha"]] {
            let ran = host.failure(1, command);
            assert!(ran.stderr.contains("control character"), "{ran:?}");
            assert_eq!(ran.stderr.chars().filter(|c| c.is_control() && *c != '\n').count(), 0, "{ran:?}");
        }
        assert_eq!(fs::read_dir(host.path(name)).unwrap().count(), 0);
    }
}

#[test]
fn a_folder_that_is_not_utf8() {
    use std::os::unix::ffi::OsStrExt;
    let host = Host::new();
    let name = std::ffi::OsStr::from_bytes(b"caf\xe9");
    fs::create_dir(std::path::Path::new(host.folder()).join(name)).unwrap();
    let ran = finish(host.command(IAPEER, "init").arg(name));
    assert_eq!(ran.exit, 2, "{ran:?}");
    assert!(ran.stderr.starts_with("error: "), "{ran:?}");
}

#[test]
fn no_tmux() {
    let host = Host::with_peers(&["alpha"]);
    fs::remove_file(host.path("bin/tmux")).unwrap();
    host.fails("no-tmux", 1, &["launch alpha", "start alpha"]);
    assert_eq!(host.status("alpha"), "asleep");
    assert_eq!(host.state(), [""; 0]);
    // The rest works without it.
    host.ok("create beta");
    host.ok("stop alpha");
    host.ok("supervise --once");
    host.ok("remove alpha");
}

#[test]
fn a_tmux_that_is_too_old_or_none() {
    let host = Host::with_peers(&["alpha"]);
    fs::remove_file(host.path("bin/tmux")).unwrap();
    host.program("bin/tmux", "echo tmux 3.1c");
    host.fails("old-tmux", 1, &["launch alpha"]);
    host.program("bin/tmux", "echo I am something else");
    host.fails("no-such-tmux", 1, &["launch alpha"]);
    host.program("bin/tmux", "echo broken >&2; exit 1");
    host.fails("broken-tmux", 1, &["launch alpha"]);
    assert_eq!(host.status("alpha"), "asleep");
    assert_eq!(host.deaths().len(), 0);
}

#[test]
fn a_socket_path_that_is_too_long() {
    let mut host = Host::with_peers(&["alpha"]);
    host.set("IAPEER_SOCK_DIR", format!("{}/{}", host.folder(), "long/".repeat(30)));
    let ran = host.failure(1, "launch alpha");
    assert!(ran.stderr.contains("but only 107 fit") && ran.stderr.contains("IAPEER_SOCK_DIR"), "{ran:?}");
    host.set("IAPEER_SOCK_DIR", format!("{}/s", host.folder()));
    host.launch("alpha");
    assert!(host.path("s/tmux-iap-shell-alpha.sock").exists());
    host.ok("stop alpha");
}

#[test]
fn a_root_that_cannot_be_written() {
    let mut host = Host::new();
    fs::write(host.path("file"), "a file\n").unwrap();
    for (name, root) in [("file", "file"), ("below-file", "file/root")] {
        host.set("IAPEER_ROOT", host.path(root).to_str().unwrap());
        host.fails(&format!("root-{name}"), 1, &["create alpha", "init ."]);
    }
    host.set("IAPEER_ROOT", "/proc/iapeer");
    host.fails("root-in-proc", 1, &["create alpha"]);
    assert_eq!(fs::read_to_string(host.path("file")).unwrap(), "a file\n");
    assert!(!host.path(".iapeer").exists());
}

#[test]
fn an_index_that_cannot_be_written() {
    // A file may have 512 bytes: enough for a profile, and not for an index of so many peers.
    let host = Host::with_peers(&["alpha", "beta", "gamma"]);
    let before = host.files();
    for (command, folder) in [("create delta", "root/peers/delta"), ("create delta --path there", "there")] {
        let script = format!("trap '' XFSZ; ulimit -f 1; exec {IAPEER} {command}");
        let ran = finish(&mut host.command("/bin/sh", ["-c", &script]));
        assert_eq!(ran.exit, 1, "{ran:?}");
        assert!(ran.stderr.contains("/peers-profiles.json\ncaused by: File too large"), "{ran:?}");
        assert_eq!(host.files(), before);
        assert!(!host.path(folder).exists(), "{command}");
    }
    fs::create_dir_all(host.path("mine/.iapeer")).unwrap();
    let script = format!("trap '' XFSZ; ulimit -f 1; exec {IAPEER} init mine");
    assert_eq!(finish(&mut host.command("/bin/sh", ["-c", &script])).exit, 1);
    assert_eq!(fs::read_dir(host.path("mine/.iapeer")).unwrap().count(), 0);
    host.ok("create delta");
}

#[test]
fn a_working_folder_that_is_gone() {
    let host = Host::with_peers(&["alpha"]);
    let gone = |command: &str| {
        let script = format!("mkdir gone && cd gone && rmdir ../gone && exec {IAPEER} {command}");
        finish(&mut host.command("/bin/sh", ["-c", &script]))
    };
    for command in ["list", "launch alpha", "stop alpha", "create beta"] {
        let ran = gone(command);
        assert_eq!(ran.exit, 0, "{command}: {ran:?}");
    }
    let ran = gone("init");
    assert_eq!(ran.exit, 1, "{ran:?}");
    assert!(ran.stderr.starts_with("error: the working folder cannot be told: "), "{ran:?}");
}

#[test]
fn a_value_in_the_environment_that_does_not_parse() {
    let mut host = Host::new();
    for (name, value) in [
        ("IAPEER_ROOT", "relative/root"),
        ("IAPEER_ROOT", "/a\nb"),
        ("IAPEER_SOCK_DIR", "socks"),
        ("IAPEER_TEST_SANDBOX", "yes"),
        ("IAPEER_PROVISION_TIMEOUT_SECS", "two minutes"),
        ("IAPEER_PROVISION_TIMEOUT_SECS", "-1"),
        ("IAPEER_LIFECYCLE_LOG_MAX_BYTES", "5MiB"),
        ("IAPEER_LIFECYCLE_LOG_KEEP", "99999999999"),
        ("IAPEER_CLAUDE_BIN", "claude"),
        ("HOME", "home"),
        ("SHELL", "sh"),
    ] {
        let before = host.set(name, value);
        let ran = host.failure(2, "list");
        assert!(ran.stderr.starts_with(&format!("error: {name} ")), "{name}: {ran:?}");
        match before {
            Some(before) => host.set(name, before),
            None => host.unset(name),
        };
    }
    host.set("IAPEER_PROVISION_TIMEOUT_SECS", "soon");
    host.fails("environment", 2, &["list", "create alpha"]);
    assert!(!host.path("root").exists());
}

#[test]
fn a_sandbox_keeps_the_real_root_as_it_is() {
    let mut host = Host::new();
    let real = host.path("home/.iapeer");
    host.set("IAPEER_ROOT", real.to_str().unwrap());
    host.fails("sandbox", 1, &["create alpha"]);
    assert!(!real.exists());
    // Also through a link, and when no root is named.
    std::os::unix::fs::symlink(host.path("home"), host.path("link")).unwrap();
    host.set("IAPEER_ROOT", host.path("link/.iapeer").to_str().unwrap());
    host.failure(1, "create alpha");
    host.unset("IAPEER_ROOT");
    host.failure(1, "create alpha");
    assert!(!real.exists());
    // Without the sandbox this is the root.
    host.set("IAPEER_TEST_SANDBOX", "0");
    host.ok("create alpha");
    assert!(real.join("peers-profiles.json").exists());
}

#[test]
fn no_home_and_no_root() {
    let mut host = Host::new();
    host.unset("HOME");
    host.ok("list");
    host.unset("IAPEER_ROOT");
    host.fails("no-root", 2, &["list"]);
}
