//! The provider as iapeer sees it: a program that is run with arguments.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "a test")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use assert_cmd::Command;
use serde_json::{Value, json};
use tempfile::TempDir;

/// A host of its own: a home, a root and a peer's folder.
struct Host {
    folder: TempDir,
}

struct Run {
    code: i32,
    stdout: String,
    stderr: String,
}

impl Host {
    fn new() -> Self {
        let host = Self { folder: tempfile::tempdir().unwrap() };
        fs::create_dir(host.at("home")).unwrap();
        fs::create_dir(host.at("peer")).unwrap();
        host
    }

    fn at(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = assert_cmd::cargo::cargo_bin_cmd!("memory-provider");
        command.args(args).env_clear().env("IAPEER_TEST_SANDBOX", "1");
        command.env("HOME", self.at("home")).env("IAPEER_ROOT", self.at("root"));
        command
    }

    fn run(&self, args: &[&str]) -> Run {
        run(&mut self.command(args))
    }

    fn peer(&self, verb: &str) -> Run {
        let cwd = self.at("peer");
        self.run(&[verb, "--cwd", cwd.to_str().unwrap(), "--occasion=birth", "--personality=alpha"])
    }

    fn text(&self, path: &str) -> String {
        fs::read_to_string(self.at(path)).unwrap()
    }

    fn json(&self, path: &str) -> Value {
        serde_json::from_str(&self.text(path)).unwrap()
    }

    fn peer_files(&self) -> Vec<String> {
        let entries = fs::read_dir(self.at("peer")).unwrap();
        let mut names: Vec<_> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

fn run(command: &mut Command) -> Run {
    let output = command.output().unwrap();
    Run {
        code: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

impl Run {
    #[track_caller]
    fn succeeds(self, expected: &str) {
        assert_eq!((self.code, self.stderr.as_str()), (0, ""), "{}", self.stdout);
        assert!(self.stdout.contains(expected), "{}", self.stdout);
        assert_eq!(self.stdout.lines().count(), 1, "{}", self.stdout);
    }

    #[track_caller]
    fn fails(self, expected: &str) {
        assert_eq!((self.code, self.stdout.as_str()), (1, ""), "{}", self.stderr);
        assert!(self.stderr.contains(expected), "{}", self.stderr);
    }
}

#[test]
fn registers_renews_and_unregisters() {
    let host = Host::new();
    host.run(&["register"]).succeeds("registered example-memory");
    let slot = host.json("root/memory-provider.json");
    for (member, verb) in [("provision", "provision-peer"), ("unprovision", "unprovision-peer")] {
        let program = slot[member]["command"].as_str().unwrap();
        assert!(program.starts_with('/') && fs::metadata(program).unwrap().is_file(), "{program}");
        let expected = json!([
            verb,
            "--cwd",
            "{cwd}",
            "--occasion={occasion}",
            "--runtime={runtime}",
            "--personality={personality}"
        ]);
        assert_eq!(slot[member]["args"], expected);
    }
    assert!(fs::metadata(slot["heartbeat"].as_str().unwrap()).unwrap().is_file());

    host.run(&["register"]).succeeds("registered");
    host.run(&["unregister"]).succeeds("unregistered");
    assert_eq!(fs::read_dir(host.at("root")).unwrap().count(), 0);
    host.run(&["unregister"]).succeeds("nothing to do");
}

#[test]
fn root_can_be_told() {
    let host = Host::new();
    let other = host.at("other");
    host.run(&["register", "--root", other.to_str().unwrap()]).succeeds("registered");
    assert!(host.at("other/memory-provider.json").exists());
    assert!(!host.at("root").exists());
}

#[test]
fn slot_of_another_is_left_alone() {
    for (content, expected) in [
        (r#"{"provider":"acme"}"#, r#"belongs to "acme""#),
        ("[]", "belongs to somebody who gives no name"),
        ("{", "left alone, it is not valid JSON"),
    ] {
        let host = Host::new();
        fs::create_dir(host.at("root")).unwrap();
        fs::write(host.at("root/memory-provider.json"), content).unwrap();
        host.run(&["register"]).fails(expected);
        host.run(&["unregister"]).fails(expected);
        assert_eq!(host.text("root/memory-provider.json"), content);
    }
}

#[test]
fn real_root_is_refused_in_a_test() {
    let host = Host::new();
    fs::create_dir_all(host.at("home/.iapeer/peers/real")).unwrap();
    std::os::unix::fs::symlink(host.at("home/.iapeer"), host.at("link")).unwrap();
    for root in ["home/.iapeer", "home/.iapeer/new/folder", "link"] {
        run(host.command(&["register"]).env("IAPEER_ROOT", host.at(root))).fails("is the real thing");
    }
    run(host.command(&["register"]).env_remove("IAPEER_ROOT")).fails("is the real thing");
    let cwd = host.at("home/.iapeer/peers/real");
    host.run(&["provision-peer", "--cwd", cwd.to_str().unwrap(), "--occasion=birth"])
        .fails("is the real thing");
    assert_eq!(fs::read_dir(cwd).unwrap().count(), 0);

    run(host.command(&["register"]).env_remove("IAPEER_ROOT").env_remove("IAPEER_TEST_SANDBOX"))
        .succeeds("registered");
    assert!(host.at("home/.iapeer/memory-provider.json").exists());
}

#[test]
fn surface_comes_and_goes_without_a_trace() {
    let host = Host::new();
    host.peer("provision-peer").succeeds("alpha (birth): provisioned, entry written, notes folder made");
    let entry = &host.json("peer/.mcp.json")["mcpServers"]["example-memory"];
    let notes = fs::canonicalize(host.at("peer/.memory-notes")).unwrap();
    assert_eq!(entry["args"], json!(["serve", "--notes", notes.to_str().unwrap()]));
    host.peer("provision-peer").succeeds("provisioned, entry was there, notes folder was there");
    host.peer("unprovision-peer").succeeds("unprovisioned, entry removed, empty notes folder removed");
    assert_eq!(host.peer_files(), [""; 0]);
    host.peer("unprovision-peer").succeeds("unprovisioned, there was no entry, there was no notes folder");
}

#[test]
fn entries_of_others_and_their_order_stay() {
    let host = Host::new();
    let before = json!({
        "zeta": 1.0,
        "mcpServers": { "z": { "command": "z" }, "example-memory": { "command": "old" }, "b": {}, "a": {} },
        "alpha": [null],
    });
    let path = host.at("peer/.mcp.json");
    fs::write(&path, before.to_string()).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();

    host.peer("provision-peer").succeeds("entry written");
    let mut expected = before.clone();
    expected["mcpServers"]["example-memory"] =
        host.json("peer/.mcp.json")["mcpServers"]["example-memory"].clone();
    assert_ne!(expected, before);
    // Compared as text, because the order of members counts.
    assert_eq!(host.text("peer/.mcp.json"), format!("{expected:#}\n"));
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);

    host.peer("unprovision-peer").succeeds("entry removed");
    expected["mcpServers"].as_object_mut().unwrap().shift_remove("example-memory");
    assert_eq!(host.text("peer/.mcp.json"), format!("{expected:#}\n"));
}

#[test]
fn file_that_is_not_as_expected_is_an_error_and_left_alone() {
    for content in ["{", "", "[]", r#"{"mcpServers":7}"#, r#"{"mcpServers":{}} x"#] {
        for verb in ["provision-peer", "unprovision-peer"] {
            let host = Host::new();
            fs::write(host.at("peer/.mcp.json"), content).unwrap();
            host.peer(verb).fails("is left alone");
            assert_eq!(host.text("peer/.mcp.json"), content);
            assert_eq!(host.peer_files(), [".mcp.json"]);
        }
    }
}

#[test]
fn links_are_written_through() {
    let host = Host::new();
    fs::write(host.at("shared.json"), "{}").unwrap();
    std::os::unix::fs::symlink(host.at("shared.json"), host.at("peer/.mcp.json")).unwrap();
    host.peer("provision-peer").succeeds("entry written");
    assert!(fs::symlink_metadata(host.at("peer/.mcp.json")).unwrap().is_symlink());
    assert!(host.json("shared.json")["mcpServers"]["example-memory"].is_object());
    host.peer("unprovision-peer").succeeds("entry removed");
    assert_eq!(host.json("shared.json"), json!({ "mcpServers": {} }));
    assert!(fs::symlink_metadata(host.at("peer/.mcp.json")).unwrap().is_symlink());
}

#[test]
fn notes_are_kept() {
    for (file, content) in [("notes.md", "- remember\n"), ("README.md", "my own words\n")] {
        let host = Host::new();
        host.peer("provision-peer").succeeds("notes folder made");
        fs::write(host.at("peer/.memory-notes").join(file), content).unwrap();
        host.peer("unprovision-peer").succeeds("entry removed, notes kept in .memory-notes");
        assert_eq!(host.text(&format!("peer/.memory-notes/{file}")), content);
        assert!(host.at("peer/.memory-notes/README.md").exists());
    }
}

#[test]
fn folder_that_is_gone_has_nothing_to_take_away() {
    let host = Host::new();
    fs::remove_dir(host.at("peer")).unwrap();
    host.peer("unprovision-peer").succeeds("nothing to do, the folder is gone");
    host.peer("provision-peer").fails("is not a folder");
}

#[test]
fn one_command_for_a_peer_at_a_time() {
    let host = Host::new();
    let held = fs::File::open(host.at("peer")).unwrap();
    held.lock().unwrap();
    host.peer("provision-peer").fails("another command for");
    assert_eq!(host.peer_files(), [""; 0]);
    drop(held);
    host.peer("provision-peer").succeeds("provisioned");
}

#[test]
fn heartbeat_is_touched_by_every_command() {
    let host = Host::new();
    host.run(&["register"]).succeeds("registered");
    let heartbeat = host.at("root/memory-provider.heartbeat");
    let long_ago = std::time::SystemTime::UNIX_EPOCH;
    fs::File::options().write(true).open(&heartbeat).unwrap().set_modified(long_ago).unwrap();
    host.peer("provision-peer").succeeds("provisioned");
    assert_ne!(fs::metadata(&heartbeat).unwrap().modified().unwrap(), long_ago);
}

#[test]
fn memory_server_keeps_and_tells_notes() {
    let host = Host::new();
    host.peer("provision-peer").succeeds("provisioned");
    let notes = host.at("peer/.memory-notes");
    let call = |id: u32, tool: &str, arguments: Value| {
        let params = json!({ "name": tool, "arguments": arguments });
        json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params }).to_string()
    };
    let input = [
        json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": { "protocolVersion": "2025-06-18" } })
            .to_string(),
        json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }).to_string(),
        json!({ "jsonrpc": "2.0", "id": 2, "method": "tools/list" }).to_string(),
        call(3, "recall", json!({})),
        call(4, "remember", json!({ "text": "the key is\nunder the mat" })),
        call(5, "recall", json!({})),
        call(6, "forget", json!({})),
        "{".to_owned(),
        json!({ "jsonrpc": "2.0", "id": 7, "method": "nope" }).to_string(),
    ]
    .join("\n");
    let served = run(host.command(&["serve", "--notes", notes.to_str().unwrap()]).write_stdin(input));
    assert_eq!((served.code, served.stderr.as_str()), (0, ""));
    let answers: Vec<Value> = served.stdout.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    let [hello, tools, empty, noted, recalled, unknown, broken, nope] = &answers[..] else {
        panic!("{answers:#?}")
    };
    let text = |answer: &Value| answer["result"]["content"][0]["text"].as_str().unwrap().to_owned();
    assert_eq!(hello["result"]["protocolVersion"], "2025-06-18");
    assert_eq!(tools["result"]["tools"].as_array().unwrap().len(), 2);
    assert_eq!(text(empty), "no notes yet");
    assert_eq!(text(noted), "noted");
    assert!(text(recalled).ends_with(": the key is\n  under the mat\n"), "{}", text(recalled));
    assert_eq!(unknown["result"]["isError"], true);
    assert_eq!(broken["error"]["code"], -32700);
    assert_eq!(nope["error"]["code"], -32601);
    host.peer("unprovision-peer").succeeds("notes kept");
}

#[test]
fn wrong_usage_is_told_apart() {
    let host = Host::new();
    assert_eq!(host.run(&["provision-peer", "--cwd", "/"]).code, 2);
    assert_eq!(host.run(&[]).code, 2);
}
