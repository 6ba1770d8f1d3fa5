//! Whether a file is something that the system starts by itself.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

/// How native programs begin: ELF, and Mach-O for 32 and 64 bits in both byte orders and with
/// several machines in one file.
const NATIVE: [[u8; 4]; 6] = [
    *b"\x7fELF",
    [0xfe, 0xed, 0xfa, 0xce],
    [0xfe, 0xed, 0xfa, 0xcf],
    [0xce, 0xfa, 0xed, 0xfe],
    [0xcf, 0xfa, 0xed, 0xfe],
    [0xca, 0xfe, 0xba, 0xbe],
];

/// Why the program must not be started, if it must not.
///
/// `execvp`, which the standard library uses for a child with preparations, hands a file that the
/// kernel does not know to `/bin/sh`; so this has to be found out before. A file that cannot be read
/// may still be started: there the kernel decides.
pub(crate) fn refusal(program: &Path) -> Option<String> {
    if !program.is_absolute() {
        return Some("not an absolute path".to_owned());
    }
    match fs::metadata(program) {
        // Opening a pipe would block, so what is no file is not even opened.
        Ok(found) if found.is_dir() => return Some("is a directory".to_owned()),
        Ok(found) if !found.is_file() => return Some("not a regular file".to_owned()),
        Ok(_) => {}
        Err(error) => return Some(error.to_string()),
    }
    match beginning(program) {
        Ok(head) if head.starts_with(b"#!") || NATIVE.iter().any(|magic| head.starts_with(magic)) => None,
        Ok(_) => Some("neither a native program nor a script that begins with #!".to_owned()),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => None,
        Err(error) => Some(error.to_string()),
    }
}

fn beginning(program: &Path) -> io::Result<Vec<u8>> {
    let mut head = Vec::with_capacity(4);
    File::open(program)?.take(4).read_to_end(&mut head)?;
    Ok(head)
}
