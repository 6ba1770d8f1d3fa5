//! Where programs are.

use std::ffi::OsStr;
use std::os::unix::fs::PermissionsExt;

use camino::{Utf8Path, Utf8PathBuf};

/// The program of this name in the folders of a search path, as `PATH` has it. Relative folders are passed over:
/// what they mean depends on where one stands.
pub(crate) fn find_program(search_path: &OsStr, name: &str) -> Option<Utf8PathBuf> {
    let folders = std::env::split_paths(search_path).filter_map(|p| Utf8PathBuf::from_path_buf(p).ok());
    folders.filter(|folder| folder.is_absolute()).map(|folder| folder.join(name)).find(|p| is_program(p))
}

/// Whether a file is there that may be executed.
pub(crate) fn is_program(path: &Utf8Path) -> bool {
    path.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}
