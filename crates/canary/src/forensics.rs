//! Evidence for a death that a sweep records: what the kernel's files tell, without starting a process.
//! The witness collects more, at the death itself.

use std::fmt::Write as _;

use camino::{Utf8Path, Utf8PathBuf};
use iapeer_statefile::remove_file;

use crate::canary::{CanaryError, list_folder};
use crate::host::kernel_file;

const MAX_LINES: usize = 400;
const MAX_CHARS: usize = 400;
/// The forensics folder as a whole, in bytes; the newest files are kept.
const FOLDER_BUDGET: u64 = 64 << 20;
const PROCESSES: usize = 25;

/// The text for one death. Names of processes, never their arguments: those hold secrets.
pub(crate) fn collect(record: &str, boot_is_over: bool) -> String {
    let mut text = format!("{record}\n");
    text.push_str(match boot_is_over {
        true => {
            "Nobody saw this death, and the host was started anew since: what follows is from afterwards.\n"
        }
        false => "Found by a later look, so what follows may be from some time after the death.\n",
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
        let text = collect("record", false);
        assert!(text.starts_with("record\n") && text.contains("MemTotal"), "{text}");
        assert!(text.lines().skip_while(|line| !line.starts_with("--- processes")).count() > 2, "{text}");
    }
}
