//! The least that does what a command does: what `cargo xtask bench` measures the real one against.
//!
//! `floor parse FILE` reads JSON, `floor replace FILE` replaces a file durably with what is in it, and
//! `floor spawn N` starts and awaits so many programs that do nothing, one after the other.

#![expect(clippy::disallowed_methods, reason = "this is what the program is compared with")]

use std::error::Error;
use std::fs::{self, File};
use std::hint::black_box;
use std::io::Write;
use std::path::Path;
use std::process::Command;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["parse", file] => {
            black_box(serde_json::from_slice::<serde_json::Value>(&fs::read(file)?)?);
        }
        ["replace", file] => {
            let (file, bytes) = (Path::new(file), fs::read(file)?);
            let (folder, temporary) = (file.parent().ok_or("a folder")?, file.with_extension("tmp"));
            let mut new = File::create(&temporary)?;
            new.write_all(&bytes)?;
            new.sync_all()?;
            fs::rename(&temporary, file)?;
            File::open(folder)?.sync_all()?;
        }
        ["spawn", times] => {
            for _ in 0..times.parse::<u32>()? {
                Command::new("/bin/true").status()?;
            }
        }
        other => return Err(format!("parse FILE, replace FILE or spawn N, not {other:?}").into()),
    }
    Ok(())
}
