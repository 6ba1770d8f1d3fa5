//! Waiting until something happens in a folder, until Ctrl-C, or until nobody reads our output any more.

use std::io::{self, PipeReader};
#[cfg(target_os = "linux")]
use std::os::fd::OwnedFd;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

/// How long to wait where the kernel does not tell of changes.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Why waiting ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Woken {
    /// Something may have changed.
    Look,
    /// Ctrl-C, TERM, or nobody reads any more.
    Stop,
}

/// A wait for changes in a folder.
#[derive(Debug)]
pub(crate) struct Watch {
    folder: Utf8PathBuf,
    signals: PipeReader,
    changes: Changes,
}

impl Watch {
    /// Begins to notice what happens in `folder`, which need not be there yet. From here on Ctrl-C and TERM do
    /// nothing but end the wait.
    pub(crate) fn begin(folder: &Utf8Path) -> io::Result<Watch> {
        let (signals, writer) = io::pipe()?;
        for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
            signal_hook::low_level::pipe::register(signal, writer.try_clone()?)?;
        }
        let mut watch = Watch { folder: folder.to_owned(), signals, changes: Changes::begin()? };
        watch.changes.watch(&watch.folder);
        Ok(watch)
    }

    /// Waits, at most `patience` long. It may end early for nothing.
    pub(crate) fn wait(&mut self, patience: Duration) -> io::Result<Woken> {
        // The folder may be another one by now, or there only since the last look.
        let patience = if self.changes.watch(&self.folder) { patience } else { patience.min(LOOK_EVERY) };
        let stdout = io::stdout();
        let polled = |fd, flags| PollFd::from_borrowed_fd(fd, flags);
        let mut all = vec![
            polled(self.signals.as_fd(), PollFlags::IN),
            // Of a pipe whose reader is gone the kernel tells, although nothing is asked.
            polled(stdout.as_fd(), PollFlags::empty()),
        ];
        all.extend(self.changes.fd().map(|fd| polled(fd, PollFlags::IN)));
        let timeout = Timespec::try_from(patience).map_err(io::Error::other)?;
        match poll(&mut all, Some(&timeout)) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(e) => return Err(e.into()),
        }
        let is_over = all[..2].iter().any(|fd| !fd.revents().is_empty());
        self.changes.take()?;
        Ok(if is_over { Woken::Stop } else { Woken::Look })
    }
}

/// What the kernel tells of changes.
#[cfg(target_os = "linux")]
#[derive(Debug)]
struct Changes(OwnedFd);

#[cfg(target_os = "linux")]
impl Changes {
    fn begin() -> io::Result<Changes> {
        use rustix::fs::inotify::{CreateFlags, init};
        Ok(Changes(init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC)?))
    }

    /// Watches a folder, which may be watched already; false when it cannot be.
    fn watch(&mut self, folder: &Utf8Path) -> bool {
        use rustix::fs::inotify::{WatchFlags, add_watch};
        let wanted = WatchFlags::MODIFY | WatchFlags::CREATE | WatchFlags::MOVED_TO | WatchFlags::DELETE_SELF;
        add_watch(&self.0, folder.as_std_path(), wanted | WatchFlags::ONLYDIR).is_ok()
    }

    fn fd(&self) -> Option<BorrowedFd<'_>> {
        Some(self.0.as_fd())
    }

    /// Takes what was told: that it was is enough.
    fn take(&mut self) -> io::Result<()> {
        let mut buffer = [0u8; 4096];
        loop {
            match rustix::io::read(&self.0, &mut buffer) {
                Ok(0) | Err(Errno::AGAIN) => return Ok(()),
                Ok(_) | Err(Errno::INTR) => {}
                Err(e) => return Err(e.into()),
            }
        }
    }
}

/// Nothing: one looks from time to time.
#[cfg(not(target_os = "linux"))]
#[derive(Debug)]
struct Changes;

#[cfg(not(target_os = "linux"))]
impl Changes {
    fn begin() -> io::Result<Changes> {
        Ok(Changes)
    }

    fn watch(&mut self, _folder: &Utf8Path) -> bool {
        false
    }

    fn fd(&self) -> Option<BorrowedFd<'_>> {
        None
    }

    fn take(&mut self) -> io::Result<()> {
        Ok(())
    }
}
