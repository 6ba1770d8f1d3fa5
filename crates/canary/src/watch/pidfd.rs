//! Linux: a pidfd for each process, all of them in one epoll.

use std::io;

use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};
use rustix::fd::{BorrowedFd, OwnedFd};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use super::Patience;

/// So many deaths are taken at a time.
const BATCH: usize = 64;

/// What the kernel is asked.
#[derive(Debug)]
pub(super) struct System {
    epoll: OwnedFd,
}

/// Keeps the kernel watching one process.
#[derive(Debug)]
pub(super) struct Hold {
    pidfd: OwnedFd,
}

impl System {
    /// Watches `waker` too, and tells of it under `number`.
    pub(super) fn new(waker: BorrowedFd<'_>, number: u64) -> io::Result<System> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        epoll::add(&epoll, waker, epoll::EventData::new_u64(number), epoll::EventFlags::IN)?;
        Ok(System { epoll })
    }

    /// Tells of the end of the process that has this pid now, under `number`; `None` when none has it.
    pub(super) fn watch(&self, pid: u32, number: u64) -> io::Result<Option<Hold>> {
        let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) else { return Ok(None) };
        let pidfd = match pidfd_open(pid, PidfdFlags::empty()) {
            Err(Errno::SRCH) => return Ok(None),
            pidfd => pidfd?,
        };
        // Once is enough: a copy in a child that is being started would go on telling.
        let flags = epoll::EventFlags::IN | epoll::EventFlags::ONESHOT;
        epoll::add(&self.epoll, &pidfd, epoll::EventData::new_u64(number), flags)?;
        Ok(Some(Hold { pidfd }))
    }

    /// Watches no more a process that has not ended; of one that has, dropping the hold is enough.
    pub(super) fn forget(&self, hold: Hold) -> io::Result<()> {
        Ok(epoll::delete(&self.epoll, &hold.pidfd)?)
    }

    /// The numbers of those that have something to tell.
    pub(super) fn wait(&self, patience: Patience) -> io::Result<Vec<u64>> {
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        let timeout = match patience {
            Patience::Endless => None,
            Patience::None => Some(&now),
        };
        let mut events: Vec<epoll::Event> = Vec::with_capacity(BATCH);
        match epoll::wait(&self.epoll, spare_capacity(&mut events), timeout) {
            Ok(_) | Err(Errno::INTR) => Ok(events.iter().map(|event| event.data.u64()).collect()),
            Err(e) => Err(e.into()),
        }
    }
}
