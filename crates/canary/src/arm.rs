//! Arming: the lease first, then the recorder, then proof that it watches.

use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use camino::Utf8Path;
use iapeer_statefile::{Creation, create_file, replace_file};
use process_wrap::std::{ChildWrapper, CommandWrap, ProcessSession};

use crate::canary::{Canary, CanaryError};
use crate::lease::Lease;
use crate::names::{Files, Subject};
use crate::oom::OomBaseline;
use crate::process::Liveness;
use crate::script::{Script, Wait};

/// How long a recorder may take to say that it watches.
const CONFIRM_WITHIN: Duration = Duration::from_secs(2);
/// How often we look for that.
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// The witness needs `date` and `sleep`, and for forensics what is there; it finds them here.
const SEARCH_PATH: &str = "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin";

/// What a recorder shall wait on; see [`Wait`].
#[derive(Debug)]
pub enum Watch {
    /// The read end of a pipe whose write end only the server holds.
    Lifeline(OwnedFd),
    /// The end of a client of the server.
    Client {
        /// The command, as absolute path and arguments.
        argv: Vec<String>,
    },
    /// Looking from time to time.
    Poll {
        /// The pause between two looks, in seconds.
        secs: u32,
    },
}

/// What became of arming.
#[derive(Debug)]
pub enum Armed {
    /// A recorder was started and watches.
    Spawned {
        /// Its pid.
        recorder_pid: u32,
    },
    /// A recorder watches already.
    Already {
        /// Its pid.
        recorder_pid: u32,
    },
    /// Nobody watches, for this reason.
    Failed(ArmError),
    /// There is nothing to watch: the server's death is on record.
    Skipped,
}

/// Why a server could not be armed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArmError {
    /// The lease or the script could not be made.
    #[error("the watch could not be prepared")]
    Prepare(#[from] CanaryError),
    /// The shell could not be started.
    #[error("the witness could not be started")]
    Spawn {
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// The server was gone before the watch began; that is on record, or will be by the next sweep.
    #[error("the server was gone before the watch began")]
    ServerGone,
    /// The witness ended instead of watching.
    #[error("the witness ended at once with {status}")]
    Ended {
        /// How.
        status: std::process::ExitStatus,
    },
    /// The witness was started and does not say that it watches. It may yet.
    #[error("the witness did not report within {} s", CONFIRM_WITHIN.as_secs())]
    Silent,
}

/// A recorder that was started, if one had to be, and has not yet said that it watches.
#[derive(Debug)]
#[must_use = "confirm that the recorder watches"]
pub struct Arming<'a> {
    canary: &'a Canary,
    files: Files,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    Over(Armed),
    Started(Box<dyn ChildWrapper>),
}

impl Canary {
    /// Makes sure that somebody watches this server: nobody is started where somebody does. Returns when
    /// the recorder has said so, at most two seconds later.
    pub fn arm(&self, subject: &Subject, watch: Watch) -> Armed {
        let lock = self.lock("arm");
        match lock {
            Ok(_lock) => self.start(subject, watch).confirm(),
            Err(e) => Armed::Failed(e.into()),
        }
    }

    /// The first half of [`Canary::arm`], for a launcher that has something to do meanwhile: writes the
    /// lease and starts the recorder. From here on the death of the server is not lost, whether or not
    /// the recorder ever gets to run.
    pub fn begin_arming(&self, subject: &Subject, watch: Watch) -> Arming<'_> {
        match self.lock("arm") {
            Ok(_lock) => self.start(subject, watch),
            Err(e) => self.over(subject, Armed::Failed(e.into())),
        }
    }

    fn start(&self, subject: &Subject, watch: Watch) -> Arming<'_> {
        self.reap();
        match self.try_start(subject, watch) {
            Ok(stage) => Arming { canary: self, files: self.files(&subject.death()), stage },
            Err(e) => self.over(subject, Armed::Failed(e)),
        }
    }

    fn over(&self, subject: &Subject, armed: Armed) -> Arming<'_> {
        Arming { canary: self, files: self.files(&subject.death()), stage: Stage::Over(armed) }
    }

    fn try_start(&self, subject: &Subject, watch: Watch) -> Result<Stage, ArmError> {
        let files = self.files(&subject.death());
        if files.dead().exists() {
            return Ok(Stage::Over(Armed::Skipped));
        }
        let text = self.text(&files.lease())?;
        let held = text.as_deref().and_then(Lease::parse);
        if let Some(recorder) = held.as_ref().and_then(|lease| lease.recorder.as_ref())
            && self.may_watch(Some(recorder))
        {
            return Ok(Stage::Over(Armed::Already { recorder_pid: recorder.pid }));
        }
        if let Liveness::Unknown(reason) = self.liveness(&subject.server) {
            return Err(CanaryError::Unknown { pid: subject.server.pid, reason }.into());
        }
        let (wait, stdin) = match watch {
            Watch::Lifeline(read_end) => (Wait::Lifeline, Stdio::from(read_end)),
            Watch::Client { argv } => (Wait::Client { argv }, Stdio::null()),
            Watch::Poll { secs } => (Wait::Poll { secs }, Stdio::null()),
        };
        // What counted when the watch first began counts on when another recorder takes over.
        let oom = match &held {
            Some(lease) => lease.oom.clone(),
            None => OomBaseline::read(subject.server.pid),
        };
        let mode = wait.word();
        let script = Script::new(subject.clone(), self.places.clone(), wait).with_oom(oom.clone());
        let script = script.render().map_err(CanaryError::from)?;
        if held.is_none() {
            let up = self.host.secs_since_boot().map_err(CanaryError::from)?;
            let lease = Lease::render_untaken(subject, &oom, mode, self.host.now(), up);
            let created = create_file(&files.lease(), lease.as_bytes()).map_err(CanaryError::from)?;
            if created == Creation::AlreadyThere {
                // Torn, or taken by a recorder this instant; that one will find its lease again, or leave.
                replace_file(&files.lease(), lease.as_bytes()).map_err(CanaryError::from)?;
            }
        }
        replace_file(&files.script(), script.as_bytes()).map_err(CanaryError::from)?;
        spawn(&files.script(), stdin).map(Stage::Started).map_err(|source| ArmError::Spawn { source })
    }
}

impl Arming<'_> {
    /// Waits, at most two seconds, until the recorder has said that it watches.
    pub fn confirm(self) -> Armed {
        let mut child = match self.stage {
            Stage::Over(armed) => return armed,
            Stage::Started(child) => child,
        };
        let deadline = Instant::now() + CONFIRM_WITHIN;
        let armed = loop {
            let ended = match child.try_wait() {
                Ok(ended) => ended,
                Err(source) => return Armed::Failed(ArmError::Spawn { source }),
            };
            match self.canary.recorder_of(&self.files) {
                Err(e) => break Armed::Failed(e.into()),
                Ok(Some(recorder_pid)) if recorder_pid == child.id() => {
                    break Armed::Spawned { recorder_pid };
                }
                Ok(Some(recorder_pid)) if ended.is_some() => return Armed::Already { recorder_pid },
                Ok(_) => {}
            }
            match ended {
                Some(_) if self.files.dead().exists() => return Armed::Failed(ArmError::ServerGone),
                Some(status) => return Armed::Failed(ArmError::Ended { status }),
                None if self.files.dead().exists() => break Armed::Failed(ArmError::ServerGone),
                None if Instant::now() > deadline => break Armed::Failed(ArmError::Silent),
                None => std::thread::sleep(LOOK_EVERY),
            }
        };
        self.canary.keep(child);
        armed
    }
}

impl Canary {
    /// The pid of the living recorder that the lease names.
    fn recorder_of(&self, files: &Files) -> Result<Option<u32>, CanaryError> {
        let lease = self.text(&files.lease())?.as_deref().and_then(Lease::parse);
        let recorder = lease.and_then(|lease| lease.recorder);
        Ok(recorder
            .filter(|recorder| self.liveness(recorder) == Liveness::Alive)
            .map(|recorder| recorder.pid))
    }
}

/// Starts the witness in a session of its own, away from our folder, descriptors and environment.
#[expect(clippy::disallowed_methods, reason = "the door for starting the witness")]
fn spawn(script: &Utf8Path, stdin: Stdio) -> std::io::Result<Box<dyn ChildWrapper>> {
    let mut command = Command::new("/bin/sh");
    command.arg(script).current_dir("/").env_clear().env("PATH", SEARCH_PATH).env("LC_ALL", "C");
    command.stdin(stdin).stdout(Stdio::null()).stderr(Stdio::null());
    CommandWrap::from(command).wrap(ProcessSession).spawn()
}
