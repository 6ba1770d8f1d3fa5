//! How things are said to people.

use iapeer_lifecycle::{Observed, Provisioned, Status};

/// The sign of a peer: alive before unknown before asleep before stopped, over its runtimes.
pub(crate) fn sign(observed: &[Observed]) -> &'static str {
    let any = |wanted: fn(&Status) -> bool| observed.iter().any(|o| wanted(&o.status));
    if any(|s| matches!(s, Status::Live { .. })) {
        "●"
    } else if any(|s| matches!(s, Status::Unknown(_))) {
        "?"
    } else if any(|s| matches!(s, Status::Asleep)) {
        "○"
    } else {
        "✕"
    }
}

/// Columns padded to the widest of each; the last one is not padded.
pub(crate) fn columns(rows: &[Vec<String>]) -> Vec<String> {
    let width = |column: usize| {
        rows.iter().filter_map(|r| r.get(column)).map(|c| c.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<_> = (0..rows.iter().map(Vec::len).max().unwrap_or(0)).map(width).collect();
    let join = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(join).collect()
}

/// One outcome of a provider's command.
pub(crate) fn outcome(outcome: &Provisioned) -> String {
    let runtime = outcome.runtime.as_ref().map_or_else(String::new, |r| format!(" ({r})"));
    one_line(&format!("memory of {}{runtime}: {outcome}", outcome.personality))
}

/// A text as one line, so that it cannot pass for several, nor steer the terminal.
pub(crate) fn one_line(text: &str) -> String {
    let words = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(" ")
}

/// A text in lines of at most `width` characters, broken where there are blanks; a word that is longer has
/// a line of its own.
pub(crate) fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::wrapped;

    #[test]
    fn lines_are_broken_at_blanks_only() {
        for (text, lines) in [
            ("", vec![""]),
            ("one two", vec!["one two"]),
            ("one two three", vec!["one two", "three"]),
            ("/a/long/word at", vec!["/a/long/word", "at"]),
            ("an /a/long/word", vec!["an", "/a/long/word"]),
        ] {
            assert_eq!(wrapped(text, 8), lines, "{text}");
        }
    }
}
