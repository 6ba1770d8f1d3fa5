//! Any bytes as an index or a profile: nothing panics, and what is understood is written back as it is.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::fmt::Debug;

use iapeer_registry::{IndexFormat, ProfileFormat};
use iapeer_statefile::Format;
use proptest::prelude::*;
use serde_json::{Value, json};

/// Any JSON, in which the keys and values that mean something here are frequent.
fn any_json() -> impl Strategy<Value = Value> {
    let key = prop_oneof![
        3 => prop::sample::select(vec![
            "version", "peers", "personality", "runtime", "default_runtime", "runtimes", "description",
            "intelligence", "cwd", "interfaces",
        ])
        .prop_map(str::to_owned),
        1 => any::<String>(),
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (0u64..4).prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        prop::sample::select(vec!["a", "b", "shell", "claude", "/a", "/b", "human", "absent"])
            .prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((key.clone(), inner), 0..8)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// A peer of which some member may be anything.
fn peer() -> impl Strategy<Value = Value> {
    let word = || prop::sample::select(vec!["a", "b", "c", "shell", "cron"]);
    (word(), word(), prop::sample::select(vec!["/a", "/b", "/c", "c"]), any_json(), 0usize..12).prop_map(
        |(name, runtime, cwd, other, at)| {
            let mut peer = json!({"personality": name, "default_runtime": runtime, "cwd": cwd});
            let keys =
                ["personality", "runtime", "runtimes", "description", "intelligence", "interfaces", "new"];
            if let Some(key) = keys.get(at) {
                peer[*key] = other;
            }
            peer
        },
    )
}

/// What is read, written and read again is the same, and so is what is written then.
fn stable<F: Format<Value: PartialEq + Debug>>(format: &F, bytes: &[u8]) -> Result<(), TestCaseError> {
    let Ok(first) = format.parse(bytes) else { return Ok(()) };
    let written = format.render(&first.value);
    let second = format.parse(&written).map_err(|fault| TestCaseError::fail(format!("{fault}")))?;
    prop_assert_eq!(&first.value, &second.value);
    prop_assert_eq!(first.bad.len(), second.bad.len());
    prop_assert_eq!(written, format.render(&second.value));
    Ok(())
}

proptest! {
    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        stable(&IndexFormat, &bytes)?;
        stable(&ProfileFormat, &bytes)?;
    }

    #[test]
    fn any_object(value in any_json(), entries in prop::collection::vec(any_json(), 0..4)) {
        for value in [&value, &json!({ "version": 2, "peers": entries, "new": value })] {
            stable(&IndexFormat, &serde_json::to_vec(value).unwrap())?;
            stable(&ProfileFormat, &serde_json::to_vec(value).unwrap())?;
        }
    }

    #[test]
    fn any_peers(peers in prop::collection::vec(prop_oneof![4 => peer(), 1 => any_json()], 0..8)) {
        let count = peers.len();
        let bytes = serde_json::to_vec(&json!({ "peers": peers })).unwrap();
        stable(&IndexFormat, &bytes)?;
        let parsed = IndexFormat.parse(&bytes).unwrap();
        prop_assert_eq!(parsed.value.peers().len() + parsed.bad.len(), count, "none is lost");
        for peer in peers {
            stable(&ProfileFormat, &serde_json::to_vec(&peer).unwrap())?;
        }
    }
}
