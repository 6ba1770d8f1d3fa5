//! What happens when to the peers of a host.
//!
//! **What it is.** The verbs behind the command line, as functions of a [`Host`]: [`birth`], [`launch`],
//! [`stop`], [`rename`], [`remove`], [`verify`], [`supervise_once`], [`Supervisor`], [`deaths`],
//! [`logs`](fn@logs), [`why`], [`doctor`](fn@doctor). Each says what it did in a typed answer; none prints.
//!
//! **What it is not.** It holds no state in memory between calls, and knows no file format
//! of its own but the facts under `state/lifecycle`: the index and the profiles are `iapeer-registry`'s,
//! the slot is `iapeer-slot`'s, leases and death records are `iapeer-canary`'s.
//!
//! # Theory of operation
//!
//! What is *believed* (a `.session` fact, an index entry) and what is *observed* ([`Observed`],
//! [`SessionState`]) are different types. What to do is decided by pure functions (`decide.rs`, `wake.rs`) from
//! observed and believed facts; thin code then does it, in the order that survives an interruption at any
//! point: a stop is marked before it kills, a witness is armed before the program runs, a death is
//! counted before the session is forgotten.
//!
//! *Liveness* has three values, and unknown never leads to anything destructive. A process is boot, pid
//! and start time; a listing starts no process and asks no tmux server.
//!
//! *A launch* starts an empty server that alone inherits the write end of a pipe, writes the lease of its
//! witness, starts the witness on the read end, and only then lets the program run in the server.
//!
//! *Settings that are the user's* ([`turn_native_memory`], [`trust_folder`]) are cut, never printed anew:
//! every byte outside the entry that is meant stays.
//!
//! *What fails is taken back* (`undo.rs`), also on a disk that is full; what is cut off is finished by the next
//! call, which finds the complete old state or the complete new one. `tests/crash` ends each verb that changes
//! who the peers are at each of its steps.
//!
//! *One wake at a time*: a kernel lock per identity is held by whatever starts, stops or buries a session,
//! and by a removal until nothing of the peer is left. *One command of the provider at a time* for each
//! peer: a lock of its own, for a provider may take longer than anybody should wait for a session.
//!
//! *Nothing is lost*: an index that is damaged or gone is mended by the first call that needs it
//! ([`Host::peers`]), from its generations and from the profiles, and told as an aside ([`Host::asides`]).
//! What is wrong and stays so is found by [`survey`], and is one event per episode ([`note_episodes`]).
//!
//! *A wake is done when its runtime is ready for input*: the screen is looked at, and what a definition
//! ([`Runtime`]) knows to be a dialog is answered with one key for each look. What is done about a screen is
//! decided by a pure function (`bring_up/screen.rs`).
//!
//! *The promise about deaths can be tried* where it has to hold: [`selftest`](fn@selftest) ends sessions of its
//! own in a temporary root, in many ways, and holds what is on record against what was promised.
//!
//! *The supervisor* ([`Supervisor`]) makes a pass from time to time and waits in the kernel in between. What it
//! holds in memory is on the disk too, so that it may be killed at any moment. That a session is put to sleep
//! is announced to its witness, done, and then written down; who is cut off in between is finished by the next
//! look.
//!
//! *A task* is off its queue only when a session was ready and had it (`hand_over.rs`). A mark stands in between:
//! of whoever is cut off the next one knows that a session may have the task, and ends one that has not answered.
//!
//! *A rename* is many writes that are one: a record of its steps stands from before the first to after the
//! last. As long as it stands the registry is not changed, and [`finish_rename`] is the way forward.
//!
//! *The service manager* runs the supervisor by an entry that [`service`] writes, which tells by itself whether
//! it is ours and as it was written. Each tmux server has a scope of its own where that outlives a logout.
//!
//! # Limitations
//!
//! What [`PluginSweep`] expects of `claude` and `codex` is from their documentation and was tried on imitations
//! only. A process that left both the tree and the terminal session of its agent is not found when the session
//! ends. The code for macOS has never been run.
//!
//! # Example
//!
//! ```
//! use iapeer_lifecycle::{Birth, Host, Settings, Status, Wish, birth, observe_peer};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let root = camino::Utf8PathBuf::from_path_buf(folder.path().join("root")).map_err(|_| "UTF-8")?;
//! let host = Host::new(Settings { caller: "an example".to_owned(), ..Settings::new(root) });
//! let wish = Wish {
//!     personality: Some("alpha".parse()?),
//!     runtime: Some("shell".parse()?),
//!     ..Wish::default()
//! };
//! let born = birth(&host, wish, Birth::New)?;
//! assert!(born.peer.cwd.join(".iapeer/peer-profile.json").exists());
//! assert!(observe_peer(&host, &born.peer).iter().all(|o| o.status == Status::Asleep));
//! # Ok(())
//! # }
//! ```

#![forbid(unsafe_code)]

mod aside;
mod cause;
mod declared;
mod degraded;
mod find;
mod grade;
mod host;
mod layout;
mod recovery;
mod removed;
mod restore;
mod settings;
mod slot_copy;
mod topic;
mod unfinished;

mod decide;
mod facts;
mod look;
mod observe;
mod prompt;
mod runtime;
mod scope;
mod search;
mod transcripts;
mod tree;
mod wake;

mod anew;
mod birth;
mod bring_up;
mod change;
mod end;
mod fleet;
mod hand_over;
mod input;
mod inside;
mod launch;
mod launch_env;
mod launch_error;
mod native_memory;
mod notice;
mod occasion;
mod owed;
mod plugin;
mod press;
mod provision;
mod queue;
mod remove;
mod rename;
mod stop;
mod sweep;
mod undo;
mod verify;

pub mod service;

mod attend;
mod deaths;
mod doctor;
mod glance;
mod incident;
mod logs;
mod pane;
mod pane_logs;
mod pass;
mod selftest;
mod supervisor;
mod why;
mod witness;

/// What must hold whatever bytes are read, for the tests of this repository: no part of what this crate offers.
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;

pub use anew::{AnewError, RefreshError, Refreshed, begin_anew, refresh};
pub use attend::{AttendError, Attended};
pub use birth::{Birth, BirthError, Born, Wish, birth};
pub use cause::{FreshCause, How, Refusal, ResumeCause};
pub use change::{ChangeError, set_default_runtime};
pub use deaths::{CAUSES, cause_word, deaths, forensics};
pub use decide::Death;
pub use declared::{DECLARED, Declared, Owner, declared};
pub use degraded::{Degradation, Survey, note_episodes, survey};
pub use doctor::{Checked, Finding, Group, Mend, MendError, Report, Scope, Verdict, doctor, mend};
pub use end::EndError;
pub use facts::{FactError, ProcessId, Session};
pub use find::FindError;
pub use fleet::{Fleet, Mustered, Paced, muster, one_by_one, raise};
pub use glance::{Glance, glance};
pub use grade::Grade;
pub use host::{Host, Peers, Warning};
pub use incident::incidents;
pub use inside::{self_done, self_fresh};
pub use launch::{Launched, identity_of, launch, launch_for};
pub use launch_env::LaunchEnvError;
pub use launch_error::{LaunchError, NotReady};
pub use layout::Layout;
pub use logs::{LogLine, Logs, Origin, logs};
pub use native_memory::{Change, NativeMemoryError, Switch, trust_folder, turn_native_memory};
pub use observe::{Observed, SessionState, Status, identities, observe, observe_peer, observe_peers};
pub use occasion::{Occasion, Provisioned};
pub use owed::{Owed, OwedError, owed};
pub use pass::{Pass, record_what_is_owed, supervise_once};
pub use plugin::PluginSweep;
pub use press::{Gesture, PressError, press};
pub use queue::{QueueError, TASK_LIMIT, Task, drop_task, enqueue, queued};
pub use recovery::{MendIndexError, mend_index};
pub use remove::{IfLive, RemoveError, Removed, remove};
pub use rename::{RenameError, Renamed, StepError, finish_rename, rename};
pub use restore::{Kept, RestoreError, Restored, kept, restore};
#[cfg(feature = "schema")]
pub use runtime::definition_schema;
pub use runtime::{
    Answer, Arguments, Class, DefinitionCheck, DefinitionFault, Dialog, Key, Runtime, RuntimeError, Source,
    StartUp, Typed, check_definition,
};
pub use selftest::{
    Afterwards, Seen, SeenDeath, Selftest, SelftestError, Selftested, Tried, selftest, selftest_ways,
};
pub use settings::{PaneLogLimits, Scopes, Settings};
pub use stop::{StopError, Stopped, lift_stop, stop};
pub use supervisor::{Stopper, SuperviseError, Supervisor, Told, supervisor};
pub use sweep::{Pace, Planned, SweepError, Swept, plan, retry, sweep};
pub use topic::{BadTopic, Topic};
pub use transcripts::{Transcript, TranscriptError, newest_transcript};
pub use tree::{Processes, Usage};
pub use undo::UndoError;
pub use unfinished::{Unfinished, unfinished_rename};
pub use verify::{Fixed, IfDifferent, Verified, VerifyError, verify};
pub use wake::Request;
pub use why::{Confidence, Evidence, Happening, Why, why};
pub use witness::{
    Dismissed, Witness, WitnessError, arm_witness, dismiss_witness, live_server, witness_wait,
};

/// The examples of the page about embedding, which are tests like those above.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/EMBEDDING.md")]
struct EmbeddingPage;
