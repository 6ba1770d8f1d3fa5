//! What must hold of a fleet at rest, whatever was done to it before; shared by the end-to-end tests and the soak.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde_json::Value;

/// A fleet that is at rest.
pub(crate) struct Fleet<'a> {
    /// The root of its host.
    pub(crate) root: &'a Path,
    /// The servers that were killed: whose, and their pids.
    pub(crate) killed: &'a [(String, u32)],
    /// What `iapeer … --json` says.
    pub(crate) ask: &'a dyn Fn(&[&str]) -> Value,
}

/// Numbers that look random and are the same for the same seed (xorshift64*).
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Random {
        Random(seed | 1)
    }

    /// A number below `limit`.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % limit
    }
}

/// The value of a key in a line of logfmt, where it needs no quotes.
pub(crate) fn field<'a>(line: &'a str, key: &str) -> Option<&'a str> {
    line.split(' ').find_map(|word| word.strip_prefix(key)?.strip_prefix('='))
}

impl Fleet<'_> {
    /// Everything that does not hold.
    pub(crate) fn findings(&self) -> Vec<String> {
        let mut findings = self.of_deaths();
        findings.extend(self.of_sessions());
        findings.extend(self.of_witnesses());
        findings.extend(self.of_files());
        findings
    }

    /// Every server that was killed has one line, and nobody else has one about a death.
    fn of_deaths(&self) -> Vec<String> {
        let exits = self.lines("exits.log", "server-exit");
        let stops = self.lines("lifecycle.log", "server-stop");
        let mut lines = BTreeMap::<&str, u32>::new();
        for death in exits.iter().chain(&stops).filter_map(|line| field(line, "death")) {
            *lines.entry(death).or_default() += 1;
        }
        let mut findings: Vec<_> = lines
            .iter()
            .filter(|(_, count)| **count != 1)
            .map(|(death, count)| format!("the end of {death} has {count} lines"))
            .collect();
        let of = |line: &String| {
            Some((field(line, "identity")?.to_owned(), field(line, "server_pid")?.parse().ok()?))
        };
        let died: BTreeSet<(String, u32)> = exits.iter().filter_map(of).collect();
        let ended: BTreeSet<(String, u32)> = stops.iter().filter_map(of).collect();
        let killed: BTreeSet<_> = self.killed.iter().cloned().collect();
        // The end of one may have been announced before it was killed, as by a pass that put it to sleep.
        let unrecorded = killed.iter().filter(|one| !died.contains(one) && !ended.contains(one));
        findings.extend(unrecorded.map(|(who, pid)| format!("the death of {who} (pid {pid}) has no line")));
        let uncalled = died.difference(&killed);
        findings.extend(
            uncalled.map(|(who, pid)| format!("{who} (pid {pid}) was not killed, and counts as dead")),
        );
        // A pid alone may come back within minutes, where there are so many.
        let mut ends = BTreeMap::<(String, String, String), u32>::new();
        for line in self.lines("exits.log", "session-exit") {
            let word = |key| field(&line, key).unwrap_or_default().to_owned();
            *ends.entry((word("identity"), word("server_pid"), word("pane_pid"))).or_default() += 1;
        }
        let twice = ends.into_iter().filter(|(_, count)| *count > 1);
        findings.extend(
            twice.map(|((who, _, pid), n)| format!("the end of the program {pid} of {who} has {n} lines")),
        );
        findings
    }

    /// No identity has two servers, no stopped one has any, and each that lives is written down.
    fn of_sessions(&self) -> Vec<String> {
        let mut findings = Vec::new();
        let list = (self.ask)(&["list"]);
        let runtimes =
            list["peers"].as_array().into_iter().flatten().flat_map(|peer| peer["runtimes"].as_array());
        for runtime in runtimes.flatten() {
            let (who, status) = (runtime["identity"].as_str().unwrap_or_default(), &runtime["status"]);
            let servers = self.servers(runtime["socket"].as_str().unwrap_or_default());
            let fact = |fact: &str| self.root.join(format!("state/lifecycle/{who}.{fact}")).exists();
            let wanted = usize::from(status == "live");
            if servers.len() != wanted {
                findings.push(format!("{who} is {status} and has the servers {servers:?}"));
            }
            if fact("stopped") && !servers.is_empty() {
                findings.push(format!("{who} was stopped, and runs"));
            }
            if fact("session") != (wanted == 1) {
                findings
                    .push(format!("{who} is {status}, and its session is written down: {}", fact("session")));
            }
        }
        findings
    }

    /// The tmux servers on a socket, which stands in their arguments.
    fn servers(&self, socket: &str) -> Vec<u32> {
        let pids = fs::read_dir("/proc").into_iter().flatten().flatten();
        let pids = pids.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        let read = |pid: u32, file: &str| fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
        let is_server = |pid: &u32| {
            read(*pid, "comm").starts_with(b"tmux: server")
                && read(*pid, "cmdline").split(|byte| *byte == 0).any(|word| word == socket.as_bytes())
        };
        pids.filter(is_server).collect()
    }

    /// Each server that is watched lives, or its death is on record.
    fn of_witnesses(&self) -> Vec<String> {
        let list = (self.ask)(&["canary", "list"]);
        let open = list["canaries"].as_array().into_iter().flatten();
        let open = open.filter(|canary| !matches!(canary["state"].as_str(), Some("armed" | "settled")));
        open.map(|canary| format!("a witness has not come to its end: {canary}")).collect()
    }

    /// Nothing lies about that has no name in the table, and nothing is set aside.
    fn of_files(&self) -> Vec<String> {
        let doctor = (self.ask)(&["doctor"]);
        let checks = doctor["checks"].as_array().into_iter().flatten();
        // To the host a name that is not in the table is no fault, for it may be the user's; here nobody is one.
        let is_fine = |check: &&Value| match check["status"].as_str() {
            Some("info") => check["id"] != "undeclared",
            status => matches!(status, Some("ok" | "skipped")),
        };
        let bad = checks.filter(|check| !is_fine(check));
        let mut findings: Vec<_> =
            bad.map(|check| format!("doctor: {}: {}", check["id"], check["summary"])).collect();
        if fs::read_dir(self.root.join("quarantine")).is_ok_and(|mut entries| entries.next().is_some()) {
            findings.push("something is in quarantine".to_owned());
        }
        findings
    }

    /// The lines of a log about an event, also of its older generations.
    fn lines(&self, log: &str, event: &str) -> Vec<String> {
        let word = format!(" ev={event} ");
        let folder = fs::read_dir(self.root.join("logs/iapeer")).into_iter().flatten().flatten();
        let logs = folder.filter(|entry| entry.file_name().to_string_lossy().starts_with(log));
        let texts = logs.map(|entry| fs::read_to_string(entry.path()).unwrap_or_default());
        let lines =
            |text: String| text.lines().filter(|l| l.contains(&word)).map(str::to_owned).collect::<Vec<_>>();
        texts.flat_map(lines).collect()
    }
}
