//! Proving on this very machine that deaths are recorded.
//!
//! In a temporary root, sessions with a harmless program are started and ended in each [way](TRIALS), one
//! after the other, and what is on record afterwards is held against what was promised. Nothing of the user's
//! is read or touched, and every process that is signalled is one that the trial itself has noted, by pid and
//! start time.

mod judge;
mod place;
mod play;
mod stage;
mod trials;

use std::time::Duration;

use camino::Utf8PathBuf;
use iapeer_provision_exec::Cancel;
use iapeer_statefile::WriteError;
use iapeer_tmux::{Tmux, TmuxError, Version};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::host::{Host, Warning};
use crate::settings::Settings;

pub use judge::{Seen, SeenDeath};
use place::Place;
use trials::{TRIALS, Trial};

/// What a selftest shall do.
#[derive(Debug, Clone)]
pub struct Selftest {
    /// The names of the ways to try, see [`selftest_ways`]; none means all.
    pub ways: Vec<String>,
    /// Where the temporary root is made when that is short enough for the sockets; else it is `/tmp`.
    pub temporary: Option<Utf8PathBuf>,
    /// How long a record may take.
    pub limit: Duration,
    /// Whether the root stays.
    pub afterwards: Afterwards,
    /// Ends it early.
    pub cancel: Cancel,
}

/// What becomes of the temporary root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Afterwards {
    /// It is removed.
    Remove,
    /// It stays, for a look at its logs. Nothing runs there any more.
    Keep,
}

/// What a selftest found.
#[derive(Debug, Clone)]
pub struct Selftested {
    /// The temporary root.
    pub root: Utf8PathBuf,
    /// The tmux that was tried.
    pub tmux: Version,
    /// One for each way that was tried.
    pub tried: Vec<Tried>,
    /// Ways that were not tried, or not to their end, because it was cancelled.
    pub not_tried: Vec<&'static str>,
    /// What the user should know.
    pub warnings: Vec<Warning>,
}

/// One way to end a session, and what was seen of it.
#[derive(Debug, Clone)]
pub struct Tried {
    /// The name of the way.
    pub way: &'static str,
    /// What was promised, in a few words.
    pub expected: String,
    /// What there was.
    pub seen: Seen,
    /// What is not as promised; empty when all is.
    pub problems: Vec<String>,
}

/// Why there was no selftest.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SelftestError {
    /// There is no tmux to be tried.
    #[error(transparent)]
    Tmux(#[from] TmuxError),
    /// The temporary root could not be made.
    #[error(transparent)]
    Write(#[from] WriteError),
}

impl Selftested {
    /// Whether everything was tried, and is as promised.
    pub fn is_as_promised(&self) -> bool {
        self.not_tried.is_empty() && self.tried.iter().all(|tried| tried.problems.is_empty())
    }
}

/// The names of the ways to end a session that can be tried, in their order.
pub fn selftest_ways() -> impl Iterator<Item = &'static str> {
    TRIALS.iter().map(|trial| trial.name)
}

/// Tries the ways to end a session, and says of each what came of it as soon as that is known. Of `settings`
/// only the search path is used.
///
/// # Errors
///
/// [`SelftestError`] when nothing could be tried. A way that goes wrong is no error but a [`Tried`].
pub fn selftest(
    plan: &Selftest,
    settings: &Settings,
    told: &mut dyn FnMut(&Tried),
) -> Result<Selftested, SelftestError> {
    let tmux = Tmux::find(&settings.path)?.version().clone();
    let place = Place::make(plan.temporary.as_deref())?;
    let host = Host::new(place.settings(settings));
    let mut selftested = Selftested {
        root: place.root().to_owned(),
        tmux,
        tried: Vec::new(),
        not_tried: Vec::new(),
        warnings: Vec::new(),
    };
    let begun = place.declare_runtime(&host);
    if begun.is_ok() {
        let _no_core_dumps = NoCoreDumps::begin();
        let chosen = |trial: &&Trial| plan.ways.is_empty() || plan.ways.iter().any(|way| way == trial.name);
        for trial in TRIALS.iter().filter(chosen) {
            match play::play(&host, plan, trial, &mut selftested.warnings) {
                Some(tried) => {
                    told(&tried);
                    selftested.tried.push(tried);
                }
                None => selftested.not_tried.push(trial.name),
            }
        }
    }
    if (plan.afterwards == Afterwards::Remove || begun.is_err())
        && let Err(e) = place.remove()
    {
        let warning = Warning::of("the temporary root was not removed", &e);
        selftested.warnings.push(warning.hint(format!("rm -r {}", place.root())));
    }
    begun?;
    Ok(selftested)
}

/// As long as it is there, what is started leaves no dump of its memory when it crashes: some servers are
/// made to, and the dumps would be left in a folder that is not ours.
struct NoCoreDumps {
    before: Rlimit,
}

impl NoCoreDumps {
    fn begin() -> NoCoreDumps {
        let before = getrlimit(Resource::Core);
        set_core_limit(Rlimit { current: Some(0), ..before });
        NoCoreDumps { before }
    }
}

impl Drop for NoCoreDumps {
    fn drop(&mut self) {
        set_core_limit(self.before);
    }
}

fn set_core_limit(limit: Rlimit) {
    // A process may always set its limit to something below the maximum, which stays.
    let _ = setrlimit(Resource::Core, limit);
}
