//! A scope of systemd for each tmux server, so that what ends one cgroup ends one session: memory that another
//! agent runs out of, a logout, a service that is stopped.
//!
//! Only where the user's systemd outlives a logout. Where it does not, its scopes end with it, and a server that
//! is started plainly lives longer.

use std::ffi::OsString;

use iapeer_registry::Identity;

use crate::layout::key_of;
use crate::search::find_program;
use crate::service::{lingers, user_manager};
use crate::{Scopes, Settings};

/// What has to stand in front of the command that starts the server of an identity; `None` where there is no
/// systemd that stays for this user, or no scope is wanted.
pub(crate) fn in_scope(settings: &Settings, identity: &Identity, unique: &str) -> Option<Vec<OsString>> {
    if settings.scopes == Scopes::Off || !user_manager(settings) {
        return None;
    }
    let program = find_program(&settings.path, "systemd-run").filter(|_| lingers(settings))?;
    // A scope whose server has ended may not have been collected yet, so that each start has its own name.
    let unit = format!("--unit=iapeer-{identity}-{}", &key_of(unique.as_bytes())[..8]);
    let words = ["--user", "--scope", "--collect", "--quiet", &unit, "--"];
    Some(std::iter::once(program.into_os_string()).chain(words.map(OsString::from)).collect())
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "the test makes what is looked for")]
mod tests {
    use camino::{Utf8Path, Utf8PathBuf};
    use iapeer_provision_exec::{Run, State};

    use super::*;

    #[test]
    fn a_scope_where_one_is_offered() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let folder = Utf8PathBuf::from_path_buf(folder.path().to_owned()).expect("a UTF-8 path");
        let with = |runtime_dir: Option<&str>, path: &str, scopes| Settings {
            runtime_dir: runtime_dir.map(|name| folder.join(name)),
            path: folder.join(path).into_os_string(),
            scopes,
            ..Settings::new("/nowhere".into())
        };
        std::fs::create_dir_all(folder.join("run/systemd")).expect("it can be made");
        std::fs::write(folder.join("run/systemd/private"), "").expect("it can be written");
        for (bin, lingers) in [("bin", "yes"), ("until-logout", "no")] {
            program(&folder.join(bin), "systemd-run", "true");
            program(&folder.join(bin), "loginctl", &format!("echo {lingers}"));
        }
        program(&folder.join("nobody-to-ask"), "systemd-run", "true");
        program(&folder.join("not-logged-in"), "systemd-run", "true");
        program(&folder.join("not-logged-in"), "loginctl", "echo yes; exit 1");

        let identity: Identity = "shell-alpha".parse().expect("an identity");
        let argv = |settings: &Settings| in_scope(settings, &identity, "1-2-3");
        let offered = argv(&with(Some("run"), "bin", Scopes::WhereOffered)).expect("it is offered");
        assert_eq!(offered[0], folder.join("bin/systemd-run").as_os_str());
        let words: Vec<_> = offered[1..].iter().map(|word| word.to_str().expect("UTF-8")).collect();
        let [.., unit, last] = &words[..] else { panic!("{words:?}") };
        assert_eq!((&words[..4], *last), (&["--user", "--scope", "--collect", "--quiet"][..], "--"));
        let id = unit.strip_prefix("--unit=iapeer-shell-alpha-").expect("the name of the scope");
        assert!(id.len() == 8 && id.chars().all(|c| c.is_ascii_hexdigit()), "{unit}");

        for settings in [
            with(Some("run"), "bin", Scopes::Off),
            with(Some("other"), "bin", Scopes::WhereOffered),
            with(None, "bin", Scopes::WhereOffered),
            with(Some("run"), "no-bin", Scopes::WhereOffered),
            with(Some("run"), "until-logout", Scopes::WhereOffered),
            with(Some("run"), "nobody-to-ask", Scopes::WhereOffered),
            with(Some("run"), "not-logged-in", Scopes::WhereOffered),
        ] {
            assert_eq!(argv(&settings), None, "{settings:?}");
        }
    }

    /// Writes a program. A shell of its own does it: what a test has open for writing, another one that is just
    /// starting something may have open, too, and then it cannot be run.
    fn program(folder: &Utf8Path, name: &str, body: &str) {
        let script = r#"mkdir -p "$1" && printf '#!/bin/sh\n%s\n' "$3" >"$1/$2" && chmod 755 "$1/$2""#;
        let outcome = Run::new("/bin/sh").args(["-c", script, "sh", folder.as_str(), name, body]).run();
        assert_eq!(outcome.state, State::Ok, "{outcome:?}");
    }
}
