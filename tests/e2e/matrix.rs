//! Every state file, damaged in every way: what the user is told, and that nothing of it is lost.
//!
//! A row of [`ROWS`] is a file, a column a [`Damage`], and the letter in the cell what comes of it. Each cell is a host of its own, on which [`COMMANDS`] run twice.

mod cell;
mod cuts;
mod damage;
mod file;

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::matrix::cell::Stage;
use crate::matrix::damage::Damage;
use crate::matrix::file::File;

/// So many cells at a time.
const AT_A_TIME: usize = 4;

/// The cells, in the columns of [`Damage::ALL`]: `M` mended, which is one event; `T` left as it is, and told
/// by its path; a digit the largest exit code of the commands; `.` nothing is said, because nobody needs what
/// stands in the file, or that it is there is all that counts. What is refused with 1 of an index with a bad
/// entry is `show` of that peer; with 1 of a runtime, to add it.
#[rustfmt::skip]
const ROWS: [(File, &str); 21] = [
    //                   absent, vanished, empty, blank, NULs, cut, encoding, root, value, twice, newer,
    //                   conflict, mode, folder, FIFO, dangling, loop, no folder, huge
    (File::Index,       "MMMMMMMM1M4M444444M"),
    (File::IndexLock,   "............111114."),
    (File::Slot,        "..TTTTTTT..TTTTTT4T"),
    (File::Runtime,     "1111111111.11111111"),
    (File::Session,     "..MMMMMMM..MTTTTT4M"),
    (File::OldSession,  "..MMMMMM...MTTTTT4M"),
    (File::Stopped,     "............T...T4."),
    (File::IdleReaped,  ".................4."),
    (File::Deaths,      "..MMMMMM.M.MTTTTT4M"),
    (File::WakeLock,    ".................4."),
    (File::Lease,       "............TTTTTTT"),
    (File::Dead,        "............TTTTTTT"),
    (File::Intent,      "............TTTTTTT"),
    (File::Owed,        "..TTTTTTTT.TTTTTTTT"),
    (File::Removed,     ".................4."),
    (File::Degraded,    ".............T...T."),
    (File::Decisions,   ".................T."),
    (File::Exits,       "............TTTTTT."),
    (File::Generation,  ".................1."),
    (File::Piece,       "..................."),
    (File::Profile,     "TTTTTTTTTTTTTTTTTTT"),
];

#[test]
fn every_state_file_damaged_in_every_way() {
    let cells: Vec<(usize, usize)> = (0..ROWS.len())
        .flat_map(|row| (0..Damage::ALL.len()).map(move |column| (row, column)))
        .filter(|(_, column)| Damage::ALL[*column].can_be_tried())
        .collect();
    if !Damage::Mode.can_be_tried() {
        eprintln!("not tried: Mode, for permissions do not keep the superuser from anything");
    }
    let at = AtomicUsize::new(0);
    let seen = Mutex::new(vec![vec!['-'; Damage::ALL.len()]; ROWS.len()]);
    let problems = Mutex::new(BTreeSet::new());
    std::thread::scope(|scope| {
        for _ in 0..AT_A_TIME {
            scope.spawn(|| {
                let stage = Stage::new();
                while let Some((row, column)) = cells.get(at.fetch_add(1, Ordering::Relaxed)) {
                    let (file, damage) = (ROWS[*row].0, Damage::ALL[*column]);
                    let cell = stage.play(file, damage);
                    seen.lock().unwrap()[*row][*column] = cell.letter;
                    let name = |problem| format!("{file:?} {damage:?}: {problem}");
                    problems.lock().unwrap().extend(cell.problems.into_iter().map(name));
                }
            });
        }
    });

    let columns: Vec<_> = Damage::ALL.iter().map(|damage| format!("{damage:?}")).collect();
    println!("columns: {}", columns.join(" "));
    let mut wrong = problems.into_inner().unwrap();
    for ((file, expected), found) in ROWS.iter().zip(seen.into_inner().unwrap()) {
        println!("{:<12} {}", format!("{file:?}"), found.iter().collect::<String>());
        for ((expected, found), damage) in expected.chars().zip(found).zip(Damage::ALL) {
            if found != '-' && expected != found {
                wrong.insert(format!("{file:?} {damage:?}: it is {found}, and should be {expected}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.into_iter().collect::<Vec<_>>().join("\n"));
}
