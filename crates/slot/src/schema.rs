//! The JSON Schema of the declaration, for editors and for providers' own tests.

use schemars::Schema;
use schemars::generate::SchemaSettings;
use schemars::transform::RecursiveTransform;
use serde_json::Value;

use crate::declaration::Declaration;

/// The JSON Schema (draft 2020-12) of a declaration, as indented JSON without a final newline.
///
/// It accepts what is used as it stands: what it accepts and [`Slot::from_bytes`](crate::Slot::from_bytes)
/// reads is occupied with nothing skipped, and the other way round. A schema cannot say, and only the
/// reader checks, what is wrong with a file before it is a JSON value: its size, its encoding, its nesting.
///
/// Only with the feature `schema`.
pub fn json_schema() -> String {
    let settings = SchemaSettings::draft2020_12().with_transform(RecursiveTransform(unwrap_description));
    let schema = settings.into_generator().into_root_schema_for::<Declaration>();
    serde_json::to_string_pretty(&schema).expect("a schema is a JSON value")
}

/// A description is a comment of the source, where its lines have a limit.
fn unwrap_description(schema: &mut Schema) {
    if let Some(Value::String(text)) = schema.get_mut("description") {
        *text = text.replace('\n', " ");
    }
}
