//! Servers: start, look, end, and what is left of them.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests prepare files and look into /proc")]

mod common;

use std::fs;
use std::io::Read;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::Duration;

use common::{Host, eventually, is_alive, raw, tmux};
use iapeer_tmux::{Probe, SessionSpec, TmuxError, probe};
use rustix::process::Signal;

#[test]
fn a_server_starts_empty_and_stays() {
    let host = Host::running();
    assert_eq!(probe(host.socket()), Probe::Listening { pid: host.pid() });
    assert_eq!(host.sessions(), Ok(Vec::new()));
    assert_eq!(fs::read_link(format!("/proc/{}/cwd", host.pid())).unwrap(), Path::new("/"));
    let again = host.start(None, &[]);
    assert_eq!(again, Err(TmuxError::AlreadyRunning { socket: host.socket().to_owned(), pid: host.pid() }));
}

#[test]
fn without_a_server_nothing_is_started_by_asking() {
    let host = Host::idle();
    let nobody = TmuxError::NoServer { socket: host.socket().to_owned() };
    let session = host.session("shell-bob").unwrap();
    assert_eq!(host.sessions(), Err(nobody.clone()));
    assert_eq!(host.kill(), Err(nobody.clone()));
    assert_eq!(session.exists(), Err(nobody.clone()));
    assert_eq!(session.pane(), Err(nobody.clone()));
    assert_eq!(session.kill(), Err(nobody.clone()));
    assert_eq!(session.create(&SessionSpec::new("/", ["/bin/true"])), Err(nobody));
    assert_eq!(probe(host.socket()), Probe::Missing);
}

/// All processes that have the pipe with this inode open.
fn holders(pipe: &Path) -> Vec<u32> {
    let mut pids: Vec<u32> = fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok())
        .filter(|pid| {
            let Ok(open) = fs::read_dir(format!("/proc/{pid}/fd")) else { return false };
            open.flatten().any(|fd| fs::read_link(fd.path()).is_ok_and(|target| target == pipe))
        })
        .collect();
    pids.sort_unstable();
    pids
}

#[test]
fn only_the_server_holds_the_lifeline() {
    let mut host = Host::idle();
    let (mut reader, writer) = std::io::pipe().unwrap();
    let reader_path = fs::read_link(format!("/proc/self/fd/{}", reader.as_raw_fd())).unwrap();
    let server_pid = host.start(Some(OwnedFd::from(writer)), &[]).unwrap();
    host.owns(server_pid);

    let session = host.session("shell-bob").unwrap();
    let script = "trap '' HUP; echo up; exec sleep 20";
    let mut spec = SessionSpec::new("/", ["/bin/sh", "-c", script]);
    spec.pane_log = Some(host.path("log"));
    let created = session.create(&spec).unwrap();
    assert_eq!(created.server_pid, server_pid);
    let job = host.path("job");
    raw(&host, &["run-shell", "-b", &format!("trap '' HUP; echo $$ >{}; exec sleep 20", job.display())]);
    let text = |path: PathBuf| fs::read_to_string(path).unwrap_or_default();
    eventually("all three programs run", || {
        !text(host.path("log")).is_empty() && text(job.clone()).ends_with('\n')
    });

    let mut ours = [std::process::id(), server_pid];
    ours.sort_unstable();
    // A neighbour's child that is just being started holds a copy for a moment.
    eventually("nobody else holds it", || holders(&reader_path) == ours);

    host.signal(Signal::KILL);
    // This would block if anybody else still held the other end.
    assert_eq!(reader.read(&mut [0; 8]).unwrap(), 0);
    assert!(is_alive(created.pane_pid), "it ignores that its terminal is gone, and does not hold the pipe");
    for left in [created.pane_pid, text(job).trim().parse().unwrap()] {
        rustix::process::kill_process(common::pid(left), Signal::KILL).unwrap();
    }
    host.ended();
}

#[test]
fn the_lifeline_ends_with_an_orderly_end_too_and_with_a_failed_start() {
    let mut host = Host::idle();
    let (mut reader, writer) = std::io::pipe().unwrap();
    let pid = host.start(Some(OwnedFd::from(writer)), &[]).unwrap();
    host.owns(pid);
    host.kill().unwrap();
    assert_eq!(reader.read(&mut [0; 8]).unwrap(), 0);
    host.ended();

    let host = Host::running();
    let (mut reader, writer) = std::io::pipe().unwrap();
    assert!(host.start(Some(OwnedFd::from(writer)), &[]).is_err());
    assert_eq!(reader.read(&mut [0; 8]).unwrap(), 0);
}

#[test]
fn a_wrapper_stands_in_front_and_does_not_keep_the_lifeline() {
    let mut host = Host::idle();
    let (mut reader, writer) = std::io::pipe().unwrap();
    let noted = host.path("noted");
    let note = "printf '%s\\n' \"$@\" >\"$0\"; exec \"$@\"";
    let wrapper = ["/bin/sh".into(), "-c".into(), note.into(), noted.clone().into_os_string()];
    let pid = host.start(Some(OwnedFd::from(writer)), &wrapper).unwrap();
    host.owns(pid);
    let noted = fs::read_to_string(noted).unwrap();
    assert_eq!(noted.lines().next(), host.tmux().program().to_str());
    assert!(noted.lines().any(|word| word == "start-server"), "{noted}");
    host.signal(Signal::KILL);
    assert_eq!(reader.read(&mut [0; 8]).unwrap(), 0);

    // One that does not become the command is a failure, and leaves nothing.
    let host = Host::idle();
    let (mut reader, writer) = std::io::pipe().unwrap();
    let wrapper = ["/bin/sh".into(), "-c".into(), "echo no bus >&2; exit 1".into()];
    let error = host.start(Some(OwnedFd::from(writer)), &wrapper).unwrap_err();
    assert!(matches!(&error, TmuxError::Failed { reason, .. } if reason == "no bus"), "{error}");
    assert_eq!(reader.read(&mut [0; 8]).unwrap(), 0);
}

/// However a server ends, its socket file stays and refuses, and a new server takes its place.
#[test]
fn a_dead_server_leaves_a_socket_that_refuses() {
    let mut host = Host::idle();
    for signal in [Some(Signal::TERM), Some(Signal::INT), Some(Signal::KILL), Some(Signal::SEGV), None] {
        host.boot();
        match signal {
            Some(signal) => host.signal(signal),
            None => host.kill().unwrap(),
        }
        host.ended();
        assert_eq!(probe(host.socket()), Probe::Refused, "{signal:?}");
        assert_eq!(host.sessions(), Err(TmuxError::NoServer { socket: host.socket().to_owned() }));
    }
    host.boot();
    assert_eq!(probe(host.socket()), Probe::Listening { pid: host.pid() });
}

#[test]
fn a_removed_socket_is_not_a_dead_server() {
    let host = Host::running();
    fs::remove_file(host.socket()).unwrap();
    assert_eq!(probe(host.socket()), Probe::Missing);
    assert!(is_alive(host.pid()));
    host.signal(Signal::USR1);
    eventually("the socket is there again", || probe(host.socket()) == Probe::Listening { pid: host.pid() });
}

#[test]
fn a_stopped_server_costs_no_more_than_the_deadline() {
    let host = Host::running();
    let limit = Duration::from_millis(300);
    let impatient = tmux().server(host.socket()).unwrap().deadline(limit);
    host.signal(Signal::STOP);
    assert_eq!(probe(host.socket()), Probe::Listening { pid: host.pid() }, "the kernel still answers");
    assert_eq!(impatient.sessions(), Err(TmuxError::TimedOut { command: "list-sessions".to_owned(), limit }));
    host.signal(Signal::CONT);
    assert_eq!(host.sessions(), Ok(Vec::new()));
}

#[test]
fn a_probe_tells_apart_what_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    assert_eq!(probe(&folder.path().join("missing")), Probe::Missing);
    assert_eq!(probe(&file), Probe::Refused);
    let link = folder.path().join("loop");
    symlink(&link, &link).unwrap();
    for odd in [file.join("below"), link, folder.path().join("x".repeat(200))] {
        assert!(matches!(probe(&odd), Probe::Unknown { .. }), "{}", odd.display());
    }
}

#[test]
fn a_full_queue_is_unknown_and_does_not_block() {
    use rustix::net::{AddressFamily, SocketAddrUnix, SocketType, bind, listen, socket};

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s");
    let listener = socket(AddressFamily::UNIX, SocketType::STREAM, None).unwrap();
    bind(&listener, &SocketAddrUnix::new(&path).unwrap()).unwrap();
    assert_eq!(probe(&path), Probe::Refused, "bound, but not listening");
    listen(&listener, 0).unwrap();
    assert_eq!(probe(&path), Probe::Listening { pid: std::process::id() });
    // The first one waits to be accepted, and there is room for one.
    assert!(matches!(probe(&path), Probe::Unknown { .. }));
    assert!(matches!(tmux().server(&path).unwrap().start(None, &[]), Err(TmuxError::Unclear { .. })));
}
