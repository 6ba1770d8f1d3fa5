//! How the view looks: a function of the model and of the size of the screen.

use ratatui::Frame;
use ratatui::layout::{Alignment, Constraint, Layout, Rect};
use ratatui::style::{Color, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{self, Cell, Paragraph, Sparkline, Table};

use super::model::{HOURS, Mode, Model, Row, spoken};
use crate::text;

/// Less than this is too small to show anything in.
const SMALLEST: (u16, u16) = (40, 8);

/// The lines that are no rows: two above the head of the table, the head, and four below.
const AROUND: u16 = 7;

/// Whether colours may be used. Nothing is told by a colour alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Palette {
    Colour,
    Plain,
}

/// From these widths on there is room for the runtime, and for what a session takes.
const WIDE: u16 = 64;
const MIDDLING: u16 = 50;

/// With less room than this the last line of a pane is not in the table.
const LAST_LINE: u16 = 10;

/// A column of the table: its head, its width, and what stands in it.
struct Column {
    head: &'static str,
    width: u16,
    alignment: Alignment,
    cell: fn(&Row) -> String,
}

const HELP: [&str; 13] = [
    "up, down, j, k   select a session",
    "enter, a         go to it; come back with C-b d",
    "s                stop it (asks first)",
    "S                start it, also one that is stopped",
    "n                end it and begin it anew (asks first)",
    "w                why it is down",
    "l                what happened to its peer",
    "/                show only what has this in its name",
    "                 or state; escape shows all again",
    "q                leave; sessions go on",
    "",
    "CPU is in percent of one processor, DIED within",
    "24 h; ? is not known, or not yet. Any key goes on.",
];

impl Palette {
    fn of(self, colour: Color) -> Style {
        match self {
            Palette::Colour => Style::new().fg(colour),
            Palette::Plain => Style::new(),
        }
    }

    fn state(self, state: &str) -> Style {
        match state {
            "live" => self.of(Color::Green),
            "unknown" => self.of(Color::Yellow),
            "stopped" => self.of(Color::Red),
            _ => Style::new(),
        }
    }
}

/// How many sessions a screen of so many lines shows at once.
pub(super) fn page(height: u16) -> usize {
    usize::from(height.saturating_sub(AROUND)).max(1)
}

pub(super) fn draw(model: &Model, palette: Palette, frame: &mut Frame<'_>) {
    let area = frame.area();
    let (columns, lines) = SMALLEST;
    if area.width < columns || area.height < lines {
        let told = format!("too small: {}x{}, needs {columns}x{lines}", area.width, area.height);
        frame.render_widget(Paragraph::new(told), area);
        return;
    }
    let parts = Layout::vertical([1, 1, 0, 2, 1, 1].map(|height| match height {
        0 => Constraint::Fill(1),
        height => Constraint::Length(height),
    }));
    let [title, deaths, middle, detail, news, keys] = parts.areas(area);
    let rows = model.rows();
    let at = model.selected(&rows);
    frame.render_widget(title_line(model, &rows), title);
    draw_deaths(model, palette, frame, deaths);
    match model.mode {
        Mode::Help => frame.render_widget(Paragraph::new(HELP.map(Line::raw).to_vec()), middle),
        _ => draw_table(&rows, at, palette, frame, middle),
    }
    let selected = at.and_then(|at| rows.get(at).copied());
    let short = |text: String| Line::raw(shortened(text, usize::from(area.width)));
    let told: Vec<_> = told_of(selected, model).into_iter().map(short).collect();
    frame.render_widget(Paragraph::new(told), detail);
    let (told, style) = news_of(model, palette);
    frame.render_widget(short(told).style(style), news);
    let bottom = keys_line(model);
    if model.mode == Mode::Filter {
        let column = u16::try_from(bottom.width()).unwrap_or(u16::MAX).min(keys.width.saturating_sub(1));
        frame.set_cursor_position((keys.x + column, keys.y));
    }
    frame.render_widget(bottom, keys);
}

fn title_line(model: &Model, rows: &[&Row]) -> Line<'static> {
    let count = |state: &str| model.fleet.rows.iter().filter(|row| row.state == state).count();
    let states = ["live", "asleep", "stopped", "unknown"].map(|state| format!("{} {state}", count(state)));
    let mut spans = vec![Span::styled("iapeer top  ", Style::new().bold()), Span::raw(states.join(", "))];
    if rows.len() < model.fleet.rows.len() {
        spans.push(Span::raw(format!("  ({} shown)", rows.len())));
    }
    Line::from(spans)
}

/// The hours as bars, as many of the last ones as there is room for.
fn draw_deaths(model: &Model, palette: Palette, frame: &mut Frame<'_>, area: Rect) {
    let deaths = &model.fleet.deaths;
    let told = format!("deaths/24h: {} ", deaths.iter().sum::<u64>());
    let label = u16::try_from(told.len()).unwrap_or(u16::MAX);
    let hours = HOURS.min(usize::from(area.width.saturating_sub(label)));
    let lengths = [label, u16::try_from(hours).unwrap_or(0)].map(Constraint::Length);
    let [label, bars, rest] = Layout::horizontal([lengths[0], lengths[1], Constraint::Fill(1)]).areas(area);
    frame.render_widget(Line::raw(told), label);
    frame.render_widget(
        Sparkline::default().data(&deaths[HOURS - hours..]).style(palette.of(Color::Red)),
        bars,
    );
    frame.render_widget(Line::raw("│ now"), rest);
}

/// Those columns that a screen of this width has room for.
fn columns(rows: &[&Row], width: u16) -> Vec<Column> {
    let longest = |name: fn(&Row) -> usize| rows.iter().map(|row| name(row)).max().unwrap_or(0);
    let within =
        |length: usize, least: u16, most: u16| u16::try_from(length).unwrap_or(most).clamp(least, most);
    let peer = longest(|row| 2 + row.identity.personality().as_str().len());
    let peer = within(peer, 10, if width < WIDE { 16 } else { 24 });
    let runtime = within(longest(|row| row.identity.runtime().as_str().len()), 7, 10);
    let left = |head, width, cell| Column { head, width, alignment: Alignment::Left, cell };
    let right = |head, width, cell| Column { head, width, alignment: Alignment::Right, cell };
    let mut columns =
        vec![left("  PEER", peer, |row| format!("{} {}", row.sign, row.identity.personality()))];
    if width >= WIDE {
        columns.push(left("RUNTIME", runtime, |row| row.identity.runtime().to_string()));
    }
    columns.push(left("STATE", 7, |row| row.state.to_owned()));
    if width >= MIDDLING {
        columns.push(right("IDLE", 4, |row| if_live(row, row.idle.map(text::short_time))));
        columns.push(right("MEM", 8, |row| if_live(row, row.memory.map(text::amount))));
        columns.push(right("CPU", 5, |row| if_live(row, row.cpu.map(|percent| format!("{percent:.0}%")))));
    }
    columns.push(right("DIED", 4, |row| if row.died > 0 { row.died.to_string() } else { String::new() }));
    let taken: u16 = columns.iter().map(|column| column.width + 1).sum();
    let room = width.saturating_sub(taken);
    if width >= MIDDLING && room >= LAST_LINE {
        columns.push(left("LAST LINE", room, |row| row.last_line.clone().unwrap_or_default()));
    }
    columns
}

/// What is known of live sessions only, and not always.
fn if_live(row: &Row, told: Option<String>) -> String {
    let unknown = if row.state == "live" { "?" } else { "" };
    told.unwrap_or_else(|| unknown.to_owned())
}

fn draw_table(rows: &[&Row], at: Option<usize>, palette: Palette, frame: &mut Frame<'_>, area: Rect) {
    let columns = columns(rows, area.width);
    // Whole pages, so that rows stay where they are while one goes through them.
    let page = usize::from(area.height.saturating_sub(1)).max(1);
    let first = at.unwrap_or(0) / page * page;
    let shown = rows.iter().enumerate().skip(first).take(page).map(|(number, row)| {
        let cells = columns.iter().map(|column| {
            let width = usize::from(column.width);
            let style = if column.head == "STATE" { palette.state(row.state) } else { Style::new() };
            let told = shortened((column.cell)(row), width);
            Cell::new(Line::raw(told).alignment(column.alignment)).style(style)
        });
        let style = if at == Some(number) { Style::new().reversed() } else { Style::new() };
        widgets::Row::new(cells).style(style)
    });
    let head = columns.iter().map(|column| Line::raw(column.head).alignment(column.alignment));
    let head = widgets::Row::new(head).style(Style::new().bold());
    let widths = columns.iter().map(|column| Constraint::Length(column.width));
    let table = Table::new(shown, widths).header(head).column_spacing(1);
    frame.render_widget(table, area);
    if rows.is_empty() && area.height > 1 {
        let below = Rect { y: area.y + 1, height: 1, ..area };
        frame.render_widget(Line::raw("  nobody"), below);
    }
}

/// A text that is too wide ends in `…`.
fn shortened(text: String, width: usize) -> String {
    if Span::raw(text.as_str()).width() <= width {
        return text;
    }
    let mut short = String::new();
    for c in text.chars() {
        short.push(c);
        if Span::raw(short.as_str()).width() >= width {
            short.pop();
            break;
        }
    }
    short.push('…');
    short
}

/// What there is to say about the session that is selected, in two lines.
fn told_of(selected: Option<&Row>, model: &Model) -> Vec<String> {
    let Some(row) = selected else {
        let told = match (&model.fleet.problem, model.fleet.rows.is_empty()) {
            (None, true) => "no peers yet; make one: iapeer create NAME",
            (None, false) => "no session has this in its name or state",
            (Some(_), _) => "",
        };
        return vec![told.to_owned()];
    };
    let because = row.because.as_ref().map_or_else(String::new, |because| format!(": {because}"));
    let state = format!("{} is {}{because}", row.identity, row.state);
    [Some(state), row.last_line.as_ref().map(|line| format!("> {line}"))].into_iter().flatten().collect()
}

/// What is wrong, what runs, or what became of it.
fn news_of(model: &Model, palette: Palette) -> (String, Style) {
    let told = match (&model.fleet.problem, model.running.as_slice(), &model.news) {
        (Some(problem), ..) => return (format!("warning: {problem}"), palette.of(Color::Yellow)),
        (None, [], news) => news.clone().unwrap_or_default(),
        (None, running, _) => {
            let running: Vec<_> = running.iter().map(spoken).collect();
            format!("running: {}", running.join("; "))
        }
    };
    (told, Style::new())
}

/// What keys mean now.
fn keys_line(model: &Model) -> Line<'static> {
    match &model.mode {
        Mode::Confirm(errand) => Line::styled(format!("{}? y/n ", spoken(errand)), Style::new().reversed()),
        Mode::Filter => Line::raw(format!("/{}", model.filter)),
        Mode::Help => Line::raw("any key goes on"),
        Mode::Browse if !model.filter.is_empty() => {
            Line::raw(format!("/{}  escape shows all  ? help  q quit", model.filter))
        }
        Mode::Browse => {
            Line::raw("? help  q quit  enter attach  s stop  S start  n new  l logs  w why  / filter")
        }
    }
}
