//! A root of one point's own, in memory where the machine has such a folder: what is tried is the order of
//! the steps, and a sync that is real would only cost time.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use camino::{Utf8Path, Utf8PathBuf};
use iapeer_lifecycle::{Host, Settings};

/// A folder that goes with the value.
pub(crate) struct Place {
    _owned: Option<tempfile::TempDir>,
    pub(crate) folder: Utf8PathBuf,
}

/// Every file with its content, and every folder, by their paths below the place.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Files {
    pub(crate) files: BTreeMap<Utf8PathBuf, Vec<u8>>,
    pub(crate) folders: BTreeSet<Utf8PathBuf>,
}

impl Place {
    pub(crate) fn new() -> Place {
        let owned = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        let folder = Utf8PathBuf::from_path_buf(owned.path().canonicalize().unwrap()).unwrap();
        for name in ["home", "elsewhere", "there"] {
            fs::create_dir(folder.join(name)).unwrap();
        }
        Place { _owned: Some(owned), folder }
    }

    /// The place of somebody else.
    pub(crate) fn at(folder: &Utf8Path) -> Place {
        Place { _owned: None, folder: folder.to_owned() }
    }

    pub(crate) fn root(&self, name: &str) -> Utf8PathBuf {
        self.folder.join("root").join(name)
    }

    pub(crate) fn host(&self) -> Host {
        self.host_rotating_at(5 << 20)
    }

    pub(crate) fn host_rotating_at(&self, log_max_bytes: u64) -> Host {
        Host::new(Settings {
            home: Some(self.folder.join("home")),
            log_max_bytes,
            log_keep: 9,
            ..Settings::new(self.folder.join("root"))
        })
    }

    pub(crate) fn files(&self) -> Files {
        let mut all = Files::default();
        let mut folders = vec![self.folder.clone()];
        while let Some(folder) = folders.pop() {
            for entry in folder.read_dir_utf8().unwrap() {
                let path = entry.unwrap().into_path();
                let name = path.strip_prefix(&self.folder).unwrap().to_owned();
                if path.is_dir() {
                    all.folders.insert(name);
                    folders.push(path);
                } else {
                    all.files.insert(name, fs::read(path).unwrap());
                }
            }
        }
        all
    }
}
