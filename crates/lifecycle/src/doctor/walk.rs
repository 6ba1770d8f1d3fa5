//! Everything below a folder, as the file system tells it without opening any file.

use std::fs::Metadata;

use camino::{Utf8Path, Utf8PathBuf};

/// More files than this are not looked at.
const MOST: usize = 200_000;

/// One file, folder or whatever else.
#[derive(Debug)]
pub(super) struct Node {
    /// Its path under the folder that was walked.
    pub(super) path: Utf8PathBuf,
    /// Of itself, also when it is a link.
    pub(super) meta: Metadata,
}

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Walk {
    /// All of it, by path.
    pub(super) nodes: Vec<Node>,
    /// What could not be looked at, and why.
    pub(super) unreadable: Vec<String>,
}

/// Looks at everything below `root`, follows no link below it, and does not go into the folder `but`.
/// Where there is no root nothing is found.
pub(super) fn walk(root: &Utf8Path, but: &Utf8Path) -> Walk {
    let mut walk = Walk::default();
    let mut folders = vec![Utf8PathBuf::new()];
    while let Some(folder) = folders.pop() {
        let full = root.join(&folder);
        let entries = match full.as_std_path().read_dir() {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => continue,
            Err(e) => {
                walk.unreadable.push(format!("cannot list {full}: {e}"));
                continue;
            }
            Ok(entries) => entries,
        };
        for entry in entries {
            let looked = entry.and_then(|entry| Ok((entry.file_name(), entry.metadata()?)));
            let (name, meta) = match looked {
                // It was removed meanwhile.
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => continue,
                Err(e) => {
                    walk.unreadable.push(format!("cannot look at what is in {full}: {e}"));
                    continue;
                }
                Ok(looked) => looked,
            };
            // None of our names is anything but ASCII, so one that is not is only told, never used.
            let path = folder.join(name.to_string_lossy().as_ref());
            if meta.is_dir() && path != but {
                folders.push(path.clone());
            }
            walk.nodes.push(Node { path, meta });
        }
        if walk.nodes.len() > MOST {
            walk.unreadable.push(format!("there are more than {MOST} files under {root}"));
            break;
        }
    }
    walk.nodes.sort_by(|a, b| a.path.cmp(&b.path));
    walk
}
