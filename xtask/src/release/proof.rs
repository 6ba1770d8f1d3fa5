//! The archive, unpacked where nothing of ours is, works.

use std::fs;
use std::path::Path;

use duct::cmd;
use flate2::read::GzDecoder;
use tar::Archive;

use super::archive;
use crate::run;

/// Unpacks the archive in a folder of its own and runs `iapeer selftest` from there, with an empty home and
/// nothing of our environment but where programs are.
pub(super) fn prove(name: &str, archive: &[u8], version: &str) -> Result<(), String> {
    let place = tempfile::tempdir().map_err(|e| format!("cannot make a temporary folder: {e}"))?;
    let (home, temporary) = (place.path().join("home"), place.path().join("t"));
    for folder in [&home, &temporary] {
        fs::create_dir(folder).map_err(|e| format!("cannot make {}: {e}", folder.display()))?;
    }
    unpack(archive, place.path())?;
    let folder = place.path().join(name);
    check_sums(&folder)?;
    let program = folder.join("iapeer");
    let environment = [
        ("HOME", home.clone().into_os_string()),
        ("TMPDIR", temporary.into_os_string()),
        ("PATH", std::env::var_os("PATH").unwrap_or_default()),
    ];
    let there =
        |arguments: &[&str]| cmd(&program, arguments).dir(&home).full_env(environment.clone()).stdin_null();
    let said = there(&["--version"]).read().map_err(|e| format!("`iapeer --version` failed: {e}"))?;
    if !said.split_whitespace().any(|word| word == version) {
        return Err(format!("the program says it is {said:?}, and not {version}"));
    }
    run::aloud("iapeer selftest", &there(&["selftest"]))?;
    let left = fs::read_dir(&home).map_err(|e| format!("cannot list {}: {e}", home.display()))?.count();
    if left == 0 { Ok(()) } else { Err("`iapeer selftest` left something in the home".to_owned()) }
}

/// Unpacks an archive.
pub(super) fn unpack(archive: &[u8], folder: &Path) -> Result<(), String> {
    let unpacked = Archive::new(GzDecoder::new(archive)).unpack(folder);
    unpacked.map_err(|e| format!("the archive cannot be unpacked: {e}"))
}

/// Holds the files of an unpacked archive against the checksums that came along.
pub(super) fn check_sums(folder: &Path) -> Result<(), String> {
    let told = |e| format!("what was unpacked cannot be read: {e}");
    let sums = fs::read_to_string(folder.join("SHA256SUMS")).map_err(told)?;
    for line in sums.lines() {
        let (_, path) = line.split_once("  ").ok_or("SHA256SUMS has a line without a path")?;
        let bytes = fs::read(folder.join(path)).map_err(told)?;
        if archive::sums([(path, &bytes[..])]).trim_end() != line {
            return Err(format!("{path} is not what SHA256SUMS says"));
        }
    }
    Ok(())
}
