//! Cutting from a text and putting into it, so that every byte that is not meant stays where it is.

use std::ops::Range;

/// What is wrong with a text, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    /// The offset in the text, in bytes.
    pub(crate) at: usize,
    /// A fragment for people.
    pub(crate) reason: String,
}

/// The members between two braces, with commas between them, as JSON and inline tables of TOML have them.
#[derive(Debug, Clone)]
pub(super) struct Braces {
    /// From behind the opening brace up to the closing one.
    pub(super) inside: Range<usize>,
    /// The members in the order of the text, each from its key to the end of its value.
    pub(super) members: Vec<Range<usize>>,
}

impl Braces {
    /// The text with `member` in front of the others: on a line of its own where they have theirs.
    pub(super) fn with_first(&self, text: &str, member: &str) -> String {
        let inside = &text[self.inside.clone()];
        let start = self.inside.start;
        let own_lines = trim_blanks(inside).starts_with(['\n', '\r']);
        match self.members.first() {
            None if own_lines => insert(text, start, &format!("{}  {member}", newline_of(text))),
            None => insert(text, start, member),
            Some(first) if own_lines => {
                let line = &text[line_start(text, first.start)..first.start];
                let indent = &line[..line.len() - trim_blanks(line).len()];
                insert(text, start, &format!("{}{indent}{member},", newline_of(text)))
            }
            Some(_) => {
                let blanks = inside.len() - trim_blanks(inside).len();
                insert(text, start + blanks, &format!("{member}, "))
            }
        }
    }

    /// The text without the member at `index`, its comma, and the white space that was there for it.
    /// Comments stay. Undoes [`Braces::with_first`] to the byte.
    pub(super) fn without(&self, text: &str, index: usize) -> String {
        let mut member = self.members[index].clone();
        let previous = index.checked_sub(1).map(|i| self.members[i].end);
        let comma_behind = comma_in(text, member.end..self.inside.end);
        let mut far_comma = None;
        match (comma_behind, previous) {
            (Some(comma), _) if text[member.end..comma].trim().is_empty() => member.end = comma + 1,
            (Some(comma), _) => far_comma = Some(comma),
            // It is the last one, so that the comma in front of it would be one too many.
            (None, Some(previous)) => far_comma = comma_in(text, previous..member.start),
            (None, None) => {}
        }
        let blank_start = text[..member.start].trim_end_matches(BLANKS).len();
        let line_end = newline_at_end(&text[..blank_start]);
        if line_end > 0 && trim_blanks(&text[member.end..]).starts_with(['\n', '\r']) {
            member.start = blank_start - line_end;
        } else if comma_behind.is_some() {
            member.end = text.len() - trim_blanks(&text[member.end..]).len();
        } else if previous.is_some() {
            member.start = blank_start;
        }
        match far_comma {
            Some(comma) if comma > member.start => cut(&cut(text, comma..comma + 1), member),
            Some(comma) => cut(&cut(text, member), comma..comma + 1),
            None => cut(text, member),
        }
    }
}

const BLANKS: [char; 2] = [' ', '\t'];

/// The text without this part.
pub(super) fn cut(text: &str, part: Range<usize>) -> String {
    replace(text, part, "")
}

/// The text with this part changed.
pub(super) fn replace(text: &str, part: Range<usize>, new: &str) -> String {
    [&text[..part.start], new, &text[part.end..]].concat()
}

/// The text with something more in it.
pub(super) fn insert(text: &str, at: usize, new: &str) -> String {
    replace(text, at..at, new)
}

/// The text with one more line below the one that holds `at`. A file that ends without a line break
/// still does.
pub(super) fn with_line_below(text: &str, at: usize, line: &str) -> String {
    let newline = newline_of(text);
    match text[at..].find('\n') {
        Some(end) => insert(text, at + end + 1, &format!("{line}{newline}")),
        None => format!("{text}{newline}{line}"),
    }
}

/// The text without the line on which something ends at `at`; a comment behind it stays. Undoes
/// [`with_line_below`] to the byte.
pub(super) fn without_line_of(text: &str, at: usize) -> String {
    let start = line_start(text, at);
    let behind = trim_blanks(&text[at..]);
    let end = text.len() - behind.len();
    match newline_at_start(behind) {
        0 if behind.is_empty() => text[..start - newline_at_end(&text[..start])].to_owned(),
        0 => cut(text, text.len() - trim_blanks(&text[start..]).len()..end),
        newline => cut(text, start..end + newline),
    }
}

/// How lines end in this text: as its first one does.
pub(super) fn newline_of(text: &str) -> &'static str {
    match text.find('\n') {
        Some(end) if text[..end].ends_with('\r') => "\r\n",
        _ => "\n",
    }
}

/// How long the line break is that the text ends with; 0 when it does not.
pub(super) fn newline_at_end(text: &str) -> usize {
    match text.strip_suffix('\n') {
        Some(rest) if rest.ends_with('\r') => 2,
        Some(_) => 1,
        None => 0,
    }
}

/// How long the line break is that the text begins with; 0 when it does not.
pub(super) fn newline_at_start(text: &str) -> usize {
    if text.starts_with("\r\n") { 2 } else { usize::from(text.starts_with('\n')) }
}

/// Line and column of an offset, both from 1; columns in characters.
pub(super) fn position(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    (line, before[line_start(before, before.len())..].chars().count() + 1)
}

fn line_start(text: &str, at: usize) -> usize {
    text[..at].rfind('\n').map_or(0, |end| end + 1)
}

fn trim_blanks(text: &str) -> &str {
    text.trim_start_matches(BLANKS)
}

/// Where the comma is in a part that otherwise has white space and comments (of either language).
fn comma_in(text: &str, part: Range<usize>) -> Option<usize> {
    let mut rest = &text[part.clone()];
    loop {
        rest = rest.trim_start();
        let comment_end = match rest {
            _ if rest.starts_with(',') => return Some(part.end - rest.len()),
            _ if rest.starts_with("/*") => rest.find("*/").map(|end| end + 2),
            _ if rest.starts_with("//") || rest.starts_with('#') => rest.find('\n'),
            _ => None,
        };
        rest = &rest[comment_end?..];
    }
}
