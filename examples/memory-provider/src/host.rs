//! Where this host keeps the files of iapeer.

use std::env;
use std::path::{Path, PathBuf};

use crate::Result;

/// The root of iapeer's files: as told, else from the environment, else in the home folder.
pub(crate) fn root(told: Option<PathBuf>) -> Result<PathBuf> {
    let from_environment = || env::var_os("IAPEER_ROOT").filter(|v| !v.is_empty()).map(PathBuf::from);
    let root = told
        .or_else(from_environment)
        .or_else(real_root)
        .ok_or("neither --root nor IAPEER_ROOT nor HOME says where iapeer keeps its files")?;
    let root = std::path::absolute(root)?;
    refuse_real_root(&root)?;
    Ok(root)
}

/// Refuses to write where a person's real peers are, when `IAPEER_TEST_SANDBOX=1` says that this is a test.
pub(crate) fn refuse_real_root(path: &Path) -> Result<()> {
    let in_test = env::var_os("IAPEER_TEST_SANDBOX").is_some_and(|v| v == "1");
    if in_test && real_root().is_some_and(|real| resolved(path).starts_with(resolved(&real))) {
        return Err(format!("IAPEER_TEST_SANDBOX is set: {} is the real thing", path.display()).into());
    }
    Ok(())
}

fn real_root() -> Option<PathBuf> {
    env::var_os("HOME").filter(|v| !v.is_empty()).map(|home| Path::new(&home).join(".iapeer"))
}

/// The path without links, also when its last parts are not there yet.
fn resolved(path: &Path) -> PathBuf {
    let real = |ancestor: &Path| {
        let rest = path.strip_prefix(ancestor).ok()?;
        Some(fs_err::canonicalize(ancestor).ok()?.join(rest))
    };
    path.ancestors().find_map(real).unwrap_or_else(|| path.to_owned())
}
