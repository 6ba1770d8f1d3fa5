//! Sessions that somebody else brings up are noticed as soon as they are written down.

use std::io;
use std::sync::mpsc::Sender;

use camino::Utf8Path;
use iapeer_registry::Identity;

use super::Event;

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
        // A fact is written beside its place and moved there.
        add_watch(&inotify, facts.as_std_path(), WatchFlags::MOVED_TO | WatchFlags::ONLYDIR)?;
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

/// Whose session a file is.
#[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "nobody tells of files there"))]
fn session_of(file_name: &str) -> Option<Identity> {
    file_name.strip_suffix(".session")?.parse().ok()
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

    use super::session_of;
    use crate::supervisor::Event;

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
                let name = match reader.next() {
                    Ok(event) => event.file_name().and_then(|name| session_of(name.to_str().ok()?)),
                    Err(Errno::AGAIN) => break,
                    Err(Errno::INTR) => continue,
                    Err(e) => return Err(e.into()),
                };
                if name.is_some_and(|identity| arrived.send(Event::Arrived(identity)).is_err()) {
                    return Ok(());
                }
            }
        }
    }
}
