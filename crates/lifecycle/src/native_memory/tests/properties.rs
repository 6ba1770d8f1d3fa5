//! What holds for the editors whatever the text is.

use std::collections::BTreeMap;

use jsonc_parser::JsonValue;
use proptest::prelude::*;
use toml_edit::{DocumentMut, Item, TableLike};

use super::{MARK, json, toml};

/// Everything that a JSON text says, but the switch.
fn json_rest(text: &str) -> JsonValue<'_> {
    match jsonc_parser::parse_to_value(text, &jsonc_parser::ParseOptions::default()) {
        Ok(Some(JsonValue::Object(mut object))) => {
            let _ = object.take("autoMemoryEnabled");
            JsonValue::Object(object)
        }
        other => panic!("{text:?}: {other:?}"),
    }
}

/// Everything that a TOML text says, but the switch: each value by its path.
fn toml_rest(text: &str) -> BTreeMap<String, String> {
    fn walk(path: &str, table: &dyn TableLike, found: &mut BTreeMap<String, String>) {
        for (key, item) in table.iter() {
            let path = format!("{path}/{key}");
            match (item.as_table_like(), item) {
                (Some(table), _) => walk(&path, table, found),
                (None, Item::ArrayOfTables(tables)) => {
                    tables
                        .iter()
                        .enumerate()
                        .for_each(|(i, table)| walk(&format!("{path}/{i}"), table, found));
                }
                (None, item) => drop(found.insert(path, item.to_string().trim().to_owned())),
            }
        }
    }
    let document: DocumentMut = text.parse().unwrap_or_else(|e| panic!("{text:?}: {e}"));
    let mut found = BTreeMap::new();
    walk("", document.as_table(), &mut found);
    found.remove("/features/memories");
    found
}

fn json_text(with_switch: bool) -> impl Strategy<Value = String> {
    let blank = prop::sample::select(vec![
        "",
        " ",
        "\n",
        "\n  ",
        "\r\n\t",
        " // c , }\n",
        "/* , { */",
        " \n\n // \"\n ",
    ]);
    let value =
        prop::sample::select(vec!["1", "\"x, }\"", "{ }", "[1, // ]\n 2,]", "{\"autoMemoryEnabled\": true}"]);
    let member = (blank.clone(), blank.clone(), blank.clone(), value, blank.clone());
    let members = prop::collection::vec(member, 0..5);
    (members, any::<bool>(), blank.clone(), blank, 0_usize..5).prop_map(
        move |(members, trailing_comma, end, around, at)| {
            let mut texts: Vec<_> = (0..)
                .zip(&members)
                .map(|(i, (a, b, c, value, d))| format!("{a}\"k{i}\"{b}:{c}{value}{d}"))
                .collect();
            if with_switch {
                let (a, b) = members.first().map_or(("", ""), |member| (member.1, member.2));
                texts.insert(at.min(texts.len()), format!("{a}\"autoMemoryEnabled\": false{b}"));
            }
            let comma = if trailing_comma && !texts.is_empty() { "," } else { "" };
            format!("{around}{{{}{comma}{end}}}{around}", texts.join(","))
        },
    )
}

fn toml_text() -> impl Strategy<Value = String> {
    let head = prop::sample::select(vec![
        "",
        "a = 1",
        "features.x = 1",
        "features.y.z = '''\n]'''",
        "features = { x = 1, y.z = 2 }",
        "features = {}",
        "features.memories = false",
    ]);
    let part = prop::sample::select(vec![
        "",
        "# c",
        "[t]",
        "u = [\n1, # ]\n2]",
        "v = \"\"\"\n[features]\n\"\"\"",
        "[t.features]",
        "[[f]]",
        "  ",
    ]);
    let features = prop::sample::select(vec![
        "",
        "[features]",
        "[features.sub]",
        "[features] # c\nx = 1",
        "[features]\nx = 1\nmemories = false # off",
        MARK,
    ]);
    let parts = prop::collection::vec(part, 0..4);
    (head, parts.clone(), features, parts, any::<(bool, bool)>()).prop_filter_map(
        "it must be TOML",
        |(head, before, features, after, (crlf, ends))| {
            let lines: Vec<_> = [&[head][..], &before, &[features], &after].concat();
            let text = lines.join("\n") + if ends { "\n" } else { "" };
            let text = if crlf { text.replace('\n', "\r\n") } else { text };
            text.parse::<DocumentMut>().is_ok().then_some(text)
        },
    )
}

proptest! {
    #[test]
    fn any_json_is_turned_off_and_on_again_to_the_byte(text in json_text(false)) {
        let off = json::off(&text).unwrap().unwrap();
        prop_assert_eq!(json_rest(&text), json_rest(&off));
        prop_assert_eq!(json::off(&off).unwrap(), None);
        prop_assert_eq!(json::on(&off).unwrap(), Some(text));
    }

    #[test]
    fn any_json_gives_up_the_switch_and_nothing_else(text in json_text(true)) {
        let on = json::on(&text).unwrap().unwrap();
        prop_assert_eq!(json_rest(&text), json_rest(&on));
        prop_assert_eq!(json::on(&on).unwrap(), None);
        for kept in ["// ", "/* ", " */"] {
            prop_assert_eq!(text.matches(kept).count(), on.matches(kept).count());
        }
    }

    #[test]
    fn any_toml_is_turned_off_and_on_again_to_the_byte(text in toml_text()) {
        // A file that is turned off already by the user says so and gives only that up.
        let given = toml::on(&text).unwrap();
        if let Some(on) = &given {
            prop_assert_eq!(toml_rest(&text), toml_rest(on));
        }
        let text = given.unwrap_or(text);
        let off = toml::off(&text).unwrap().unwrap();
        prop_assert_eq!(toml_rest(&text), toml_rest(&off));
        prop_assert_eq!(toml::off(&off).unwrap(), None);
        prop_assert_eq!(toml::on(&off).unwrap(), Some(text));
    }

    #[test]
    fn any_toml_can_trust_a_folder(text in toml_text(), folder in "/.*") {
        let trusted = toml::trusted(&text, &folder).unwrap().unwrap();
        let document: DocumentMut = trusted.parse().unwrap();
        prop_assert_eq!(document["projects"][&folder]["trust_level"].as_str(), Some("trusted"));
        prop_assert!(trusted.starts_with(&text));
    }

    #[test]
    fn no_text_makes_an_editor_panic(text in ".{0,40}", end in "[\\[\\]{}=,.\"# \n\ra-z]{0,40}") {
        for text in [&text, &end] {
            for edit in [json::off, json::on, toml::off, toml::on] {
                if let Err(fault) = edit(text) {
                    prop_assert!(fault.at <= text.len());
                }
            }
        }
    }
}
