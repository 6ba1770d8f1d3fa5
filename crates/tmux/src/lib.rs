//! The only tmux code: typed commands with deadlines and exact targets.
//!
//! # What it is
//!
//! * [`Tmux`]: the program, found once as an absolute path, with its version.
//! * [`probe`]: who listens on a socket, without starting a process and without a word to the server.
//! * [`Server`]: one server on its own socket; started empty, so that a witness can be armed before
//!   any program runs in it.
//! * [`Session`]: one session, always named exactly; created from a [`SessionSpec`] in one call.
//!
//! # What it is not
//!
//! No general tmux library: it has what is needed to create, watch, drive and end one session on one
//! server. It decides nothing, writes no file and knows neither agents nor registries.
//!
//! # Theory of operation
//!
//! Every command is one run of the tmux client through `iapeer-provision-exec` with a deadline, as
//! a stopped server lets its clients wait for ever. The user's configuration is not read
//! (`-f /dev/null`), `TMUX` and `TMUX_PANE` are taken out of the environment, targets are `=name:`,
//! since plain names match by prefix, and a pane is named by session and pane id together.
//!
//! No value is ever part of something that tmux or a shell evaluates. Measured with tmux 3.3a: the
//! values of `set-option` (without `-F`) and of `new-session -e` are not expanded; `new-session -c`,
//! the arguments of `run-shell` and of `pipe-pane`, and hooks are. So values travel as user options
//! and are used as `#{q:@option}` in constant texts, the folder travels as the client's own and
//! through `cd` in the pane, and a program's argv is handed to a constant `sh` line as `"$@"`: a
//! single argument would be run as a shell line by tmux. An argument that ends in `;` ends a command
//! for tmux even inside argv; it is escaped.
//!
//! A session, its options, its hook and its log are set up by one client call. The server works it
//! off before it looks at any event, so that not even a program that ends at once slips through.
//!
//! # Limitations
//!
//! * tmux 3.2 or later. All arguments of one call together may have about 16 000 bytes; tmux refuses
//!   longer ones with `command too long`.
//! * tmux before 3.6, built with libutempter as on Debian, sometimes loses the death of a pane's
//!   program: [`Pane::dead`] is then set without status and signal and no hook runs, until SIGCHLD
//!   is sent to the server. With it, 3.3a also loses what a program prints in its very last moment,
//!   in about 3 of 100 cases, on the screen as well as in the log.
//! * The socket file is evidence of nothing: tmux 3.3a leaves it behind when it ends, in whatever
//!   way, and cleaners of temporary folders remove it from under a live server.
//! * On tmux 3.2 a hook may run under the user's shell instead of `sh`.
//! * The code for macOS has never been run.
//!
//! # Example
//!
//! ```no_run
//! use std::ffi::OsStr;
//! use iapeer_tmux::{SessionSpec, Tmux};
//!
//! let tmux = Tmux::find(OsStr::new("/usr/local/bin:/usr/bin"))?;
//! let server = tmux.server("/home/me/.iapeer/socks/tmux-iap-shell-bob.sock")?;
//! server.start(None, &[])?;
//! let session = server.session("shell-bob")?;
//! let created = session.create(&SessionSpec::new("/home/me/bob", ["/bin/sh"]))?;
//! let screen = session.capture(&session.pane()?, 0)?;
//! println!("pid {} shows:\n{screen}", created.pane_pid);
//! # Ok::<(), iapeer_tmux::TmuxError>(())
//! ```

mod error;
mod version;

mod program;

mod probe;
mod server;

mod session;
mod spec;

mod client;

/// What must hold whatever bytes are read, for the tests of this repository: no part of what this crate offers.
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;

pub use error::TmuxError;
pub use probe::{Probe, probe};
pub use program::Tmux;
pub use server::{DEADLINE, SOCKET_LIMIT, Server};
pub use session::{NewSession, Pane, Session};
pub use spec::SessionSpec;
pub use version::Version;
