//! Evidence for a death that a sweep or a watcher records: what the kernel's files tell, without starting a
//! process. The witness collects more.

use std::fmt::Write as _;

use camino::{Utf8Path, Utf8PathBuf};
use iapeer_statefile::{Line, ensure_dir, remove_file, replace_file};

use crate::canary::{Canary, CanaryError, list_folder};
use crate::host::kernel_file;

const MAX_LINES: usize = 400;
const MAX_CHARS: usize = 400;
/// The forensics folder as a whole, in bytes; the newest files are kept.
const FOLDER_BUDGET: u64 = 64 << 20;
const PROCESSES: usize = 25;

/// When the evidence is collected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    /// Right after a death that somebody saw.
    AtDeath,
    /// Some time after it.
    Later,
    /// In a later boot.
    AfterBoot,
}

/// The forensics that a record still owes.
#[derive(Debug)]
pub(crate) struct Owed {
    death: String,
    path: Utf8PathBuf,
    record: String,
    moment: Moment,
}

impl Owed {
    pub(crate) fn new(death: &str, path: Utf8PathBuf, record: String, moment: Moment) -> Owed {
        Owed { death: death.to_owned(), path, record, moment }
    }
}

impl Canary {
    /// Collects what a record owes. The record stands without it; that it is missing is told beside it.
    pub(crate) fn collect(&self, owed: &Owed) -> Result<(), CanaryError> {
        let evidence = evidence(&owed.record, owed.moment);
        let kept =
            ensure_dir(&self.places.forensics).and_then(|()| replace_file(&owed.path, evidence.as_bytes()));
        if let Err(e) = kept {
            let line = Line::new(self.host.now(), "canary").field("state", "no-forensics");
            let line = line.field("death", &owed.death).field("reason", e).field("end", 1);
            self.lifecycle.append(&line)?;
        }
        Ok(())
    }
}

/// The text for one death. Names of processes, never their arguments: those hold secrets.
fn evidence(record: &str, moment: Moment) -> String {
    let mut text = format!("{record}\n");
    text.push_str(match moment {
        Moment::AtDeath => "",
        Moment::Later => "Found by a later look, so what follows may be from some time after the death.\n",
        Moment::AfterBoot => {
            "Nobody saw this death, and the host was started anew since: what follows is from afterwards.\n"
        }
    });
    section(&mut text, "load", "/proc/loadavg", |_| true);
    section(&mut text, "memory", "/proc/meminfo", |line| {
        ["MemTotal", "MemFree", "MemAvailable", "SwapTotal", "SwapFree"]
            .iter()
            .any(|key| line.starts_with(key))
    });
    section(&mut text, "pressure", "/proc/pressure/memory", |_| true);
    section(&mut text, "reclaim", "/proc/vmstat", |line| {
        ["oom_kill ", "pgmajfault ", "allocstall_", "pgscan_direct "].iter().any(|key| line.starts_with(key))
    });
    text.push_str("--- processes (pid, KiB resident, name)\n");
    let mut processes = processes();
    if processes.is_empty() {
        text.push_str("not collected on this system\n");
    }
    processes.sort_by_key(|(_, resident, _)| std::cmp::Reverse(*resident));
    for (pid, resident, name) in processes.into_iter().take(PROCESSES) {
        writeln!(text, "{pid} {resident} {name}").expect("writing to a String cannot fail");
    }
    bounded(&text)
}

/// Removes the oldest files until the rest fits into the budget.
pub(crate) fn enforce_budget(folder: &Utf8Path) -> Result<(), CanaryError> {
    let mut files = Vec::new();
    for name in list_folder(folder)? {
        let path = folder.join(name);
        // One that is gone by now needs no room.
        if let Ok(meta) = path.symlink_metadata()
            && meta.is_file()
        {
            files.push((meta.modified().ok(), meta.len(), path));
        }
    }
    files.sort_by(|a, b| b.cmp(a));
    let mut total = 0;
    for (_, len, path) in files {
        total += len;
        if total > FOLDER_BUDGET {
            remove_file(&path)?;
        }
    }
    Ok(())
}

fn section(text: &mut String, title: &str, path: &str, wanted: impl Fn(&str) -> bool) {
    writeln!(text, "--- {title}").expect("writing to a String cannot fail");
    match kernel_file(Utf8Path::new(path)) {
        Ok(Some(bytes)) => {
            for line in String::from_utf8_lossy(&bytes).lines().filter(|line| wanted(line)) {
                writeln!(text, "{line}").expect("writing to a String cannot fail");
            }
        }
        Ok(None) => text.push_str("not there on this system\n"),
        Err(e) => writeln!(text, "{e}").expect("writing to a String cannot fail"),
    }
}

fn processes() -> Vec<(u32, u64, String)> {
    let names = list_folder(Utf8Path::new("/proc")).unwrap_or_default();
    let pids = names.iter().filter_map(|name| name.parse::<u32>().ok());
    let process = |pid: u32| {
        let status = kernel_file(&Utf8PathBuf::from(format!("/proc/{pid}/status"))).ok()??;
        let status = String::from_utf8_lossy(&status).into_owned();
        let field = |key: &str| status.lines().find_map(|line| line.strip_prefix(key)).map(str::trim);
        // Threads of the kernel have no memory of their own.
        let resident = field("VmRSS:")?.split(' ').next()?.parse().ok()?;
        Some((pid, resident, field("Name:")?.to_owned()))
    };
    pids.filter_map(process).collect()
}

fn bounded(text: &str) -> String {
    let mut bounded = String::new();
    for line in text.lines().take(MAX_LINES - 1) {
        bounded.extend(line.chars().take(MAX_CHARS));
        bounded.push('\n');
    }
    bounded + "--- end\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds() {
        let text = format!("{}\n", "x".repeat(1000)).repeat(1000);
        let bounded = bounded(&text);
        assert_eq!(bounded.lines().count(), MAX_LINES);
        assert!(bounded.lines().all(|line| line.chars().count() <= MAX_CHARS));
        assert!(bounded.ends_with("--- end\n"));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn evidence_has_names_and_no_arguments() {
        let text = evidence("record", Moment::Later);
        assert!(text.starts_with("record\n") && text.contains("MemTotal"), "{text}");
        assert!(text.lines().skip_while(|line| !line.starts_with("--- processes")).count() > 2, "{text}");
    }
}
