//! The rule that every write passes: no links followed, nothing under a forbidden folder.

use std::io;
use std::sync::OnceLock;

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};

/// Why something was not written. What stood on the disk before still stands there.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// The path lies under a folder that [`forbid_writes_under`] named.
    #[error("writing {path} is refused: {forbidden} is off limits in a test sandbox")]
    Forbidden {
        /// What was to be written.
        path: Utf8PathBuf,
        /// The folder that is off limits.
        forbidden: Utf8PathBuf,
    },
    /// A symbolic link stands where we would write.
    #[error("{path} is a symbolic link, and links are not followed for writing")]
    SymbolicLink {
        /// The link.
        path: Utf8PathBuf,
    },
    /// The path exists and is not of the kind that we would write.
    #[error("{path} is {found}, not {wanted}")]
    WrongKind {
        /// What was to be written.
        path: Utf8PathBuf,
        /// What stands there.
        found: &'static str,
        /// What should stand there.
        wanted: &'static str,
    },
    /// The kernel took only a part of a line, as on a full disk.
    #[error("only {written} of {len} bytes fitted into {path}")]
    Short {
        /// The journal.
        path: Utf8PathBuf,
        /// Bytes that the kernel took.
        written: usize,
        /// Bytes of the line.
        len: usize,
    },
    /// It could not be moved.
    #[error("cannot move {from} to {to}")]
    Move {
        /// What was to be moved.
        from: Utf8PathBuf,
        /// Where to.
        to: Utf8PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The operating system refused.
    #[error("cannot {action} {path}")]
    Io {
        /// What we were doing, as a verb.
        action: &'static str,
        /// To what.
        path: Utf8PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
}

impl WriteError {
    pub(crate) fn io(action: &'static str, path: &Utf8Path) -> impl FnOnce(io::Error) -> WriteError {
        let path = path.to_owned();
        move |source| WriteError::Io { action, path, source }
    }
}

static FORBIDDEN: OnceLock<Utf8PathBuf> = OnceLock::new();

/// Refuses, from now on and in this whole process, every write under `folder`.
///
/// For programs that run in a test sandbox and must not touch the user's real state. The first call
/// counts; links in `folder` and in what is written later are resolved, so that no detour leads there.
pub fn forbid_writes_under(folder: &Utf8Path) {
    FORBIDDEN.get_or_init(|| resolve(folder));
}

/// Says whether `path` may be written.
pub(crate) fn check(path: &Utf8Path) -> Result<(), WriteError> {
    allowed(path)?;
    match path.symlink_metadata() {
        Ok(meta) if meta.file_type().is_symlink() => Err(WriteError::SymbolicLink { path: path.to_owned() }),
        // What else is wrong with the path, the write itself will tell with its own error.
        _ => Ok(()),
    }
}

/// The half of [`check`] that is left where an open, or a look that follows, refuses a link by itself.
pub(crate) fn allowed(path: &Utf8Path) -> Result<(), WriteError> {
    if let Some(forbidden) = FORBIDDEN.get()
        && resolve(path).starts_with(forbidden)
    {
        return Err(WriteError::Forbidden { path: path.to_owned(), forbidden: forbidden.clone() });
    }
    Ok(())
}

/// The path with the links of its deepest existing ancestor resolved.
fn resolve(path: &Utf8Path) -> Utf8PathBuf {
    let absolute = camino::absolute_utf8(path).unwrap_or_else(|_| path.to_owned());
    for ancestor in absolute.ancestors() {
        if let Ok(mut real) = ancestor.canonicalize_utf8() {
            let rest = absolute.strip_prefix(ancestor).expect("an ancestor is a prefix of its path");
            for component in rest.components() {
                match component {
                    // What is not there cannot be a link, so `..` undoes the component before it.
                    Utf8Component::ParentDir => drop(real.pop()),
                    component => real.push(component),
                }
            }
            return real;
        }
    }
    absolute
}
