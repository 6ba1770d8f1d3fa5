use serde_json::json;

use super::*;
use crate::IndexFormat;

/// An index whose only entry is this, and what is in the folder of its peer.
fn verdict(entry: &Value, profile: &Value) -> Verdict {
    let (index, sight) = (index(entry), sight(profile));
    judge(&index, &[], &[sight], &[])
}

fn index(entry: &Value) -> Index {
    let parsed = IndexFormat.parse(json!({ "peers": [entry] }).to_string().as_bytes());
    parsed.expect("an index").value
}

fn sight(profile: &Value) -> Sight {
    let (document, profile) = WholeProfile.parse(profile.to_string().as_bytes()).expect("a profile").value;
    Sight::Profile { profile: Box::new(profile), document }
}

fn entry(more: Value) -> Value {
    let base = json!({ "personality": "a", "default_runtime": "claude", "runtimes": ["claude", "codex"],
        "description": "d", "intelligence": "artificial", "cwd": "/a", "interfaces": {} });
    with(base, more)
}

fn with(mut base: Value, more: Value) -> Value {
    let more = more.as_object().expect("an object").clone();
    base.as_object_mut().expect("an object").extend(more);
    base
}

#[test]
fn every_finding_about_a_profile_has_its_case() {
    let table = [
        (json!({}), &[][..]),
        (json!({ "runtime": "claude" }), &[]),
        (json!({ "runtime": "codex" }), &["mirror-differs"]),
        (json!({ "default_runtime": "shell" }), &["default-not-among-runtimes"]),
        (json!({ "personality": "b" }), &["other-name"]),
        (json!({ "description": "ü".repeat(450) }), &[]),
        (json!({ "description": "ü".repeat(451) }), &["description-too-long"]),
        (
            json!({ "description": "x".repeat(451), "personality": "b", "runtime": "web" }),
            &["other-name", "description-too-long", "mirror-differs"],
        ),
    ];
    for (more, wanted) in table {
        let judged = verdict(&entry(json!({})), &entry(more.clone())).profiles.remove(0);
        let kinds: Vec<_> = judged.findings.iter().map(ProfileFinding::kind).collect();
        assert_eq!((kinds.as_slice(), judged.ok), (wanted, wanted.is_empty()), "{more}");
    }
}

#[test]
fn old_forms_are_fine() {
    let profile = json!({ "personality": "a", "runtime": "claude", "intelligence": "human" });
    let stored =
        entry(json!({ "runtimes": ["claude"], "intelligence": "natural", "interfaces": { "x": 1 } }));
    let found = verdict(&stored, &profile);
    assert_eq!((found.profiles[0].ok, found.differences.as_slice()), (true, &[][..]));
}

#[test]
fn only_what_a_profile_says_is_a_difference() {
    let deep = json!({ "interfaces": { "t": { "ids": [1, { "a": 1, "b": [2, 3] }], "n": null } } });
    let turned = json!({ "interfaces": { "t": { "n": null, "ids": [{ "b": [3, 2], "a": 1 }, 1] } } });
    let table = [
        (json!({}), json!({}), &[][..]),
        (json!({}), json!({ "runtimes": ["codex", "claude"] }), &[]),
        (deep.clone(), turned, &[]),
        (deep.clone(), json!({ "interfaces": { "t": { "ids": [1] } } }), &["interfaces"]),
        (deep.clone(), json!({ "interfaces": {} }), &["interfaces"]),
        (deep, json!({ "interfaces": null }), &[]),
        (json!({}), json!({ "description": "" }), &[]),
        (json!({}), json!({ "description": "x".repeat(451) }), &[]),
        (
            json!({}),
            json!({ "description": "e", "default_runtime": "codex" }),
            &["default_runtime", "description"],
        ),
        (json!({ "intelligence": "scripted" }), json!({ "intelligence": "absent" }), &[]),
        (json!({}), json!({ "intelligence": "human" }), &["intelligence"]),
        (json!({}), json!({ "runtimes": ["claude"] }), &["runtimes"]),
        (json!({}), json!({ "runtimes": ["claude"], "personality": "b" }), &[]),
        (json!({ "kept": 1 }), json!({ "mine": 2 }), &[]),
    ];
    for (stored, profile, wanted) in table {
        let (stored, profile) = (entry(stored), entry(profile));
        let facts = |differences: &[Difference]| -> Vec<_> {
            let fact = |d: &Difference| match d {
                Difference::Fact { fact, .. } => *fact,
                other => panic!("{other}"),
            };
            differences.iter().map(fact).collect()
        };
        assert_eq!(facts(&verdict(&stored, &profile).differences), wanted, "{stored} {profile}");

        // Once projected there is none left.
        let mut index = index(&stored);
        let Sight::Profile { profile, .. } = sight(&profile) else { panic!("a profile") };
        if let Some(facts) = projected(&index.peers()[0], &profile) {
            index.add(Peer::new(facts, "/a".into())).expect("the same peer");
            let seen = Sight::Profile { profile, document: Map::new() };
            assert_eq!(differences(&index.peers()[0], &seen), []);
        }
    }
}

#[test]
fn what_is_missing_bad_or_unlisted_is_told() {
    let index = index(&entry(json!({})));
    let bad = [BadEntry { pointer: "/peers/1".into(), reason: "not an object".into() }];
    let strays = [Stray { folder: "/p/b".into(), personality: None }];
    for (sight, wanted) in [(Sight::Missing, "profile-missing"), (Sight::FolderMissing, "folder-missing")] {
        let found = judge(&index, &bad, &[sight], &strays);
        let kinds: Vec<_> = found.differences.iter().map(Difference::kind).collect();
        assert_eq!((kinds, found.profiles[0].ok), (vec![wanted, "bad-entry", "unlisted"], false));
    }
    let found = judge(&index, &[], &[Sight::Unusable { reason: "torn".into() }], &[]);
    assert_eq!(found.profiles[0].findings[0].kind(), "unusable");
    assert_eq!((found.profiles[0].ok, found.differences.len()), (false, 0));
}
