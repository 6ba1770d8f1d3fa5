//! The root: is it there, may we write in it, is there room, and does only what belongs there stand in it.

use std::os::unix::fs::MetadataExt;
use std::time::{Duration, SystemTime};

use camino::Utf8PathBuf;
use rustix::fs::{Access, StatVfs};

use super::finding::{count, or_ok, some};
use super::sight::{Sight, quoted, set_aside};
use super::walk::Node;
use super::{Finding, Mend};
use crate::declared::{Owner, declared, declared_folder, is_temporary};
use crate::grade::Grade;

/// A file that is being written is not older than this.
pub(super) const TEMPORARY_AGE: Duration = Duration::from_secs(24 * 3600);

/// With less room than this something will soon go wrong, in bytes.
const FEW_BYTES: u64 = 100 << 20;
/// With less room than this writing fails or is about to, in bytes.
const NO_BYTES: u64 = 4 << 20;
const FEW_FILES: u64 = 1000;
const NO_FILES: u64 = 20;

pub(super) fn root(sight: &Sight) -> Vec<Finding> {
    let root = sight.root();
    vec![match root.metadata() {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound && root.is_symlink() => {
            Finding::fail(format!("{root} is a symbolic link that leads nowhere"))
                .remedy("put back the folder that it leads to, or set IAPEER_ROOT to another one")
        }
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            Finding::warn(format!("there is no {root}: nothing was ever set up here"))
                .remedy("iapeer create NAME, or set IAPEER_ROOT to where the peers are")
        }
        Err(e) => Finding::fail(format!("{root} cannot be looked at: {e}"))
            .remedy("mend the path, or set IAPEER_ROOT to another folder"),
        Ok(meta) if !meta.is_dir() => {
            Finding::fail(format!("{root} is not a folder")).remedy(set_aside(root))
        }
        Ok(meta) if meta.uid() != rustix::process::geteuid().as_raw() => {
            let uid = rustix::process::geteuid().as_raw();
            Finding::fail(format!("{root} belongs to the user {}, and you are {uid}", meta.uid()))
                .remedy(format!("sudo chown -R {uid} {}, or become its user", quoted(root)))
        }
        Ok(_) => {
            match rustix::fs::access(root.as_std_path(), Access::READ_OK | Access::WRITE_OK | Access::EXEC_OK)
            {
                Ok(()) => Finding::ok(format!("{root} is there, is yours, and can be written")),
                Err(e) => {
                    let remedy = match e {
                        rustix::io::Errno::ROFS => format!("make the disk of {root} one that can be written"),
                        _ => format!("chmod u+rwx {}", quoted(root)),
                    };
                    Finding::fail(format!("{root} cannot be written: {e}")).remedy(remedy)
                }
            }
        }
    }]
}

pub(super) fn folders(sight: &Sight) -> Vec<Finding> {
    let root = sight.root();
    if matches!(root.try_exists(), Ok(false)) {
        return vec![Finding::new(Grade::Skipped, "there is no root")];
    }
    let (mut missing, mut findings) = (Vec::new(), Vec::new());
    for folder in sight.layout().folders() {
        match folder.metadata() {
            Ok(meta) if meta.is_dir() => {}
            Ok(_) => findings.push(
                Finding::fail(format!("{folder} should be a folder and is none")).remedy(set_aside(&folder)),
            ),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound && !folder.is_symlink() => {
                missing.push(folder);
            }
            Err(e) => findings.push(
                Finding::fail(format!("{folder} cannot be entered: {e}"))
                    .remedy(format!("see what stands there: ls -ld {}", quoted(&folder))),
            ),
        }
    }
    if !missing.is_empty() {
        let names: Vec<_> = missing.iter().map(|f| f.strip_prefix(root).unwrap_or(f).to_string()).collect();
        let mut info = Finding::info(format!("not there yet, made when needed: {}", names.join(", ")));
        // A folder elsewhere is made by whoever chose it, or by the launch that needs it.
        let below_root = missing.into_iter().filter(|folder| folder.starts_with(root));
        info.mends = below_root.map(|path| Mend::MakeFolder { path }).collect();
        findings.push(info);
    }
    or_ok(findings, || "all are there".to_owned())
}

pub(super) fn permissions(sight: &Sight) -> Vec<Finding> {
    let root = sight.root();
    let Ok(meta) = root.metadata() else { return vec![Finding::new(Grade::Skipped, "there is no root")] };
    let walk = sight.walk();
    let uid = rustix::process::geteuid().as_raw();
    let (mut wide, mut open, mut links, mut strange) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    if meta.is_dir() && meta.mode() & 0o077 != 0 {
        wide.push(root.canonicalize_utf8().unwrap_or_else(|_| root.to_owned()));
    }
    // A file that is being written is not there long, and what was left of one is told as that.
    for node in walk.nodes.iter().filter(|node| !is_temporary(&node.path)) {
        let Node { path, meta } = node;
        let owner = owner_of(node);
        let kind = meta.file_type();
        if kind.is_symlink() {
            // A folder may be elsewhere; a file is not written through a link.
            if owner == Some(Owner::Iapeer) && !root.join(path).is_dir() {
                links.push(root.join(path));
            }
            continue;
        }
        if owner.is_some() && meta.uid() != uid {
            strange.push(root.join(path));
        }
        match owner {
            Some(Owner::Iapeer) if (kind.is_file() || kind.is_dir()) && meta.mode() & 0o077 != 0 => {
                wide.push(root.join(path));
            }
            Some(Owner::User) if meta.mode() & 0o022 != 0 => open.push(root.join(path)),
            _ => {}
        }
    }
    let mut findings = Vec::new();
    for link in links {
        findings.push(
            Finding::fail(format!("{link} is a symbolic link, and iapeer writes through none"))
                .remedy(format!("put the file itself there, or: {}", set_aside(&link))),
        );
    }
    if !strange.is_empty() {
        findings.push(
            Finding::warn(format!("of another user: {}", names(&strange)))
                .remedy(format!("sudo chown -R {uid} {}", quoted(root))),
        );
    }
    if !open.is_empty() {
        let paths: Vec<_> = open.iter().map(|path| quoted(path)).collect();
        findings.push(
            Finding::warn(format!("others can write to {}", names(&open)))
                .remedy(format!("chmod go-w {}", paths.join(" "))),
        );
    }
    if !wide.is_empty() {
        let summary = format!("others have access to {}", names(&wide));
        let mends = wide.into_iter().map(|path| Mend::Restrict { path }).collect();
        findings.push(Finding::warn(summary).mends(mends));
    }
    findings.extend(walk.unreadable.into_iter().map(unreadable));
    or_ok(findings, || "only you have access".to_owned())
}

pub(super) fn space(sight: &Sight) -> Vec<Finding> {
    let there = sight.root().ancestors().find(|folder| folder.is_dir());
    let Some(folder) = there else { return vec![Finding::unknown("no folder of the root's path is there")] };
    let remedy = format!("df -h {0}; df -i {0}; then make room", quoted(folder));
    vec![match rustix::fs::statvfs(folder.as_std_path()) {
        Err(e) => Finding::unknown(format!("the file system of {folder} does not tell: {e}")).remedy(remedy),
        Ok(StatVfs { f_bavail, f_frsize, f_files, f_favail, .. }) => {
            let bytes = f_bavail.saturating_mul(f_frsize);
            // A file system that does not count its files has no limit of them.
            let files = (f_files > 0).then_some(f_favail);
            let told = match files {
                Some(files) => format!("{} MiB and {files} files are free in {folder}", bytes >> 20),
                None => format!("{} MiB are free in {folder}", bytes >> 20),
            };
            match room(bytes, files) {
                Grade::Ok => Finding::ok(told),
                grade => Finding::new(grade, told).remedy(remedy),
            }
        }
    }]
}

/// Whether so much room will do.
fn room(bytes: u64, files: Option<u64>) -> Grade {
    let files = files.unwrap_or(u64::MAX);
    if bytes < NO_BYTES || files < NO_FILES {
        Grade::Fail
    } else if bytes < FEW_BYTES || files < FEW_FILES {
        Grade::Warn
    } else {
        Grade::Ok
    }
}

pub(super) fn undeclared(sight: &Sight) -> Vec<Finding> {
    let walk = sight.walk();
    let root = sight.root();
    let strange: Vec<_> = walk
        .nodes
        .iter()
        .filter(|node| owner_of(node).is_none())
        // Of a folder that does not belong there, what is in it is not told again.
        .filter(|node| node.path.parent().is_none_or(|above| above == "" || declared_folder(above).is_some()))
        .map(|node| root.join(&node.path))
        .collect();
    let mut findings: Vec<_> = Vec::new();
    if !strange.is_empty() {
        findings.push(
            Finding::info(format!("not of iapeer: {}", names(&strange)))
                .remedy("leave them if they are yours; else move them out of the root"),
        );
    }
    findings.extend(walk.unreadable.into_iter().map(unreadable));
    or_ok(findings, || "nothing is there that does not belong there".to_owned())
}

pub(super) fn leftovers(sight: &Sight) -> Vec<Finding> {
    let walk = sight.walk();
    let root = sight.root();
    let is_left = |node: &&Node| is_temporary(&node.path) && is_old_file(&node.meta);
    let left: Vec<_> = walk.nodes.iter().filter(is_left).map(|node| root.join(&node.path)).collect();
    let mut findings: Vec<_> = walk.unreadable.into_iter().map(unreadable).collect();
    if !left.is_empty() {
        let summary = format!("left by writes that were cut off: {}", names(&left));
        let mends = left.into_iter().map(|path| Mend::RemoveTemporary { path }).collect();
        findings.push(Finding::info(summary).mends(mends));
    }
    or_ok(findings, || "no write was cut off".to_owned())
}

/// Whether it is a file that was not touched for so long that nobody is writing it.
pub(super) fn is_old_file(meta: &std::fs::Metadata) -> bool {
    let age = meta.modified().ok().and_then(|modified| SystemTime::now().duration_since(modified).ok());
    meta.is_file() && age.is_some_and(|age| age > TEMPORARY_AGE)
}

/// Whose the file or folder of this name is; `None` when none belongs there.
fn owner_of(Node { path, meta }: &Node) -> Option<Owner> {
    let as_file = declared(path).map(|declared| declared.owner).filter(|_| !meta.is_dir());
    // A link to a folder stands for the folder.
    if meta.is_file() { as_file } else { as_file.or_else(|| declared_folder(path)) }
}

fn names(paths: &[Utf8PathBuf]) -> String {
    let all: Vec<_> = paths.iter().map(Utf8PathBuf::to_string).collect();
    match all.len() {
        1 => all[0].clone(),
        n => format!("{}: {}", count(n, "", "files or folders"), some(&all)),
    }
}

fn unreadable(why: String) -> Finding {
    Finding::unknown(why).remedy("mend its permissions, then: iapeer doctor")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_much_room_will_do() {
        let gib = 1 << 30;
        for (bytes, files, grade) in [
            (gib, Some(1_000_000), Grade::Ok),
            (gib, None, Grade::Ok),
            (FEW_BYTES - 1, None, Grade::Warn),
            (gib, Some(FEW_FILES - 1), Grade::Warn),
            (NO_BYTES - 1, Some(1_000_000), Grade::Fail),
            (gib, Some(0), Grade::Fail),
            (0, None, Grade::Fail),
        ] {
            assert_eq!(room(bytes, files), grade, "{bytes} {files:?}");
        }
    }
}
