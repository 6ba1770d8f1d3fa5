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

/// The root of the repository.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask is a folder in the root")
}

/// What cargo knows of the workspace.
pub(crate) fn workspace() -> Result<Workspace, String> {
    let metadata = run::cargo(&["metadata", "--no-deps", "--format-version", "1"]).read();
    let metadata = metadata.map_err(|e| format!("`cargo metadata` failed: {e}"))?;
    let metadata =
        serde_json::from_str(&metadata).map_err(|e| format!("`cargo metadata` gave no JSON: {e}"))?;
    read_metadata(&metadata, root()).ok_or_else(|| "`cargo metadata` gave something unexpected".to_owned())
}

fn read_metadata(metadata: &Value, root: &Path) -> Option<Workspace> {
    let packages = metadata["packages"].as_array()?;
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
        packages: packages.iter().map(read).collect::<Option<_>>()?,
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
