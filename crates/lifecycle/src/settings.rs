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
    /// How long a session may do nothing before it is put to sleep.
    pub idle: Duration,
    /// What is kept of what panes show.
    pub pane_logs: PaneLogLimits,
    /// The limit of one provider command.
    pub provision_timeout: Duration,
    /// What runs us, for people: it stands in locks and stop marks.
    pub caller: String,
}

/// What is kept of what panes show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PaneLogLimits {
    /// When a log is rotated, in bytes.
    pub max_bytes: u64,
    /// How many older generations of one are kept.
    pub keep: u32,
    /// How large all of them together may be, in bytes.
    pub folder_budget: u64,
    /// How long one is kept that nobody writes, in days.
    pub stale_days: u32,
}

impl Default for PaneLogLimits {
    fn default() -> Self {
        PaneLogLimits { max_bytes: 16 << 20, keep: 2, folder_budget: 512 << 20, stale_days: 14 }
    }
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
            idle: Duration::from_secs(3600),
            pane_logs: PaneLogLimits::default(),
            provision_timeout: Duration::from_secs(120),
            caller: "iapeer".to_owned(),
        }
    }
}
