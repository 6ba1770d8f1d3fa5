//! macOS and the BSDs: kqueue. Compiled, never run.

use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd};

use nix::errno::Errno;
use nix::libc::timespec;
use nix::sys::event::{EvFlags, EventFilter, FilterFlag, KEvent, Kqueue};

use super::Patience;

/// So many deaths are taken at a time.
const BATCH: usize = 64;

/// What the kernel is asked.
#[derive(Debug)]
pub(super) struct System {
    kqueue: Kqueue,
}

/// Keeps the kernel watching one process.
#[derive(Debug)]
pub(super) struct Hold {
    pid: usize,
}

impl System {
    /// Watches `waker` too, and tells of it under `number`.
    pub(super) fn new(waker: BorrowedFd<'_>, number: u64) -> io::Result<System> {
        let kqueue = Kqueue::new()?;
        let fd = usize::try_from(waker.as_raw_fd()).map_err(io::Error::other)?;
        let number = isize::try_from(number).map_err(io::Error::other)?;
        let flags = (EvFlags::EV_ADD, FilterFlag::empty());
        let event = KEvent::new(fd, EventFilter::EVFILT_READ, flags.0, flags.1, 0, number);
        kqueue.kevent(&[event], &mut [], None)?;
        Ok(System { kqueue })
    }

    /// Tells of the end of the process that has this pid now, under `number`; `None` when none has it, or
    /// only a zombie.
    pub(super) fn watch(&self, pid: u32, number: u64) -> io::Result<Option<Hold>> {
        let pid = usize::try_from(pid).map_err(io::Error::other)?;
        let number = isize::try_from(number).map_err(io::Error::other)?;
        let (flags, what) = (EvFlags::EV_ADD | EvFlags::EV_ONESHOT, FilterFlag::NOTE_EXIT);
        let event = KEvent::new(pid, EventFilter::EVFILT_PROC, flags, what, 0, number);
        match self.kqueue.kevent(&[event], &mut [], None) {
            Ok(_) => Ok(Some(Hold { pid })),
            Err(Errno::ESRCH) => Ok(None),
            Err(e) => Err(e.into()),
        }
    }

    /// Watches no more a process that has not ended; of one that has, dropping the hold is enough.
    pub(super) fn forget(&self, hold: Hold) -> io::Result<()> {
        let (flags, what) = (EvFlags::EV_DELETE, FilterFlag::empty());
        let event = KEvent::new(hold.pid, EventFilter::EVFILT_PROC, flags, what, 0, 0);
        match self.kqueue.kevent(&[event], &mut [], None) {
            // One that was told of is forgotten already.
            Ok(_) | Err(Errno::ENOENT | Errno::ESRCH) => Ok(()),
            Err(e) => Err(e.into()),
        }
    }

    /// The numbers of those that have something to tell.
    pub(super) fn wait(&self, patience: Patience) -> io::Result<Vec<u64>> {
        let timeout = match patience {
            Patience::Endless => None,
            Patience::None => Some(timespec { tv_sec: 0, tv_nsec: 0 }),
        };
        let none = KEvent::new(0, EventFilter::EVFILT_READ, EvFlags::empty(), FilterFlag::empty(), 0, 0);
        let mut events = [none; BATCH];
        let count = match self.kqueue.kevent(&[], &mut events, timeout) {
            Err(Errno::EINTR) => 0,
            count => count?,
        };
        Ok(events[..count].iter().filter_map(|event| u64::try_from(event.udata()).ok()).collect())
    }
}
