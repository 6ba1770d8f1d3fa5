//! The slot and `memory-plugin`, with the example provider and with broken declarations.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::host::{Host, IAPEER, finish};
use crate::sight::json_file;

/// The example provider, which is built beside `iapeer`.
pub(crate) fn memory_provider() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let folder = Path::new(IAPEER).parent().unwrap();
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["build", "--quiet", "--package", "memory-provider", "--target-dir"]);
        cargo.arg(folder.parent().unwrap()).current_dir(env!("CARGO_MANIFEST_DIR"));
        if folder.ends_with("release") {
            cargo.arg("--release");
        }
        let status = cargo.status().unwrap();
        assert!(status.success(), "the example provider cannot be built");
        folder.join("memory-provider")
    })
}

/// A host whose slot the example provider has taken.
fn with_example_provider() -> Host {
    let host = Host::new();
    let ran = finish(&mut host.command(memory_provider(), "register"));
    assert_eq!(ran.exit, 0, "{ran:?}");
    host
}

/// What commands say, without the path of the provider's program.
fn told(host: &Host, commands: &[&str]) -> String {
    host.told(commands).replace(memory_provider().to_str().unwrap(), "[PROVIDER]")
}

#[test]
fn a_peer_gets_its_memory_at_birth_and_loses_it_at_its_removal() {
    let host = with_example_provider();
    host.holds("memory-birth", &told(&host, &["create alpha", "create beta --json"]));
    let surface = host.root("peers/alpha/.mcp.json");
    assert!(json_file(&surface)["mcpServers"]["example-memory"].is_object());
    assert!(host.root("peers/alpha/.memory-notes").is_dir());
    host.holds("memory-remove", &told(&host, &["remove alpha", "remove beta --json"]));
    assert!(!surface.exists());
    let runs: Vec<_> = host.logged("lifecycle.log", &["ev=memory-provision", "state=ok exit=0"]);
    assert_eq!(runs.len(), 4, "{runs:?}");
    for (run, wanted) in runs.iter().zip([
        "identity=shell-alpha occasion=birth",
        "identity=shell-beta occasion=birth",
        "identity=shell-alpha occasion=remove",
        "identity=shell-beta occasion=remove",
    ]) {
        assert!(run.contains(wanted), "{run}");
    }
}

#[test]
fn memory_plugin_gives_and_takes_memory() {
    let host = Host::with_peers(&["alpha", "beta"]);
    host.fails("memory-plugin-empty", 1, &["memory-plugin on --all", "memory-plugin off --peer alpha"]);
    assert_eq!(finish(&mut host.command(memory_provider(), "register")).exit, 0);
    let commands = [
        "memory-plugin on --all --jobs 1",
        "memory-plugin on --peer alpha --json",
        "memory-plugin off --peer alpha",
        "memory-plugin off --all --json",
    ];
    host.holds("memory-plugin", &told(&host, &commands));
    assert!(!host.root("peers/beta/.mcp.json").exists());
    for (occasion, runs) in [("birth", 0), ("sweep-on", 3), ("off-peer", 1), ("off-all", 2)] {
        let occasion = format!("occasion={occasion} ");
        assert_eq!(
            host.logged("lifecycle.log", &["ev=memory-provision", &occasion]).len(),
            runs,
            "{occasion}"
        );
    }
    host.fails("memory-plugin-nobody", 1, &["memory-plugin on --peer nobody"]);
}

#[test]
fn a_peer_without_an_agent_runtime_has_no_memory() {
    let host = with_example_provider();
    host.holds(
        "memory-no-agent",
        &told(
            &host,
            &["create herald --runtime telegram", "memory-plugin on --peer herald --json", "remove herald"],
        ),
    );
    assert_eq!(host.logged("lifecycle.log", &["ev=memory-provision"]), [""; 0]);
}

#[test]
fn each_agent_runtime_gets_its_command() {
    let host = Host::new();
    host.declare_runtime("probe", "/bin/sh", &[]);
    host.provider(&format!("echo \"$@\" >>{}/calls", host.folder()));
    host.ok("create alpha --runtime shell");
    host.ok("init root/peers/alpha --runtime probe");
    host.ok("init root/peers/alpha --runtime telegram");
    host.ok("memory-plugin off --peer alpha");
    let folder = host.root("peers/alpha");
    let calls = fs::read_to_string(host.path("calls")).unwrap().replace(folder.to_str().unwrap(), "FOLDER");
    let wanted = "\
provision birth alpha shell FOLDER
provision birth alpha probe FOLDER
unprovision off-peer alpha shell FOLDER
unprovision off-peer alpha probe FOLDER
";
    assert_eq!(calls, wanted);
}

#[test]
fn a_folder_that_is_gone_keeps_nobody_from_taking_memory_back() {
    let host = Host::new();
    host.provider(&format!("echo \"$1 $2\" >>{}/calls", host.folder()));
    host.ok("create alpha");
    fs::rename(host.root("peers/alpha"), host.path("elsewhere")).unwrap();
    assert_eq!(host.json("remove alpha")["ok"], true);
    assert_eq!(fs::read_to_string(host.path("calls")).unwrap(), "provision birth\nunprovision remove\n");
}

#[test]
fn the_slot_is_shown() {
    let host = with_example_provider();
    host.holds("slot-show", &told(&host, &["slot show", "slot show --json", "status"]));
    host.slot("{ \"provider\": \"torn\n");
    host.snapshot("slot-unusable", &["slot show", "slot show --json", "status", "status --json"]);
    host.fails("memory-plugin-unusable", 4, &["memory-plugin on --all"]);
}

#[test]
fn an_unusable_slot_stops_no_birth_and_no_removal() {
    let host = Host::new();
    host.slot("{ \"provider\": \"torn\n");
    host.snapshot("slot-unusable-birth", &["create alpha", "remove alpha", "create beta --json"]);
}

#[test]
fn a_slot_that_cannot_be_read_at_the_moment_costs_no_peer_its_memory() {
    let host = Host::new();
    host.provider("exit 0");
    host.ok("create alpha --runtime shell");
    host.slot("{ \"provider\": \"torn\n");
    host.snapshot(
        "slot-last-good",
        &["create beta --runtime shell", "remove alpha", "memory-plugin on --all"],
    );
    assert_eq!(host.logged("lifecycle.log", &["ev=memory-provision", "state=ok"]).len(), 3);
    // Who took itself out is not called any more.
    fs::remove_file(host.root("memory-provider.json")).unwrap();
    host.ok("create gamma --runtime shell");
    host.slot("{ \"provider\": \"torn\n");
    let ran = host.ok("create delta --runtime shell");
    assert!(ran.stderr.contains("so no provider was called"), "{ran:?}");
    assert_eq!(host.logged("lifecycle.log", &["ev=memory-provision"]).len(), 3);
}

#[test]
fn a_direction_that_is_not_declared_is_refused() {
    let host = Host::with_peers(&["alpha"]);
    host.slot(
        r#"{ "provider": "half", "package": "p", "version": "1",
             "provision": { "command": "/bin/true", "args": [] } }"#,
    );
    host.fails("memory-plugin-half", 1, &["memory-plugin off --all"]);
    host.ok("memory-plugin on --all");
    // A block that is there and cannot be used is told with its reason.
    host.slot(
        r#"{ "provider": "bad", "package": "p", "version": "1",
             "provision": { "command": "not/absolute", "args": [] },
             "unprovision": { "command": "/bin/true", "args": [] } }"#,
    );
    host.snapshot("slot-bad-block", &["slot show", "create beta", "status"]);
    host.fails("memory-plugin-bad-block", 1, &["memory-plugin on --all"]);
}
