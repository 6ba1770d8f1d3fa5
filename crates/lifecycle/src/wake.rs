//! Whether a session begins, and whether it begins anew or goes on: the wake table, decided from facts alone.

mod apply;
mod look;

use crate::cause::{FreshCause, Refusal, ResumeCause};
use crate::topic::Topic;

pub(crate) use apply::{decided, log_wake, use_marks_up};
use look::look;

/// Who wants a session, and what for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// Somebody who names no topic.
    Launch,
    /// Somebody with this topic.
    Topic(Topic),
    /// A person, whatever it died of before: this alone lifts a crash loop.
    Start,
    /// A person who wants it to begin anew, in its folder or by `new`.
    Anew,
    /// A person who wants to go to it.
    Attach,
}

/// What there is to go on with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Past {
    /// A session that the program can go on with.
    Resumable,
    /// No session of the program.
    Nothing,
    /// The runtime does not say how its program goes on.
    CannotResume,
}

/// How a topic stands to what the session has worked on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Known {
    /// It has worked on it.
    Known,
    /// It has not.
    New,
}

/// What is known when a session shall begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is one mark that is there or not, as the table has them"
)]
pub(crate) struct WakeFacts {
    /// The identity was stopped.
    pub(crate) stopped: bool,
    /// Its runtime is held by the host's service manager.
    pub(crate) held_by_service: bool,
    /// It died too often in too short a time.
    pub(crate) crash_loop: bool,
    /// Its folder is not there.
    pub(crate) folder_missing: bool,
    /// It was asked to begin anew at its next wake.
    pub(crate) fresh_next: bool,
    /// Its sessions are for one task each.
    pub(crate) ephemeral: bool,
    /// Its last session was parked cleanly.
    pub(crate) idle_reaped: bool,
    /// It has had a session before.
    pub(crate) was_awake: bool,
    /// A person talks with it.
    pub(crate) has_human: bool,
    /// What it could go on with.
    pub(crate) past: Past,
    /// How the topic of the request stands to what it has worked on; none where none is given.
    pub(crate) topic: Option<Known>,
}

/// Whether and how a session begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wake {
    /// It begins anew.
    Fresh(FreshCause),
    /// It goes on where the last one ended.
    Resume(ResumeCause),
    /// It does not begin.
    Refused(Refusal),
}

/// The first row of the wake table that applies.
pub(crate) fn wake(facts: WakeFacts, request: &Request) -> Wake {
    if let Some(refusal) = guard(facts, request) {
        return Wake::Refused(refusal);
    }
    match (request, facts) {
        (Request::Anew, _) => Wake::Fresh(FreshCause::FolderLaunch),
        (Request::Attach, WakeFacts { past, .. }) => match past {
            Past::Resumable => Wake::Resume(ResumeCause::Attach),
            Past::Nothing => Wake::Refused(Refusal::NothingToResume),
            Past::CannotResume => Wake::Refused(Refusal::RuntimeCannotResume),
        },
        (_, WakeFacts { fresh_next: true, .. }) => Wake::Fresh(FreshCause::SoftReload),
        (_, WakeFacts { ephemeral: true, .. }) => Wake::Fresh(FreshCause::EphemeralPolicy),
        (_, WakeFacts { idle_reaped: false, was_awake: true, .. }) => {
            Wake::Fresh(FreshCause::CrashOrSelfClose)
        }
        (_, WakeFacts { idle_reaped: false, .. }) => Wake::Fresh(FreshCause::FirstWake),
        (_, WakeFacts { has_human: true, past, .. }) => parked(past, ResumeCause::IdleReapedHuman),
        (_, WakeFacts { topic: Some(Known::Known), past, .. }) => parked(past, ResumeCause::IdleReapedResume),
        (_, WakeFacts { topic: None, .. }) => Wake::Fresh(FreshCause::IdleReapedNoTopic),
        (_, WakeFacts { topic: Some(Known::New), .. }) => Wake::Fresh(FreshCause::IdleReapedNewTopic),
    }
}

/// Whether so many deaths lie within the time before `now`; all in milliseconds. One that the clock puts into
/// the future is not counted, for nobody knows when it was.
pub(crate) fn is_crash_loop(deaths: &[i64], now: i64, max: u32, window: i64) -> bool {
    let in_window = deaths.iter().filter(|at| (0..=window).contains(&now.saturating_sub(**at)));
    u32::try_from(in_window.count()).is_ok_and(|count| count >= max)
}

/// Row 0: what keeps a session from beginning at all.
fn guard(facts: WakeFacts, request: &Request) -> Option<Refusal> {
    match facts {
        WakeFacts { stopped: true, .. } => Some(Refusal::Stopped),
        WakeFacts { held_by_service: true, .. } => Some(Refusal::HeldByService),
        WakeFacts { crash_loop: true, .. } if *request != Request::Start => Some(Refusal::CrashLoop),
        WakeFacts { folder_missing: true, .. } => Some(Refusal::FolderMissing),
        _ => None,
    }
}

/// A session that was parked and is wanted again: it goes on where it can.
fn parked(past: Past, cause: ResumeCause) -> Wake {
    match past {
        Past::Resumable => Wake::Resume(cause),
        Past::Nothing => Wake::Fresh(FreshCause::NothingToResume),
        Past::CannotResume => Wake::Fresh(FreshCause::RuntimeCannotResume),
    }
}

#[cfg(test)]
mod tests;
