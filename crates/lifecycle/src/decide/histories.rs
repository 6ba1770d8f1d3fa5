//! Whole histories of one identity, in which what is decided is done at once.

use proptest::prelude::*;

use super::tests::now;
use super::*;
use crate::launch::{Standing, standing};
use crate::wake::{Past, Request, Wake, WakeFacts, wake};

/// What happens to an identity.
#[derive(Debug, Clone)]
enum Happening {
    Wanted(Request),
    Pass,
    Stop,
    WishToBeginAnew,
    ProgramEnds,
    ServerDies(ServerEnd),
    CannotBeTold,
    CanBeToldAgain,
    Quiet(u64),
}

fn any_happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        prop_oneof![Just(Request::Launch), Just(Request::Start), Just(Request::Anew), Just(Request::Attach)]
            .prop_map(Happening::Wanted),
        Just(Happening::Pass),
        Just(Happening::Stop),
        Just(Happening::WishToBeginAnew),
        Just(Happening::ProgramEnds),
        Just(Happening::ServerDies(ServerEnd::Unplanned)),
        Just(Happening::ServerDies(ServerEnd::AfterItsProgram)),
        Just(Happening::ServerDies(ServerEnd::OnPurpose)),
        Just(Happening::CannotBeTold),
        Just(Happening::CanBeToldAgain),
        (0u64..8000).prop_map(Happening::Quiet),
    ]
}

/// One identity: what is true of it, and what stands on the disk and in the journal.
#[derive(Debug, Default)]
struct Identity {
    /// What has become of each session that was started and is not ended.
    running: Vec<SessionState>,
    /// There is a `.session`.
    is_written_down: bool,
    unclear: bool,
    quiet: u64,
    end: Option<ServerEnd>,
    marks: Marks,
    idle_reaped: bool,
    was_awake: bool,
    started: usize,
    /// Lines that say that a session was left.
    left: usize,
}

impl Identity {
    fn state(&self) -> Option<SessionState> {
        let state = self.running.last().cloned().filter(|_| self.is_written_down)?;
        Some(if self.unclear { SessionState::Unknown("a reason".to_owned()) } else { state })
    }

    fn look(&mut self, policy: Policy) {
        let Some(state) = self.state() else { return };
        let seen = Seen {
            state,
            end: self.end.unwrap_or(ServerEnd::Unplanned),
            is_held_by_service: false,
            is_attached: false,
            is_without_socket: false,
            is_watched: true,
            active: super::tests::ago(i64::try_from(self.quiet).unwrap()),
        };
        match supervise(&seen, &self.marks, policy, now()) {
            Verdict::Alive(_) | Verdict::Unknown(_) | Verdict::SkippedService => return,
            Verdict::SkippedStopped | Verdict::Reaped(Park::Idle) => self.idle_reaped = true,
            Verdict::Reaped(Park::Ephemeral) => self.marks.answered = None,
            Verdict::NeedsEagerFresh => {
                self.leave();
                return self.wanted(&Request::Anew);
            }
            Verdict::ReapedGone(_) => self.idle_reaped = false,
        }
        self.leave();
    }

    fn leave(&mut self) {
        self.left += 1;
        self.is_written_down = false;
        self.running.pop();
    }

    fn wanted(&mut self, request: &Request) {
        // What the last session left open comes first.
        self.look(Policy::Keep);
        if *request == Request::Start {
            self.marks.is_stopped = false;
        }
        if standing(self.state()) != Standing::Nothing {
            return;
        }
        let facts = WakeFacts {
            stopped: self.marks.is_stopped,
            held_by_service: false,
            crash_loop: false,
            folder_missing: false,
            fresh_next: false,
            ephemeral: self.marks.is_ephemeral,
            idle_reaped: self.idle_reaped,
            was_awake: self.was_awake,
            has_human: false,
            past: Past::Resumable,
            topic: None,
        };
        if let Wake::Fresh(_) | Wake::Resume(_) = wake(facts, request) {
            assert!(!self.marks.is_stopped, "a stopped peer was started");
            self.running.push(SessionState::Running);
            (self.is_written_down, self.was_awake, self.idle_reaped) = (true, true, false);
            (self.unclear, self.quiet, self.end, self.marks.eager_since) = (false, 0, None, None);
            self.started += 1;
        }
    }

    fn take(&mut self, happening: &Happening) {
        let lives = |state: &SessionState| *state == SessionState::Running;
        match happening {
            Happening::Wanted(request) => self.wanted(request),
            Happening::Pass => self.look(Policy::Park { idle: Duration::from_secs(3600) }),
            Happening::Stop => {
                self.marks.is_stopped = true;
                if let Some(state) = self.running.last_mut().filter(|state| lives(state)) {
                    *state = SessionState::ServerDead;
                }
            }
            Happening::WishToBeginAnew => self.marks.eager_since = super::tests::ago(1),
            Happening::ProgramEnds => {
                if let Some(state) = self.running.last_mut().filter(|state| lives(state)) {
                    *state = SessionState::ProgramEnded;
                }
            }
            Happening::ServerDies(end) => {
                if let Some(state) = self.running.last_mut() {
                    (*state, self.end) = (SessionState::ServerDead, Some(*end));
                }
            }
            Happening::CannotBeTold => self.unclear = true,
            Happening::CanBeToldAgain => self.unclear = false,
            Happening::Quiet(seconds) => self.quiet = *seconds,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    /// At most one session lives, nothing that cannot be told is left or started anew, and every session that
    /// is not there any more has its line.
    #[test]
    fn every_way_out_leaves_a_line_and_no_way_in_makes_a_second(
        happenings in proptest::collection::vec(any_happening(), 0..25),
        is_ephemeral: bool,
    ) {
        let marks = Marks { is_ephemeral, ..Marks::default() };
        let mut identity = Identity { marks, ..Identity::default() };
        for happening in &happenings {
            let before = (identity.unclear && identity.is_written_down).then_some(identity.started);
            identity.take(happening);
            prop_assert!(identity.running.len() <= 1, "{happening:?}: {identity:?}");
            prop_assert_eq!(identity.started, identity.left + identity.running.len());
            if let Some(started) = before {
                prop_assert!(identity.is_written_down && identity.started == started, "{happening:?}");
            }
        }
    }
}
