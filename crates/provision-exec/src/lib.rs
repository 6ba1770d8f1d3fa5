//! Runs one command for somebody else: template, limits, outcome.
//!
//! A program often has to start a command that others wrote: a hook, a provider, a helper.
//! Such a command may hang, ignore signals, leave children behind that hold its output, print
//! without end, ask for a password, or not exist. This crate starts it, waits a bounded time and
//! always comes back with an [`Outcome`]: whatever the command does, it is data and never an error.
//!
//! # What it is
//!
//! * [`Template`]: an absolute command with argument templates, as a declaration has them, in which
//!   placeholders such as `{cwd}` are filled in one pass. An argument stays one argument.
//! * [`Run`]: one command with its limits. [`Run::run`] blocks the calling thread until it is over.
//! * [`Cancel`]: a handle by which another thread or a signal handler ends runs before their time.
//! * [`Outcome`]: how it ended, the exit code or signal, the end of both streams, who was left.
//!
//! # What it is not
//!
//! It is no shell, no pipeline, no scheduler and no supervisor: one command, one wait, no retry.
//! It has no async code, starts no thread and installs no signal handler.
//!
//! # Theory of operation
//!
//! The command gets a process group of its own and no controlling terminal, so that it cannot stop to
//! ask a question. Where the caller has a terminal that takes a session of its own (`setsid`), which
//! the standard library can only have by copying the calling process; where the caller has none, a
//! group is enough, and starting is cheaper. Standard input is `/dev/null` unless [`Run::stdin`] says
//! otherwise; the caller's environment is passed on, and [`RUN_VARIABLE`] is added to it.
//!
//! One `poll` loop reads both streams and waits for the *process*, not for end of file: a grandchild
//! that holds the pipes delays nothing. On Linux a pidfd wakes the loop; elsewhere, or on a kernel
//! without one, the loop looks every few milliseconds. In both cases `waitid` with `WNOWAIT` decides,
//! which leaves the ended process as a zombie. Its number, which is also that of the group, thus
//! cannot be used again before the last signal has been sent; only then is it reaped.
//!
//! After the end, what can be read at once is read, for 100 ms at most.
//! Over the time limit, or cancelled, the whole run gets TERM; when the grace is over, or as soon as
//! nobody of it is alive, KILL; and half a second later at most the call returns, even when the kernel
//! holds on to a process.
//!
//! The whole run is the group and, on Linux, also who left it: with a session or group of its own, or
//! as a child of nobody after a double fork. Such a process still has the environment that it was
//! started with, and so [`RUN_VARIABLE`] with this run's value; `/proc` tells. To look is cheap, because
//! process numbers are given in rising order: when the command was the last to get one, there is
//! nobody to look at, else only those with greater numbers, or, when the numbers may have begun again,
//! those that are not older. Signals outside of the group go through a pidfd that was opened before
//! the look, so that they never hit a stranger who was given the number of one who has ended.
//!
//! # Limitations
//!
//! * What is started is a native program or a script that begins with `#!`. Everything else is
//!   [`State::NotExecutable`], also formats that only `binfmt_misc` knows: the C library would hand
//!   such a file to `/bin/sh`, and no shell may run what was not written for it. A native program
//!   for another machine passes this check.
//! * Who leaves the group *and* has another environment is neither ended nor found: it was started with
//!   an empty one or by another run inside this one, which sets its own value; it wrote over its own,
//!   as some servers do for their title; or it runs for another user.
//! * Survivors are never ended after an end in time, but their pipes are closed when the call returns:
//!   one that writes to them later gets `SIGPIPE`.
//! * On a kernel without pidfds (before 5.3) who left the group is reported and not ended.
//! * To read the environment of a process that the kernel has stuck may take until it is unstuck.
//! * The exit code is lost when the calling program ignores `SIGCHLD` or reaps foreign children.
//! * A process that outlives KILL by half a second, because it hangs in the kernel, is not reaped:
//!   it stays in the process table until it ends and the caller does, too.
//!
//! # Elsewhere than on Linux
//!
//! On macOS, and wherever there is no `/proc`, the run is its process group. Known is only whether
//! somebody is in it, which is [`Survivors::Group`]; who left it is neither found nor ended; and after
//! the limit the grace is always waited out. The loop looks for the end every 20 ms at the latest.
//! Everything else is as above. This code has been compiled for macOS and never been run there.
//!
//! # Example
//!
//! ```
//! use std::{ffi::OsStr, time::Duration};
//! use iapeer_provision_exec::{Exit, State, Template};
//!
//! let template = Template::new("/bin/echo", ["--cwd", "{cwd}", "--occasion={occasion}"]);
//! let values = [("cwd", OsStr::new("/tmp/two words")), ("occasion", OsStr::new("birth"))];
//!
//! let outcome = template.fill(&values)?.time_limit(Duration::from_secs(10)).run();
//!
//! assert_eq!(outcome.state, State::Ok);
//! assert_eq!(outcome.exit, Some(Exit::Code(0)));
//! assert_eq!(outcome.stdout.text(), "--cwd /tmp/two words --occasion=birth\n");
//! # Ok::<(), iapeer_provision_exec::FillError>(())
//! ```

mod template;

mod outcome;
mod survivors;
mod tail;

mod cancel;
mod run;

mod family;
mod leftovers;
mod program;
mod system;
mod watch;

/// What must hold whatever bytes are read, for the tests of this repository: no part of what this crate offers.
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;

pub use cancel::Cancel;
pub use family::{RUN_VARIABLE, unique_name};
pub use leftovers::end_leftovers;
pub use outcome::{DETAIL_CHARS, Exit, Outcome, State};
pub use run::{GRACE, KEEP_OUTPUT, Run, TIME_LIMIT};
pub use survivors::{Survivor, Survivors};
pub use tail::Tail;
pub use template::{FillError, Template};
