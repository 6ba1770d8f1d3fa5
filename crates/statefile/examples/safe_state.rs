//! Keeps a JSON file safe: `cargo run -p iapeer-statefile --example safe_state -- FOLDER NAME` counts up the number
//! that `FOLDER/counters.json` has for this name, from however many processes at once.
//!
//! Cut it off wherever you like: the file is there as it was or as it was to be. Damage it or take it away, and
//! the next run says so and goes on with the newest good generation; the damaged one is in `FOLDER/quarantine`.

#![expect(clippy::print_stdout, reason = "a program for people")]

use std::collections::BTreeMap;
use std::error::Error;

use camino::Utf8PathBuf;
use iapeer_statefile::{
    Absence, Backups, Breaker, Document, Fault, Format, Lock, Parsed, Quarantine, Source, Wait, ensure_dir,
};

/// The number of each name.
type Counters = BTreeMap<String, u64>;

/// How the file is read and written.
struct CountersFormat;

impl Format for CountersFormat {
    type Value = Counters;

    fn parse(&self, bytes: &[u8]) -> Result<Parsed<Counters>, Fault> {
        serde_json::from_slice(bytes).map(Parsed::whole).map_err(|error| Fault::syntax(&error))
    }

    fn render(&self, counters: &Counters) -> Vec<u8> {
        let mut text = serde_json::to_vec_pretty(counters).expect("names and numbers are always JSON");
        text.push(b'\n');
        text
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, name] = &arguments[..] else {
        return Err("usage: safe_state FOLDER NAME".into());
    };
    let folder = Utf8PathBuf::from(folder);
    ensure_dir(&folder)?;
    let backups = Backups::in_folder(folder.join("backups/counters.json"));
    let document =
        Document::new(folder.join("counters.json"), CountersFormat).backed_up(backups, Absence::Loss);
    let quarantine = Quarantine::in_folder(folder.join("quarantine"));

    // Held until the end: nobody else counts between the read and the commit.
    let lock = Lock::acquire(&folder.join("counters.lock"), Wait::default(), "safe_state")?;

    // A file that is damaged or gone is taken back first, so that it is never mistaken for an empty one.
    if let Some(lost) = document.lost()? {
        let recovered = lost.recover(&lock, &[Source::Backup], &quarantine, Breaker::Obeyed)?;
        if let Some(fault) = recovered.fault {
            println!("{fault}; taken back from {}", recovered.from.join(", "));
        }
    }

    let mut edit = document.edit(&lock)?;
    let mut counters = edit.take_value().unwrap_or_default();
    let number = counters.entry(name.clone()).or_default();
    *number += 1;
    println!("{name}: {number}");
    edit.commit(counters)?;
    Ok(())
}
