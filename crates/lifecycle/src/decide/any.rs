//! What holds of the supervise table whatever is seen.

use proptest::prelude::*;

use super::tests::{ago, now};
use super::*;

fn any_seen() -> impl Strategy<Value = Seen> {
    let state = prop_oneof![
        Just(SessionState::Running),
        Just(SessionState::ProgramEnded),
        Just(SessionState::ServerDead),
        Just(SessionState::Unknown("a reason".to_owned())),
    ];
    let end = prop_oneof![
        Just(ServerEnd::Unplanned),
        Just(ServerEnd::AfterItsProgram),
        Just(ServerEnd::OnPurpose),
        Just(ServerEnd::Parked(Park::Idle)),
        Just(ServerEnd::Parked(Park::Ephemeral)),
    ];
    (state, end, any::<[bool; 4]>(), any_time()).prop_map(|(state, end, flags, active)| Seen {
        state,
        end,
        is_held_by_service: flags[0],
        is_attached: flags[1],
        is_without_socket: flags[2],
        is_watched: flags[3],
        active,
    })
}

fn any_marks() -> impl Strategy<Value = Marks> {
    let times = (any_time(), any_time());
    (any::<[bool; 2]>(), times).prop_map(|(flags, (eager_since, answered))| Marks {
        is_stopped: flags[0],
        eager_since,
        is_ephemeral: flags[1],
        answered,
    })
}

fn any_time() -> impl Strategy<Value = Option<Timestamp>> {
    proptest::option::of((-100i64..10_000).prop_map(|secs| ago(secs).unwrap()))
}

fn any_policy() -> impl Strategy<Value = Policy> {
    let idle = (1u64..5000).prop_map(|secs| Policy::Park { idle: Duration::from_secs(secs) });
    prop_oneof![Just(Policy::Keep), idle]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn unknown_is_never_acted_upon(seen in any_seen(), marks in any_marks(), policy in any_policy()) {
        let seen = Seen { state: SessionState::Unknown("x".to_owned()), ..seen };
        let verdict = supervise(&seen, &marks, policy, now());
        prop_assert!(matches!(verdict, Verdict::Unknown(_) | Verdict::SkippedService), "{verdict:?}");
    }

    #[test]
    fn a_stopped_peer_is_never_started(seen in any_seen(), marks in any_marks(), policy in any_policy()) {
        let marks = Marks { is_stopped: true, ..marks };
        prop_assert_ne!(supervise(&seen, &marks, policy, now()), Verdict::NeedsEagerFresh);
        prop_assert!(!begins_anew(&marks, now()));
    }

    #[test]
    fn only_what_is_gone_counts_as_a_death(seen in any_seen(), marks in any_marks(), policy in any_policy()) {
        let verdict = supervise(&seen, &marks, policy, now());
        let is_gone = matches!(seen.state, SessionState::ProgramEnded | SessionState::ServerDead);
        if matches!(verdict, Verdict::ReapedGone(_) | Verdict::NeedsEagerFresh | Verdict::SkippedStopped) {
            prop_assert!(is_gone && !seen.is_held_by_service, "{verdict:?}");
        }
        if matches!(verdict, Verdict::Reaped(_)) && !is_gone {
            prop_assert!(!seen.is_attached && seen.active.is_some() && policy != Policy::Keep);
        }
    }

    #[test]
    fn what_is_gone_never_counts_as_alive(seen in any_seen(), marks in any_marks(), policy in any_policy()) {
        if matches!(seen.state, SessionState::ProgramEnded | SessionState::ServerDead) {
            let verdict = supervise(&seen, &marks, policy, now());
            prop_assert!(!matches!(verdict, Verdict::Alive(_) | Verdict::Unknown(_)), "{verdict:?}");
        }
    }
}
