//! Hosts in a temporary folder, with as many peers as a bench wants.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use duct::cmd;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::measure::environment;
use crate::repository;
use crate::run::cargo;

/// The programs that are measured, and the folder in which that happens.
pub(super) struct Place {
    pub(super) iapeer: PathBuf,
    /// A program that does nothing.
    pub(super) empty: PathBuf,
    /// A program that does the least.
    pub(super) floor: PathBuf,
    folder: TempDir,
}

impl Place {
    /// Builds the programs, all in the same way.
    pub(super) fn new() -> Result<Place, String> {
        for what in [&["iapeer"][..], &["xtask", "--examples"]] {
            let build = ["build", "--quiet", "--release", "--package"];
            // Nothing but figures goes to standard output.
            let built = cargo(&[&build, what].concat()).stdout_to_stderr().run();
            built.map_err(|e| format!("cargo build --release --package {}: {e}", what.join(" ")))?;
        }
        let built = repository::workspace()?.target.join("release");
        let folder = tempfile::tempdir().map_err(|e| format!("cannot make a temporary folder: {e}"))?;
        let example = |name: &str| built.join("examples").join(name);
        Ok(Place { iapeer: built.join("iapeer"), empty: example("empty"), floor: example("floor"), folder })
    }

    /// A root in which nothing is.
    pub(super) fn root(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A root with so many peers that sleep, each with its folder and profile. The first is made by the program,
    /// the others are as it is.
    pub(super) fn peers(&self, count: usize) -> Result<PathBuf, String> {
        let root = self.root(&format!("peers-{count}"));
        if count == 0 || root.exists() {
            return Ok(root);
        }
        self.run(&root, &["create", &peer(0), "--runtime", "shell"])?;
        let failed = |e: std::io::Error| format!("cannot make {count} peers in {}: {e}", root.display());
        let profile = |n: usize| root.join("peers").join(peer(n)).join(".iapeer/peer-profile.json");
        let text = fs::read_to_string(profile(0)).map_err(failed)?;
        let index = root.join("peers-profiles.json");
        let mut document: Value = fs::read(&index)
            .map_err(failed)
            .and_then(|bytes| serde_json::from_slice(&bytes).map_err(|e| e.to_string()))?;
        let first = document["peers"][0].to_string();
        let mut peers = Vec::new();
        for n in 0..count {
            let renamed = |text: &str| text.replace(&peer(0), &peer(n));
            peers.push(serde_json::from_str::<Value>(&renamed(&first)).map_err(|e| e.to_string())?);
            let path = profile(n);
            fs::create_dir_all(path.parent().expect("a profile is in a folder")).map_err(failed)?;
            fs::write(&path, renamed(&text)).map_err(failed)?;
        }
        document["peers"] = json!(peers);
        fs::write(&index, format!("{document:#}\n")).map_err(failed)?;
        fs::set_permissions(&index, fs::Permissions::from_mode(0o600)).map_err(failed)?;
        Ok(root)
    }

    /// Runs the program for what is not measured.
    pub(super) fn run(&self, root: &Path, arguments: &[&str]) -> Result<(), String> {
        self.ask(root, arguments).map(drop)
    }

    /// What it prints.
    pub(super) fn ask(&self, root: &Path, arguments: &[&str]) -> Result<String, String> {
        let command = cmd(&self.iapeer, arguments).stdin_null();
        let command =
            environment(root).into_iter().fold(command, |command, (name, value)| command.env(name, value));
        command.read().map_err(|e| format!("iapeer {}: {e}", arguments.join(" ")))
    }
}

/// The name of a peer. All are equally long, and sorted by their numbers.
pub(super) fn peer(n: usize) -> String {
    format!("p{n:05}")
}
