//! The settings of `codex`: TOML, in any of the ways to write a table.

use std::ops::Range;

use toml_edit::{Document, InlineTable, Item, Key, Table, TableLike, Value};

use super::text::{
    Braces, Fault, cut, newline_at_end, newline_at_start, newline_of, replace, with_line_below,
    without_line_of,
};

/// The switch of the native memory.
const SWITCH: [&str; 2] = ["features", "memories"];

/// The line above a table that was made here; without it, an empty table is taken for the user's.
const MARK: &str = "# Made by `iapeer native-memory off`; `iapeer native-memory on` takes it away.";

/// The whole file where there was none. What is added to a file that is there begins with an empty line,
/// so that exactly this content was made here.
pub(super) fn created() -> String {
    format!("{}\n", marked_table("\n"))
}

/// The text with the native memory turned off; `None` when it is.
pub(crate) fn off(text: &str) -> Result<Option<String>, Fault> {
    let document = parse(text)?;
    match find(&document, &SWITCH)? {
        Found::Value { value, .. } if !boolean(value)? => Ok(None),
        Found::Value { value, .. } => Ok(Some(replace(text, span(value.span()), "false"))),
        Found::Nothing(place) => Ok(Some(place.put(text, "false", marked_table(newline_of(text))))),
    }
}

/// The text without our switch; `None` when there is no such one.
pub(crate) fn on(text: &str) -> Result<Option<String>, Fault> {
    let document = parse(text)?;
    let Found::Value { key, value, table } = find(&document, &SWITCH)? else { return Ok(None) };
    if boolean(value)? {
        return Ok(None);
    }
    let end = span(value.span()).end;
    let whole_table = match table {
        Holder::Header { table, .. } if leaves(table).len() == 1 => marked_part(text, end),
        _ => None,
    };
    Ok(Some(match (whole_table, table) {
        (Some(part), _) => cut(text, part),
        (None, Holder::Inline { table, .. }) => {
            let braces = braces(table);
            let index = braces.members.iter().position(|member| *member == (key.start..end));
            braces.without(text, index.expect("the switch is a member of its table"))
        }
        (None, Holder::Header { .. } | Holder::Dotted { .. } | Holder::None) => without_line_of(text, end),
    }))
}

/// The text in which `folder` is trusted; `None` when it is. That the user said otherwise is a fault.
pub(crate) fn trusted(text: &str, folder: &str) -> Result<Option<String>, Fault> {
    let document = parse(text)?;
    let path = ["projects", folder, "trust_level"];
    match find(&document, &path)? {
        Found::Value { value, .. } if value.as_str() == Some("trusted") => Ok(None),
        Found::Value { value, .. } => {
            let said = &text[span(value.span())];
            let reason = format!("`{}` is {said}, not \"trusted\"", shown(&path));
            Err(Fault { at: span(value.span()).start, reason })
        }
        Found::Nothing(place) => {
            let newline = newline_of(text);
            let table = format!("[{}]{newline}trust_level = \"trusted\"", shown(&path[..2]));
            Ok(Some(place.put(text, "\"trusted\"", table)))
        }
    }
}

/// What was found at a path of keys.
enum Found<'a> {
    Value { key: Range<usize>, value: &'a Value, table: Holder<'a> },
    Nothing(Place<'a>),
}

/// The deepest table on the way to a path of keys, by the way in which it is written.
#[derive(Clone, Copy)]
enum Holder<'a> {
    /// None that keys can be added to: the root, or one that is only a part of other tables' names.
    None,
    /// Below a `[header]`, which `depth` keys name.
    Header { table: &'a Table, depth: usize },
    /// By keys with dots, which begin in a table that `depth` keys name.
    Dotted { table: &'a Table, depth: usize },
    /// Between braces; `depth` keys name it.
    Inline { table: &'a InlineTable, depth: usize },
}

/// Where a value is to be put.
struct Place<'a> {
    path: Vec<&'a str>,
    holder: Holder<'a>,
}

impl Place<'_> {
    /// The text with the value; as a whole new `table` at its end, where no table can take it in.
    fn put(&self, text: &str, value: &str, table: String) -> String {
        let entry = |depth: usize| format!("{} = {value}", shown(&self.path[depth..]));
        match self.holder {
            Holder::Header { table, depth } if depth + 1 == self.path.len() => {
                with_line_below(text, span(table.span()).end, &entry(depth))
            }
            Holder::Dotted { table, depth } => {
                let end = leaves(table).iter().map(|leaf| leaf.end).max();
                with_line_below(text, end.expect("a table made of dots has a value"), &entry(depth))
            }
            Holder::Inline { table, depth } => braces(table).with_first(text, &entry(depth)),
            Holder::Header { .. } | Holder::None => {
                let newline = newline_of(text);
                let ends = text.is_empty() || newline_at_end(text) > 0;
                let (before, after) = if ends { ("", newline) } else { (newline, "") };
                [text, before, newline, &table, after].concat()
            }
        }
    }
}

fn parse(text: &str) -> Result<Document<&str>, Fault> {
    Document::parse(text).map_err(|e| {
        let at = e.span().map_or(0, |span| span.start);
        Fault { at, reason: format!("it is not valid TOML: {}", e.message()) }
    })
}

fn find<'a>(document: &'a Document<&str>, path: &[&'a str]) -> Result<Found<'a>, Fault> {
    let (last, names) = path.split_last().expect("a path has keys");
    let mut here: &dyn TableLike = document.as_table();
    let mut holder = Holder::None;
    let nothing = |holder| Ok(Found::Nothing(Place { path: path.to_vec(), holder }));
    // How many keys name the table in which the keys with dots begin.
    let mut base = 0;
    for (depth, name) in (1..).zip(names) {
        let Some((key, item)) = here.get_key_value(name) else { return nothing(holder) };
        here = match item {
            Item::Table(table) if table.is_dotted() => {
                holder = Holder::Dotted { table, depth: base };
                table
            }
            Item::Table(table) => {
                base = depth;
                holder = if table.is_implicit() { Holder::None } else { Holder::Header { table, depth } };
                table
            }
            Item::Value(Value::InlineTable(table)) => {
                if !table.is_dotted() {
                    holder = Holder::Inline { table, depth };
                }
                table
            }
            other => {
                let reason = format!("`{}` is {}, not a table", shown(&path[..depth]), kind(other));
                return Err(Fault { at: span(key.span()).start, reason });
            }
        };
    }
    let Some((key, item)) = here.get_key_value(last) else { return nothing(holder) };
    let key = span(key.span());
    match item.as_value() {
        Some(value) => Ok(Found::Value { key, value, table: holder }),
        None => {
            let reason = format!("`{}` is {}, not a value", shown(path), kind(item));
            Err(Fault { at: key.start, reason })
        }
    }
}

fn boolean(value: &Value) -> Result<bool, Fault> {
    value.as_bool().ok_or_else(|| {
        let found = with_article(value.type_name());
        let reason = format!("`{}` is {found}, not a boolean", shown(&SWITCH));
        Fault { at: span(value.span()).start, reason }
    })
}

fn marked_table(newline: &str) -> String {
    format!("{MARK}{newline}[{}]{newline}{} = false", SWITCH[0], SWITCH[1])
}

/// The part that was put into the text as a table with its mark and nothing else, when it ends at `end`.
fn marked_part(text: &str, end: usize) -> Option<Range<usize>> {
    let up_to = |newline| text[..end].strip_suffix(&marked_table(newline));
    let before = up_to("\n").or_else(|| up_to("\r\n"))?;
    let above = match without_newline(before) {
        // The empty line in front of it came with it.
        above if above.is_empty() || newline_at_end(above) > 0 => above,
        _ => before,
    };
    match newline_at_start(&text[end..]) {
        0 if end < text.len() => None,
        // The line above did not end with a line break either, before the table came.
        0 => Some(without_newline(above).len()..end),
        newline => Some(above.len()..end + newline),
    }
}

fn braces(table: &InlineTable) -> Braces {
    let whole = span(table.span());
    let mut members = leaves(table);
    members.sort_by_key(|member| member.start);
    Braces { inside: whole.start + 1..whole.end - 1, members }
}

fn without_newline(text: &str) -> &str {
    &text[..text.len() - newline_at_end(text)]
}

/// The values that stand in a table itself, not below other headers: each from the last part of its key
/// to its end.
fn leaves(table: &dyn TableLike) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    for (name, item) in table.iter() {
        match item {
            Item::Table(table) if table.is_dotted() => found.extend(leaves(table)),
            Item::Value(Value::InlineTable(table)) if table.is_dotted() => found.extend(leaves(table)),
            Item::Value(value) => {
                let key = table.get_key_value(name).and_then(|(key, _)| key.span());
                found.push(span(key).start..span(value.span()).end);
            }
            Item::Table(_) | Item::ArrayOfTables(_) | Item::None => {}
        }
    }
    found
}

/// Keys as one writes them, with dots and, where they need them, quotes.
fn shown(path: &[&str]) -> String {
    path.iter().map(|name| Key::new(*name).to_string()).collect::<Vec<_>>().join(".")
}

fn kind(item: &Item) -> String {
    match item {
        Item::ArrayOfTables(_) => "an array of tables".to_owned(),
        item => with_article(item.type_name()),
    }
}

fn with_article(name: &str) -> String {
    let article = if name.starts_with(['a', 'i']) { "an" } else { "a" };
    format!("{article} {name}")
}

fn span(span: Option<Range<usize>>) -> Range<usize> {
    span.expect("what was parsed and never changed knows where it stands")
}
