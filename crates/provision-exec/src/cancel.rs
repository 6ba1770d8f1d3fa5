//! Ending runs from outside.

use std::io::{self, PipeReader, PipeWriter, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

/// A handle that ends the runs that were given it, now and later, with [`Run::cancel`](crate::Run::cancel).
///
/// Clones are the same handle. It is a pipe that says "cancelled" once a byte is in it, and nobody ever
/// takes one out: so another thread can cancel, and so can a signal handler, which may write a byte and
/// hardly anything else; see [`writer`](Self::writer).
///
/// ```
/// use std::{thread, time::Duration};
/// use iapeer_provision_exec::{Cancel, Run, State};
///
/// let cancel = Cancel::new()?;
/// let run = Run::new("/bin/sleep").args(["60"]).cancel(&cancel);
/// let waiting = thread::spawn(|| run.run());
/// cancel.cancel();
/// assert_eq!(waiting.join().expect("it does not panic").state, State::Cancelled);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Cancel {
    pipe: Arc<(PipeReader, PipeWriter)>,
}

impl Cancel {
    /// A handle that is not cancelled.
    ///
    /// # Errors
    ///
    /// That of the system when it has no two descriptors left for a pipe.
    pub fn new() -> io::Result<Self> {
        Ok(Self { pipe: Arc::new(io::pipe()?) })
    }

    /// Cancels every run that has this handle. It does not wait for their ends.
    pub fn cancel(&self) {
        if !self.is_cancelled() {
            // Both ends are open and there is room, unless others have filled it: then it is cancelled.
            let _ = (&self.pipe.1).write_all(&[0]);
        }
    }

    /// Whether it was cancelled.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        let mut polled = [PollFd::from_borrowed_fd(self.bell(), PollFlags::IN)];
        loop {
            match poll(&mut polled, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })) {
                Ok(ready) => return ready > 0,
                Err(Errno::INTR) => {}
                // Out of memory: not known now, and asked again in the next round of the run.
                Err(_) => return false,
            }
        }
    }

    /// A descriptor to which any one byte is to be written in order to cancel, for instance by the
    /// signal handler that `signal_hook::low_level::pipe::register` makes. It may be made non-blocking.
    ///
    /// # Errors
    ///
    /// That of the system when it has no descriptor left.
    pub fn writer(&self) -> io::Result<OwnedFd> {
        self.pipe.1.try_clone().map(OwnedFd::from)
    }

    /// Becomes and stays readable when it is cancelled.
    pub(crate) fn bell(&self) -> BorrowedFd<'_> {
        self.pipe.0.as_fd()
    }
}
