//! Backups of the state, for people.

use std::process::ExitCode;

use iapeer_lifecycle::{Host, Kept, RestoreError, Restored, kept, restore};
use iapeer_statefile::iso_millis;
use serde::Serialize;

use super::{Done, locked, state_fault, unreadable};
use crate::args::{Output, RestoreArgs};
use crate::error::{CliError, Kind};
use crate::nearest::did_you_mean;
use crate::{out, text};

#[derive(Serialize)]
struct ListDoc {
    backups: Vec<KeptDoc>,
}

#[derive(Serialize)]
struct KeptDoc {
    file: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    generations: Vec<GenerationDoc>,
}

#[derive(Serialize)]
struct GenerationDoc {
    generation: u64,
    at: String,
    /// `None` when it went meanwhile.
    bytes: Option<u64>,
    path: String,
}

impl From<Kept> for KeptDoc {
    fn from(kept: Kept) -> KeptDoc {
        let generation = |g: &iapeer_statefile::Generation| GenerationDoc {
            generation: g.number,
            at: iso_millis(g.at),
            bytes: g.path.metadata().ok().map(|meta| meta.len()),
            path: g.path.to_string(),
        };
        let generations = kept.generations.iter().map(generation).collect();
        KeptDoc { file: kept.name, path: kept.path.map(String::from), generations }
    }
}

pub(crate) fn list(host: &Host, output: &Output) -> Done {
    let all = kept(host).map_err(|e| CliError::of(Kind::Damaged, &e))?;
    let all: Vec<KeptDoc> = all.into_iter().map(KeptDoc::from).collect();
    if output.json {
        out::json("backup-list", &ListDoc { backups: all })?;
        return Ok(ExitCode::SUCCESS);
    }
    if all.is_empty() {
        out::note("no backups yet: the first write of the state makes one");
    }
    for kept in &all {
        out::line(&kept.file)?;
        let rows: Vec<_> = kept
            .generations
            .iter()
            .map(|g| {
                let bytes = g.bytes.map_or_else(|| "gone".to_owned(), |bytes| format!("{bytes} bytes"));
                vec![format!("  generation {}", g.generation), g.at.clone(), bytes]
            })
            .collect();
        for line in text::columns(&rows) {
            out::line(line)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

#[derive(Serialize)]
struct RestoreDoc<'a> {
    file: &'a str,
    generation: u64,
    at: String,
    changed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    quarantine: Option<&'a str>,
    left_out: &'a [iapeer_registry::Personality],
}

pub(crate) fn restore_verb(host: &Host, args: &RestoreArgs) -> Done {
    let restored = restore(host, &args.file, args.generation).map_err(|e| restore_error(host, &e))?;
    out::warnings(&restored.warnings);
    let Restored { path, generation, kept, changed, left_out, .. } = &restored;
    if args.output.json {
        let document = RestoreDoc {
            file: path.as_str(),
            generation: generation.number,
            at: iso_millis(generation.at),
            changed: *changed,
            quarantine: kept.as_ref().map(|kept| kept.as_str()),
            left_out,
        };
        out::json("restore", &document)?;
        return Ok(ExitCode::SUCCESS);
    }
    if !changed {
        out::line(format!("{path} holds {generation} already"))?;
        out::note("hint: another one: iapeer backup list, then --generation N");
        return Ok(ExitCode::SUCCESS);
    }
    out::line(format!("{path} is {generation} again"))?;
    for personality in left_out {
        out::line(format!("left out: {personality}, which was removed since"))?;
    }
    if let Some(kept) = kept {
        out::line(format!("what stood there is kept: {kept}"))?;
    }
    out::note("hint: see whether profiles and registry agree: iapeer verify");
    Ok(ExitCode::SUCCESS)
}

fn restore_error(host: &Host, error: &RestoreError) -> CliError {
    match error {
        RestoreError::UnknownFile { known, .. } if known.is_empty() => {
            CliError::of(Kind::Failed, error).hint("there is no backup yet")
        }
        RestoreError::UnknownFile { file, known } => {
            let meant = did_you_mean(file, known.iter().map(String::as_str));
            CliError::of(Kind::Failed, error)
                .hint(meant.unwrap_or_else(|| format!("there are {}", known.join(", "))))
        }
        RestoreError::NoPeer { .. } => {
            CliError::of(Kind::Failed, error).hint("copy the generation yourself: iapeer backup list --json")
        }
        RestoreError::NoGeneration { .. } => CliError::of(Kind::Failed, error).hint("iapeer backup list"),
        RestoreError::Damaged { .. } | RestoreError::NothingGood { .. } => {
            CliError::of(Kind::Damaged, error).hint("another one: iapeer backup list, then --generation N")
        }
        RestoreError::Read(_) => unreadable(error),
        RestoreError::State(fault) => state_fault(host, fault),
        RestoreError::Unfinished(e) => super::rename::unfinished(e),
        RestoreError::Lock(e) => locked(e),
        _ => CliError::of(Kind::Failed, error),
    }
}
