//! Memory does not grow with the output. Alone in its file, so that nobody else uses memory meanwhile.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "the test looks at its own process")]

use std::fs;

use iapeer_provision_exec::{KEEP_OUTPUT, Run, State};

/// A field of /proc/self/status, in KiB.
fn status(field: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(field)).unwrap();
    line.trim_start_matches(':').trim().trim_end_matches(" kB").parse().unwrap()
}

#[test]
fn two_hundred_megabytes_on_each_stream_take_less_than_two_mebibytes() {
    let bytes = 200_000_000;
    let script = format!("head -c {bytes} /dev/zero; head -c {bytes} /dev/zero >&2");
    // What is used now is counted from; the peak so far can only make the growth look larger.
    let before = status("VmRSS");
    let outcome = Run::new("/bin/sh").args(["-c", &script]).run();
    let growth = status("VmHWM").saturating_sub(before);

    assert_eq!(outcome.state, State::Ok);
    for tail in [&outcome.stdout, &outcome.stderr] {
        assert_eq!((tail.total(), tail.bytes().len()), (bytes, KEEP_OUTPUT));
    }
    assert!(growth < 2048, "{growth} KiB");
}
