//! The JSON Schema of a profile, for editors.
//!
//! A profile is read member by member, so that there is no type of which it could be derived; a test holds it
//! against what is read.

use schemars::{JsonSchema, schema_for};
use serde_json::{Map, Value};

const PERSONALITY: &str = "^[a-z][a-z0-9-]{0,31}$";
const RUNTIME: &str = "^[a-z][a-z0-9]{0,31}$";

/// The file `.iapeer/peer-profile.json` in the folder of a peer. Keys that are not named here are kept.
#[derive(JsonSchema)]
#[schemars(
    title = "Profile of a peer",
    extend("anyOf" = [
        { "required": ["default_runtime"], "properties": { "default_runtime": { "type": "string" } } },
        { "required": ["runtime"], "properties": { "runtime": { "type": "string" } } },
        { "required": ["runtimes"], "properties": { "runtimes": { "type": "array", "minItems": 1 } } }
    ])
)]
#[expect(dead_code, reason = "it says what may stand in the file, and is never made")]
struct ProfileForm {
    /// Its name.
    #[schemars(regex(pattern = PERSONALITY))]
    personality: String,
    /// The runtime that is meant when none is named.
    #[schemars(regex(pattern = RUNTIME))]
    default_runtime: Option<String>,
    /// The old name of `default_runtime`, which wins.
    #[schemars(regex(pattern = RUNTIME))]
    runtime: Option<String>,
    /// The runtimes that it has. The default one is among them whether it is listed or not.
    #[schemars(inner(regex(pattern = RUNTIME)))]
    runtimes: Option<Vec<String>>,
    /// What it is for, in at most 450 characters; of a longer one `iapeer verify` tells.
    description: Option<String>,
    /// Who thinks there: a program, a person, or nobody. The last two words are old ones.
    intelligence: Option<Word>,
    /// How others reach it, as its router runtimes left it.
    interfaces: Option<Map<String, Value>>,
    /// What is typed into a session that begins anew.
    initial_prompt: Option<Value>,
    /// `ephemeral`: each of its sessions is for one task.
    wake_policy: Option<Value>,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
#[expect(dead_code, reason = "it says what may stand in the file, and is never made")]
enum Word {
    Artificial,
    Natural,
    Absent,
    Human,
    Scripted,
}

/// The JSON Schema (draft 2020-12) of a profile, as indented JSON without a final newline.
///
/// It accepts what is read. Only with the feature `schema`.
pub fn profile_schema() -> String {
    serde_json::to_string_pretty(&schema_for!(ProfileForm)).expect("a schema is a JSON value")
}
