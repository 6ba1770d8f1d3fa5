//! The JSON Schema says what the parser does.
#![allow(clippy::unwrap_used, reason = "a test")]

#[path = "../../../tests/shared/schema.rs"]
mod shared;
mod support;

use iapeer_slot::{Slot, json_schema};
use serde_json::{Value, json};
use shared::accepts;
use support::corpus;

const SHIPPED: &str = include_str!("../../../docs/slot.schema.json");
const PAGE: &str = include_str!("../../../docs/PROVIDERS.md");

/// The patterns of the schema, with what ECMA-262 (22.2, 12.2, 12.3) means by them.
fn matches(pattern: &str, text: &str) -> bool {
    let says_something = || text.chars().any(|c| !is_blank(c));
    let without_nul = !text.contains('\0');
    match pattern {
        r"\S" => says_something(),
        r"^[^\u0000]*$" => without_nul,
        r"^/[^\u0000]*$" => text.starts_with('/') && without_nul,
        r"^[^\u0000]*[^\s\u0000][^\u0000]*$" => says_something() && without_nul,
        other => panic!("the schema uses the pattern {other}, which this test has to be taught"),
    }
}

fn is_blank(c: char) -> bool {
    matches!(
        c,
        '\t' | '\n' | '\u{b}' | '\u{c}' | '\r' | ' ' | '\u{a0}' | '\u{1680}' | '\u{2000}'
            ..='\u{200a}' | '\u{2028}' | '\u{2029}' | '\u{202f}' | '\u{205f}' | '\u{3000}' | '\u{feff}'
    )
}

fn schema() -> Value {
    serde_json::from_str(&json_schema()).unwrap()
}

/// Whether the parser takes all of it.
fn is_read_whole(bytes: &[u8]) -> bool {
    match Slot::from_bytes(bytes) {
        Slot::Occupied(occupied) => occupied.skipped.is_empty(),
        _ => false,
    }
}

#[test]
fn shipped_file_is_what_is_generated() {
    assert_eq!(SHIPPED, json_schema() + "\n", "run: iapeer slot schema > docs/slot.schema.json");
}

#[test]
fn schema_and_parser_agree_over_the_corpus() {
    let schema = schema();
    let mut beyond = Vec::new();
    for case in corpus() {
        let whole = is_read_whole(&case.bytes);
        match serde_json::from_slice(&case.bytes) {
            Ok(value) => assert_eq!(accepts(&schema, &value, matches), whole, "{}", case.name),
            // No schema is ever asked about what is no JSON.
            Err(_) if !whole => {}
            Err(_) => beyond.push(case.name),
        }
    }
    // The reader that these tests use has no such number; the parser does not need it.
    assert_eq!(beyond, ["105-number-huge-digits"]);
}

#[test]
fn schema_and_parser_agree_over_every_kind_of_value_of_every_member() {
    let schema = schema();
    let block = json!({ "command": "/x", "args": ["{cwd}", ""] });
    let plugin = json!({ "name": "m", "marketplace": " a ", "marketplaceRef": "a/m" });
    let mut values = vec![
        json!(null),
        json!(true),
        json!(5),
        json!([]),
        json!({}),
        json!(""),
        json!(" \u{feff}\u{2028}"),
        json!("\u{85}"),
        json!(" x "),
        json!("x\0"),
        json!(" \0"),
        json!("/x"),
        json!("/\0"),
        json!([""]),
        json!(["a", null]),
        json!(["a\0"]),
        json!([{}]),
    ];
    // Blocks with each of these for each of their members, or without it, or with one more.
    for whole in [&block, &plugin] {
        for name in whole.as_object().unwrap().keys() {
            let mut without = whole.clone();
            without.as_object_mut().unwrap().remove(name);
            let with = values[..17].iter().map(|value| {
                let mut with = without.clone();
                with[name] = value.clone();
                with
            });
            values =
                values.iter().cloned().chain(with.collect::<Vec<_>>()).chain([without.clone()]).collect();
        }
        let mut more = whole.clone();
        more["more"] = json!(1);
        values.extend([whole.clone(), more]);
    }
    let whole = json!({
        "provider": "acme", "package": "p", "version": "1", "registeredAt": "", "heartbeat": "/h",
        "plugin": plugin, "provision": block, "unprovision": block, "notify": block, "unknown": 1,
    });
    let (mut accepted, mut refused) = (0, 0);
    for name in whole.as_object().unwrap().keys() {
        for value in &values {
            let mut declaration = whole.clone();
            declaration[name] = value.clone();
            let taken = is_read_whole(declaration.to_string().as_bytes());
            assert_eq!(accepts(&schema, &declaration, matches), taken, "{declaration}");
            if taken { accepted += 1 } else { refused += 1 }
        }
    }
    assert!(accepted > 100 && refused > 500, "{accepted} accepted, {refused} refused");
}

#[test]
fn schema_knows_every_member_that_the_parser_keeps() {
    let schema = schema();
    let members =
        |schema: &Value| schema["properties"].as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let block = json!({ "command": "/x", "args": [] });
    let whole = json!({
        "provider": "acme", "package": "p", "version": "1", "registeredAt": "now", "heartbeat": "/h",
        "plugin": { "name": "m", "marketplace": "a", "marketplaceRef": "a/m" },
        "provision": block, "unprovision": block, "notify": block,
    });
    let Slot::Occupied(occupied) = Slot::from_bytes(whole.to_string().as_bytes()) else { panic!("{whole}") };
    let kept = serde_json::to_value(&occupied.declaration).unwrap();
    assert_eq!(kept, whole);
    assert_eq!(members(&schema), kept.as_object().unwrap().keys().cloned().collect::<Vec<_>>());
    assert_eq!(members(&schema["$defs"]["CommandBlock"]), ["command", "args"]);
    assert_eq!(members(&schema["$defs"]["Plugin"]), ["name", "marketplace", "marketplaceRef"]);
}

#[test]
fn declarations_in_the_page_for_providers_are_good() {
    let schema = schema();
    let blocks: Vec<_> =
        PAGE.split("```json\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert!(blocks.len() >= 2, "the page shows declarations");
    for block in blocks {
        assert!(is_read_whole(block.as_bytes()), "{block}: {:?}", Slot::from_bytes(block.as_bytes()));
        assert!(accepts(&schema, &serde_json::from_str(block).unwrap(), matches), "{block}");
    }
}
