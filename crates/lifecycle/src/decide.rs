//! What is to be done, decided from facts alone. Nothing here looks at the machine or changes it.

use std::fmt;
use std::time::Duration;

use iapeer_statefile::Timestamp;

use crate::observe::SessionState;

/// What is seen of a session that we supervise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    /// What has become of it.
    pub(crate) state: SessionState,
    /// What the journals say about the end of a server that is dead.
    pub(crate) end: ServerEnd,
    /// Its runtime is held by the host's service manager.
    pub(crate) is_held_by_service: bool,
    /// Somebody's terminal shows it.
    pub(crate) is_attached: bool,
    /// The file of its socket is gone.
    pub(crate) is_without_socket: bool,
    /// A witness watches its server.
    pub(crate) is_watched: bool,
    /// When it last did something; none when that cannot be told.
    pub(crate) active: Option<Timestamp>,
}

/// What stands on the disk about a session, beside that there is one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Marks {
    /// It was stopped.
    pub(crate) is_stopped: bool,
    /// When somebody asked that it begins anew as soon as it is gone.
    pub(crate) eager_since: Option<Timestamp>,
    /// Its peer works once, and ends.
    pub(crate) is_ephemeral: bool,
    /// When such a peer has answered.
    pub(crate) answered: Option<Timestamp>,
}

/// What a pass may end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Policy {
    /// Nothing that lives: somebody is about to use the session.
    Keep,
    /// A session that did nothing for so long.
    Park {
        /// How long.
        idle: Duration,
    },
}

/// What a pass of the supervisor does about one session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It runs: these chores are to be done for it.
    Alive(Vec<Chore>),
    /// The host's service manager holds it, and it is not ours to touch.
    SkippedService,
    /// It has ended on purpose: park it, count nothing.
    SkippedStopped,
    /// It has ended, and shall begin anew at once.
    NeedsEagerFresh,
    /// It has ended: count a death, and find its cause.
    ReapedGone(Death),
    /// It has done its part: end it if it still runs, and count nothing.
    Reaped(Park),
    /// It cannot be told. Nothing is done, and above all nothing destructive.
    Unknown(String),
}

/// What a session that runs lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Chore {
    /// The server is to make its socket anew.
    RestoreSocket,
    /// The server is to be watched.
    ArmWitness,
}

/// Why a session that runs is ended without anybody asking for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Park {
    /// It did nothing for long, and may go on later.
    Idle,
    /// It was for one piece of work, which is done or never will be.
    Ephemeral,
}

/// What of a session died.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Death {
    /// The program in it.
    SessionGone,
    /// The tmux server.
    ServerDead,
}

impl Verdict {
    /// The outcome word.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Verdict::Alive(_) => "alive",
            Verdict::SkippedService => "skipped-service",
            Verdict::SkippedStopped => "skipped-stopped",
            Verdict::NeedsEagerFresh => EAGER,
            Verdict::ReapedGone(_) => "reaped-gone",
            Verdict::Reaped(Park::Idle) => "reaped-idle",
            Verdict::Reaped(Park::Ephemeral) => "reaped-ephemeral",
            Verdict::Unknown(_) => "unknown",
        }
    }
}

impl Park {
    /// The reason that stands in the intent, and so in the line about the end of the server.
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Park::Idle => "idle",
            Park::Ephemeral => "ephemeral",
        }
    }

    /// The other way round.
    pub(crate) fn of_reason(reason: &str) -> Option<Park> {
        [Park::Idle, Park::Ephemeral].into_iter().find(|park| park.reason() == reason)
    }
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
    /// It was ended because its program had ended.
    AfterItsProgram,
    /// Somebody said before that it would end.
    OnPurpose,
    /// A pass ended it, and was cut off before it had written that down.
    Parked(Park),
    /// Nothing of the kind is known.
    Unplanned,
}

/// The outcome word of a session that is to begin anew at once.
pub(crate) const EAGER: &str = "needs-eager-fresh";
/// For how long the wish counts that a session begins anew as soon as it is gone.
pub(crate) const EAGER_FOR: Duration = Duration::from_secs(600);
/// How long an ephemeral peer that has answered must be quiet before it is ended.
const QUIET: Duration = Duration::from_secs(30);
/// How long an ephemeral peer that has not answered may be silent.
const SILENT: Duration = Duration::from_secs(600);

/// The row of the supervise table that applies.
pub(crate) fn supervise(seen: &Seen, marks: &Marks, policy: Policy, now: Timestamp) -> Verdict {
    if seen.is_held_by_service {
        return Verdict::SkippedService;
    }
    match (&seen.state, seen.end) {
        (SessionState::Unknown(reason), _) => Verdict::Unknown(reason.clone()),
        (SessionState::Running, _) => match parks(seen, marks, policy, now) {
            Some(park) => Verdict::Reaped(park),
            None => Verdict::Alive(chores(seen)),
        },
        _ if marks.is_stopped => Verdict::SkippedStopped,
        _ if begins_anew(marks, now) => Verdict::NeedsEagerFresh,
        (SessionState::ServerDead, ServerEnd::OnPurpose) => Verdict::SkippedStopped,
        (SessionState::ServerDead, ServerEnd::Parked(park)) => Verdict::Reaped(park),
        (SessionState::ServerDead, ServerEnd::Unplanned) => Verdict::ReapedGone(Death::ServerDead),
        (SessionState::ProgramEnded, _) | (SessionState::ServerDead, ServerEnd::AfterItsProgram)
            if marks.is_ephemeral && marks.answered.is_some() =>
        {
            // Its program ended by itself, with its part done: no pass had to end it.
            Verdict::Reaped(Park::Ephemeral)
        }
        (SessionState::ProgramEnded, _) | (SessionState::ServerDead, ServerEnd::AfterItsProgram) => {
            Verdict::ReapedGone(Death::SessionGone)
        }
    }
}

/// Whether a session that is gone shall begin anew at once: nobody has stopped it, and the wish still counts.
pub(crate) fn begins_anew(marks: &Marks, now: Timestamp) -> bool {
    !marks.is_stopped && is_eager(marks.eager_since, now)
}

/// Whether a wish to begin anew as soon as the session is gone counts still.
pub(crate) fn is_eager(since: Option<Timestamp>, now: Timestamp) -> bool {
    since.and_then(|since| passed(since, now)).is_some_and(|t| t < EAGER_FOR)
}

/// Whether a session that runs has done its part. One that somebody looks at has not, nor one of which it
/// cannot be told since when it does nothing.
fn parks(seen: &Seen, marks: &Marks, policy: Policy, now: Timestamp) -> Option<Park> {
    let Policy::Park { idle } = policy else { return None };
    let quiet = passed(seen.active?, now).filter(|_| !seen.is_attached)?;
    let answered = marks.answered.and_then(|answered| passed(answered, now));
    let is_done = answered.is_some_and(|answered| answered.min(quiet) >= QUIET) || quiet >= SILENT;
    match () {
        () if quiet >= idle => Some(Park::Idle),
        () if marks.is_ephemeral && is_done => Some(Park::Ephemeral),
        () => None,
    }
}

fn chores(seen: &Seen) -> Vec<Chore> {
    let restore = seen.is_without_socket.then_some(Chore::RestoreSocket);
    let arm = (!seen.is_watched).then_some(Chore::ArmWitness);
    restore.into_iter().chain(arm).collect()
}

/// How long ago that was; none when it is still to come, as after a change of the clock.
fn passed(since: Timestamp, now: Timestamp) -> Option<Duration> {
    now.duration_since(since).try_into().ok()
}

#[cfg(test)]
mod any;
#[cfg(test)]
mod histories;

#[cfg(test)]
mod tests {
    use super::*;

    /// The moment of the look.
    pub(super) fn now() -> Timestamp {
        Timestamp::from_second(1_000_000).unwrap()
    }

    /// So many seconds before it.
    pub(super) fn ago(secs: i64) -> Option<Timestamp> {
        Some(Timestamp::from_second(1_000_000 - secs).unwrap())
    }

    const POLICY: Policy = Policy::Park { idle: Duration::from_secs(3600) };

    fn running() -> Seen {
        Seen {
            state: SessionState::Running,
            end: ServerEnd::Unplanned,
            is_held_by_service: false,
            is_attached: false,
            is_without_socket: false,
            is_watched: true,
            active: ago(10),
        }
    }

    #[test]
    fn the_supervise_table() {
        use ServerEnd::{AfterItsProgram, OnPurpose, Parked, Unplanned};
        use SessionState::{ProgramEnded, ServerDead, Unknown};

        let unclear = || Unknown("a reason".to_owned());
        let gone = |state, end| Seen { state, end, ..running() };
        let alive = |active| Seen { active, ..running() };
        let none = Marks::default();
        let stopped = Marks { is_stopped: true, ..none };
        let eager = |secs| Marks { eager_since: ago(secs), ..none };
        let ephemeral = |answered| Marks { is_ephemeral: true, answered, ..none };
        let session_gone = || Verdict::ReapedGone(Death::SessionGone);
        let server_dead = || Verdict::ReapedGone(Death::ServerDead);
        let idle = || Verdict::Reaped(Park::Idle);
        let done = || Verdict::Reaped(Park::Ephemeral);
        let fine = || Verdict::Alive(Vec::new());
        let table = [
            ("held", Seen { is_held_by_service: true, ..running() }, none, Verdict::SkippedService),
            (
                "held and gone",
                Seen { is_held_by_service: true, ..gone(ServerDead, Unplanned) },
                eager(1),
                Verdict::SkippedService,
            ),
            ("unknown", gone(unclear(), Unplanned), none, Verdict::Unknown("a reason".to_owned())),
            ("unknown, eager", gone(unclear(), Unplanned), eager(1), Verdict::Unknown("a reason".to_owned())),
            ("stopped, server", gone(ServerDead, Unplanned), stopped, Verdict::SkippedStopped),
            ("stopped, program", gone(ProgramEnded, Unplanned), stopped, Verdict::SkippedStopped),
            (
                "stopped, eager",
                gone(ServerDead, Unplanned),
                Marks { is_stopped: true, ..eager(1) },
                Verdict::SkippedStopped,
            ),
            ("eager", gone(ServerDead, Unplanned), eager(599), Verdict::NeedsEagerFresh),
            ("eager, program", gone(ProgramEnded, Unplanned), eager(0), Verdict::NeedsEagerFresh),
            ("eager no more", gone(ServerDead, Unplanned), eager(600), server_dead()),
            ("eager to be", gone(ServerDead, Unplanned), eager(-1), server_dead()),
            ("gone, server", gone(ServerDead, Unplanned), none, server_dead()),
            ("gone, program", gone(ProgramEnded, Unplanned), none, session_gone()),
            ("gone, program first", gone(ServerDead, AfterItsProgram), none, session_gone()),
            ("answered, ended by itself", gone(ProgramEnded, Unplanned), ephemeral(ago(1)), done()),
            ("answered, and its server", gone(ServerDead, AfterItsProgram), ephemeral(ago(1)), done()),
            ("answered, killed", gone(ServerDead, Unplanned), ephemeral(ago(1)), server_dead()),
            ("ended without an answer", gone(ProgramEnded, Unplanned), ephemeral(None), session_gone()),
            (
                "answered, ended, not ephemeral",
                gone(ProgramEnded, Unplanned),
                Marks { answered: ago(1), ..none },
                session_gone(),
            ),
            ("ended on purpose", gone(ServerDead, OnPurpose), none, Verdict::SkippedStopped),
            ("ended on purpose, eager", gone(ServerDead, OnPurpose), eager(1), Verdict::NeedsEagerFresh),
            ("ended on purpose, program first", gone(ProgramEnded, OnPurpose), none, session_gone()),
            ("parked, cut off", gone(ServerDead, Parked(Park::Idle)), none, idle()),
            ("ended, cut off", gone(ServerDead, Parked(Park::Ephemeral)), none, done()),
            ("idle", alive(ago(3600)), none, idle()),
            ("almost idle", alive(ago(3599)), none, fine()),
            ("idle and looked at", Seen { is_attached: true, ..alive(ago(9999)) }, none, fine()),
            ("active in the future", alive(ago(-9999)), none, fine()),
            ("nobody knows since when", alive(None), ephemeral(ago(9999)), fine()),
            ("answered and quiet", alive(ago(30)), ephemeral(ago(30)), done()),
            ("answered just now", alive(ago(30)), ephemeral(ago(29)), fine()),
            ("answered and busy", alive(ago(29)), ephemeral(ago(99)), fine()),
            ("silent", alive(ago(600)), ephemeral(None), done()),
            ("not silent for long", alive(ago(599)), ephemeral(None), fine()),
            (
                "answered and looked at",
                Seen { is_attached: true, ..alive(ago(30)) },
                ephemeral(ago(30)),
                fine(),
            ),
            ("answered, not ephemeral", alive(ago(30)), Marks { answered: ago(30), ..none }, fine()),
            (
                "socket gone",
                Seen { is_without_socket: true, ..running() },
                none,
                Verdict::Alive(vec![Chore::RestoreSocket]),
            ),
            (
                "socket and witness gone",
                Seen { is_without_socket: true, is_watched: false, ..running() },
                none,
                Verdict::Alive(vec![Chore::RestoreSocket, Chore::ArmWitness]),
            ),
            ("alive", running(), none, fine()),
            ("alive, stopped", running(), stopped, fine()),
            ("alive, eager", running(), eager(1), fine()),
        ];
        for (case, seen, marks, wanted) in table {
            assert_eq!(supervise(&seen, &marks, POLICY, now()), wanted, "{case}");
        }
        assert_eq!(supervise(&alive(ago(9999)), &ephemeral(ago(9999)), Policy::Keep, now()), fine());
    }
}
