//! Declarations as found on disks, good and bad.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "a test")]

use std::fs;
use std::path::{Path, PathBuf};

/// One declaration of the corpus.
pub(crate) struct Case {
    /// What it is called: its number and what is particular about it.
    pub(crate) name: String,
    /// The content of the file.
    pub(crate) bytes: Vec<u8>,
}

/// The whole corpus, in the order of its names.
pub(crate) fn corpus() -> Vec<Case> {
    let entries = fs::read_dir(folder()).unwrap();
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    files.retain(|file| !file.ends_with(".expected.json"));
    files.sort();
    let name = |file: &str| file.strip_suffix(".json").unwrap().to_owned();
    files.iter().map(|file| Case { name: name(file), bytes: read(file) }).collect()
}

/// A file of the corpus.
pub(crate) fn read(file: &str) -> Vec<u8> {
    fs::read(folder().join(file)).unwrap()
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/slot-corpus")
}
