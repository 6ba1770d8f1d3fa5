//! A witness for the death of a server process.
//!
//! **What it is.** For a daemon that must not die unnoticed: one small detached shell per server that
//! records the server's death whatever its cause ([`Script`]), and what is around it: the files that say
//! who is watched by whom, the record that is written exactly once, and the look afterwards that finishes
//! what a killed witness left undone ([`Canary`]). The server is any process; the identity is any string.
//!
//! **What it is not.** It restarts nothing, decides nothing, and knows nothing of tmux, of peers or of
//! agents. The hook for tmux's `pane-died` ([`ExitHook`]) is text for somebody else to install.
//!
//! # Theory of operation
//!
//! *A process is boot, pid and start time* ([`Incarnation`]). A zombie is dead, and so is a process whose
//! pid another one bears now. What cannot be told is [`Liveness::Unknown`], and unknown is never dead.
//!
//! *The witness waits* on a pipe whose write end only the server holds, on a client of the server, or, if
//! nothing else works, by looking from time to time ([`Wait`]). What the wait returns means nothing by
//! itself: the server's own incarnation decides whether there was a death. No signal to the witness
//! silences one.
//!
//! *A deliberate end is said before the deed*, in an intent file that counts for a while
//! ([`Canary::intend`]), and only of a server that is alive. Then the end is a line in the journal of
//! decisions (`ev=server-stop`), else a record in the journal of deaths (`ev=server-exit`).
//!
//! *Exactly one record.* Whoever creates `<death>.dead` with `O_EXCL` writes the record, be it the
//! witness, a watcher in a program ([`Watcher`], [`Canary::claim`]) or a sweep; the claim holds the line itself, so that
//! a claimer who dies half-way takes nothing with him. Where the folder takes no files, twice is better
//! than never: every record names its death, and readers count a death once ([`Deaths`]).
//!
//! *The lease outlives the witness.* It is written before the witness starts. [`Canary::sweep`] finds the
//! leases whose server and witness are both dead and records those deaths too, as unobserved or as ended
//! by a reboot, so that a witness killed first costs no record.
//!
//! Rust and shell keep the same files in the same order; `src/shell/` is the other half of the protocol.
//!
//! # Limitations
//!
//! All parties must share a pid namespace and a local file system. A state folder that is wiped *and* a
//! killed witness together lose a death. `status` is `unknown` when the zombie was reaped before anybody
//! looked; then, on a lifeline, an orderly end cannot be told from a crash and is called `server-vanished`.
//! An intent is judged by the time of the look, so a sweep that comes after its time is over does not
//! honour it. In shells that put traps off during `read` (yash, bash before 4.4) a `cat` beside the shell
//! reads the lifeline. yash wants a locale that has the characters of the values. The kernel's word on a
//! process that was reaped already (`PIDFD_GET_INFO`) is not asked for: that needs unsafe code. Without
//! `/proc`, start times have the resolution of a second. This crate has never been run on macOS; of its code
//! for systems without `/proc` only what runs on Linux too has been tried.
//!
//! # Example
//!
//! The script alone, with a plain process as the server:
//!
//! ```
//! use std::process::Command;
//! use iapeer_canary::{Canary, Cause, Death, Incarnation, Places, Script, Subject, Wait};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let folder = tempfile::tempdir()?;
//! let root = camino::Utf8Path::from_path(folder.path()).ok_or("a UTF-8 path")?;
//! let places = Places {
//!     state: root.join("state"),
//!     forensics: root.join("server-deaths"),
//!     exits_log: root.join("exits.log"),
//!     lifecycle_log: root.join("lifecycle.log"),
//! };
//!
//! // The server holds the write end of the lifeline, here as its standard output.
//! let (read_end, write_end) = std::io::pipe()?;
//! let mut server = Command::new("sleep").arg("600").stdout(write_end).spawn()?;
//! let incarnation = Incarnation::of(server.id())?.ok_or("it lives")?;
//!
//! let script = Script::new(Subject::new("sleeper", incarnation), places.clone(), Wait::Lifeline).render()?;
//! std::fs::write(root.join("witness.sh"), script)?;
//! let mut witness = Command::new("/bin/sh").arg(root.join("witness.sh")).stdin(read_end).spawn()?;
//!
//! server.kill()?;
//! witness.wait()?;
//! let deaths = Canary::new(places).deaths()?;
//! let Death::Server(death) = &deaths.records[0].what else { return Err("a server died".into()) };
//! assert_eq!(deaths.records[0].identity, "sleeper");
//! assert!(matches!(death.cause, Cause::ServerVanished | Cause::DiedBeforeArm));
//! # server.wait()?;
//! # Ok(())
//! # }
//! ```

#![forbid(unsafe_code)]

// Who: a process, the machine it is on, and what we call it.
mod process;

mod stat;

mod host;

mod names;

// The witness as text.
mod oom;

mod script;

// The files.
mod lease;

mod intent;

mod record;

mod claim;

// What a program does with them.
mod canary;

mod arm;

mod deliberate;

mod settle;

mod session;

mod sweep;

mod forensics;

mod watch;

/// What must hold whatever bytes are read, for the tests of this repository: no part of what this crate offers.
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;

pub use arm::{ArmError, Armed, Arming, Watch};
pub use canary::{Canary, CanaryError, CanaryState, CanaryStatus};
pub use deliberate::{Intended, IntentGuard};
pub use host::{Host, HostError, ThisHost};
pub use names::{Places, Subject};
pub use oom::{Oom, OomBaseline};
pub use process::{
    BadWord, BootId, Delivery, ExitWord, Incarnation, Liveness, ProcessState, SendError, StartTime, observe,
    send,
};
pub use record::{Cause, Death, DeathRecord, Deaths, ServerExit, SessionExit};
pub use rustix::process::Signal;
pub use script::{ExitHook, Script, ScriptError, Wait};
pub use session::{SessionEnd, SessionRecord};
pub use settle::{Claimed, Finding};
pub use stat::ProcessStat;
pub use sweep::{Sweep, Swept};
pub use watch::{Seen, WatchError, Watcher};
