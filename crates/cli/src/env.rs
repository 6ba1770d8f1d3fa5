//! The environment, read once. Nothing else in the project reads it.
//!
//! A value that does not parse is an error that names the variable, never a silent default.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::num::NonZeroU64;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use iapeer_lifecycle::{PaneLogLimits, Settings};

use crate::error::CliError;

/// Reads every variable of ours and makes the settings of this run.
pub(crate) fn settings(verb: &str) -> Result<Settings, CliError> {
    let env = Env::of_process();
    let home = env.path("HOME")?;
    let real_root = home.as_ref().map(|home| home.join(".iapeer"));
    let root = match env.path("IAPEER_ROOT")? {
        Some(root) => root,
        None => real_root
            .clone()
            .ok_or_else(|| CliError::usage("neither IAPEER_ROOT nor HOME is set, so there is no root"))?,
    };
    if env.flag("IAPEER_TEST_SANDBOX")?
        && let Some(real_root) = &real_root
    {
        iapeer_statefile::forbid_writes_under(real_root);
    }
    let default = Settings::new(root);
    let window = env.number("IAPEER_CRASHLOOP_WINDOW_SECS", default.crash_loop_window.as_secs())?;
    let timeout = env.number("IAPEER_PROVISION_TIMEOUT_SECS", default.provision_timeout.as_secs())?;
    let boot_deadline = env.seconds("IAPEER_BOOT_DEADLINE_SECS", default.boot_deadline)?;
    let ready_gate = env.seconds("IAPEER_READY_GATE_SECS", default.ready_gate)?;
    // Without any time every session would be put to sleep as soon as it is up.
    let idle = NonZeroU64::new(default.idle.as_secs()).expect("the default is an hour");
    let idle = env.number("IAPEER_IDLE_SECS", idle)?.get();
    let pane_logs = default.pane_logs;
    Ok(Settings {
        sock_dir: env.path("IAPEER_SOCK_DIR")?.unwrap_or(default.sock_dir),
        root: default.root,
        home,
        codex_home: env.path("CODEX_HOME")?,
        config_home: env.folder("XDG_CONFIG_HOME"),
        runtime_dir: env.folder("XDG_RUNTIME_DIR"),
        scopes: default.scopes,
        current_folder: std::env::current_dir()
            .ok()
            .and_then(|folder| Utf8PathBuf::from_path_buf(folder).ok()),
        path: env.raw("PATH").unwrap_or_default(),
        shell: env.path("SHELL")?.unwrap_or(default.shell),
        programs: env.programs()?,
        log_max_bytes: env.number("IAPEER_LIFECYCLE_LOG_MAX_BYTES", default.log_max_bytes)?,
        log_keep: env.number("IAPEER_LIFECYCLE_LOG_KEEP", default.log_keep)?,
        idle: Duration::from_secs(idle),
        pane_logs: PaneLogLimits {
            max_bytes: env.number("IAPEER_PANELOG_MAX_BYTES", pane_logs.max_bytes)?,
            keep: env.number("IAPEER_PANELOG_KEEP", pane_logs.keep)?,
            folder_budget: env.number("IAPEER_PANELOG_DIR_BUDGET", pane_logs.folder_budget)?,
            stale_days: env.number("IAPEER_PANELOG_STALE_DAYS", pane_logs.stale_days)?,
        },
        provision_timeout: Duration::from_secs(timeout),
        crash_loop_max: env.number("IAPEER_CRASHLOOP_MAX", default.crash_loop_max)?,
        crash_loop_window: Duration::from_secs(window),
        boot_deadline,
        ready_gate,
        caller: format!("iapeer {verb}"),
    })
}

/// What a service is told beside its root and `PATH`: every variable of ours, and those that say what the
/// programs of sessions find or how they write.
pub(crate) fn for_service() -> Result<BTreeMap<String, String>, CliError> {
    const ALSO: [&str; 4] = ["CODEX_HOME", "LANG", "LC_ALL", "LC_CTYPE"];
    let env = Env::of_process();
    let names = env.0.keys().filter_map(|name| name.to_str());
    let wanted = names.filter(|name| name.starts_with("IAPEER_") || ALSO.contains(name));
    let told = wanted.map(|name| Ok(env.text(name)?.map(|value| (name.to_owned(), value))));
    told.filter_map(Result::transpose).collect()
}

/// In whose session we run, as its launch told it; none outside of sessions.
pub(crate) fn own_identity() -> Result<Option<String>, CliError> {
    Env::of_process().text("PEER_IDENTITY")
}

/// The folder for what is temporary, where `TMPDIR` names one.
pub(crate) fn temporary_folder() -> Result<Option<Utf8PathBuf>, CliError> {
    Env::of_process().path("TMPDIR")
}

/// Whether colours are welcome (<https://no-color.org>).
pub(crate) fn wants_colour() -> bool {
    Env::of_process().raw("NO_COLOR").is_none()
}

/// Whether the terminal is one that can only print, or does not say what it can.
pub(crate) fn terminal_is_dumb() -> bool {
    Env::of_process().raw("TERM").is_none_or(|term| term == "dumb")
}

struct Env(BTreeMap<OsString, OsString>);

impl Env {
    #[expect(clippy::disallowed_methods, reason = "the door to the environment")]
    fn of_process() -> Env {
        Env(std::env::vars_os().collect())
    }

    /// An empty variable counts as unset, as everywhere in shells.
    fn raw(&self, name: &str) -> Option<OsString> {
        self.0.get(&OsString::from(name)).filter(|v| !v.is_empty()).cloned()
    }

    fn text(&self, name: &str) -> Result<Option<String>, CliError> {
        self.raw(name)
            .map(|value| value.into_string().map_err(|_| CliError::usage(format!("{name} is not UTF-8"))))
            .transpose()
    }

    fn path(&self, name: &str) -> Result<Option<Utf8PathBuf>, CliError> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        let path = Utf8PathBuf::from(text);
        if !path.is_absolute() {
            return Err(CliError::usage(format!("{name} is not an absolute path: {path}")));
        }
        if path.as_str().contains(|c: char| c.is_control()) {
            return Err(CliError::usage(format!(
                "{name} has a control character in it: {:?}",
                path.as_str()
            )));
        }
        Ok(Some(path))
    }

    /// A folder of the XDG base directories, which is to be passed over where it is not absolute.
    fn folder(&self, name: &str) -> Option<Utf8PathBuf> {
        self.path(name).ok().flatten()
    }

    fn number<T: std::str::FromStr>(&self, name: &str, default: T) -> Result<T, CliError> {
        match self.text(name)? {
            None => Ok(default),
            Some(text) => text.parse().map_err(|_| {
                CliError::usage(format!("{name} is not a whole number that makes sense here: {text:?}"))
            }),
        }
    }

    /// A limit, of at least one second: none would let nothing succeed.
    fn seconds(&self, name: &str, default: Duration) -> Result<Duration, CliError> {
        let default = NonZeroU64::new(default.as_secs()).unwrap_or(NonZeroU64::MIN);
        Ok(Duration::from_secs(self.number(name, default)?.get()))
    }

    fn flag(&self, name: &str) -> Result<bool, CliError> {
        match self.text(name)?.as_deref() {
            None | Some("0") => Ok(false),
            Some("1") => Ok(true),
            Some(other) => Err(CliError::usage(format!("{name} is neither 0 nor 1: {other:?}"))),
        }
    }

    /// `IAPEER_<RUNTIME>_BIN` for any runtime.
    fn programs(&self) -> Result<BTreeMap<String, Utf8PathBuf>, CliError> {
        let mut programs = BTreeMap::new();
        for name in self.0.keys().filter_map(|name| name.to_str()) {
            let runtime = name.strip_prefix("IAPEER_").and_then(|rest| rest.strip_suffix("_BIN"));
            if let Some(runtime) = runtime
                && let Some(path) = self.path(name)?
            {
                programs.insert(runtime.to_ascii_lowercase(), path);
            }
        }
        Ok(programs)
    }
}

/// A path as the user typed it, made absolute against the working folder.
pub(crate) fn absolute(path: &Utf8Path) -> Result<Utf8PathBuf, CliError> {
    camino::absolute_utf8(path)
        .map_err(|e| CliError::failed(format!("the working folder cannot be told: {e}")))
}
