//! The scripted agent of `tests/fixtures/agent`, as a runtime of a host.

use std::fs;
use std::path::PathBuf;

use crate::host::Host;

impl Host {
    /// A host with the peer `alpha`, whose agent does these steps.
    pub(crate) fn with_agent(plan: &str) -> Host {
        let host = Host::new();
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/agent/agent.sh");
        let definition = include_str!("../fixtures/agent/runtime.json").replace("AGENT", script);
        fs::create_dir_all(host.root("runtimes/scripted")).unwrap();
        fs::write(host.root("runtimes/scripted/runtime.json"), definition).unwrap();
        host.ok("create alpha --runtime scripted");
        host.plan(plan, "");
        host
    }

    /// Lets the agent do these steps from its next start on, with more lines in its `launch.env`.
    pub(crate) fn plan(&self, plan: &str, more: &str) {
        let [told, log, transcript] = [
            self.agent_told(),
            self.root("logs/lifecycle/scripted-alpha.log"),
            self.path("transcript.jsonl"),
        ]
        .map(|path| path.to_str().unwrap().to_owned());
        let text = format!(
            "# what the agent does\nAGENT_PLAN={plan}\nAGENT_TOLD={told}\nAGENT_PANE_LOG={log}\n\
             AGENT_TRANSCRIPT={transcript}\n{more}"
        );
        fs::write(self.root("peers/alpha/.iapeer/launch.env"), text).unwrap();
    }

    /// What a wake of `alpha` says that fails.
    #[track_caller]
    pub(crate) fn failure_of_a_wake(&self) -> String {
        let ran = self.run("launch alpha");
        assert_eq!(ran.exit, 1, "{ran}");
        ran.stderr
    }

    /// Where the agent notes what it was given.
    pub(crate) fn agent_told(&self) -> PathBuf {
        self.path("told")
    }

    /// The keys that the agent was given. A key that it was slow to answer may have been pressed again, which
    /// counts as one.
    pub(crate) fn agent_keys(&self) -> Vec<String> {
        let told = fs::read_to_string(self.agent_told()).unwrap_or_default();
        let mut keys: Vec<_> = told.lines().map(str::to_owned).collect();
        keys.dedup();
        keys
    }
}
