//! Where everything is under the root. No other module joins paths to it.

use camino::{Utf8Path, Utf8PathBuf};
use iapeer_registry::{Identity, Personality, RuntimeName};

/// The names under a root.
#[derive(Debug, Clone)]
pub struct Layout {
    root: Utf8PathBuf,
    sock_dir: Utf8PathBuf,
}

impl Layout {
    /// The layout under `root`, with the sockets in `sock_dir`.
    pub fn new(root: Utf8PathBuf, sock_dir: Utf8PathBuf) -> Layout {
        Layout { root, sock_dir }
    }

    /// The root itself.
    pub fn root(&self) -> &Utf8Path {
        &self.root
    }

    /// The folder of the sockets.
    pub fn sock_dir(&self) -> &Utf8Path {
        &self.sock_dir
    }

    /// The slot of the memory provider.
    pub fn slot(&self) -> Utf8PathBuf {
        self.root.join("memory-provider.json")
    }

    /// The folder of the default folders of peers.
    pub fn peer_folders(&self) -> Utf8PathBuf {
        self.root.join("peers")
    }

    /// The default folder of a peer.
    pub fn peer_folder(&self, personality: &Personality) -> Utf8PathBuf {
        self.peer_folders().join(personality.as_str())
    }

    /// What a user says about a runtime.
    pub fn runtime_file(&self, runtime: &RuntimeName) -> Utf8PathBuf {
        self.runtimes().join(runtime.as_str()).join("runtime.json")
    }

    /// The socket of an identity's server.
    pub fn socket(&self, identity: &Identity) -> Utf8PathBuf {
        self.sock_dir.join(format!("tmux-iap-{identity}.sock"))
    }

    /// The facts about all identities.
    pub fn facts(&self) -> Utf8PathBuf {
        self.root.join("state/lifecycle")
    }

    /// One fact about an identity.
    pub fn fact(&self, identity: &Identity, fact: &str) -> Utf8PathBuf {
        self.facts().join(format!("{identity}.{fact}"))
    }

    /// Provider commands that are owed, and the locks under which they run.
    pub fn owed(&self) -> Utf8PathBuf {
        self.root.join("state/provision")
    }

    /// The marks of the peers that were removed.
    pub fn removals(&self) -> Utf8PathBuf {
        self.root.join("state/removed")
    }

    /// The marks of what is wrong at the moment.
    pub fn degradations(&self) -> Utf8PathBuf {
        self.root.join("state/degraded")
    }

    /// What could not be read.
    pub fn quarantine(&self) -> Utf8PathBuf {
        self.root.join("quarantine")
    }

    /// The last good generations.
    pub fn backups(&self) -> Utf8PathBuf {
        self.root.join("backups")
    }

    /// The leases of the canaries.
    pub fn canaries(&self) -> Utf8PathBuf {
        self.root.join("state/canary")
    }

    /// The lock of the provider's commands about a peer.
    pub fn provision_lock(&self, personality: &Personality) -> Utf8PathBuf {
        self.owed().join(format!("{personality}.lock"))
    }

    /// The lock of everyone who changes the settings of runtimes.
    pub fn native_memory_lock(&self) -> Utf8PathBuf {
        self.root.join("state/native-memory.lock")
    }

    /// A rename that is under way.
    pub fn rename_record(&self) -> Utf8PathBuf {
        self.root.join("state/rename.json")
    }

    /// The lock of the supervisor.
    pub fn supervisor_lock(&self) -> Utf8PathBuf {
        self.root.join("state/supervisor.lock")
    }

    /// Decisions.
    pub fn lifecycle_log(&self) -> Utf8PathBuf {
        self.root.join("logs/iapeer/lifecycle.log")
    }

    /// Deaths.
    pub fn exits_log(&self) -> Utf8PathBuf {
        self.root.join("logs/iapeer/exits.log")
    }

    /// What was found out about each death.
    pub fn forensics(&self) -> Utf8PathBuf {
        self.root.join("logs/iapeer/server-deaths")
    }

    /// The folders in which we write. Each is made when it is needed first.
    pub fn folders(&self) -> Vec<Utf8PathBuf> {
        let below = ["peers", "state/lifecycle", "state/canary", "state/provision", "logs/iapeer"];
        let below = below.iter().map(|name| self.root.join(name));
        below.chain([self.pane_logs(), self.sock_dir.clone()]).collect()
    }

    /// What users say about runtimes.
    pub fn runtimes(&self) -> Utf8PathBuf {
        self.root.join("runtimes")
    }

    /// What the panes showed.
    pub fn pane_logs(&self) -> Utf8PathBuf {
        self.root.join("logs/lifecycle")
    }

    /// What the pane of an identity showed.
    pub fn pane_log(&self, identity: &Identity) -> Utf8PathBuf {
        self.pane_logs().join(format!("{identity}.log"))
    }
}

/// Tells folders apart in file names: FNV-1a, 64 bits (<http://www.isthe.com/chongo/tech/comp/fnv/>).
pub(crate) fn folder_key(folder: &Utf8Path) -> String {
    let hash = folder.as_str().bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    format!("{hash:016x}")
}
