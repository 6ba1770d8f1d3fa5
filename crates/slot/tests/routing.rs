//! Which way a declaration goes in each direction.
#![allow(clippy::unwrap_used, reason = "a test")]

use iapeer_slot::{Direction, Occupied, Route, Slot};

const COMMAND: &str = r#"{"command":"/x","args":[]}"#;
const PLUGIN: &str = r#"{"name":"m","marketplace":"acme","marketplaceRef":"acme/market"}"#;

fn occupied(members: &str) -> Occupied {
    let json = format!(r#"{{"provider":"acme","package":"p","version":"1"{members}}}"#);
    match Slot::from_bytes(json.as_bytes()) {
        Slot::Occupied(occupied) => *occupied,
        other => panic!("{json}: {other:?}"),
    }
}

/// The route in short: `command`, `plugin`, or the words of the refusal.
fn route(members: &str, direction: Direction) -> String {
    match occupied(members).route(direction) {
        Route::Command(_) => "command".to_owned(),
        Route::Plugin(_) => "plugin".to_owned(),
        Route::Refused(reason) => reason,
    }
}

#[test]
fn commands_before_plugin_and_no_fallback() {
    let none_p = r#"provider "acme" declares no provision command"#;
    let none_u = r#"provider "acme" declares no unprovision command"#;
    let bad = r#"provider "acme" declares an unusable provision command (/provision/command: is missing; /provision/args: is missing)"#;
    let bad_plugin = ", and its plugin is unusable (/plugin: is a number, not an object)";
    for (members, provision, unprovision) in [
        (String::new(), none_p, none_u),
        (format!(r#","provision":{COMMAND},"unprovision":{COMMAND}"#), "command", "command"),
        (format!(r#","provision":{COMMAND}"#), "command", none_u),
        (format!(r#","unprovision":{COMMAND}"#), none_p, "command"),
        (format!(r#","plugin":{PLUGIN}"#), "plugin", "plugin"),
        (format!(r#","plugin":{PLUGIN},"provision":null"#), "plugin", "plugin"),
        (format!(r#","plugin":{PLUGIN},"provision":{COMMAND}"#), "command", none_u),
        (format!(r#","plugin":{PLUGIN},"unprovision":{COMMAND}"#), none_p, "command"),
        (format!(r#","plugin":{PLUGIN},"provision":{{}}"#), bad, none_u),
        (format!(r#","provision":{{}},"unprovision":{COMMAND}"#), bad, "command"),
        (format!(r#","plugin":{PLUGIN},"notify":{COMMAND}"#), "plugin", "plugin"),
        (format!(r#","plugin":{PLUGIN},"notify":7"#), "plugin", "plugin"),
        (format!(r#","notify":{COMMAND}"#), none_p, none_u),
        (r#","plugin":7"#.to_owned(), &format!("{none_p}{bad_plugin}"), &format!("{none_u}{bad_plugin}")),
    ] {
        assert_eq!(route(&members, Direction::Provision), provision, "{members}");
        assert_eq!(route(&members, Direction::Unprovision), unprovision, "{members}");
    }
}

#[test]
fn notify_is_there_only_when_it_can_be_used() {
    for (members, expected) in [
        (String::new(), None),
        (format!(r#","provision":{COMMAND},"unprovision":{COMMAND}"#), None),
        (r#","notify":null"#.to_owned(), None),
        (r#","notify":{"command":"x","args":[]}"#.to_owned(), None),
        (format!(r#","notify":{COMMAND}"#), Some("/x")),
    ] {
        let occupied = occupied(&members);
        assert_eq!(occupied.notify().map(|block| block.command.as_str()), expected, "{members}");
    }
}
