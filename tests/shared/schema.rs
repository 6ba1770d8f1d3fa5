//! Whether a value is what a JSON Schema asks for, for tests.
//!
//! Only the keywords that our schemas use are known; another one makes the test fail until it is taught.

use serde_json::Value;

/// Whether a schema accepts a value; `matches` tells whether a pattern is in a text.
pub(crate) fn accepts(schema: &Value, value: &Value, matches: fn(&str, &str) -> bool) -> bool {
    Root { root: schema, matches }.accepts(schema, value)
}

struct Root<'a> {
    root: &'a Value,
    matches: fn(&str, &str) -> bool,
}

impl Root<'_> {
    fn accepts(&self, schema: &Value, value: &Value) -> bool {
        // `true` accepts everything.
        if let Value::Bool(all) = schema {
            return *all;
        }
        schema.as_object().unwrap().iter().all(|(keyword, wanted)| self.holds(schema, keyword, wanted, value))
    }

    fn holds(&self, schema: &Value, keyword: &str, wanted: &Value, value: &Value) -> bool {
        let any_of =
            || wanted.as_array().unwrap().iter().filter(|schema| self.accepts(schema, value)).count();
        match keyword {
            "$schema" | "$defs" | "title" | "description" | "default" | "format" => true,
            "$ref" => {
                let pointer = wanted.as_str().unwrap().strip_prefix('#').unwrap();
                self.accepts(self.root.pointer(pointer).unwrap(), value)
            }
            "type" => match wanted {
                Value::Array(types) => types.iter().any(|wanted| is_of(value, wanted)),
                wanted => is_of(value, wanted),
            },
            "const" => value == wanted,
            "enum" => wanted.as_array().unwrap().contains(value),
            "anyOf" => any_of() > 0,
            "oneOf" => any_of() == 1,
            "allOf" => any_of() == wanted.as_array().unwrap().len(),
            "properties" => value.as_object().is_none_or(|members| {
                let mut properties = wanted.as_object().unwrap().iter();
                properties
                    .all(|(name, schema)| members.get(name).is_none_or(|member| self.accepts(schema, member)))
            }),
            "additionalProperties" => value.as_object().is_none_or(|members| {
                let named = |name: &String| schema["properties"].get(name).is_some();
                members.iter().all(|(name, member)| named(name) || self.accepts(wanted, member))
            }),
            "required" => value.as_object().is_none_or(|members| {
                wanted.as_array().unwrap().iter().all(|name| members.contains_key(name.as_str().unwrap()))
            }),
            "items" => {
                value.as_array().is_none_or(|items| items.iter().all(|item| self.accepts(wanted, item)))
            }
            "minItems" => value.as_array().is_none_or(|items| items.len() as u64 >= wanted.as_u64().unwrap()),
            "maxItems" => value.as_array().is_none_or(|items| items.len() as u64 <= wanted.as_u64().unwrap()),
            "minLength" => {
                value.as_str().is_none_or(|text| text.chars().count() as u64 >= wanted.as_u64().unwrap())
            }
            "minimum" => value.as_i64().is_none_or(|number| number >= wanted.as_i64().unwrap()),
            "pattern" => value.as_str().is_none_or(|text| (self.matches)(wanted.as_str().unwrap(), text)),
            other => panic!("the schema uses `{other}`, which this test has to be taught"),
        }
    }
}

fn is_of(value: &Value, wanted: &Value) -> bool {
    match wanted.as_str().unwrap() {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "null" => value.is_null(),
        other => panic!("the schema uses the type `{other}`, which this test has to be taught"),
    }
}
