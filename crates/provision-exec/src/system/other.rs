//! Systems without `/proc` and without descriptors for processes.

use std::os::fd::{BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::process::{Pid, Signal};

use super::Stat;

/// Not known on this system.
pub(crate) fn processes_since(_leader: Pid, _age: Duration) -> Option<Vec<Pid>> {
    None
}

/// Not known on this system.
pub(crate) fn stat(_pid: Pid) -> Option<Stat> {
    None
}

/// Not known on this system.
pub(crate) fn carries(_pid: Pid, _entry: &[u8]) -> bool {
    false
}

/// No such descriptor on this system.
pub(crate) fn hold(_pid: Pid) -> Option<OwnedFd> {
    None
}

/// Never called, for [`hold`] gives nothing to call it with.
pub(crate) fn held_signal(_process: BorrowedFd<'_>, _signal: Signal) {}

/// Not known on this system.
pub(crate) fn carriers(_entry: &[u8]) -> Vec<Pid> {
    Vec::new()
}
