use super::definition::{Definition, unknown_keys};
use super::*;

fn fault(text: &str) -> String {
    Definition::parse(text.as_bytes()).unwrap_err().to_string()
}

#[test]
fn what_is_built_in_is_whole() {
    for (name, text) in BUILT_IN {
        let definition = Definition::parse(text.as_bytes());
        assert!(definition.is_ok(), "{name}: {definition:?}");
        assert_eq!(unknown_keys(text), [], "{name}");
    }
}

#[test]
fn a_fault_has_its_line_and_reason() {
    let dialog = |members: &str| {
        format!(
            "{{ \"class\": \"agent\", \"program\": \"x\", \"ready\": [\"$\"],\n \"dialogs\": [\n {{ {members} }} ] }}"
        )
    };
    for (text, line, reason) in [
        ("{ torn".to_owned(), Some(1), "key must be a string"),
        ("{ \"class\": \"robot\" }".to_owned(), Some(1), "unknown variant `robot`"),
        ("{ \"class\": \"agent\" }".to_owned(), None, "an agent runtime needs a `program`"),
        (dialog("\"name\": \"a\", \"shows\": [\"b\"]"), Some(3), "dialog \"a\" needs either `key` or `fails`"),
        (
            dialog("\"name\": \"a\", \"shows\": [\"b\"], \"key\": \"y\", \"fails\": \"c\""),
            Some(3),
            "dialog \"a\" needs either",
        ),
        (dialog("\"name\": \"a\", \"shows\": [], \"key\": \"y\""), Some(3), "shows nothing to know it by"),
        (dialog("\"name\": \"a\", \"shows\": [\" \"], \"key\": \"y\""), Some(3), "a text to look for is empty"),
        (dialog("\"name\": \"a\", \"shows\": [\"b\"], \"key\": \"Entr\""), Some(3), "\"Entr\" is no key"),
        (dialog("\"shows\": [\"b\"], \"key\": \"y\""), Some(3), "missing field `name`"),
        (
            "{ \"class\": \"agent\", \"program\": \"x\",\n \"argv\": { \"fresh\": [\n 7 ] } }".to_owned(),
            Some(3),
            "expected a string, or a list of strings",
        ),
        (
            "{ \"class\": \"agent\", \"program\": \"x\", \"dialogs\": [\n { \"name\": \"a\", \"shows\": [\"b\"], \"key\": \"y\" } ] }"
                .to_owned(),
            None,
            "`dialogs` and `loading` need `ready`",
        ),
        (
            "{ \"class\": \"agent\", \"program\": \"x\", \"loading\": [\"b\"] }".to_owned(),
            None,
            "`dialogs` and `loading` need `ready`",
        ),
    ] {
        let found = Definition::parse(text.as_bytes()).unwrap_err();
        assert!(found.line == line && found.reason.contains(reason), "{text}: {found:?}");
        assert!(fault(&text).contains(reason));
    }
}

#[test]
fn keys_that_mean_nothing_are_found() {
    let text = "{\n \"class\": \"agent\", \"program\": \"x\",\n \"redy\": [],\n \"argv\": { \"fresh\": [], \"cold\": 1 },\n \
                \"ready\": [\"$\"],\n \"dialogs\": [\n  { \"name\": \"a\", \"shows\": [\"b\"], \"key\": \"y\", \"keys\": 1 } ] }";
    assert!(Definition::parse(text.as_bytes()).is_ok());
    let found: Vec<_> = unknown_keys(text).iter().map(ToString::to_string).collect();
    assert_eq!(found.len(), 3, "{found:#?}");
    for (fault, wanted) in found.iter().zip([
        "line 3: `redy` means nothing; known are class, program, argv",
        "line 4: `cold` of `argv` means nothing; known are fresh, resume",
        "line 7: `keys` of `dialogs` means nothing; known are name, shows, key, fails",
    ]) {
        assert!(fault.starts_with(wanted), "{fault}");
    }
}

#[test]
fn a_key_is_one_that_tmux_knows() {
    for key in ["Enter", "Escape", "C-c", "M-Enter", "C-M-x", "F12", "y", "1", "é", "-", "Down"] {
        assert!(definition::Key::try_from(key.to_owned()).is_ok(), "{key}");
    }
    for key in ["", "Entr", "enter", "F13", "C-", "yes", "C-c C-c", "\n"] {
        assert!(definition::Key::try_from(key.to_owned()).is_err(), "{key:?}");
    }
}

#[test]
fn arguments_with_the_system_prompt_drop_out_without_one() {
    let layout = Layout::new("/nowhere".into(), "/nowhere/socks".into());
    let prompt = Some(Utf8Path::new("/p f.md"));
    let always = ["--dangerously-skip-permissions", "--disallowedTools", "AskUserQuestion", "--add-dir", "/"];
    let claude = Runtime::find(&"claude".parse().unwrap(), &layout).unwrap().argv;
    assert_eq!(claude.fresh(None), always);
    assert_eq!(claude.fresh(prompt), [&always[..], &["--system-prompt-file", "/p f.md"]].concat());
    assert_eq!(claude.resume(None).unwrap(), [&always[..], &["--continue"]].concat());
    let codex = Runtime::find(&"codex".parse().unwrap(), &layout).unwrap().argv;
    let alone = ["-c", "features.daemon_auto_start=false"];
    assert_eq!(codex.fresh(None), alone);
    assert_eq!(codex.resume(None).unwrap(), [&["resume", "--last"], &alone[..]].concat());
    assert_eq!(codex.resume(prompt).unwrap()[4..], ["-c", "model_instructions_file=/p f.md"]);
    let shell = Runtime::find(&"shell".parse().unwrap(), &layout).unwrap().argv;
    assert_eq!((shell.fresh(prompt), shell.resume(None)), (vec![], None));
}
