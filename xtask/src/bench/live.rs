//! What is measured with sessions that run: a listing, a pass of the supervisor, a witness, a death.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use super::measure::{Candidate, Figures, in_turn};
use super::place::{Place, peer};
use super::table::Row;

type Rows = Result<Vec<Row>, String>;

const RUNS: usize = 15;
const DEATHS: usize = 20;
/// How long a record may be waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// `supervise --once` and `list` over none, some and many sessions.
pub(super) fn pass(place: &Place) -> Rows {
    let root = place.peers(100)?;
    let rows = with_sessions(place, &root);
    ended(place, &root, 100).and(rows)
}

fn with_sessions(place: &Place, root: &Path) -> Rows {
    let (mut rows, mut live) = (Vec::new(), 0);
    for sessions in [0, 10, 100] {
        for n in live..sessions {
            place.run(root, &["launch", &peer(n)])?;
        }
        live = sessions;
        let measured = in_turn(
            &[
                Candidate::new(&place.empty, &[], root),
                Candidate::new(&place.iapeer, &["supervise", "--once"], root),
                Candidate::new(&place.iapeer, &["list"], root),
            ],
            RUNS,
        )?;
        for (verb, figures) in ["supervise --once", "list"].iter().zip(&measured[1..]) {
            let row = Row::new(format!("{verb}, 100 peers, {sessions} live"), *figures);
            rows.push(row.beside("an empty program", measured[0]));
        }
    }
    Ok(rows)
}

/// A witness for a server that has none, and from SIGKILL to the record.
pub(super) fn death(place: &Place) -> Rows {
    let root = place.peers(1)?;
    place.run(&root, &["launch", &peer(0)])?;
    let rows = arm(place, &root).and_then(|mut rows| {
        rows.push(deaths(place, &root)?);
        Ok(rows)
    });
    ended(place, &root, 1).and(rows)
}

fn arm(place: &Place, root: &Path) -> Rows {
    let (name, recorder) = (peer(0), "/peer/runtimes/0/canary/recorder_pid");
    let unwatched = |_| {
        let document = shown(place, root)?;
        if let Some(pid) = document.pointer(recorder).and_then(Value::as_i64) {
            end_process(pid)?;
        }
        Ok(())
    };
    let measured = in_turn(
        &[
            Candidate::new(&place.floor, &["spawn", "1"], root),
            Candidate::new(&place.iapeer, &["canary", "arm", &name], root).before(unwatched),
        ],
        RUNS,
    )?;
    Ok(vec![Row::new("canary arm", measured[1]).beside("a raw spawn", measured[0])])
}

fn deaths(place: &Place, root: &Path) -> Result<Row, String> {
    let mut times = Vec::new();
    for _ in 0..DEATHS {
        place.run(root, &["launch", &peer(0)])?;
        let document = shown(place, root)?;
        let server = document.pointer("/peer/runtimes/0/server_pid").and_then(Value::as_i64);
        let server = server.ok_or("a session that was launched has no server")?;
        let wanted = format!(" server_pid={server} ");
        let start = Instant::now();
        end_process(server)?;
        let journal = root.join("logs/iapeer/exits.log");
        let is_there = || {
            let text = fs::read_to_string(&journal).unwrap_or_default();
            text.lines().any(|line| line.contains(&wanted) && line.ends_with(" end=1"))
        };
        while !is_there() {
            if start.elapsed() > PATIENCE {
                return Err(format!("no record of the death of server {server} in {}", journal.display()));
            }
            thread::sleep(Duration::from_micros(200));
        }
        times.push(start.elapsed().as_secs_f64() * 1000.0);
    }
    Ok(Row::new("from SIGKILL to the record", Figures::of_wall(&times)))
}

fn shown(place: &Place, root: &Path) -> Result<Value, String> {
    let text = place.ask(root, &["show", &peer(0), "--json"])?;
    serde_json::from_str(&text).map_err(|e| format!("iapeer show: {e}"))
}

fn end_process(pid: i64) -> Result<(), String> {
    let pid = i32::try_from(pid).map_err(|e| e.to_string())?;
    kill(Pid::from_raw(pid), Signal::SIGKILL).map_err(|e| format!("process {pid}: {e}"))
}

/// Whatever became of the figures, nothing is left running.
fn ended(place: &Place, root: &Path, sessions: usize) -> Result<(), String> {
    let ended: Vec<_> = (0..sessions).map(|n| place.run(root, &["stop", &peer(n)])).collect();
    ended.into_iter().collect()
}
