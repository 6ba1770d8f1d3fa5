//! What is to be done, decided from facts alone. Nothing here looks at the machine or changes it.

use std::fmt;

use crate::observe::SessionState;

/// What is known when a session shall begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct WakeFacts {
    /// The identity was stopped.
    pub(crate) stopped: bool,
    /// Its runtime is held by the host's service manager.
    pub(crate) held_by_service: bool,
    /// Its folder is not there.
    pub(crate) folder_missing: bool,
    /// Its last session was parked cleanly.
    pub(crate) idle_reaped: bool,
    /// It has had a session before.
    pub(crate) was_awake: bool,
}

/// Whether and how a session begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wake {
    /// It begins anew.
    Fresh(FreshCause),
    /// It does not begin.
    Refused(Refusal),
}

/// Why a session begins anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FreshCause {
    /// There was none before.
    FirstWake,
    /// The last one crashed, or its program ended by itself.
    CrashOrSelfClose,
    /// The last one was parked, and nobody named a topic to go on with.
    IdleReapedNoTopic,
}

/// Why a session does not begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// It was stopped.
    Stopped,
    /// The host's service manager holds it.
    HeldByService,
    /// Its folder is not there.
    FolderMissing,
}

impl fmt::Display for FreshCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            FreshCause::FirstWake => "first-wake",
            FreshCause::CrashOrSelfClose => "crash-or-self-close",
            FreshCause::IdleReapedNoTopic => "idle-reaped-no-topic",
        })
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Refusal::Stopped => "stopped",
            Refusal::HeldByService => "held-by-service",
            Refusal::FolderMissing => "folder-missing",
        })
    }
}

/// The first row of the wake table that applies; the rows for resuming are not there yet.
pub(crate) fn wake(facts: WakeFacts) -> Wake {
    match facts {
        WakeFacts { stopped: true, .. } => Wake::Refused(Refusal::Stopped),
        WakeFacts { held_by_service: true, .. } => Wake::Refused(Refusal::HeldByService),
        WakeFacts { folder_missing: true, .. } => Wake::Refused(Refusal::FolderMissing),
        WakeFacts { idle_reaped: true, .. } => Wake::Fresh(FreshCause::IdleReapedNoTopic),
        WakeFacts { was_awake: true, .. } => Wake::Fresh(FreshCause::CrashOrSelfClose),
        _ => Wake::Fresh(FreshCause::FirstWake),
    }
}

/// What a pass of the supervisor does about one session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It runs: see that its socket is there and its witness is up.
    Alive,
    /// It has ended on purpose: park it, count nothing.
    SkippedStopped,
    /// It has ended: count a death, and find its cause.
    ReapedGone(Death),
    /// It cannot be told. Nothing is done, and above all nothing destructive.
    Unknown(String),
}

/// What of a session died.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Death {
    /// The program in it.
    SessionGone,
    /// The tmux server.
    ServerDead,
}

impl fmt::Display for Death {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Death::SessionGone => "session-gone",
            Death::ServerDead => "server-dead",
        })
    }
}

/// Whether the server's end was somebody's intention, as far as the journals tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ServerEnd {
    /// The witness wrote that the exit hook ended it: the program went first.
    AfterItsProgram,
    /// Nothing of the kind is known.
    Unplanned,
}

/// The row of the supervise table that applies.
pub(crate) fn supervise(state: SessionState, stopped: bool, end: ServerEnd) -> Verdict {
    match (state, stopped, end) {
        (SessionState::Unknown(reason), _, _) => Verdict::Unknown(reason),
        (SessionState::Running, _, _) => Verdict::Alive,
        (SessionState::ProgramEnded | SessionState::ServerDead, true, _) => Verdict::SkippedStopped,
        (SessionState::ProgramEnded, false, _)
        | (SessionState::ServerDead, false, ServerEnd::AfterItsProgram) => {
            Verdict::ReapedGone(Death::SessionGone)
        }
        (SessionState::ServerDead, false, ServerEnd::Unplanned) => Verdict::ReapedGone(Death::ServerDead),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AWAKE_BEFORE: WakeFacts = WakeFacts {
        stopped: false,
        held_by_service: false,
        folder_missing: false,
        idle_reaped: false,
        was_awake: true,
    };

    #[test]
    fn the_wake_table() {
        let table = [
            (WakeFacts { was_awake: false, ..AWAKE_BEFORE }, Wake::Fresh(FreshCause::FirstWake)),
            (AWAKE_BEFORE, Wake::Fresh(FreshCause::CrashOrSelfClose)),
            (WakeFacts { idle_reaped: true, ..AWAKE_BEFORE }, Wake::Fresh(FreshCause::IdleReapedNoTopic)),
            (WakeFacts { folder_missing: true, ..AWAKE_BEFORE }, Wake::Refused(Refusal::FolderMissing)),
            (WakeFacts { held_by_service: true, ..AWAKE_BEFORE }, Wake::Refused(Refusal::HeldByService)),
            (
                WakeFacts { stopped: true, held_by_service: true, folder_missing: true, ..AWAKE_BEFORE },
                Wake::Refused(Refusal::Stopped),
            ),
        ];
        for (facts, wanted) in table {
            assert_eq!(wake(facts), wanted, "{facts:?}");
        }
    }

    #[test]
    fn the_supervise_table() {
        use ServerEnd::{AfterItsProgram, Unplanned};
        let table = [
            (SessionState::Running, false, Unplanned, Verdict::Alive),
            (SessionState::Running, true, Unplanned, Verdict::Alive),
            (SessionState::ProgramEnded, false, Unplanned, Verdict::ReapedGone(Death::SessionGone)),
            (SessionState::ProgramEnded, true, Unplanned, Verdict::SkippedStopped),
            (SessionState::ServerDead, false, Unplanned, Verdict::ReapedGone(Death::ServerDead)),
            (SessionState::ServerDead, false, AfterItsProgram, Verdict::ReapedGone(Death::SessionGone)),
            (SessionState::ServerDead, true, Unplanned, Verdict::SkippedStopped),
        ];
        for (state, stopped, end, wanted) in table {
            assert_eq!(supervise(state.clone(), stopped, end), wanted, "{state:?} {stopped} {end:?}");
        }
        for stopped in [false, true] {
            for end in [Unplanned, AfterItsProgram] {
                let state = SessionState::Unknown("a reason".to_owned());
                assert_eq!(supervise(state, stopped, end), Verdict::Unknown("a reason".to_owned()));
            }
        }
    }
}
