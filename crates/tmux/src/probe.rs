//! Who listens on a socket, asked of the kernel alone.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use nix::sys::socket::getsockopt;

/// What a look at a socket showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Probe {
    /// A process listens.
    Listening {
        /// The process that made the socket. Whether it is a tmux server is not known from this.
        pid: u32,
    },
    /// There is a file, but nobody listens on it. On macOS also a listener whose queue is full.
    Refused,
    /// There is no such file. A server may live nevertheless: it keeps a socket whose file was
    /// removed, and makes the file again on `SIGUSR1`.
    Missing,
    /// It could not be found out.
    Unknown {
        /// Why.
        reason: String,
    },
}

/// Looks who listens on a unix socket. No process is started, nothing is sent, and nothing blocks:
/// the kernel knows the answer even while the server is stopped.
#[must_use]
pub fn probe(socket: &Path) -> Probe {
    let unknown = |error: io::Error| Probe::Unknown { reason: error.to_string() };
    match connect(socket) {
        Ok(connection) => match peer(&connection) {
            Ok(Some(pid)) => Probe::Listening { pid },
            Ok(None) => Probe::Unknown { reason: "the listener is in another pid namespace".to_owned() },
            Err(error) => unknown(error),
        },
        Err(error) => match error.kind() {
            io::ErrorKind::NotFound => Probe::Missing,
            io::ErrorKind::ConnectionRefused => Probe::Refused,
            _ => unknown(error),
        },
    }
}

/// A connection that fails at once, rather than wait for room in the listener's queue.
#[cfg(target_os = "linux")]
fn connect(path: &Path) -> io::Result<OwnedFd> {
    use nix::sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr, connect, socket};
    use std::os::fd::AsRawFd;

    let address = UnixAddr::new(path)?;
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let connection = socket(AddressFamily::Unix, SockType::Stream, flags, None)?;
    connect(connection.as_raw_fd(), &address)?;
    Ok(connection)
}

/// A connection: this system refuses it when the listener's queue is full.
#[cfg(not(target_os = "linux"))]
fn connect(path: &Path) -> io::Result<OwnedFd> {
    Ok(std::os::unix::net::UnixStream::connect(path)?.into())
}

/// The process at the other end; None when it has no number here.
fn peer(connection: &impl AsFd) -> io::Result<Option<u32>> {
    #[cfg(target_os = "linux")]
    let pid = getsockopt(connection, nix::sys::socket::sockopt::PeerCredentials)?.pid();
    #[cfg(target_os = "macos")]
    let pid = getsockopt(connection, nix::sys::socket::sockopt::LocalPeerPid)?;
    Ok(u32::try_from(pid).ok().filter(|&pid| pid != 0))
}
