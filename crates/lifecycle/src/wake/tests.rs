//! The wake table, row by row, and what holds for all facts.

use proptest::prelude::*;

use super::*;

/// A session that was parked and can go on, and nothing else.
const PARKED: WakeFacts = WakeFacts {
    stopped: false,
    held_by_service: false,
    crash_loop: false,
    folder_missing: false,
    fresh_next: false,
    ephemeral: false,
    idle_reaped: true,
    was_awake: true,
    has_human: false,
    past: Past::Resumable,
    topic: None,
};

const EVERYTHING: WakeFacts = WakeFacts {
    stopped: true,
    held_by_service: true,
    crash_loop: true,
    folder_missing: true,
    fresh_next: true,
    ephemeral: true,
    idle_reaped: true,
    was_awake: true,
    has_human: true,
    past: Past::Resumable,
    topic: Some(Known::Known),
};

fn topic() -> Request {
    Request::Topic("a thread".parse().unwrap())
}

fn all_requests() -> [Request; 5] {
    [Request::Launch, topic(), Request::Start, Request::Anew, Request::Attach]
}

#[test]
fn row_0_guards() {
    let not_stopped = WakeFacts { stopped: false, ..EVERYTHING };
    let not_held = WakeFacts { held_by_service: false, ..not_stopped };
    let not_looping = WakeFacts { crash_loop: false, ..not_held };
    for request in all_requests() {
        let looping = match request {
            // A person may try again.
            Request::Start => Refusal::FolderMissing,
            _ => Refusal::CrashLoop,
        };
        for (facts, wanted) in [
            (EVERYTHING, Refusal::Stopped),
            (not_stopped, Refusal::HeldByService),
            (not_held, looping),
            (not_looping, Refusal::FolderMissing),
        ] {
            assert_eq!(wake(facts, &request), Wake::Refused(wanted), "{request:?} {facts:?}");
        }
    }
}

#[test]
fn rows_1_and_2_are_what_a_person_wants() {
    let marked = WakeFacts { fresh_next: true, ephemeral: true, ..PARKED };
    let crashed = WakeFacts { idle_reaped: false, ..PARKED };
    for facts in [PARKED, marked, crashed, WakeFacts { past: Past::Nothing, ..PARKED }] {
        assert_eq!(wake(facts, &Request::Anew), Wake::Fresh(FreshCause::FolderLaunch), "{facts:?}");
    }
    for facts in [PARKED, marked, crashed] {
        for (past, wanted) in [
            (Past::Resumable, Wake::Resume(ResumeCause::Attach)),
            (Past::Nothing, Wake::Refused(Refusal::NothingToResume)),
            (Past::CannotResume, Wake::Refused(Refusal::RuntimeCannotResume)),
        ] {
            assert_eq!(wake(WakeFacts { past, ..facts }, &Request::Attach), wanted, "{facts:?}");
        }
    }
}

#[test]
fn rows_3_to_8_are_what_the_marks_say() {
    let known = WakeFacts { topic: Some(Known::Known), ..PARKED };
    let new = WakeFacts { topic: Some(Known::New), ..PARKED };
    let table = [
        (WakeFacts { fresh_next: true, ephemeral: true, ..PARKED }, Wake::Fresh(FreshCause::SoftReload)),
        (WakeFacts { fresh_next: true, has_human: true, ..PARKED }, Wake::Fresh(FreshCause::SoftReload)),
        (WakeFacts { ephemeral: true, has_human: true, ..known }, Wake::Fresh(FreshCause::EphemeralPolicy)),
        (
            WakeFacts { ephemeral: true, idle_reaped: false, ..PARKED },
            Wake::Fresh(FreshCause::EphemeralPolicy),
        ),
        (
            WakeFacts { idle_reaped: false, has_human: true, ..known },
            Wake::Fresh(FreshCause::CrashOrSelfClose),
        ),
        (WakeFacts { idle_reaped: false, was_awake: false, ..PARKED }, Wake::Fresh(FreshCause::FirstWake)),
        (WakeFacts { has_human: true, ..PARKED }, Wake::Resume(ResumeCause::IdleReapedHuman)),
        (WakeFacts { has_human: true, ..new }, Wake::Resume(ResumeCause::IdleReapedHuman)),
        (known, Wake::Resume(ResumeCause::IdleReapedResume)),
        (PARKED, Wake::Fresh(FreshCause::IdleReapedNoTopic)),
        (new, Wake::Fresh(FreshCause::IdleReapedNewTopic)),
    ];
    for (facts, wanted) in table {
        for request in [Request::Launch, topic(), Request::Start] {
            assert_eq!(wake(facts, &request), wanted, "{request:?} {facts:?}");
        }
    }
}

#[test]
fn what_would_go_on_and_cannot_begins_anew_and_says_why() {
    for facts in [WakeFacts { has_human: true, ..PARKED }, WakeFacts { topic: Some(Known::Known), ..PARKED }]
    {
        for (past, wanted) in [
            (Past::Nothing, FreshCause::NothingToResume),
            (Past::CannotResume, FreshCause::RuntimeCannotResume),
        ] {
            assert_eq!(wake(WakeFacts { past, ..facts }, &topic()), Wake::Fresh(wanted), "{facts:?}");
        }
    }
}

#[test]
fn deaths_in_the_window_are_a_crash_loop() {
    for (deaths, now, max, window, wanted) in [
        (&[][..], 1000, 3, 300, false),
        (&[][..], 1000, 1, 300, false),
        (&[900, 950][..], 1000, 3, 300, false),
        (&[900, 950, 1000][..], 1000, 3, 300, true),
        (&[700, 950, 1000][..], 1000, 3, 300, true),
        (&[699, 950, 1000][..], 1000, 3, 300, false),
        (&[1, 2, 3, 900][..], 1000, 1, 300, true),
        // The clock was set back.
        (&[1001, 2000, 3000][..], 1000, 1, 300, false),
        (&[i64::MIN, i64::MAX][..], 1000, 1, 300, false),
        (&[1000, 1000][..], 1000, 2, 0, true),
    ] {
        assert_eq!(is_crash_loop(deaths, now, max, window), wanted, "{deaths:?} {now} {max} {window}");
    }
}

fn any_facts() -> impl Strategy<Value = WakeFacts> {
    let past = prop_oneof![Just(Past::Resumable), Just(Past::Nothing), Just(Past::CannotResume)];
    let topic = prop_oneof![Just(None), Just(Some(Known::Known)), Just(Some(Known::New))];
    (any::<[bool; 9]>(), past, topic).prop_map(|(marks, past, topic)| {
        let [
            stopped,
            held_by_service,
            crash_loop,
            folder_missing,
            fresh_next,
            ephemeral,
            idle_reaped,
            was_awake,
            has_human,
        ] = marks;
        WakeFacts {
            stopped,
            held_by_service,
            crash_loop,
            folder_missing,
            fresh_next,
            ephemeral,
            idle_reaped,
            was_awake,
            has_human,
            past,
            topic,
        }
    })
}

fn any_request() -> impl Strategy<Value = Request> {
    (0..5_usize).prop_map(|at| all_requests()[at].clone())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn a_guard_is_never_passed(facts in any_facts(), request in any_request()) {
        let decision = wake(facts, &request);
        let begins = !matches!(decision, Wake::Refused(_));
        prop_assert!(!(begins && (facts.stopped || facts.held_by_service || facts.folder_missing)));
        prop_assert!(!(begins && facts.crash_loop && request != Request::Start));
        // And nothing is refused without a guard, but what only would go on.
        let guarded = facts.stopped || facts.held_by_service || facts.folder_missing || facts.crash_loop;
        prop_assert!(begins || guarded || request == Request::Attach);
    }

    #[test]
    fn nothing_goes_on_without_a_past(facts in any_facts(), request in any_request()) {
        if let Wake::Resume(cause) = wake(facts, &request) {
            prop_assert_eq!(facts.past, Past::Resumable);
            prop_assert!(request != Request::Anew);
            // But for a person who looks at it, only what was parked goes on, and no mark is passed over.
            let parked = facts.idle_reaped && !facts.fresh_next && !facts.ephemeral;
            prop_assert!(parked || cause == ResumeCause::Attach);
        }
    }
}
