//! What the host was told: values only, read from the environment by the program that embeds us.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::time::Duration;

use camino::Utf8PathBuf;

/// Everything that is not on the disk.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The root of all state.
    pub root: Utf8PathBuf,
    /// The folder of the tmux sockets.
    pub sock_dir: Utf8PathBuf,
    /// The user's home folder, where it is known.
    pub home: Option<Utf8PathBuf>,
    /// The folder in which the caller is, which may be a peer's.
    pub current_folder: Option<Utf8PathBuf>,
    /// The folder of the settings of `codex`, where `CODEX_HOME` names one; else it is `~/.codex`.
    pub codex_home: Option<Utf8PathBuf>,
    /// The folders in which programs are looked for, as in `PATH`.
    pub path: OsString,
    /// The user's shell, for the `shell` runtime.
    pub shell: Utf8PathBuf,
    /// Programs of runtimes that were named explicitly (`IAPEER_<RUNTIME>_BIN`), by runtime.
    pub programs: BTreeMap<String, Utf8PathBuf>,
    /// When `lifecycle.log` and `exits.log` are rotated, in bytes.
    pub log_max_bytes: u64,
    /// How many older generations of them are kept.
    pub log_keep: u32,
    /// The limit of one provider command.
    pub provision_timeout: Duration,
    /// How long a session may take to show anything that is known of its runtime.
    pub boot_deadline: Duration,
    /// How long it may take from then to be ready for input.
    pub ready_gate: Duration,
    /// What runs us, for people: it stands in locks and stop marks.
    pub caller: String,
}

impl Settings {
    /// A host under `root` of which nothing else is said: no home, no caller's folder, the programs of the
    /// system, and the limits that the contract has where a variable does not set them.
    pub fn new(root: Utf8PathBuf) -> Settings {
        Settings {
            sock_dir: root.join("socks"),
            root,
            home: None,
            current_folder: None,
            codex_home: None,
            path: "/usr/bin:/bin".into(),
            shell: "/bin/sh".into(),
            programs: BTreeMap::new(),
            log_max_bytes: 5 << 20,
            log_keep: 5,
            provision_timeout: Duration::from_secs(120),
            boot_deadline: Duration::from_secs(240),
            ready_gate: Duration::from_secs(120),
            caller: "iapeer".to_owned(),
        }
    }
}
