//! The JSON Schemas that can be printed: of files that others write or read, and of outputs that scripts lean on.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Value, json};

use crate::wire::{DeathsDoc, ErrorDoc, ListDoc, ShowDoc};

/// A schema, by the name that `iapeer schema` has for it.
pub(crate) struct Schema {
    pub(crate) name: &'static str,
    /// What is of that form, in a few words.
    pub(crate) what: &'static str,
    /// The schema, as indented JSON.
    pub(crate) text: fn() -> String,
}

/// All of them, in the order in which they are listed.
pub(crate) const SCHEMAS: [Schema; 7] = [
    Schema {
        name: "slot",
        what: "memory-provider.json in the root, which a provider writes",
        text: iapeer_slot::json_schema,
    },
    Schema {
        name: "runtime",
        what: "runtimes/NAME/runtime.json in the root, which a user writes",
        text: iapeer_lifecycle::definition_schema,
    },
    Schema {
        name: "profile",
        what: ".iapeer/peer-profile.json in the folder of a peer",
        text: iapeer_registry::profile_schema,
    },
    Schema { name: "list", what: "iapeer list --json", text: || output::<ListDoc>("list") },
    Schema { name: "show", what: "iapeer show PEER --json", text: || output::<ShowDoc>("show") },
    Schema { name: "deaths", what: "iapeer deaths --json", text: || output::<DeathsDoc>("deaths") },
    Schema {
        name: "error",
        what: "what a verb with --json prints when it fails",
        text: || output::<ErrorDoc>("error"),
    },
];

/// The schema of a document that [`crate::out::json`] prints.
fn output<T: JsonSchema>(name: &str) -> String {
    let generator = SchemaSettings::draft2020_12().for_serialize().into_generator();
    let mut schema = generator.into_root_schema_for::<T>();
    schema.insert("title".to_owned(), json!(format!("iapeer.{name}/1")));
    let members = |schema: &mut schemars::Schema, key: &str, add: &dyn Fn(&mut Value)| {
        add(schema.get_mut(key).expect("a document is an object with members"));
    };
    members(&mut schema, "properties", &|properties| {
        properties["schema"] = json!({ "const": format!("iapeer.{name}/1") });
    });
    members(&mut schema, "required", &|required| {
        let required = required.as_array_mut().expect("it is a list of names");
        required.insert(0, json!("schema"));
    });
    serde_json::to_string_pretty(&schema).expect("a schema is a JSON value")
}
