use std::time::Duration;

use iapeer_provision_exec::{Run, State};
use proptest::prelude::*;

use super::*;
use crate::search::find_program;

/// What breaks a line, a word, a comment or a variable where it is not written down with care.
const NASTY: [&str; 9] = [
    "plain",
    "two words",
    "50%n",
    "$HOME ${x} $$",
    "a;b&c|d",
    "<x> ]]> &amp;",
    "--x -->",
    "it's \"q\" \\",
    "Büro \\",
];

fn definition(nasty: &str) -> Definition {
    let settings = Settings {
        home: Some("/home/me".into()),
        path: format!("/bin:relative:/opt/{nasty}").into(),
        ..Settings::new(Utf8PathBuf::from(format!("/srv/{nasty}")))
    };
    let variables = [("IAPEER_IDLE_SECS".to_owned(), nasty.to_owned())];
    Definition::new(&settings, "/opt/iapeer/bin/iapeer".into(), variables.into())
}

#[test]
fn an_entry_tells_what_it_was_made_from_and_whether_it_was_changed() {
    for nasty in NASTY {
        for manager in [Manager::Systemd, Manager::Launchd] {
            let definition = definition(nasty);
            let text = definition.render(manager).expect("it can be said");
            let parsed = parse(&text).expect("it is ours");
            assert_eq!(parsed, Parsed { definition: Some(definition.clone()), is_intact: true }, "{text}");
            assert_eq!(definition.render(manager), Ok(text.clone()), "the same text each time");
            for changed in [
                text.replace("supervise", "supervise --once"),
                format!("{text}\n"),
                text.replacen("0", "1", 1),
            ] {
                assert!(parse(&changed).is_none_or(|parsed| !parsed.is_intact), "{changed}");
            }
        }
    }
    for foreign in ["", "[Unit]\nDescription=mine\n", "<plist/>", "#\n# iapeer\n"] {
        assert_eq!(parse(foreign), None, "{foreign}");
    }
    let cut = parse("# iapeer-service 00").expect("it says that it is ours");
    assert_eq!(cut, Parsed { definition: None, is_intact: false });
}

#[test]
fn a_unit_says_what_it_has_to() {
    let text = definition("plain").render(Manager::Systemd).expect("it can be said");
    let lines: Vec<_> = text.lines().collect();
    for line in [
        "ExecStart=\"/opt/iapeer/bin/iapeer\" supervise",
        "Environment=\"IAPEER_ROOT=/srv/plain\"",
        "Environment=\"PATH=/bin:/opt/plain\"",
        "StartLimitBurst=10",
        "KillMode=process",
        "OOMPolicy=continue",
    ] {
        assert!(lines.contains(&line), "{line} is not in\n{text}");
    }
    let text = definition("it's \"q\" \\ 50%n").render(Manager::Systemd).expect("it can be said");
    assert!(text.contains("Environment=\"IAPEER_ROOT=/srv/it's \\\"q\\\" \\\\ 50%%n\"\n"), "{text}");
    assert!(text.contains("Description=iapeer supervisor (root /srv/it's \"q\" \\ 50%%n)\n"), "{text}");
}

#[test]
fn a_property_list_is_read_back_by_a_parser() {
    for nasty in NASTY {
        let definition = definition(nasty);
        let text = definition.render(Manager::Launchd).expect("it can be said");
        let list = plist::Value::from_reader_xml(text.as_bytes()).unwrap_or_else(|e| panic!("{e}:\n{text}"));
        let list = list.as_dictionary().expect("a dictionary");
        let read = list["EnvironmentVariables"].as_dictionary().expect("a dictionary");
        let read: BTreeMap<_, _> = read
            .iter()
            .map(|(name, value)| (name.clone(), value.as_string().expect("a string").to_owned()))
            .collect();
        assert_eq!(read, definition.environment);
        let argv: Vec<_> = list["ProgramArguments"].as_array().expect("an array").iter().collect();
        assert_eq!(
            argv.iter().filter_map(|word| word.as_string()).collect::<Vec<_>>(),
            ["/opt/iapeer/bin/iapeer", "supervise"]
        );
        assert_eq!(list["AbandonProcessGroup"].as_boolean(), Some(true));
    }
}

/// systemd itself reads what is written for it, where it is installed.
#[test]
fn a_unit_is_taken_by_systemd() {
    let Some(analyze) = find_program("/usr/bin:/bin".as_ref(), "systemd-analyze") else {
        eprintln!("not tried: there is no systemd-analyze");
        return;
    };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let folder = Utf8Path::from_path(folder.path()).expect("a UTF-8 path");
    for (n, nasty) in NASTY.iter().enumerate() {
        let bin = folder.join(nasty.replace(['"', '\'', '\\', '/'], "_"));
        make(&bin);
        let definition = Definition { program: bin.join("iapeer"), ..definition(nasty) };
        let unit = folder.join(format!("iapeer-{n}.service"));
        let text = definition.render(Manager::Systemd).expect("it can be said");
        write(&unit, &text);
        let verify = |unit: &Utf8Path| {
            Run::new(&analyze)
                .args(["verify", "--user", "--man=no", unit.as_str()])
                .env("XDG_RUNTIME_DIR", folder.as_str())
                .env("HOME", folder.as_str())
                .time_limit(Duration::from_secs(60))
                .run()
        };
        let outcome = verify(&unit);
        assert_eq!(outcome.state, State::Ok, "{:?}\n{text}", outcome.detail());
        assert_eq!(outcome.detail(), None, "{text}");
        // So that it is known to look.
        write(&unit, &text.replace("/iapeer\" supervise", "/nothing\" supervise"));
        assert_eq!(verify(&unit).state, State::Failed);
    }
}

#[test]
fn what_cannot_be_said_is_refused() {
    let with = |program: &str| Definition { program: program.into(), ..definition("plain") };
    for program in ["/a\"b/iapeer", "/a'b/iapeer", r"/a\b/iapeer"] {
        let refused = Err(DefinitionError::Program { program: program.into() });
        assert_eq!(with(program).render(Manager::Systemd), refused);
        assert!(with(program).render(Manager::Launchd).is_ok());
    }
    for manager in [Manager::Systemd, Manager::Launchd] {
        let refused = with("/a\nb/iapeer").render(manager).expect_err("no line may be broken");
        assert_eq!(
            refused.to_string(),
            "the program's path has a control character in it: \"/a\\nb/iapeer\""
        );
        let refused = definition("x\ty").render(manager).expect_err("no variable may have one");
        assert!(matches!(refused, DefinitionError::Control { what, .. } if what == "IAPEER_IDLE_SECS"));
    }
}

#[test]
fn two_roots_have_two_names() {
    let named = |root: &str| name(&Settings { home: Some("/home/me".into()), ..Settings::new(root.into()) });
    assert_eq!(named("/home/me/.iapeer"), "iapeer");
    assert_eq!(named("/home/me/.iapeer/"), "iapeer");
    assert_eq!(named("/srv/one/"), named("/srv/one"));
    let (one, other) = (named("/srv/one"), named("/srv/other"));
    assert!(one.starts_with("iapeer-") && one.len() == 15 && one != other, "{one} {other}");
}

#[test]
fn where_programs_do_not_stay() {
    for (program, fleeting) in [
        ("/usr/bin/iapeer", false),
        ("/home/me/target/iapeer", false),
        ("/home/me/project/target/debug/iapeer", true),
        ("/home/me/target/release/deps/iapeer", true),
        ("/tmp/iapeer", true),
        ("/tmpfoo/iapeer", false),
    ] {
        assert_eq!(is_fleeting(program.into()), fleeting, "{program}");
    }
}

proptest! {
    #[test]
    fn whatever_is_said_is_read_back(root in "/\\PC{0,30}", value in "\\PC{0,30}") {
        let variables = [("IAPEER_X".to_owned(), value)];
        let definition = Definition::new(&Settings::new(root.into()), "/bin/iapeer".into(), variables.into());
        for manager in [Manager::Systemd, Manager::Launchd] {
            let text = definition.render(manager).expect("no control characters");
            let wanted = Parsed { definition: Some(definition.clone()), is_intact: true };
            prop_assert_eq!(parse(&text), Some(wanted));
        }
    }
}

fn write(path: &Utf8Path, text: &str) {
    iapeer_statefile::replace_file(path, text.as_bytes()).expect("it can be written");
}

/// A folder with a program in it.
fn make(folder: &Utf8Path) {
    iapeer_statefile::ensure_dir(folder).expect("it can be made");
    let outcome = Run::new("/bin/cp").args(["/bin/true", folder.as_str()]).run();
    assert_eq!(outcome.state, State::Ok, "{outcome:?}");
    iapeer_statefile::rename_file(&folder.join("true"), &folder.join("iapeer")).expect("it can be renamed");
}
