//! JSON looked at one member at a time, so that a bad one spoils nothing but itself.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

/// How many levels of `[` and `{` a declaration may nest. It is the limit of `serde_json` for what it
/// converts, held here for what is merely skipped too.
pub const DEPTH_LIMIT: usize = 128;

/// The members of an object, not converted yet. Of two with the same name the last holds.
pub(crate) type Members<'a> = BTreeMap<String, &'a RawValue>;

/// The members of the object that a whole file holds, or what is wrong with the file.
pub(crate) fn document(bytes: &[u8]) -> Result<Members<'_>, String> {
    if bytes.is_empty() {
        return Err("the file is empty".to_owned());
    }
    let text = std::str::from_utf8(bytes)
        .map_err(|e| format!("the file is not valid UTF-8 (byte {})", e.valid_up_to() + 1))?;
    if text.starts_with('\u{feff}') {
        return Err("the file begins with a byte order mark, which JSON does not allow".to_owned());
    }
    let root: &RawValue =
        serde_json::from_str(text).map_err(|e| format!("the file is not valid JSON: {e}"))?;
    if depth(root.get()) > DEPTH_LIMIT {
        return Err(format!("the file nests deeper than {DEPTH_LIMIT} levels"));
    }
    object(root).map_err(|reason| format!("the file {reason}"))
}

pub(crate) fn object(raw: &RawValue) -> Result<Members<'_>, String> {
    convert(raw, "an object")
}

pub(crate) fn array(raw: &RawValue) -> Result<Vec<&RawValue>, String> {
    convert(raw, "an array")
}

pub(crate) fn string(raw: &RawValue) -> Result<String, String> {
    convert(raw, "a string")
}

fn convert<'a, T: serde::Deserialize<'a>>(raw: &'a RawValue, wanted: &str) -> Result<T, String> {
    let found = kind(raw);
    if found != wanted {
        return Err(format!("is {found}, not {wanted}"));
    }
    // The syntax is known to be right: what is left is text that is not Unicode.
    serde_json::from_str(raw.get()).map_err(|e| format!("cannot be represented: {e}"))
}

/// What a value is: its first character tells.
fn kind(raw: &RawValue) -> &'static str {
    match raw.get().as_bytes().first() {
        Some(b'{') => "an object",
        Some(b'[') => "an array",
        Some(b'"') => "a string",
        Some(b't' | b'f') => "a boolean",
        Some(b'n') => "null",
        _ => "a number",
    }
}

/// How deep well-formed JSON nests.
fn depth(json: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    let mut bytes = json.bytes();
    let mut in_string = false;
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' if in_string => {
                bytes.next();
            }
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_counts_brackets_outside_strings() {
        for (json, expected) in [
            ("1", 0),
            ("[]", 1),
            (r#"{"a":[{}],"b":{}}"#, 3),
            (r#"["[[[["]"#, 1),
            (r#"["\"[[", []]"#, 2),
            (r#"["\\", [[]]]"#, 3),
        ] {
            assert_eq!(depth(json), expected, "{json}");
        }
    }
}
