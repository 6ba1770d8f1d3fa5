//! What tests put on a host: programs, runtimes, providers.

use std::fs;
use std::path::PathBuf;

use serde_json::json;

use crate::host::{Host, finish};

impl Host {
    /// Writes a program. A shell of its own does it: a file that a test has open for writing is open in
    /// whatever another test starts at that moment, too, and cannot be run then.
    pub(crate) fn program(&self, name: &str, body: &str) -> PathBuf {
        let path = self.path(name);
        let body = format!("#!/bin/sh\n{body}\n");
        let script = r#"printf %s "$2" >"$1" && chmod 755 "$1""#;
        let ran = finish(&mut self.command("/bin/sh", ["-c", script, "sh", path.to_str().unwrap(), &body]));
        assert_eq!(ran.exit, 0, "{ran:?}");
        path
    }

    /// Declares a runtime: a program and its arguments.
    pub(crate) fn declare_runtime(&self, name: &str, program: &str, args: &[&str]) {
        let folder = self.root("runtimes").join(name);
        fs::create_dir_all(&folder).unwrap();
        let definition = json!({ "class": "agent", "program": program, "argv": { "fresh": args } });
        fs::write(folder.join("runtime.json"), definition.to_string()).unwrap();
    }

    /// Takes the memory slot with a provider that is a shell script. It gets `provision` or `unprovision`,
    /// occasion, name, runtime and folder.
    pub(crate) fn provider(&self, body: &str) {
        let script = self.program("provider", body);
        self.provider_command("/bin/sh", &[script.to_str().unwrap()]);
    }

    /// Takes the memory slot with a command.
    pub(crate) fn provider_command(&self, command: &str, args: &[&str]) {
        let block = |verb: &str| {
            let more = [verb, "{occasion}", "{personality}", "{runtime}", "{cwd}"];
            let args = [args, &more].concat();
            json!({ "command": command, "args": args })
        };
        let declaration = json!({
            "provider": "fake", "package": "fake-memory", "version": "1",
            "provision": block("provision"), "unprovision": block("unprovision"),
        });
        self.slot(&declaration.to_string());
    }

    /// Writes the memory slot.
    pub(crate) fn slot(&self, declaration: &str) {
        fs::create_dir_all(self.path("root")).unwrap();
        fs::write(self.root("memory-provider.json"), declaration).unwrap();
    }
}
