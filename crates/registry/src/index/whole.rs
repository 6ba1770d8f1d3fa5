//! The quick way to read an index in which nothing is wrong, and to see that it will be read so.
//!
//! It makes of the bytes what the careful way makes of them, without a tree of JSON values in between, or
//! nothing at all: what is wrong, and where, the careful way finds out.

use std::collections::HashSet;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde_json::{Map, Value};

use super::{Index, Peer, known_schema};
use crate::facts::Members;

/// The index, when nothing is wrong with it and its peers are sorted, as we write it.
pub(super) fn read(bytes: &[u8]) -> Option<Index> {
    // All of it at once is UTF-8, so that no string in it has to be looked at again.
    let Whole(index) = serde_json::from_str(std::str::from_utf8(bytes).ok()?).ok()?;
    one_to_one(&index.peers).then_some(index)
}

/// So many levels of lists and objects in each other are far from the most that the JSON reader takes.
const SHALLOW: usize = 64;

/// Whether what is rendered from this index reads back as just that: with true it does, with false it may.
///
/// Each part of an index reads back by its type: a name is one, an intelligence is one of the words, unknown
/// keys are none of ours. What no type says is looked at here: that folders are absolute and not there
/// twice, that names are sorted, and that no unknown value is nested too deep for a reader.
pub(super) fn reads_back(index: &Index) -> bool {
    let Index { peers, unreadable, other } = index;
    // An entry that was bad beside another one may be good without it.
    unreadable.is_empty()
        && all_shallow(other, SHALLOW)
        && peers.iter().all(|Peer { facts, cwd, other }| {
            cwd.is_absolute() && all_shallow(other, SHALLOW) && all_shallow(&facts.interfaces, SHALLOW)
        })
        && one_to_one(peers)
}

fn all_shallow(map: &Map<String, Value>, levels: usize) -> bool {
    map.values().all(|value| is_shallow(value, levels))
}

fn is_shallow(value: &Value, levels: usize) -> bool {
    match (value, levels.checked_sub(1)) {
        (Value::Object(map), Some(left)) => all_shallow(map, left),
        (Value::Array(items), Some(left)) => items.iter().all(|item| is_shallow(item, left)),
        (Value::Object(_) | Value::Array(_), None) => false,
        _ => true,
    }
}

/// Whether no name and no folder is there twice, and the names are sorted.
fn one_to_one(peers: &[Peer]) -> bool {
    let mut folders = HashSet::with_capacity(peers.len());
    peers.iter().map(|peer| &peer.facts.personality).is_sorted_by(|a, b| a < b)
        && peers.iter().all(|peer| folders.insert(&peer.cwd))
}

/// An index without bad entries.
struct Whole(Index);

impl<'de> Deserialize<'de> for Whole {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Whole, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Whole;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an index")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Whole, A::Error> {
                let (mut version, mut peers, mut other) = (None, None, Map::new());
                while let Some(key) = object.next_key::<&str>()? {
                    match key {
                        "version" => version = Some(object.next_value::<Value>()?),
                        "peers" => peers = Some(object.next_value::<Vec<Entry>>()?),
                        key => drop(other.insert(key.to_owned(), object.next_value()?)),
                    }
                }
                known_schema(version.as_ref()).map_err(A::Error::custom)?;
                let peers = peers.ok_or_else(|| A::Error::missing_field("peers"))?;
                let peers = peers.into_iter().map(|Entry(peer)| peer).collect();
                Ok(Whole(Index { peers, unreadable: Vec::new(), other }))
            }
        }

        deserializer.deserialize_map(Object)
    }
}

/// A good entry.
struct Entry(Peer);

impl<'de> Deserialize<'de> for Entry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Entry, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Entry;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a peer")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Entry, A::Error> {
                let (mut members, mut cwd, mut other) = (Members::none(), None, Map::new());
                // A key with an escape in it cannot be borrowed, and is none of ours: the careful way takes it.
                while let Some(key) = object.next_key::<&str>()? {
                    if key == "cwd" {
                        cwd = object.next_value()?;
                    } else if !members.take(key, &mut object)? {
                        other.insert(key.to_owned(), object.next_value()?);
                    }
                }
                let peer = Peer::of(members, Ok(cwd)).map_err(|problem| A::Error::custom(problem.reason))?;
                Ok(Entry(Peer { other, ..peer }))
            }
        }

        deserializer.deserialize_map(Object)
    }
}

#[cfg(test)]
mod tests {
    use iapeer_statefile::{Format, Parsed};

    use super::*;
    use crate::IndexFormat;

    #[test]
    fn what_is_read_quickly_is_read_as_with_care() {
        let a = r#""personality":"a","runtime":"shell","cwd":"/a""#;
        for (text, quick) in [
            (r#"{"version":2,"peers":[],"x":[{"y":null}]}"#.to_owned(), true),
            (format!(r#"{{"peers":[{{{a}}}]}}"#), true),
            (format!(r#"{{"peers":[{{{a},"x":{{"y":1.5}},"interfaces":null,"description":null}}]}}"#), true),
            (format!(r#"{{"peers":7,"peers":[],"peers":[{{{a},"runtime":"web"}}],"x":1,"x":2}}"#), false),
            (format!(r#"{{"peers":[],"peers":[{{{a},"runtime":"web","x":1,"x":2}}],"y":1,"y":2}}"#), true),
            (format!(r#"{{"peers":[{{{a}}},{{"personality":"b","runtimes":["web"],"cwd":"/b"}}]}}"#), true),
            (format!(r#"{{"peers":[{{"personality":"b","runtimes":["web"],"cwd":"/b"}},{{{a}}}]}}"#), false),
            (
                format!(r#"{{"peers":[{{{a}}},{{"personality":"b","runtimes":["web"],"cwd":"/./a"}}]}}"#),
                false,
            ),
            (format!(r#"{{"peers":[{{{a}}},{{{a}}}]}}"#), false),
            (format!(r#"{{"peers":[{{{a},"\u0078":1}}]}}"#), false),
            (format!(r#"{{"peers":[{{{a},"intelligence":"much"}}]}}"#), false),
            (r#"{"peers":[{"personality":"a","runtime":"shell","cwd":"a"}]}"#.to_owned(), false),
            (r#"{"version":3,"peers":[]}"#.to_owned(), false),
            (r#"{"version":2.0,"peers":[]}"#.to_owned(), false),
            (r#"{"version":2}"#.to_owned(), false),
            (r#"{"peers":[]} x"#.to_owned(), false),
            ("[]".to_owned(), false),
        ] {
            let read = read(text.as_bytes());
            assert_eq!(read.is_some(), quick, "{text}");
            if let Some(index) = read {
                let careful = IndexFormat::with_bad_entries(text.as_bytes());
                assert_eq!(careful, Ok(Parsed::whole(index)), "{text}");
            }
        }
    }

    #[test]
    fn what_is_nested_too_deep_for_a_reader_does_not_read_back() {
        let nested = |levels| (0..levels).fold(Value::Null, |inner, _| Value::from(vec![inner]));
        for (levels, quick, readable) in
            [(1, true, true), (64, true, true), (65, false, true), (130, false, false)]
        {
            let text = r#"{"peers":[{"personality":"a","runtime":"shell","cwd":"/a"}]}"#;
            let mut index = read(text.as_bytes()).expect("it is whole");
            index.peers[0].facts.interfaces.insert("x".to_owned(), nested(levels));
            let bytes = IndexFormat.render(&index);
            assert_eq!(reads_back(&index), quick, "{levels} levels");
            assert_eq!(IndexFormat.validate(&index, &bytes).is_ok(), readable, "{levels} levels");
            assert_eq!(IndexFormat.parse(&bytes).is_ok(), readable, "{levels} levels");
        }
    }

    #[test]
    fn what_no_type_says_is_looked_at() {
        let text = br#"{"peers":[{"personality":"a","runtime":"shell","cwd":"/a"},
            {"personality":"b","runtime":"shell","cwd":"/b"}]}"#;
        let good = read(text).expect("it is whole");
        assert!(reads_back(&good));
        let broken: [fn(&mut Index); 5] = [
            |index| index.peers.reverse(),
            |index| index.peers[1].cwd = "/a/".into(),
            |index| index.peers[0].cwd = "a".into(),
            |index| index.peers[1].facts.personality = index.peers[0].facts.personality.clone(),
            |index| index.unreadable.push(Value::Null),
        ];
        for break_it in broken {
            let mut index = good.clone();
            break_it(&mut index);
            assert!(!reads_back(&index), "{index:?}");
        }
    }
}
