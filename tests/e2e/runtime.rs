//! `runtime list`, `show` and `check`.

use std::fs;

use serde_json::Value;

use crate::host::Host;

#[test]
fn runtimes_are_listed() {
    let host = Host::new();
    host.program("bin/claude", "exit 0");
    host.declare_runtime("probe", "/bin/sh", &[]);
    host.declare_runtime("codex", "/bin/sh", &[]);
    host.declare_runtime("torn", "/bin/sh", &[]);
    fs::write(host.root("runtimes/torn/runtime.json"), "{ torn").unwrap();
    fs::create_dir_all(host.root("runtimes/shell")).unwrap();
    fs::write(host.root("runtimes/shell/runtime.json"), "{\n  \"class\": \"robot\"\n}").unwrap();
    host.snapshot("runtime-list", &["runtime list", "runtime list --json"]);
}

#[test]
fn what_is_shown_can_be_copied() {
    let host = Host::new();
    for name in ["claude", "codex", "shell", "telegram"] {
        let shown = host.ok(["runtime", "show", name]).stdout;
        let folder = host.root("runtimes").join(name);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("runtime.json"), &shown).unwrap();
        let document = host.json(["runtime", "show", name]);
        assert_eq!(document["source"], "file");
        assert_eq!(document["definition"], serde_json::from_str::<Value>(&shown).unwrap());
        let file = format!("root/runtimes/{name}/runtime.json");
        assert_eq!(host.json(["runtime", "check", &file])["warnings"], Value::Array(vec![]));
    }
    host.fails("runtime-show-undeclared", 1, &["runtime show gemini"]);
}

#[test]
fn what_is_built_in_stays_when_a_users_file_cannot_be_used() {
    let host = Host::with_peers(&["alpha"]);
    fs::create_dir_all(host.root("runtimes/shell")).unwrap();
    fs::write(host.root("runtimes/shell/runtime.json"), "{\n  \"class\": \"robot\"\n}").unwrap();
    host.snapshot("runtime-passed-over", &["launch alpha", "runtime show shell"]);
    let programs = host.json("doctor");
    let checks = programs["checks"].as_array().unwrap();
    let check = checks.iter().find(|check| check["id"] == "programs").unwrap();
    assert_eq!(check["status"], "warn", "{check}");
    assert!(check["summary"].as_str().unwrap().contains("line 2"), "{check}");
}

#[test]
fn a_definition_is_checked() {
    let host = Host::new();
    let check = |text: &str| {
        fs::write(host.path("mine.json"), text).unwrap();
        format!("{}\n{}", host.run("runtime check mine.json"), host.run("runtime check mine.json --json"))
    };
    let told = [
        check("{\n  \"class\": \"agent\",\n  \"program\": \"mine\",\n  \"redy\": [\"$\"]\n}\n"),
        check("{\n  \"class\": \"agent\",\n  \"program\": \"mine\",\n  \"interrupt\": [\"Esc\"]\n}\n"),
        check("{ \"class\": \"agent\" }"),
    ];
    host.holds("runtime-check", &told.join("\n"));
    host.fails("runtime-check-missing", 1, &["runtime check nowhere.json"]);
}

#[test]
fn the_examples_of_the_page_can_be_used() {
    let host = Host::new();
    let page = include_str!("../../docs/RUNTIMES.md");
    let examples: Vec<_> =
        page.split("```json\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(examples.len() >= 3, "the page has lost its examples");
    for example in examples {
        fs::write(host.path("example.json"), example).unwrap();
        let checked = host.json("runtime check example.json");
        assert_eq!(
            (&checked["state"], &checked["warnings"]),
            (&"usable".into(), &Value::Array(vec![])),
            "{example}"
        );
    }
}
