//! What the host was told: values only, read from the environment by the program that embeds us.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::num::NonZeroU32;
use std::time::Duration;

use camino::Utf8PathBuf;

/// Whether the server of a session is started in a scope of systemd of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scopes {
    /// Where there is a user's instance of systemd.
    WhereOffered,
    /// Nowhere.
    Off,
}

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
    /// The folder of the user's settings, where `XDG_CONFIG_HOME` names one; else it is `~/.config`.
    pub config_home: Option<Utf8PathBuf>,
    /// The folder of what runs for the user, where `XDG_RUNTIME_DIR` names one.
    pub runtime_dir: Option<Utf8PathBuf>,
    /// Whether a session's server gets a scope of its own.
    pub scopes: Scopes,
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
    /// So many deaths within [`Settings::crash_loop_window`] are a crash loop.
    pub crash_loop_max: NonZeroU32,
    /// The time in which deaths are counted for that.
    pub crash_loop_window: Duration,
    /// How long a session may take to show anything that is known of its runtime.
    pub boot_deadline: Duration,
    /// How long it may take from then to be ready for input.
    pub ready_gate: Duration,
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
            config_home: None,
            runtime_dir: None,
            scopes: Scopes::WhereOffered,
            path: "/usr/bin:/bin".into(),
            shell: "/bin/sh".into(),
            programs: BTreeMap::new(),
            log_max_bytes: 5 << 20,
            log_keep: 5,
            idle: Duration::from_secs(3600),
            pane_logs: PaneLogLimits::default(),
            provision_timeout: Duration::from_secs(120),
            crash_loop_max: const { NonZeroU32::new(3).expect("3 is not 0") },
            crash_loop_window: Duration::from_secs(300),
            boot_deadline: Duration::from_secs(240),
            ready_gate: Duration::from_secs(120),
            caller: "iapeer".to_owned(),
        }
    }

    /// The folder of the settings and transcripts of `codex`, where it is known.
    pub(crate) fn codex_home(&self) -> Option<Utf8PathBuf> {
        let at_home = || self.home.as_ref().map(|home| home.join(".codex"));
        self.codex_home.clone().or_else(at_home)
    }
}
