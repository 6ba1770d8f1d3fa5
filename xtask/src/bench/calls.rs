//! What a listing opens and starts, counted by `strace` where that is.

use std::collections::BTreeMap;
use std::fs;

use duct::cmd;

use super::measure::environment;
use super::place::Place;
use crate::run::which;

/// Says how many files `list` and `status` open in their root, which of them twice, and how many processes
/// they start.
pub(super) fn calls(place: &Place) -> Result<Vec<String>, String> {
    if which("strace").is_none() {
        return Ok(vec!["what is opened was not counted: there is no strace".to_owned()]);
    }
    let root = place.peers(100)?;
    let log = place.root("strace.log");
    let mut lines = Vec::new();
    for verb in ["list", "status"] {
        let command =
            cmd!("strace", "-f", "-qq", "-e", "trace=open,openat,execve", "-o", &log, &place.iapeer, verb);
        let command =
            environment(&root).into_iter().fold(command, |command, (name, value)| command.env(name, value));
        command.stdin_null().stdout_null().run().map_err(|e| format!("strace: {e}"))?;
        let text = fs::read_to_string(&log).map_err(|e| format!("{}: {e}", log.display()))?;
        lines.push(format!("{verb}, 100 peers: {}", counted(&text, &format!("{}/", root.display()))));
    }
    Ok(lines)
}

/// What a trace says of the files below a folder and of processes. The first program is the one that is traced.
fn counted(trace: &str, root: &str) -> String {
    let started = trace.lines().filter(|line| line.contains("execve(")).count().saturating_sub(1);
    let mut opened = BTreeMap::<&str, usize>::new();
    let quoted = trace.lines().filter(|line| line.contains("open")).filter_map(|line| line.split('"').nth(1));
    for name in quoted.filter_map(|path| path.strip_prefix(root)) {
        *opened.entry(name).or_default() += 1;
    }
    let twice: Vec<&str> = opened.iter().filter(|(_, times)| **times > 1).map(|(name, _)| *name).collect();
    let twice =
        if twice.is_empty() { "none twice".to_owned() } else { format!("twice: {}", twice.join(", ")) };
    format!("{} names opened in the root, {twice}; {started} processes started", opened.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_opened_twice_is_named() {
        let trace = "7 execve(\"/bin/iapeer\", [\"iapeer\"], 0x1) = 0\n\
                     7 openat(AT_FDCWD, \"/lib/libc.so\", O_RDONLY) = 3\n\
                     7 open(\"/root/a\", O_RDONLY) = 3\n\
                     7 open(\"/root/b\", O_RDONLY) = -1 ENOENT\n";
        assert_eq!(counted(trace, "/root/"), "2 names opened in the root, none twice; 0 processes started");
        let more =
            format!("{trace}8 execve(\"/bin/sh\", [\"sh\"], 0x1) = 0\n7 open(\"/root/a\", O_RDONLY) = 3\n");
        assert_eq!(counted(&more, "/root/"), "2 names opened in the root, twice: a; 1 processes started");
    }
}
