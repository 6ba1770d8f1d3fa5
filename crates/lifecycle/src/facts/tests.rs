//! The marks of a wake.

use camino::Utf8Path;

use super::*;
use crate::decide::is_eager;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millisecond(1_700_000_000_000 + seconds * 1000).unwrap()
}

fn with_facts(look: impl FnOnce(&Facts<'_>, &dyn Fn(&str, &str))) {
    let folder = tempfile::tempdir().unwrap();
    let root = Utf8Path::from_path(folder.path()).unwrap();
    let layout = Layout::new(root.to_owned(), root.join("socks"));
    let identity = "shell-alpha".parse().unwrap();
    let facts = Facts::of(&layout, &identity);
    look(&facts, &|fact, text| facts.write(fact, text.as_bytes()).unwrap());
}

#[test]
fn a_session_that_shall_begin_anew_is_not_waited_for_for_ever() {
    with_facts(|facts, put| {
        let is_eager = |now| is_eager(facts.eager_since().unwrap(), now);
        assert!(!is_eager(at(0)));
        facts.set_new_eager(at(0)).unwrap();
        for (now, wanted) in [(-1, false), (0, true), (599, true), (600, false)] {
            assert_eq!(is_eager(at(now)), wanted, "after {now} s");
        }
        for text in ["", "soon", "\u{0}"] {
            put("new-eager", text);
            assert!(!is_eager(at(0)), "{text:?}");
        }
        assert_eq!(facts.clear_new_eager().unwrap(), Removal::Removed);
    });
}

#[test]
fn a_mark_is_there_whatever_it_says() {
    with_facts(|facts, put| {
        assert!(!facts.fresh_next().unwrap());
        for text in ["", "never", "2026-01-01T00:00:00.000Z\n"] {
            put("fresh-next", text);
            assert!(facts.fresh_next().unwrap(), "{text:?}");
        }
        assert_eq!(facts.clear_fresh_next().unwrap(), Removal::Removed);
        assert!(!facts.fresh_next().unwrap());
    });
}

#[test]
fn the_last_sixteen_topics_are_known_each_once_and_the_newest_last() {
    with_facts(|facts, put| {
        assert_eq!(facts.topics().unwrap(), []);
        let topic = |n: usize| format!("thread {n}").parse::<Topic>().unwrap();
        for n in (0..20).chain([5, 19, 5]) {
            facts.note_topic(&topic(n)).unwrap();
        }
        let wanted: Vec<_> = (6..19).map(topic).chain([topic(19), topic(5)]).collect();
        assert_eq!(facts.topics().unwrap(), [&[topic(4)][..], &wanted].concat());
        // Somebody else's lines are no obstacle.
        put("topic", "a\n\n\u{1b}[31m\nb\r\n");
        assert_eq!(facts.topics().unwrap(), ["a".parse().unwrap(), "b".parse().unwrap()]);
        facts.clear_topics().unwrap();
        assert_eq!(facts.topics().unwrap(), []);
    });
}

#[test]
fn deaths_that_are_forgotten_are_no_first_wake() {
    with_facts(|facts, _| {
        facts.count_death(at(1)).unwrap();
        facts.forget_deaths().unwrap();
        assert!(facts.deaths().unwrap().is_empty());
        assert!(facts.was_ever_awake());
    });
}
