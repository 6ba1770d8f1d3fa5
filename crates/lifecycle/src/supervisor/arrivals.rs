//! Sessions that somebody else brings up, and tasks, are noticed as soon as they are written down.

use std::io;
use std::sync::mpsc::Sender;

use super::Event;
use crate::queue::whose_task;
use camino::Utf8Path;

/// A watch for sessions that are written down. It ends when this is dropped.
#[derive(Debug)]
pub(super) struct Arrivals {
    /// The thread waits for the other end to be closed, too.
    #[expect(dead_code, reason = "its end is what counts")]
    end: io::PipeWriter,
}

impl Arrivals {
    /// Begins to watch the folder of the facts; none where the system does not tell.
    #[cfg(target_os = "linux")]
    pub(super) fn begin(facts: &Utf8Path, arrived: Sender<Event>) -> io::Result<Option<Arrivals>> {
        use rustix::fs::inotify::{CreateFlags, WatchFlags, add_watch, init};

        let inotify = init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC)?;
        // A fact is written beside its place and moved there, and a task linked there, as it takes nobody's place.
        let flags = WatchFlags::MOVED_TO | WatchFlags::CREATE | WatchFlags::ONLYDIR;
        add_watch(&inotify, facts.as_std_path(), flags)?;
        let (over, end) = io::pipe()?;
        let thread = std::thread::Builder::new().name("arrivals".to_owned());
        thread.spawn(move || {
            // Without it, the next pass notices.
            drop(linux::tell(&inotify, &over, &arrived));
        })?;
        Ok(Some(Arrivals { end }))
    }

    /// Begins to watch the folder of the facts; none where the system does not tell.
    #[cfg(not(target_os = "linux"))]
    pub(super) fn begin(_: &Utf8Path, _: Sender<Event>) -> io::Result<Option<Arrivals>> {
        Ok(None)
    }
}

/// What a file tells of.
#[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "nobody tells of files there"))]
fn event_of(file_name: &str) -> Option<Event> {
    match file_name.strip_suffix(".session") {
        Some(identity) => identity.parse().ok().map(Event::Arrived),
        None => whose_task(file_name).map(Event::Task),
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use std::io::{self, PipeReader};
    use std::mem::MaybeUninit;
    use std::os::fd::{AsFd, OwnedFd};
    use std::sync::mpsc::Sender;

    use rustix::event::{PollFd, PollFlags, poll};
    use rustix::fs::inotify::Reader;
    use rustix::io::Errno;

    use super::{Event, event_of};

    /// Tells of sessions until `over` is closed at its other end.
    pub(super) fn tell(inotify: &OwnedFd, over: &PipeReader, arrived: &Sender<Event>) -> io::Result<()> {
        let mut buffer = [MaybeUninit::uninit(); 4096];
        loop {
            let wait = |fd| PollFd::from_borrowed_fd(fd, PollFlags::IN);
            let mut fds = [wait(inotify.as_fd()), wait(over.as_fd())];
            match poll(&mut fds, None) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(e) => return Err(e.into()),
            }
            if !fds[1].revents().is_empty() {
                return Ok(());
            }
            let mut reader = Reader::new(inotify, &mut buffer);
            loop {
                let told = match reader.next() {
                    Ok(event) => event.file_name().and_then(|name| event_of(name.to_str().ok()?)),
                    Err(Errno::AGAIN) => break,
                    Err(Errno::INTR) => continue,
                    Err(e) => return Err(e.into()),
                };
                if told.is_some_and(|event| arrived.send(event).is_err()) {
                    return Ok(());
                }
            }
        }
    }
}
