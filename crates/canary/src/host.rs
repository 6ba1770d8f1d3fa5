//! What we ask of the machine: clock, boot, processes. Behind a trait, so that tests can have another.

use camino::Utf8Path;
#[cfg(target_os = "linux")]
use camino::Utf8PathBuf;
use iapeer_statefile::{ReadError, Timestamp};

use crate::process::{BootId, ProcessState};

#[cfg(not(target_os = "linux"))]
use elsewhere as system;
#[cfg(target_os = "linux")]
use linux as system;

/// Why the machine did not answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HostError {
    /// A file of the kernel could not be read.
    #[error("the kernel does not tell {what}")]
    Kernel {
        /// What was asked.
        what: &'static str,
        /// Why not.
        #[source]
        source: ReadError,
    },
    /// A file of the kernel, or what a program said, is not of the form that we know.
    #[error("the kernel's word on {what} is not understood: {text:?}")]
    NotUnderstood {
        /// What was asked.
        what: &'static str,
        /// What it said, shortened.
        text: String,
    },
    /// A program that should have told could not be run.
    #[error("cannot run {program} to learn {what}")]
    Program {
        /// What was asked.
        what: &'static str,
        /// The program.
        program: &'static str,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// A process could not be looked at.
    #[error("pid {pid} cannot be looked at: {reason}")]
    Process {
        /// Its pid.
        pid: u32,
        /// Why not.
        reason: String,
    },
}

/// The machine as this crate sees it.
pub trait Host: std::fmt::Debug + Send + Sync {
    /// The time of day.
    fn now(&self) -> Timestamp;

    /// What names the running boot.
    ///
    /// # Errors
    ///
    /// [`HostError`] when the system does not tell.
    fn boot_id(&self) -> Result<BootId, HostError>;

    /// Whole seconds since boot, with suspend, unmoved by changes of the clock.
    ///
    /// # Errors
    ///
    /// [`HostError`] when the system does not tell.
    fn secs_since_boot(&self) -> Result<u64, HostError>;

    /// What stands under a pid.
    fn observe(&self, pid: u32) -> ProcessState;
}

/// This machine, now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ThisHost {}

impl ThisHost {
    /// This machine.
    pub fn new() -> ThisHost {
        ThisHost {}
    }
}

impl Host for ThisHost {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn boot_id(&self) -> Result<BootId, HostError> {
        let text = system::boot_id()?;
        let word = text.trim();
        word.parse().map_err(|_| not_understood("the boot id", word))
    }

    fn secs_since_boot(&self) -> Result<u64, HostError> {
        system::secs_since_boot()
    }

    fn observe(&self, pid: u32) -> ProcessState {
        system::observe(pid)
    }
}

fn not_understood(what: &'static str, text: &str) -> HostError {
    HostError::NotUnderstood { what, text: text.chars().take(80).collect() }
}

/// Reads a file of the kernel's, which is small and made up as it is read.
pub(crate) fn kernel_file(path: &Utf8Path) -> Result<Option<Vec<u8>>, ReadError> {
    iapeer_statefile::read_file(path, 1 << 20)
}

#[cfg(target_os = "linux")]
pub(crate) mod linux {
    use std::os::unix::fs::MetadataExt;

    use rustix::io::Errno;

    use super::{HostError, ProcessState, ReadError, Utf8Path, Utf8PathBuf, kernel_file, not_understood};
    use crate::process::{ExitWord, StartTime};
    use crate::stat::ProcessStat;

    fn text(path: &str, what: &'static str) -> Result<String, HostError> {
        let bytes = kernel_file(Utf8Path::new(path)).map_err(|source| HostError::Kernel { what, source })?;
        bytes.map(|b| String::from_utf8_lossy(&b).into_owned()).ok_or_else(|| not_understood(what, ""))
    }

    pub(super) fn boot_id() -> Result<String, HostError> {
        text("/proc/sys/kernel/random/boot_id", "the boot id")
    }

    pub(super) fn secs_since_boot() -> Result<u64, HostError> {
        let what = "the time since boot";
        let uptime = text("/proc/uptime", what)?;
        let secs = uptime.split(['.', ' ']).next().and_then(|word| word.parse().ok());
        secs.ok_or_else(|| not_understood(what, &uptime))
    }

    pub(super) fn observe(pid: u32) -> ProcessState {
        let folder = Utf8PathBuf::from(format!("/proc/{pid}"));
        match kernel_file(&folder.join("stat")) {
            Ok(Some(stat)) => {
                let may_see_exit = folder.metadata().is_ok_and(|meta| {
                    let we = rustix::process::geteuid();
                    we.is_root() || meta.uid() == we.as_raw()
                });
                parse_stat(&stat, may_see_exit)
            }
            // Reaped while we looked.
            Err(ReadError::Io { source, .. })
                if source.raw_os_error() == Some(Errno::SRCH.raw_os_error()) =>
            {
                ProcessState::Gone
            }
            Ok(None) if Utf8Path::new("/proc/self/stat").exists() => ProcessState::Gone,
            Ok(None) => ProcessState::Unknown("/proc is not mounted".to_owned()),
            Err(e) => ProcessState::Unknown(e.to_string()),
        }
    }

    /// Reads `/proc/<pid>/stat`. The exit code is 0 for whoever may not see it, so it is only believed when
    /// `may_see_exit`.
    pub(crate) fn parse_stat(stat: &[u8], may_see_exit: bool) -> ProcessState {
        let unknown = || ProcessState::Unknown("its stat is not understood".to_owned());
        let text = String::from_utf8_lossy(stat);
        let Some(stat) = ProcessStat::parse(&text) else { return unknown() };
        let Some(start) = stat.field::<StartTime>(22) else { return unknown() };
        match stat.is_dead() {
            Some(true) => {
                let raw = stat.field(52).filter(|_| may_see_exit);
                ProcessState::Zombie { start, exit: raw.map(ExitWord::from_wait_status) }
            }
            Some(false) => ProcessState::Running { start },
            None => unknown(),
        }
    }
}

/// Systems without `/proc`: macOS and the BSDs. Never run there; the tests try on Linux what can be tried.
#[cfg(any(not(target_os = "linux"), test))]
mod elsewhere {
    use std::process::{Command, Stdio};

    use super::said::{parse_boot_time, parse_ps};
    use super::{HostError, ProcessState, Timestamp, not_understood};

    /// Asks a program of the system; not on Linux.
    #[expect(clippy::disallowed_methods, reason = "the system tells these facts through programs only")]
    fn ask(what: &'static str, program: &'static str, args: &[&str]) -> Result<String, HostError> {
        let output = Command::new(program)
            .args(args)
            .env_clear()
            .envs([("LC_ALL", "C"), ("TZ", "UTC0"), ("PATH", "/bin:/usr/bin:/sbin:/usr/sbin")])
            .stdin(Stdio::null())
            .output()
            .map_err(|source| HostError::Program { what, program, source })?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    pub(super) fn boot_id() -> Result<String, HostError> {
        ask("the boot id", "sysctl", &["-n", "kern.bootsessionuuid"])
    }

    pub(super) fn secs_since_boot() -> Result<u64, HostError> {
        let what = "the time since boot";
        let text = ask(what, "sysctl", &["-n", "kern.boottime"])?;
        let boot = parse_boot_time(&text).ok_or_else(|| not_understood(what, &text))?;
        u64::try_from(Timestamp::now().as_second() - boot).map_err(|_| not_understood(what, &text))
    }

    pub(super) fn observe(pid: u32) -> ProcessState {
        // Asking for ourselves too tells a ps that found nothing from a ps that failed.
        let ours = std::process::id();
        let pids = format!("{ours},{pid}");
        let args = ["-o", "pid=", "-o", "stat=", "-o", "lstart=", "-p", &pids];
        match ask("a process", "ps", &args) {
            Ok(text) => parse_ps(&text, pid, ours),
            Err(e) => ProcessState::Unknown(e.to_string()),
        }
    }
}

/// What the programs of such systems say.
#[cfg(any(not(target_os = "linux"), test, feature = "fuzzing"))]
pub(crate) mod said {
    use super::ProcessState;
    use crate::process::StartTime;

    /// Reads `{ sec = 1700000000, usec = 0 } Tue Nov 14 22:13:20 2023`.
    pub(crate) fn parse_boot_time(text: &str) -> Option<i64> {
        text.split_once("sec = ")?.1.split(',').next()?.trim().parse().ok()
    }

    pub(crate) fn parse_ps(text: &str, pid: u32, ours: u32) -> ProcessState {
        let mut saw_ourselves = false;
        for line in text.lines() {
            let fields: Vec<&str> = line.split_ascii_whitespace().collect();
            let [found, stat, _weekday, month, day, time, year] = fields[..] else { continue };
            saw_ourselves |= found.parse() == Ok(ours);
            if found.parse() != Ok(pid) {
                continue;
            }
            let Ok(start) = format!("{year}-{month}-{day}-{time}").parse::<StartTime>() else { break };
            return match stat.starts_with('Z') {
                true => ProcessState::Zombie { start, exit: None },
                false => ProcessState::Running { start },
            };
        }
        match saw_ourselves {
            true => ProcessState::Gone,
            false => ProcessState::Unknown("ps did not answer".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn stat_is_read_whatever_the_name() {
        use crate::process::{ExitWord, StartTime};
        // Fields 4 to 51 of proc(5); the start time is field 22.
        let fields = format!("{} 4711 {}", "1 ".repeat(18).trim(), "0 ".repeat(29).trim());
        let stat = |name: &str, state: char, exit: u32| {
            format!("17 ({name}) {state} {fields} {exit}\n").into_bytes()
        };
        let start: StartTime = "4711".parse().expect("a word");
        for name in ["sleep", "a b", "a) Z 1 (b", "a\nb", ")", ""] {
            let running = ProcessState::Running { start: start.clone() };
            assert_eq!(linux::parse_stat(&stat(name, 'S', 0), true), running, "{name:?}");
        }
        let ends =
            [(9, ExitWord::Signaled(9)), (0x80 | 11, ExitWord::Signaled(11)), (7 << 8, ExitWord::Exited(7))];
        for (raw, exit) in ends {
            let zombie = ProcessState::Zombie { start: start.clone(), exit: Some(exit) };
            assert_eq!(linux::parse_stat(&stat("x", 'Z', raw), true), zombie);
            assert_eq!(exit.to_string().parse(), Ok(exit));
        }
        let hidden = ProcessState::Zombie { start, exit: None };
        assert_eq!(linux::parse_stat(&stat("x", 'Z', 0), false), hidden);
        for torn in [&b""[..], b"17 (x", b"17 (x) ", b"17 (x) S 1 2 3", b"17 (\xff) S"] {
            assert!(matches!(linux::parse_stat(torn, true), ProcessState::Unknown(_)), "{torn:?}");
        }
    }

    #[test]
    fn ps_is_read() {
        let text = " 10 Ss Sat Nov 21 01:02:03 2026\n 11 Z+ Sat Nov 21 01:02:04 2026\n12 S - - - - -\n";
        let running = ProcessState::Running { start: "2026-Nov-21-01:02:03".parse().expect("a word") };
        assert_eq!(said::parse_ps(text, 10, 11), running);
        let zombie =
            ProcessState::Zombie { start: "2026-Nov-21-01:02:04".parse().expect("a word"), exit: None };
        assert_eq!(said::parse_ps(text, 11, 10), zombie);
        assert_eq!(said::parse_ps(text, 99, 10), ProcessState::Gone);
        for (text, pid, ours) in [("", 10, 11), ("ps: bad option\n", 10, 11), (text, 99, 98)] {
            assert!(matches!(said::parse_ps(text, pid, ours), ProcessState::Unknown(_)), "{text:?}");
        }
        // The real ps knows this very process.
        assert!(matches!(elsewhere::observe(std::process::id()), ProcessState::Running { .. }));
    }

    #[test]
    fn boot_time_is_read() {
        let text = "{ sec = 1700000000, usec = 0 } Tue Nov 14 22:13:20 2023\n";
        assert_eq!(said::parse_boot_time(text), Some(1_700_000_000));
        assert_eq!(said::parse_boot_time(""), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn what_linux_does_not_tell_that_way_is_not_made_up() {
        assert!(elsewhere::secs_since_boot().is_err());
        assert!(elsewhere::boot_id().map_or(true, |text| text.trim().is_empty()));
    }

    #[test]
    fn this_host_answers() {
        let host = ThisHost::new();
        assert!(host.boot_id().is_ok() && host.secs_since_boot().is_ok());
    }
}
