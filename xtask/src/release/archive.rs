//! The archive: the same bytes from the same files, on whatever machine and at whatever time.

use std::io;

use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};
use tar::{Builder, Header};

/// One file of an archive.
pub(super) struct Packable {
    /// From the folder that the archive unpacks to.
    pub(super) path: String,
    pub(super) bytes: Vec<u8>,
    pub(super) mode: u32,
}

/// What is packed.
pub(super) struct Packed {
    /// The folder that it unpacks to.
    pub(super) name: String,
    pub(super) files: Vec<Packable>,
    /// The time of all files, in seconds since 1970.
    pub(super) seconds: u64,
}

impl Packed {
    /// The archive, with a file of checksums in it.
    pub(super) fn archive(&self) -> Result<Vec<u8>, String> {
        self.write().map_err(|e| format!("the archive cannot be made: {e}"))
    }

    fn write(&self) -> io::Result<Vec<u8>> {
        let mut files: Vec<&Packable> = self.files.iter().collect();
        files.sort_by(|a, b| a.path.cmp(&b.path));
        let sums = sums(files.iter().map(|file| (file.path.as_str(), &file.bytes[..])));
        let sums = Packable { path: "SHA256SUMS".to_owned(), bytes: sums.into_bytes(), mode: 0o644 };
        // Its header has neither a time nor a name.
        let mut builder = Builder::new(GzEncoder::new(Vec::new(), Compression::best()));
        for file in files.into_iter().chain([&sums]) {
            let mut header = Header::new_ustar();
            header.set_size(file.bytes.len() as u64);
            header.set_mode(file.mode);
            header.set_mtime(self.seconds);
            builder.append_data(&mut header, format!("{}/{}", self.name, file.path), &file.bytes[..])?;
        }
        builder.into_inner()?.finish()
    }
}

/// Checksums as `sha256sum --check` reads them.
pub(super) fn sums<'a>(files: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> String {
    let line = |(path, bytes): (&str, &[u8])| {
        let sum: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{sum}  {path}\n")
    };
    files.into_iter().map(line).collect()
}
