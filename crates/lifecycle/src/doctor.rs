//! Looking for what is wrong on a host, and for what mends it.
//!
//! A look reads only: it makes no file and no folder, takes no lock and starts one process at most, that
//! which asks tmux for its version. What could not be found out is unknown, and unknown is never well.
//! What may be mended without asking anybody is a [`Mend`], which a finding carries and [`mend`] does.

mod finding;
mod mend;
mod run;
mod sight;
mod table;
mod walk;

mod folders;
mod locks;
mod logs;
mod markers;
mod peers;
mod provider;
mod service;
mod sessions;

pub use finding::{Finding, Verdict};
pub use mend::{Mend, MendError, mend};
pub use run::{Checked, Report, Scope, doctor};
pub use table::Group;
