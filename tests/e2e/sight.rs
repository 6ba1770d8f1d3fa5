//! What tests look at on a host: its sessions, its records, its files, its processes.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::host::{Host, finish};
use crate::machine::{processes_of, wait_until};

impl Host {
    /// Starts the session of a peer; the pid of its server.
    #[track_caller]
    pub(crate) fn launch(&self, peer: &str) -> u32 {
        number(&self.json(["launch", peer])["server_pid"])
    }

    /// The only runtime of a peer, as `show` tells it.
    #[track_caller]
    pub(crate) fn runtime(&self, peer: &str) -> Value {
        let shown = self.json(["show", peer]);
        let runtimes = shown["peer"]["runtimes"].as_array().unwrap();
        assert_eq!(runtimes.len(), 1, "{shown}");
        runtimes[0].clone()
    }

    /// What a peer is doing.
    #[track_caller]
    pub(crate) fn status(&self, peer: &str) -> String {
        self.runtime(peer)["status"].as_str().unwrap().to_owned()
    }

    /// The witness of a peer's server.
    #[track_caller]
    pub(crate) fn recorder(&self, peer: &str) -> u32 {
        number(&self.runtime(peer)["canary"]["recorder_pid"])
    }

    /// What is written down about a session.
    #[track_caller]
    pub(crate) fn session(&self, identity: &str) -> Value {
        json_file(&self.root(&format!("state/lifecycle/{identity}.session")))
    }

    /// The deaths on record.
    #[track_caller]
    pub(crate) fn deaths(&self) -> Vec<Value> {
        let document = self.json("deaths");
        assert_eq!(document["unreadable_lines"], 0, "{document}");
        document["deaths"].as_array().unwrap().clone()
    }

    /// Waits until a witness has written down the death of a server, and helps it in no way.
    #[track_caller]
    pub(crate) fn death_is_recorded(&self) {
        wait_until("the witness's record", || {
            !self.logged("exits.log", &["ev=server-exit", "end=1"]).is_empty()
        });
    }

    /// The lines of a log under `logs/iapeer` that have all these words.
    pub(crate) fn logged(&self, log: &str, words: &[&str]) -> Vec<String> {
        let text = fs::read_to_string(self.root("logs/iapeer").join(log)).unwrap_or_default();
        text.lines().filter(|line| words.iter().all(|word| line.contains(word))).map(str::to_owned).collect()
    }

    /// The files about identities and witnesses. Locks say nothing about anybody.
    pub(crate) fn state(&self) -> Vec<String> {
        let mut files = Vec::new();
        for folder in ["lifecycle", "canary"] {
            let Ok(entries) = fs::read_dir(self.root("state").join(folder)) else { continue };
            let names = entries.map(|e| e.unwrap().file_name().into_string().unwrap());
            files
                .extend(names.filter(|name| !name.ends_with(".lock")).map(|name| format!("{folder}/{name}")));
        }
        files.sort();
        files
    }

    /// What tmux says to a command about an identity's server.
    #[track_caller]
    pub(crate) fn tmux(&self, identity: &str, words: &[&str]) -> String {
        let socket = self.root(&format!("socks/tmux-iap-{identity}.sock"));
        let words = [&["-f", "/dev/null", "-S", socket.to_str().unwrap()], words].concat();
        let ran = finish(&mut self.command("tmux", words.as_slice()));
        assert_eq!(ran.exit, 0, "tmux {words:?}: {ran:?}");
        ran.stdout
    }

    /// Types a line in a session.
    #[track_caller]
    pub(crate) fn types(&self, identity: &str, line: &str) {
        let target = format!("={identity}:");
        self.tmux(identity, &["send-keys", "-t", &target, "-l", "--", line]);
        self.tmux(identity, &["send-keys", "-t", &target, "Enter"]);
    }

    /// Every file under the root with its content, except locks, whose content is for people.
    pub(crate) fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut files = BTreeMap::new();
        let mut folders = vec![self.path("root")];
        while let Some(folder) = folders.pop() {
            let Ok(entries) = fs::read_dir(&folder) else { continue };
            for path in entries.map(|entry| entry.unwrap().path()) {
                if path.is_dir() {
                    folders.push(path.clone());
                }
                // What is no file has no content, but is there.
                if path.extension().is_none_or(|extension| extension != "lock") {
                    files.insert(path.clone(), fs::read(path).unwrap_or_default());
                }
            }
        }
        files
    }

    /// The same without the state folder and the logs, where it is told what was found wrong.
    pub(crate) fn files_but_events(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut files = self.files();
        files.retain(|path, _| !path.starts_with(self.root("state")) && !path.starts_with(self.root("logs")));
        files
    }

    /// The lock files under the root.
    pub(crate) fn locks(&self) -> Vec<PathBuf> {
        let folders = ["", "state", "state/lifecycle", "state/canary", "state/provision", "logs/iapeer"];
        let entries = folders.iter().filter_map(|folder| fs::read_dir(self.root(folder)).ok()).flatten();
        let is_lock = |path: &PathBuf| path.to_string_lossy().ends_with(".lock");
        entries.map(|entry| entry.unwrap().path()).filter(is_lock).collect()
    }

    /// Waits until nothing of this host runs any more.
    #[track_caller]
    pub(crate) fn is_quiet(&self) {
        wait_until("the end of every process of the test", || processes_of(self.folder()).is_empty());
    }
}

/// A JSON file.
#[track_caller]
pub(crate) fn json_file(path: &Path) -> Value {
    let text = fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_str(&text).unwrap()
}

/// A pid.
#[track_caller]
pub(crate) fn number(value: &Value) -> u32 {
    value.as_u64().and_then(|number| number.try_into().ok()).unwrap_or_else(|| panic!("no pid: {value}"))
}
