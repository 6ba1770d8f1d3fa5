//! `service`: the entry is printed, written, held against what it was, and removed; the service manager is a
//! script that notes what it is asked for.

use std::fs;
use std::path::PathBuf;

use crate::doctor::{found, report};
use crate::host::{Host, Ran, finish};

/// A host with a program that can be installed, and a service manager.
struct Served {
    host: Host,
    program: PathBuf,
}

impl Served {
    /// Without a service manager.
    fn alone() -> Served {
        let host = Host::with_peers(&["alpha"]);
        fs::create_dir(host.path("opt")).unwrap();
        let program = host.path("opt/iapeer");
        // By a program of its own, as nobody can start what somebody has open for writing.
        let words = [crate::host::IAPEER, program.to_str().unwrap()];
        assert_eq!(finish(&mut host.command("cp", words)).exit, 0);
        Served { host, program }
    }

    /// With a service manager that does what it is asked for.
    fn new() -> Served {
        let mut served = Served::alone();
        let folder = served.host.path("run");
        fs::create_dir_all(folder.join("systemd")).unwrap();
        fs::write(folder.join("systemd/private"), "").unwrap();
        served.host.set("XDG_RUNTIME_DIR", folder.to_str().unwrap());
        served.manager("");
        served.host.program("bin/loginctl", "echo yes");
        served
    }

    /// A service manager that notes what it is asked for, and then does this.
    fn manager(&self, body: &str) {
        let log = self.host.path("asked");
        self.host.program("bin/systemctl", &format!("echo \"$*\" >>'{}'\n{body}", log.display()));
    }

    /// What the service manager was asked for since the last time.
    fn asked(&self) -> Vec<String> {
        let log = self.host.path("asked");
        let text = fs::read_to_string(&log).unwrap_or_default();
        let _ = fs::remove_file(log);
        let name = self.unit().file_name().unwrap().to_str().unwrap().to_owned();
        text.lines().map(|line| line.replace(&name, "UNIT")).collect()
    }

    fn run(&self, command: &str) -> Ran {
        finish(&mut self.host.command(&self.program, command))
    }

    #[track_caller]
    fn ok(&self, command: &str) -> Ran {
        let ran = self.run(command);
        assert_eq!(ran.exit, 0, "{ran}");
        ran
    }

    #[track_caller]
    fn snapshot(&self, name: &str, commands: &[&str]) {
        let told = commands.iter().map(|c| format!("$ iapeer {c}\n{}", self.run(c))).collect::<Vec<_>>();
        self.host.holds(name, &told.join("\n"));
    }

    /// The unit, which is there or was.
    fn unit(&self) -> PathBuf {
        let ran = self.run("service status --json");
        let document: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
        document["path"].as_str().unwrap().into()
    }
}

#[test]
fn an_entry_is_printed_and_nothing_is_written() {
    let mut served = Served::new();
    served.host.set("IAPEER_IDLE_SECS", "600");
    served.host.set("CODEX_HOME", "/c");
    served.host.set("SECRET", "s");
    let before = crate::doctor::tree(served.host.folder().as_ref());
    served.snapshot("service-print", &["service print --for systemd", "service print --for launchd"]);
    assert_eq!(served.ok("service print").stdout, served.ok("service print --for systemd").stdout);
    crate::doctor::is_unchanged(&served.host, &before, "a print");
    served.snapshot("service-print-usage", &["service print --for cron"]);
}

#[test]
fn a_service_comes_and_goes() {
    let served = Served::new();
    served.snapshot(
        "service-life",
        &[
            "service status",
            "service install",
            "service install",
            "service status",
            "service status --json",
            "logs",
            "service uninstall",
            "service uninstall",
            "service status",
        ],
    );
    let unit = served.unit();
    assert!(!unit.exists());
    let daemon = "--user daemon-reload";
    let begin = [daemon, "--user enable --now UNIT"];
    let end = ["--user disable --now UNIT", daemon];
    assert_eq!(served.asked(), [begin, begin, end].concat());
    assert!(!served.host.root("state/service.json").exists());
}

#[test]
fn an_entry_of_another_environment_is_written_anew_and_its_supervisor_restarted() {
    let mut served = Served::new();
    served.ok("service install");
    served.asked();
    served.host.set("IAPEER_IDLE_SECS", "600");
    let ran = served.ok("service install --json");
    let document: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(
        (&document["written"], &document["started"]),
        (&"replaced".into(), &true.into()),
        "{document}"
    );
    let text = fs::read_to_string(served.unit()).unwrap();
    assert!(text.contains("\nEnvironment=\"IAPEER_IDLE_SECS=600\"\n"), "{text}");
    assert_eq!(served.asked(), ["--user daemon-reload", "--user enable UNIT", "--user restart UNIT"]);
}

#[test]
fn what_was_changed_by_hand_is_left_alone() {
    let served = Served::new();
    served.ok("service install");
    let unit = served.unit();
    let written = fs::read_to_string(&unit).unwrap();
    let changed = written.replace("RestartSec=5", "RestartSec=7");
    fs::write(&unit, &changed).unwrap();
    served.asked();
    served.snapshot("service-changed", &["service status", "service install", "service uninstall"]);
    assert_eq!(fs::read_to_string(&unit).unwrap(), changed);
    assert_eq!(served.asked(), [""; 0]);

    let ran = served.ok("service install --force --json");
    let document: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(fs::read_to_string(&unit).unwrap(), written);
    assert_eq!(fs::read_to_string(document["quarantine"].as_str().unwrap()).unwrap(), changed);
}

#[test]
fn what_is_somebody_elses_is_left_alone() {
    let served = Served::new();
    let unit = served.unit();
    fs::create_dir_all(unit.parent().unwrap()).unwrap();
    fs::write(&unit, "[Service]\nExecStart=/bin/true\n").unwrap();
    served.snapshot("service-foreign", &["service status", "service install", "service uninstall"]);
    served.host.fails("service-foreign-error", 3, &["service install"]);
    assert_eq!(fs::read_to_string(&unit).unwrap(), "[Service]\nExecStart=/bin/true\n");
}

#[test]
fn without_a_service_manager_the_entry_is_written_and_that_is_said() {
    let mut served = Served::alone();
    served.snapshot("service-no-manager", &["service install", "service uninstall"]);
    // One whose program is not there cannot be asked, either.
    let folder = served.host.path("run");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("bus"), "").unwrap();
    served.host.set("XDG_RUNTIME_DIR", folder.to_str().unwrap());
    let ran = served.ok("service install");
    assert!(ran.stderr.contains("nothing was started: there is no systemctl on PATH"), "{ran}");
}

#[test]
fn a_service_that_ends_with_the_login_is_warned_of() {
    let served = Served::new();
    served.host.program("bin/loginctl", "echo no");
    served.snapshot("service-no-linger", &["service install"]);
}

#[test]
fn the_supervisor_is_seen_by_its_lock() {
    let served = Served::new();
    let lock = served.host.root("state/supervisor.lock");
    fs::create_dir_all(lock.parent().unwrap()).unwrap();
    let line = format!("ts=2026-11-21T10:00:00.000Z ev=lock pid={} by=\"a test\"\n", std::process::id());
    fs::write(&lock, line).unwrap();
    let running = |served: &Served| served.host.json("service status")["supervisor"].clone();
    assert_eq!(running(&served), serde_json::json!({ "running": false }));
    let file = fs::File::open(&lock).unwrap();
    file.lock().unwrap();
    assert_eq!(running(&served), serde_json::json!({ "running": true, "pid": std::process::id() }));
}

#[test]
fn a_service_manager_that_refuses_is_told_with_its_words() {
    let served = Served::new();
    served.manager("echo 'Failed to connect to bus' >&2; exit 1");
    served.snapshot("service-refused", &["service install", "service uninstall"]);
    assert!(!served.unit().exists());
}

#[test]
fn an_entry_that_somebody_removed_comes_back() {
    let served = Served::new();
    assert!(!served.ok("supervise --once").stderr.contains("service"), "none was installed");
    served.ok("service install");
    let unit = served.unit();
    let written = fs::read(&unit).unwrap();
    fs::remove_file(&unit).unwrap();
    served.asked();
    served.snapshot("service-restored", &["service status", "supervise --once", "supervise --once"]);
    assert_eq!(fs::read(&unit).unwrap(), written);
    assert_eq!(served.asked(), ["--user daemon-reload", "--user enable UNIT"]);
    assert_eq!(served.host.logged("lifecycle.log", &["ev=service state=restored"]).len(), 1);

    served.ok("service uninstall");
    served.ok("supervise --once");
    assert!(!unit.exists());
}

#[test]
fn doctor_looks_at_what_the_service_refers_to() {
    let mut served = Served::new();
    let told = |served: &Served, id: &str, exit| found(&report(&served.host, "doctor", exit), id);
    assert_eq!(told(&served, "service", 0)[0].0, "skipped");
    // Where it is is as good as any, but for the hint that programs do not stay there.
    served.ok("service install");
    let findings = told(&served, "service", 0);
    assert!(findings[0].0 == "warn" && findings[0].1.contains("where programs do not stay"), "{findings:?}");
    assert_eq!(told(&served, "service-programs", 0)[0].0, "ok");

    let path = served.host.set("PATH", "/nowhere").unwrap();
    served.ok("service install");
    served.host.set("PATH", path);
    let findings = told(&served, "service-programs", 1);
    assert!(
        findings[0].0 == "fail" && findings[0].1.contains("no tmux is on the PATH of the service"),
        "{findings:?}"
    );

    fs::rename(&served.program, served.host.path("opt/elsewhere")).unwrap();
    let findings = told(&served, "service", 1);
    assert!(
        findings[0].0 == "fail" && findings[0].1.contains("which is no program that is there"),
        "{findings:?}"
    );
    assert!(findings[0].1.ends_with("| iapeer service install"), "{findings:?}");
    let status = served.host.run("service status");
    assert_eq!(status.exit, 1, "{status}");
}

#[test]
fn a_record_that_is_damaged_stops_nobody() {
    let served = Served::new();
    served.ok("service install");
    fs::write(served.host.root("state/service.json"), "{ torn").unwrap();
    let ran = served.ok("supervise --once");
    assert!(ran.stderr.contains("service.json is damaged"), "{ran}");
    assert_eq!(served.run("service status").exit, 1);
    served.ok("service install");
    assert!(!served.ok("supervise --once").stderr.contains("service"));
}
