//! How a session came to be up, or why it did not: the words that stand in the log.

use std::fmt;

/// How a session came to be up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// It was started, and began anew.
    Started(FreshCause),
    /// It was started, and goes on where the last one ended.
    Resumed(ResumeCause),
    /// It was up before.
    AlreadyLive,
    /// It was up, but nobody had written it down.
    Adopted,
}

/// Why a session begins anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FreshCause {
    /// A person wanted it so.
    FolderLaunch,
    /// It was asked for before, by `refresh`.
    SoftReload,
    /// Its sessions are for one task each.
    EphemeralPolicy,
    /// There was none before.
    FirstWake,
    /// The last one crashed, or its program ended by itself.
    CrashOrSelfClose,
    /// The last one was parked, and nobody named a topic to go on with.
    IdleReapedNoTopic,
    /// The last one was parked, and has not worked on the topic.
    IdleReapedNewTopic,
    /// It would go on, and there is nothing to go on with.
    NothingToResume,
    /// It would go on, and its runtime does not say how.
    RuntimeCannotResume,
}

/// Why a session goes on where the last one ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ResumeCause {
    /// A person wants to see it.
    Attach,
    /// The last one was parked, and a person talks with it.
    IdleReapedHuman,
    /// The last one was parked, and has worked on the topic.
    IdleReapedResume,
}

/// Why a session does not begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// It was stopped.
    Stopped,
    /// The host's service manager holds it.
    HeldByService,
    /// It died too often in too short a time.
    CrashLoop,
    /// Its folder is not there.
    FolderMissing,
    /// There is nothing to go on with.
    NothingToResume,
    /// Its runtime does not say how its program goes on.
    RuntimeCannotResume,
}

impl fmt::Display for FreshCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            FreshCause::FolderLaunch => "folder-launch",
            FreshCause::SoftReload => "soft-reload",
            FreshCause::EphemeralPolicy => "ephemeral-policy",
            FreshCause::FirstWake => "first-wake",
            FreshCause::CrashOrSelfClose => "crash-or-self-close",
            FreshCause::IdleReapedNoTopic => "idle-reaped-no-topic",
            FreshCause::IdleReapedNewTopic => "idle-reaped-new-topic",
            FreshCause::NothingToResume => "nothing-to-resume",
            FreshCause::RuntimeCannotResume => "runtime-cannot-resume",
        })
    }
}

impl fmt::Display for ResumeCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ResumeCause::Attach => "attach",
            ResumeCause::IdleReapedHuman => "idle-reaped-human",
            ResumeCause::IdleReapedResume => "idle-reaped-resume",
        })
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Refusal::Stopped => "stopped",
            Refusal::HeldByService => "held-by-service",
            Refusal::CrashLoop => "crash-loop",
            Refusal::FolderMissing => "folder-missing",
            Refusal::NothingToResume => "nothing-to-resume",
            Refusal::RuntimeCannotResume => "runtime-cannot-resume",
        })
    }
}
