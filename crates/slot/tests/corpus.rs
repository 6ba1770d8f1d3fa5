//! Declarations as found on disks, good and bad, and what the existing iapeer makes of them.
#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::collections::BTreeMap;

use iapeer_slot::Slot;
use serde_json::Value;
use support::{corpus, read};

/// The page that tells people of every difference.
const PAGE: &str = include_str!("../../../docs/SLOT-CORPUS.md");

/// Where ours refuses what the existing one takes, and why. The page has the same list.
const REFUSED_HERE: &[(&str, &str)] = &[
    ("097-invalid-utf8-in-unknown-key", "a file that is not UTF-8 is not JSON; it is not patched up"),
    ("099-invalid-utf8-truncated-sequences", "a name with replacement characters is not the provider's name"),
];

#[test]
fn corpus_is_read_as_the_existing_iapeer_reads_it() {
    let mut refused_here: BTreeMap<_, _> = REFUSED_HERE.iter().copied().collect();
    let mut differences = Vec::new();
    let (mut kept_by_both, mut refused_by_both) = (0, 0);
    let cases = corpus();
    for case in &cases {
        let name = &case.name;
        let expected: Value = serde_json::from_slice(&read(&format!("{name}.expected.json"))).unwrap();
        let excused = refused_here.remove(name.as_str()).is_some();
        match Slot::from_bytes(&case.bytes) {
            Slot::Occupied(occupied) => {
                let kept = serde_json::to_value(&occupied.declaration).unwrap();
                if kept != expected || excused {
                    differences.push(format!("{name}: kept {kept}, expected {expected}"));
                }
                kept_by_both += 1;
            }
            Slot::Unusable { reason } => {
                assert!(!reason.is_empty(), "{name}: a refusal without a reason");
                if expected.is_null() == excused {
                    differences.push(format!("{name}: refused because {reason}, expected {expected}"));
                }
                refused_by_both += usize::from(!excused);
            }
            Slot::Empty => differences.push(format!("{name}: the file is there and was not seen")),
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    assert!(refused_here.is_empty(), "no such case: {refused_here:?}");
    assert_eq!(cases.len(), 54);
    for told in [
        format!("{} declarations", cases.len()),
        format!("{kept_by_both} are kept by both"),
        format!("{refused_by_both} are refused by both"),
        format!("{} are refused only here", REFUSED_HERE.len()),
    ] {
        assert!(PAGE.contains(&told), "docs/SLOT-CORPUS.md does not say: {told}");
    }
}

#[test]
fn page_lists_the_same_differences() {
    let rows =
        PAGE.lines().filter_map(|line| line.strip_prefix("| `")?.strip_suffix(" |")?.split_once("` | "));
    assert_eq!(rows.collect::<Vec<_>>(), REFUSED_HERE, "the table of docs/SLOT-CORPUS.md and this list");
}
