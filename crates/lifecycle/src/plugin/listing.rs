//! What `plugin list --json` answers.
//!
//! The shapes that are understood, with any other keys beside: an array of plugins; an object that has
//! such arrays under any key (but `available`, which lists what could be installed), also further down;
//! and an object in which `name@marketplace` is the key of one plugin or an array of them. A plugin is an
//! object with
//!
//! - `id`, `pluginId` or `plugin`: `name@marketplace`; or `name`, with `marketplace` or `marketplaceName`;
//! - `enabled`: a boolean; without it, it is enabled;
//! - `installed`: a boolean; with `false` it is none;
//! - `scope` and `projectPath`, as `claude` has them; without `scope` it is the project's.

use camino::{Utf8Path, Utf8PathBuf};
use serde_json::{Map, Value};

/// A plugin that is installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) enabled: bool,
    pub(super) scope: String,
    project: Option<Utf8PathBuf>,
}

impl Entry {
    /// Whether it is installed for one project alone.
    pub(super) fn is_of_project(&self) -> bool {
        self.scope == "project"
    }

    /// Whether it serves this project; all serve where no project is meant.
    pub(super) fn is_for(&self, project: Option<&Utf8Path>) -> bool {
        let (Some(wanted), Some(own)) = (project, &self.project) else { return true };
        own == wanted || own.canonicalize_utf8().is_ok_and(|real| real == wanted)
    }
}

/// The entries of one plugin in an answer, or why it is none.
pub(super) fn entries(answer: &str, name: &str, marketplace: &str) -> Result<Vec<Entry>, String> {
    let answer: Value =
        serde_json::from_str(answer.trim()).map_err(|e| format!("the answer is not JSON: {e}"))?;
    if !answer.is_array() && !answer.is_object() {
        return Err("the answer is neither an array nor an object".to_owned());
    }
    let mut search = Search { name, marketplace, id: format!("{name}@{marketplace}"), found: Vec::new() };
    search.through(&answer);
    Ok(search.found)
}

struct Search<'a> {
    name: &'a str,
    marketplace: &'a str,
    id: String,
    found: Vec<Entry>,
}

impl Search<'_> {
    fn through(&mut self, value: &Value) {
        match value {
            Value::Array(values) => values.iter().for_each(|value| self.through(value)),
            Value::Object(members) if self.is_meant(members) => self.take(members),
            Value::Object(members) => {
                for (key, value) in members.iter().filter(|(key, _)| *key != "available") {
                    match value {
                        Value::Object(plugin) if *key == self.id => self.take(plugin),
                        Value::Array(plugins) if *key == self.id => {
                            plugins.iter().filter_map(Value::as_object).for_each(|plugin| self.take(plugin));
                        }
                        value => self.through(value),
                    }
                }
            }
            _ => {}
        }
    }

    fn is_meant(&self, plugin: &Map<String, Value>) -> bool {
        let says = |key: &str, wanted: &str| plugin.get(key).and_then(Value::as_str) == Some(wanted);
        ["id", "pluginId", "plugin"].iter().any(|key| says(key, &self.id))
            || says("name", &self.id)
            || says("name", self.name)
                && (says("marketplace", self.marketplace) || says("marketplaceName", self.marketplace))
    }

    fn take(&mut self, plugin: &Map<String, Value>) {
        let flag = |key: &str| plugin.get(key).and_then(Value::as_bool).unwrap_or(true);
        let text = |key: &str| plugin.get(key).and_then(Value::as_str);
        if flag("installed") {
            self.found.push(Entry {
                enabled: flag("enabled"),
                scope: text("scope").unwrap_or("project").to_owned(),
                project: text("projectPath").map(Utf8PathBuf::from),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_shape_is_read() {
        for (answer, expected) in [
            ("[]", vec![]),
            ("{}\n", vec![]),
            (
                r#"[{"id": "m@shop", "version": "1", "scope": "user", "enabled": false}]"#,
                vec![("user", false)],
            ),
            (r#"[{"id": "m@shop"}, {"id": "m@other"}, {"id": "n@shop"}]"#, vec![("project", true)]),
            (r#"{"installed": [{"name": "m", "marketplace": "shop"}], "x": 1}"#, vec![("project", true)]),
            (r#"{"plugins": [{"name": "m@shop", "enabled": true}]}"#, vec![("project", true)]),
            (r#"{"plugins": [{"name": "m", "marketplaceName": "shop", "installed": false}]}"#, vec![]),
            (
                r#"{"marketplaces": [{"name": "shop", "plugins": [{"pluginId": "m@shop"}]}]}"#,
                vec![("project", true)],
            ),
            (
                r#"{"plugins": {"m@shop": [{"scope": "local"}, {}]}}"#,
                vec![("local", true), ("project", true)],
            ),
            (r#"{"m@shop": {"enabled": false}}"#, vec![("project", false)]),
            (r#"{"available": [{"id": "m@shop"}], "installed": []}"#, vec![]),
            (r#"[{"name": "m"}, {"name": "m", "marketplace": "other"}, "m@shop", 3, null]"#, vec![]),
            (r#"[{"id": "m@shop", "enabled": "no"}]"#, vec![("project", true)]),
        ] {
            let found = entries(answer, "m", "shop").unwrap_or_else(|e| panic!("{answer}: {e}"));
            let found: Vec<_> = found.iter().map(|entry| (&*entry.scope, entry.enabled)).collect();
            assert_eq!(found, expected, "{answer}");
        }
    }

    #[test]
    fn what_is_no_answer_says_why() {
        for (answer, reason) in [
            ("", "the answer is not JSON: EOF while parsing a value at line 1 column 0"),
            ("No plugins.", "the answer is not JSON: expected value at line 1 column 1"),
            ("\"m@shop\"", "the answer is neither an array nor an object"),
        ] {
            assert_eq!(entries(answer, "m", "shop"), Err(reason.to_owned()));
        }
    }

    #[test]
    fn an_entry_of_another_project_is_not_for_this_one() {
        let answer = r#"[{"id": "m@shop", "projectPath": "/a"}, {"id": "m@shop"}]"#;
        let found = entries(answer, "m", "shop").unwrap_or_default();
        let is_for = |project: Option<&str>| {
            found.iter().map(|entry| entry.is_for(project.map(Utf8Path::new))).collect::<Vec<_>>()
        };
        assert_eq!(is_for(Some("/a")), [true, true]);
        assert_eq!(is_for(Some("/b")), [false, true]);
        assert_eq!(is_for(None), [true, true]);
    }
}
