//! How a peer gets another name, wholly or not at all.
//!
//! *Before.* Nothing of the peer may be live. The wake locks of all its identities, old and new, are taken
//! first, then the locks of the provider's commands, then that of the registry, as everywhere. Every guard
//! is asked before anything is changed. What a session that died left open is brought on record under the
//! old name, and the witnesses' files, which say nothing any more, are removed as by a removal.
//!
//! *The record.* What will be done is written down as a list of steps in `state/rename.json`, before the
//! first of them and under the registry's lock. The record itself is the point of no return: as long as it
//! stands, the way is forward, and [`finish_rename`] goes it. Each step can be done twice: a file that was
//! moved is where it belongs, a name that was written stands there. So no step has to be noted as done, and
//! it does not matter where an earlier run was cut off, nor how often. The record goes after the last step.
//!
//! *An error is no crash.* When a step fails, its process knows what it has done, takes that back, the last
//! first, and then removes the record: nothing was changed. When that fails, too, the record stays, and
//! with it the way forward.
//!
//! *Meanwhile.* As long as the record stands, every change of the registry is refused, and so is every
//! launch and stop of this peer ([`Unfinished`]), since its facts may stand under either name.
//!
//! *After.* The provider's command is owed for the new name before the record goes, and run when all locks
//! are free. `exits.log` and `lifecycle.log` are history, and keep the old name; a line `ev=rename` in the
//! latter joins the two.

mod plan;
mod steps;

#[cfg(test)]
mod tests;

use camino::Utf8PathBuf;
use iapeer_canary::CanaryError;
use iapeer_registry::{Identity, Personality, RuntimeName};
use iapeer_statefile::{Line, Lock, LockError, ReadError, StateFault, Wait, WriteError, ensure_dir};

use crate::attend::{AttendError, attend};
use crate::birth::{keep_generation, keep_profile};
use crate::deaths::sweep;
use crate::facts::{FactError, Facts};
use crate::find::FindError;
use crate::host::{Host, Warning, now};
use crate::native_memory::trust_folder;
use crate::observe::{Status, observe};
use crate::occasion::{Occasion, Provisioned};
use crate::owed::{Owed, OwedError};
use crate::provision::{Caller, begin, due};
use crate::remove::purge_facts;
use crate::removed::{Stage, remember_removal};
use crate::sweep::provider;
use crate::transcripts::{claude_folder, real};
use crate::unfinished::{Record, Step, Unfinished, none_unfinished};

pub use steps::StepError;

use plan::plan;
use steps::{Reversal, perform, take_back};

/// A rename.
#[derive(Debug, Clone)]
pub struct Renamed {
    /// The name that was.
    pub from: Personality,
    /// The name that is.
    pub to: Personality,
    /// The folder before.
    pub old_cwd: Utf8PathBuf,
    /// The folder now.
    pub cwd: Utf8PathBuf,
    /// Why the folder stays, where it does.
    pub stays: Option<String>,
    /// Where Claude's transcripts are now, where there are any that moved.
    pub transcripts: Option<Utf8PathBuf>,
    /// What the provider's commands did.
    pub outcomes: Vec<Provisioned>,
    /// What the user should know.
    pub warnings: Vec<Warning>,
}

/// Why a peer was not renamed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RenameError {
    /// There is no such peer, or it is being renamed.
    #[error(transparent)]
    Peer(#[from] FindError),
    /// It, or something under the new name, is live.
    #[error("{identity} is live (server pid {server_pid})")]
    Live {
        /// In which runtime.
        identity: Identity,
        /// Its server.
        server_pid: u32,
    },
    /// Whether it is live could not be told.
    #[error("whether {identity} is live cannot be told: {reason}")]
    Unknown {
        /// In which runtime.
        identity: Identity,
        /// Why not.
        reason: String,
    },
    /// Another peer has the name.
    #[error("the name {personality} belongs to the peer in {cwd}")]
    Taken {
        /// The name.
        personality: Personality,
        /// The folder of the peer that has it.
        cwd: Utf8PathBuf,
    },
    /// The peer was changed while we waited.
    #[error("{personality} was changed by somebody else meanwhile")]
    Changed {
        /// The peer.
        personality: Personality,
    },
    /// It has no profile in which the name could be changed.
    #[error("the profile of {personality} in {cwd} is missing")]
    NoProfile {
        /// The peer.
        personality: Personality,
        /// Its folder.
        cwd: Utf8PathBuf,
    },
    /// Its profile is that of another peer.
    #[error("{path} says that the peer in this folder is {found}, not {wanted}")]
    OtherProfile {
        /// The profile.
        path: Utf8PathBuf,
        /// The name in it.
        found: Personality,
        /// The name in the index.
        wanted: Personality,
    },
    /// Something stands where the folder, or the transcripts, would go.
    #[error("{path} exists already")]
    InTheWay {
        /// What stands there.
        path: Utf8PathBuf,
    },
    /// A path cannot be looked at.
    #[error("cannot look at {path}")]
    Look {
        /// The path.
        path: Utf8PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// A step failed, and everything is as it was.
    #[error("the rename failed, and everything is as it was")]
    TakenBack(#[source] Box<StepError>),
    /// A step failed, and what was done could not be taken back: the record stays.
    #[error("the rename failed half-way ({undo}), and {record} keeps what is left to do")]
    Stuck {
        /// The record.
        record: Utf8PathBuf,
        /// Why what was done could not be taken back.
        undo: String,
        /// The step that failed.
        #[source]
        source: Box<StepError>,
    },
    /// A rename that was cut off cannot be finished: the record stays.
    #[error(
        "the rename of {from} to {to} was cut off and cannot be finished, and {record} keeps what is left to do"
    )]
    Unfinishable {
        /// The name that was.
        from: Personality,
        /// The name that will be.
        to: Personality,
        /// The record.
        record: Utf8PathBuf,
        /// The step that failed.
        #[source]
        source: Box<StepError>,
    },
    /// An earlier rename is not finished.
    #[error(transparent)]
    Unfinished(#[from] Unfinished),
    /// The index or the profile cannot be used.
    #[error(transparent)]
    State(#[from] StateFault),
    /// Somebody else is at it.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// A fact cannot be used.
    #[error(transparent)]
    Fact(#[from] FactError),
    /// What is owed to the provider cannot be used.
    #[error(transparent)]
    Owed(#[from] OwedError),
    /// What a session left open cannot be brought on record.
    #[error(transparent)]
    Attend(#[from] AttendError),
    /// The witnesses' files cannot be removed.
    #[error(transparent)]
    Canary(#[from] CanaryError),
    /// A file cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The record could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// Gives a peer another name. With the same name there is nothing to do: `None`.
///
/// The folder is renamed when its name is that of the peer; else only the name changes.
///
/// # Errors
///
/// [`RenameError`]; nothing was changed then, but for [`RenameError::Stuck`].
pub fn rename(host: &Host, from: &Personality, to: &Personality) -> Result<Option<Renamed>, RenameError> {
    let peer = host.peer(from)?;
    if from == to {
        return Ok(None);
    }
    let mut warnings = Vec::new();
    let (held, record) = begin_rename(host, from, to, peer.facts.runtimes(), &mut warnings)?;
    go(host, &record, |step, undo| perform(host, &held.registry, &record, step, undo))?;
    Ok(Some(complete(host, held, record, warnings)))
}

/// Finishes a rename that was cut off; `None` where there is none.
///
/// # Errors
///
/// [`RenameError`]; the record stays, and this can be tried again.
pub fn finish_rename(host: &Host) -> Result<Option<Renamed>, RenameError> {
    let Some(seen) = Record::load(host)? else { return Ok(None) };
    let wakes = lock_wakes(host, &seen.from, &seen.to, &seen.runtimes)?;
    for identity in identities(&seen.from, &seen.to, &seen.runtimes) {
        refuse_live(host, &identity)?;
    }
    let held = Held::new(host, wakes, &seen.from, &seen.to)?;
    // Whoever was at it may have come to the end while we waited, and somebody else may have begun.
    let Some(record) = Record::load(host)? else { return Ok(None) };
    if record != seen {
        return Err(RenameError::Changed { personality: record.from });
    }
    for step in &record.steps {
        perform(host, &held.registry, &record, step, &mut Vec::new()).map_err(|source| {
            let (from, to) = (record.from.clone(), record.to.clone());
            RenameError::Unfinishable {
                from,
                to,
                record: host.layout().rename_record(),
                source: Box::new(source),
            }
        })?;
    }
    Ok(Some(complete(host, held, record, Vec::new())))
}

/// The locks of a rename, in the order in which they are taken.
struct Held {
    registry: Lock,
    _provider: [Lock; 2],
    _wakes: Vec<Lock>,
}

impl Held {
    fn new(host: &Host, wakes: Vec<Lock>, from: &Personality, to: &Personality) -> Result<Held, RenameError> {
        ensure_dir(&host.layout().owed())?;
        // A provider's command must not lose its folder while it runs.
        let provider = |personality| {
            let path = host.layout().provision_lock(personality);
            Lock::acquire(&path, Wait::default(), &host.settings().caller)
        };
        let provider = [provider(from.min(to))?, provider(from.max(to))?];
        let registry = host.registry().lock(&host.settings().caller)?;
        Ok(Held { registry, _provider: provider, _wakes: wakes })
    }
}

/// Asks every guard, clears the way, and writes the record.
fn begin_rename(
    host: &Host,
    from: &Personality,
    to: &Personality,
    runtimes: &[RuntimeName],
    warnings: &mut Vec<Warning>,
) -> Result<(Held, Record), RenameError> {
    none_unfinished(host)?;
    let mut runtimes = runtimes.to_vec();
    runtimes.extend(plan::runtimes_with_facts(host, &[from, to])?);
    runtimes.sort();
    runtimes.dedup();
    let wakes = lock_wakes(host, from, to, &runtimes)?;
    let canary = host.canary();
    for identity in identities(from, to, &runtimes) {
        refuse_live(host, &identity)?;
        let facts = Facts::of(host.layout(), &identity);
        if identity.personality() == from
            && let Some(session) = facts.session()?
        {
            sweep(&canary, warnings);
            attend(host, &canary, &identity, &session, warnings)?;
            refuse_live(host, &identity)?;
            if facts.session()?.is_some() {
                let reason = "its last session has ended, but is still written down".to_owned();
                return Err(RenameError::Unknown { identity, reason });
            }
        }
    }
    let held = Held::new(host, wakes, from, to)?;
    none_unfinished(host)?;
    let record = plan(host, &held.registry, from, to, runtimes)?;
    // Where nobody was ever watched there is nothing to remove, and no folder is made for it.
    let watched = !matches!(canary.places().state.try_exists(), Ok(false));
    for identity in identities(from, to, &record.runtimes) {
        if watched {
            canary.purge(&identity.to_string())?;
        }
        if identity.personality() == to {
            // What a namesake that was removed has left must not become this peer's.
            purge_facts(host, &identity, |file| !file.ends_with(".wake.lock"))?;
        }
    }
    if let Err(e) = record.save(host) {
        // It may stand there all the same, when only its folder could not be synced.
        return Err(match Record::remove(host) {
            Ok(()) => e.into(),
            Err(undo) => stuck(host, &undo, e.into()),
        });
    }
    Ok((held, record))
}

/// Does all steps, or takes back those that were done.
fn go(
    host: &Host,
    record: &Record,
    mut perform: impl FnMut(&Step, &mut Vec<Reversal>) -> Result<(), StepError>,
) -> Result<(), RenameError> {
    let mut undo = Vec::new();
    for step in &record.steps {
        if let Err(source) = perform(step, &mut undo) {
            let back = take_back(undo).and_then(|()| Ok(Record::remove(host)?));
            keep_index(host);
            return Err(match back {
                Ok(()) => RenameError::TakenBack(Box::new(source)),
                Err(undo) => stuck(host, &undo, source),
            });
        }
    }
    Ok(())
}

/// Keeps a generation of the index as it is again, so that the newest one is not of a rename that never was.
fn keep_index(host: &Host) {
    let document = host.registry().document();
    if let Some(Err(reason)) = document.backups().map(|backups| keep_generation(backups, document.path())) {
        host.aside(Warning::new(format!("the registry is not backed up: {reason}")));
    }
}

fn stuck(host: &Host, undo: &dyn std::error::Error, source: StepError) -> RenameError {
    let undo = crate::host::with_causes(undo);
    RenameError::Stuck { record: host.layout().rename_record(), undo, source: Box::new(source) }
}

/// What follows the last step: the provider, the log, the end of the record.
fn complete(host: &Host, held: Held, record: Record, mut warnings: Vec<Warning>) -> Renamed {
    let occupied = provider(host, Occasion::SweepOn, &mut warnings);
    let peer = match host.registry().read() {
        Ok((index, _)) => index.find(&record.to).cloned(),
        Err(e) => {
            warnings.push(Warning::of("the provider was not called", &e));
            None
        }
    };
    let (mut owed, mut outcomes) = (Vec::new(), Vec::new());
    if let (Some(_), Some(peer)) = (&occupied, &peer) {
        match due(host, peer, None, Occasion::SweepOn, &mut warnings) {
            // Owed before the record goes, so that a crash in between does not lose it.
            Ok(due) => owed = due,
            Err(skipped) => outcomes.push(skipped),
        }
        begin(host, &mut owed, &mut warnings);
    }
    if let Some(peer) = &peer {
        keep_profile(host, peer, &mut warnings);
    }
    if let Err(e) = remember_removal(host.layout(), &record.from, &record.cwd, Stage::Purged, now()) {
        let message = "the old name would come back with an index that is restored";
        warnings.push(Warning::of(message, &e));
    }
    log_once(host, &record, &mut warnings);
    if let Err(e) = Record::remove(host) {
        // Every step is done; doing them again changes nothing.
        warnings.push(Warning::of("the record of the rename is left", &e));
    }
    // A provider may take its time; nobody else shall wait for it.
    drop(held);
    if record.cwd != record.new_cwd && occupied.is_some() {
        for runtime in owed.iter().map(|owed: &Owed| &owed.runtime) {
            if let Err(e) = trust_folder(host, &record.new_cwd, runtime) {
                let message = "the runtime may ask whether it can trust the folder";
                warnings.push(Warning::of(message, &e).hint(e.hint()));
            }
        }
    }
    if let Some(occupied) = &occupied {
        outcomes.extend(Caller::new(host, occupied, None).pay(owed, &mut warnings));
    }
    for outcome in outcomes.iter().filter(|o| !o.is_ok()) {
        let runtime = outcome.runtime.as_ref().map_or_else(String::new, |r| format!(" in {r}"));
        let message = format!("the peer is renamed, but its memory{runtime} is not: {outcome}");
        warnings.push(Warning::new(message).hint(format!("iapeer memory-plugin on --peer {}", record.to)));
    }
    let transcripts = transcripts_moved(host, &record);
    let Record { from, to, cwd, new_cwd, stays, .. } = record;
    Renamed { from, to, old_cwd: cwd, cwd: new_cwd, stays, transcripts, outcomes, warnings }
}

/// Writes the rename down, unless a run that was cut off has done so.
fn log_once(host: &Host, record: &Record, warnings: &mut Vec<Warning>) {
    let (from, to) = (record.from.as_str(), record.to.as_str());
    let is_it = |entry: &iapeer_statefile::Entry| {
        entry.event() == "rename"
            && (entry.get("from"), entry.get("to")) == (Some(from), Some(to))
            && entry.ts() >= record.since.as_str()
    };
    if host.lifecycle_log().find_last(is_it).is_ok_and(|found| found.is_some()) {
        return;
    }
    let line = Line::new(now(), "rename")
        .field("from", from)
        .field("to", to)
        .field("cwd", &record.new_cwd)
        .field("by", &host.settings().caller);
    host.log(&line, warnings);
}

/// The identities of both names, in the order in which they are locked.
fn identities(from: &Personality, to: &Personality, runtimes: &[RuntimeName]) -> Vec<Identity> {
    let of = |name: &Personality| -> Vec<_> {
        runtimes.iter().map(|runtime| Identity::new(runtime.clone(), name.clone())).collect()
    };
    let mut all = [of(from), of(to)].concat();
    all.sort();
    all
}

fn lock_wakes(
    host: &Host,
    from: &Personality,
    to: &Personality,
    runtimes: &[RuntimeName],
) -> Result<Vec<Lock>, LockError> {
    identities(from, to, runtimes).iter().map(|identity| host.lock_wake(identity)).collect()
}

fn refuse_live(host: &Host, identity: &Identity) -> Result<(), RenameError> {
    match observe(host, identity).status {
        Status::Asleep | Status::Stopped => Ok(()),
        Status::Live { server_pid } => Err(RenameError::Live { identity: identity.clone(), server_pid }),
        Status::Unknown(reason) => Err(RenameError::Unknown { identity: identity.clone(), reason }),
    }
}

/// Where Claude's transcripts went, where they did.
fn transcripts_moved(host: &Host, record: &Record) -> Option<Utf8PathBuf> {
    let place = claude_folder(host, &real(&record.new_cwd))?;
    let moved = |step: &Step| matches!(step, Step::Move { to, .. } if *to == place);
    record.steps.iter().any(moved).then_some(place)
}
