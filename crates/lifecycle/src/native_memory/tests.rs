//! What the editors make of a text, to the byte.

mod properties;

use toml_edit::DocumentMut;

use super::text::{Fault, position};
use super::{json, toml};

type Editor = fn(&str) -> Result<Option<String>, Fault>;

/// Off gives the second text, is content with it, and on gives the first one back.
fn there_and_back(off: Editor, on: Editor, before: &str, after: &str) {
    assert_eq!(off(before).unwrap().as_deref(), Some(after), "off: {before:?}");
    assert_eq!(off(after).unwrap(), None, "off again: {before:?}");
    assert_eq!(on(after).unwrap().as_deref(), Some(before), "on: {before:?}");
    assert_eq!(on(before).unwrap(), None, "on again: {before:?}");
}

#[test]
fn json_is_turned_off_and_on_again_to_the_byte() {
    for (before, after) in [
        ("{}", "{\"autoMemoryEnabled\": false}"),
        ("{ }\n", "{\"autoMemoryEnabled\": false }\n"),
        ("{\n}\n", "{\n  \"autoMemoryEnabled\": false\n}\n"),
        ("{\"a\":1}", "{\"autoMemoryEnabled\": false, \"a\":1}"),
        (
            "{ \"a\": {\"autoMemoryEnabled\": 3} }",
            "{ \"autoMemoryEnabled\": false, \"a\": {\"autoMemoryEnabled\": 3} }",
        ),
        ("{\n  \"a\": 1\n}", "{\n  \"autoMemoryEnabled\": false,\n  \"a\": 1\n}"),
        (
            "{\r\n\t\"a\": 1,\r\n\t\"b\": [\n]\r\n}\r\n",
            "{\r\n\t\"autoMemoryEnabled\": false,\r\n\t\"a\": 1,\r\n\t\"b\": [\n]\r\n}\r\n",
        ),
        (
            "// c\n{ \n    // about a\n    \"a\": 1, // more\n    /* end */\n}\n// c",
            "// c\n{\n    \"autoMemoryEnabled\": false, \n    // about a\n    \"a\": 1, // more\n    /* end */\n}\n// c",
        ),
        ("{ // c\n\"a\": 1 }", "{ \"autoMemoryEnabled\": false, // c\n\"a\": 1 }"),
        ("{\n  // nothing yet\n}", "{\n  \"autoMemoryEnabled\": false\n  // nothing yet\n}"),
        ("{/* c */}", "{\"autoMemoryEnabled\": false/* c */}"),
    ] {
        there_and_back(json::off, json::on, before, after);
    }
}

#[test]
fn json_that_was_true_becomes_false_and_true_is_never_taken_away() {
    let text = "{ \"autoMemoryEnabled\" : /* mine */ true, \"b\": true }";
    let off = json::off(text).unwrap().unwrap();
    assert_eq!(off, "{ \"autoMemoryEnabled\" : /* mine */ false, \"b\": true }");
    assert_eq!(json::on(text).unwrap(), None);
}

#[test]
fn json_gives_the_switch_up_wherever_it_stands() {
    for (before, after) in [
        ("{\"a\": 1, \"autoMemoryEnabled\": false}", "{\"a\": 1}"),
        ("{\"a\": 1, \"autoMemoryEnabled\": false, \"b\": 2}", "{\"a\": 1, \"b\": 2}"),
        ("{\"a\": 1, \"autoMemoryEnabled\": false, }", "{\"a\": 1, }"),
        ("{\n  \"a\": 1,\n  \"autoMemoryEnabled\": false\n}", "{\n  \"a\": 1\n}"),
        ("{\n  \"a\": 1, // a,\n  \"autoMemoryEnabled\": false // off\n}", "{\n  \"a\": 1 // a,\n // off\n}"),
        ("{\n  \"a\": 1 // ,\n  , \"autoMemoryEnabled\": false }", "{\n  \"a\": 1 // ,\n   }"),
        ("{\"autoMemoryEnabled\": false /* , */ , \"b\": 2}", "{/* , */  \"b\": 2}"),
        ("{\"\\u0061utoMemoryEnabled\":false}", "{}"),
        ("{ \"autoMemoryEnabled\": false }", "{  }"),
    ] {
        assert_eq!(json::on(before).unwrap().as_deref(), Some(after), "{before}");
    }
}

/// Line, column and reason of what both directions refuse.
fn refused(off: Editor, on: Editor, text: &str) -> (usize, usize, String) {
    let fault = off(text).expect_err(text);
    assert_eq!(on(text).as_ref(), Err(&fault), "{text}");
    let (line, column) = position(text, fault.at);
    (line, column, fault.reason)
}

#[test]
fn json_that_is_not_understood_is_refused_with_its_place() {
    let deep = format!("{{\"a\": {}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    for (text, line, column, reason) in [
        ("", 1, 1, "it holds no JSON value"),
        (" \n", 2, 1, "it holds no JSON value"),
        ("[]", 1, 1, "it holds an array, not an object"),
        ("// c\n 3", 2, 2, "it holds a number, not an object"),
        ("{\n  \"a\": ü\n}", 2, 8, "it is not valid JSON: Unexpected word"),
        ("{\"a\": 1", 1, 1, "it is not valid JSON: Unterminated object"),
        ("{\"ä\": 1 \"b\": 2}", 1, 8, "it is not valid JSON: Expected comma"),
        ("{a: 1}", 1, 2, "it is not valid JSON: Expected string for object property"),
        ("{} {}", 1, 4, "it is not valid JSON: Text cannot contain more than one JSON value"),
        ("{\"autoMemoryEnabled\": \"x\"}", 1, 23, "`autoMemoryEnabled` is a string, not a boolean"),
        ("{\"autoMemoryEnabled\": null}", 1, 23, "`autoMemoryEnabled` is null, not a boolean"),
        (
            "{\"autoMemoryEnabled\": false,\n\"autoMemoryEnabled\": true}",
            2,
            1,
            "`autoMemoryEnabled` is there twice",
        ),
        (&deep, 1, 517, "it is not valid JSON: Maximum nesting depth exceeded"),
    ] {
        let expected = (line, column, reason.to_owned());
        assert_eq!(refused(json::off, json::on, text), expected, "{:?}", &text[..text.len().min(80)]);
    }
}

const MARK: &str = "# Made by `iapeer native-memory off`; `iapeer native-memory on` takes it away.";

#[test]
fn toml_is_turned_off_and_on_again_to_the_byte() {
    let table = format!("{MARK}\n[features]\nmemories = false");
    for (before, after) in [
        ("", format!("\n{table}\n")),
        ("\n", format!("\n\n{table}\n")),
        ("# c", format!("# c\n\n{table}")),
        ("a = 1\n", format!("a = 1\n\n{table}\n")),
        ("a = 1\n[b]", format!("a = 1\n[b]\n\n{table}")),
        ("a = 1\r\n", format!("a = 1\r\n\r\n{}\r\n", table.replace('\n', "\r\n"))),
        ("a = 1\r\n# c", format!("a = 1\r\n# c\r\n\r\n{}", table.replace('\n', "\r\n"))),
        ("[features.x]\na = 1\n", format!("[features.x]\na = 1\n\n{table}\n")),
        ("[[x]]\n[x.features]\n", format!("[[x]]\n[x.features]\n\n{table}\n")),
        ("[features]", "[features]\nmemories = false".to_owned()),
        ("\n[features]\n", "\n[features]\nmemories = false\n".to_owned()),
        ("[ features ] # c\r\n\r\n[x]", "[ features ] # c\r\nmemories = false\r\n\r\n[x]".to_owned()),
        ("[features]\n# about a\na = 1\n", "[features]\nmemories = false\n# about a\na = 1\n".to_owned()),
        (
            "features.a = 1 # c\nfeatures.b.c = '''\n'''\nx = 1\n",
            "features.a = 1 # c\nfeatures.b.c = '''\n'''\nfeatures.memories = false\nx = 1\n".to_owned(),
        ),
        ("features.a = 1", "features.a = 1\nfeatures.memories = false".to_owned()),
        ("features = {}\n", "features = {memories = false}\n".to_owned()),
        ("features = { a = 1, b.c = 2 }", "features = { memories = false, a = 1, b.c = 2 }".to_owned()),
        ("features = {b.c = 2}", "features = {memories = false, b.c = 2}".to_owned()),
        (
            "features = {\n  # c\n  a = 1,\n}\n",
            "features = {\n  memories = false,\n  # c\n  a = 1,\n}\n".to_owned(),
        ),
    ] {
        there_and_back(toml::off, toml::on, before, &after);
    }
}

#[test]
fn toml_that_was_true_becomes_false_and_true_is_never_taken_away() {
    for (text, off) in [
        ("[features]\nmemories = true # c\n", "[features]\nmemories = false # c\n"),
        ("features.memories=true", "features.memories=false"),
        ("features = { memories = true }", "features = { memories = false }"),
    ] {
        assert_eq!(toml::off(text).unwrap().as_deref(), Some(off));
        assert_eq!(toml::on(text).unwrap(), None);
    }
}

#[test]
fn toml_gives_the_switch_up_and_keeps_what_may_be_the_users() {
    let table = format!("{MARK}\n[features]\nmemories = false\n");
    for (before, after) in [
        ("[features]\nmemories = false\n".to_owned(), "[features]\n".to_owned()),
        ("[features]\n  memories = false # c\na = 1".to_owned(), "[features]\n  # c\na = 1".to_owned()),
        ("[features]\na = 1\nmemories = false".to_owned(), "[features]\na = 1".to_owned()),
        ("features.memories = false\n".to_owned(), String::new()),
        ("features.memories = false".to_owned(), String::new()),
        ("[\"features\"]\n\"memories\" = false\n".to_owned(), "[\"features\"]\n".to_owned()),
        ("features = { a = 1, memories = false }".to_owned(), "features = { a = 1 }".to_owned()),
        (
            "features = { b.c = 1, memories = false, b.d = 2 }".to_owned(),
            "features = { b.c = 1, b.d = 2 }".to_owned(),
        ),
        // A table that was made here goes, also when others have been put around it since.
        (format!("{table}[x]\n"), "[x]\n".to_owned()),
        (format!("[x]\n{table}\n[y]\n"), "[x]\n\n[y]\n".to_owned()),
        (format!("a = 1\n\n{table}[features.x]\nb = 1\n"), "a = 1\n[features.x]\nb = 1\n".to_owned()),
        // But not when something has been put into it.
        (format!("{table}a = 1\n"), format!("{MARK}\n[features]\na = 1\n")),
        (format!("{MARK}\n[features]\nmemories = false # c\n"), format!("{MARK}\n[features]\n# c\n")),
    ] {
        assert_eq!(toml::on(&before).unwrap(), Some(after), "{before:?}");
    }
}

#[test]
fn toml_that_is_not_understood_is_refused_with_its_place() {
    for (text, line, column, reason) in [
        ("ü = 1\n", 1, 1, "it is not valid TOML: "),
        ("a = 1\n[features\nb = 2\n", 2, 10, "it is not valid TOML: "),
        ("a = 1\na = 2\n", 2, 1, "it is not valid TOML: duplicate key"),
        ("\n features = 3", 2, 2, "`features` is an integer, not a table"),
        ("features = [1]", 1, 1, "`features` is an array, not a table"),
        ("[[features]]\nmemories = true", 1, 3, "`features` is an array of tables, not a table"),
        ("[features]\nmemories = 'x'", 2, 12, "`features.memories` is a string, not a boolean"),
        ("[features]\nmemories = {}", 2, 12, "`features.memories` is an inline table, not a boolean"),
        ("[features.memories]\n", 1, 11, "`features.memories` is a table, not a value"),
        ("features.memories.x = 1\n", 1, 10, "`features.memories` is a table, not a value"),
        ("[[features.memories]]\n", 1, 12, "`features.memories` is an array of tables, not a value"),
    ] {
        let (found_line, found_column, found) = refused(toml::off, toml::on, text);
        assert_eq!((found_line, found_column), (line, column), "{text:?}: {found}");
        assert!(found.starts_with(reason), "{text:?}: {found}");
    }
}

#[test]
fn a_folder_is_trusted_in_every_way_to_write_it() {
    let table = "[projects.\"/p q\"]\ntrust_level = \"trusted\"";
    for (before, after) in [
        ("", format!("\n{table}\n")),
        ("a = 1", format!("a = 1\n\n{table}")),
        ("[projects]\n", format!("[projects]\n\n{table}\n")),
        (
            "[projects.\"/x\"]\ntrust_level = \"untrusted\"\n",
            format!("[projects.\"/x\"]\ntrust_level = \"untrusted\"\n\n{table}\n"),
        ),
        ("[projects.'/p q']\nb = 1\n", "[projects.'/p q']\ntrust_level = \"trusted\"\nb = 1\n".to_owned()),
        ("projects = { a = {} }", "projects = { \"/p q\".trust_level = \"trusted\", a = {} }".to_owned()),
        (
            "[projects]\n\"/p q\" = {b = 1}\n",
            "[projects]\n\"/p q\" = {trust_level = \"trusted\", b = 1}\n".to_owned(),
        ),
        (
            "[projects]\n\"/p q\".b = 1\n",
            "[projects]\n\"/p q\".b = 1\n\"/p q\".trust_level = \"trusted\"\n".to_owned(),
        ),
        (
            "projects.x.trust_level = 'trusted'\n",
            "projects.x.trust_level = 'trusted'\nprojects.\"/p q\".trust_level = \"trusted\"\n".to_owned(),
        ),
    ] {
        let trusted = toml::trusted(before, "/p q").unwrap();
        assert_eq!(trusted.as_deref(), Some(&*after), "{before:?}");
        assert_eq!(toml::trusted(&after, "/p q").unwrap(), None, "{before:?}");
    }
    for (text, at, reason) in [
        (
            "[projects.\"/p q\"]\ntrust_level = \"untrusted\"\n",
            32,
            "`projects.\"/p q\".trust_level` is \"untrusted\", not \"trusted\"",
        ),
        ("projects.\"/p q\" = 1", 9, "`projects.\"/p q\"` is an integer, not a table"),
    ] {
        assert_eq!(toml::trusted(text, "/p q"), Err(Fault { at, reason: reason.to_owned() }));
    }
    for folder in ["/a\"b", "/a\\b", "/привет", "/{cwd}", "/a.b", "/'''", "/\u{7f}\n"] {
        let text = toml::trusted("a = 1\n", folder).unwrap().unwrap();
        let document: DocumentMut = text.parse().unwrap();
        assert_eq!(document["projects"][folder]["trust_level"].as_str(), Some("trusted"), "{text}");
    }
}
