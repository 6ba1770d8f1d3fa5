//! What the program costs, each figure beside what it is measured against, in the same run.
//! A bench says whether its targets are met, and judges nothing by it: it fails only when something does not work.
//! The method is in `docs/BENCHMARKS.md`.

mod calls;
mod live;
mod measure;
mod parts;
mod place;
mod table;

use crate::Findings;
use crate::run::cargo_aloud;
use place::Place;
use table::Row;

/// What a part of the benches does: measure whole processes, say something about them, or run what measures
/// within a crate.
enum Part {
    Rows(fn(&Place) -> Result<Vec<Row>, String>),
    Said(fn(&Place) -> Result<Vec<String>, String>),
    Crate(&'static str),
}

/// A part, by the name with which it is asked for.
type Named = (&'static str, Part);

const PARTS: &[Named] = &[
    ("list", Part::Rows(parts::list)),
    ("status", Part::Rows(parts::status)),
    ("doctor", Part::Rows(parts::doctor)),
    ("upsert", Part::Rows(parts::upsert)),
    ("memory-plugin", Part::Rows(parts::sweep)),
    ("death", Part::Rows(live::death)),
    ("pass", Part::Rows(live::pass)),
    ("calls", Part::Said(calls::calls)),
    ("commits", Part::Crate("iapeer-registry")),
    ("spawn", Part::Crate("iapeer-provision-exec")),
    ("deaths", Part::Crate("iapeer-canary")),
];

pub(crate) fn bench(arguments: &[String]) -> Result<(), Findings> {
    if let Some((first, command)) = arguments.split_first()
        && first == measure::PARENT
    {
        return measure::parent_of(command).map_err(|finding| vec![finding]);
    }
    let (parts, as_json) = wanted(arguments).map_err(|finding| vec![finding])?;
    run(&parts, as_json)
}

/// The parts that are named, all when none is, and whether JSON is wanted, which the benches within crates do not
/// speak.
fn wanted(arguments: &[String]) -> Result<(Vec<&'static Named>, bool), String> {
    let (flags, names): (Vec<&String>, Vec<&String>) = arguments.iter().partition(|a| *a == "--json");
    let names_of_all: Vec<&str> = PARTS.iter().map(|(name, _)| *name).collect();
    if let Some(unknown) = names.iter().find(|name| !names_of_all.contains(&name.as_str())) {
        return Err(format!("there is no bench {unknown:?}; there are {}", names_of_all.join(", ")));
    }
    let is_wanted = |name: &str| names.is_empty() || names.iter().any(|wanted| *wanted == name);
    let parts = PARTS.iter().filter(|(name, _)| is_wanted(name)).collect();
    Ok((parts, !flags.is_empty()))
}

/// Runs the parts. One that does not work keeps no other from being told.
fn run(parts: &[&Named], as_json: bool) -> Result<(), Findings> {
    let (mut rows, mut said, mut findings) = (Vec::new(), Vec::new(), Vec::new());
    if parts.iter().any(|(_, part)| !matches!(part, Part::Crate(_))) {
        let place = Place::new().map_err(|finding| vec![finding])?;
        for (name, part) in parts {
            // How far it is goes where it does not get between the figures.
            eprintln!("bench {name}");
            let failed = |finding: String| format!("{name}: {finding}");
            match part {
                Part::Rows(measure) => match measure(&place) {
                    Ok(measured) => rows.extend(measured),
                    Err(finding) => findings.push(failed(finding)),
                },
                Part::Said(say) => match say(&place) {
                    Ok(lines) => said.extend(lines),
                    Err(finding) => findings.push(failed(finding)),
                },
                Part::Crate(_) => {}
            }
        }
    }
    if as_json {
        println!("{:#}", table::document(&rows, &said));
    } else {
        if !rows.is_empty() {
            print!("\n{}", table::table(&rows));
            if rows.iter().any(table::Row::misses) {
                println!("why a target is not met: docs/BENCHMARKS.md, \"What was tried\"");
            }
        }
        said.iter().for_each(|line| println!("{line}"));
        for (name, part) in parts {
            if let Part::Crate(package) = part {
                let bench = ["bench", "--quiet", "--package", package, "--bench", name];
                findings.extend(cargo_aloud(&bench).err());
            }
        }
    }
    if findings.is_empty() { Ok(()) } else { Err(findings) }
}
