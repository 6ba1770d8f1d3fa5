//! The form of a definition: the same for what is built in and for a user's file.

use std::fmt;

use camino::Utf8Path;
use jsonc_parser::ast::{Object, ObjectProp, Value};
use jsonc_parser::common::Ranged;
use jsonc_parser::{CollectOptions, ParseOptions, parse_to_ast};
use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// What stands in an argument for the file of the system prompt.
const SYSTEM_PROMPT_FILE: &str = "{system_prompt_file}";

/// The keys of a definition and of the objects in it, by the key that these stand under.
const KEYS: [(&str, &[&str]); 4] = [
    ("", &["class", "program", "argv", "ready", "loading", "dialogs", "transcripts", "interrupt", "compact"]),
    ("argv", &["fresh", "resume"]),
    ("dialogs", &["name", "shows", "key", "fails"]),
    ("compact", &["text", "keys"]),
];

/// The keys of a keyboard that have a name, as tmux calls them.
const NAMED_KEYS: [&str; 16] = [
    "Enter", "Escape", "Tab", "BTab", "Space", "BSpace", "Up", "Down", "Left", "Right", "Home", "End",
    "PageUp", "PageDown", "DC", "IC",
];

/// How a runtime's sessions come to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// Started on demand, in a tmux server of its own.
    Agent,
    /// Held by the host's service manager, and only observed here.
    Router,
}

/// The arguments of a runtime's program.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Arguments {
    /// For a session that begins anew.
    fresh: Vec<Argument>,
    /// For one that goes on where the last one ended; absent when the program cannot.
    #[serde(default)]
    resume: Option<Vec<Argument>>,
}

/// One argument, or several that only make sense together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Argument(Vec<String>);

/// What a runtime shows while it starts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StartUp {
    /// The texts that all show when it is ready for input; without any it is ready as soon as it runs.
    pub ready: Vec<String>,
    /// The texts that all show while it is still loading, which may take longer than an unknown screen may stand
    /// still; without any no screen is known as such.
    pub loading: Vec<String>,
    /// What it may ask before that. The first one that shows is the one that is answered.
    pub dialogs: Vec<Dialog>,
}

/// A question that a runtime asks while it starts.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "DialogForm")]
pub struct Dialog {
    /// What it is called in errors.
    pub name: String,
    /// The texts that all show when it is asked, and the cursor stands where `answer` belongs.
    pub shows: Vec<String>,
    /// What is done about it.
    pub answer: Answer,
}

/// What is done about a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// One key is pressed; what comes then is looked at anew.
    Press(Key),
    /// Only a person can answer it, so the wake fails, with this reason.
    Fail(String),
}

/// A key of a keyboard, by the name that tmux has for it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Key(String);

/// What is typed, and the keys that are pressed then.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Typed {
    /// The text, typed as it is.
    pub text: String,
    /// The keys, one after the other.
    #[serde(default)]
    pub keys: Vec<Key>,
}

/// What is wrong with a definition, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DefinitionFault {
    /// The line, from 1; none when it is the whole that is wrong.
    pub line: Option<usize>,
    /// What is wrong.
    pub reason: String,
}

impl fmt::Display for DefinitionFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "line {line}: {}", self.reason),
            None => f.write_str(&self.reason),
        }
    }
}

/// The file `runtimes/<name>/runtime.json` in the root: how to start a runtime, and how to know that it is ready.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(
        title = "Definition of a runtime",
        extend("allOf" = [
            { "anyOf": [
                { "properties": { "class": { "const": "router" } } },
                { "required": ["program"], "properties": { "program": { "type": "string", "minLength": 1 } } }
            ] },
            { "anyOf": [
                { "properties": { "dialogs": { "maxItems": 0 }, "loading": { "maxItems": 0 } } },
                { "required": ["ready"], "properties": { "ready": { "minItems": 1 } } }
            ] }
        ])
    )
)]
pub(crate) struct Definition {
    /// How its sessions come to be: on demand, or held by the host's service manager.
    pub(crate) class: Class,
    /// A name to look for, an absolute path, or `$SHELL`; an agent needs it.
    #[serde(default)]
    pub(crate) program: Option<String>,
    /// The program's arguments.
    #[serde(default)]
    pub(crate) argv: Arguments,
    /// Texts that all show when it is ready for input; without any it is ready as soon as it runs.
    #[serde(default)]
    pub(crate) ready: Texts,
    /// Texts that all show while it is still loading: such a screen may stand still.
    #[serde(default)]
    pub(crate) loading: Texts,
    /// What it may ask before that. The first one that shows is answered.
    #[serde(default)]
    pub(crate) dialogs: Vec<Dialog>,
    /// A pattern for its transcripts, with `{home}`, `{codex_home}` and `{cwd_slug}`.
    #[serde(default)]
    pub(crate) transcripts: Option<String>,
    /// The keys that interrupt what it is doing.
    #[serde(default)]
    pub(crate) interrupt: Vec<Key>,
    /// What lets it compact its context.
    #[serde(default)]
    pub(crate) compact: Option<Typed>,
}

/// Texts that a screen may show, none of them empty: that would show always.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Vec<String>")]
pub(crate) struct Texts(pub(crate) Vec<String>);

/// A question that it asks while it starts, and what is done about it: either `key` or `fails`.
#[derive(Deserialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(
        extend("oneOf" = [
            { "required": ["key"], "properties": { "key": { "type": "string" } } },
            { "required": ["fails"], "properties": { "fails": { "type": "string" } } }
        ])
    )
)]
pub(super) struct DialogForm {
    /// What it is called in errors.
    name: String,
    /// The texts that all show when it is asked.
    #[cfg_attr(feature = "schema", schemars(extend("minItems" = 1)))]
    shows: Texts,
    /// The key that is pressed.
    #[serde(default)]
    key: Option<Key>,
    /// Why only a person can answer it.
    #[serde(default)]
    fails: Option<String>,
}

impl Definition {
    /// Reads a definition.
    ///
    /// # Errors
    ///
    /// The [`DefinitionFault`] that makes it unusable. A key that means nothing does not; see
    /// [`unknown_keys`].
    pub(crate) fn parse(bytes: &[u8]) -> Result<Definition, DefinitionFault> {
        let definition: Definition = serde_json::from_slice(bytes).map_err(|e| DefinitionFault {
            line: Some(e.line()).filter(|line| *line > 0),
            reason: e.to_string(),
        })?;
        let whole = |reason: &str| Err(DefinitionFault { line: None, reason: reason.to_owned() });
        match &definition {
            Definition { class: Class::Agent, program, .. }
                if program.as_deref().unwrap_or("").is_empty() =>
            {
                whole("an agent runtime needs a `program`")
            }
            Definition { ready, loading, dialogs, .. }
                if ready.0.is_empty() && !(loading.0.is_empty() && dialogs.is_empty()) =>
            {
                whole("`dialogs` and `loading` need `ready`: without it nobody looks at the screen")
            }
            _ => Ok(definition),
        }
    }
}

impl Arguments {
    /// Those for a session that begins anew. Without a system prompt, arguments that name its file drop out.
    #[must_use]
    pub fn fresh(&self, system_prompt_file: Option<&Utf8Path>) -> Vec<String> {
        rendered(&self.fresh, system_prompt_file)
    }

    /// Those for one that goes on where the last one ended; none when the program cannot.
    #[must_use]
    pub fn resume(&self, system_prompt_file: Option<&Utf8Path>) -> Option<Vec<String>> {
        self.resume.as_ref().map(|arguments| rendered(arguments, system_prompt_file))
    }

    /// Whether the program can go on where the last session ended.
    #[must_use]
    pub fn can_resume(&self) -> bool {
        self.resume.is_some()
    }

    /// Whether the program can be given a system prompt.
    #[must_use]
    pub fn takes_system_prompt(&self) -> bool {
        let all = self.fresh.iter().chain(self.resume.iter().flatten());
        all.flat_map(|argument| &argument.0).any(|word| word.contains(SYSTEM_PROMPT_FILE))
    }
}

impl Key {
    /// What tmux calls it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Key {
    type Error = String;

    /// tmux types what it does not know as a text, so that a slip of the pen would go unnoticed.
    fn try_from(name: String) -> Result<Key, String> {
        let plain = ["C-", "M-", "S-"]
            .iter()
            .fold(name.as_str(), |rest, held| rest.strip_prefix(held).unwrap_or(rest));
        let function = plain.strip_prefix('F').and_then(|number| number.parse().ok());
        let is_key = NAMED_KEYS.contains(&plain)
            || function.is_some_and(|number: u8| (1..=12).contains(&number))
            || (plain.chars().count() == 1 && !plain.contains(char::is_control));
        if is_key {
            Ok(Key(name))
        } else {
            Err(format!("{name:?} is no key: Enter, Down, Escape, C-c, y and so on"))
        }
    }
}

impl TryFrom<Vec<String>> for Texts {
    type Error = &'static str;

    fn try_from(texts: Vec<String>) -> Result<Texts, &'static str> {
        if texts.iter().any(|text| text.trim().is_empty()) {
            return Err("a text to look for is empty");
        }
        Ok(Texts(texts))
    }
}

impl TryFrom<DialogForm> for Dialog {
    type Error = String;

    fn try_from(form: DialogForm) -> Result<Dialog, String> {
        let DialogForm { name, shows: Texts(shows), key, fails } = form;
        if shows.is_empty() {
            return Err(format!("dialog {name:?} shows nothing to know it by"));
        }
        let answer = match (key, fails) {
            (Some(key), None) => Answer::Press(key),
            (None, Some(reason)) => Answer::Fail(reason),
            _ => return Err(format!("dialog {name:?} needs either `key` or `fails`")),
        };
        Ok(Dialog { name, shows, answer })
    }
}

/// By hand, so that the error says what an argument may be.
impl<'de> Deserialize<'de> for Argument {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct StringOrList;
        impl<'de> Visitor<'de> for StringOrList {
            type Value = Argument;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string, or a list of strings")
            }

            fn visit_str<E>(self, word: &str) -> Result<Argument, E> {
                Ok(Argument(vec![word.to_owned()]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Argument, A::Error> {
                let mut words = Vec::new();
                while let Some(word) = list.next_element()? {
                    words.push(word);
                }
                Ok(Argument(words))
            }
        }
        deserializer.deserialize_any(StringOrList)
    }
}

/// The keys of a definition that mean nothing, each with its line.
pub(crate) fn unknown_keys(text: &str) -> Vec<DefinitionFault> {
    let parsed = parse_to_ast(text, &CollectOptions::default(), &ParseOptions::default());
    let Ok(Some(Value::Object(root))) = parsed.map(|parsed| parsed.value) else { return Vec::new() };
    let mut objects = vec![("", &root)];
    for ObjectProp { name, value, .. } in &root.properties {
        let below = |(key, _): &&(&'static str, _)| *key == name.as_str();
        let Some((key, _)) = KEYS.iter().find(below) else { continue };
        match value {
            Value::Object(object) => objects.push((key, object)),
            Value::Array(list) => {
                objects
                    .extend(list.elements.iter().filter_map(Value::as_object).map(|object| (*key, object)));
            }
            _ => {}
        }
    }
    let faults = objects.into_iter().flat_map(|(place, object)| unknown_in(text, place, object));
    faults.collect()
}

fn unknown_in(text: &str, place: &str, object: &Object<'_>) -> Vec<DefinitionFault> {
    let known = KEYS.iter().find(|(key, _)| *key == place).map_or(&[][..], |(_, keys)| keys);
    let unknown = object.properties.iter().filter(|property| !known.contains(&property.name.as_str()));
    let of = if place.is_empty() { String::new() } else { format!(" of `{place}`") };
    let fault = |property: &ObjectProp<'_>| DefinitionFault {
        line: text.get(..property.start()).map(|before| before.matches('\n').count() + 1),
        reason: format!("`{}`{of} means nothing; known are {}", property.name.as_str(), known.join(", ")),
    };
    unknown.map(fault).collect()
}

/// What is left of arguments with or without a system prompt.
fn rendered(arguments: &[Argument], system_prompt_file: Option<&Utf8Path>) -> Vec<String> {
    let names_it = |argument: &&Argument| argument.0.iter().any(|word| word.contains(SYSTEM_PROMPT_FILE));
    let stays = |argument: &&Argument| system_prompt_file.is_some() || !names_it(argument);
    let file = system_prompt_file.map_or("", Utf8Path::as_str);
    let words = arguments.iter().filter(stays).flat_map(|argument| &argument.0);
    words.map(|word| word.replace(SYSTEM_PROMPT_FILE, file)).collect()
}
