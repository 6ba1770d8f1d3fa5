//! The view without a terminal: what is known and what is typed become what is shown and what is done.

use std::time::Duration;

use iapeer_registry::Identity;

use super::keys::Key;

/// One session as it is shown.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Row {
    pub(super) identity: Identity,
    /// The sign and the word of its state, as `list` has them.
    pub(super) sign: &'static str,
    pub(super) state: &'static str,
    /// Why its state cannot be told, or when and by whom it was stopped.
    pub(super) because: Option<String>,
    /// The rest is known of sessions that are live, and of these where it can be told.
    pub(super) idle: Option<Duration>,
    /// In bytes.
    pub(super) memory: Option<u64>,
    /// In percent of one processor.
    pub(super) cpu: Option<f64>,
    pub(super) last_line: Option<String>,
    /// How often it died within the last day.
    pub(super) died: usize,
}

/// What is known of all sessions at one moment.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Fleet {
    pub(super) rows: Vec<Row>,
    /// The deaths of the last day by the hour, the hour that ends now last.
    pub(super) deaths: [u64; HOURS],
    /// What could not be read.
    pub(super) problem: Option<String>,
}

/// How many hours of deaths are shown.
pub(super) const HOURS: usize = 24;

/// Words after `iapeer`.
pub(super) type Errand = Vec<String>;

/// What a key asks of those who can do something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Action {
    Quit,
    /// It has the terminal until it ends.
    Show(Errand),
    /// It runs beside the view.
    Run(Errand),
}

/// What keys mean just now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Mode {
    Browse,
    /// The filter is being typed.
    Filter,
    /// Whether this is meant is being asked.
    Confirm(Errand),
    Help,
}

/// All that is shown.
#[derive(Debug)]
pub(super) struct Model {
    pub(super) fleet: Fleet,
    pub(super) mode: Mode,
    pub(super) filter: String,
    /// What runs beside the view, oldest first.
    pub(super) running: Vec<Errand>,
    /// What became of the last one that ended.
    pub(super) news: Option<String>,
    selected: Option<Identity>,
}

impl Model {
    pub(super) fn new(fleet: Fleet) -> Model {
        let selected = fleet.rows.first().map(|row| row.identity.clone());
        Model { fleet, mode: Mode::Browse, filter: String::new(), running: Vec::new(), news: None, selected }
    }

    /// The sessions that the filter lets through.
    pub(super) fn rows(&self) -> Vec<&Row> {
        let wanted = self.filter.to_lowercase();
        let fits = |row: &&Row| row.state.contains(&wanted) || row.identity.to_string().contains(&wanted);
        self.fleet.rows.iter().filter(fits).collect()
    }

    /// Which of these rows is selected: the first where the one that was is none of them.
    pub(super) fn selected(&self, rows: &[&Row]) -> Option<usize> {
        let at = rows.iter().position(|row| Some(&row.identity) == self.selected.as_ref());
        at.or(if rows.is_empty() { None } else { Some(0) })
    }

    /// Somebody has looked again.
    pub(super) fn looked(&mut self, fleet: Fleet) {
        self.fleet = fleet;
    }

    /// Something that ran beside the view has ended.
    pub(super) fn ended(&mut self, errand: &Errand, said: String) {
        if let Some(at) = self.running.iter().position(|running| running == errand) {
            self.running.remove(at);
        }
        self.news = Some(said);
    }

    /// What a key does; `page` is how many rows are shown at once.
    pub(super) fn press(&mut self, key: Key, page: usize) -> Option<Action> {
        if key == Key::Interrupt {
            return Some(Action::Quit);
        }
        match std::mem::replace(&mut self.mode, Mode::Browse) {
            Mode::Browse => return self.browse(key, page),
            Mode::Filter => self.type_filter(key),
            Mode::Confirm(errand) => match key {
                Key::Char('y' | 'Y') => return Some(self.run(errand)),
                _ => self.news = Some(format!("not done: {}", spoken(&errand))),
            },
            // Whatever it is, it was typed to be rid of it.
            Mode::Help => {}
        }
        None
    }

    fn browse(&mut self, key: Key, page: usize) -> Option<Action> {
        let rows = self.rows();
        let at = self.selected(&rows).unwrap_or(0);
        let to = match key {
            Key::Up | Key::Char('k') => at.saturating_sub(1),
            Key::Down | Key::Char('j') => at + 1,
            Key::PageUp => at.saturating_sub(page),
            Key::PageDown => at + page,
            Key::Home | Key::Char('g') => 0,
            Key::End | Key::Char('G') => usize::MAX,
            _ => return self.act(key),
        };
        let last = rows.len().saturating_sub(1);
        self.selected = rows.get(to.min(last)).map(|row| row.identity.clone());
        None
    }

    fn act(&mut self, key: Key) -> Option<Action> {
        match key {
            Key::Char('q') => return Some(Action::Quit),
            Key::Char('?') => self.mode = Mode::Help,
            Key::Char('/') => {
                self.filter.clear();
                self.mode = Mode::Filter;
            }
            Key::Escape => {
                self.filter.clear();
                self.news = None;
            }
            Key::Enter | Key::Char('a') => return Some(Action::Show(self.errand("attach")?)),
            Key::Char('w') => return Some(Action::Show(self.errand("why")?)),
            Key::Char('l') => {
                // Logs are those of a peer, whichever its runtime.
                let errand = self.errand("logs")?.into_iter().take(2).collect();
                return Some(Action::Show(errand));
            }
            Key::Char('S') => {
                let errand = self.errand("start")?;
                return Some(self.run(errand));
            }
            Key::Char('s') => self.mode = Mode::Confirm(self.errand("stop")?),
            Key::Char('n') => self.mode = Mode::Confirm(self.errand("new")?),
            _ => {}
        }
        None
    }

    fn type_filter(&mut self, key: Key) {
        self.mode = Mode::Filter;
        match key {
            Key::Enter => self.mode = Mode::Browse,
            Key::Escape => {
                self.filter.clear();
                self.mode = Mode::Browse;
            }
            Key::Backspace => {
                self.filter.pop();
            }
            Key::Char(c) => self.filter.push(c),
            _ => {}
        }
    }

    fn run(&mut self, errand: Errand) -> Action {
        self.running.push(errand.clone());
        self.news = None;
        Action::Run(errand)
    }

    /// A verb about the session that is selected.
    fn errand(&self, verb: &str) -> Option<Errand> {
        let rows = self.rows();
        let identity = &rows.get(self.selected(&rows)?)?.identity;
        Some(vec![verb.to_owned(), identity.personality().to_string(), identity.runtime().to_string()])
    }
}

/// The command as one would type it.
pub(super) fn spoken(errand: &Errand) -> String {
    format!("iapeer {}", errand.join(" "))
}
