//! Waiting for what comes in the journals.

use std::collections::HashSet;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use camino::Utf8PathBuf;
use iapeer_lifecycle::{Host, record_what_is_owed};
use iapeer_statefile::with_causes;

use super::Done;
use crate::error::CliError;
use crate::out::{self, Stop};
use crate::watch::{Watch, Woken};

/// How often deaths are looked for that no witness will record, because it died first.
pub(super) const SWEEP_EVERY: Duration = Duration::from_secs(5);

/// Waits for changes of journals, and looks for deaths that nobody recorded meanwhile.
#[derive(Debug)]
pub(super) struct Follower {
    watch: Watch,
    what: &'static str,
}

impl Follower {
    /// Whatever comes after this is noticed. From here on Ctrl-C and TERM do nothing but end the wait. `what`
    /// is what people wait for.
    pub(super) fn begin(host: &Host, what: &'static str) -> Result<Follower, CliError> {
        let log = host.layout().exits_log();
        let watch = Watch::begin(log.parent().unwrap_or(&log)).map_err(|e| failed(what, &e))?;
        Ok(Follower { watch, what })
    }

    /// Calls `look` whenever one of the journals has changed, until Ctrl-C.
    pub(super) fn run(
        mut self,
        host: &Host,
        journals: &[Utf8PathBuf],
        mut look: impl FnMut() -> Result<(), Stop>,
    ) -> Done {
        out::note(&format!("waiting for {}; Ctrl-C ends it", self.what));
        let mut told = HashSet::new();
        let mut next_sweep = Instant::now() + SWEEP_EVERY;
        let mut sizes = None;
        loop {
            let patience = next_sweep.saturating_duration_since(Instant::now());
            if self.watch.wait(patience).map_err(|e| failed(self.what, &e))? == Woken::Stop {
                return Ok(ExitCode::SUCCESS);
            }
            if Instant::now() >= next_sweep {
                // What goes wrong goes wrong each time, and is told once.
                let warnings = match record_what_is_owed(host) {
                    Ok(warnings) => warnings.into_iter().map(|warning| warning.message).collect(),
                    Err(e) => vec![with_causes(&e)],
                };
                for warning in warnings {
                    if told.insert(warning.clone()) {
                        out::remark("warning", &warning);
                    }
                }
                next_sweep = Instant::now() + SWEEP_EVERY;
            }
            // Much else is written into that folder.
            let size = |log: &Utf8PathBuf| log.metadata().ok().map(|meta| (meta.len(), meta.modified().ok()));
            let now = Some(journals.iter().map(size).collect::<Vec<_>>());
            if now != sizes {
                sizes = now;
                look()?;
            }
        }
    }
}

fn failed(what: &str, error: &std::io::Error) -> CliError {
    CliError::failed(format!("cannot wait for {what}: {error}"))
}
