//! The JSON Schema of a definition, for editors.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema, schema_for};

use super::definition::{Argument, Definition, Dialog, DialogForm, Key, Texts};

/// The JSON Schema (draft 2020-12) of a runtime's definition, as indented JSON without a final newline.
///
/// It accepts what can be used, but for a list in the place of an object, which the reader takes as well. Only with the feature `schema`.
pub fn definition_schema() -> String {
    serde_json::to_string_pretty(&schema_for!(Definition)).expect("a schema is a JSON value")
}

impl JsonSchema for Argument {
    fn schema_name() -> Cow<'static, str> {
        "Argument".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "One argument, or several that drop out together: without a system prompt those with \
                            `{system_prompt_file}` do.",
            "type": ["string", "array"],
            "items": { "type": "string" }
        })
    }
}

impl JsonSchema for Texts {
    fn schema_name() -> Cow<'static, str> {
        "Texts".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "array", "items": { "type": "string", "pattern": r"\S" } })
    }
}

impl JsonSchema for Key {
    fn schema_name() -> Cow<'static, str> {
        "Key".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A key by the name that tmux has for it, or one character; `C-`, `M-` and `S-` hold Ctrl, \
                            Alt and Shift.",
            "type": "string",
            "pattern": "^(C-)?(M-)?(S-)?(Enter|Escape|Tab|BTab|Space|BSpace|Up|Down|Left|Right|Home|End|PageUp|\
                        PageDown|DC|IC|F[1-9]|F1[0-2]|[^\\u0000-\\u001f\\u007f-\\u009f])$"
        })
    }
}

impl JsonSchema for Dialog {
    fn schema_name() -> Cow<'static, str> {
        "Dialog".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        DialogForm::json_schema(generator)
    }
}
