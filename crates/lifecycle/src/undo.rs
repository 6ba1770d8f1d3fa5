//! Taking back what was done so far, when the rest of it cannot be done.

use camino::{Utf8Path, Utf8PathBuf};
use iapeer_statefile::{
    CommitError, Creation, Document, Edit, Format, ReadError, WriteError, make_dir, read_file,
    remove_dir_if_empty, remove_file, rename_file, replace_file,
};

use crate::host::{Host, Warning};

/// Why what a file holds could not be kept for an undo. It is as it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UndoError {
    /// It cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// It cannot be kept, or not made.
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// What was made so far, so that it can be taken back.
#[derive(Debug, Default)]
pub(crate) struct Undo {
    steps: Vec<Step>,
}

#[derive(Debug)]
enum Step {
    RemoveFolder(Utf8PathBuf),
    RemoveFile(Utf8PathBuf),
    Restore { path: Utf8PathBuf, spare: Utf8PathBuf },
}

impl Undo {
    /// Makes a folder, unless it is there.
    ///
    /// # Errors
    ///
    /// [`WriteError`].
    pub(crate) fn make_dir(&mut self, folder: &Utf8Path) -> Result<(), WriteError> {
        if make_dir(folder)? == Creation::Created {
            self.steps.push(Step::RemoveFolder(folder.to_owned()));
        }
        Ok(())
    }

    /// Keeps what a file holds before it is written or removed: in a hidden file beside it, so that it can be
    /// taken back on a disk that is full.
    ///
    /// # Errors
    ///
    /// [`UndoError`]; nothing was kept then.
    pub(crate) fn keep_file(&mut self, path: &Utf8Path) -> Result<(), UndoError> {
        let path = path.to_owned();
        self.steps.push(match read_file(&path, u64::MAX)? {
            Some(bytes) => {
                let spare = path.with_file_name(format!(".{}.undo.tmp", path.file_name().unwrap_or("file")));
                if let Err(e) = replace_file(&spare, &bytes) {
                    // It may be there all the same, where only its folder could not be synced.
                    let _ = remove_file(&spare);
                    return Err(e.into());
                }
                Step::Restore { path, spare }
            }
            None => Step::RemoveFile(path),
        });
        Ok(())
    }

    /// Nothing will be taken back. What was kept for that is hidden and harmless where it cannot be removed.
    pub(crate) fn forget(self) {
        for step in self.steps {
            if let Step::Restore { spare, .. } = step {
                let _ = remove_file(&spare);
            }
        }
    }

    /// Takes everything back, the last first. The error that led here is the one to be told; a folder in
    /// which somebody put something meanwhile stays.
    pub(crate) fn run(self) {
        for step in self.steps.into_iter().rev() {
            let _ = match step {
                Step::RemoveFolder(path) => remove_dir_if_empty(&path).map(drop),
                Step::RemoveFile(path) => remove_file(&path).map(drop),
                Step::Restore { path, spare } => match rename_file(&spare, &path) {
                    // Nothing is written through a link, so there is nothing to take back.
                    Err(WriteError::SymbolicLink { .. }) => remove_file(&spare).map(drop),
                    other => other,
                },
            };
        }
    }
}

/// Commits a document. One that stands where it should although its folder could not be synced is committed:
/// to take back what was done before would leave the rest without it. That is told as an aside.
///
/// # Errors
///
/// [`CommitError`]; the document is as it was then.
pub(crate) fn commit<F: Format>(
    host: &Host,
    document: &Document<F>,
    edit: Edit<'_, F>,
    value: &F::Value,
) -> Result<(), CommitError>
where
    F::Value: Clone,
{
    edit.commit(value.clone()).or_else(|e| {
        let warning = stands(document, value, &e).ok_or(e)?;
        host.aside(warning);
        Ok(())
    })
}

/// What to tell when a document stands although its commit failed with `error`; `None` when it does not.
pub(crate) fn stands<F: Format>(
    document: &Document<F>,
    value: &F::Value,
    error: &dyn std::error::Error,
) -> Option<Warning> {
    let there = read_file(document.path(), u64::MAX).ok()?;
    (there? == document.rendered(value)).then(|| {
        let path = document.path();
        Warning::of(&format!("{path} is written, but a power failure may take that back"), error)
            .hint("look after the disk, then: iapeer status")
    })
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test sets the disk up by hand")]
mod tests {
    use std::fs;

    use camino::Utf8PathBuf;

    use super::*;

    fn names(folder: &Utf8Path) -> Vec<String> {
        let entries = folder.read_dir_utf8().unwrap().map(|entry| entry.unwrap().file_name().to_owned());
        let mut names: Vec<_> = entries.collect();
        names.sort();
        names
    }

    #[test]
    fn everything_is_taken_back_and_nothing_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let folder = Utf8PathBuf::from_path_buf(folder.path().to_owned()).unwrap();
        let [old, new, link] = ["old", "new", "link"].map(|name| folder.join(name));
        fs::write(&old, "before").unwrap();
        std::os::unix::fs::symlink("old", &link).unwrap();
        let before = names(&folder);
        let mut undo = Undo::default();
        for path in [&old, &new, &link] {
            undo.keep_file(path).unwrap();
        }
        undo.make_dir(&folder.join("folder")).unwrap();
        fs::write(&old, "after").unwrap();
        fs::write(&new, "after").unwrap();
        undo.run();
        assert_eq!((names(&folder), fs::read_to_string(&old).unwrap().as_str()), (before.clone(), "before"));

        let mut undo = Undo::default();
        undo.keep_file(&old).unwrap();
        fs::write(&old, "after").unwrap();
        undo.forget();
        assert_eq!((names(&folder), fs::read_to_string(&old).unwrap().as_str()), (before, "after"));
    }
}
