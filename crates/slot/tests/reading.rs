//! What can stand where the slot should be, and what can stand in it.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "a test")]

use std::fs;
use std::os::unix::net::UnixListener;

use camino::{Utf8Path, Utf8PathBuf};
use iapeer_slot::{DEPTH_LIMIT, Occupied, SIZE_LIMIT, Slot};
use proptest::prelude::*;

/// A declaration with these members besides the three that it needs.
fn declaration(members: &str) -> String {
    format!(r#"{{"provider":"acme","package":"@acme/memory","version":"1"{members}}}"#)
}

fn occupied(json: &str) -> Occupied {
    match Slot::from_bytes(json.as_bytes()) {
        Slot::Occupied(occupied) => *occupied,
        other => panic!("{json}: {other:?}"),
    }
}

fn unusable(slot: Slot) -> String {
    match slot {
        Slot::Unusable { reason } => reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn skipped_members_are_listed_with_pointer_and_reason() {
    let long = format!("bin/{}", "x".repeat(200));
    let shown = format!(r#"/provision/command: "bin/{}"… is not an absolute path"#, "x".repeat(76));
    let cases: &[(&str, &[&str])] = &[
        ("", &[]),
        (
            r#","registeredAt":null,"heartbeat":null,"plugin":null,"provision":null,"unprovision":null,"notify":null"#,
            &[],
        ),
        (r#","Provision":{},"unknown":[1e999,"\ud83d"]"#, &[]),
        (r#","registeredAt":5"#, &["/registeredAt: is a number, not a string"]),
        (r#","heartbeat":" \ufeff ""#, &["/heartbeat: is blank"]),
        (r#","heartbeat":true"#, &["/heartbeat: is a boolean, not a string"]),
        (r#","heartbeat":"/a\u0000b""#, &[r#"/heartbeat: "/a\0b" holds a NUL"#]),
        (
            r#","plugin":{"name":"","marketplace":1e999}"#,
            &[
                "/plugin/name: is blank",
                "/plugin/marketplace: is a number, not a string",
                "/plugin/marketplaceRef: is missing",
            ],
        ),
        (r#","provision":[]"#, &["/provision: is an array, not an object"]),
        (r#","provision":{}"#, &["/provision/command: is missing", "/provision/args: is missing"]),
        (
            r#","provision":{"command":" /x","args":["a",null,"b\u0000",{}]}"#,
            &[
                r#"/provision/command: " /x" is not an absolute path"#,
                "/provision/args/1: is null, not a string",
                r#"/provision/args/2: "b\0" holds a NUL"#,
                "/provision/args/3: is an object, not a string",
            ],
        ),
        (
            r#","unprovision":{"command":"/x\u0000","args":null}"#,
            &[r#"/unprovision/command: "/x\0" holds a NUL"#, "/unprovision/args: is null, not an array"],
        ),
        (r#","notify":"/x""#, &["/notify: is a string, not an object"]),
        (
            r#","notify":{"command":"~/x","args":["{cause}",7]}"#,
            &[
                r#"/notify/command: "~/x" is not an absolute path"#,
                "/notify/args/1: is a number, not a string",
            ],
        ),
        (&format!(r#","provision":{{"command":"{long}","args":[]}}"#), &[&shown]),
    ];
    for (members, expected) in cases {
        let occupied = occupied(&declaration(members));
        let listed: Vec<_> = occupied.skipped.iter().map(ToString::to_string).collect();
        assert_eq!(&listed, expected, "{members}");
    }
}

#[test]
fn command_and_arguments_are_kept_as_declared() {
    let occupied = occupied(&declaration(
        r#","provision":{"command":"/opt/a b/{cwd} ","args":[""," x ","{cwd}{nope}","\n"],"more":1}"#,
    ));
    let block = occupied.declaration.provision.unwrap();
    assert_eq!(block.command, "/opt/a b/{cwd} ");
    assert_eq!(block.args, ["", " x ", "{cwd}{nope}", "\n"]);
    assert_eq!(occupied.skipped, []);
}

#[test]
fn plugin_is_kept_trimmed_also_beside_commands() {
    let plugin = r#","plugin":{"name":" m ","marketplace":"acme","marketplaceRef":"acme/market"}"#;
    let occupied = occupied(&declaration(&format!(r#"{plugin},"provision":{{"command":"/x","args":[]}}"#)));
    assert_eq!(occupied.declaration.plugin.unwrap().name, "m");
}

#[test]
fn all_that_is_wrong_with_needed_members_is_told() {
    let reason = unusable(Slot::from_bytes(br#"{"provider":null,"package":" ","heartbeat":"/x"}"#));
    assert_eq!(reason, "`provider` is null, not a string; `package` is blank; `version` is missing");
}

#[test]
fn reasons_tell_what_kind_of_file_it_is() {
    for (bytes, expected) in [
        (&b""[..], "the file is empty"),
        (b"\xef\xbb\xbf{}", "the file begins with a byte order mark, which JSON does not allow"),
        (b"{\xff}", "the file is not valid UTF-8 (byte 2)"),
        (b"[]", "the file is an array, not an object"),
        (b"null", "the file is null, not an object"),
        (b"{} {}", "the file is not valid JSON: trailing characters at line 1 column 4"),
    ] {
        assert_eq!(unusable(Slot::from_bytes(bytes)), expected);
    }
    let half = br#"{"provider":"\ud83d","package":"b","version":"c"}"#;
    assert!(unusable(Slot::from_bytes(half)).starts_with("`provider` cannot be represented"));
}

#[test]
fn nesting_has_a_limit_and_never_reaches_the_stack() {
    let nested =
        |levels: usize| declaration(&format!(r#","x":{}0{}"#, "[".repeat(levels), "]".repeat(levels)));
    // The root object is a level too.
    assert_eq!(occupied(&nested(DEPTH_LIMIT - 1)).skipped, []);
    let endless = 400_000;
    for too_deep in
        [nested(DEPTH_LIMIT), nested(endless), nested(endless).replace('[', r#"{"":"#).replace(']', "}")]
    {
        let reason = unusable(Slot::from_bytes(too_deep.as_bytes()));
        assert_eq!(reason, "the file nests deeper than 128 levels");
    }
    let unclosed = "[".repeat(endless);
    assert!(unusable(Slot::from_bytes(unclosed.as_bytes())).contains("EOF"));
}

#[test]
fn files_that_are_not_declarations_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| -> Utf8PathBuf { Utf8Path::from_path(folder.path()).unwrap().join(name) };
    let link = |to: &str, name: &str| std::os::unix::fs::symlink(at(to), at(name)).unwrap();

    assert_eq!(Slot::read(&at("absent")), Slot::Empty);
    assert_eq!(Slot::read(&at("no-such-folder/absent")), Slot::Empty);

    fs::write(at("good"), declaration("")).unwrap();
    link("good", "link");
    assert!(matches!(Slot::read(&at("link")), Slot::Occupied(_)));

    fs::create_dir(at("folder")).unwrap();
    let _listener = UnixListener::bind(at("socket")).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, at("fifo").as_std_path(), rustix::fs::Mode::RWXU).unwrap();
    link("nowhere", "dangling");
    link("loop-b", "loop-a");
    link("loop-a", "loop-b");
    let zero = Utf8PathBuf::from("/dev/zero");
    for (path, expected) in [
        (at("folder"), "a folder"),
        (at("fifo"), "a FIFO"),
        (at("socket"), "a socket"),
        (zero, "a device"),
        (at("dangling"), "leads nowhere"),
        (at("loop-a"), "cannot read"),
        (at("good/below"), "cannot read"),
    ] {
        let reason = unusable(Slot::read(&path));
        assert!(reason.contains(expected), "{path}: {reason}");
    }
}

#[test]
fn size_has_a_limit() {
    let folder = tempfile::tempdir().unwrap();
    let path = Utf8Path::from_path(folder.path()).unwrap().join("slot");
    let limit = usize::try_from(SIZE_LIMIT).unwrap();
    let mut json = declaration("");
    json.push_str(&" ".repeat(limit - json.len()));
    fs::write(&path, &json).unwrap();
    assert!(matches!(Slot::read(&path), Slot::Occupied(_)));
    json.push(' ');
    fs::write(&path, &json).unwrap();
    assert!(unusable(Slot::read(&path)).contains("larger than 1048576 bytes"));
}

proptest! {
    #[test]
    fn any_bytes_give_an_answer_that_is_not_empty(bytes: Vec<u8>) {
        prop_assert_ne!(Slot::from_bytes(&bytes), Slot::Empty);
    }

    #[test]
    fn a_valid_command_survives_whatever_stands_in_it(command in "/[^\0]{0,40}", args: Vec<String>) {
        prop_assume!(args.iter().all(|a| !a.contains('\0')));
        let block = serde_json::json!({ "command": command, "args": args });
        let occupied = occupied(&declaration(&format!(r#","unprovision":{block}"#)));
        let kept = occupied.declaration.unprovision.unwrap();
        prop_assert_eq!(kept.command.as_str(), command);
        prop_assert_eq!(kept.args, args);
    }
}
