//! The lease: the line that says which server is watched, and by whom.

use iapeer_statefile::{Entry, Line, Timestamp};

use crate::names::{Name, Subject};
use crate::oom::OomBaseline;
use crate::process::{Incarnation, StartTime};

/// The protocol of files and records that script and crate share.
pub(crate) const PROTOCOL: u32 = 1;

/// The content of a lease file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lease {
    pub(crate) subject: Subject,
    /// `None` until a recorder has taken the lease.
    pub(crate) recorder: Option<Incarnation>,
    pub(crate) oom: OomBaseline,
}

impl Lease {
    /// A lease that no recorder has taken yet.
    pub(crate) fn render_untaken(
        subject: &Subject,
        oom: &OomBaseline,
        wait: &str,
        now: Timestamp,
        up: u64,
    ) -> String {
        let line = words(Line::new(now, "lease"), subject, oom, wait).field("up", up);
        let line = line.field("recorder_pid", 0).field("recorder_start", "").field("end", 1);
        format!("{}\n", line.render())
    }

    /// Reads a lease; a torn one gives `None`.
    pub(crate) fn parse(text: &str) -> Option<Lease> {
        let entry = Entry::parse(text.strip_suffix('\n')?).ok()?;
        if entry.event() != "lease" || entry.get("end") != Some("1") {
            return None;
        }
        let boot: crate::process::BootId = entry.get("boot")?.parse().ok()?;
        let process = |pid: &str, start: &str| {
            let start = entry.get(start)?.parse::<StartTime>().ok()?;
            Some(Incarnation { boot: boot.clone(), pid: entry.get(pid)?.parse().ok()?, start })
        };
        let server = process("server_pid", "server_start")?;
        let recorder = process("recorder_pid", "recorder_start").filter(|recorder| recorder.pid != 0);
        let subject = Subject::new(entry.get("identity")?, server);
        Some(Lease { subject, recorder, oom: OomBaseline::of(&entry) })
    }

    /// What can be known of a torn lease: whose it is, from its name.
    pub(crate) fn from_name(name: &Name, boot: &crate::process::BootId) -> Option<Lease> {
        // Only the first eight characters of the boot's name are in the file's name.
        let boot = if boot.short() == name.boot8 { boot.clone() } else { name.boot8.parse().ok()? };
        let server = Incarnation { boot, pid: name.pid, start: name.start.parse().ok()? };
        let subject = Subject::new(name.identity(), server);
        Some(Lease { subject, recorder: None, oom: OomBaseline::default() })
    }
}

/// The words of a lease that do not depend on who takes it and when.
pub(crate) fn words(line: Line, subject: &Subject, oom: &OomBaseline, wait: &str) -> Line {
    let Incarnation { boot, pid, start } = &subject.server;
    let line = line.field("v", PROTOCOL).field("identity", &subject.identity);
    let line = line.field("server_pid", pid).field("server_start", start).field("boot", boot);
    oom.onto(line.field("wait", wait))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn subject(identity: String) -> Subject {
        let word = "ec5a8d52-1c23";
        let server = Incarnation {
            boot: word.parse().expect("a word"),
            pid: 17,
            start: "99".parse().expect("a word"),
        };
        Subject::new(identity, server)
    }

    proptest! {
        #[test]
        fn comes_back(identity: String, host: Option<u64>, file in proptest::option::of("[a-z\\\\ /]{1,20}")) {
            let subject = subject(identity);
            let oom = OomBaseline { host, cgroup: host, file: file.map(Into::into) };
            let text = Lease::render_untaken(&subject, &oom, "lifeline", Timestamp::UNIX_EPOCH, 5);
            prop_assert_eq!(Lease::parse(&text), Some(Lease { subject, recorder: None, oom }));
        }

        #[test]
        fn a_torn_lease_is_none(cut in any::<prop::sample::Index>()) {
            let oom = OomBaseline::default();
            let text = Lease::render_untaken(&subject("x".into()), &oom, "poll", Timestamp::UNIX_EPOCH, 5);
            prop_assert_eq!(Lease::parse(&text[..cut.index(text.len())]), None);
        }
    }

    #[test]
    fn a_torn_lease_still_tells_whose_it_is() {
        let subject = subject("a b".into());
        let name = Name::parse(&format!("{}.lease", subject.death())).expect("a name of ours");
        let lease = Lease::from_name(&name, &subject.server.boot).expect("a lease");
        assert_eq!(lease.subject, subject);
        let other = Lease::from_name(&name, &"ffffffff-0".parse().expect("a word")).expect("a lease");
        assert_eq!(other.subject.server.boot.as_str(), "ec5a8d52");
    }
}
