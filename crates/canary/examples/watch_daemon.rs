//! Watches any daemon that has a pid: `cargo run -p iapeer-canary --example watch_daemon -- PID NAME FOLDER`.
//!
//! No tmux, no pipe, no change to the daemon. Two watch it: a thread of this program, and beside it a small
//! shell that lives on when this program is killed. Whoever is first writes the one record, into
//! `FOLDER/exits.log`. Whoever ends the daemon on purpose says so before, with `Canary::intend`.
//!
//! If both are killed, nothing is lost: the next run in the same folder writes what is owed first.

#![allow(clippy::print_stdout, clippy::disallowed_methods, reason = "a program for people")]

use std::error::Error;
use std::sync::Arc;

use camino::Utf8Path;
use iapeer_canary::{Armed, Canary, Claimed, Finding, Incarnation, Places, Seen, Subject, Watch, Watcher};

/// How often the shell looks. It is only the second line: the thread sees a death at once.
const LOOK_SECS: u32 = 2;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [pid, name, folder] = &arguments[..] else {
        return Err("usage: watch_daemon PID NAME FOLDER".into());
    };
    // The witness runs in `/`, so its paths have to be absolute.
    let folder = Utf8Path::new(folder);
    std::fs::create_dir_all(folder)?;
    let folder = folder.canonicalize_utf8()?;
    let canary = Arc::new(Canary::new(Places {
        state: folder.join("state"),
        forensics: folder.join("server-deaths"),
        exits_log: folder.join("exits.log"),
        lifecycle_log: folder.join("lifecycle.log"),
    }));

    // What nobody was there to record.
    for swept in canary.sweep()?.swept {
        if let Finding::Recorded(record) = swept.finding {
            println!("{} died at {} or before, and nobody saw it", record.identity, record.ts);
        }
    }

    let daemon = Incarnation::of(pid.parse()?)?.ok_or("no process has this pid")?;
    let subject = Subject::new(name, daemon);
    match canary.arm(&subject, Watch::Poll { secs: LOOK_SECS }) {
        Armed::Spawned { recorder_pid } => println!("the shell {recorder_pid} watches {name}"),
        Armed::Already { recorder_pid } => println!("the shell {recorder_pid} watched {name} already"),
        other => return Err(format!("{name} could not be armed: {other:?}").into()),
    }
    let (watcher, seen) = Watcher::start(Arc::clone(&canary))?;
    watcher.add(&subject)?;
    println!("watching {name}, pid {pid}");

    // Blocks, without a process and without looking from time to time, until it dies.
    let Seen::Death { claimed, .. } = seen.recv()? else { return Err("no death".into()) };
    match claimed? {
        Claimed::Recorded(record) => {
            let status = record.status().map_or("unknown".to_owned(), |status| status.to_string());
            println!("{name} died: {status}, on record in {}", canary.places().exits_log);
        }
        Claimed::Stopped => println!("{name} was ended on purpose"),
        Claimed::Already | Claimed::StillAlive => println!("{name}: its record is written by the shell"),
    }
    watcher.stop()?;
    Ok(())
}
