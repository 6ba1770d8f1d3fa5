//! What is to be done about a session that is up, or was, decided from facts alone. Nothing here looks at the
//! machine or changes it.

use std::fmt;

use crate::observe::SessionState;

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
