//! How things are said to people.

use std::time::Duration;

use comfy_table::{ColumnConstraint, ContentArrangement, Table, presets};
use iapeer_lifecycle::{How, Launched, Observed, Provisioned, Status};

use crate::out::terminal_width;

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
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            line.push_str(cell);
            // Two blanks are between this column and the next.
            line.extend(std::iter::repeat_n(' ', width + 2 - cell.chars().count()));
        }
        line.truncate(line.trim_end().len());
        line
    };
    rows.iter().map(join).collect()
}

/// How narrow the widest column of a table may become before the others are broken, too.
const NARROWEST: usize = 10;

/// A table with a head, in lines of at most `width` characters; what does not fit is broken within its column.
fn table(head: &[&str], rows: &[Vec<String>], width: u16) -> Vec<String> {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
    table.set_header(head.to_vec()).add_rows(rows.to_vec());
    // Between two columns are two blanks, and around them none.
    let widths = table.column_max_content_widths();
    for column in table.column_iter_mut() {
        column.set_padding((0, if column.index + 1 < widths.len() { 2 } else { 0 }));
    }
    // Where there is room for it, only the widest one is broken: short words are easier to read whole.
    let widest = widths.iter().max().copied().unwrap_or(0);
    let all: usize = widths.iter().map(|width| usize::from(*width) + 2).sum();
    if all - usize::from(widest) + NARROWEST <= usize::from(width) {
        for column in table.column_iter_mut().filter(|column| widths[column.index] < widest) {
            column.set_constraint(ColumnConstraint::ContentWidth);
        }
    }
    table.lines().map(|line| line.trim_end().to_owned()).collect()
}

/// Rows for whoever reads them: a table with a head on a terminal, else plain columns for programs. Each cell
/// is one line, whatever is in it.
pub(crate) fn listed(head: &[&str], rows: &[Vec<String>]) -> Vec<String> {
    let rows: Vec<Vec<_>> = rows.iter().map(|row| row.iter().map(|cell| one_line(cell)).collect()).collect();
    match terminal_width() {
        Some(_) if rows.is_empty() => Vec::new(),
        Some(width) => table(head, &rows, width),
        None => columns(&rows),
    }
}

/// A time of a log without the parts of its second; as it is where it is none.
pub(crate) fn to_the_second(ts: &str) -> String {
    match ts.split_once('.') {
        Some((seconds, rest)) if rest.ends_with('Z') => format!("{seconds}Z"),
        _ => ts.to_owned(),
    }
}

/// A length of time in its greatest unit: `59s`, `5m`, `23h`, `9d`.
pub(crate) fn short_time(time: Duration) -> String {
    match time.as_secs() {
        secs @ 0..60 => format!("{secs}s"),
        secs @ 60..3600 => format!("{}m", secs / 60),
        secs @ 3600..86_400 => format!("{}h", secs / 3600),
        secs => format!("{}d", secs / 86_400),
    }
}

/// An amount of memory in its greatest unit.
pub(crate) fn amount(bytes: u64) -> String {
    match bytes {
        0..0x10_0000 => format!("{} KiB", bytes >> 10),
        0x10_0000..0x4000_0000 => format!("{} MiB", bytes >> 20),
        _ => format!("{}.{} GiB", bytes >> 30, ((bytes >> 20) % 1024) * 10 / 1024),
    }
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

/// How a session came to be up, for people.
pub(crate) fn launched_line(launched: &Launched) -> String {
    let told = match launched.how {
        How::Started(_) => "is live",
        How::Resumed(_) => "is live, and goes on where it ended",
        How::AlreadyLive => "is live already",
        How::Adopted => "was live, and is looked after now",
    };
    format!("{} {told} (tmux server pid {})", launched.identity, launched.server_pid)
}

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn times_and_amounts_are_short() {
        for (secs, wanted) in [
            (0, "0s"),
            (59, "59s"),
            (60, "1m"),
            (3599, "59m"),
            (7200, "2h"),
            (86_399, "23h"),
            (172_800, "2d"),
        ] {
            assert_eq!(short_time(Duration::from_secs(secs)), wanted);
        }
        for (bytes, wanted) in [
            (0, "0 KiB"),
            (1_048_575, "1023 KiB"),
            (1 << 20, "1 MiB"),
            ((1 << 30) - 1, "1023 MiB"),
            (1 << 30, "1.0 GiB"),
            (3 << 29, "1.5 GiB"),
            ((2 << 30) - 1, "1.9 GiB"),
        ] {
            assert_eq!(amount(bytes), wanted);
        }
    }

    #[test]
    fn a_table_fits_its_width() {
        let rows = [
            vec!["2026-11-21".to_owned(), "3 servers: alpha, beta, gamma".to_owned(), "swept".to_owned()],
            vec!["2026-11-22".to_owned(), "alpha".to_owned(), "orderly-exit".to_owned()],
        ];
        let wide = table(&["time", "who", "cause"], &rows, 100);
        let wanted = [
            "time        who                            cause",
            "2026-11-21  3 servers: alpha, beta, gamma  swept",
            "2026-11-22  alpha                          orderly-exit",
        ];
        assert_eq!(wide, wanted);
        for width in [34, 44, 60] {
            let lines = table(&["time", "who", "cause"], &rows, width);
            assert!(lines.iter().all(|line| line.chars().count() <= width.into()), "{lines:#?}");
        }
    }

    #[test]
    fn a_list_of_peers_fits_whatever_they_are_called() {
        let row = |name: &str, runtimes: &str, description: &str| {
            vec![format!("● {name}"), runtimes.to_owned(), description.to_owned()]
        };
        let rows = [
            row("a", "shell live", ""),
            row("a-name-of-exactly-32-characters-", "claude live, codex asleep, shell stopped", "short"),
            row("b", "shell asleep", &"long ".repeat(90)),
            row("c", "shell asleep", &"長い説明".repeat(30)),
            row(
                "d",
                "a-runtime-with-a-long-name asleep",
                "https://example.org/a/path/without/any/blank/in/it/at/all",
            ),
            row("e", "shell asleep", "👩‍👩‍👧 family, e\u{301}, Привет"),
        ];
        let head = ["PEER", "RUNTIMES", "DESCRIPTION"];
        for width in [20, 40, 60, 80, 200] {
            let lines = table(&head, &rows, width);
            let columns = |line: &String| ratatui::text::Span::raw(line.as_str()).width();
            let wide: Vec<_> = lines.iter().filter(|line| columns(line) > width.into()).collect();
            assert!(wide.is_empty(), "{width}: {wide:#?}");
            // Nothing is left out.
            let letters = |text: &str| text.chars().filter(|c| !c.is_whitespace()).count();
            let wanted: usize = head.iter().map(|cell| letters(cell)).sum::<usize>()
                + rows.iter().flatten().map(|cell| letters(cell)).sum::<usize>();
            assert_eq!(lines.iter().map(|line| letters(line)).sum::<usize>(), wanted, "{width}: {lines:#?}");
        }
        insta::assert_snapshot!("list-40", table(&head, &rows[..3], 40).join("\n"));
        insta::assert_snapshot!("list-80", table(&head, &rows[..3], 80).join("\n"));
    }
}
