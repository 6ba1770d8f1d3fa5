//! The generations of state files, for people: what there is, and one of them brought back.

use camino::{Utf8Path, Utf8PathBuf};
use iapeer_registry::{Peer, Personality, profile_path};
use iapeer_statefile::{
    Backups, Document, Fault, Format, Generation, Line, Lock, LockError, ReadError, RecoverError, StateFault,
    list_folder, read_file,
};

use crate::host::{Host, Warning, now};
use crate::recovery::newest_piece;
use crate::removed::Removals;
use crate::undo::stands;
use crate::unfinished::{Unfinished, none_unfinished};

/// A state file and its generations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// What it is called here: `peers-profiles.json`, or `profiles/<name>`.
    pub name: String,
    /// Where it stands; `None` for the profile of a name that no peer has.
    pub path: Option<Utf8PathBuf>,
    /// Newest first.
    pub generations: Vec<Generation>,
}

/// A generation that was brought back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// The file.
    pub path: Utf8PathBuf,
    /// What it holds now.
    pub generation: Generation,
    /// Where what stood there before is kept; `None` when nothing stood there.
    pub kept: Option<Utf8PathBuf>,
    /// False when the file held just that, and nothing was done.
    pub changed: bool,
    /// Peers of that generation that were removed since, and stay so.
    pub left_out: Vec<Personality>,
    /// What the user should know.
    pub warnings: Vec<Warning>,
}

/// Why no generation was brought back. The file is as it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RestoreError {
    /// No file of that name has generations.
    #[error("{file} is no state file of which generations are kept")]
    UnknownFile {
        /// What was asked for.
        file: String,
        /// Those that there are.
        known: Vec<String>,
    },
    /// It is the profile of a name that no peer has, so it is not known where it belongs.
    #[error("no peer is named {personality}, so it is not known where its profile belongs")]
    NoPeer {
        /// The name.
        personality: Personality,
    },
    /// It has no such generation.
    #[error("{name} has no generation {number}")]
    NoGeneration {
        /// The file.
        name: String,
        /// What was asked for.
        number: u64,
    },
    /// It has no generation that can be read.
    #[error("{name} has no generation that can be read")]
    NothingGood {
        /// The file.
        name: String,
    },
    /// The generation cannot be used.
    #[error("{path} is damaged: {reason}")]
    Damaged {
        /// The generation.
        path: Utf8PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Something cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The index cannot be used to find the file.
    #[error(transparent)]
    State(#[from] StateFault),
    /// A rename is not finished.
    #[error(transparent)]
    Unfinished(#[from] Unfinished),
    /// Somebody else holds the registry.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// What stands there could not be kept, or the file not written.
    #[error(transparent)]
    Recover(#[from] RecoverError),
}

const INDEX: &str = "peers-profiles.json";
const PROFILES: &str = "profiles/";

/// Every state file that has generations, the index first. Nothing is mended by looking.
///
/// # Errors
///
/// [`ReadError`] when a folder of generations cannot be listed.
pub fn kept(host: &Host) -> Result<Vec<Kept>, ReadError> {
    let registry = host.registry();
    let index = registry.document();
    let generations = index.backups().map_or(Ok(Vec::new()), Backups::list)?;
    let mut all = vec![Kept { name: INDEX.to_owned(), path: Some(index.path().to_owned()), generations }];
    // Where the profiles stand is told by the index alone; without it they are listed all the same.
    let peers = registry.read().map(|(index, _)| index).unwrap_or_default();
    for name in list_folder(&host.layout().backups().join(PROFILES))? {
        let Ok(personality) = name.parse::<Personality>() else { continue };
        let path = peers.find(&personality).map(|peer| profile_path(&peer.cwd));
        let generations = registry.profile_backups(&personality).list()?;
        all.push(Kept { name: format!("{PROFILES}{personality}"), path, generations });
    }
    all.retain(|kept| !kept.generations.is_empty());
    Ok(all)
}

/// Brings a generation back: the one of that number, or the newest that can be read. `file` is a name as
/// [`kept`] has it, or the path of the file. What stands there now is kept in quarantine.
///
/// # Errors
///
/// [`RestoreError`].
pub fn restore(host: &Host, file: &str, number: Option<u64>) -> Result<Restored, RestoreError> {
    let named = |known: &Kept| known.name == file || known.path.as_deref().is_some_and(|p| same(p, file));
    let all = kept(host)?;
    let Some(found) = all.iter().find(|known| named(known)) else {
        let known = all.into_iter().map(|kept| kept.name).collect();
        return Err(RestoreError::UnknownFile { file: file.to_owned(), known });
    };
    let lock = host.registry().lock(&host.settings().caller)?;
    none_unfinished(host)?;
    match found.name.strip_prefix(PROFILES) {
        None => restore_index(host, &lock, found, number),
        Some(name) => {
            let personality: Personality = name.parse().expect("only names of peers are listed");
            let folder = found.path.as_deref().and_then(Utf8Path::parent).and_then(Utf8Path::parent);
            let folder = folder.ok_or(RestoreError::NoPeer { personality: personality.clone() })?;
            let document = host.registry().profile(folder, &personality);
            let (generation, profile) = choose(&document, found, number)?;
            put(host, &lock, &document, generation, &profile, Vec::new())
        }
    }
}

fn restore_index(
    host: &Host,
    lock: &Lock,
    found: &Kept,
    number: Option<u64>,
) -> Result<Restored, RestoreError> {
    let document = host.registry().document();
    let (generation, mut index) = choose(document, found, number)?;
    let removals = Removals::read(host.layout())?;
    let removed = |peer: &&Peer| removals.has(&peer.facts.personality, &peer.cwd);
    let left_out: Vec<_> =
        index.peers().iter().filter(removed).map(|peer| peer.facts.personality.clone()).collect();
    for personality in &left_out {
        index.remove(personality);
    }
    put(host, lock, document, generation, &index, left_out)
}

/// The generation that was asked for, and what it holds.
fn choose<F: Format>(
    document: &Document<F>,
    kept: &Kept,
    number: Option<u64>,
) -> Result<(Generation, F::Value), RestoreError> {
    let name = || kept.name.clone();
    let read = |generation: &Generation| -> Result<F::Value, RestoreError> {
        let damaged = |reason: String| RestoreError::Damaged { path: generation.path.clone(), reason };
        let bytes = read_file(&generation.path, u64::MAX)?.ok_or_else(|| damaged("it is gone".into()))?;
        let parsed = document.parse(&bytes).map_err(|fault: Fault| damaged(fault.to_string()))?;
        Ok(parsed.value)
    };
    match number {
        Some(number) => {
            let generation = kept.generations.iter().find(|generation| generation.number == number);
            let generation = generation.ok_or_else(|| RestoreError::NoGeneration { name: name(), number })?;
            Ok((generation.clone(), read(generation)?))
        }
        None => {
            let mut good = kept.generations.iter().filter_map(|g| Some((g.clone(), read(g).ok()?)));
            good.next().ok_or_else(|| RestoreError::NothingGood { name: name() })
        }
    }
}

fn put<F: Format>(
    host: &Host,
    lock: &Lock,
    document: &Document<F>,
    generation: Generation,
    value: &F::Value,
    left_out: Vec<Personality>,
) -> Result<Restored, RestoreError> {
    let path = document.path().to_owned();
    let mut warnings = Vec::new();
    let there = read_file(&path, u64::MAX)?;
    if there.as_deref() == Some(&document.rendered(value)) {
        return Ok(Restored { path, generation, kept: None, changed: false, left_out, warnings });
    }
    let kept = match document.overrule(lock, value, &host.quarantine()) {
        Ok(kept) => kept,
        Err(e) => {
            warnings.push(stands(document, value, &e).ok_or(e)?);
            newest_piece(host, &path)
        }
    };
    let line = Line::new(now(), "state-restored")
        .field("file", &path)
        .field("from", &generation)
        .field_opt("quarantine", kept.as_ref())
        .field("by", &host.settings().caller);
    host.log(&line, &mut warnings);
    Ok(Restored { path, generation, kept, changed: true, left_out, warnings })
}

/// Whether both paths lead to one file; the folders of both are resolved, as the file may be gone.
fn same(path: &Utf8Path, asked: &str) -> bool {
    let resolved = |path: &Utf8Path| {
        let folder = path.parent().filter(|p| !p.as_str().is_empty()).unwrap_or(Utf8Path::new("."));
        Some(folder.canonicalize_utf8().ok()?.join(path.file_name()?))
    };
    let asked = resolved(Utf8Path::new(asked));
    asked.is_some() && resolved(path) == asked
}
