//! What `iapeer service print` says, as those read it for whom it is.

use std::fs;
use std::path::Path;

use duct::Expression;
use plist::{Dictionary, Value};

use crate::run::{self, which};
use crate::{Findings, no_arguments};

/// The check for one service manager; it may write into the folder.
type Check = fn(&Path) -> Findings;

/// Whether a value is as it should be.
type Wanted = fn(&Value) -> bool;

/// `cargo xtask service-check`.
pub(crate) fn check(arguments: &[String]) -> Result<(), Findings> {
    no_arguments(arguments)?;
    let folder = tempfile::tempdir().map_err(|e| vec![format!("there is no temporary folder: {e}")])?;
    let checks: [(&str, Check); 2] = [("systemd", systemd), ("launchd", launchd)];
    let mut all = Vec::new();
    for (name, check) in checks {
        let findings = check(folder.path());
        println!("{:<8}{name}", if findings.is_empty() { "ok" } else { "FAILED" });
        all.extend(findings.into_iter().map(|finding| format!("{name}: {finding}")));
    }
    if all.is_empty() { Ok(()) } else { Err(all) }
}

/// The entry for a root whose name needs every quotation that there is.
fn printed(folder: &Path, manager: &str) -> Result<String, String> {
    let root = folder.join("a root of 50%n, \"$HOME\" & <more> --");
    run::cargo(&["run", "--quiet", "--package", "iapeer", "--", "service", "print", "--for", manager])
        .env("IAPEER_ROOT", root)
        .read()
        .map_err(|e| format!("`iapeer service print --for {manager}` failed: {e}"))
}

fn systemd(folder: &Path) -> Findings {
    let Some(analyze) = which("systemd-analyze") else {
        println!("not tried: there is no systemd-analyze");
        return Vec::new();
    };
    let unit = folder.join("iapeer.service");
    let written = printed(folder, "systemd")
        .and_then(|text| fs::write(&unit, text).map_err(|e| format!("it cannot be written: {e}")));
    if let Err(finding) = written {
        return vec![finding];
    }
    let verify: Expression = duct::cmd!(analyze, "verify", "--user", "--man=no", &unit);
    let verified = verify
        .env("XDG_RUNTIME_DIR", folder)
        .env("HOME", folder)
        .stderr_to_stdout()
        .stdout_capture()
        .unchecked()
        .run();
    match verified {
        Ok(output) if output.status.success() && output.stdout.is_empty() => Vec::new(),
        Ok(output) => vec![format!(
            "`systemd-analyze verify` complains, so mend crates/lifecycle/src/service/systemd.rs: {}",
            String::from_utf8_lossy(&output.stdout).trim()
        )],
        Err(e) => vec![format!("`systemd-analyze verify` could not be started: {e}")],
    }
}

fn launchd(folder: &Path) -> Findings {
    let text = match printed(folder, "launchd") {
        Ok(text) => text,
        Err(finding) => return vec![finding],
    };
    match Value::from_reader_xml(text.as_bytes()) {
        Ok(Value::Dictionary(list)) => keys(&list),
        Ok(_) => vec!["the property list is no dictionary".to_owned()],
        Err(e) => vec![format!("the property list cannot be read: {e}")],
    }
}

/// What launchd wants and does not find, or of another kind.
fn keys(list: &Dictionary) -> Findings {
    let wanted: [(&str, Wanted); 7] = [
        ("Label", |value| value.as_string().is_some_and(|label| !label.is_empty())),
        ("ProgramArguments", |value| {
            let program = value.as_array().and_then(|argv| argv.first()).and_then(Value::as_string);
            program.is_some_and(|program| program.starts_with('/'))
        }),
        ("EnvironmentVariables", |value| {
            let variables = value.as_dictionary();
            variables.is_some_and(|all| all.contains_key("PATH") && all.contains_key("IAPEER_ROOT"))
        }),
        ("RunAtLoad", |value| value.as_boolean() == Some(true)),
        ("KeepAlive", |value| value.as_boolean() == Some(true)),
        ("ThrottleInterval", |value| value.as_unsigned_integer().is_some_and(|secs| secs >= 10)),
        ("AbandonProcessGroup", |value| value.as_boolean() == Some(true)),
    ];
    let missing = wanted.iter().filter(|(key, is_right)| !list.get(key).is_some_and(is_right));
    missing.map(|(key, _)| format!("`{key}` is not there, or not as it should be")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_without_its_keys_is_found() {
        assert_eq!(keys(&Dictionary::new()).len(), 7);
        let mut list = Dictionary::new();
        list.insert("RunAtLoad".to_owned(), Value::Boolean(true));
        list.insert("KeepAlive".to_owned(), Value::Boolean(false));
        let findings = keys(&list);
        assert!(findings.iter().all(|finding| !finding.contains("RunAtLoad")), "{findings:?}");
        assert!(findings.iter().any(|finding| finding.contains("KeepAlive")), "{findings:?}");
    }
}
