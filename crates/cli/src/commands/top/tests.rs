//! The view on screens of several sizes, and what keys do to it.

use std::time::Duration;

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::style::Color;

use super::draw::{Palette, draw, page};
use super::keys::{Decoder, Key};
use super::model::{Action, Fleet, Mode, Model, Row};

fn row(identity: &str, sign: &'static str, state: &'static str) -> Row {
    Row {
        identity: identity.parse().unwrap(),
        sign,
        state,
        because: None,
        idle: None,
        memory: None,
        cpu: None,
        last_line: None,
        died: 0,
    }
}

fn fleet() -> Fleet {
    let mut deaths = [0; 24];
    (deaths[3], deaths[22], deaths[23]) = (1, 4, 2);
    let rows = vec![
        Row {
            idle: Some(Duration::from_secs(75)),
            memory: Some(431 << 20),
            cpu: Some(112.4),
            last_line: Some(
                "❯ 会議の議事録を書いています, and the rest of the line is long as well".to_owned(),
            ),
            died: 7,
            ..row("claude-alpha", "●", "live")
        },
        row("codex-alpha", "○", "asleep"),
        Row {
            because: Some("2026-11-21T12:00:00.000Z iapeer stop".to_owned()),
            ..row("shell-a-name-of-exactly-32-characters", "✕", "stopped")
        },
        row("shell-beta", "●", "live"),
        Row { because: Some("a file is torn".to_owned()), ..row("shell-gamma", "?", "unknown") },
    ];
    Fleet { rows, deaths, problem: None }
}

fn drawn(model: &Model, palette: Palette, width: u16, height: u16) -> Buffer {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| draw(model, palette, frame)).unwrap();
    terminal.backend().buffer().clone()
}

/// What is on the screen, without colours.
fn screen(model: &Model, width: u16, height: u16) -> String {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| draw(model, Palette::Plain, frame)).unwrap();
    terminal.backend().to_string()
}

/// Types this, a key after the other; what it asks for.
fn type_in(model: &mut Model, text: &str) -> Vec<Action> {
    let mut decoder = Decoder::default();
    let mut keys = decoder.take(text.as_bytes());
    keys.extend(decoder.settle());
    keys.into_iter().filter_map(|key| model.press(key, 3)).collect()
}

fn words(line: &str) -> Vec<String> {
    line.split(' ').map(str::to_owned).collect()
}

#[test]
fn screens_of_several_sizes() {
    let mut model = Model::new(fleet());
    for (width, height) in [(80, 24), (40, 8), (50, 12), (64, 12), (200, 12)] {
        insta::assert_snapshot!(format!("{width}x{height}"), screen(&model, width, height));
    }
    type_in(&mut model, "?");
    insta::assert_snapshot!("help", screen(&model, 80, 24));
}

#[test]
fn screens_of_several_moments() {
    let mut told = String::new();
    let mut show = |what: &str, model: &Model| {
        told.push_str(&format!("{what}\n{}\n", screen(model, 80, 12)));
    };
    let mut model = Model::new(fleet());
    type_in(&mut model, "jjs");
    show("asked whether it is to be stopped", &model);
    type_in(&mut model, "n");
    show("it is not", &model);
    type_in(&mut model, "S");
    show("it is being started", &model);
    let errand = words("start a-name-of-exactly-32-characters shell");
    model.ended(&errand, "error: no peer is named so".to_owned());
    show("it was not started", &model);
    type_in(&mut model, "/live");
    show("a filter is being typed", &model);
    type_in(&mut model, "\r");
    show("it is applied", &model);
    type_in(&mut model, "/zzz\r");
    show("it lets nobody through", &model);
    show("no peers", &Model::new(Fleet::default()));
    let problem = Some("the index is torn".to_owned());
    show("no index", &Model::new(Fleet { problem, ..Fleet::default() }));
    insta::assert_snapshot!("moments", told);
}

#[test]
fn every_size_can_be_drawn_at_every_moment() {
    for keys in ["", "?", "s", "/alp", "/zzz\r", "jjjj", "S"] {
        let mut model = Model::new(fleet());
        type_in(&mut model, keys);
        for width in [0, 1, 39, 40, 49, 50, 63, 64, 90] {
            for height in [0, 1, 7, 8, 9, 15] {
                drawn(&model, Palette::Colour, width, height);
            }
        }
        assert!(screen(&model, 39, 24).contains("too small: 39x24, needs 40x8"));
        assert!(screen(&model, 80, 7).contains("too small"));
    }
}

#[test]
fn the_selected_row_is_always_shown() {
    let rows = (0..25).map(|n| row(&format!("shell-a{n}"), "○", "asleep")).collect();
    let mut model = Model::new(Fleet { rows, ..Fleet::default() });
    for height in [8, 9, 24] {
        type_in(&mut model, "g");
        for n in 0..25 {
            let shown = screen(&model, 80, height);
            assert!(shown.contains(&format!("○ a{n} ")), "{n}: {shown}");
            assert!(shown.contains(&format!("shell-a{n} is asleep")), "{n}: {shown}");
            model.press(Key::Down, page(height));
        }
    }
}

#[test]
fn without_colour_there_is_none() {
    let model = Model::new(fleet());
    let colours = |palette| {
        let buffer = drawn(&model, palette, 80, 24);
        buffer.content.iter().filter(|cell| cell.fg != Color::Reset || cell.bg != Color::Reset).count()
    };
    assert_eq!(colours(Palette::Plain), 0);
    assert!(colours(Palette::Colour) > 20);
}

#[test]
fn what_keys_ask_for() {
    use Action::{Quit, Run, Show};
    let show = |line| vec![Show(words(line))];
    let run = |line| vec![Run(words(line))];
    for (typed, wanted) in [
        ("\r", show("attach alpha claude")),
        ("a", show("attach alpha claude")),
        ("ja", show("attach alpha codex")),
        ("\u{1b}[Ba", show("attach alpha codex")),
        ("jjjjjjja", show("attach gamma shell")),
        ("jjkka", show("attach alpha claude")),
        ("kka", show("attach alpha claude")),
        ("Ga", show("attach gamma shell")),
        ("Gga", show("attach alpha claude")),
        ("\u{1b}[6~a", show("attach beta shell")),
        ("\u{1b}[6~\u{1b}[5~a", show("attach alpha claude")),
        ("jl", show("logs alpha")),
        ("jw", show("why alpha codex")),
        ("S", run("start alpha claude")),
        // What ends something is asked about first, and only `y` says so.
        ("s", vec![]),
        ("sy", run("stop alpha claude")),
        ("sY", run("stop alpha claude")),
        ("ny", run("new alpha claude")),
        ("nn", vec![]),
        ("s\r", vec![]),
        ("s\u{1b}", vec![]),
        ("ssy", vec![]),
        ("snq", vec![Quit]),
        ("s\u{3}", vec![Quit]),
        ("/beta\ra", show("attach beta shell")),
        ("/BETA\ra", show("attach beta shell")),
        ("/beta\rsy", run("stop beta shell")),
        ("/bex\u{7f}ta\ra", show("attach beta shell")),
        ("/zzz\r/beta\ra", show("attach beta shell")),
        ("/stopped\rw", show("why a-name-of-exactly-32-characters shell")),
        // While a filter is typed, letters are letters.
        ("/q", vec![]),
        ("/zzz\ra", vec![]),
        ("/zzz\rsy", vec![]),
        ("/zzz\rjkGg\u{1b}a", show("attach alpha claude")),
        ("?q", vec![]),
        ("?qq", vec![Quit]),
        ("q", vec![Quit]),
        ("\u{3}", vec![Quit]),
        ("/\u{3}", vec![Quit]),
        ("xyz\t", vec![]),
    ] {
        assert_eq!(type_in(&mut Model::new(fleet()), typed), wanted, "{typed:?}");
        // Nobody is there, so nothing is done to anybody.
        let asked = type_in(&mut Model::new(Fleet::default()), typed);
        assert!(asked.iter().all(|action| *action == Quit), "{typed:?}: {asked:?}");
    }
}

#[test]
fn the_selection_stays_where_it_is() {
    let mut model = Model::new(fleet());
    type_in(&mut model, "jjj");
    let mut later = fleet();
    later.rows.insert(0, row("shell-aaa", "○", "asleep"));
    later.rows.retain(|row| row.identity.to_string() != "codex-alpha");
    model.looked(later);
    assert_eq!(type_in(&mut model, "w"), [Action::Show(words("why beta shell"))]);
    // Who is gone is selected no more.
    model.looked(Fleet { rows: vec![row("shell-zeta", "○", "asleep")], ..Fleet::default() });
    assert_eq!(type_in(&mut model, "w"), [Action::Show(words("why zeta shell"))]);
    // A question that is asked stays about the one that it was asked about.
    let mut model = Model::new(fleet());
    type_in(&mut model, "s");
    model.looked(Fleet::default());
    assert_eq!(model.mode, Mode::Confirm(words("stop alpha claude")));
}

#[test]
fn what_runs_is_told_until_it_has_ended() {
    let mut model = Model::new(fleet());
    type_in(&mut model, "SjS");
    assert_eq!(model.running, [words("start alpha claude"), words("start alpha codex")]);
    model.ended(&words("start alpha claude"), "it is live".to_owned());
    assert_eq!((model.running.len(), model.news.as_deref()), (1, Some("it is live")));
    model.ended(&words("never begun"), "so what".to_owned());
    assert_eq!(model.running, [words("start alpha codex")]);
}
