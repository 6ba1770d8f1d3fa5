//! `rename`, and renames that were cut off.

use std::process::ExitCode;

use iapeer_lifecycle::{Host, RenameError, Renamed, Unfinished, finish_rename, rename, unfinished_rename};
use iapeer_registry::Personality;
use serde::Serialize;

use super::{Done, UNCLEAR, fact_error, find_error, locked, one_peer, state_fault, write_error};
use crate::args::{MemoryVerb, RenameArgs, Verb, VerifyArgs};
use crate::error::{CliError, Kind};
use crate::wire::OutcomesDoc;
use crate::{out, text};

/// Before anything else is done: a rename that was cut off is finished by whoever changes something, and
/// told by whoever looks. A verb about sessions goes on when it cannot be finished, for the other peers'
/// sake.
pub(super) fn settle(host: &Host, verb: &Verb) -> Result<(), CliError> {
    match verb {
        // It finishes the one that is meant, and says so as its own answer; `status` and `doctor` tell of it as well.
        Verb::Rename(_) | Verb::Status(_) | Verb::Slot { .. } | Verb::Doctor(_) | Verb::Preflight(_) => {
            Ok(())
        }
        // The one has a root of its own, the others are about no peer.
        Verb::Selftest(_) | Verb::Service { .. } | Verb::Runtime { .. } | Verb::Shell(_) => Ok(()),
        Verb::Init(_)
        | Verb::Create(_)
        | Verb::Remove(_)
        | Verb::AddRuntime(_)
        | Verb::DefaultRuntime(_)
        | Verb::Restore(_) => finish(host).map(drop),
        Verb::Verify(VerifyArgs { fix: true, .. }) => finish(host).map(drop),
        Verb::MemoryPlugin { verb: MemoryVerb::On(args) | MemoryVerb::Off(args) } if args.dry_run => {
            tell(host);
            Ok(())
        }
        Verb::MemoryPlugin { .. }
        | Verb::NativeMemory { .. }
        | Verb::Launch(_)
        | Verb::Attach(_)
        | Verb::Stop(_)
        | Verb::Start(_)
        | Verb::FolderLaunch(_)
        | Verb::New(_)
        | Verb::Refresh(_)
        | Verb::Up(_)
        | Verb::Down(_)
        | Verb::Interrupt(_)
        | Verb::Compact(_)
        | Verb::Worker(_)
        | Verb::Supervise(_) => {
            if let Err(error) = finish(host) {
                let told: Vec<_> = std::iter::once(error.message).chain(error.causes).collect();
                out::remark("warning", &told.join(": "));
                error.hints.iter().for_each(|hint| out::remark("hint", hint));
            }
            Ok(())
        }
        Verb::List(_)
        | Verb::Show(_)
        | Verb::Top
        | Verb::Deaths(_)
        | Verb::Logs(_)
        | Verb::Why(_)
        | Verb::Canary { .. }
        | Verb::Verify(_)
        | Verb::Backup { .. } => {
            tell(host);
            Ok(())
        }
    }
}

/// What is to be said about a rename that is not finished, and the command that mends it.
pub(super) fn pending(host: &Host) -> Option<(String, String)> {
    let error = match unfinished_rename(host) {
        Ok(None) => return None,
        Ok(Some((from, to))) => unfinished(&Unfinished::Rename { from, to }),
        Err(e) => unfinished(&e),
    };
    Some((error.message, error.hints.join("; ")))
}

fn tell(host: &Host) {
    if let Some((message, hint)) = pending(host) {
        out::remark("warning", &message);
        out::remark("hint", &hint);
    }
}

fn finish(host: &Host) -> Result<Option<Renamed>, CliError> {
    let finished = finish_rename(host).map_err(|e| rename_error(host, &e))?;
    if let Some(Renamed { from, to, warnings, .. }) = &finished {
        out::remark("note", &format!("the rename of {from} to {to} was cut off, and is finished now"));
        out::warnings(warnings);
    }
    Ok(finished)
}

/// The document of a rename, as far as it is not the provider's.
#[derive(Serialize)]
struct Doc<'a> {
    from: &'a Personality,
    to: &'a Personality,
    renamed: bool,
    cwd: &'a str,
    folder_moved: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    transcripts: Option<&'a str>,
    #[serde(flatten)]
    outcomes: OutcomesDoc<'a>,
}

pub(crate) fn rename_verb(host: &Host, args: &RenameArgs) -> Done {
    let RenameArgs { old, new, output } = args;
    let finished = finish(host)?.filter(|finished| finished.from == *old && finished.to == *new);
    let renamed = match finished {
        Some(finished) => Some(finished),
        None => {
            one_peer(host, old)?;
            let renamed = rename(host, old, new).map_err(|e| rename_error(host, &e))?;
            renamed.inspect(|renamed| out::warnings(&renamed.warnings))
        }
    };
    let Some(renamed) = renamed else {
        let peer = one_peer(host, old)?;
        if output.json {
            let (cwd, outcomes) = (peer.cwd.as_str(), OutcomesDoc::new(&[]));
            let document = Doc {
                from: old,
                to: new,
                renamed: false,
                cwd,
                folder_moved: false,
                transcripts: None,
                outcomes,
            };
            out::json("rename", &document)?;
        } else {
            out::line(format!("{old} has this name already; nothing was changed"))?;
        }
        return Ok(ExitCode::SUCCESS);
    };
    let folder_moved = renamed.cwd != renamed.old_cwd;
    let transcripts = renamed.transcripts.as_deref().map(|path| path.as_str());
    if output.json {
        let (cwd, outcomes) = (renamed.cwd.as_str(), OutcomesDoc::new(&renamed.outcomes));
        out::json(
            "rename",
            &Doc { from: old, to: new, renamed: true, cwd, folder_moved, transcripts, outcomes },
        )?;
        return Ok(ExitCode::SUCCESS);
    }
    out::line(format!("{old} is {new} now"))?;
    out::line(match &renamed.stays {
        _ if folder_moved => format!("its folder was renamed: {}", renamed.cwd),
        Some(why) => format!("its folder stays, because {why}: {}", renamed.cwd),
        None => format!("its folder stays: {}", renamed.cwd),
    })?;
    if let Some(transcripts) = transcripts {
        out::line(format!("the transcripts of claude went along: {transcripts}"))?;
    }
    for outcome in &renamed.outcomes {
        out::line(text::outcome(outcome))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// A rename that is not finished stands in the way.
pub(super) fn unfinished(error: &Unfinished) -> CliError {
    match error {
        Unfinished::Rename { from, to } => {
            CliError::of(Kind::Failed, error).hint(format!("iapeer rename {from} {to}"))
        }
        Unfinished::Unreadable(_) => {
            CliError::of(Kind::Damaged, error).hint("mend its permissions or its kind; nothing was changed")
        }
        _ => CliError::of(Kind::Damaged, error)
            .hint("nothing was changed; mend it: it lists what is left of a rename, step by step"),
    }
}

fn rename_error(host: &Host, error: &RenameError) -> CliError {
    let cli = CliError::of(Kind::Failed, error);
    match error {
        RenameError::Peer(e) => find_error(e),
        RenameError::Live { identity, .. } => CliError::of(Kind::Refused, error).hint(format!(
            "iapeer stop {} {}",
            identity.personality(),
            identity.runtime()
        )),
        RenameError::Unknown { .. } => CliError::of(Kind::Refused, error).hint(UNCLEAR),
        RenameError::Taken { .. } => cli.hint("choose another name; iapeer list shows which are taken"),
        RenameError::Changed { .. } => cli.hint("try again"),
        RenameError::NoProfile { personality, cwd } => cli
            .hint(format!("iapeer init {cwd} --name {personality}"))
            .hint(format!("or, if it is gone for good: iapeer remove {personality}")),
        RenameError::OtherProfile { .. } => cli.hint("iapeer verify"),
        RenameError::InTheWay { path } => cli.hint(format!("move {path} away, or choose another name")),
        RenameError::TakenBack(_) => cli.hint("mend what it names, then try again"),
        RenameError::Stuck { .. } => CliError::of(Kind::Damaged, error)
            .hint("mend what it names; the next command that changes a peer finishes the rename"),
        RenameError::Unfinishable { from, to, .. } => CliError::of(Kind::Damaged, error)
            .hint(format!("mend what it names, then: iapeer rename {from} {to}")),
        RenameError::Unfinished(e) => unfinished(e),
        RenameError::State(fault) => state_fault(host, fault),
        RenameError::Lock(e) => locked(e),
        RenameError::Fact(e) => fact_error(e),
        RenameError::Owed(_) | RenameError::Read(_) => {
            CliError::of(Kind::Damaged, error).hint("nothing was changed; mend or move the file")
        }
        RenameError::Write(e) => write_error(e),
        _ => cli,
    }
}
