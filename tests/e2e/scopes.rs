//! The scopes of the tmux servers; `systemd-run` is a script that notes what it gets and becomes it.

use std::fs;

use crate::host::Host;
use crate::machine::{is_alive, murder};

/// A host on which scopes are offered.
fn offered(body: &str) -> Host {
    let mut host = Host::with_peers(&["alpha"]);
    fs::create_dir(host.path("run")).unwrap();
    fs::write(host.path("run/bus"), "").unwrap();
    host.set("XDG_RUNTIME_DIR", host.path("run").to_str().unwrap());
    host.program("bin/loginctl", "echo yes");
    let log = host.path("scopes");
    host.program("bin/systemd-run", &format!("echo \"$*\" >>'{}'\n{body}", log.display()));
    host
}

/// Drops its own words, and becomes the rest.
const BECOME: &str = "while [ \"$1\" != -- ]; do shift; done; shift; exec \"$@\"";

fn scopes(host: &Host) -> Vec<String> {
    let text = fs::read_to_string(host.path("scopes")).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn each_server_is_started_in_a_scope_of_its_own() {
    let host = offered(BECOME);
    let server = host.launch("alpha");
    let noted = scopes(&host);
    assert_eq!(noted.len(), 1, "{noted:?}");
    let words: Vec<_> = noted[0].split(' ').collect();
    assert_eq!(words[..4], ["--user", "--scope", "--collect", "--quiet"]);
    assert!(words[4].starts_with("--unit=iapeer-shell-alpha-"), "{words:?}");
    assert_eq!(words[5], "--");
    assert!(words[6].ends_with("/tmux"), "{words:?}");

    // Its death is seen as every other one: the pipe went through.
    murder(server);
    host.death_is_recorded();
    host.ok("supervise --once");
    assert_eq!(host.deaths()[0]["cause"], "server-vanished");
    host.launch("alpha");
    let again = scopes(&host);
    assert_ne!(again[0].split(' ').nth(4), again[1].split(' ').nth(4), "no two have one name");
}

/// A scope would end with the user's systemd, and that with the login.
#[test]
fn where_systemd_ends_with_the_login_the_server_is_started_plainly() {
    let host = offered(BECOME);
    // It says yes to every other question.
    let question = "\"show-user \"[0-9]*\" --property=Linger --value\"";
    host.program("bin/loginctl", &format!("case \"$*\" in {question}) echo no;; *) echo yes;; esac"));
    let ran = host.ok("launch alpha");
    assert_eq!((ran.stderr.as_str(), scopes(&host).len()), ("", 0));
}

#[test]
fn one_may_do_without() {
    let host = offered(BECOME);
    host.ok("launch alpha --no-scope");
    assert_eq!(scopes(&host), [""; 0]);
    assert_eq!(host.status("alpha"), "live");
}

#[test]
fn where_none_can_be_had_the_server_is_started_plainly() {
    let host = offered("echo 'Failed to connect to bus: No medium found' >&2; exit 1");
    host.snapshot("scope-refused", &["launch alpha"]);
    assert_eq!(scopes(&host).len(), 1);
    assert_eq!(host.status("alpha"), "live");
    let server = host.session("shell-alpha")["server"]["pid"].as_u64().unwrap();
    assert!(is_alive(u32::try_from(server).unwrap()));
    host.ok("stop alpha");
    assert_eq!(host.deaths().len(), 0);
}
