//! Who holds locks now, as the kernel tells it: nobody who wants one of them is kept from it by the look.

use camino::Utf8Path;

use crate::{Entry, ReadError, read_file};

/// Where Linux lists all locks; see proc(5).
const TABLE: &str = "/proc/locks";
/// No table is longer, in bytes.
const LIMIT: u64 = 16 << 20;

/// The kernel locks that processes hold at this moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HeldLocks {
    rows: Vec<Row>,
}

/// Who holds a lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// The process that took it. It may have ended, and have left the lock to a child of it.
    pub pid: u32,
    /// What it calls itself, where it has written that down.
    pub by: Option<String>,
    /// When it took the lock, ISO 8601, where it has written that down.
    pub since: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Row {
    pid: u32,
    major: u32,
    minor: u32,
    inode: u64,
}

impl HeldLocks {
    /// Asks the kernel; `None` where it does not tell, as on every system but Linux.
    ///
    /// # Errors
    ///
    /// [`ReadError`] when the kernel's table is there and cannot be read.
    pub fn read() -> Result<Option<HeldLocks>, ReadError> {
        let table = read_file(Utf8Path::new(TABLE), LIMIT)?;
        Ok(table.map(|bytes| HeldLocks::parse(&String::from_utf8_lossy(&bytes))))
    }

    /// Who holds the lock at `path`; `None` when nobody does, or the file is not there. Nothing is written,
    /// and nobody is kept from taking the lock meanwhile.
    ///
    /// # Errors
    ///
    /// [`ReadError`] when the file cannot be looked at.
    pub fn holder(&self, path: &Utf8Path) -> Result<Option<Holder>, ReadError> {
        let meta = match rustix::fs::lstat(path.as_std_path()) {
            Err(rustix::io::Errno::NOENT) => return Ok(None),
            meta => meta.map_err(|e| ReadError::Io { path: path.to_owned(), source: e.into() })?,
        };
        let same: Vec<_> = self.rows.iter().filter(|row| row.inode == meta.st_ino).collect();
        if same.is_empty() {
            return Ok(None);
        }
        let bytes = read_file(path, 4096)?.unwrap_or_default();
        let entry = Entry::parse(String::from_utf8_lossy(&bytes).lines().next().unwrap_or("")).ok();
        let told = |key: &str| entry.as_ref().and_then(|entry| entry.get(key)).map(str::to_owned);
        let told_pid = told("pid").and_then(|pid| pid.parse().ok());
        // A file system on top of others has another device number here than in the table; there the pid
        // that stands in the file says whether the row is of this file.
        let device = (rustix::fs::major(meta.st_dev), rustix::fs::minor(meta.st_dev));
        let is_ours = |row: &&&Row| (row.major, row.minor) == device || told_pid == Some(row.pid);
        let Some(row) = same.iter().find(is_ours) else { return Ok(None) };
        let tells = told_pid == Some(row.pid);
        let since = entry.as_ref().map(|entry| entry.ts().to_owned());
        Ok(Some(Holder { pid: row.pid, by: told("by").filter(|_| tells), since: since.filter(|_| tells) }))
    }

    /// Reads lines like `7: FLOCK  ADVISORY  WRITE 4711 fe:01:1234 0 EOF`; who only waits has an arrow.
    pub(crate) fn parse(table: &str) -> HeldLocks {
        let row = |line: &str| {
            let words: Vec<&str> = line.split_ascii_whitespace().collect();
            let [_, "FLOCK", _, _, pid, file, ..] = words[..] else { return None };
            let parts: Vec<&str> = file.split(':').collect();
            let [major, minor, inode] = parts[..] else { return None };
            Some(Row {
                pid: pid.parse().ok()?,
                major: u32::from_str_radix(major, 16).ok()?,
                minor: u32::from_str_radix(minor, 16).ok()?,
                inode: inode.parse().ok()?,
            })
        };
        HeldLocks { rows: table.lines().filter_map(row).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_locks_of_the_right_kind_that_are_held_count() {
        let table = "1: FLOCK  ADVISORY  WRITE 4711 fe:01:1234 0 EOF\n\
                     1: -> FLOCK  ADVISORY  WRITE 4712 fe:01:1234 0 EOF\n\
                     2: POSIX  ADVISORY  WRITE 4713 fe:01:99 0 EOF\n\
                     3: FLOCK  ADVISORY  WRITE -1 fe:01:98 0 EOF\nwhat\n";
        let row = Row { pid: 4711, major: 0xfe, minor: 1, inode: 1234 };
        assert_eq!(HeldLocks::parse(table), HeldLocks { rows: vec![row] });
    }
}
