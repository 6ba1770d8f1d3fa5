//! What can happen to a file.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

/// What happens to a file that is well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Damage {
    /// It never was there, nor anything that would tell of it.
    Absent,
    /// It is gone.
    Vanished,
    Empty,
    Blank,
    Nuls,
    /// It ends too early: at a sixth of it, and so on.
    Cut,
    /// A byte of it is no UTF-8.
    Encoding,
    /// It is a JSON document of another kind.
    Root,
    /// One value in it is not what it should be.
    Value,
    /// All that it says, it says twice.
    Twice,
    /// It is of a schema of the future.
    Newer,
    /// A version control system left its marks in it.
    Conflict,
    /// Nobody may read it.
    Mode,
    Folder,
    Fifo,
    /// A link to nothing.
    Dangling,
    /// A link to itself.
    Loop,
    /// Where its folder should be is a file.
    NoFolder,
    /// 64 MiB.
    Huge,
}

/// So many bytes are too many.
const HUGE: u64 = 64 << 20;

impl Damage {
    pub(crate) const ALL: [Damage; 19] = [
        Damage::Absent,
        Damage::Vanished,
        Damage::Empty,
        Damage::Blank,
        Damage::Nuls,
        Damage::Cut,
        Damage::Encoding,
        Damage::Root,
        Damage::Value,
        Damage::Twice,
        Damage::Newer,
        Damage::Conflict,
        Damage::Mode,
        Damage::Folder,
        Damage::Fifo,
        Damage::Dangling,
        Damage::Loop,
        Damage::NoFolder,
        Damage::Huge,
    ];

    /// Permissions do not keep the superuser from anything.
    pub(crate) fn can_be_tried(self) -> bool {
        self != Damage::Mode || !rustix::process::geteuid().is_root()
    }

    /// Whether the file is one still, with other bytes.
    pub(crate) fn is_of_content(self) -> bool {
        self.of(b"any", 0).is_some()
    }

    /// Whether it leaves a document with entries that are bad.
    pub(crate) fn is_of_entries(self) -> bool {
        matches!(self, Damage::Value | Damage::Twice)
    }

    /// How many variants of it there are.
    pub(crate) fn variants(self) -> usize {
        if self == Damage::Cut { 6 } else { 1 }
    }

    /// What stands in the file then, for damages of its content.
    pub(crate) fn of(self, good: &[u8], variant: usize) -> Option<Vec<u8>> {
        let text = String::from_utf8_lossy(good);
        Some(match self {
            Damage::Empty => Vec::new(),
            Damage::Blank => b" \n\t\n".to_vec(),
            Damage::Nuls => vec![0; good.len().max(1)],
            Damage::Cut => good[..good.len() * (variant + 1) / 7].to_vec(),
            Damage::Encoding => {
                let mut bytes = good.to_vec();
                bytes.insert(good.len() / 2, 0xff);
                bytes
            }
            Damage::Root if good.starts_with(b"[") => b"{ \"wrong\": 7 }\n".to_vec(),
            Damage::Root => b"[7]\n".to_vec(),
            Damage::Value => {
                let value = ["\"alpha\"", "\"agent\""].into_iter().find(|value| text.contains(value));
                match value {
                    Some(value) => text.replacen(value, "7", 1).into_bytes(),
                    // Of a line, a quote that does not end.
                    None => text.replacen("alpha", "\"", 1).into_bytes(),
                }
            }
            Damage::Twice => twice(&text).into_bytes(),
            Damage::Newer => newer(&text).into_bytes(),
            Damage::Conflict => format!("<<<<<<< ours\n{text}=======\n{text}>>>>>>> theirs\n").into_bytes(),
            _ => return None,
        })
    }

    /// Lets it happen to the file at `path`; the bytes that must not be lost, if there are any.
    pub(crate) fn strike(self, path: &Path, good: &[u8], variant: usize) -> Option<Vec<u8>> {
        if let Some(bytes) = self.of(good, variant) {
            fs::write(path, &bytes).unwrap();
            return Some(bytes);
        }
        if self != Damage::Mode {
            fs::remove_file(path).unwrap();
        }
        match self {
            Damage::Mode => fs::set_permissions(path, fs::Permissions::from_mode(0o0)).unwrap(),
            Damage::Folder => fs::create_dir(path).unwrap(),
            Damage::Fifo => {
                let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
                rustix::fs::mknodat(rustix::fs::CWD, path, rustix::fs::FileType::Fifo, mode, 0).unwrap();
            }
            Damage::Dangling => symlink("nowhere", path).unwrap(),
            Damage::Loop => symlink(path.file_name().unwrap(), path).unwrap(),
            Damage::NoFolder => {
                let folder = path.parent().unwrap();
                fs::remove_dir_all(folder).unwrap();
                fs::write(folder, "no folder\n").unwrap();
            }
            Damage::Huge => fs::File::create(path).unwrap().set_len(HUGE).unwrap(),
            _ => {}
        }
        None
    }
}

/// The entries of a list, the keys of an object, or the lines, doubled.
fn twice(text: &str) -> String {
    if let Some((head, tail)) = text.split_once("\"peers\": [") {
        let entries = tail.rsplit_once(']').map_or("", |(entries, _)| entries);
        return format!("{head}\"peers\": [{entries},{tail}");
    }
    match text.trim_end().strip_prefix('{') {
        Some(rest) => format!("{{{},{rest}\n", rest.strip_suffix('}').unwrap_or(rest)),
        None => format!("{text}{text}"),
    }
}

/// The version, or a key for it, set to one of the future.
fn newer(text: &str) -> String {
    if text.contains("\"version\": 2") {
        return text.replacen("\"version\": 2", "\"version\": 99", 1);
    }
    match text.strip_prefix('{') {
        Some(rest) => format!("{{\"version\": 99, \"schema\": 99,{rest}"),
        None => text.replacen(" v=1", " v=99", 1),
    }
}
