//! Holding the profiles against the index of peers.

use std::process::ExitCode;

use camino::Utf8Path;
use iapeer_lifecycle::{Fixed, Host, IfDifferent, Verified, VerifyError, verify};
use iapeer_registry::{Difference, Judged, Personality, ProfileFinding};
use iapeer_statefile::CommitError;
use serde::Serialize;

use super::rename::unfinished;
use super::{Done, locked, state_fault, write_error};
use crate::args::VerifyArgs;
use crate::error::{CliError, Kind};
use crate::{out, text};

#[derive(Serialize)]
struct Doc {
    profiles: Vec<ProfileDoc>,
    registry: RegistryDoc,
    fixed: Vec<FixedDoc>,
}

#[derive(Serialize)]
struct ProfileDoc {
    personality: Personality,
    ok: bool,
    findings: Vec<FindingDoc>,
}

#[derive(Serialize)]
struct RegistryDoc {
    differences: Vec<FindingDoc>,
}

/// What was found, and what mends it.
#[derive(Serialize)]
struct FindingDoc {
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    personality: Option<Personality>,
    message: String,
    hint: String,
}

#[derive(Serialize)]
struct FixedDoc {
    personality: Personality,
    facts: Vec<&'static str>,
}

pub(crate) fn verify_verb(host: &Host, args: &VerifyArgs) -> Done {
    let then = if args.fix { IfDifferent::Project } else { IfDifferent::Tell };
    let verified = verify(host, then).map_err(|e| verify_error(host, &e))?;
    out::warnings(&verified.warnings);
    let code = if verified.is_ok() { ExitCode::SUCCESS } else { Kind::Failed.into() };
    let document = Doc::new(&verified);
    if args.output.json {
        out::json("verify", &document)?;
        return Ok(code);
    }
    for FixedDoc { personality, facts } in &document.fixed {
        out::line(format!("{personality}: the index has taken {} from the profile", facts.join(", ")))?;
    }
    let of_profiles = document.profiles.iter().flat_map(|profile| &profile.findings);
    for finding in of_profiles.chain(&document.registry.differences) {
        let who = finding.personality.as_ref().map_or_else(String::new, |p| format!("{p}: "));
        out::line(text::one_line(&format!("{who}{}; {}", finding.message, finding.hint)))?;
    }
    if verified.is_ok() {
        let count = document.profiles.len();
        out::line(match count {
            0 => "no peers yet".to_owned(),
            1 => "1 profile, and the index agrees with it".to_owned(),
            _ => format!("{count} profiles, and the index agrees with them"),
        })?;
    }
    Ok(code)
}

impl Doc {
    fn new(verified: &Verified) -> Doc {
        let profile = |judged: &Judged| ProfileDoc {
            personality: judged.personality.clone(),
            ok: judged.ok,
            findings: judged
                .findings
                .iter()
                .map(|f| FindingDoc::of_profile(&judged.personality, f))
                .collect(),
        };
        let fixed =
            |fixed: &Fixed| FixedDoc { personality: fixed.personality.clone(), facts: fixed.facts.clone() };
        let differences = verified.differences.iter().map(FindingDoc::of_registry).collect();
        Doc {
            profiles: verified.profiles.iter().map(profile).collect(),
            registry: RegistryDoc { differences },
            fixed: verified.fixed.iter().map(fixed).collect(),
        }
    }
}

impl FindingDoc {
    fn of_profile(personality: &Personality, finding: &ProfileFinding) -> FindingDoc {
        let hint = match finding {
            ProfileFinding::Unusable { .. } => "mend the file, or put a good copy in its place".to_owned(),
            ProfileFinding::OtherName { path, found } => format!(
                "write {personality} into the profile; or, if it is {found}: iapeer remove {personality}, then iapeer init {}",
                folder_of(path)
            ),
            ProfileFinding::DescriptionTooLong { .. } => "shorten it in the profile".to_owned(),
            ProfileFinding::DefaultNotAmong { default, .. } => {
                format!("write {default} into `runtimes`, or choose another default, in the profile")
            }
            ProfileFinding::MirrorDiffers { default, .. } => {
                format!("write {default} into `runtime`, or remove it, in the profile")
            }
            _ => "mend the profile".to_owned(),
        };
        FindingDoc {
            kind: finding.kind(),
            personality: Some(personality.clone()),
            message: finding.to_string(),
            hint,
        }
    }

    fn of_registry(difference: &Difference) -> FindingDoc {
        let hint = match difference {
            Difference::Fact { .. } => "iapeer verify --fix".to_owned(),
            Difference::ProfileMissing { personality, path } => {
                let folder = folder_of(path);
                format!(
                    "put it back, or make it anew: iapeer init {folder} --name {personality}; or iapeer remove {personality}"
                )
            }
            Difference::FolderMissing { personality, .. } => {
                format!("put it back; or iapeer remove {personality}")
            }
            Difference::BadEntry(_) => "iapeer verify --fix".to_owned(),
            Difference::Unlisted(stray) => {
                let first = if stray.personality.is_some() { "" } else { "mend the profile, then " };
                format!("{first}iapeer init {}; or, if it is not wanted, move the folder away", stray.folder)
            }
            _ => "mend the index".to_owned(),
        };
        FindingDoc {
            kind: difference.kind(),
            personality: difference.personality().cloned(),
            message: difference.to_string(),
            hint,
        }
    }
}

/// The folder of the peer whose profile this is.
fn folder_of(profile: &Utf8Path) -> &Utf8Path {
    profile.parent().and_then(Utf8Path::parent).unwrap_or(profile)
}

fn verify_error(host: &Host, error: &VerifyError) -> CliError {
    match error {
        VerifyError::State(fault) => state_fault(host, fault),
        VerifyError::Lock(e) => locked(e),
        VerifyError::Unfinished(e) => unfinished(e),
        VerifyError::Commit(CommitError::Write(e)) => write_error(e),
        VerifyError::Read(_) => {
            CliError::of(Kind::Damaged, error).hint("mend its permissions; nothing was changed")
        }
        _ => CliError::of(Kind::Failed, error),
    }
}
