//! What is measured: reading, changing, commands of a provider.

use std::fs;
use std::path::Path;

use serde_json::json;

use super::measure::{Candidate, Figures, in_turn};
use super::place::{Place, peer};
use super::table::{Row, Target};

type Rows = Result<Vec<Row>, String>;

/// So many runs of what takes milliseconds.
const RUNS: usize = 50;
/// So many of what takes longer.
const FEW: usize = 15;
/// So many peers where one number is enough.
const PEERS: usize = 100;
const JOBS: usize = 16;

const EMPTY: &str = "an empty program";

pub(super) fn list(place: &Place) -> Rows {
    let counts = [0, 1, PEERS, 1000, 10_000];
    let mut candidates = vec![Candidate::new(&place.empty, &[], &place.root("none"))];
    for count in counts {
        candidates.push(Candidate::new(&place.iapeer, &["list"], &place.peers(count)?));
    }
    for count in [1000, 10_000] {
        let root = place.peers(count)?;
        let index = root.join("peers-profiles.json");
        candidates.push(Candidate::new(&place.floor, &["parse", &index.to_string_lossy()], &root));
        candidates.push(Candidate::new(&place.iapeer, &["list", "--json"], &root));
    }
    let measured = in_turn(&candidates, RUNS)?;
    let [empty, lists @ .., parse, json, parse_many, json_many] = measured.as_slice() else {
        return Err("as many figures as candidates".to_owned());
    };
    let mut rows = vec![Row::new(EMPTY, *empty)];
    for (count, figures) in counts.iter().zip(lists) {
        let row = Row::new(format!("list, {count} peers"), *figures).beside(EMPTY, *empty);
        rows.push(match count {
            1000 => row.target(Target::Times(3.0)).target(Target::Peak(10.0)),
            10_000 => row.target(Target::Over(25.0)),
            _ => row,
        });
    }
    let read = "read and parse";
    for (what, figures, floor) in [
        ("list, 1000 peers", lists[3], parse),
        ("list --json, 1000 peers", *json, parse),
        ("list, 10000 peers", lists[4], parse_many),
        ("list --json, 10000 peers", *json_many, parse_many),
    ] {
        rows.push(Row::new(what, figures).beside(read, *floor));
    }
    Ok(rows)
}

pub(super) fn status(place: &Place) -> Rows {
    beside_empty(place, "status")
}

pub(super) fn doctor(place: &Place) -> Rows {
    beside_empty(place, "doctor")
}

/// A verb over a few peers and over many.
fn beside_empty(place: &Place, verb: &str) -> Rows {
    let counts = [PEERS, 1000];
    let mut candidates = vec![Candidate::new(&place.empty, &[], &place.root("none"))];
    for count in counts {
        candidates.push(Candidate::new(&place.iapeer, &[verb], &place.peers(count)?));
    }
    let measured = in_turn(&candidates, FEW)?;
    let rows = counts.iter().zip(&measured[1..]);
    Ok(rows
        .map(|(n, figures)| Row::new(format!("{verb}, {n} peers"), *figures).beside(EMPTY, measured[0]))
        .collect())
}

/// A change of one peer: its default runtime, to and fro.
pub(super) fn upsert(place: &Place) -> Rows {
    let root = place.peers(PEERS)?;
    place.run(&root, &["add-runtime", &peer(0), "codex"])?;
    let index = root.join("peers-profiles.json");
    let copy = root.join("copy.json");
    fs::copy(&index, &copy).map_err(|e| format!("{}: {e}", copy.display()))?;
    let change = |n: usize| {
        let runtime = if n.is_multiple_of(2) { "codex" } else { "shell" };
        vec!["default-runtime".to_owned(), peer(0), runtime.to_owned()]
    };
    let measured = in_turn(
        &[
            Candidate::new(&place.empty, &[], &root),
            Candidate::new(&place.floor, &["replace", &copy.to_string_lossy()], &root),
            Candidate::new(&place.iapeer, &[], &root).with(change),
        ],
        RUNS,
    )?;
    let what = format!("one change among {PEERS} peers");
    Ok(vec![
        Row::new(&what, measured[2]).beside(EMPTY, measured[0]),
        Row::new(what, measured[2]).beside("a file replaced", measured[1]),
    ])
}

/// `memory-plugin on --all` with a provider that takes a second and with one that takes no time.
pub(super) fn sweep(place: &Place) -> Rows {
    let root = place.peers(PEERS)?;
    let jobs = JOBS.to_string();
    let on = ["memory-plugin", "on", "--all", "--jobs", &jobs];
    let mut rows = Vec::new();
    for (what, script, runs) in [("takes 1 s", "sleep 1", 1), ("takes no time", ":", 5)] {
        take_slot(&root, script)?;
        let measured = in_turn(
            &[
                Candidate::new(&place.floor, &["spawn", &PEERS.to_string()], &root),
                Candidate::new(&place.iapeer, &on, &root),
            ],
            runs,
        )?;
        let row =
            Row::new(format!("memory-plugin on --all, {PEERS} peers, {JOBS} jobs, {what}"), measured[1]);
        rows.push(match script {
            ":" => row.beside("raw spawns, one by one", measured[0]),
            _ => {
                let alone = PEERS.div_ceil(JOBS) as f64 * 1000.0;
                row.beside("the seconds alone", Figures::of_wall(&[alone]))
            }
        });
    }
    fs::remove_file(root.join("memory-provider.json")).map_err(|e| format!("the slot: {e}"))?;
    Ok(rows)
}

fn take_slot(root: &Path, script: &str) -> Result<(), String> {
    let provision = json!({ "command": "/bin/sh", "args": ["-c", script] });
    let slot = json!({ "provider": "bench", "package": "bench", "version": "1", "provision": provision });
    fs::write(root.join("memory-provider.json"), slot.to_string()).map_err(|e| e.to_string())
}
