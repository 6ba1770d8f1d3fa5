//! The kernel's counters of processes killed for want of memory.

use std::fmt;
use std::str::FromStr;

use camino::{Utf8Path, Utf8PathBuf};
use iapeer_statefile::{Entry, Line};

use crate::host::kernel_file;

/// The counters when a watch began. What is not known is `None`, and then nothing is said about it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OomBaseline {
    /// `oom_kill` of `/proc/vmstat`: kills on the whole host.
    pub host: Option<u64>,
    /// `oom_kill` of the server's cgroup.
    pub cgroup: Option<u64>,
    /// Where the cgroup's counter stands; the server's own word on it is gone when the server is.
    pub file: Option<Utf8PathBuf>,
}

/// Whether memory ran out between arming and death.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Oom {
    /// The kernel killed nobody for want of memory.
    No,
    /// So many processes of the server's own cgroup were killed.
    Cgroup(u64),
    /// So many processes of the host were killed; whether the server was one is not told.
    Host(u64),
    /// The counters could not be read, or not then and now.
    Unknown,
}

impl OomBaseline {
    /// Reads the counters as they bear on the process `pid`. Where the system has none, so has the result.
    pub fn read(pid: u32) -> OomBaseline {
        let file = counter_file(pid);
        OomBaseline {
            host: kills(Utf8Path::new("/proc/vmstat")),
            cgroup: file.as_deref().and_then(kills),
            file,
        }
    }

    /// What has happened since, within the same boot.
    pub fn since(&self) -> Oom {
        let now = OomBaseline {
            host: kills(Utf8Path::new("/proc/vmstat")),
            cgroup: self.file.as_deref().and_then(kills),
            file: None,
        };
        self.compare(&now)
    }

    fn compare(&self, now: &OomBaseline) -> Oom {
        let more = |then: Option<u64>, now: Option<u64>| Some(now?.saturating_sub(then?));
        match (more(self.cgroup, now.cgroup), more(self.host, now.host)) {
            (Some(n), _) if n > 0 => Oom::Cgroup(n),
            (_, Some(0)) => Oom::No,
            (_, Some(n)) => Oom::Host(n),
            (_, None) => Oom::Unknown,
        }
    }

    pub(crate) fn onto(&self, line: Line) -> Line {
        line.field_opt("oom_host", self.host)
            .field_opt("oom_cgroup", self.cgroup)
            .field_opt("oom_file", self.file.as_ref())
    }

    pub(crate) fn of(entry: &Entry) -> OomBaseline {
        let number = |key: &str| entry.get(key).and_then(|value| value.parse().ok());
        OomBaseline {
            host: number("oom_host"),
            cgroup: number("oom_cgroup"),
            file: entry.get("oom_file").map(Utf8PathBuf::from),
        }
    }
}

impl fmt::Display for Oom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Oom::No => f.write_str("no"),
            Oom::Cgroup(n) => write!(f, "cgroup+{n}"),
            Oom::Host(n) => write!(f, "host+{n}"),
            Oom::Unknown => f.write_str("unknown"),
        }
    }
}

impl FromStr for Oom {
    type Err = std::num::ParseIntError;

    /// Reads the word of a record; a word that we do not know is [`Oom::Unknown`], a bad number an error.
    fn from_str(word: &str) -> Result<Self, Self::Err> {
        match word.split_once('+') {
            Some(("cgroup", n)) => n.parse().map(Oom::Cgroup),
            Some(("host", n)) => n.parse().map(Oom::Host),
            _ if word == "no" => Ok(Oom::No),
            _ => Ok(Oom::Unknown),
        }
    }
}

/// The `oom_kill` line of a file of the kernel.
fn kills(path: &Utf8Path) -> Option<u64> {
    let text = String::from_utf8(kernel_file(path).ok()??).ok()?;
    text.lines().find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse().ok())
}

/// Where the memory events of a process's cgroup stand: version 2, else the memory controller of version 1.
fn counter_file(pid: u32) -> Option<Utf8PathBuf> {
    let text = kernel_file(&Utf8PathBuf::from(format!("/proc/{pid}/cgroup"))).ok()??;
    let text = String::from_utf8(text).ok()?;
    let candidates = text.lines().filter_map(|line| {
        let (hierarchy, rest) = line.split_once(':')?;
        let (controllers, path) = rest.split_once(':')?;
        if hierarchy == "0" && controllers.is_empty() {
            return Some(Utf8PathBuf::from(format!("/sys/fs/cgroup{path}/memory.events")));
        }
        let memory = controllers.split(',').any(|controller| controller == "memory");
        memory.then(|| Utf8PathBuf::from(format!("/sys/fs/cgroup/memory{path}/memory.oom_control")))
    });
    candidates.into_iter().find(|file| kills(file).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn since() {
        let base = |host, cgroup| OomBaseline { host, cgroup, file: None };
        let cases = [
            (base(Some(3), Some(1)), base(Some(3), Some(1)), "no"),
            (base(Some(3), Some(1)), base(Some(5), Some(2)), "cgroup+1"),
            (base(Some(3), Some(1)), base(Some(5), Some(1)), "host+2"),
            (base(Some(3), None), base(Some(5), None), "host+2"),
            (base(None, Some(1)), base(Some(5), Some(2)), "cgroup+1"),
            (base(None, Some(1)), base(Some(5), Some(1)), "unknown"),
            (base(None, None), base(Some(5), Some(1)), "unknown"),
            // Counters that went back belong to another boot or cgroup: nothing is known to have happened.
            (base(Some(9), None), base(Some(5), None), "no"),
        ];
        for (then, now, wanted) in cases {
            let oom = then.compare(&now);
            assert_eq!(oom.to_string(), wanted, "{then:?} {now:?}");
            assert_eq!(wanted.parse(), Ok(oom));
        }
        assert_eq!("cgroup+x".parse::<Oom>().ok(), None);
    }
}
