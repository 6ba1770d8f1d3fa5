//! One death from "dead" to "on record": claim, line, tidying. The same order as in the witness.

use std::collections::BTreeSet;

use camino::Utf8Path;
use iapeer_statefile::{Creation, Entry, Line, create_file, remove_file, replace_file};

use crate::canary::{Canary, CanaryError};
use crate::claim::{claimed_line, is_end, is_marked};
use crate::forensics::{Moment, Owed};
use crate::intent::Judgement;
use crate::lease::Lease;
use crate::names::{Files, Name, Subject};
use crate::oom::Oom;
use crate::process::{ExitWord, Incarnation, Liveness};
use crate::record::{Cause, DeathRecord};

/// A recorder that has not claimed a death after this time is stopped, or blind. In seconds.
const STUCK_SECS: u64 = 3;

/// How one canary was found by a sweep, and what was done about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// The server and its recorder live.
    Armed,
    /// The server lives and nobody watches it: arm it.
    Unwatched,
    /// The server is dead, and its recorder is at work or stuck: the next sweep will know.
    Dying,
    /// Whether the server lives could not be told, so nothing was done.
    Unknown(String),
    /// Nobody had recorded this death; now it is on record.
    Recorded(DeathRecord),
    /// Nobody had recorded this end, which was deliberate; now it is in the journal of decisions.
    Stopped,
    /// It was on record; what was left of it has been tidied up.
    Settled,
    /// Its record was claimed and not finished; now it is.
    Repaired,
}

/// What became of a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claimed {
    /// The death is on record, by this claim.
    Recorded(DeathRecord),
    /// The end was deliberate and stands in the journal of decisions, by this claim.
    Stopped,
    /// Somebody else has claimed it.
    Already,
    /// The server lives: there is nothing to claim.
    StillAlive,
}

/// Who records, and what is known of the end.
struct Verdict {
    cause: Cause,
    status: Option<ExitWord>,
    oom: Oom,
    observer: &'static str,
    moment: Moment,
}

/// The deaths and stops that stand in the journals; read once in a sweep, and only when it matters.
pub(crate) type Logged = Option<BTreeSet<String>>;

impl Canary {
    /// Claims the death of this server for a watcher inside a program, and records it: for the one who
    /// sees a pidfd or a kqueue event before the witness has written its line. `status` is what that
    /// event told of the manner; without it the zombie is asked.
    ///
    /// # Errors
    ///
    /// [`CanaryError`]; a later sweep does what was left undone.
    pub fn claim(&self, subject: &Subject, status: Option<ExitWord>) -> Result<Claimed, CanaryError> {
        let (claimed, owed) = self.claim_line(subject, status)?;
        owed.map_or(Ok(()), |owed| self.collect(&owed))?;
        Ok(claimed)
    }

    /// The line about the end of this server, planned or not, once it stands in its journal. It is read from the
    /// claim, which is kept for some days: the journals may be long.
    ///
    /// # Errors
    ///
    /// [`CanaryError::Read`] when the claim is there and cannot be read.
    pub fn recorded_end(&self, subject: &Subject) -> Result<Option<Entry>, CanaryError> {
        let claim = self.text(&self.files(&subject.death()).dead())?.filter(|claim| is_marked(claim));
        let entry = claim.and_then(|claim| Entry::parse(claim.lines().next()?).ok());
        Ok(entry.filter(|entry| is_end(entry) && entry.get("death") == Some(&subject.death())))
    }

    /// The first half of [`Canary::claim`]: the record stands, its forensics are still owed.
    pub(crate) fn claim_line(
        &self,
        subject: &Subject,
        status: Option<ExitWord>,
    ) -> Result<(Claimed, Option<Owed>), CanaryError> {
        let _lock = self.lock("claim")?;
        let files = self.files(&subject.death());
        let seen = match self.liveness(&subject.server) {
            Liveness::Dead { status } => status,
            Liveness::Alive => return Ok((Claimed::StillAlive, None)),
            Liveness::Unknown(reason) => {
                return Err(CanaryError::Unknown { pid: subject.server.pid, reason });
            }
        };
        let lease = self.text(&files.lease())?.as_deref().and_then(Lease::parse);
        // Without a lease it may have been recorded, claim and all tidied away.
        if files.dead().exists() || (lease.is_none() && self.is_logged(&mut None, files.death())?) {
            return Ok((Claimed::Already, None));
        }
        let status = status.or(seen);
        let boot_is_over = self.boot_is_over(&subject.server)?;
        let verdict = Verdict {
            cause: if boot_is_over { Cause::Reboot } else { Cause::from_status(status) },
            status,
            oom: lease.filter(|_| !boot_is_over).map_or(Oom::Unknown, |lease| lease.oom.since()),
            observer: "supervisor",
            moment: if boot_is_over { Moment::AfterBoot } else { Moment::AtDeath },
        };
        Ok(match self.record(&files, subject, &verdict)? {
            None => (Claimed::Already, None),
            Some((Finding::Recorded(record), owed)) => (Claimed::Recorded(record), owed),
            Some((_, owed)) => (Claimed::Stopped, owed),
        })
    }

    /// Whether the boot is over in which this process ran.
    fn boot_is_over(&self, process: &Incarnation) -> Result<bool, CanaryError> {
        Ok(self.host.boot_id()?.short() != process.boot.short())
    }

    /// Looks at one canary and brings its death, if it died, on record. The caller holds the lock.
    pub(crate) fn settle(
        &self,
        files: &Files,
        name: &Name,
        logged: &mut Logged,
    ) -> Result<Option<(Subject, Finding)>, CanaryError> {
        let Some(lease) = self.lease_of(name)? else { return Ok(None) };
        let finding = self.find(files, &lease, logged)?;
        Ok(Some((lease.subject, finding)))
    }

    fn find(&self, files: &Files, lease: &Lease, logged: &mut Logged) -> Result<Finding, CanaryError> {
        let server = &lease.subject.server;
        let watched = self.may_watch(lease.recorder.as_ref());
        let claim = self.text(&files.dead())?;
        if claim.as_deref().is_some_and(is_marked) {
            self.tidy(files)?;
            return Ok(Finding::Settled);
        }
        let (status, boot_is_over) = match self.liveness(server) {
            Liveness::Unknown(reason) => return Ok(Finding::Unknown(reason)),
            Liveness::Alive if watched => {
                remove_file(&files.late())?;
                return Ok(Finding::Armed);
            }
            Liveness::Alive => return Ok(Finding::Unwatched),
            Liveness::Dead { status } => (status, self.boot_is_over(server)?),
        };
        if watched && (claim.is_some() || !self.is_stuck(files)?) {
            return Ok(Finding::Dying);
        }
        // Recorded without a claim, or claimed by one that ended before it could say that all is done.
        if self.is_logged(logged, files.death())? {
            self.finish(files, claim.as_deref())?;
            return Ok(Finding::Settled);
        }
        if let Some(line) = claim.as_deref().and_then(claimed_line) {
            self.write(&line)?;
            self.finish(files, claim.as_deref())?;
            return Ok(Finding::Repaired);
        }
        let verdict = Verdict {
            cause: if boot_is_over { Cause::Reboot } else { Cause::Unobserved },
            status,
            // The counters begin anew with each boot.
            oom: if boot_is_over { Oom::Unknown } else { lease.oom.since() },
            observer: "sweep",
            moment: if boot_is_over { Moment::AfterBoot } else { Moment::Later },
        };
        if claim.is_some() {
            // Claimed, and not a word written: the claim is ours now, for we hold the lock.
            remove_file(&files.dead())?;
        }
        let Some((finding, owed)) = self.record(files, &lease.subject, &verdict)? else {
            return Ok(Finding::Dying);
        };
        owed.map_or(Ok(()), |owed| self.collect(&owed))?;
        Ok(finding)
    }

    /// Whether the living recorder of a dead server has had its time: it was at work at an earlier look,
    /// and has still not claimed.
    fn is_stuck(&self, files: &Files) -> Result<bool, CanaryError> {
        let up = self.host.secs_since_boot()?;
        let seen = self.text(&files.late())?.and_then(|text| text.trim().parse::<u64>().ok());
        match seen {
            Some(seen) => Ok(up.saturating_sub(seen) >= STUCK_SECS),
            None => {
                replace_file(&files.late(), format!("{up}\n").as_bytes()).map(|()| false).map_err(Into::into)
            }
        }
    }

    /// Claims and records a death; `None` when somebody else was first. The forensics are still owed.
    fn record(
        &self,
        files: &Files,
        subject: &Subject,
        verdict: &Verdict,
    ) -> Result<Option<(Finding, Option<Owed>)>, CanaryError> {
        let Verdict { cause, status, oom, observer, moment } = verdict;
        let judgement = self.judgement(files, *moment == Moment::AfterBoot)?;
        let forensics = self.places.forensics.join(format!("{}.txt", files.death()));
        let (now, pid) = (self.host.now(), subject.server.pid);
        let line = match &judgement {
            Judgement::Fresh(intent) => Line::new(now, "server-stop")
                .field("identity", &subject.identity)
                .field("by", &intent.by)
                .field("reason", &intent.reason)
                .field("server_pid", pid)
                .field("death", files.death()),
            _ => Line::new(now, "server-exit")
                .field("death", files.death())
                .field("identity", &subject.identity)
                .field("cause", cause)
                .field("status", status.map_or("unknown".to_owned(), |status| status.to_string()))
                .field("oom", oom)
                .field("wait_rc", "none")
                .field("server_pid", pid)
                .field("intent", judgement.word())
                .field("observer", observer)
                .field("forensics", &forensics),
        };
        let line = line.field("end", 1);
        let rendered = line.render();
        let text = format!("{rendered}\n");
        match create_file(&files.dead(), text.as_bytes()) {
            Ok(Creation::Created) => {}
            Ok(Creation::AlreadyThere) => return Ok(None),
            // A folder that takes no files: better twice than never.
            Err(_) if !files.dead().exists() => {}
            Err(e) => return Err(e.into()),
        }
        self.write(&line)?;
        self.finish(files, Some(&text))?;
        let entry = Entry::parse(&rendered).expect("a line that was just rendered can be read");
        let Some(record) = DeathRecord::of(&entry) else { return Ok(Some((Finding::Stopped, None))) };
        let owed = Owed::new(files.death(), forensics, rendered, *moment);
        Ok(Some((Finding::Recorded(record), Some(owed))))
    }

    /// Appends a record to the journal where its kind belongs, or to the file that stands in for both.
    pub(crate) fn write(&self, line: &Line) -> Result<(), CanaryError> {
        let rendered = line.render();
        let stop = Entry::parse(&rendered).is_ok_and(|entry| entry.event() == "server-stop");
        let journal = if stop { &self.lifecycle } else { &self.exits };
        match journal.append(line) {
            Ok(()) => Ok(()),
            // That the journal cannot be written is told by the fallback's being there.
            Err(first) => self.fallback().append(line).map_err(|_| first.into()),
        }
    }

    /// Whether a record of this death stands in a journal.
    pub(crate) fn is_logged(&self, logged: &mut Logged, death: &str) -> Result<bool, CanaryError> {
        if logged.is_none() {
            let mut deaths = BTreeSet::new();
            for journal in [&self.exits, &self.lifecycle, &self.fallback()] {
                // None is the one looked for, so all are met, and one at a time is in memory.
                journal.find_last(|entry| {
                    deaths.extend(is_end(entry).then(|| entry.get("death")).flatten().map(str::to_owned));
                    false
                })?;
            }
            *logged = Some(deaths);
        }
        Ok(logged.as_ref().is_some_and(|deaths| deaths.contains(death)))
    }

    /// Marks a claim as done and removes what is not needed any more.
    fn finish(&self, files: &Files, claim: Option<&str>) -> Result<(), CanaryError> {
        self.mark_logged(&files.dead(), claim.unwrap_or("").lines().next().unwrap_or(""))?;
        self.tidy(files)
    }

    fn tidy(&self, files: &Files) -> Result<(), CanaryError> {
        for path in [files.lease(), files.intent(), files.late(), files.script()] {
            remove_file(&path)?;
        }
        Ok(())
    }

    /// Ticks off a claim: the line that it holds stands in its journal.
    pub(crate) fn mark_logged(&self, claim: &Utf8Path, line: &str) -> Result<(), CanaryError> {
        Ok(replace_file(claim, format!("{line}\nlogged\n").as_bytes())?)
    }
}
