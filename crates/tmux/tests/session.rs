//! Sessions: what goes in arrives as it is, and nothing else happens.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "tests prepare files and read what programs wrote"
)]

mod common;

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use common::{Host, eventually, is_alive, raw};
use iapeer_tmux::{Pane, Probe, Session, SessionSpec, TmuxError, probe};
use rustix::process::Signal;

/// Texts that mean something to tmux, to a shell, to `printf`, or to all of them.
const HOSTILE: &[&str] = &[
    "",
    " ",
    "a b",
    ";",
    "a;",
    "a\\;",
    "\\",
    "\\\\;",
    ";;",
    "'",
    "\"",
    "it's \"it\"",
    "$(touch PWNED)",
    "`touch PWNED`",
    "#(touch PWNED)",
    "#{pid}",
    "#{q:pid}",
    "##",
    "#S",
    "#[fg=red]",
    "%H",
    "100%",
    "%%",
    "$HOME",
    "~",
    "*",
    "{cwd}",
    "-d",
    "--",
    "=x:",
    "&& touch PWNED",
    "| cat",
    "> PWNED",
    "a\tb",
    "a\nb",
    "\\n",
    "ü❯",
    "!",
    "^",
    "[x]",
    "?",
];

/// A program that writes its arguments, each ended by a NUL byte, to the file named first.
fn tell_arguments(to: &Path) -> Vec<OsString> {
    let script = r#"to=$1; shift; printf '%s\0' "$@" >"$to.new"; mv "$to.new" "$to"; exec sleep 300"#;
    vec!["/bin/sh".into(), "-c".into(), script.into(), "sh".into(), to.into()]
}

fn idle() -> Vec<OsString> {
    vec!["/bin/sleep".into(), "300".into()]
}

/// The file's content once it is there. Whoever writes it does so beside it and moves it there.
fn written(path: &Path) -> Vec<u8> {
    eventually(&format!("{} is written", path.display()), || path.exists());
    fs::read(path).unwrap()
}

fn nul_ended<'a>(words: impl IntoIterator<Item = &'a OsStr>) -> Vec<u8> {
    words.into_iter().flat_map(|word| [word.as_bytes(), b"\0"].concat()).collect()
}

fn create<'a>(host: &'a Host, name: &str, spec: &SessionSpec) -> Session<'a> {
    let session = host.session(name).unwrap();
    let created = session.create(spec).unwrap();
    assert_eq!(created.server_pid, host.pid());
    session
}

#[test]
fn a_session_is_made_seen_and_ended() {
    let mut host = Host::running();
    let session = host.session("claude-bob").unwrap();
    assert_eq!(session.exists(), Ok(false));
    let created = session.create(&SessionSpec::new("/", idle())).unwrap();
    assert_eq!((created.server_pid, created.session_id.as_str()), (host.pid(), "$0"));
    assert_eq!(session.exists(), Ok(true));
    assert_eq!(host.sessions(), Ok(vec!["claude-bob".to_owned()]));
    let pane =
        Pane { id: "%0".into(), pid: created.pane_pid, dead: false, dead_status: None, dead_signal: None };
    assert_eq!(session.pane(), Ok(pane));
    let again = session.create(&SessionSpec::new("/", idle())).unwrap_err();
    assert!(again.to_string().contains("duplicate session"), "{again}");

    session.kill().unwrap();
    eventually("the program is hung up", || !is_alive(created.pane_pid));
    host.ended();
    assert_eq!(probe(host.socket()), Probe::Refused, "the server ended with its last session");
}

#[test]
fn arguments_arrive_as_they_are() {
    let host = Host::running();
    let to = host.path("arguments");
    let mut argv = tell_arguments(&to);
    argv.extend(HOSTILE.iter().map(OsString::from));
    argv.push(OsString::from_vec(b"no \xff text;".to_vec()));
    create(&host, "shell-bob", &SessionSpec::new(host.path(""), argv.clone()));
    assert_eq!(written(&to), nul_ended(argv[5..].iter().map(OsString::as_os_str)));
    assert!(!host.path("PWNED").exists());
}

#[test]
fn a_single_argument_is_a_program_and_no_shell_line() {
    let host = Host::running();
    let program = host.path("my program; touch PWNED");
    let script = "printf '#!/bin/sh\\necho ran >ran.new; mv ran.new ran\\nexec sleep 300\\n' >\"$1\"; chmod 700 \"$1\"";
    common::sh(script, [&program]);
    create(&host, "shell-bob", &SessionSpec::new(host.path(""), [program]));
    assert_eq!(written(&host.path("ran")), b"ran\n");
    assert!(!host.path("PWNED").exists());
}

#[test]
fn environment_and_options_arrive_as_they_are() {
    let host = Host::running();
    let script = r#"for n; do eval "printf '%s\0' \"\$V$n\""; done >got.new; mv got.new got; exec sleep 300"#;
    let mut argv: Vec<OsString> = ["/bin/sh", "-c", script, "sh"].map(OsString::from).to_vec();
    argv.extend((0..HOSTILE.len()).map(|n| n.to_string().into()));
    let mut spec = SessionSpec::new(host.path(""), argv);
    spec.env = HOSTILE.iter().enumerate().map(|(n, text)| (format!("V{n}"), text.into())).collect();
    spec.options = HOSTILE.iter().enumerate().map(|(n, text)| (format!("@v{n}"), text.into())).collect();
    create(&host, "shell-bob", &spec);
    assert_eq!(written(&host.path("got")), nul_ended(HOSTILE.iter().map(OsStr::new)));
    for (n, text) in HOSTILE.iter().enumerate() {
        let shown = raw(&host, &["show-options", "-v", "-t", "=shell-bob:", &format!("@v{n}")]);
        assert_eq!(shown, format!("{text}\n"));
    }
    assert!(!host.path("PWNED").exists());
}

#[test]
fn the_folder_is_the_one_that_was_named() {
    for name in ["#{pid}", "#(touch PWNED)", "-", "a;", "it's $HOME \"%H\"", "line\nbreak", "ü❯", "tab\tbed"]
    {
        let mut host = Host::running();
        let folder = host.path(name);
        fs::create_dir(&folder).unwrap();
        let script = "pwd >../got.new; mv ../got.new ../got; exec sleep 300";
        create(&host, "shell-bob", &SessionSpec::new(&folder, ["/bin/sh", "-c", script]));
        assert_eq!(written(&host.path("got")), [folder.as_os_str().as_bytes(), b"\n"].concat());
        host.kill().unwrap();
        host.ended();
        assert!(!host.path("PWNED").exists());
    }
}

#[test]
fn new_windows_begin_in_the_folder_too() {
    let host = Host::running();
    let folder = host.path("#{pid} it's");
    fs::create_dir(&folder).unwrap();
    create(&host, "shell-bob", &SessionSpec::new(&folder, idle()));
    let shown = raw(&host, &["display-message", "-p", "-t", "=shell-bob:", "#{session_path}"]);
    assert_eq!(Path::new(shown.trim()), folder);
}

#[test]
fn the_folder_keeps_the_name_by_which_it_was_reached() {
    let host = Host::running();
    fs::create_dir(host.path("real")).unwrap();
    symlink(host.path("real"), host.path("link")).unwrap();
    let script = r#"printf %s "$PWD" >got.new; mv got.new got; exec sleep 300"#;
    create(&host, "shell-bob", &SessionSpec::new(host.path("link"), ["/bin/sh", "-c", script]));
    assert_eq!(written(&host.path("real/got")), host.path("link").as_os_str().as_bytes());
}

#[test]
fn what_cannot_be_meant_is_refused_before_anything_is_done() {
    let host = Host::running();
    let session = host.session("shell-bob").unwrap();
    let good = SessionSpec::new(host.path(""), idle());
    let with = |change: &dyn Fn(&mut SessionSpec)| {
        let mut spec = good.clone();
        change(&mut spec);
        session.create(&spec).unwrap_err().to_string()
    };
    for (error, message) in [
        (with(&|spec| spec.argv.clear()), "program \"\" cannot be used"),
        (with(&|spec| spec.cwd = host.path("missing")), "missing is no folder that exists"),
        (with(&|spec| spec.cwd = "relative".into()), "folder relative is not absolute"),
        (with(&|spec| spec.exit_hook = Some("hook".into())), "exit hook hook is not absolute"),
        (with(&|spec| spec.exit_hook = Some("/a\tb".into())), "has a control character"),
        (with(&|spec| spec.pane_log = Some("/a\nb".into())), "has a control character"),
        (with(&|spec| spec.env.push(("A=B".into(), "".into()))), "variable name \"A=B\""),
        (with(&|spec| spec.env.push((String::new(), "".into()))), "variable name \"\""),
        (with(&|spec| spec.options.push(("status".into(), "".into()))), "option name \"status\""),
        (with(&|spec| spec.options.push(("@a b".into(), "".into()))), "option name \"@a b\""),
        (with(&|spec| spec.argv.push("a\0b".into())), "nul byte"),
        (with(&|spec| spec.argv.push("x".repeat(20_000).into())), "command too long"),
    ] {
        assert!(error.contains(message), "{error}");
    }
    assert_eq!(host.sessions(), Ok(Vec::new()));
    for name in ["", "-a", "a.b", "a:b", "A", "a b", "a_b", "$0", "=a", "ü"] {
        assert_eq!(host.session(name), Err(TmuxError::BadName { name: name.to_owned() }));
    }
}

#[test]
fn a_name_never_stands_for_a_longer_one() {
    let host = Host::running();
    let longer = create(&host, "claude-bob2", &SessionSpec::new("/", idle()));
    let pane = longer.pane().unwrap();
    let bob = host.session("claude-bob").unwrap();
    assert_eq!(bob.exists(), Ok(false));
    let failed = |result: Result<(), TmuxError>| matches!(result, Err(TmuxError::Failed { .. }));
    assert!(failed(bob.kill()));
    assert!(failed(bob.pane().map(|_| ())));
    assert!(failed(bob.capture(&pane, 0).map(|_| ())));
    assert!(failed(bob.send_keys(&pane, &["x"])));
    assert_eq!(longer.exists(), Ok(true));
}

#[test]
fn keys_and_text_are_typed_and_the_screen_is_read() {
    let host = Host::running();
    let script =
        "stty -echo; printf 'ready ❯\\n'; while IFS= read -r line; do printf '<%s>\\n' \"$line\"; done";
    let mut spec = SessionSpec::new("/", ["/bin/sh", "-c", script]);
    (spec.width, spec.height) = (40, 5);
    let session = create(&host, "shell-bob", &spec);
    let pane = session.pane().unwrap();
    let shows = |what: &str, history| session.capture(&pane, history).unwrap().contains(what);
    eventually("it is ready", || shows("ready ❯\n", 0));
    for (text, want) in [("Enter;", "<Enter;>"), ("-l $(x) #{pid} ü", "<-l $(x) #{pid} ü>"), (";", "<;>")] {
        session.send_text(&pane, text).unwrap();
        session.send_keys(&pane, &["Enter"]).unwrap();
        eventually(want, || shows(want, 0));
    }
    session.send_keys(&pane, &["a", "Space", "-x", "Enter", "Enter", "Enter"]).unwrap();
    eventually("keys are pressed in their order", || shows("<a -x>\n<>\n<>\n", 0));
    assert!(!shows("ready", 0), "the screen has five lines");
    assert!(shows("ready", 100), "the history has the rest");
}

#[test]
fn a_paste_arrives_as_one_piece() {
    let host = Host::running();
    let long = "0123456789 ü;".repeat(2000);
    // The marks tell a program that asked for them where a paste begins and ends; what would end it early is
    // left out.
    for (text, wanted) in [
        ("$(x) #{pid} \\ 'q'\n\tend;", "\x1b[200~$(x) #{pid} \\ 'q'\r\tend;\x1b[201~"),
        ("a\x1b[201~b\x03", "\x1b[200~a[201~b\x1b[201~"),
        (&long, &format!("\x1b[200~{long}\x1b[201~")),
    ] {
        let told = host.path(format!("told-{}", text.len()));
        let script = format!(
            "stty raw -echo; printf '\\033[?2004hready'; head -c {} >{1}.part; mv {1}.part {1}; sleep 1000",
            wanted.len(),
            told.display()
        );
        let name = format!("shell-bob{}", text.len());
        let session = create(&host, &name, &SessionSpec::new("/", ["/bin/sh", "-c", &script]));
        let pane = session.pane().unwrap();
        eventually("it is ready", || session.capture(&pane, 0).unwrap().contains("ready"));
        session.paste(&pane, "").unwrap();
        session.paste(&pane, text).unwrap();
        assert_eq!(String::from_utf8(written(&told)).unwrap(), wanted);
    }
}

#[test]
fn what_is_opened_beside_our_pane_does_not_disturb() {
    let host = Host::running();
    let mut spec = SessionSpec::new("/", ["/bin/sh", "-c", "echo ours; exec sleep 300"]);
    spec.exit_hook = Some(host.path("hook"));
    fs::write(host.path("hook"), "touch \"$0.ran\"\n").unwrap();
    let session = create(&host, "shell-bob", &spec);
    let ours = session.pane().unwrap();
    let beside = ["new-window", "-t", "=shell-bob:", "-P", "-F", "#{pane_pid}", "--", "/bin/sleep", "300"];
    let beside = raw(&host, &beside).trim().parse().unwrap();
    raw(&host, &["split-window", "-b", "-t", "=shell-bob:0", "--", "/bin/sh", "-c", "exit 3"]);
    rustix::process::kill_process(common::pid(beside), Signal::KILL).unwrap();
    eventually("both others are gone", || {
        host.signal(Signal::CHILD);
        raw(&host, &["list-panes", "-s", "-t", "=shell-bob:"]).lines().count() == 1
    });
    assert_eq!(session.pane(), Ok(ours.clone()));
    eventually("our pane is the one that is read", || session.capture(&ours, 0).unwrap().contains("ours"));
    assert!(!host.path("hook.ran").exists());
}

/// Waits until the server of the host has ended with its session. Until version 3.6 tmux may lose
/// the end of a program, see the limitations; the signal makes it look again.
fn ended_by_hook(host: &mut Host) {
    let server = host.pid();
    eventually("hook, session and server end", || {
        if is_alive(server) {
            let _ = rustix::process::kill_process(common::pid(server), Signal::CHILD);
        }
        !is_alive(server)
    });
    host.ended();
}

#[test]
fn the_exit_hook_gets_the_numbers_and_then_the_session_ends() {
    // The last case ends before anybody could have looked.
    for (script, want) in [("sleep 0.1; exit 7", "s7 g"), ("kill -9 $$", "s g9"), ("exit 0", "s0 g")] {
        for name in ["hook", "it's; \"$(touch PWNED)\" `x` #{pid} ## #[x] %H 100% \\ ü", "a;"] {
            let mut host = Host::running();
            let folder = host.path(name);
            fs::create_dir(&folder).unwrap();
            let hook = folder.join(OsStr::from_bytes(b"no \xff text;"));
            fs::write(&hook, "sleep 0.1; printf '%s' \"$*\" >\"${0%/*}/got\"\n").unwrap();
            let mut spec = SessionSpec::new(host.path(""), ["/bin/sh", "-c", script]);
            spec.exit_hook = Some(hook);
            let created = host.session("claude-bob").unwrap().create(&spec).unwrap();
            let numbers = format!("{} {} {want}", host.pid(), created.pane_pid);
            ended_by_hook(&mut host);
            assert_eq!(fs::read_to_string(folder.join("got")).unwrap(), numbers, "{name}");
            assert!(!host.path("PWNED").exists());
        }
    }
}

#[test]
fn without_a_hook_the_dead_pane_remains_to_be_read() {
    let host = Host::running();
    let script = "echo last words; read line; exit 5";
    let session = create(&host, "shell-bob", &SessionSpec::new("/", ["/bin/sh", "-c", script]));
    let pane = session.pane().unwrap();
    // The screen has to be seen before: what is printed just before the end may be lost.
    eventually("it has spoken", || session.capture(&pane, 0).unwrap().contains("last words"));
    session.send_keys(&pane, &["Enter"]).unwrap();
    eventually("the end is seen", || {
        host.signal(Signal::CHILD);
        session.pane().is_ok_and(|pane| pane.dead && pane.dead_status == Some(5))
    });
    let pane = session.pane().unwrap();
    assert_eq!(pane.dead_signal, None);
    // The line that tmux adds below has pushed the first one up into the history.
    assert!(session.capture(&pane, 10).unwrap().contains("last words"));
    assert_eq!(session.exists(), Ok(true));
}

#[test]
fn a_program_that_is_missing_shows_as_exit_code_127() {
    let host = Host::running();
    let session = create(&host, "shell-bob", &SessionSpec::new("/", ["/nonexistent/program"]));
    eventually("the end is seen", || {
        host.signal(Signal::CHILD);
        session.pane().is_ok_and(|pane| pane.dead && pane.dead_status == Some(127))
    });
}

#[test]
fn the_log_gets_what_the_pane_shows_from_its_first_byte() {
    for name in ["log", "it's; \"$(touch PWNED)\" `x` #{pid} ## #[x] %H 100% \\ ü;"] {
        let host = Host::running();
        let log = host.path(name);
        let mut spec =
            SessionSpec::new(host.path(""), ["/bin/sh", "-c", "echo first; echo last; exec sleep 300"]);
        spec.pane_log = Some(log.clone());
        create(&host, "shell-bob", &spec);
        eventually("both lines are in the log", || {
            fs::read_to_string(&log).is_ok_and(|text| text == "first\r\nlast\r\n")
        });
        assert_eq!(fs::metadata(&log).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(!host.path("PWNED").exists());
    }
}

#[test]
fn what_the_caller_starts_is_told_exactly() {
    let host = Host::running();
    let session = host.session("claude-bob").unwrap();
    let (program, socket) = (host.tmux().program().as_os_str(), host.socket().as_os_str());
    let want = [program, "-f".as_ref(), "/dev/null".as_ref(), "-S".as_ref(), socket];
    assert_eq!(session.attach_argv()[..5], want);
    assert_eq!(session.attach_argv()[5..], ["attach-session", "-t", "=claude-bob:"]);
    assert_eq!(host.wait_argv("a-channel")[..5], want);
    assert_eq!(host.wait_argv("a-channel")[5..], ["wait-for", "a-channel"]);
}
