//! The schemas that are printed, held against real files and real outputs.

use std::fs;

use serde_json::{Value, json};

use crate::host::Host;
use crate::schema::accepts;

/// A pattern of a schema, read by another engine; the ones that ours use mean the same to both.
fn matches(pattern: &str, text: &str) -> bool {
    regex::Regex::new(pattern).unwrap().is_match(text)
}

fn schema(host: &Host, name: &str) -> Value {
    serde_json::from_str(&host.ok(["schema", name]).stdout).unwrap()
}

/// The value with one member another, which is `None` when it is left out.
fn with(value: &Value, pointer: &str, member: Option<Value>) -> Value {
    let mut value = value.clone();
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    let parent = value.pointer_mut(parent).unwrap();
    match member {
        Some(member) => parent[key] = member,
        None => drop(parent.as_object_mut().unwrap().remove(key)),
    }
    value
}

#[test]
fn schemas_are_listed_and_need_no_host() {
    let mut host = Host::new();
    assert_eq!(host.ok("schema slot").stdout, host.ok("slot schema").stdout);
    host.unset("IAPEER_ROOT");
    host.unset("HOME");
    host.snapshot("schema", &["schema", "schema error", "schema sloot"]);
    for line in host.ok("schema").stdout.lines() {
        let schema = schema(&host, line.split(' ').next().unwrap());
        assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema", "{line}");
        assert!(schema["title"].is_string(), "{line}");
    }
}

/// The members of each kind that a definition may have, as they should not be.
fn definitions() -> Vec<Value> {
    let whole = json!({
        "class": "agent", "program": "x",
        "argv": { "fresh": ["-a", ["--file", "{system_prompt_file}"]], "resume": [] },
        "ready": ["$"],
        "loading": ["l"],
        "dialogs": [{ "name": "a", "shows": ["b"], "key": "Enter" }, { "name": "a", "shows": ["b"], "fails": "c" }],
        "transcripts": "{home}/*", "interrupt": ["Escape"], "compact": { "text": "/compact", "keys": ["Enter"] },
        "other": 1
    });
    let mut all = vec![whole.clone(), json!({}), json!([]), json!({ "class": "router" })];
    let pointers = [
        "/class",
        "/program",
        "/argv",
        "/argv/fresh",
        "/argv/resume",
        "/ready",
        "/loading",
        "/dialogs",
        "/dialogs/0/name",
        "/dialogs/0/shows",
        "/dialogs/0/key",
        "/dialogs/1/fails",
        "/dialogs/1/key",
        "/transcripts",
        "/interrupt",
        "/compact",
        "/compact/text",
        "/compact/keys",
    ];
    let values = [
        json!(null),
        json!(7),
        json!(""),
        json!("y"),
        json!([]),
        json!([""]),
        json!(["y"]),
        json!([["y"]]),
        json!({}),
    ];
    for pointer in pointers {
        all.push(with(&whole, pointer, None));
        // The reader takes a list for an object, member by member; nobody is told to write that.
        let is_object = ["/argv", "/compact"].contains(&pointer);
        let values = values.iter().filter(|value| !(is_object && value.is_array()));
        all.extend(values.map(|value| with(&whole, pointer, Some(value.clone()))));
    }
    for class in ["router", "agent", "Agent"] {
        all.push(with(&with(&whole, "/program", None), "/class", Some(json!(class))));
    }
    let unasked = with(&whole, "/dialogs", None);
    all.push(with(&unasked, "/ready", None));
    all.push(with(&with(&unasked, "/ready", None), "/loading", None));
    for key in [
        "C-c", "C-M-S-x", "M-C-x", "F1", "F12", "F13", "F0", "entr", "é", "\n", "C-", "-", "DC", "Space ",
        "yy",
    ] {
        all.push(with(&whole, "/interrupt", Some(json!([key]))));
    }
    all
}

#[test]
fn the_schema_of_a_definition_says_what_is_used() {
    let host = Host::new();
    let schema = schema(&host, "runtime");
    for name in ["claude", "codex", "shell", "telegram", "notifier"] {
        let built_in: Value = serde_json::from_str(&host.ok(["runtime", "show", name]).stdout).unwrap();
        assert!(accepts(&schema, &built_in, matches), "{name}");
    }
    let file = host.path("runtime.json");
    let (mut used, mut all) = (0, 0);
    for definition in definitions() {
        fs::write(&file, definition.to_string()).unwrap();
        let ran = host.run(["runtime", "check", file.to_str().unwrap()]);
        let usable = ran.exit != 4;
        assert_eq!(accepts(&schema, &definition, matches), usable, "{definition}: {ran}");
        (used, all) = (used + u32::from(usable), all + 1);
    }
    assert!(used > 20 && all - used > 20, "{used} of {all}");
}

#[test]
fn the_schema_of_a_profile_says_what_is_read() {
    let host = Host::with_peers(&["alpha"]);
    let schema = schema(&host, "profile");
    let file = host.root("peers/alpha/.iapeer/peer-profile.json");
    let written: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
    let mut all =
        vec![written.clone(), json!({}), json!([]), json!({ "personality": "alpha", "runtimes": ["shell"] })];
    let values = [
        json!(null),
        json!(7),
        json!(""),
        json!("alpha"),
        json!("a-b"),
        json!("human"),
        json!([]),
        json!(["x"]),
        json!([7]),
        json!({}),
    ];
    for pointer in [
        "/personality",
        "/default_runtime",
        "/runtime",
        "/runtimes",
        "/description",
        "/intelligence",
        "/interfaces",
        "/other",
    ] {
        all.push(with(&written, pointer, None));
        all.extend(values.iter().map(|value| with(&written, pointer, Some(value.clone()))));
    }
    // Who has no default runtime has the first of them.
    for runtimes in [json!(null), json!([]), json!(["x", "y"])] {
        all.push(json!({ "personality": "alpha", "runtimes": runtimes, "runtime": null }));
    }
    let (mut read, count) = (0, all.len());
    for profile in all {
        fs::write(&file, profile.to_string()).unwrap();
        let found: Value = serde_json::from_str(&host.run(["verify", "--json"]).stdout).unwrap();
        let unusable =
            found["profiles"][0]["findings"].as_array().unwrap().iter().any(|f| f["kind"] == "unusable");
        assert_eq!(accepts(&schema, &profile, matches), !unusable, "{profile}: {found}");
        read += usize::from(!unusable);
    }
    assert!(read > 20 && count - read > 20, "{read} of {count}");
}

#[test]
fn outputs_are_what_their_schemas_say() {
    let (host, server) = Host::with_session();
    host.ok(["create", "beta", "--runtime", "shell"]);
    for (name, command) in
        [("list", "list"), ("show", "show alpha"), ("show", "show beta"), ("deaths", "deaths")]
    {
        let document = host.json(command);
        assert!(accepts(&schema(&host, name), &document, matches), "{command}: {document}");
    }
    crate::machine::murder(server);
    let document = crate::machine::wait_for("a death", || {
        Some(host.json("deaths")).filter(|document| document["deaths"].as_array().unwrap().len() == 1)
    });
    assert!(accepts(&schema(&host, "deaths"), &document, matches), "{document}");
    let document = host.json("show alpha");
    assert!(document["peer"]["runtimes"][0]["last_death"].is_object(), "{document}");
    assert!(accepts(&schema(&host, "show"), &document, matches), "{document}");
    for command in ["show nobody --json", "bogus --json"] {
        let document: Value = serde_json::from_str(&host.run(command).stdout).unwrap();
        assert!(accepts(&schema(&host, "error"), &document, matches), "{command}: {document}");
    }
    // It sees what is not so.
    let list = schema(&host, "list");
    for (pointer, member) in
        [("/schema", json!("iapeer.list/2")), ("/peers/0/cwd", json!(7)), ("/peers/0/runtimes", json!({}))]
    {
        assert!(!accepts(&list, &with(&host.json("list"), pointer, Some(member)), matches), "{pointer}");
    }
}
