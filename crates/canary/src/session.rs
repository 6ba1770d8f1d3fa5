//! The end of a session: the line that the exit hook owes when tmux has lost its hook.

use std::time::Duration;

use iapeer_statefile::{Creation, Entry, Line, Timestamp, create_file};

use crate::canary::{Canary, CanaryError, Groups};
use crate::claim::{claimed_line, is_marked};
use crate::intent::Intent;
use crate::names::Subject;
use crate::process::{ExitWord, Liveness};

/// How long the intent counts that follows the end of a session; the same as in the hook.
const INTENT_TTL: Duration = Duration::from_secs(30);
/// A hook needs far less than this between its claim and its line.
const HOOK_SECS: i64 = 5;

/// The end of a session's own process, as somebody found it whom the exit hook did not tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionEnd {
    /// The pid of the process in the pane.
    pub pane_pid: u32,
    /// How it ended, where that is known.
    pub status: Option<ExitWord>,
}

/// What became of the record of a session's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionRecord {
    /// It was owed, and is written now.
    Recorded,
    /// The hook, or somebody else, has claimed it.
    Already,
}

impl Canary {
    /// Writes the line about the end of a session that the exit hook owed, and publishes the intent for
    /// the end of the server that follows, unless the hook has done so. Either of the two writes it, once.
    ///
    /// # Errors
    ///
    /// [`CanaryError`]; a later sweep writes a line that was claimed and not written.
    pub fn record_session_exit(
        &self,
        subject: &Subject,
        end: &SessionEnd,
    ) -> Result<SessionRecord, CanaryError> {
        let _lock = self.lock("record of a session's end")?;
        let files = self.files(&subject.death());
        let (code, signal) = match end.status {
            Some(ExitWord::Exited(code)) => (Some(code), None),
            Some(ExitWord::Signaled(signal)) => (None, Some(signal)),
            None => (None, None),
        };
        let text = |number: Option<u8>| number.map_or(String::new(), |n| n.to_string());
        let line = Line::new(self.host.now(), "session-exit")
            .field("identity", &subject.identity)
            .field("dead_status", text(code))
            .field("dead_signal", text(signal))
            .field("server_pid", subject.server.pid)
            .field("pane_pid", end.pane_pid)
            .field("end", 1);
        let claim = files.exit(end.pane_pid);
        let ours =
            matches!(create_file(&claim, format!("{}\n", line.render()).as_bytes())?, Creation::Created);
        if ours {
            self.write(&line)?;
            self.mark_logged(&claim, &line.render())?;
        }
        if self.liveness(&subject.server) == Liveness::Alive {
            let intent = Intent::new(self.host.secs_since_boot()?, INTENT_TTL, "supervisor", "session-ended");
            self.publish_under_lock(&files, &intent.render(self.host.now()))?;
        }
        Ok(if ours { SessionRecord::Recorded } else { SessionRecord::Already })
    }

    /// Writes the lines of hooks that ended between their claim and their line.
    pub(crate) fn finish_session_exits(&self, groups: &Groups) -> Result<u64, CanaryError> {
        let mut written = 0;
        for (death, (_, kinds)) in groups {
            let panes = kinds.iter().filter_map(|kind| kind.strip_suffix(".exit")?.parse().ok());
            for pane_pid in panes {
                let path = self.files(death).exit(pane_pid);
                let Some(claim) = self.text(&path)?.filter(|claim| !is_marked(claim)) else { continue };
                let Some(line) = claimed_line(&claim) else { continue };
                let rendered = line.render();
                let Ok(entry) = Entry::parse(&rendered) else { continue };
                let age =
                    entry.ts().parse::<Timestamp>().map(|ts| self.host.now().as_second() - ts.as_second());
                if age.is_ok_and(|age| age.abs() < HOOK_SECS) {
                    continue;
                }
                let mut lines = self.exits.read()?.entries;
                lines.extend(self.fallback().read()?.entries);
                if !lines.contains(&entry) {
                    self.write(&line)?;
                    written += 1;
                }
                self.mark_logged(&path, &rendered)?;
            }
        }
        Ok(written)
    }
}
