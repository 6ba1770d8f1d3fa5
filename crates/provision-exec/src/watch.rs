//! Reads a command's streams while waiting for its end: the one loop of this crate.

use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

use crate::{Cancel, Tail, system};

/// The longest single sleep. The loop goes round again after it, so it is no limit; it only keeps
/// the number small enough for every system's `poll`.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);

/// The longest time between two looks where nothing wakes the loop.
const LOOK: Duration = Duration::from_millis(20);

/// A running command and its two streams.
pub(crate) struct Watch {
    leader: Pid,
    /// Wakes the loop when the command ends; None where the system has no such thing.
    bell: Option<OwnedFd>,
    /// The sleep until the next look when there is no bell: it grows up to [`LOOK`].
    nap: Duration,
    ended: bool,
    streams: [Stream; 2],
    buffer: Vec<u8>,
}

/// Why a wait is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wake {
    /// The command has ended.
    Ended,
    /// It is cancelled, and the command has not ended.
    Cancelled,
    /// The time is over, and the command has not ended.
    TimeOver,
}

struct Stream {
    /// None once it has ended or broken.
    pipe: Option<OwnedFd>,
    tail: Tail,
}

impl Watch {
    pub(crate) fn new(leader: Pid, pipes: [Option<OwnedFd>; 2], keep: usize) -> Self {
        Self {
            leader,
            bell: system::hold(leader),
            nap: Duration::from_millis(1),
            ended: false,
            streams: pipes.map(|pipe| Stream { pipe, tail: Tail::new(keep) }),
            // As much as a pipe holds on Linux, so that one read empties it.
            buffer: vec![0; 64 * 1024],
        }
    }

    /// Reads until the command has ended, it is cancelled, or the time is over. Without a deadline there
    /// is no limit.
    pub(crate) fn until_end(&mut self, deadline: Option<Instant>, cancel: Option<&Cancel>) -> Wake {
        let mut left = LONGEST_SLEEP;
        while !self.ended {
            if cancel.is_some_and(Cancel::is_cancelled) {
                return Wake::Cancelled;
            }
            if left.is_zero() {
                return Wake::TimeOver;
            }
            left = deadline.map_or(LONGEST_SLEEP, |it| it.saturating_duration_since(Instant::now()));
            self.step(left, cancel);
        }
        Wake::Ended
    }

    /// Reads until the command has ended and `nobody_is_left`, or the time is over.
    pub(crate) fn until_gone(&mut self, deadline: Option<Instant>, nobody_is_left: impl Fn() -> bool) {
        if self.until_end(deadline, None) != Wake::Ended {
            return;
        }
        loop {
            let look = Instant::now();
            if nobody_is_left() {
                return;
            }
            // With many processes a look takes long; it must not become all that is done.
            let pause = LOOK.max(look.elapsed() * 4);
            let left = deadline.map_or(pause, |it| it.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                return;
            }
            self.step(left.min(pause), None);
        }
    }

    /// Whether the command's end has been seen.
    pub(crate) fn has_ended(&self) -> bool {
        self.ended
    }

    /// Reads what can be read at once, for as long as `limit` at most.
    pub(crate) fn drain(&mut self, limit: Duration) {
        let start = Instant::now();
        while self.step(Duration::ZERO, None) && start.elapsed() < limit {}
    }

    /// What was kept of standard output and standard error.
    pub(crate) fn into_tails(self) -> [Tail; 2] {
        self.streams.map(|stream| stream.tail)
    }

    /// Sleeps until something happens, `patience` at most; reads each stream that is ready once, and
    /// looks whether the command has ended. Returns whether something was read.
    fn step(&mut self, patience: Duration, cancel: Option<&Cancel>) -> bool {
        let ready = self.sleep(patience, cancel);
        let mut progress = false;
        for (stream, ready) in self.streams.iter_mut().filter(|stream| stream.pipe.is_some()).zip(ready) {
            progress |= ready && stream.read(&mut self.buffer);
        }
        self.ended = self.ended || has_ended(self.leader);
        progress
    }

    /// Which of the open streams are ready, in their order.
    fn sleep(&mut self, patience: Duration, cancel: Option<&Cancel>) -> Vec<bool> {
        let mut patience = patience.min(LONGEST_SLEEP);
        if !self.ended && self.bell.is_none() {
            patience = patience.min(self.nap);
            self.nap = (self.nap * 2).min(LOOK);
        }
        let pipes = self.streams.iter().filter_map(|stream| stream.pipe.as_ref()).map(AsFd::as_fd);
        let bell = self.bell.iter().filter(|_| !self.ended).map(AsFd::as_fd);
        let wakers = pipes.chain(bell).chain(cancel.map(Cancel::bell));
        let mut polled: Vec<_> = wakers.map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)).collect();
        let timeout = Timespec::try_from(patience).expect("a minute fits into every time type");
        match poll(&mut polled, Some(&timeout)) {
            Ok(_) => polled.iter().map(|fd| !fd.revents().is_empty()).collect(),
            Err(Errno::INTR) => Vec::new(),
            Err(_) => {
                // Out of memory or of descriptors: look again soon, and let the time limit decide.
                std::thread::sleep(patience.min(LOOK));
                Vec::new()
            }
        }
    }
}

impl Stream {
    /// One read of a pipe that is ready, which thus does not block; whether it brought something.
    fn read(&mut self, buffer: &mut [u8]) -> bool {
        let Some(pipe) = &self.pipe else { return false };
        match rustix::io::read(pipe, &mut *buffer) {
            Ok(0) => {
                self.pipe = None;
                false
            }
            Ok(count) => {
                self.tail.push(&buffer[..count]);
                true
            }
            Err(error) => {
                if !matches!(error, Errno::INTR | Errno::AGAIN) {
                    self.pipe = None;
                }
                false
            }
        }
    }
}

/// Whether the process has ended. It stays a zombie, and its number stays taken.
fn has_ended(leader: Pid) -> bool {
    let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    match waitid(WaitId::Pid(leader), look) {
        Ok(status) => status.is_some(),
        // Somebody else has reaped it.
        Err(error) => error == Errno::CHILD,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::disallowed_methods, reason = "the tests watch processes that they start themselves")]

    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn without_a_bell_the_end_is_still_seen() {
        let script = "sleep 0.2; echo late; exit 5";
        let mut command = Command::new("/bin/sh");
        let mut child = command.args(["-c", script]).stdout(Stdio::piped()).spawn().expect("sh starts");
        let leader = Pid::from_child(&child);
        let stdout = child.stdout.take().map(OwnedFd::from);
        let mut watch = Watch::new(leader, [stdout, None], 100);
        watch.bell = None;

        assert_eq!(
            watch.until_end(Some(Instant::now()), None),
            Wake::TimeOver,
            "it sleeps for a while first"
        );
        assert_eq!(watch.until_end(None, None), Wake::Ended);
        let again = Instant::now();
        assert_eq!(watch.until_end(None, None), Wake::Ended);
        assert!(again.elapsed() < LONGEST_SLEEP / 2, "nothing would wake it any more");
        assert!(has_ended(leader), "looking does not reap");
        watch.drain(Duration::from_secs(5));

        assert_eq!(child.wait().expect("it was not reaped yet").code(), Some(5));
        assert!(has_ended(leader), "a process that somebody has reaped has ended");
        let [stdout, stderr] = watch.into_tails();
        assert_eq!((stdout.text().as_str(), stderr.total()), ("late\n", 0));
    }
}
