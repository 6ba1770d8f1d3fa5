//! The runtimes' own memory, turned off and on in files on a real disk.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test sets the disk up by hand")]

mod machine;

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

use camino::{Utf8Path, Utf8PathBuf};
use iapeer_lifecycle::{Change, NativeMemoryError, Switch, trust_folder, turn_native_memory};
use machine::Machine;

const CLAUDE: &str = ".claude/settings.json";
const CODEX: &str = ".codex/config.toml";

fn mode(path: &Utf8Path) -> u32 {
    path.symlink_metadata().unwrap().permissions().mode() & 0o7777
}

/// Which file it is: another one after every write, because each write puts a new one in its place.
fn identity(path: &Utf8Path) -> (u64, i64, i64) {
    let meta = path.symlink_metadata().unwrap();
    (meta.ino(), meta.mtime(), meta.mtime_nsec())
}

fn turn(
    machine: &Machine,
    folder: &Utf8Path,
    runtime: &str,
    switch: Switch,
) -> Result<Change, NativeMemoryError> {
    turn_native_memory(&machine.host(), folder, &runtime.parse().unwrap(), switch)
}

fn trust(machine: &Machine, folder: &Utf8Path) -> Result<Change, NativeMemoryError> {
    trust_folder(&machine.host(), folder, &"codex".parse().unwrap())
}

fn made(file: &Utf8Path) -> Change {
    Change::Made { file: file.to_owned() }
}

fn already(file: &Utf8Path) -> Change {
    Change::Already { file: file.to_owned() }
}

#[test]
fn a_file_that_was_made_for_the_switch_goes_with_it() {
    for (runtime, name, content) in [
        ("claude", CLAUDE, "{ \"autoMemoryEnabled\": false }\n"),
        (
            "codex",
            CODEX,
            "# Made by `iapeer native-memory off`; `iapeer native-memory on` takes it away.\n\
             [features]\nmemories = false\n",
        ),
    ] {
        let machine = Machine::new();
        let folder = machine.make_folder("a peer's {cwd} $()");
        let file = folder.join(name);
        assert_eq!(turn(&machine, &folder, runtime, Switch::On).unwrap(), already(&file));
        assert_eq!(folder.read_dir_utf8().unwrap().count(), 0, "what is on is left alone");

        assert_eq!(turn(&machine, &folder, runtime, Switch::Off).unwrap(), made(&file));
        assert_eq!(fs::read_to_string(&file).unwrap(), content);
        assert_eq!((mode(&file), mode(file.parent().unwrap())), (0o600, 0o700));

        let before = identity(&file);
        assert_eq!(turn(&machine, &folder, runtime, Switch::Off).unwrap(), already(&file));
        assert_eq!(identity(&file), before);

        assert_eq!(turn(&machine, &folder, runtime, Switch::On).unwrap(), made(&file));
        assert!(!file.exists());
        assert_eq!(turn(&machine, &folder, runtime, Switch::On).unwrap(), already(&file));
    }
}

#[test]
fn a_file_of_the_user_keeps_its_bytes_and_its_permissions() {
    for (runtime, name, before, during) in [
        (
            "claude",
            CLAUDE,
            "\u{feff}{\r\n  // mine\r\n  \"model\": \"x\",\r\n}",
            "\u{feff}{\r\n  \"autoMemoryEnabled\": false,\r\n  // mine\r\n  \"model\": \"x\",\r\n}",
        ),
        (
            "codex",
            CODEX,
            "\u{feff}model = 'x' # mine\r\n[features]\r\nb = 1",
            "\u{feff}model = 'x' # mine\r\n[features]\r\nmemories = false\r\nb = 1",
        ),
        // An empty file is the user's too.
        (
            "codex",
            CODEX,
            "",
            "\n# Made by `iapeer native-memory off`; `iapeer native-memory on` takes it away.\n\
             [features]\nmemories = false\n",
        ),
    ] {
        let machine = Machine::new();
        let folder = machine.make_folder("peer");
        let file = folder.join(name);
        machine.make_folder(file.parent().unwrap());
        fs::write(&file, before).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
        let untouched = identity(&file);
        assert_eq!(turn(&machine, &folder, runtime, Switch::On).unwrap(), already(&file));
        assert_eq!(identity(&file), untouched);

        for (switch, content) in [(Switch::Off, during), (Switch::On, before)] {
            assert_eq!(turn(&machine, &folder, runtime, switch).unwrap(), made(&file));
            assert_eq!(fs::read_to_string(&file).unwrap(), content);
            assert_eq!(mode(&file), 0o644);
            let written = identity(&file);
            assert_eq!(turn(&machine, &folder, runtime, switch).unwrap(), already(&file));
            assert_eq!(identity(&file), written);
        }
        let names: Vec<_> = file.parent().unwrap().read_dir_utf8().unwrap().collect();
        assert_eq!(names.len(), 1, "no temporary file is left behind: {names:?}");
    }
}

#[test]
fn a_runtime_without_such_a_setting_is_left_alone() {
    let machine = Machine::new();
    let folder = machine.make_folder("peer");
    for runtime in ["shell", "telegram", "claudia"] {
        for switch in [Switch::Off, Switch::On] {
            assert_eq!(turn(&machine, &folder, runtime, switch).unwrap(), Change::NotApplicable);
        }
    }
    let claude = "claude".parse().unwrap();
    assert_eq!(trust_folder(&machine.host(), &folder, &claude).unwrap(), Change::NotApplicable);
    assert_eq!(folder.read_dir_utf8().unwrap().count(), 0);
    assert!(!machine.settings.root.exists());
}

/// What stands at the path of a settings file, as a test puts it there.
enum There {
    Text(&'static str),
    Bytes(&'static [u8]),
    Large,
    Folder,
    Fifo,
    Link(&'static str),
    /// A file in place of the settings folder.
    NoFolder,
}

#[test]
fn what_cannot_be_edited_is_left_alone_and_named() {
    let broken = "line 2, column 3: ";
    for (runtime, name, there, message) in [
        ("claude", CLAUDE, There::Text("{\n  a: 1\n}\n"), broken),
        ("claude", CLAUDE, There::Text(""), "line 1, column 1: it holds no JSON value"),
        ("claude", CLAUDE, There::Text("\u{feff}[]"), "line 1, column 1: it holds an array"),
        (
            "claude",
            CLAUDE,
            There::Bytes(b"{\n\"\xc3\xa4\xff\": 1}"),
            "line 2, column 3: it is not valid UTF-8",
        ),
        ("codex", CODEX, There::Text("a = 1\nb ="), "line 2, column 4: it is not valid TOML"),
        ("codex", CODEX, There::Text("features = 3\n"), "`features` is an integer, not a table"),
        ("codex", CODEX, There::Bytes(b"a = '\xff'"), "line 1, column 6: it is not valid UTF-8"),
        ("claude", CLAUDE, There::Large, "is larger than"),
        ("claude", CLAUDE, There::Folder, "is a folder, not a regular file"),
        ("codex", CODEX, There::Fifo, "is a FIFO, not a regular file"),
        ("claude", CLAUDE, There::Link("elsewhere"), "is a symbolic link"),
        ("codex", CODEX, There::Link("nowhere"), "is a symbolic link"),
        ("codex", CODEX, There::Link("config.toml"), "is a symbolic link"),
        ("codex", CODEX, There::NoFolder, "cannot read"),
    ] {
        let machine = Machine::new();
        let folder = machine.make_folder("peer");
        let file = folder.join(name);
        let settings = file.parent().unwrap();
        if !matches!(there, There::NoFolder) {
            machine.make_folder(settings);
            fs::write(settings.join("elsewhere"), "{}").unwrap();
        }
        match there {
            There::Text(text) => fs::write(&file, text).unwrap(),
            There::Bytes(bytes) => fs::write(&file, bytes).unwrap(),
            There::Large => fs::write(&file, vec![b' '; 5 << 20]).unwrap(),
            There::Folder => fs::create_dir(&file).unwrap(),
            There::Fifo => {
                let (fifo, own) = (file.as_std_path(), rustix::fs::Mode::from_raw_mode(0o600));
                rustix::fs::mknodat(rustix::fs::CWD, fifo, rustix::fs::FileType::Fifo, own, 0).unwrap();
            }
            There::Link(target) => symlink(target, &file).unwrap(),
            There::NoFolder => fs::write(settings, "").unwrap(),
        }
        let place = if file.symlink_metadata().is_ok() { file.clone() } else { settings.to_owned() };
        let before = identity(&place);
        for switch in [Switch::Off, Switch::On] {
            let error = turn(&machine, &folder, runtime, switch).unwrap_err();
            let text = error.to_string();
            assert!(text.contains(file.as_str()), "it names the file: {text}");
            assert!(text.contains(message), "{text} has no {message:?}");
            assert!(!error.hint().is_empty());
            assert_eq!(identity(&place), before, "{text}");
        }
        if settings.is_dir() {
            assert_eq!(fs::read(settings.join("elsewhere")).unwrap(), b"{}");
        }
    }
}

#[test]
fn a_missing_folder_of_a_peer_is_not_made() {
    let machine = Machine::new();
    let folder = machine.folder.join("gone");
    for runtime in ["claude", "codex"] {
        let error = turn(&machine, &folder, runtime, Switch::Off).unwrap_err();
        assert!(matches!(error, NativeMemoryError::Write(_)), "{error}");
    }
    assert!(matches!(trust(&machine, &folder), Err(NativeMemoryError::Folder { .. })));
    assert!(!folder.exists());
}

#[test]
fn the_real_path_is_trusted_where_codex_looks() {
    let mut machine = Machine::new();
    let folder = machine.make_folder("peer \"q\" ü");
    let link = machine.folder.join("link");
    symlink(&folder, &link).unwrap();
    let entry = |folder: &str| format!("[projects.'{folder}']\ntrust_level = \"trusted\"\n");

    let at_home = machine.folder.join("home/.codex/config.toml");
    assert_eq!(trust(&machine, &link).unwrap(), made(&at_home));
    assert_eq!(fs::read_to_string(&at_home).unwrap(), format!("\n{}", entry(folder.as_str())));
    let before = identity(&at_home);
    assert_eq!(trust(&machine, &folder).unwrap(), already(&at_home));
    assert_eq!(identity(&at_home), before);

    let elsewhere = machine.folder.join("deep/er/codex");
    machine.settings.codex_home = Some(elsewhere.clone());
    assert_eq!(trust(&machine, &folder).unwrap(), made(&elsewhere.join("config.toml")));

    let distrust = entry(folder.as_str()).replace("\"trusted\"", "\"untrusted\"");
    fs::write(elsewhere.join("config.toml"), &distrust).unwrap();
    let error = trust(&machine, &folder).unwrap_err().to_string();
    assert!(error.contains("line 2, column 15") && error.contains("not \"trusted\""), "{error}");
    assert_eq!(fs::read_to_string(elsewhere.join("config.toml")).unwrap(), distrust);

    machine.settings.codex_home = None;
    machine.settings.home = None;
    assert!(matches!(trust(&machine, &folder), Err(NativeMemoryError::NoCodexHome)));
}

#[test]
fn of_many_births_at_once_every_folder_is_trusted() {
    let machine = Machine::new();
    let folders: Vec<Utf8PathBuf> = (0..12).map(|i| machine.make_folder(format!("peer{i}"))).collect();
    std::thread::scope(|scope| {
        for folder in &folders {
            scope.spawn(|| trust(&machine, folder).unwrap());
        }
    });
    let text = fs::read_to_string(machine.folder.join("home/.codex/config.toml")).unwrap();
    let document: toml_edit::DocumentMut = text.parse().unwrap();
    for folder in &folders {
        assert_eq!(document["projects"][folder.as_str()]["trust_level"].as_str(), Some("trusted"));
    }
}
