//! What is tried: each changes the state of a host in its own way.

use std::fs;

use iapeer_lifecycle::{
    Birth, BirthError, Degradation, FindError, Host, IfLive, Warning, Wish, birth, note_episodes, remove,
    restore, set_default_runtime,
};

use crate::child::Outcome;
use crate::next::view;
use crate::place::Place;

/// An operation on a host, and the state that it finds.
pub(crate) struct Operation {
    /// Its name.
    pub(crate) name: &'static str,
    /// Makes the state that all is well with.
    good: fn(&Place),
    /// What happens to that state before the operation.
    then: fn(&Place),
    /// The operation.
    run: fn(&Place, &Host) -> Outcome,
    /// The peer that it removes.
    pub(crate) removes: Option<&'static str>,
    /// Whether the index stays as it is when it fails.
    pub(crate) index: Index,
}

/// What becomes of the index when an operation fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Index {
    /// It stays as it is.
    Kept,
    /// It may be mended by then. On the way to the new peers these, of them, may not be there.
    Mended(&'static [&'static [&'static str]]),
}

impl Operation {
    const fn new(name: &'static str, good: fn(&Place), run: fn(&Place, &Host) -> Outcome) -> Operation {
        Operation { name, good, then: |_| {}, run, removes: None, index: Index::Kept }
    }

    const fn after(self, then: fn(&Place)) -> Operation {
        Operation { then, ..self }
    }

    const fn mending(self, missing: &'static [&'static [&'static str]]) -> Operation {
        Operation { index: Index::Mended(missing), ..self }
    }

    const fn removing(self, peer: &'static str) -> Operation {
        Operation { removes: Some(peer), ..self }
    }

    /// Makes the state that the operation finds; the peers as they are before anything happens to them.
    pub(crate) fn prepare(&self, place: &Place) -> Vec<String> {
        (self.good)(place);
        let peers = view(place);
        (self.then)(place);
        peers
    }

    /// The host on which it runs.
    pub(crate) fn host(&self, place: &Place) -> Host {
        // So small that each line is a rotation.
        if self.name == "log-rotation" { place.host_rotating_at(100) } else { place.host() }
    }

    pub(crate) fn run(&self, place: &Place, host: &Host) -> Outcome {
        (self.run)(place, host)
    }
}

pub(crate) const OPERATIONS: &[Operation] = &[
    Operation::new("first-birth", |_| {}, |_, host| create(host, wish("alpha"))),
    Operation::new("birth", two_peers, |_, host| create(host, wish("alpha"))),
    Operation::new("birth-by-path", two_peers, |place, host| {
        create(host, Wish { folder: Some(place.folder.join("there/alpha")), ..wish("alpha") })
    }),
    Operation::new("birth-in-folder", two_peers, |place, host| {
        born(host, Wish { folder: Some(place.folder.join("there")), ..wish("alpha") }, Birth::InFolder)
    }),
    Operation::new("birth-of-one-removed", two_peers, |_, host| create(host, wish("alpha"))).after(|place| {
        done(create(&place.host(), wish("alpha")));
        done(gone(&place.host(), "alpha"));
    }),
    Operation::new("add-runtime", two_peers, add_probe),
    Operation::new("default-runtime", three_runtimes, |_, host| {
        match set_default_runtime(host, &"bravo".parse().unwrap(), &"probe".parse().unwrap()) {
            Ok(true) => finished(host, &[]),
            Ok(false) => Outcome::Again,
            Err(e) => Outcome::Failed(e.to_string()),
        }
    }),
    Operation::new("remove", two_peers, |_, host| gone(host, "bravo")).removing("bravo").after(|place| {
        let facts = place.root("state/lifecycle");
        fs::create_dir_all(&facts).unwrap();
        for fact in ["stopped", "idle-reaped", "deaths"] {
            fs::write(facts.join(format!("shell-bravo.{fact}")), "[7]").unwrap();
        }
    }),
    Operation::new("remove-elsewhere", two_peers, |_, host| gone(host, "omega")).removing("omega"),
    Operation::new("mend-corrupt", two_peers, |_, host| look(host))
        .mending(&[])
        .after(|place| fs::write(index(place), "{ torn").unwrap()),
    Operation::new("mend-corrupt-unbacked", two_peers, |_, host| look(host)).mending(&[]).after(|place| {
        let text = fs::read_to_string(index(place)).unwrap();
        fs::write(index(place), &text[..text.len() - 5]).unwrap();
        fs::remove_dir_all(place.root("backups")).unwrap();
    }),
    Operation::new("mend-vanished", two_peers, |_, host| look(host))
        .mending(&[])
        .after(|place| fs::remove_file(index(place)).unwrap()),
    Operation::new("mend-bad-entries", two_peers, |_, host| create(host, wish("alpha")))
        .mending(&[&["alpha", "bravo"], &["alpha"], &["bravo"]])
        .after(|place| {
            let text = fs::read_to_string(index(place)).unwrap();
            // Whose profile is read again is here again; the other one is lost but for the quarantine.
            let bad = text.replace("\"bravo\"", "\"Not A Name\"").replace(
                "\"peers\": [",
                "\"peers\": [ { \"personality\": \"nobody\", \"cwd\": \"relative\" },",
            );
            fs::write(index(place), bad).unwrap();
        }),
    Operation::new("restore-index", two_peers, |_, host| bring_back(host, "peers-profiles.json")),
    Operation::new("restore-profile", two_peers, |_, host| bring_back(host, "profiles/bravo"))
        .after(|place| fs::write(place.root("peers/bravo/.iapeer/peer-profile.json"), "{ torn").unwrap()),
    Operation::new("log-rotation", two_peers, |_, host| gone(host, "omega")).removing("omega").after(
        |place| {
            for n in 0..4 {
                let id = format!("before-{n}");
                let what = "is in the log since".to_owned();
                note_episodes(&place.host_rotating_at(100), &[Degradation { id, what, remedy: None }]);
            }
        },
    ),
];

/// Gives birth to the peer that was removed; the facts that it has from the start.
pub(crate) fn namesake(place: &Place, name: &str) -> Vec<String> {
    done(create(&place.host(), wish(name)));
    let Ok(entries) = place.root("state/lifecycle").read_dir_utf8() else { return Vec::new() };
    let names = entries.map(|entry| entry.unwrap().file_name().to_owned());
    names.filter(|fact| fact.starts_with(&format!("shell-{name}.")) && !fact.ends_with(".lock")).collect()
}

fn two_peers(place: &Place) {
    let host = place.host();
    done(create(&host, wish("bravo")));
    done(create(&host, Wish { folder: Some(place.folder.join("elsewhere/omega")), ..wish("omega") }));
    let folder = place.root("runtimes/probe");
    fs::create_dir_all(&folder).unwrap();
    let definition = r#"{ "class": "agent", "program": "/bin/sh", "argv": { "fresh": [] } }"#;
    fs::write(folder.join("runtime.json"), definition).unwrap();
}

fn three_runtimes(place: &Place) {
    two_peers(place);
    done(add_probe(place, &place.host()));
}

fn wish(name: &str) -> Wish {
    Wish {
        personality: Some(name.parse().unwrap()),
        runtime: Some("shell".parse().unwrap()),
        ..Wish::default()
    }
}

fn add_probe(place: &Place, host: &Host) -> Outcome {
    let folder = Some(place.root("peers/bravo"));
    born(host, Wish { folder, runtime: Some("probe".parse().unwrap()), ..wish("bravo") }, Birth::InFolder)
}

fn create(host: &Host, wish: Wish) -> Outcome {
    born(host, wish, Birth::New)
}

fn born(host: &Host, wish: Wish, how: Birth) -> Outcome {
    match birth(host, wish, how) {
        Ok(born) if born.news => finished(host, &born.warnings),
        Ok(_) | Err(BirthError::Exists { .. }) => Outcome::Again,
        Err(e) => Outcome::Failed(e.to_string()),
    }
}

fn gone(host: &Host, name: &str) -> Outcome {
    let peer = match host.peer(&name.parse().unwrap()) {
        Ok(peer) => peer,
        Err(FindError::Unknown { .. }) => return Outcome::Again,
        Err(e) => return Outcome::Failed(e.to_string()),
    };
    match remove(host, &peer, IfLive::Refuse) {
        Ok(removed) => finished(host, &removed.warnings),
        Err(e) => Outcome::Failed(e.to_string()),
    }
}

fn look(host: &Host) -> Outcome {
    match host.peers().map(|peers| peers.lost) {
        Ok(None) => finished(host, &[]),
        Ok(Some(lost)) => Outcome::Failed(lost),
        Err(e) => Outcome::Failed(e.to_string()),
    }
}

fn bring_back(host: &Host, file: &str) -> Outcome {
    match restore(host, file, Some(1)) {
        Ok(restored) if restored.changed => finished(host, &restored.warnings),
        Ok(_) => Outcome::Again,
        Err(e) => Outcome::Failed(e.to_string()),
    }
}

fn finished(host: &Host, warnings: &[Warning]) -> Outcome {
    let told = warnings.iter().cloned().chain(host.asides());
    Outcome::Done { warnings: told.map(|warning| warning.message).collect() }
}

fn done(outcome: Outcome) {
    assert!(matches!(outcome, Outcome::Done { .. }), "{outcome:?}");
}

pub(crate) fn index(place: &Place) -> camino::Utf8PathBuf {
    place.root("peers-profiles.json")
}
