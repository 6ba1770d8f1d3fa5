//! The terminal: taken over, given back, and asked what was typed.

use std::io::{self, PipeReader, Stdin, Write};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ratatui::DefaultTerminal;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::cursor::Show;
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGWINCH};

use super::draw::{Palette, draw};
use super::keys::{Decoder, Key};
use super::model::Model;

/// How long the rest of a key may be under way.
const REST_OF_KEY: Duration = Duration::from_millis(50);

/// The screen as long as it is ours. Dropping it gives the terminal back as it was.
pub(super) struct Screen {
    terminal: DefaultTerminal,
    palette: Palette,
}

/// Why waiting ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Woken {
    Keys(Vec<Key>),
    /// Time has passed, the size has changed, or something that ran has ended.
    Look,
    /// TERM, HUP, INT, or the terminal is gone.
    Stop,
}

/// What is typed, and the signals that come meanwhile.
pub(super) struct Input {
    stdin: Stdin,
    decoder: Decoder,
    bell: PipeReader,
    ringer: io::PipeWriter,
    is_ended: Arc<AtomicBool>,
    is_interrupted: Arc<AtomicBool>,
}

impl Screen {
    pub(super) fn take(palette: Palette) -> io::Result<Screen> {
        enable_raw_mode()?;
        let entered = execute!(io::stdout(), EnterAlternateScreen)
            .and_then(|()| ratatui::Terminal::new(CrosstermBackend::new(io::stdout())));
        match entered {
            Ok(terminal) => Ok(Screen { terminal, palette }),
            Err(e) => {
                give_back();
                Err(e)
            }
        }
    }

    pub(super) fn draw(&mut self, model: &Model) -> io::Result<()> {
        self.terminal.draw(|frame| draw(model, self.palette, frame)).map(|_| ())
    }

    /// How many lines it has.
    pub(super) fn height(&self) -> io::Result<u16> {
        Ok(self.terminal.size()?.height)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        give_back();
    }
}

/// Lets a panic be read: what it says would go to a screen that is gone in an instant.
pub(super) fn give_back_at_panic() {
    let tell = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        give_back();
        tell(info);
    }));
}

/// A terminal that takes none of it has gone, and nobody is left to be told.
fn give_back() {
    let _ = disable_raw_mode();
    let _ = execute!(io::stdout(), LeaveAlternateScreen, Show);
}

impl Input {
    /// From here on signals end the wait and not the program.
    pub(super) fn begin() -> io::Result<Input> {
        let (bell, ringer) = io::pipe()?;
        let (is_ended, is_interrupted) = (Arc::<AtomicBool>::default(), Arc::<AtomicBool>::default());
        for (signal, flag) in [(SIGTERM, &is_ended), (SIGHUP, &is_ended), (SIGINT, &is_interrupted)] {
            signal_hook::flag::register(signal, Arc::clone(flag))?;
        }
        // The flag is there before the bell rings: who registers first is called first.
        for signal in [SIGTERM, SIGHUP, SIGINT, SIGWINCH] {
            signal_hook::low_level::pipe::register(signal, ringer.try_clone()?)?;
        }
        rustix::io::ioctl_fionbio(&bell, true)?;
        Ok(Input { stdin: io::stdin(), decoder: Decoder::default(), bell, ringer, is_ended, is_interrupted })
    }

    /// Ends a wait when something is written to it.
    pub(super) fn ringer(&self) -> io::Result<io::PipeWriter> {
        self.ringer.try_clone()
    }

    /// Waits, at most `patience` long.
    pub(super) fn wait(&mut self, patience: Duration) -> io::Result<Woken> {
        let has_begun = self.decoder.has_begun();
        let patience = if has_begun { REST_OF_KEY } else { patience };
        let mut all = [
            PollFd::from_borrowed_fd(self.stdin.as_fd(), PollFlags::IN),
            PollFd::from_borrowed_fd(self.bell.as_fd(), PollFlags::IN),
        ];
        let timeout = Timespec::try_from(patience).map_err(io::Error::other)?;
        match poll(&mut all, Some(&timeout)) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(e) => return Err(e.into()),
        }
        let [typed, rung] = all.map(|fd| fd.revents());
        if !rung.is_empty() {
            self.silence()?;
        }
        if self.is_over() {
            return Ok(Woken::Stop);
        }
        if typed.is_empty() {
            let key = if has_begun { self.decoder.settle() } else { None };
            return Ok(key.map_or(Woken::Look, |key| Woken::Keys(vec![key])));
        }
        let mut bytes = [0; 256];
        match rustix::io::read(&self.stdin, &mut bytes) {
            // Nothing, although there is something: its other end is gone.
            Ok(0) | Err(Errno::IO) => Ok(Woken::Stop),
            Ok(length) => Ok(Woken::Keys(self.decoder.take(&bytes[..length]))),
            Err(Errno::INTR | Errno::AGAIN) => Ok(Woken::Look),
            Err(e) => Err(e.into()),
        }
    }

    /// Waits for any key or line, or for the end.
    pub(super) fn wait_for_key(&mut self) -> io::Result<()> {
        loop {
            match self.wait(Duration::from_secs(3600))? {
                Woken::Look => {}
                Woken::Keys(_) | Woken::Stop => return Ok(()),
            }
        }
    }

    /// Whether a signal has told us to end.
    pub(super) fn is_over(&self) -> bool {
        self.is_ended.load(Ordering::SeqCst) || self.is_interrupted.load(Ordering::SeqCst)
    }

    /// Somebody else had the terminal, for whom Ctrl-C was meant.
    pub(super) fn forget_interrupt(&self) {
        self.is_interrupted.store(false, Ordering::SeqCst);
    }

    fn silence(&mut self) -> io::Result<()> {
        let mut buffer = [0; 64];
        match rustix::io::read(&self.bell, &mut buffer) {
            Ok(_) | Err(Errno::INTR | Errno::AGAIN) => Ok(()),
            Err(e) => Err(e.into()),
        }
    }
}

/// Rings a bell. Who listened has gone where nobody hears it.
pub(super) fn ring(mut ringer: io::PipeWriter) {
    let _ = ringer.write_all(b"!");
}
