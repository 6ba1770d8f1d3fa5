//! The processes of one run: who of them is alive, and signals to them.

use std::os::fd::AsFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Instant, SystemTime};

use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};

use crate::{Survivor, Survivors, system};

/// The environment variable that each run sets for its command, to a value that no other run has. On
/// Linux it tells the processes that left the command's group from everybody else's.
///
/// A run that is meant to leave somebody behind, such as one that starts a server, takes it away with
/// `env_remove(RUN_VARIABLE)`: then nobody who left the group is reported, nor ended with the rest.
pub const RUN_VARIABLE: &str = "PROVISION_EXEC_RUN";

/// A command that was started, and everybody who comes from it.
#[derive(Debug)]
pub(crate) struct Family {
    /// The command. Its number is also that of its group, and of its session if that is its own.
    leader: Pid,
    /// [`RUN_VARIABLE`] as it stands in the environment of this run.
    mark: Vec<u8>,
    /// A moment before the command was started.
    since: Instant,
}

/// A live process of the run.
struct Member {
    pid: Pid,
    name: String,
    /// Whether signals to the group reach it.
    in_group: bool,
}

/// [`RUN_VARIABLE`] as it stands in the environment of a run of this name.
pub(crate) fn mark(name: &str) -> Vec<u8> {
    format!("{RUN_VARIABLE}={name}").into_bytes()
}

/// A name for a [`Run`](crate::Run) that no other run on this machine has.
#[must_use]
pub fn unique_name() -> String {
    static RUNS: AtomicU64 = AtomicU64::new(0);
    let process = std::process::id();
    let run = RUNS.fetch_add(1, Ordering::Relaxed);
    // A clock before 1970 is as good as any, for the other two still differ.
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_nanos();
    format!("{process}-{run}-{now}")
}

impl Family {
    pub(crate) fn new(leader: Pid, run: &str, since: Instant) -> Self {
        Self { leader, mark: mark(run), since }
    }

    /// The command itself.
    pub(crate) fn leader(&self) -> Pid {
        self.leader
    }

    /// Sends a signal to everybody, and says whether nobody is there for it. The leader must not have
    /// been reaped.
    pub(crate) fn signal(&self, signal: Signal) -> bool {
        // A failure says that nobody is there or that nobody there may be signalled. Either way there
        // is nothing else to try, and the survivors tell what is left.
        let _ = kill_process_group(self.leader, signal);
        let living = self.living();
        for stray in living.iter().flatten().filter(|member| !member.in_group) {
            self.signal_stray(stray.pid, signal);
        }
        living.is_some_and(|list| list.is_empty())
    }

    /// Whether it is known that nobody is alive.
    pub(crate) fn is_gone(&self) -> bool {
        self.living().is_some_and(|list| list.is_empty())
    }

    /// Who is alive, for [`survivors`](Self::survivors). The leader must not have been reaped.
    pub(crate) fn look(&self) -> Option<Vec<Survivor>> {
        let survivor = |Member { pid, name, .. }| Survivor { pid: number(pid), name };
        self.living().map(|list| list.into_iter().map(survivor).collect())
    }

    /// Who is left, from what [`look`](Self::look) found while the leader was not yet reaped. Where it
    /// could not know, the group itself is asked: with the leader reaped it exists only if somebody is
    /// in it.
    pub(crate) fn survivors(&self, seen: Option<Vec<Survivor>>) -> Survivors {
        match seen {
            Some(list) if list.is_empty() => Survivors::None,
            Some(list) => Survivors::Processes(list),
            None if test_kill_process_group(self.leader) == Err(Errno::SRCH) => Survivors::None,
            None => Survivors::Group { id: number(self.leader) },
        }
    }

    /// Everybody who is alive. None when that cannot be known.
    fn living(&self) -> Option<Vec<Member>> {
        let candidates = system::processes_since(self.leader, self.since.elapsed())?;
        Some(candidates.into_iter().filter_map(|pid| self.member(pid)).collect())
    }

    /// The process of that number, if it is alive and belongs to this run. The number of the leader,
    /// which is not reaped, cannot be that of another session or group.
    fn member(&self, pid: Pid) -> Option<Member> {
        let stat = system::stat(pid)?;
        let leader = self.leader.as_raw_nonzero().get();
        let in_group = stat.group == leader;
        let belongs = || in_group || stat.session == leader || system::carries(pid, &self.mark);
        (stat.alive && belongs()).then_some(Member { pid, name: stat.name, in_group })
    }

    /// Signals one process of this run, and never another one that was given its number since: first it
    /// is held, then looked at. What is seen is the process that is held, or else that one has ended and
    /// cannot be signalled any more. Where nothing can be held, nobody is signalled.
    fn signal_stray(&self, pid: Pid, signal: Signal) {
        let Some(held) = system::hold(pid) else { return };
        if self.member(pid).is_some() {
            system::held_signal(held.as_fd(), signal);
        }
    }
}

fn number(pid: Pid) -> u32 {
    pid.as_raw_nonzero().get().unsigned_abs()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    #![allow(clippy::disallowed_methods, reason = "the tests look at processes that they start themselves")]

    use std::os::unix::process::{CommandExt, ExitStatusExt};
    use std::process::{Child, Command};
    use std::time::Duration;

    use rustix::process::kill_process;

    use super::*;

    /// Somebody in a group of its own.
    fn sleeper(run: &str) -> Child {
        let mut command = Command::new("/bin/sleep");
        command.arg("60").env(RUN_VARIABLE, run).process_group(0).spawn().expect("sleep starts")
    }

    fn signal_that_ended(mut child: Child) -> Option<i32> {
        child.wait().expect("it was not reaped yet").signal()
    }

    #[test]
    fn without_a_list_the_group_itself_is_asked() {
        let since = Instant::now();
        let mut child = sleeper("no list");
        let family = Family::new(Pid::from_child(&child), "no list", since);

        assert_eq!(family.survivors(None), Survivors::Group { id: child.id() });
        assert_eq!(family.look().map(|living| living.len()), Some(1));

        child.kill().expect("it runs");
        child.wait().expect("it was not reaped yet");
        assert_eq!(family.survivors(None), Survivors::None);
    }

    #[test]
    fn strays_are_signalled_and_strangers_never() {
        let run = unique_name();
        let since = Instant::now();
        let (leader, stray, stranger) = (sleeper(&run), sleeper(&run), sleeper(&unique_name()));
        let family = Family::new(Pid::from_child(&leader), &run, since);
        // A process has its environment a moment after `exec` let its parent go on.
        let deadline = since + Duration::from_secs(60);
        let seen = || {
            let mut seen: Vec<u32> =
                family.look().expect("there is a /proc").iter().map(|it| it.pid).collect();
            seen.sort_unstable();
            seen
        };
        let mut family_members = [leader.id(), stray.id()];
        family_members.sort_unstable();
        while seen() != family_members {
            assert!(Instant::now() < deadline, "not the family: {:?}", seen());
            std::thread::sleep(Duration::from_millis(5));
        }

        family.signal_stray(Pid::from_child(&stranger), Signal::KILL);
        kill_process(Pid::from_child(&stranger), Signal::TERM).expect("it runs");
        assert_eq!(signal_that_ended(stranger), Some(15), "it was not killed before");

        family.signal(Signal::KILL);
        assert_eq!(signal_that_ended(stray), Some(9));
        assert_eq!(signal_that_ended(leader), Some(9));
    }
}
