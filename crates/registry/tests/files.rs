//! The index and the profiles as bytes: what is read, what is refused, what is kept.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test sets the disk up by hand")]

use camino::Utf8PathBuf;
use iapeer_registry::*;
use iapeer_statefile::{Fault, Format, StateFault};

fn parse(text: &str) -> (Index, Vec<(String, String)>) {
    let parsed = IndexFormat.parse(text.as_bytes()).unwrap();
    (parsed.value, parsed.bad.into_iter().map(|b| (b.pointer, b.reason)).collect())
}

fn peer(name: &str, cwd: &str) -> Peer {
    Peer::new(Facts::new(name.parse().unwrap(), "shell".parse().unwrap()), cwd.into())
}

#[test]
fn unknown_keys_survive_at_every_level_in_both_files() {
    let text = r#"{"version":2,"host":{"a":[1,2]},"peers":[{"personality":"a","runtime":"claude","cwd":"/a",
        "interfaces":{"telegram":{"id":7}},"future":{"x":null}}]}"#;
    let (mut index, bad) = parse(text);
    assert!(bad.is_empty());
    index.add(peer("b", "/b")).unwrap();
    // Taking on new facts of a peer keeps its unknown keys, too.
    index.add(peer("a", "/a")).unwrap();
    let written = String::from_utf8(IndexFormat.render(&index)).unwrap();
    let value: serde_json::Value = serde_json::from_str(&written).unwrap();
    assert_eq!(value["host"]["a"][1], 2);
    assert!(value["peers"][0].as_object().unwrap()["future"].as_object().unwrap().contains_key("x"));
    assert!(written.ends_with("}\n") && written.contains("\n  \"version\": 2,\n"));

    let text = r#"{"personality":"a","runtime":"claude","wake_policy":"ephemeral","mine":[{"deep":true}]}"#;
    let profile = ProfileFormat.parse(text.as_bytes()).unwrap().value;
    let value: serde_json::Value = serde_json::from_slice(&ProfileFormat.render(&profile)).unwrap();
    assert_eq!((&value["wake_policy"], &value["mine"][0]["deep"]), (&"ephemeral".into(), &true.into()));
    assert_eq!((&value["default_runtime"], &value["runtimes"][0]), (&"claude".into(), &"claude".into()));
}

#[test]
fn old_words_are_read_and_written_back_as_found() {
    let (index, _) = parse(
        r#"{"peers":[{"personality":"h","runtime":"telegram","intelligence":"human","cwd":"/h"},
        {"personality":"s","default_runtime":"cron","runtime":"old","runtimes":["web"],"intelligence":"scripted","cwd":"/s"}]}"#,
    );
    let [h, s] = index.peers() else { panic!("two peers") };
    assert_eq!(
        (h.facts.intelligence.nature(), s.facts.intelligence.nature()),
        (Nature::Natural, Nature::Absent)
    );
    assert_eq!(s.facts.default_runtime().as_str(), "cron", "the new key wins over its old name");
    assert_eq!(s.facts.runtimes().len(), 2, "the default runtime is one of the runtimes");
    let written = String::from_utf8(IndexFormat.render(&index)).unwrap();
    assert!(
        written.contains(r#""intelligence": "human""#) && written.contains(r#""intelligence": "scripted""#)
    );
}

#[test]
fn a_bad_entry_costs_only_itself_and_is_kept() {
    let text = r#"{"version":2,"peers":[7,{"personality":"ok","runtime":"shell","cwd":"/ok"},
        {"personality":"OK","runtime":"shell","cwd":"/x"},{"personality":"n","cwd":"/n"},
        {"personality":"r","runtime":"shell","cwd":"rel"},{"personality":"ok","runtime":"shell","cwd":"/other"},
        {"personality":"twin","runtime":"shell","cwd":"/ok"},{"personality":"q","runtime":"shell","intelligence":"much","cwd":"/q"}]}"#;
    let (index, bad) = parse(text);
    assert_eq!(index.peers().len(), 1);
    let pointers: Vec<_> = bad.iter().map(|(p, _)| p.as_str()).collect();
    assert_eq!(
        pointers,
        [
            "/peers/0",
            "/peers/2/personality",
            "/peers/3/default_runtime",
            "/peers/4/cwd",
            "/peers/5/personality",
            "/peers/6/cwd",
            "/peers/7/intelligence"
        ]
    );
    let again = IndexFormat.parse(&IndexFormat.render(&index)).unwrap();
    assert_eq!((again.value, again.bad.len()), (index, 7));
}

#[test]
fn what_is_no_index_is_refused_with_its_kind() {
    for (text, wanted) in [
        ("[]", "Shape"),
        ("{}", "Shape"),
        (r#"{"peers":{}}"#, "Shape"),
        (r#"{"version":"2","peers":[]}"#, "Shape"),
        (r#"{"peers":[}"#, "Syntax"),
        (r#"{"version":3,"peers":{}}"#, "Newer"),
    ] {
        let fault = IndexFormat.parse(text.as_bytes()).unwrap_err();
        let kind = match fault {
            Fault::Corrupt { corruption, .. } => format!("{corruption:?}"),
            Fault::Newer { .. } => "Newer".to_owned(),
        };
        assert_eq!(kind, wanted, "{text}");
    }
}

#[test]
fn name_and_folder_are_one_to_one() {
    let mut index = Index::default();
    index.add(peer("b", "/b")).unwrap();
    index.add(peer("a", "/a")).unwrap();
    assert!(matches!(index.add(peer("a", "/c")), Err(Conflict::NameTaken { .. })));
    assert!(matches!(index.add(peer("c", "/a")), Err(Conflict::FolderTaken { .. })));
    let names: Vec<_> = index.peers().iter().map(|p| p.facts.personality.as_str()).collect();
    assert_eq!(names, ["a", "b"], "sorted, and unchanged by what was refused");
}

#[test]
fn an_index_that_was_there_and_is_gone_is_not_an_empty_one() {
    let dir = tempfile::tempdir().unwrap();
    let root = Utf8PathBuf::from_path_buf(dir.path().to_path_buf()).unwrap();
    let registry = Registry::under(&root);
    assert!(registry.read().unwrap().0.peers().is_empty());
    let lock = registry.lock("test").unwrap();
    let mut edit = registry.edit(&lock).unwrap();
    let mut index = edit.take_value().unwrap_or_default();
    index.add(peer("a", "/a")).unwrap();
    edit.commit(index.clone()).unwrap();
    assert_eq!(registry.read().unwrap().0, index);
    std::fs::remove_file(registry.path()).unwrap();
    assert!(matches!(registry.read(), Err(StateFault::Vanished { .. })));
    assert!(registry.edit(&lock).is_err());
}
