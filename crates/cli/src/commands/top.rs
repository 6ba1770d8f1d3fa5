//! The fleet on a full screen, live, with a key for each verb that one wants then.
//!
//! What a key does is the verb: our own program is started with its words, so that there is one way of doing
//! it. What only ends or starts sessions runs beside the view, and goes on when that is left.

mod draw;
mod keys;
mod look;
mod model;
mod screen;
#[cfg(test)]
mod tests;

use std::io::{self, PipeWriter};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use iapeer_lifecycle::Host;
use iapeer_provision_exec::{Outcome, Run, State};

use self::draw::{Palette, page};
use self::look::Looker;
use self::model::{Action, Errand, Model, spoken};
use self::screen::{Input, Screen, Woken, give_back_at_panic, ring};
use super::Done;
use super::wake::on_terminal;
use crate::error::CliError;
use crate::{env, out, text};

/// How often one looks.
const EVERY: Duration = Duration::from_secs(2);

/// Longer than the slowest start may take, as its own limits are. Who is over it is ended, with what it started.
const ERRAND_LIMIT: Duration = Duration::from_secs(3600);

/// Our own program, and what it has told.
struct Errands {
    program: PathBuf,
    told: Sender<(Errand, String)>,
    heard: Receiver<(Errand, String)>,
}

pub(crate) fn top(host: &Host) -> Done {
    let refused = |what: &str| CliError::usage(what).hint("iapeer list --json").hint("iapeer status");
    if !on_terminal() {
        return Err(refused("top needs a terminal, and this is none").into());
    }
    if env::terminal_is_dumb() {
        return Err(
            refused("top needs a terminal that can be drawn on, and TERM says that this cannot").into()
        );
    }
    let palette = if env::wants_colour() { Palette::Colour } else { Palette::Plain };
    let mut looker = Looker::new(host);
    let viewed = view(&mut looker, palette);
    out::warnings(&looker.asides());
    viewed.map_err(|e| CliError::failed(format!("the terminal cannot be used: {e}")))?;
    Ok(ExitCode::SUCCESS)
}

/// Shows it until it is left. From then on the terminal is what it was, whatever happened.
fn view(looker: &mut Looker<'_>, palette: Palette) -> io::Result<()> {
    let (told, heard) = channel();
    let errands = Errands { program: std::env::current_exe()?, told, heard };
    let mut input = Input::begin()?;
    let mut model = Model::new(looker.look());
    let mut next_look = Instant::now() + EVERY;
    give_back_at_panic();
    let mut screen = Screen::take(palette)?;
    loop {
        screen.draw(&model)?;
        let keys = match input.wait(next_look.saturating_duration_since(Instant::now()))? {
            Woken::Stop => return Ok(()),
            Woken::Look => Vec::new(),
            Woken::Keys(keys) => keys,
        };
        for key in keys {
            match model.press(key, page(screen.height()?)) {
                None => {}
                Some(Action::Quit) => return Ok(()),
                Some(Action::Run(errand)) => errands.begin(errand, input.ringer()?),
                Some(Action::Show(errand)) => {
                    drop(screen);
                    errands.show(&errand, &mut input)?;
                    if input.is_over() {
                        return Ok(());
                    }
                    screen = Screen::take(palette)?;
                    next_look = Instant::now();
                }
            }
        }
        for (errand, said) in errands.heard.try_iter() {
            model.ended(&errand, said);
            next_look = Instant::now();
        }
        if Instant::now() >= next_look {
            model.looked(looker.look());
            next_look = Instant::now() + EVERY;
        }
    }
}

impl Errands {
    /// Begins one beside the view. It has a session of its own, so that it outlives the view and the terminal.
    fn begin(&self, errand: Errand, ringer: PipeWriter) {
        let (program, told) = (self.program.clone(), self.told.clone());
        std::thread::spawn(move || {
            let outcome = Run::new(program).args(&errand).time_limit(ERRAND_LIMIT).run();
            let said = said(&errand, &outcome);
            // Who does not hear it any more has been left.
            if told.send((errand, said)).is_ok() {
                ring(ringer);
            }
        });
    }

    /// Lets one have the terminal. What it has printed stays until a key is pressed; a session that was left
    /// has printed nothing.
    fn show(&self, errand: &Errand, input: &mut Input) -> io::Result<()> {
        let is_done = in_terminal(&self.program, errand)?;
        input.forget_interrupt();
        if is_done && errand.first().is_some_and(|verb| verb == "attach") {
            return Ok(());
        }
        out::note("-- enter goes back to the fleet --");
        input.wait_for_key()
    }
}

/// What an errand has to say, in a line: its error, or the first line of its answer.
fn said(errand: &Errand, outcome: &Outcome) -> String {
    let (stdout, stderr) = (outcome.stdout.text(), outcome.stderr.text());
    let line = match outcome.state {
        State::Ok => stdout.lines().next().map(str::to_owned),
        _ => {
            let error = stderr.lines().find(|line| line.starts_with("error: "));
            error.map(str::to_owned).or_else(|| outcome.detail())
        }
    };
    text::one_line(&line.unwrap_or_else(|| format!("{}: {}", spoken(errand), outcome.state)))
}

/// Runs our program in our terminal until it ends; whether it succeeded.
#[expect(clippy::disallowed_methods, reason = "the door for what has the terminal for a while")]
fn in_terminal(program: &PathBuf, errand: &Errand) -> io::Result<bool> {
    Ok(std::process::Command::new(program).args(errand).status()?.success())
}
