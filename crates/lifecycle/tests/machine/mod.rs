//! A host of a test's own, in a folder that goes with it.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test sets the disk up by hand")]

use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use iapeer_lifecycle::{Host, Settings};

pub(crate) struct Machine {
    _folder: tempfile::TempDir,
    pub(crate) folder: Utf8PathBuf,
    pub(crate) settings: Settings,
}

impl Machine {
    pub(crate) fn new() -> Machine {
        let folder = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(folder.path().canonicalize().unwrap()).unwrap();
        let settings = Settings {
            home: Some(path.join("home")),
            provision_timeout: Duration::from_secs(60),
            ..Settings::new(path.join("root"))
        };
        let machine = Machine { _folder: folder, folder: path, settings };
        machine.make_folder("home");
        machine
    }

    pub(crate) fn host(&self) -> Host {
        Host::new(self.settings.clone())
    }

    pub(crate) fn make_folder(&self, name: impl AsRef<Utf8Path>) -> Utf8PathBuf {
        let folder = self.folder.join(name.as_ref());
        std::fs::create_dir_all(&folder).unwrap();
        folder
    }
}
