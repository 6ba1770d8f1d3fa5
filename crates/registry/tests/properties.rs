//! What holds for both files whatever the bytes are.
#![allow(clippy::unwrap_used, reason = "a test")]

use iapeer_registry::{IndexFormat, ProfileFormat};
use iapeer_statefile::Format;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// Keys that mean something, and others.
fn key() -> impl Strategy<Value = String> {
    let ours = [
        "version",
        "peers",
        "personality",
        "runtime",
        "default_runtime",
        "runtimes",
        "description",
        "intelligence",
        "interfaces",
        "cwd",
        "kept",
    ];
    prop_oneof![4 => prop::sample::select(ours.to_vec()).prop_map(str::to_owned), 1 => any::<String>()]
}

/// Any JSON, of words that mean something more often than not.
fn anything() -> impl Strategy<Value = Value> {
    let words = ["a", "b-2", "claude", "human", "natural", "artificial", "/a", "/b", "", "No", "x/y"];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        (0u64..4).prop_map(Value::from),
        prop::sample::select(words.to_vec()).prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((key(), inner), 0..6).prop_map(|m| Value::Object(m.into_iter().collect())),
        ]
    })
}

/// Keys that nobody knows, with anything in them.
fn unknown() -> impl Strategy<Value = Map<String, Value>> {
    prop::collection::vec(("x_[a-z]{1,6}", anything()), 0..4)
        .prop_map(|members| members.into_iter().collect())
}

/// The facts of a peer in one of the forms that are read, with unknown keys.
fn facts(name: &'static str) -> impl Strategy<Value = Map<String, Value>> {
    let form = prop::sample::select(vec![
        json!({ "runtime": "claude" }),
        json!({ "default_runtime": "codex", "runtimes": ["claude", "codex"] }),
        json!({ "runtimes": ["shell"], "intelligence": "scripted", "description": "d" }),
        json!({ "runtime": "web", "default_runtime": "cron", "intelligence": "human" }),
    ]);
    (form, unknown(), prop::option::of(unknown())).prop_map(move |(form, more, interfaces)| {
        let mut map = Map::from_iter([("personality".to_owned(), Value::from(name))]);
        map.extend(form.as_object().unwrap().clone());
        map.extend(interfaces.map(|interfaces| ("interfaces".to_owned(), Value::Object(interfaces))));
        map.extend(more);
        map
    })
}

fn index() -> impl Strategy<Value = Value> {
    (facts("a"), facts("b"), anything(), unknown()).prop_map(|(mut a, mut b, third, more)| {
        a.insert("cwd".to_owned(), "/a".into());
        b.insert("cwd".to_owned(), "/b".into());
        let mut map = more;
        map.insert("peers".to_owned(), json!([a, b, third]));
        Value::Object(map)
    })
}

/// An index with nothing wrong in it.
fn good_index() -> impl Strategy<Value = Value> {
    (facts("a"), facts("b"), unknown()).prop_map(|(mut a, mut b, more)| {
        a.insert("cwd".to_owned(), "/a".into());
        b.insert("cwd".to_owned(), "/b".into());
        let mut map = more;
        map.insert("peers".to_owned(), json!([a, b]));
        Value::Object(map)
    })
}

/// Every key and value of `old` is in `new`.
fn is_in(old: &Value, new: &Value) -> bool {
    match (old, new) {
        (Value::Object(old), Value::Object(new)) => {
            old.iter().all(|(key, value)| new.get(key).is_some_and(|there| is_in(value, there)))
        }
        (old, new) => old == new,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_are_too_strange(bytes in prop::collection::vec(any::<u8>(), 0..200), value in anything()) {
        for bytes in [bytes, value.to_string().into_bytes()] {
            let _ = ProfileFormat.parse(&bytes);
            if let Ok(index) = IndexFormat.parse(&bytes) {
                let again = IndexFormat.parse(&IndexFormat.render(&index.value)).unwrap();
                prop_assert_eq!(again.value, index.value);
                prop_assert_eq!(again.bad.len(), index.bad.len());
            }
        }
    }

    #[test]
    fn an_index_comes_back_as_it_was_with_all_that_nobody_knows(document in index()) {
        let read = IndexFormat.parse(document.to_string().as_bytes()).unwrap();
        let bytes = IndexFormat.render(&read.value);
        let again = IndexFormat.parse(&bytes).unwrap();
        prop_assert_eq!(&again.value, &read.value);
        prop_assert_eq!(IndexFormat.render(&again.value), bytes.clone());

        let written: Value = serde_json::from_slice(&bytes).unwrap();
        let unknown = |map: &Map<String, Value>| -> Value {
            map.iter().filter(|(key, _)| key.starts_with("x_")).map(|(k, v)| (k.clone(), v.clone())).collect()
        };
        prop_assert!(is_in(&unknown(document.as_object().unwrap()), &written));
        let (old, new) = (document["peers"].as_array().unwrap(), written["peers"].as_array().unwrap());
        prop_assert_eq!(old.len(), new.len());
        for entry in &old[..2] {
            let there = new.iter().find(|other| other["personality"] == entry["personality"]).unwrap();
            prop_assert!(is_in(&unknown(entry.as_object().unwrap()), there));
            for key in ["intelligence", "description", "interfaces", "cwd"] {
                prop_assert!(entry.get(key).is_none_or(|value| there[key] == *value), "{}", key);
            }
        }
        // An entry that cannot be used is kept as it is.
        prop_assert!(read.bad.is_empty() || new.iter().any(|other| *other == old[2]));
    }

    #[test]
    fn an_index_is_the_same_whether_or_not_something_in_it_needs_care(document in good_index()) {
        let quick = IndexFormat.parse(document.to_string().as_bytes()).unwrap();
        let mut document = document;
        document["peers"].as_array_mut().unwrap().push(Value::Null);
        let careful = IndexFormat.parse(document.to_string().as_bytes()).unwrap();
        prop_assert_eq!((quick.bad.len(), careful.bad.len()), (0, 1));
        let mut without = careful.value;
        prop_assert_eq!(without.take_unreadable(), [Value::Null]);
        prop_assert_eq!(without, quick.value);
    }

    #[test]
    fn what_validates_parses_to_what_was_rendered(document in prop_oneof![index(), good_index()]) {
        let index = IndexFormat.parse(document.to_string().as_bytes()).unwrap().value;
        let bytes = IndexFormat.render(&index);
        let parsed = IndexFormat.parse(&bytes);
        prop_assert_eq!(IndexFormat.validate(&index, &bytes).is_ok(), parsed.is_ok());
        prop_assert!(parsed.is_ok_and(|parsed| parsed.value == index));
        prop_assert!(IndexFormat.parse(&bytes[..bytes.len() - 2]).is_err());
    }

    #[test]
    fn a_profile_comes_back_as_it_was_with_all_that_nobody_knows(document in facts("a")) {
        let read = ProfileFormat.parse(Value::Object(document.clone()).to_string().as_bytes()).unwrap().value;
        let bytes = ProfileFormat.render(&read);
        let again = ProfileFormat.parse(&bytes).unwrap().value;
        prop_assert_eq!((&again.facts, &again.other), (&read.facts, &read.other));
        let written: Value = serde_json::from_slice(&bytes).unwrap();
        for (key, value) in &document {
            match key.as_str() {
                // Either may stand for the other, and the default is always among the runtimes.
                "runtime" | "default_runtime" => prop_assert_eq!(&written["runtime"], &written["default_runtime"]),
                "runtimes" => {
                    let all = written["runtimes"].as_array().unwrap();
                    prop_assert!(value.as_array().unwrap().iter().all(|runtime| all.contains(runtime)));
                }
                _ => prop_assert_eq!(&written[key], value),
            }
        }
    }
}
