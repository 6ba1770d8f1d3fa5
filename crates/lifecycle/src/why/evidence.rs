//! What an answer rests on: the records, and what else stands on the disk about them.

use std::time::SystemTime;

use camino::Utf8Path;
use iapeer_canary::{Cause, Death, DeathRecord, Incarnation, Oom};
use iapeer_registry::Identity;
use iapeer_statefile::{Entry, Timestamp, iso_millis, list_folder, read_file};

use super::story::{Story, on_purpose};
use super::{Evidence, Happening};
use crate::deaths::{cause_word, forensics};
use crate::host::Host;
use crate::observe::Observed;
use crate::runtime::Runtime;
use crate::transcripts::newest_transcript;

/// No forensics file and no mark is larger than this, in bytes.
const LIMIT: u64 = 1 << 20;
/// How many lines of the kernel's log are shown.
const KERNEL_LINES: usize = 3;

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    /// The evidence, what weighs most first.
    pub(super) evidence: Vec<Evidence>,
    /// When it last did something.
    pub(super) activity: Vec<Happening>,
    /// Whether the kernel's log says that it killed this very server for want of memory.
    pub(super) killed_for_memory: bool,
}

/// What the forensics of a death say about memory, beside the record.
#[derive(Debug, Default, PartialEq, Eq)]
struct Forensics {
    /// The counter of kills when the server was armed and at the death.
    counters: Option<String>,
    /// Lines of the kernel's log about killing, those about this server first.
    kernel: Vec<String>,
    /// Whether one of them says that this server was killed.
    killed: bool,
}

/// The names of the episodes that bear on an identity.
pub(super) fn episodes(identity: &Identity) -> [String; 5] {
    [
        format!("session-{identity}"),
        format!("profile-{}", identity.personality()),
        "registry".to_owned(),
        "registry-entries".to_owned(),
        "rename".to_owned(),
    ]
}

/// Gathers the evidence. What cannot be read is left out: the journals, which can, are the answer's ground.
pub(super) fn gather(
    host: &Host,
    identity: &Identity,
    story: &Story<'_>,
    together: &[&str],
    observed: &Observed,
) -> Gathered {
    let layout = host.layout();
    let mut gathered = Gathered::default();
    if observed.stopped.is_some() {
        gathered.add(&layout.fact(identity, "stopped"), "it is marked as stopped");
    }
    if let Some(record) = story.last {
        gathered.death(&layout.exits_log(), record, together);
    }
    if let Some(ended) = story.ended {
        gathered.add(&layout.lifecycle_log(), format!("{} {}", ended.ts(), on_purpose(ended)));
    }
    if let Some(refused) = story.refused {
        gathered.add(&layout.lifecycle_log(), refusal(refused));
    }
    let marks = list_folder(&layout.degradations()).unwrap_or_default();
    for mark in marks.iter().filter(|mark| episodes(identity).contains(mark)) {
        let path = layout.degradations().join(mark);
        let since = read_file(&path, LIMIT).ok().flatten().unwrap_or_default();
        let since = String::from_utf8_lossy(&since).trim().to_owned();
        gathered.add(&path, format!("something is wrong since {since}: `iapeer status` tells what"));
    }
    let pane = layout.pane_log(identity);
    if pane.exists() {
        gathered.add(&pane, "what its pane showed");
        gathered.activity("the pane", changed(&pane));
    }
    if let Ok(peer) = host.peer(identity.personality())
        && let Ok(runtime) = Runtime::find(identity.runtime(), layout)
        && let Ok(Some(transcript)) = newest_transcript(host, &runtime, &peer.cwd)
    {
        gathered.activity("a transcript", Some(transcript.modified));
    }
    gathered
}

impl Gathered {
    fn add(&mut self, source: &Utf8Path, text: impl Into<String>) {
        self.evidence.push(Evidence { source: source.to_string(), text: text.into() });
    }

    fn activity(&mut self, of: &str, at: Option<SystemTime>) {
        if let Some(at) = at.and_then(|at| Timestamp::try_from(at).ok()) {
            self.activity.push(Happening { ts: iso_millis(at), what: format!("last activity of {of}") });
        }
    }

    fn death(&mut self, log: &Utf8Path, record: &DeathRecord, together: &[&str]) {
        self.add(log, told(record));
        if together.len() > 1 {
            let whose = together.join(", ");
            self.add(log, format!("{} servers died together, of the same cause: {whose}", together.len()));
        }
        let Death::Server(server) = &record.what else { return };
        let path = forensics(record).filter(|path| path.exists());
        let bytes = path.as_ref().and_then(|path| read_file(path, LIMIT).ok().flatten());
        let text = bytes.unwrap_or_default();
        let found = read_forensics(&String::from_utf8_lossy(&text), record.server_pid, server.oom);
        if let Some(path) = &path {
            let counters = found.counters.map_or_else(String::new, |counters| format!("; {counters}"));
            self.add(path, format!("what the machine looked like{counters}"));
            for line in &found.kernel {
                self.add(path, format!("the kernel's log: {line}"));
            }
        }
        // A pid is borne again and again in one boot, and a log is long: the counters must agree.
        self.killed_for_memory = found.killed && matches!(server.oom, Oom::Host(_) | Oom::Cgroup(_));
        if let (Cause::Reboot, Ok(Some(us))) = (&server.cause, Incarnation::of(std::process::id())) {
            let then = server.death.as_deref().and_then(boot_of).unwrap_or("another boot");
            let text = format!("this boot is {}, and the server ran in {then}", us.boot.short());
            self.add(Utf8Path::new("/proc/sys/kernel/random/boot_id"), text);
        }
    }
}

/// The record in a few words.
fn told(record: &DeathRecord) -> String {
    let status = record.status().map_or_else(|| "unknown".to_owned(), |status| status.to_string());
    let what = format!("cause {}, status {status}", cause_word(record));
    let Death::Server(server) = &record.what else {
        return format!("{} session-exit, {what}, seen by the exit hook or a sweep", record.ts);
    };
    let memory = match server.oom {
        Oom::No => "nobody killed for memory meanwhile".to_owned(),
        Oom::Cgroup(n) => format!("{n} killed for memory in its group meanwhile"),
        Oom::Host(n) => format!("{n} killed for memory on this host meanwhile"),
        Oom::Unknown => "whether for memory is not known".to_owned(),
    };
    let intent = server.intent.as_deref().filter(|intent| *intent != "none");
    let intent = intent.map_or_else(String::new, |intent| format!(", a {intent} intent did not count"));
    let observer = server.observer.as_deref().unwrap_or("somebody");
    format!("{} server-exit, {what}, {memory}{intent}, seen by {observer}", record.ts)
}

fn refusal(refused: &Entry) -> String {
    format!("{} a launch was refused: {}", refused.ts(), refused.get("cause").unwrap_or("unknown"))
}

/// The boot in the name of a death, `<identity>.<boot8>.<pid>.<start>`, whose identity has no dot.
fn boot_of(death: &str) -> Option<&str> {
    death.split('.').nth(1)
}

/// Reads the forensics of the death of the server with this pid. What the kernel's log says of others bears on
/// it only where memory may have run out meanwhile: that log goes back to the boot.
fn read_forensics(text: &str, pid: Option<u32>, oom: Oom) -> Forensics {
    let when_armed = text.lines().find_map(|line| line.strip_prefix("when armed: "));
    let at_death = section(text, "--- reclaim").find_map(|line| line.strip_prefix("oom_kill "));
    let counters = when_armed.zip(at_death);
    let is_word = |line: &&str| !line.starts_with('(') && !line.starts_with("not permitted");
    let lines: Vec<_> = section(text, "--- kernel-log").filter(is_word).collect();
    let names_it = |line: &str| {
        let mut words = line.split(|c: char| !c.is_ascii_alphanumeric());
        pid.is_some_and(|pid| words.any(|word| word == pid.to_string()))
    };
    let about_it: Vec<_> = lines.iter().copied().filter(|line| names_it(line)).collect();
    let killed = pid.is_some_and(|pid| {
        let words = format!("killed process {pid} ");
        about_it.iter().any(|line| line.to_ascii_lowercase().contains(&words))
    });
    let shown = match oom {
        Oom::Host(_) | Oom::Cgroup(_) | Oom::Unknown if about_it.is_empty() => &lines,
        _ => &about_it,
    };
    Forensics {
        counters: counters.map(|(then, now)| format!("when armed: {then}; at the death: oom_kill {now}")),
        kernel: shown[shown.len().saturating_sub(KERNEL_LINES)..].iter().map(|l| (*l).to_owned()).collect(),
        killed,
    }
}

fn section<'a>(text: &'a str, heading: &'a str) -> impl Iterator<Item = &'a str> {
    let lines = text.lines().skip_while(move |line| *line != heading).skip(1);
    lines.take_while(|line| !line.starts_with("--- "))
}

fn changed(path: &Utf8Path) -> Option<SystemTime> {
    path.metadata().ok()?.modified().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forensics_tell_of_memory() {
        let text = "the record\n--- reclaim\noom_kill 3\npgmajfault 9\nwhen armed: oom_kill 1, in its cgroup 0\n\
            --- kernel-log\n[5.1] Out of memory: Killed process 70 (node) total-vm:1kB\n\
            [9.2] Out of memory: Killed process 7 (tmux: server) total-vm:1kB\n(exit code 1)\n--- processes\n\
            7 1 oom killed process 7 \n--- end\n";
        let found = read_forensics(text, Some(7), Oom::Host(2));
        let counters = "when armed: oom_kill 1, in its cgroup 0; at the death: oom_kill 3";
        assert_eq!(found.counters.as_deref(), Some(counters));
        assert_eq!(found.kernel, ["[9.2] Out of memory: Killed process 7 (tmux: server) total-vm:1kB"]);
        assert!(found.killed);

        for (oom, shown) in [(Oom::Host(2), 2), (Oom::Unknown, 2), (Oom::No, 0)] {
            let of_another = read_forensics(text, Some(8), oom);
            assert_eq!((of_another.kernel.len(), of_another.killed), (shown, false), "{oom}");
        }
        let named_only = read_forensics("--- kernel-log\ntmux[7]: segfault at 0\n", Some(7), Oom::No);
        assert_eq!((named_only.kernel.len(), named_only.killed), (1, false));
        for text in ["", "--- kernel-log\nnot permitted, or empty\n--- end\n", "--- reclaim\noom_kill 3\n"] {
            assert_eq!(read_forensics(text, Some(7), Oom::Host(2)), Forensics::default(), "{text:?}");
        }
    }

    #[test]
    fn a_death_names_its_boot() {
        assert_eq!(boot_of("shell-a.ec5a8d52.7.99"), Some("ec5a8d52"));
        assert_eq!(boot_of("old"), None);
    }
}
