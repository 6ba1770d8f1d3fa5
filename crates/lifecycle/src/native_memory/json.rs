//! The settings of `claude`: JSON, in which comments and trailing commas are let through.

use jsonc_parser::ast::{ObjectProp, Value};
use jsonc_parser::common::Ranged;
use jsonc_parser::{CollectOptions, ParseOptions, parse_to_ast};

use super::text::{Braces, Fault, replace};

/// The switch of the native memory.
const KEY: &str = "autoMemoryEnabled";

/// The whole file where there was none. On one line with blanks inside, because [`off`] makes the same
/// of no file of somebody else: what has exactly this content was made here.
pub(super) const CREATED: &str = "{ \"autoMemoryEnabled\": false }\n";

/// The text with the native memory turned off; `None` when it is.
pub(crate) fn off(text: &str) -> Result<Option<String>, Fault> {
    let (braces, found) = read(text)?;
    Ok(match found {
        Some(Found { value: false, .. }) => None,
        Some(found) => Some(replace(text, found.at, "false")),
        None => Some(braces.with_first(text, &format!("\"{KEY}\": false"))),
    })
}

/// The text without our switch; `None` when there is no such one.
pub(crate) fn on(text: &str) -> Result<Option<String>, Fault> {
    let (braces, found) = read(text)?;
    Ok(found.filter(|found| !found.value).map(|found| braces.without(text, found.index)))
}

/// The switch as it stands in a text.
struct Found {
    index: usize,
    value: bool,
    at: std::ops::Range<usize>,
}

fn read(text: &str) -> Result<(Braces, Option<Found>), Fault> {
    let options = ParseOptions {
        allow_comments: true,
        allow_trailing_commas: true,
        allow_loose_object_property_names: false,
        allow_missing_commas: false,
        allow_single_quoted_strings: false,
        allow_hexadecimal_numbers: false,
        allow_unary_plus_numbers: false,
        allow_bare_decimal_point_numbers: false,
        allow_non_finite_numbers: false,
        allow_extended_string_escapes: false,
    };
    let parsed = parse_to_ast(text, &CollectOptions::default(), &options)
        .map_err(|e| Fault { at: e.range().start, reason: format!("it is not valid JSON: {}", e.kind()) })?;
    let Some(root) = parsed.value else {
        return Err(Fault { at: text.len(), reason: "it holds no JSON value".to_owned() });
    };
    let Some(object) = root.as_object() else {
        return Err(Fault { at: root.start(), reason: format!("it holds {}, not an object", kind(&root)) });
    };
    let is_ours = |(_, member): &(usize, &ObjectProp<'_>)| member.name.as_str() == KEY;
    let mut ours = object.properties.iter().enumerate().filter(is_ours);
    let found = match (ours.next(), ours.next()) {
        (None, _) => None,
        (Some(_), Some((_, second))) => {
            return Err(Fault { at: second.start(), reason: format!("`{KEY}` is there twice") });
        }
        (Some((index, member)), None) => match member.value.as_boolean_lit() {
            Some(literal) => {
                let at = literal.range.start..literal.range.end;
                Some(Found { index, value: literal.value, at })
            }
            None => {
                let reason = format!("`{KEY}` is {}, not a boolean", kind(&member.value));
                return Err(Fault { at: member.value.start(), reason });
            }
        },
    };
    let members = object.properties.iter().map(|member| member.start()..member.end()).collect();
    Ok((Braces { inside: object.start() + 1..object.end() - 1, members }, found))
}

fn kind(value: &Value<'_>) -> &'static str {
    match value {
        Value::StringLit(_) => "a string",
        Value::NumberLit(_) => "a number",
        Value::BooleanLit(_) => "a boolean",
        Value::Object(_) => "an object",
        Value::Array(_) => "an array",
        Value::NullKeyword(_) => "null",
    }
}
