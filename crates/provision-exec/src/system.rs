//! What the system tells about processes. Elsewhere than on Linux that is nothing, so everything here
//! may be unknown and nothing may be needed.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(all(target_os = "linux", feature = "fuzzing"))]
pub(crate) use linux::parse_stat;
#[cfg(target_os = "linux")]
pub(crate) use linux::{carriers, carries, held_signal, hold, processes_since, stat};

#[cfg(not(target_os = "linux"))]
mod other;
#[cfg(not(target_os = "linux"))]
pub(crate) use other::{carriers, carries, held_signal, hold, processes_since, stat};

/// What is known about a process.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Stat {
    /// Its command name.
    pub(crate) name: String,
    /// Whether it runs or could: it is no zombie.
    pub(crate) alive: bool,
    /// The number of its process group.
    pub(crate) group: i32,
    /// The number of its session.
    pub(crate) session: i32,
    /// When it was started, in clock ticks since the boot.
    pub(crate) started: u64,
}
