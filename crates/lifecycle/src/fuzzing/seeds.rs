//! The seeds of the fuzz targets, and what little changes make of them: the same in each run.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use super::*;

/// So many changed inputs for each target.
const CASES: usize = 1500;
/// No input grows beyond this, in bytes.
const LIMIT: usize = 4096;

/// What splits the parts of what is read.
const TOKENS: [&[u8]; 22] = [
    b"\"",
    b"\\",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"=",
    b"\n",
    b"\r\n",
    b"\0",
    b" ",
    b"#",
    b"//",
    b"\x1b[",
    b"\xff",
    b"\xed\xa0\x80",
    b"\xef\xbb\xbf",
    b"18446744073709551616",
    b"-1",
    b"1e999",
];

/// Numbers that only look random (xorshift64, by George Marsaglia): each run has the same.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % limit.max(1) as u64).expect("it is below a usize")
    }

    /// A seed with one to six changes.
    fn changed(&mut self, seeds: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = seeds[self.below(seeds.len())].clone();
        for _ in 0..=self.below(6) {
            let at = self.below(bytes.len() + 1);
            let end = at + self.below(bytes.len() - at + 1);
            match self.below(6) {
                0 if at < bytes.len() => bytes[at] ^= 1 << self.below(8),
                1 => bytes.truncate(at),
                2 => drop(bytes.drain(at..end)),
                3 => drop(bytes.splice(at..at, TOKENS[self.below(TOKENS.len())].iter().copied())),
                4 => {
                    let other = &seeds[self.below(seeds.len())];
                    let from = self.below(other.len() + 1);
                    drop(bytes.splice(at..end, other[from..].iter().copied()));
                }
                _ => {
                    let part = bytes[at..end].to_vec();
                    drop(bytes.splice(end..end, part));
                }
            }
            bytes.truncate(LIMIT);
        }
        bytes
    }
}

fn fuzz_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz")
}

fn seeds(target: &str) -> Vec<Vec<u8>> {
    let folder = fuzz_folder().join("corpus").join(target);
    let entries = fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

#[test]
fn every_target_is_a_program_and_understands_a_seed() {
    let manifest = fs::read_to_string(fuzz_folder().join("Cargo.toml")).unwrap();
    for (target, entry) in TARGETS {
        let source = format!("fuzz_targets/{target}.rs");
        assert!(manifest.contains(&format!("path = \"{source}\"")), "fuzz/Cargo.toml has no {target}");
        let program = fs::read_to_string(fuzz_folder().join(&source)).unwrap();
        assert!(program.contains(&format!("run(\"{target}\", ")), "{source} runs another entry");
        assert!(seeds(target).iter().any(|seed| entry(seed)), "no seed of {target} is understood");
    }
    if cfg!(target_os = "linux") {
        assert_eq!(manifest.matches("[[bin]]").count(), TARGETS.len(), "a target that no entry is for");
    }
}

#[test]
fn whatever_is_read_all_of_it_holds() {
    let mut faults = Vec::new();
    for (target, entry) in TARGETS {
        let seeds = seeds(target);
        let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
        let changed: Vec<_> = (0..CASES).map(|_| numbers.changed(&seeds)).collect();
        let holds = |bytes: &[u8]| catch_unwind(AssertUnwindSafe(|| entry(bytes))).is_ok();
        let fault = seeds.iter().chain(&changed).find(|bytes| !holds(bytes));
        faults.extend(fault.map(|bytes| format!("{target}: {:?}", String::from_utf8_lossy(bytes))));
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
