//! Files that are cut at every byte, through the libraries.

use std::fs;

use camino::Utf8PathBuf;
use iapeer_lifecycle::{
    Host as Library, Runtime, Settings, Status, deaths, kept, observe_peer, owed, supervise_once, survey, why,
};
use iapeer_slot::Slot;

use crate::host::Host;
use crate::matrix::cell::Stage;
use crate::matrix::file::File;

/// Whether a library has noticed that the file is damaged, where that is for it to notice.
type Noticed = fn(&Library) -> bool;

const FILES: [(File, Option<Noticed>); 15] = [
    (File::Index, None),
    (File::Slot, Some(|host| matches!(host.slot(), Slot::Unusable { .. }))),
    (File::Runtime, Some(|host| Runtime::find(&"probe".parse().unwrap(), host.layout()).is_err())),
    (File::Session, Some(is_unknown)),
    (File::Stopped, None),
    (File::Deaths, None),
    (File::Lease, None),
    (File::Intent, None),
    (File::Owed, Some(|host| owed(host.layout()).unwrap().1.len() == 1)),
    (File::Removed, None),
    (File::Decisions, None),
    (File::Exits, None),
    (File::Generation, None),
    (File::Piece, None),
    (File::Profile, Some(|host| ids(host) == ["profile-alpha"])),
];

#[test]
fn every_state_file_cut_at_every_byte() {
    let stage = Stage::new();
    for (file, noticed) in FILES {
        let path = stage.set(file);
        let good = fs::read(&path).unwrap();
        for cut in 0..good.len() {
            stage.set(file);
            fs::write(&path, &good[..cut]).unwrap();
            let host = library(stage.host());
            let torn = !good[cut..].trim_ascii().is_empty();
            if let Some(noticed) = noticed {
                assert_eq!(noticed(&host), torn, "{file:?} at byte {cut}");
            }
            let peers = host.peers().unwrap();
            let names: Vec<_> = peers.index.peers().iter().map(|p| p.facts.personality.as_str()).collect();
            assert_eq!((names, peers.lost), (vec!["alpha", "omega"], None), "{file:?} at byte {cut}");
            if file == File::Index {
                let there = if torn { &good } else { &good[..cut] };
                assert_eq!(fs::read(&path).unwrap(), there, "cut at byte {cut} and mended");
                assert_eq!(host.quarantine().list().unwrap().len(), usize::from(torn), "at byte {cut}");
            } else {
                assert_eq!(fs::read(&path).unwrap(), &good[..cut], "{file:?}: a look changes nothing");
            }
            // Whatever these say, they say it, and they do not panic.
            let _ = (deaths(&host), kept(&host), host.canary().list(), survey(&host, host.peers().as_ref()));
            let _ = why(&host, &"shell-alpha".parse().unwrap());
            supervise_once(&host).unwrap();
        }
    }
}

#[test]
fn a_removed_peer_stays_removed_whatever_its_mark_is_cut_to() {
    let stage = Stage::new();
    stage.set(File::Index);
    stage.host().ok("remove alpha");
    let folder = stage.host().root("state/removed");
    let mark = fs::read_dir(folder).unwrap().next().unwrap().unwrap().path();
    let good = fs::read(&mark).unwrap();
    for cut in 0..good.len() {
        fs::write(&mark, &good[..cut]).unwrap();
        fs::remove_file(stage.host().root("peers-profiles.json")).unwrap();
        fs::remove_dir_all(stage.host().root("backups")).unwrap();
        // The profile of the other one is where nothing but the index tells of it.
        assert_eq!(library(stage.host()).peers().unwrap().index.peers().len(), 0, "at byte {cut}");
        stage.host().ok("create beta --runtime shell");
        stage.host().ok("remove beta");
    }
}

fn is_unknown(host: &Library) -> bool {
    let peers = host.peers().unwrap();
    matches!(observe_peer(host, &peers.index.peers()[0])[0].status, Status::Unknown(_))
}

fn ids(host: &Library) -> Vec<String> {
    survey(host, host.peers().as_ref()).degradations.into_iter().map(|d| d.id).collect()
}

fn library(host: &Host) -> Library {
    let root = Utf8PathBuf::from_path_buf(host.path("root")).unwrap();
    Library::new(Settings::new(root))
}
