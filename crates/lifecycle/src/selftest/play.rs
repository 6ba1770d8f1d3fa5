//! One trial from its beginning to its end.

use std::time::{Duration, Instant};

use iapeer_statefile::read_file;

use super::judge::{Expected, Seen, Writer, judge};
use super::stage::{Stage, StageError};
use super::trials::Trial;
use super::{Selftest, Tried};
use crate::host::{Host, Warning, with_causes};
use crate::pass::{record_what_is_owed, supervise_once};

/// How long the exit hook has for its line before we look; some versions of tmux lose the hook.
const HOOK: Duration = Duration::from_millis(500);
/// How long forensics may take: a dozen commands of three seconds each, none of which takes that long where
/// the machine is well.
const FORENSICS: Duration = Duration::from_secs(40);
/// How long the processes of a session have to be gone after it.
const GONE: Duration = Duration::from_secs(10);
/// The end of forensics that are whole.
const WHOLE: &[u8] = b"--- end\n";
/// Forensics are no longer than 400 lines of 400 characters.
const FORENSICS_LIMIT: u64 = 1 << 20;

/// Plays a trial; `None` when it was cancelled. Nothing of it runs afterwards, unless a warning says so.
pub(super) fn play(
    host: &Host,
    plan: &Selftest,
    trial: &Trial,
    warnings: &mut Vec<Warning>,
) -> Option<Tried> {
    if plan.cancel.is_cancelled() {
        return None;
    }
    let played = Stage::new(host, &plan.cancel, trial.name).and_then(|(mut stage, peer)| {
        let seen = stage.begin(&peer).and_then(|()| run(host, plan, trial, &mut stage));
        stage.end(warnings);
        seen
    });
    let (seen, problems) = match played {
        Ok(seen) => {
            let problems = judge(&trial.expected, &seen, plan.limit);
            (seen, problems)
        }
        Err(StageError::Cancelled) => return None,
        Err(e) => (Seen::default(), vec![with_causes(&e)]),
    };
    Some(Tried { way: trial.name, expected: trial.expected.to_string(), seen, problems })
}

fn run(host: &Host, plan: &Selftest, trial: &Trial, stage: &mut Stage<'_>) -> Result<Seen, StageError> {
    let mut deed = Instant::now();
    for step in trial.steps {
        deed = Instant::now();
        stage.step(*step)?;
    }
    let mut seen = Seen::default();
    if trial.expected != Expected::Nothing {
        let alone = alone(&trial.expected, plan.limit);
        let recorded = stage.within(plan.limit, || {
            let deaths = stage.deaths()?;
            if deaths.is_empty() && alone.is_some_and(|alone| deed.elapsed() >= alone) {
                record_what_is_owed(host)?;
                return Ok(stage.deaths()?.into_iter().next());
            }
            Ok(deaths.into_iter().next())
        })?;
        if let Some((_, forensics)) = recorded {
            seen.took = Some(deed.elapsed());
            if let Some(path) = forensics {
                let whole = || -> Result<Option<()>, StageError> {
                    let text = read_file(&path, FORENSICS_LIMIT)?;
                    Ok(text.filter(|text| text.ends_with(WHOLE)).map(drop))
                };
                seen.forensics = stage.within(FORENSICS, whole)?.is_some();
            }
        }
    }
    // A record that is missing has been waited for long enough.
    let missing = seen.took.is_none() && trial.expected != Expected::Nothing;
    seen.survivors = stage.survivors(if missing { Duration::ZERO } else { GONE })?;
    // Whoever looks now finds nothing left to record. One that is missing is not brought by our looking.
    if !missing {
        supervise_once(host)?;
        record_what_is_owed(host)?;
    }
    seen.deaths = stage.deaths()?.into_iter().map(|(death, _)| death).collect();
    Ok(seen)
}

/// How long whoever shall write the record is left alone before somebody looks; `None` for ever.
fn alone(expected: &Expected, limit: Duration) -> Option<Duration> {
    match expected {
        Expected::ServerExit { writer: Writer::Witness, .. } | Expected::Nothing => None,
        Expected::ServerExit { writer: Writer::Sweep, .. } => Some(Duration::ZERO),
        Expected::SessionExit { .. } => Some(HOOK.min(limit / 2)),
    }
}
