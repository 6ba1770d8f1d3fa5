//! Every boundary between two steps, as a crash and as an error leaves it.
#![allow(clippy::disallowed_methods, reason = "the tests set hosts up by hand")]

use std::collections::BTreeMap;
use std::fs;

use camino::Utf8Path;
use iapeer_registry::{Facts as PeerFacts, Index, Peer};
use tempfile::TempDir;

use super::plan::{Folder, folder};
use super::*;
use crate::unfinished::unfinished_rename;
use crate::{Birth, Settings, Wish, birth, identity_of, launch, set_default_runtime};

/// What keeps the old name, and the times of a run.
const HISTORY: [&str; 3] = ["/logs/iapeer/", "/root/backups/", "/state/removed/"];

/// A host with the peer `alpha`, about which there is something of every kind.
struct World {
    folder: TempDir,
    host: Host,
}

fn world() -> World {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let top = Utf8PathBuf::from_path_buf(folder.path().canonicalize().expect("a real path")).expect("UTF-8");
    let root = top.join("root");
    let host = Host::new(Settings {
        home: Some(top.join("home")),
        provision_timeout: std::time::Duration::from_secs(10),
        ..Settings::new(root)
    });
    let wish = |name: &str| Wish {
        personality: Some(name.parse().expect("a name")),
        runtime: Some("shell".parse().expect("a runtime")),
        description: format!("what {name} is for"),
        ..Wish::default()
    };
    birth(&host, wish("alpha"), Birth::New).expect("a birth");
    birth(&host, wish("alpha2"), Birth::New).expect("a birth");
    let cwd = host.peer(&name("alpha")).expect("a peer").cwd;
    let put = |path: &Utf8Path, text: &str| {
        fs::create_dir_all(path.parent().expect("a folder")).expect("folders");
        fs::write(path, text).expect("a file");
    };
    put(&cwd.join("desk/notes.txt"), "something");
    put(&claude_folder(&host, &cwd).expect("a home").join("one.jsonl"), "{}");
    let facts = host.layout().facts();
    for (file, text) in [
        ("shell-alpha.stopped", "2026-01-01T00:00:00.000Z a test\n"),
        ("shell-alpha.deaths", "[1,2]"),
        ("claude-alpha.topic", "a runtime that it has no more\n"),
        (".shell-alpha.deaths.x.tmp", "torn"),
        ("shell-alpha2.stopped", "another peer\n"),
        ("shell-beta.stopped", "left by a namesake that was removed\n"),
    ] {
        put(&facts.join(file), text);
    }
    put(&host.layout().canaries().join("shell-alpha.exit-hook.sh"), "#!/bin/sh\n");
    put(&host.layout().pane_logs().join("shell-alpha.log"), "what it showed\n");
    put(&host.layout().pane_logs().join("shell-alpha.log.1"), "what it showed before\n");
    let identity = identity_of(&host.peer(&name("alpha")).expect("a peer"), None).expect("its own runtime");
    let since = "2026-01-01T00:00:00Z".parse().expect("a time");
    for (folder, occasion) in
        [(&cwd, Occasion::Birth), (&cwd, Occasion::SessionEnded), (&"/elsewhere".into(), Occasion::Remove)]
    {
        Owed::new(&identity, folder.clone(), occasion, since).save(host.layout()).expect("a debt");
    }
    World { folder, host }
}

fn name(name: &str) -> Personality {
    name.parse().expect("a name")
}

impl World {
    /// Every file with its content, but for locks and journals; the folder of the test and the hashes of
    /// paths stand in no name and no content.
    fn files(&self) -> BTreeMap<String, String> {
        let top = self.folder.path().canonicalize().expect("a real path");
        let top = top.to_str().expect("UTF-8");
        let slug: String = top.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
        let neutral = |text: &str| {
            let text = text.replace(top, "[TOP]").replace(&slug, "[SLUG]");
            let hash = |part: &str| part.len() == 16 && part.bytes().all(|b| b.is_ascii_hexdigit());
            text.split('.').map(|part| if hash(part) { "[HASH]" } else { part }).collect::<Vec<_>>().join(".")
        };
        let (mut files, mut folders) = (BTreeMap::new(), vec![top.to_owned()]);
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).expect("a folder") {
                let path = entry.expect("an entry").path().to_str().expect("UTF-8").to_owned();
                if fs::metadata(&path).expect("a path").is_dir() {
                    folders.push(path);
                } else if !path.ends_with("lock") && !HISTORY.iter().any(|part| path.contains(part)) {
                    let text = fs::read_to_string(&path).expect("a text");
                    files.insert(neutral(&path), neutral(&text));
                }
            }
        }
        files
    }

    fn begin(&self) -> (Held, Record) {
        let runtimes = [RuntimeName::try_from("shell".to_owned()).expect("a runtime")];
        let warnings = &mut Vec::new();
        begin_rename(&self.host, &name("alpha"), &name("beta"), &runtimes, warnings).expect("a plan")
    }

    /// A rename that is cut off after so many steps; how many it has.
    fn crash(&self, steps: usize) -> usize {
        let (held, record) = self.begin();
        for step in &record.steps[..steps] {
            perform(&self.host, &held.registry, &record, step, &mut Vec::new()).expect("a step");
        }
        record.steps.len()
    }

    fn rename(&self) -> Renamed {
        rename(&self.host, &name("alpha"), &name("beta")).expect("a rename").expect("another name")
    }
}

fn renamed_whole() -> BTreeMap<String, String> {
    let world = world();
    world.rename();
    world.files()
}

#[test]
fn all_that_was_alphas_is_betas() {
    let world = world();
    let before = world.files();
    let renamed = world.rename();
    assert_eq!(renamed.warnings, []);
    assert_eq!(renamed.cwd, world.host.layout().peer_folder(&name("beta")));
    assert!(renamed.transcripts.is_some_and(|path| path.join("one.jsonl").exists()));
    let after = world.files();
    // What is owed about a namesake in another folder, and what says nothing.
    let mentions = |name: &str| name.contains("alpha.") || name.contains("alpha/");
    let left: Vec<_> = after.keys().filter(|path| mentions(path)).collect();
    assert_eq!(left.len(), 1, "{left:?}");
    assert!(after[left[0]].contains("/elsewhere"), "{left:?}");
    let content = |path: &str| &after[&format!("[TOP]/root/{path}")];
    assert_eq!(content("state/lifecycle/shell-beta.stopped"), "2026-01-01T00:00:00.000Z a test\n");
    assert_eq!(content("state/lifecycle/shell-beta.deaths"), "[1,2]");
    assert_eq!(content("state/lifecycle/claude-beta.topic"), "a runtime that it has no more\n");
    assert_eq!(content("state/lifecycle/shell-alpha2.stopped"), "another peer\n");
    assert_eq!(content("logs/lifecycle/shell-beta.log.1"), "what it showed before\n");
    assert_eq!(content("peers/beta/desk/notes.txt"), "something");
    for kind in ["memory", "notify"] {
        let debt = content(&format!("state/provision/shell-beta.[HASH].{kind}.json"));
        assert!(debt.contains("\"personality\": \"beta\"") && debt.contains("peers/beta\""), "{debt}");
    }
    // A profile and an index that say the old name nowhere, and all else as it was.
    for path in ["peers-profiles.json", "peers/beta/.iapeer/peer-profile.json"] {
        let old = path.replace("beta", "alpha");
        let wanted = before[&format!("[TOP]/root/{old}")]
            .replace("\"personality\": \"alpha\"", "\"personality\": \"beta\"")
            .replace("peers/alpha\"", "peers/beta\"");
        let value = |text: &str| serde_json::from_str::<serde_json::Value>(text).expect("JSON");
        let sorted = |mut document: serde_json::Value| {
            if let Some(peers) = document["peers"].as_array_mut() {
                peers.sort_by_key(|peer| peer["personality"].to_string());
            }
            document
        };
        assert_eq!(sorted(value(content(path))), sorted(value(&wanted)));
    }
    assert!(fs::read_dir(world.host.layout().facts()).expect("facts").flatten().all(|entry| {
        let file = entry.file_name().into_string().expect("UTF-8");
        !file.contains("-alpha.")
    }));
    assert!(!world.host.layout().provision_lock(&name("alpha")).exists());
}

#[test]
fn a_crash_after_any_step_is_finished_by_the_next_command() {
    let whole = renamed_whole();
    let (mut at, mut steps) = (0, 1);
    while at <= steps {
        let world = world();
        steps = world.crash(at);
        let host = &world.host;
        let (from, to) = unfinished_rename(host).expect("a record").expect("it stands");
        assert_eq!((from, to), (name("alpha"), name("beta")));
        // Until it is finished nobody is mistaken for somebody.
        for peer in ["alpha", "beta"] {
            assert!(matches!(host.peer(&name(peer)), Err(FindError::Unfinished(_))), "{at}: {peer}");
        }
        let shell = "shell".parse().expect("a runtime");
        let other = host.peer(&name("alpha2")).expect("another peer is not concerned");
        assert!(set_default_runtime(host, &name("alpha2"), &shell).is_err(), "{at}");
        assert!(crate::remove(host, &other, crate::IfLive::Refuse).is_err(), "{at}");
        let wish = Wish { personality: Some(name("gamma")), runtime: Some(shell), ..Wish::default() };
        assert!(birth(host, wish, Birth::New).is_err(), "{at}");
        assert!(rename(host, &name("alpha2"), &name("gamma")).is_err(), "{at}");

        let finished = finish_rename(host).expect("it can be finished").expect("there was one");
        assert_eq!((finished.from, finished.to), (name("alpha"), name("beta")));
        assert_eq!(finished.warnings, [], "{at}");
        assert_eq!(world.files(), whole, "cut off after {at} steps");
        assert!(finish_rename(host).expect("nothing to do").is_none());
        let log = host.lifecycle_log().read().expect("a log");
        assert_eq!(log.entries.iter().filter(|entry| entry.event() == "rename").count(), 1);
        at += 1;
    }
    assert!(steps > 10, "there is something of every kind: {steps}");
}

#[test]
fn a_crash_in_the_middle_of_a_step_or_of_finishing_is_finished_too() {
    let whole = renamed_whole();
    let world = world();
    let (held, record) = world.begin();
    // The new record of what is owed stands there, and the old one does, too.
    for step in &record.steps {
        let Step::Debt { path } = step else { continue };
        let kept = fs::read(path).expect("a debt");
        perform(&world.host, &held.registry, &record, step, &mut Vec::new()).expect("a step");
        fs::write(path, kept).expect("a file");
    }
    drop(held);
    // Whoever finishes it is cut off as well, when only the record is left to be removed.
    let text = fs::read(world.host.layout().rename_record()).expect("a record");
    finish_rename(&world.host).expect("it can be finished");
    fs::write(world.host.layout().rename_record(), text).expect("a file");
    finish_rename(&world.host).expect("it can be finished").expect("there was one");
    assert_eq!(world.files(), whole);
    let log = world.host.lifecycle_log().read().expect("a log");
    assert_eq!(log.entries.iter().filter(|entry| entry.event() == "rename").count(), 1);
}

#[test]
fn an_error_at_any_step_takes_everything_back() {
    let (mut at, mut steps) = (0, 1);
    while at < steps {
        let world = world();
        let before = world.files();
        let (held, record) = world.begin();
        // What was cleared before the record was written says nothing to anybody.
        let cleared = ["shell-alpha.exit-hook.sh", "shell-beta.stopped", ".shell-alpha.deaths.x.tmp"];
        let counts = |files: BTreeMap<String, String>| -> BTreeMap<_, _> {
            files.into_iter().filter(|(path, _)| !cleared.iter().any(|c| path.ends_with(c))).collect()
        };
        steps = record.steps.len();
        let mut done = 0;
        let failed = go(&world.host, &record, |step, undo| {
            perform(&world.host, &held.registry, &record, step, undo)?;
            done += 1;
            match done > at {
                // Also what the failing step itself has done is taken back.
                true => Err(StepError::NoProfile { folder: "a test".into() }),
                false => Ok(()),
            }
        });
        assert!(matches!(failed, Err(RenameError::TakenBack(_))), "{failed:?}");
        drop(held);
        assert_eq!(counts(world.files()), counts(before), "failed at step {at}");
        assert!(finish_rename(&world.host).expect("nothing to do").is_none());
        world.rename();
        at += 1;
    }
}

#[test]
fn what_cannot_be_taken_back_goes_forward_when_it_can() {
    let whole = renamed_whole();
    let world = world();
    let (held, record) = world.begin();
    let old = record.cwd.clone();
    let failed = go(&world.host, &record, |step, undo| {
        perform(&world.host, &held.registry, &record, step, undo)?;
        match step {
            Step::Index => {
                // A file in a place that has to be a folder again.
                fs::write(&old, "in the way").expect("a file");
                let profile = Reversal::File { path: old.join("x/y"), held: Some(Vec::new()) };
                undo.push(profile);
                Err(StepError::NoProfile { folder: "a test".into() })
            }
            _ => Ok(()),
        }
    });
    let Err(RenameError::Stuck { record: path, undo, .. }) = &failed else { panic!("{failed:?}") };
    assert!(path.exists() && !undo.is_empty());
    drop(held);
    // As long as it is in the way it cannot be finished; then it can.
    let stuck = finish_rename(&world.host);
    assert!(matches!(stuck, Err(RenameError::Unfinishable { .. })), "{stuck:?}");
    fs::remove_file(&old).expect("a file");
    finish_rename(&world.host).expect("it can be finished").expect("there was one");
    assert_eq!(world.files(), whole);
}

#[test]
fn a_launch_in_between_is_refused() {
    let world = world();
    let peer = world.host.peer(&name("alpha")).expect("a peer");
    world.crash(4);
    let refused = launch(&world.host, &peer, None);
    assert!(matches!(refused, Err(crate::LaunchError::Peer(FindError::Unfinished(_)))), "{refused:?}");
}

#[test]
fn the_folder_goes_along_when_it_has_the_name_and_nothing_has_to_stay() {
    let peer = |name_: &str, cwd: &str| {
        Peer::new(PeerFacts::new(name(name_), "shell".parse().expect("a runtime")), cwd.into())
    };
    let root = |path: &str| vec![("the root".to_owned(), Utf8PathBuf::from(path))];
    for (cwd, staying, wanted) in [
        ("/p/alpha", root("/r"), Ok("/p/beta")),
        ("/p/Alpha", root("/r"), Ok("/p/beta")),
        ("/p/other", root("/r"), Err("its name is not that of the peer")),
        ("/", root("/r"), Err("its name is not that of the peer")),
        ("/p/alpha", root("/p/alpha"), Err("the root is in it")),
        ("/p/alpha", root("/p/alpha/.iapeer"), Err("the root is in it")),
        ("/p/alpha", root("/p/alpha2"), Ok("/p/beta")),
    ] {
        let wanted = match wanted {
            Ok(path) => Folder::Moves(path.into()),
            Err(why) => Folder::Stays(why.to_owned()),
        };
        assert_eq!(folder(&peer("alpha", cwd), &name("beta"), &staying), wanted, "{cwd}");
    }
    let mut index = Index::default();
    index.add(peer("alpha", "/p/alpha")).expect("a peer");
    index.add(peer("beta", "/p/alpha/below")).expect("a peer");
    assert!(index.rename(&name("alpha"), &name("beta"), "/p/beta".into()).is_err());
    assert!(index.rename(&name("alpha"), &name("gamma"), "/p/alpha/below".into()).is_err());
    assert_eq!(index.peers().len(), 2);
    index.rename(&name("alpha"), &name("gamma"), "/p/gamma".into()).expect("a free name");
    assert_eq!(index.find(&name("gamma")).expect("a peer").cwd, "/p/gamma");
}
