//! How a peer comes to be: profile, index entry, and the provider's command for each agent runtime.

use std::io;

use camino::{Utf8Path, Utf8PathBuf};
use iapeer_canary::CanaryError;
use iapeer_registry::{
    Conflict, DESCRIPTION_MAX, Facts, Index, IndexFormat, Intelligence, NameError, Peer, Personality,
    Profile, RuntimeName, profile_document, profile_path,
};
use iapeer_statefile::{
    Backups, CommitError, Edit, Lock, LockError, StateFault, WriteError, ensure_dir, read_file,
};

use crate::host::{Host, Warning, now, with_causes};
use crate::native_memory::{Switch, trust_folder, turn_native_memory};
use crate::observe::{Status, identities, observe};
use crate::occasion::{Occasion, Provisioned};
use crate::provision::{Caller, begin, due};
use crate::recovery::edit_index;
use crate::remove::purge;
use crate::removed::{Stage, forget_removal, purges_owed, remember_removal};
use crate::runtime::{Class, Runtime, RuntimeError};
use crate::sweep::provider;
use crate::undo::{Undo, UndoError, commit};
use crate::unfinished::{Unfinished, none_unfinished};

/// What a new peer shall be.
#[derive(Debug, Clone, Default)]
pub struct Wish {
    /// Its name; derived from the folder's name when absent.
    pub personality: Option<Personality>,
    /// Its folder; `peers/<name>` under the root when absent.
    pub folder: Option<Utf8PathBuf>,
    /// A runtime; the first installed agent when absent.
    pub runtime: Option<RuntimeName>,
    /// What it is for; empty says nothing.
    pub description: String,
    /// What it is; that of its runtime when absent.
    pub intelligence: Option<Intelligence>,
}

/// Whether the folder and the peer may be there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Birth {
    /// `create`: the peer is new, and its folder is made where it is missing.
    New,
    /// `init`: the folder is there, and may be a peer's already.
    InFolder,
}

/// A birth.
#[derive(Debug, Clone)]
pub struct Born {
    /// The peer.
    pub peer: Peer,
    /// Whether it, or a runtime of it, is new; else nothing was done.
    pub news: bool,
    /// What the provider's commands did.
    pub outcomes: Vec<Provisioned>,
    /// What the user should know.
    pub warnings: Vec<Warning>,
}

/// Why there was no birth. Nothing of it is left behind.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BirthError {
    /// No name can be made of the folder's.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The runtime cannot be used.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    /// The folder is not there.
    #[error("the folder {folder} does not exist")]
    NoFolder {
        /// The folder.
        folder: Utf8PathBuf,
    },
    /// The folder's path cannot be used.
    #[error("the folder {folder} cannot be used")]
    Folder {
        /// The folder.
        folder: Utf8PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The name is the one of a peer that is there.
    #[error("the peer {personality} exists already, in {cwd}")]
    Exists {
        /// The name.
        personality: Personality,
        /// Its folder.
        cwd: Utf8PathBuf,
    },
    /// The folder has a profile with another name.
    #[error("{path} says that the peer in this folder is {found}, not {wanted}")]
    OtherProfile {
        /// The profile.
        path: Utf8PathBuf,
        /// The name in it.
        found: Personality,
        /// The name that was wanted.
        wanted: Personality,
    },
    /// The name or the folder belongs to somebody else.
    #[error(transparent)]
    Conflict(#[from] Conflict),
    /// The description is too long.
    #[error("the description has {chars} characters, and at most {DESCRIPTION_MAX} fit")]
    DescriptionTooLong {
        /// How many it has.
        chars: usize,
    },
    /// The index or a profile cannot be used.
    #[error(transparent)]
    State(#[from] StateFault),
    /// The registry is locked.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// A rename is not finished.
    #[error(transparent)]
    Unfinished(#[from] Unfinished),
    /// Something could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The index or the profile could not be written.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// What a removed namesake left cannot be removed.
    #[error(transparent)]
    Left(#[from] CanaryError),
    /// What is there could not be kept for an undo.
    #[error(transparent)]
    Undo(#[from] UndoError),
}

/// Brings a peer into being.
///
/// # Errors
///
/// [`BirthError`]; what was made on the way is taken back. What the provider does is no error: the
/// birth stands, with a warning.
pub fn birth(host: &Host, wish: Wish, how: Birth) -> Result<Born, BirthError> {
    let chars = wish.description.chars().count();
    if chars > DESCRIPTION_MAX {
        return Err(BirthError::DescriptionTooLong { chars });
    }
    if let Some(runtime) = &wish.runtime {
        let runtime = Runtime::find(runtime, host.layout())?;
        if runtime.class == Class::Agent {
            runtime.program(host.settings())?;
        }
    }
    ensure_dir(host.layout().root())?;
    let lock = host.registry().lock(&host.settings().caller)?;
    none_unfinished(host)?;
    let mut undo = Undo::default();
    let edit = edit_index(host, &lock)?;
    let index = edit.value().cloned().unwrap_or_default();
    let (peer, new_runtimes) = match register(host, &lock, &wish, how, index.clone(), &mut undo) {
        Ok(Registered::Changed { index, peer, new_runtimes }) => {
            if let Err(e) = enter(host, edit, &index, &peer, &new_runtimes, &mut undo) {
                undo.run();
                return Err(e);
            }
            (peer, new_runtimes)
        }
        Ok(Registered::Unchanged { peer }) => {
            undo.forget();
            return Ok(Born { peer, news: false, outcomes: Vec::new(), warnings: Vec::new() });
        }
        Err(e) => {
            undo.run();
            return Err(e);
        }
    };
    undo.forget();
    let mut warnings = Vec::new();
    keep_profile(host, &peer, &mut warnings);
    // A provider may take its time; nobody else shall wait for it.
    drop(lock);

    let outcomes = give_memory(host, &peer, &new_runtimes, &mut warnings);
    for outcome in outcomes.iter().filter(|o| !o.is_ok()) {
        let runtime = outcome.runtime.as_ref().map_or_else(String::new, |r| format!(" in {r}"));
        let message = format!("the peer is born, but has no memory{runtime}: {outcome}");
        warnings.push(
            Warning::new(message).hint(format!("iapeer memory-plugin on --peer {}", outcome.personality)),
        );
    }
    Ok(Born { peer, news: true, outcomes, warnings })
}

/// Puts the peer into the index, with nothing left of namesakes that were removed.
fn enter(
    host: &Host,
    edit: Edit<'_, IndexFormat>,
    index: &Index,
    peer: &Peer,
    new_runtimes: &[RuntimeName],
    undo: &mut Undo,
) -> Result<(), BirthError> {
    finish_removals(host, peer, new_runtimes)?;
    // Before the peer is in the index: a mark beside a peer that is there would cost it its life.
    forget_removal(host.layout(), &peer.facts.personality, &peer.cwd, undo)?;
    Ok(commit(host, host.registry().document(), edit, index)?)
}

/// Finishes the removals of namesakes that were cut off, so that a new peer does not begin with their past.
fn finish_removals(host: &Host, peer: &Peer, new: &[RuntimeName]) -> Result<(), BirthError> {
    let personality = &peer.facts.personality;
    let owed = purges_owed(host.layout(), personality).map_err(UndoError::from)?;
    if owed.is_empty() || new.len() < peer.facts.runtimes().len() {
        return Ok(());
    }
    for identity in identities(peer) {
        // Whoever removes the namesake at this moment holds it.
        let _wake = host.lock_wake(&identity)?;
        match observe(host, &identity).status {
            Status::Asleep | Status::Stopped => purge(host, &identity)?,
            // It is in use, so it is no leftover.
            Status::Live { .. } | Status::Unknown(_) => return Ok(()),
        }
    }
    for cwd in owed {
        remember_removal(host.layout(), personality, &cwd, Stage::Purged, now())?;
    }
    Ok(())
}

/// Keeps a generation of a profile, once what was done to it is not taken back any more.
pub(crate) fn keep_profile(host: &Host, peer: &Peer, warnings: &mut Vec<Warning>) {
    let backups = host.registry().profile_backups(&peer.facts.personality);
    if let Err(reason) = keep_generation(&backups, &profile_path(&peer.cwd)) {
        warnings.push(Warning::new(format!("the profile is not backed up: {reason}")));
    }
}

/// Keeps what stands in a file as a generation; says why not.
pub(crate) fn keep_generation(backups: &Backups, path: &Utf8Path) -> Result<(), String> {
    match read_file(path, u64::MAX) {
        Ok(Some(bytes)) => backups.keep(&bytes, now()).map(drop).map_err(|e| with_causes(&e)),
        Ok(None) => Err("it is gone".to_owned()),
        Err(e) => Err(with_causes(&e)),
    }
}

/// Lets the provider give a new peer, or new runtimes of one, their memory, and turns the runtimes' own
/// memory off, so that there are not two.
fn give_memory(
    host: &Host,
    peer: &Peer,
    runtimes: &[RuntimeName],
    warnings: &mut Vec<Warning>,
) -> Vec<Provisioned> {
    let Some(occupied) = provider(host, Occasion::Birth, warnings) else { return Vec::new() };
    for runtime in runtimes {
        // The provider may start the runtime's program in the folder, so this comes first.
        let turned = turn_native_memory(host, &peer.cwd, runtime, Switch::Off);
        let trusted = turned.and_then(|_| trust_folder(host, &peer.cwd, runtime));
        if let Err(e) = trusted {
            let message = "the runtime may keep its own memory beside the provider's";
            warnings.push(Warning::of(message, &e).hint(e.hint()));
        }
    }
    match due(host, peer, Some(runtimes), Occasion::Birth, warnings) {
        Ok(mut owed) => {
            begin(host, &mut owed, warnings);
            Caller::new(host, &occupied, None).pay(owed, warnings)
        }
        Err(skipped) => vec![skipped],
    }
}

enum Registered {
    Changed { index: Index, peer: Peer, new_runtimes: Vec<RuntimeName> },
    Unchanged { peer: Peer },
}

/// Writes the profile and gives the index that says so; everything made is noted in `undo`.
fn register(
    host: &Host,
    lock: &Lock,
    wish: &Wish,
    how: Birth,
    mut index: Index,
    undo: &mut Undo,
) -> Result<Registered, BirthError> {
    let wanted = match (&wish.folder, &wish.personality) {
        (Some(folder), _) => folder.clone(),
        (None, Some(personality)) => host.layout().peer_folder(personality),
        (None, None) => return Err(NameError::Personality { name: String::new() }.into()),
    };
    if let (Birth::New, Some(personality)) = (how, &wish.personality)
        && let Some(there) = index.find(personality)
        && (wish.folder.is_none() || there.cwd == wanted)
    {
        return Err(BirthError::Exists { personality: personality.clone(), cwd: there.cwd.clone() });
    }
    if how == Birth::New {
        if wish.folder.is_none() {
            make_dir(wanted.parent().unwrap_or(host.layout().root()), undo)?;
        }
        make_dir(&wanted, undo)?;
    }
    let cwd = real_folder(&wanted)?;

    let document = profile_document(&cwd);
    let profile = document.usable(document.read())?.0.map(|profile| match index.find_by_folder(&cwd) {
        Some(known) => profile.completed_by(&known.facts),
        None => profile,
    });
    let personality = match (&wish.personality, &profile) {
        (Some(wanted), Some(profile)) if *wanted != profile.facts.personality => {
            return Err(BirthError::OtherProfile {
                path: profile_path(&cwd),
                found: profile.facts.personality.clone(),
                wanted: wanted.clone(),
            });
        }
        (_, Some(profile)) => profile.facts.personality.clone(),
        (Some(wanted), None) => wanted.clone(),
        (None, None) => Personality::derive(cwd.file_name().unwrap_or(""))?,
    };
    let runtime = match (&wish.runtime, &profile) {
        (Some(runtime), _) => runtime.clone(),
        (None, Some(profile)) => profile.facts.default_runtime().clone(),
        (None, None) => match index.find_by_folder(&cwd) {
            Some(known) => known.facts.default_runtime().clone(),
            None => Runtime::default_on(host.settings(), host.layout()),
        },
    };

    let known = index.find(&personality).filter(|p| p.cwd == cwd).map(|p| p.facts.clone());
    let mut new = match (&profile, &known) {
        (Some(profile), _) => profile.clone(),
        // A profile that was lost is made anew from what the index knows.
        (None, Some(known)) => Profile::new(known.clone()),
        (None, None) => Profile::new(Facts::new(personality, runtime.clone())),
    };
    new.facts.add_runtime(runtime);
    if !wish.description.is_empty() {
        new.facts.description.clone_from(&wish.description);
    }
    if let Some(intelligence) = &wish.intelligence {
        new.facts.intelligence = intelligence.clone();
    }
    let peer = Peer::new(new.facts.clone(), cwd.clone());
    let before = index.clone();
    index.add(peer.clone())?;
    let is_new = |runtime: &&RuntimeName| !known.as_ref().is_some_and(|k| k.runtimes().contains(runtime));
    let new_runtimes: Vec<_> = new.facts.runtimes().iter().filter(is_new).cloned().collect();
    if index == before && profile.as_ref() == Some(&new) {
        return Ok(Registered::Unchanged { peer });
    }
    if profile.as_ref() != Some(&new) {
        undo.make_dir(&cwd.join(".iapeer"))?;
        undo.keep_file(&profile_path(&cwd))?;
        commit(host, &document, document.edit(lock)?, &new)?;
    }
    Ok(Registered::Changed { index, peer, new_runtimes })
}

/// Makes a folder in one that can be used.
fn make_dir(folder: &Utf8Path, undo: &mut Undo) -> Result<(), BirthError> {
    if let Some(parent) = folder.parent() {
        real_folder(parent)?;
    }
    Ok(undo.make_dir(folder)?)
}

/// The folder without links and dots, so that one folder has one path.
fn real_folder(folder: &Utf8Path) -> Result<Utf8PathBuf, BirthError> {
    let unusable = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound => BirthError::NoFolder { folder: folder.to_owned() },
        _ => BirthError::Folder { folder: folder.to_owned(), source },
    };
    let real = folder.canonicalize_utf8().map_err(unusable)?;
    if !real.is_dir() {
        return Err(unusable(io::Error::from(io::ErrorKind::NotADirectory)));
    }
    if real.as_str().contains(|c: char| c.is_control()) {
        return Err(unusable(io::Error::other(
            "its path has a control character, which no line of a log or a list could show",
        )));
    }
    Ok(real)
}
