//! What is in this repository: packages and files.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::run;

/// The packages of the workspace, and where cargo builds them.
pub(crate) struct Workspace {
    pub(crate) packages: Vec<Package>,
    pub(crate) target: PathBuf,
}

pub(crate) struct Package {
    pub(crate) name: String,
    /// Its folder, from the root of the repository.
    pub(crate) folder: String,
    /// The packages of this workspace that it depends on, other than for tests.
    pub(crate) uses: Vec<String>,
}

impl Package {
    /// Whether it is delivered as a library, for programs of others.
    pub(crate) fn is_library(&self) -> bool {
        self.folder.starts_with("crates/") && self.name.starts_with("iapeer-")
    }

    /// Whether it is delivered at all.
    pub(crate) fn is_delivered(&self) -> bool {
        self.folder.starts_with("crates/")
    }
}

/// The root of the repository.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask is a folder in the root")
}

/// What cargo knows of the workspace.
pub(crate) fn workspace() -> Result<Workspace, String> {
    read_metadata(&metadata(root(), &["--no-deps"])?, root())
}

/// What `cargo metadata` says of the workspace in a folder.
pub(crate) fn metadata(root: &Path, options: &[&str]) -> Result<Value, String> {
    let arguments = [&["metadata", "--format-version", "1"], options].concat();
    // Its error is a text for people; only with it one knows what to do.
    let output = run::cargo_in(root, &arguments).stdout_capture().stderr_capture().unchecked().run();
    let output = output.map_err(|e| format!("`cargo metadata` could not be started: {e}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("`cargo {}` failed: {}", arguments.join(" "), said.trim()));
    }
    serde_json::from_slice(&output.stdout).map_err(|e| format!("`cargo metadata` gave no JSON: {e}"))
}

/// The workspace that `cargo metadata` told of, in this folder.
pub(crate) fn read_metadata(metadata: &Value, root: &Path) -> Result<Workspace, String> {
    packages_in(metadata, root).ok_or_else(|| "`cargo metadata` gave something unexpected".to_owned())
}

fn packages_in(metadata: &Value, root: &Path) -> Option<Workspace> {
    let members = metadata["workspace_members"].as_array()?;
    let packages: Vec<&Value> =
        metadata["packages"].as_array()?.iter().filter(|p| members.contains(&p["id"])).collect();
    let names: Vec<&str> = packages.iter().map(|p| p["name"].as_str()).collect::<Option<_>>()?;
    let read = |package: &Value| {
        let manifest = Path::new(package["manifest_path"].as_str()?);
        let folder = manifest.parent()?.strip_prefix(root).ok()?;
        let dependencies = package["dependencies"].as_array()?;
        let normal = dependencies.iter().filter(|d| d["kind"].as_str() != Some("dev"));
        let uses = normal.filter_map(|d| d["name"].as_str()).filter(|name| names.contains(name));
        Some(Package {
            name: package["name"].as_str()?.to_owned(),
            folder: folder.to_str()?.to_owned(),
            uses: uses.map(str::to_owned).collect(),
        })
    };
    Some(Workspace {
        packages: packages.iter().copied().map(read).collect::<Option<_>>()?,
        target: PathBuf::from(metadata["target_directory"].as_str()?),
    })
}

/// All files below these folders of the root, as paths from the root, sorted. What cargo builds is not ours.
pub(crate) fn files(root: &Path, folders: &[&str]) -> io::Result<Vec<String>> {
    let mut found = Vec::new();
    let mut folders: Vec<PathBuf> = folders.iter().map(|f| root.join(f)).filter(|f| f.is_dir()).collect();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                if entry.file_name() != "target" {
                    folders.push(entry.path());
                }
            } else if let Ok(path) = entry.path().strip_prefix(root) {
                found.push(path.to_string_lossy().into_owned());
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Copies a folder with all that is in it, without what cargo builds.
pub(crate) fn copy(from: &Path, to: &Path) -> io::Result<()> {
    for file in files(from, &["."])? {
        let target = to.join(&file);
        fs::create_dir_all(target.parent().expect("a file below a folder has a parent"))?;
        fs::copy(from.join(&file), target)?;
    }
    Ok(())
}
