//! Every change of the disk is a step that can be intercepted.
//!
//! A state is safe when a program may be cut off before any of its steps, or fail at it. Only a test that
//! stops at each of them can show that; so the steps are part of the interface.

use std::fs::File;
use std::io::{self, Write};
use std::sync::OnceLock;

use camino::Utf8Path;

/// What a step does to the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Deed {
    /// Opens a file that is made when it is not there.
    Open,
    /// Writes bytes to a file.
    Write,
    /// Syncs a file or a folder.
    Sync,
    /// Gives a file or folder another name; what had that name is gone.
    Rename,
    /// Gives a file a name that nobody has.
    Link,
    /// Removes a file.
    Remove,
    /// Makes a folder.
    MakeFolder,
    /// Removes an empty folder.
    RemoveFolder,
    /// Changes the permissions of a file or folder.
    Mode,
}

/// What happens at an intercepted step.
#[derive(Debug)]
pub enum Verdict {
    /// It is done.
    Proceed,
    /// It fails with this error, and is not done.
    Fail(io::Error),
    /// For [`Deed::Write`]: half of the bytes are written, then the function is called, and what it gives
    /// is the error. Any other step calls the function at once.
    Tear(fn() -> io::Error),
}

type Interceptor = Box<dyn Fn(Deed, &Utf8Path) -> Verdict + Send + Sync>;

static INTERCEPTOR: OnceLock<Interceptor> = OnceLock::new();

/// Asks `interceptor` before every step that this process takes from now on, in any thread, in the order
/// in which they are taken. The first call counts; there is no way back.
///
/// For tests of programs that keep their state here: end the process at the n-th step, or let it fail.
pub fn intercept_steps(interceptor: impl Fn(Deed, &Utf8Path) -> Verdict + Send + Sync + 'static) {
    INTERCEPTOR.get_or_init(|| Box::new(interceptor));
}

/// To be called before a step that writes no bytes.
pub(crate) fn before(deed: Deed, path: &Utf8Path) -> io::Result<()> {
    match INTERCEPTOR.get().map_or(Verdict::Proceed, |ask| ask(deed, path)) {
        Verdict::Proceed => Ok(()),
        Verdict::Fail(e) => Err(e),
        Verdict::Tear(torn) => Err(torn()),
    }
}

/// Writes `bytes` with one `write(2)` and says how many the kernel took.
pub(crate) fn write(mut file: &File, bytes: &[u8], path: &Utf8Path) -> io::Result<usize> {
    match INTERCEPTOR.get().map_or(Verdict::Proceed, |ask| ask(Deed::Write, path)) {
        Verdict::Proceed => file.write(bytes),
        Verdict::Fail(e) => Err(e),
        Verdict::Tear(torn) => {
            file.write_all(&bytes[..bytes.len() / 2])?;
            Err(torn())
        }
    }
}

/// Writes all of `bytes`.
pub(crate) fn write_all(file: &File, bytes: &[u8], path: &Utf8Path) -> io::Result<()> {
    let mut rest = bytes;
    while !rest.is_empty() {
        match write(file, rest, path) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(n) => rest = &rest[n..],
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(())
}

/// Syncs a file.
pub(crate) fn sync(file: &File, path: &Utf8Path) -> io::Result<()> {
    before(Deed::Sync, path)?;
    file.sync_all()
}
