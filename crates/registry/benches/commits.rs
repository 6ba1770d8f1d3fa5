//! What a change of one peer among a hundred costs, next to replacing a file with the same bytes.
//!
//! `cargo bench -p iapeer-registry [-- FOLDER]`. It prints and judges nothing: figures depend on the machine
//! and on the file system of the folder (that of temporary files, when none is named). The candidates take
//! turns within one run and one folder, so that both see the same disk.

#![expect(clippy::print_stdout, reason = "a bench prints")]
#![expect(clippy::disallowed_methods, reason = "this is what a commit is compared with")]

use std::fs::File;
use std::io::Write;
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use iapeer_registry::{Facts, Index, Peer, Registry};

const PEERS: usize = 100;
const ROUNDS: usize = 1000;

fn main() -> std::io::Result<()> {
    let folder = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let folder = folder.map_or_else(std::env::temp_dir, Into::into);
    let dir = tempfile::tempdir_in(folder)?;
    let root = Utf8Path::from_path(dir.path()).expect("the path is UTF-8");
    let registry = Registry::under(root);
    let bytes = {
        (0..PEERS).for_each(|n| commit(&registry, n, 0));
        std::fs::read(registry.path())?
    };

    let mut times = [const { Vec::new() }; 4];
    for round in 1..=ROUNDS {
        times[0].push(timed(|| sync(root)));
        times[1].push(timed(|| bare(root, &bytes)));
        times[2].push(timed(|| commit(&registry, round % PEERS, round)));
        times[3].push(timed(|| bare(root, &bytes)));
    }
    let [sync, bare, commit, bare_again] = times.map(median);
    let bare = (bare + bare_again) / 2;
    println!("{PEERS} peers, {} bytes, medians of {ROUNDS} in turn, in {root}", bytes.len());
    println!("  write and fsync        {sync:>10.2?}");
    println!("  replace a file         {bare:>10.2?}  {:>6.0} per second", 1.0 / bare.as_secs_f64());
    println!(
        "  commit to the registry {commit:>10.2?}  {:>6.0} per second, {:.2} times",
        1.0 / commit.as_secs_f64(),
        commit.as_secs_f64() / bare.as_secs_f64()
    );
    Ok(())
}

/// Lock, read again, change one peer, validate, keep a generation, replace.
fn commit(registry: &Registry, n: usize, round: usize) {
    let lock = registry.lock("bench").expect("nobody else holds it");
    let mut edit = registry.edit(&lock).expect("it is whole");
    let mut index: Index = edit.take_value().unwrap_or_default();
    let name = format!("peer-{n}").parse().expect("it is a name");
    let mut facts = Facts::new(name, "claude".parse().expect("it is a runtime"));
    facts.description =
        format!("Looks after the {round:06} things that peer {n} looks after, day and night.");
    index.add(Peer::new(facts, format!("/srv/peers/peer-{n}").into())).expect("the folder is its own");
    edit.commit(index).expect("there is room");
}

/// The least that replaces a file durably.
fn bare(folder: &Utf8Path, bytes: &[u8]) {
    let (temporary, path): (Utf8PathBuf, _) = (folder.join(".bare.tmp"), folder.join("bare"));
    let replaced = File::create(&temporary)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
        .and_then(|()| std::fs::rename(&temporary, &path))
        .and_then(|()| File::open(folder)?.sync_all());
    replaced.expect("there is room");
}

fn sync(folder: &Utf8Path) {
    let written = File::create(folder.join("synced")).and_then(|mut file| {
        file.write_all(b"a line\n")?;
        file.sync_all()
    });
    written.expect("there is room");
}

fn timed(act: impl FnOnce()) -> Duration {
    let start = Instant::now();
    act();
    start.elapsed()
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}
