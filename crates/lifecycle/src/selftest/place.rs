//! The temporary root: one that is nobody else's, and that goes without following a link.

use camino::{Utf8Path, Utf8PathBuf};
use iapeer_registry::RuntimeName;
use iapeer_statefile::{
    Creation, Removal, WriteError, ensure_dir, make_dir, remove_dir_if_empty, remove_file, replace_file,
};
use iapeer_tmux::SOCKET_LIMIT;

use super::selftest_ways;
use crate::host::Host;
use crate::settings::Settings;

/// Where temporary folders are on every system.
const FALLBACK: &str = "/tmp";
/// The runtime of the sessions.
pub(super) const RUNTIME: &str = "trial";
/// It reads a number and exits with it; until somebody types one, it waits and does nothing.
const RUNTIME_FILE: &str = r#"{
  "class": "agent",
  "program": "/bin/sh",
  "argv": { "fresh": ["-c", "read -r code && exit \"$code\""] }
}
"#;
/// What is removed while somebody still writes there is looked at so often.
const LOOKS: u32 = 50;
const PAUSE: std::time::Duration = std::time::Duration::from_millis(20);

/// A temporary root.
#[derive(Debug)]
pub(super) struct Place {
    root: Utf8PathBuf,
}

impl Place {
    /// Makes a root that was not there before, in `temporary` or in `/tmp`.
    pub(super) fn make(temporary: Option<&Utf8Path>) -> Result<Place, WriteError> {
        let parent = parent(temporary);
        // Numbers that others have, and links that somebody laid there, are passed over.
        let mut number = 0_u32;
        loop {
            let root = parent.join(format!("iapeer-selftest-{}-{number}", std::process::id()));
            if make_dir(&root)? == Creation::Created {
                return Ok(Place { root });
            }
            number += 1;
        }
    }

    pub(super) fn root(&self) -> &Utf8Path {
        &self.root
    }

    /// Settings that know nothing of the user's but where programs are.
    pub(super) fn settings(&self, of_the_user: &Settings) -> Settings {
        Settings {
            root: self.root.clone(),
            sock_dir: self.root.join("socks"),
            home: None,
            current_folder: None,
            codex_home: None,
            config_home: None,
            runtime_dir: of_the_user.runtime_dir.clone(),
            scopes: of_the_user.scopes,
            path: of_the_user.path.clone(),
            shell: "/bin/sh".into(),
            programs: std::collections::BTreeMap::new(),
            log_max_bytes: of_the_user.log_max_bytes,
            log_keep: of_the_user.log_keep,
            idle: of_the_user.idle,
            pane_logs: of_the_user.pane_logs,
            provision_timeout: of_the_user.provision_timeout,
            // Its sessions are there to die.
            crash_loop_max: std::num::NonZeroU32::MAX,
            crash_loop_window: of_the_user.crash_loop_window,
            boot_deadline: of_the_user.boot_deadline,
            ready_gate: of_the_user.ready_gate,
            caller: of_the_user.caller.clone(),
        }
    }

    /// Declares the runtime of the sessions.
    pub(super) fn declare_runtime(&self, host: &Host) -> Result<(), WriteError> {
        let file = host.layout().runtime_file(&runtime());
        if let Some(folder) = file.parent() {
            ensure_dir(folder)?;
        }
        replace_file(&file, RUNTIME_FILE.as_bytes())
    }

    /// Removes it with all that is in it.
    pub(super) fn remove(&self) -> Result<(), WriteError> {
        for _ in 1..LOOKS {
            if remove_tree(&self.root).is_ok() && !self.root.exists() {
                return Ok(());
            }
            std::thread::sleep(PAUSE);
        }
        remove_tree(&self.root)
    }
}

/// The runtime of the sessions.
pub(super) fn runtime() -> RuntimeName {
    RUNTIME.parse().expect("a constant that names a runtime")
}

/// The folder in which every socket of ours has a path that is short enough.
fn parent(temporary: Option<&Utf8Path>) -> &Utf8Path {
    let longest = selftest_ways().map(str::len).max().unwrap_or(0);
    // Pids and our own number have ten digits at most.
    let rest = "/iapeer-selftest--/socks/tmux-iap--.sock".len() + 10 + 10 + RUNTIME.len() + longest;
    let fits = |folder: &&Utf8Path| folder.is_dir() && folder.as_str().len() + rest <= SOCKET_LIMIT;
    temporary.filter(fits).unwrap_or(Utf8Path::new(FALLBACK))
}

/// Removes a folder and what is in it; links themselves, and not what they lead to.
fn remove_tree(folder: &Utf8Path) -> Result<(), WriteError> {
    let failed = |source| WriteError::Io { action: "list", path: folder.to_owned(), source };
    for entry in folder.read_dir_utf8().map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if entry.file_type().map_err(failed)?.is_dir() {
            remove_tree(entry.path())?;
        } else {
            remove_file(entry.path())?;
        }
    }
    match remove_dir_if_empty(folder)? {
        Removal::Removed => Ok(()),
        Removal::WasAbsent => Err(failed(std::io::Error::from(std::io::ErrorKind::DirectoryNotEmpty))),
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test that puts things in the way")]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_is_too_deep_or_not_there_is_not_used() {
        let folder = tempfile::tempdir_in("/tmp").unwrap();
        let short = Utf8Path::from_path(folder.path()).unwrap();
        let deep = short.join("a-long-name-of-a-folder-as-some-systems-have-it");
        std::fs::create_dir(&deep).unwrap();
        for (temporary, wanted) in [
            (None, Utf8Path::new("/tmp")),
            (Some(short), short),
            (Some(deep.as_path()), Utf8Path::new("/tmp")),
            (Some(Utf8Path::new("/nowhere")), Utf8Path::new("/tmp")),
        ] {
            assert_eq!(parent(temporary), wanted);
        }
    }

    #[test]
    fn a_root_is_new_and_goes_without_what_links_lead_to() {
        let folder = tempfile::tempdir_in("/tmp").unwrap();
        let folder = Utf8Path::from_path(folder.path()).unwrap();
        let kept = folder.join("kept");
        std::fs::write(&kept, "").unwrap();
        // Somebody who knows our pid lays a link there.
        let first = folder.join(format!("iapeer-selftest-{}-0", std::process::id()));
        std::os::unix::fs::symlink(folder, &first).unwrap();
        let place = Place::make(Some(folder)).unwrap();
        assert_ne!(place.root(), first);
        std::fs::create_dir_all(place.root().join("a/b")).unwrap();
        std::fs::write(place.root().join("a/b/file"), "").unwrap();
        std::os::unix::fs::symlink(&kept, place.root().join("a/link")).unwrap();
        std::os::unix::fs::symlink(folder, place.root().join("a/folder")).unwrap();
        place.remove().unwrap();
        assert!(!place.root().exists() && kept.exists() && first.exists());
    }
}
