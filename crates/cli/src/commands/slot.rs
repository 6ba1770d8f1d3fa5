//! The slot: what stands in it, and what a declaration would be good for.

use std::process::ExitCode;

use camino::Utf8Path;
use iapeer_lifecycle::Host;
use iapeer_slot::{CommandBlock, Declaration, Direction, Occupied, Route, Skipped, Slot, json_schema};
use serde::Serialize;

use super::Done;
use crate::args::{Output, SlotCheckArgs};
use crate::error::{CliError, Kind};
use crate::{out, text};

#[derive(Serialize)]
struct SlotDoc<'a> {
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    declaration: Option<&'a Declaration>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    skipped: &'a [Skipped],
}

#[derive(Serialize)]
struct CheckDoc<'a> {
    #[serde(flatten)]
    slot: SlotDoc<'a>,
    routes: &'a [Way],
    warnings: &'a [Fault],
}

/// What is done on behalf of one member of the declaration.
#[derive(Serialize)]
struct Way {
    member: &'static str,
    route: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// For people, who do not see the declaration beside it.
    #[serde(skip)]
    told: String,
}

/// What is declared as it should be, and would not work now.
#[derive(Serialize)]
struct Fault {
    pointer: String,
    reason: String,
}

/// The slot in a few words for `status`: state, provider, version, age of the heartbeat in seconds.
pub(super) fn state(slot: Slot) -> (&'static str, Option<String>, Option<String>, Option<u64>) {
    match slot {
        Slot::Empty => ("empty", None, None, None),
        Slot::Unusable { .. } => ("unusable", None, None, None),
        Slot::Occupied(occupied) => {
            let Declaration { provider, version, heartbeat, .. } = occupied.declaration;
            // A heartbeat that cannot be read has no age; nothing is done about it either way.
            let heartbeat = heartbeat.filter(|path| path.is_absolute());
            let age = heartbeat.and_then(|path| path.metadata().ok()?.modified().ok()?.elapsed().ok());
            ("occupied", Some(provider), Some(version), age.map(|age| age.as_secs()))
        }
    }
}

pub(crate) fn show(host: &Host, output: &Output) -> Done {
    let slot = host.slot();
    let path = host.layout().slot();
    let code = match &slot {
        Slot::Empty | Slot::Occupied(_) => ExitCode::SUCCESS,
        Slot::Unusable { .. } => Kind::Damaged.into(),
    };
    if output.json {
        out::json("slot-show", &SlotDoc::new(&slot))?;
        return Ok(code);
    }
    match &slot {
        Slot::Empty => out::line(format!("the slot is empty: there is no {path}"))?,
        Slot::Unusable { reason } => out::line(format!("the slot cannot be used: {path}: {reason}"))?,
        Slot::Occupied(occupied) => {
            let declared = &occupied.declaration;
            out::line(format!("{}, declared in {path}", title(declared)))?;
            let row = |name: &str, block: Option<&CommandBlock>| {
                let told = block.map(|block| format!("{} {}", block.command, block.args.join(" ")));
                let told = told.as_deref().map_or_else(|| "none".to_owned(), text::one_line);
                out::line(format!("  {name}: {told}"))
            };
            row("provision", declared.provision.as_ref())?;
            row("unprovision", declared.unprovision.as_ref())?;
            if let Some(notify) = occupied.notify() {
                row("notify", Some(notify))?;
            }
            for skipped in &occupied.skipped {
                out::line(format!("  skipped {skipped}"))?;
            }
        }
    }
    Ok(code)
}

/// Tells a provider's author what this host makes of a declaration, wherever it stands.
pub(crate) fn check(args: &SlotCheckArgs) -> Done {
    let slot = Slot::read(&args.file);
    let (ways, faults) = match &slot {
        Slot::Empty => return Err(CliError::failed(format!("there is no {}", args.file)).into()),
        Slot::Unusable { .. } => (Vec::new(), Vec::new()),
        Slot::Occupied(occupied) => (ways(occupied), faults(&occupied.declaration)),
    };
    if args.output.json {
        out::json("slot-check", &CheckDoc { slot: SlotDoc::new(&slot), routes: &ways, warnings: &faults })?;
    } else {
        tell(&args.file, &slot, &ways, &faults)?;
    }
    Ok(match &slot {
        Slot::Unusable { .. } => Kind::Damaged.into(),
        Slot::Occupied(occupied) if occupied.skipped.is_empty() && faults.is_empty() => ExitCode::SUCCESS,
        _ => Kind::Failed.into(),
    })
}

/// Prints the schema byte for byte as `docs/slot.schema.json` has it.
pub(crate) fn schema() -> Done {
    out::line(json_schema())?;
    Ok(ExitCode::SUCCESS)
}

fn tell(file: &Utf8Path, slot: &Slot, ways: &[Way], faults: &[Fault]) -> Result<(), out::Stop> {
    match slot {
        Slot::Empty => {}
        Slot::Unusable { reason } => out::line(format!("{file} cannot be used: {reason}"))?,
        Slot::Occupied(occupied) => {
            out::line(format!("{}, declared in {file}", title(&occupied.declaration)))?;
            for Way { member, told, .. } in ways {
                out::line(format!("  {member}: {told}"))?;
            }
            for skipped in &occupied.skipped {
                out::line(format!("  skipped {skipped}"))?;
            }
            for Fault { pointer, reason } in faults {
                out::line(format!("  warning {pointer}: {reason}"))?;
            }
        }
    }
    Ok(())
}

/// Who declares, on one line whatever stands in the names.
fn title(declared: &Declaration) -> String {
    text::one_line(&format!("{} {} ({})", declared.provider, declared.version, declared.package))
}

fn ways(occupied: &Occupied) -> Vec<Way> {
    let (route, told) = match occupied.notify() {
        Some(block) => ("command", exactly(block)),
        None => ("none", "none".to_owned()),
    };
    vec![
        Way::new(Direction::Provision, occupied),
        Way::new(Direction::Unprovision, occupied),
        Way { member: "notify", route, reason: None, told },
    ]
}

fn faults(declared: &Declaration) -> Vec<Fault> {
    let fault = |(member, block): (&str, &CommandBlock)| {
        let reason = format!("{:?} {}", block.command.as_str(), block.program_fault()?);
        Some(Fault { pointer: format!("/{member}/command"), reason })
    };
    declared.commands().filter_map(fault).collect()
}

/// A command with every blank and quote in it to be seen.
fn exactly(block: &CommandBlock) -> String {
    format!("command {:?} {:?}", block.command.as_str(), block.args)
}

impl<'a> SlotDoc<'a> {
    fn new(slot: &'a Slot) -> SlotDoc<'a> {
        let empty = SlotDoc { state: "empty", declaration: None, reason: None, skipped: &[] };
        match slot {
            Slot::Empty => empty,
            Slot::Occupied(occupied) => SlotDoc {
                state: "occupied",
                declaration: Some(&occupied.declaration),
                skipped: &occupied.skipped,
                ..empty
            },
            Slot::Unusable { reason } => SlotDoc { state: "unusable", reason: Some(reason), ..empty },
        }
    }
}

impl Way {
    fn new(direction: Direction, occupied: &Occupied) -> Way {
        let (route, told, reason) = match occupied.route(direction) {
            Route::Command(block) => ("command", exactly(block), None),
            Route::Plugin(plugin) => {
                let told = format!("plugin {:?} of {:?} (deprecated)", plugin.name, plugin.marketplace);
                ("plugin", told, None)
            }
            Route::Refused(reason) => ("refused", format!("refused: {reason}"), Some(reason)),
        };
        Way { member: direction.member(), route, reason, told }
    }
}
