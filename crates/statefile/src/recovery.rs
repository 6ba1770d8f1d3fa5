//! Taking back a document that is lost: corrupt, or gone although it was there.

use camino::Utf8PathBuf;

use crate::backup::Generation;
use crate::document::LIMIT;
use crate::quarantine::{Breaker, Quarantine, QuarantineError};
use crate::{
    CommitError, Document, Format, Lock, Parsed, ReadError, Reading, StateFault, Timestamp, read_file,
};

/// Where what was lost may come from. Sources are asked in the order in which they are listed, and each
/// gets what those before it gave.
pub enum Source<'a, V> {
    /// The newest generation that reads back, where nothing came before it.
    Backup,
    /// What can be made of other facts.
    Rebuild {
        /// What those facts are, for people.
        what: &'static str,
        /// Makes it, from what there is so far and the damaged bytes, if there are any; gives back what it
        /// got when it has nothing to add.
        with: &'a Rebuild<'a, V>,
    },
}

/// Makes a value from what there is so far and the damaged bytes, if there are any.
pub type Rebuild<'a, V> = dyn Fn(Option<V>, Option<&[u8]>) -> Option<V> + 'a;

/// A document that is lost, and what is left of it.
#[derive(Debug)]
pub struct Lost<'a, F: Format> {
    document: &'a Document<F>,
    /// Why it is lost; `None` when it may never have been there.
    fault: Option<StateFault>,
    bytes: Option<Vec<u8>>,
    generations: Vec<Generation>,
}

/// What was taken back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovered<V> {
    /// What the document holds now; `None` when there was nothing to take back, and nothing was lost as far
    /// as can be told.
    pub value: Option<V>,
    /// What was wrong; `None` when the document may never have been there.
    pub fault: Option<String>,
    /// Where it came from, for people.
    pub from: Vec<String>,
    /// Where the damaged bytes are now.
    pub quarantined: Option<Utf8PathBuf>,
}

/// Why a lost document was not taken back. It is as it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecoverError {
    /// It is damaged, and no source had anything.
    #[error("nothing is left from which it could be mended")]
    NothingLeft {
        /// What is wrong with it.
        #[source]
        fault: StateFault,
    },
    /// The damaged bytes could not be kept.
    #[error(transparent)]
    Quarantine(#[from] QuarantineError),
    /// It could not be written.
    #[error(transparent)]
    Commit(#[from] CommitError),
}

impl<F: Format> Document<F> {
    /// What is left of the document when it is fresh, vanished or corrupt; `None` when it can be read.
    ///
    /// # Errors
    ///
    /// [`StateFault`] for what is never taken for a loss: unreadable, or of a newer schema.
    pub fn lost(&self) -> Result<Option<Lost<'_, F>>, StateFault> {
        let fault = match self.read() {
            Reading::Present(_) | Reading::Partial(..) => return Ok(None),
            Reading::Fresh => None,
            reading @ (Reading::Vanished | Reading::Corrupt { .. }) => self.usable(reading).err(),
            reading @ (Reading::Newer { .. } | Reading::Unreadable(_)) => {
                return self.usable(reading).map(|_| None);
            }
        };
        let bytes = match read_file(self.path(), LIMIT) {
            Ok(bytes) => bytes,
            Err(ReadError::TooLarge { .. }) => None,
            Err(e) => return Err(e.into()),
        };
        let generations = self.backups().map_or(Ok(Vec::new()), |backups| backups.list())?;
        Ok(Some(Lost { document: self, fault, bytes, generations }))
    }

    /// Writes the document whatever stands there, because a person asked for it. What stands there is kept
    /// in quarantine first; the answer says where.
    ///
    /// # Errors
    ///
    /// [`RecoverError`]; the document is as it was then. What is no regular file is not replaced.
    pub fn overrule(
        &self,
        lock: &Lock,
        value: &F::Value,
        quarantine: &Quarantine,
    ) -> Result<Option<Utf8PathBuf>, RecoverError> {
        let there = read_file(self.path(), u64::MAX).map_err(QuarantineError::from)?;
        let name = self.path().file_name().unwrap_or("file");
        let put = |bytes: &Vec<u8>| quarantine.put(name, bytes, Breaker::Overruled, Timestamp::now());
        let kept = there.as_ref().map(put).transpose()?;
        self.put(lock, value, None)?;
        Ok(kept)
    }
}

impl<F: Format> Lost<'_, F> {
    /// What is wrong; `None` when the document may never have been there.
    pub fn fault(&self) -> Option<&StateFault> {
        self.fault.as_ref()
    }

    /// What [`Lost::recover`] would take back. Nothing is written.
    pub fn preview(&self, order: &[Source<'_, F::Value>]) -> Option<F::Value> {
        self.gather(order).0
    }

    /// Keeps what is damaged and writes what the sources give in its place. `lock` is the proof that nobody
    /// else writes; it must have been held when the loss was found.
    ///
    /// At no time the document is missing: who is cut off between the two steps leaves it damaged, as it was.
    ///
    /// # Errors
    ///
    /// [`RecoverError`]; the document is as after [`CommitError`] then.
    pub fn recover(
        self,
        lock: &Lock,
        order: &[Source<'_, F::Value>],
        quarantine: &Quarantine,
        breaker: Breaker,
    ) -> Result<Recovered<F::Value>, RecoverError> {
        let path = self.document.path();
        let (value, from) = self.gather(order);
        let damaged = matches!(self.fault, Some(StateFault::Corrupt { .. }));
        let Some(value) = value else {
            return match self.fault {
                Some(fault) if damaged => Err(RecoverError::NothingLeft { fault }),
                fault => Ok(Recovered {
                    value: None,
                    fault: fault.map(|f| f.to_string()),
                    from,
                    quarantined: None,
                }),
            };
        };
        let quarantined = damaged.then(|| quarantine.keep(path, breaker, Timestamp::now())).transpose()?;
        self.document.put(lock, &value, None)?;
        Ok(Recovered { value: Some(value), fault: self.fault.map(|f| f.to_string()), from, quarantined })
    }

    fn gather(&self, order: &[Source<'_, F::Value>]) -> (Option<F::Value>, Vec<String>) {
        let (mut value, mut from) = (None, Vec::new());
        for source in order {
            match source {
                Source::Backup if value.is_none() => {
                    if let Some((generation, kept)) = self.newest_good() {
                        from.push(generation.to_string());
                        value = Some(kept);
                    }
                }
                Source::Backup => {}
                Source::Rebuild { what, with } => {
                    let before = value.as_ref().map(|value| self.document.rendered(value));
                    value = with(value, self.bytes.as_deref());
                    if value.as_ref().map(|value| self.document.rendered(value)) != before {
                        from.push((*what).to_owned());
                    }
                }
            }
        }
        (value, from)
    }

    /// The newest generation that reads back as a whole; those that a power failure tore are passed over.
    fn newest_good(&self) -> Option<(&Generation, F::Value)> {
        self.generations.iter().find_map(|generation| {
            let bytes = read_file(&generation.path, LIMIT).ok()??;
            let Parsed { value, .. } = self.document.parse(&bytes).ok()?;
            Some((generation, value))
        })
    }
}
