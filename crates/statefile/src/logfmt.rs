//! One line of a journal: `ts=<ISO 8601> ev=<event> key=value …`.

use std::borrow::Cow;
use std::fmt::{Display, Write as _};

use jiff::Timestamp;

use crate::iso_millis;

/// A line to be written. Keys are ours and are plain words; a value may be any string.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    text: String,
}

impl Line {
    /// A line about `event` at `ts`.
    pub fn new(ts: Timestamp, event: &str) -> Line {
        Line { text: format!("ts={} ev={}", iso_millis(ts), quote(event)) }
    }

    /// Adds `key=value`, quoted where the value needs it.
    #[must_use = "the field is on the line that this returns"]
    pub fn field(mut self, key: &str, value: impl Display) -> Line {
        debug_assert!(is_key(key), "a key is a plain word: {key:?}");
        let value = value.to_string();
        self.text.push(' ');
        self.text.push_str(key);
        self.text.push('=');
        self.text.push_str(&quote(&value));
        self
    }

    /// Adds `key=value` when there is a value.
    #[must_use = "the field is on the line that this returns"]
    pub fn field_opt(self, key: &str, value: Option<impl Display>) -> Line {
        match value {
            Some(value) => self.field(key, value),
            None => self,
        }
    }

    /// The line, without its newline.
    pub fn render(&self) -> String {
        self.text.clone()
    }
}

/// Quotes one value where it must be: when it is empty or has white space, `"`, `=`, `\` or a control
/// character. Inside quotes: `\\ \" \n \r \t \u00XX`.
pub fn quote(value: &str) -> Cow<'_, str> {
    let special = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '"' | '=' | '\\');
    if !value.is_empty() && !value.contains(special) {
        return Cow::Borrowed(value);
    }
    let mut quoted = String::with_capacity(value.len() + 2);
    quoted.push('"');
    for c in value.chars() {
        match c {
            '\\' => quoted.push_str("\\\\"),
            '"' => quoted.push_str("\\\""),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            c if c.is_control() => {
                write!(quoted, "\\u{:04x}", c as u32).expect("writing to a String cannot fail");
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    Cow::Owned(quoted)
}

/// Why a line is not one of ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a log line: {reason} at byte {at}")]
pub struct BadLine {
    /// What is wrong.
    pub reason: &'static str,
    /// Where, in bytes from the start of the line.
    pub at: usize,
}

/// A line that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    fields: Vec<(String, String)>,
}

impl Entry {
    /// Reads one line, without its newline. It must begin with `ts=` and have an `ev=`.
    ///
    /// # Errors
    ///
    /// [`BadLine`] says what is wrong and where; nothing is guessed.
    pub fn parse(line: &str) -> Result<Entry, BadLine> {
        let mut fields = Vec::new();
        let mut rest = line;
        let at = |rest: &str| line.len() - rest.len();
        while !rest.is_empty() {
            let (key, after) =
                rest.split_once('=').ok_or(BadLine { reason: "a word without `=`", at: at(rest) })?;
            if !is_key(key) {
                return Err(BadLine { reason: "not a key", at: at(rest) });
            }
            let (value, after) = match after.strip_prefix('"') {
                Some(quoted) => unquote(quoted).map_err(|reason| BadLine { reason, at: at(after) })?,
                None => {
                    let (value, after) = after.split_at(after.find(' ').unwrap_or(after.len()));
                    (value.to_owned(), after)
                }
            };
            fields.push((key.to_owned(), value));
            rest = match after.strip_prefix(' ') {
                Some(next) => next,
                None if after.is_empty() => after,
                None => return Err(BadLine { reason: "text after a quoted value", at: at(after) }),
            };
        }
        if fields.first().is_none_or(|(key, _)| key != "ts") || !fields.iter().any(|(key, _)| key == "ev") {
            return Err(BadLine { reason: "no `ts=` first, or no `ev=`", at: 0 });
        }
        Ok(Entry { fields })
    }

    /// The time, as it was written.
    pub fn ts(&self) -> &str {
        self.get("ts").unwrap_or("")
    }

    /// The event.
    pub fn event(&self) -> &str {
        self.get("ev").unwrap_or("")
    }

    /// The first value of a key.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.fields.iter().find(|(k, _)| k == key).map(|(_, v)| v.as_str())
    }

    /// All fields in the order of the line.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        self.fields.iter().map(|(k, v)| (k.as_str(), v.as_str()))
    }
}

fn is_key(key: &str) -> bool {
    !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'))
}

/// Reads up to the closing quote; gives the value and what follows it.
fn unquote(text: &str) -> Result<(String, &str), &'static str> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((i, c)) = chars.next() {
        match c {
            '"' => return Ok((value, &text[i + 1..])),
            '\\' => match chars.next().map(|(_, c)| c) {
                Some('\\') => value.push('\\'),
                Some('"') => value.push('"'),
                Some('n') => value.push('\n'),
                Some('r') => value.push('\r'),
                Some('t') => value.push('\t'),
                Some('u') => {
                    let digits: String = chars.by_ref().take(4).map(|(_, c)| c).collect();
                    let code = (digits.len() == 4 && digits.chars().all(|c| c.is_ascii_hexdigit()))
                        .then(|| u32::from_str_radix(&digits, 16).ok())
                        .flatten();
                    value.push(code.and_then(char::from_u32).ok_or("a bad \\u escape")?);
                }
                _ => return Err("an unknown escape"),
            },
            c => value.push(c),
        }
    }
    Err("a quoted value that does not end")
}
