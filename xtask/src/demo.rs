//! `cargo xtask demo`: one story from birth to removal, told with the real programs in a temporary root,
//! each step held against what it claims.

mod stage;

use serde_json::Value;

use crate::{Findings, install, run};
use stage::{Stage, check};

/// A step: what it claims, and what it does.
type Step = (&'static str, fn(&mut Stage) -> Result<(), String>);

const STORY: &[Step] = &[
    ("At first the slot is empty: a host without a memory provider is a normal host.", empty_slot),
    ("A memory provider takes the slot.", register),
    ("Two peers are born; the provider gives each of them its memory.", births),
    ("That memory is something real in the peer's folder.", surface),
    ("Both peers are launched, each on a tmux server of its own.", launches),
    (
        "The tmux server of alpha is killed with SIGKILL, which nobody can catch; its witness writes one record.",
        murder,
    ),
    ("There is an answer to what happened, with what the host was like at that moment.", explanation),
    ("A pass of the supervisor takes note of the death.", supervision),
    ("A stop is deliberate: it leaves no record of a death, and only `start` lifts it.", stop_and_start),
    (
        "The program of beta ends by itself, with exit code 3: that is the end of a session, not of a server.",
        exit,
    ),
    ("Both peers are removed: their memory is taken away, their folders stay.", removals),
    ("The provider leaves the slot.", unregister),
    ("Nothing of ours is left running.", nothing_left),
];

/// Tells the story. With `--keep` the root stays to be looked at.
pub(crate) fn demo(arguments: &[String]) -> Result<(), Findings> {
    let keep = match arguments {
        [] => false,
        [flag] if flag == "--keep" => true,
        _ => return Err(vec![format!("takes --keep at most, got {arguments:?}")]),
    };
    install::tmux().map_err(|e| vec![e])?;
    run::cargo_aloud(&["build", "--workspace", "--bins"]).map_err(|e| vec![e])?;
    let mut stage = Stage::new().map_err(|e| vec![e])?;
    let result = STORY.iter().enumerate().try_for_each(|(i, (claim, step))| {
        println!("\n{}. {claim}", i + 1);
        step(&mut stage).map_err(|e| format!("step {}, \"{claim}\" is not so: {e}", i + 1))
    });
    let mut findings: Findings = result.err().into_iter().collect();
    findings.extend(stage.clear(keep));
    if !findings.is_empty() {
        return Err(findings);
    }
    println!("\nAll {} steps were as told.", STORY.len());
    Ok(())
}

fn empty_slot(stage: &mut Stage) -> Result<(), String> {
    stage.iapeer(&["slot", "show"])?;
    stage.iapeer(&["status"])?;
    expect(&stage.ask(&["slot", "show"])?, "/state", "empty")
}

fn register(stage: &mut Stage) -> Result<(), String> {
    stage.provider(&["register"])?;
    stage.iapeer(&["slot", "show"])?;
    let slot = stage.ask(&["slot", "show"])?;
    expect(&slot, "/state", "occupied")?;
    expect(&slot, "/declaration/provider", "example-memory")?;
    check(slot["skipped"] == Value::Array(Vec::new()), || format!("something was skipped: {slot}"))
}

fn births(stage: &mut Stage) -> Result<(), String> {
    for (name, description) in [("alpha", "the first of two"), ("beta", "the second of two")] {
        stage.iapeer(&["create", name, "--runtime", "shell", "--description", description])?;
        let peer = stage.peer(name)?;
        expect(&peer, "/runtimes/0/status", "asleep")?;
        expect(&peer, "/runtimes/0/identity", &format!("shell-{name}"))?;
    }
    Ok(())
}

fn surface(stage: &mut Stage) -> Result<(), String> {
    let cwd = text(&stage.peer("alpha")?, "/cwd")?;
    stage.show(&["cat", &format!("{cwd}/.mcp.json")])?;
    stage.show(&["ls", &format!("{cwd}/.memory-notes")])
}

fn launches(stage: &mut Stage) -> Result<(), String> {
    for name in ["alpha", "beta"] {
        stage.iapeer(&["launch", name])?;
    }
    stage.iapeer(&["list"])?;
    for name in ["alpha", "beta"] {
        expect(&stage.peer(name)?, "/runtimes/0/status", "live")?;
    }
    check(stage.deaths()?.is_empty(), || "there are deaths already".to_owned())
}

fn murder(stage: &mut Stage) -> Result<(), String> {
    let pid = stage.server_pid("alpha")?.to_string();
    // The shell has a `kill` of its own, on a system without procps too.
    stage.show(&["sh", "-c", &format!("kill -KILL {pid}")])?;
    let deaths = stage.until("the record of the death", |stage| {
        let deaths = stage.deaths()?;
        Ok((!deaths.is_empty()).then_some(deaths))
    })?;
    stage.iapeer(&["deaths"])?;
    let [death] = &deaths[..] else { return Err(format!("more than one record: {deaths:?}")) };
    expect(death, "/kind", "server-exit")?;
    expect(death, "/identity", "shell-alpha")?;
    expect(death, "/cause", "server-vanished")?;
    check(death["server_pid"].to_string().trim_matches('"') == pid, || {
        format!("not of server {pid}: {death}")
    })
}

fn explanation(stage: &mut Stage) -> Result<(), String> {
    // What the host was like is gathered after the record is written.
    let forensics = stage.until("the forensics of the death", |stage| {
        let file = stage.deaths()?.first().map(|death| text(death, "/forensics")).transpose()?;
        Ok(file.filter(|file| std::fs::metadata(file).is_ok_and(|meta| meta.len() > 0)))
    })?;
    stage.iapeer(&["why", "alpha"])?;
    let why = stage.ask(&["why", "alpha"])?;
    expect(&why, "/identity", "shell-alpha")?;
    check(why["evidence"].as_array().is_some_and(|e| !e.is_empty()), || format!("no evidence: {why}"))?;
    stage.show(&["head", "-n", "12", &forensics])
}

fn supervision(stage: &mut Stage) -> Result<(), String> {
    stage.iapeer(&["supervise", "--once"])?;
    stage.iapeer(&["list"])?;
    expect(&stage.peer("alpha")?, "/runtimes/0/status", "asleep")?;
    expect(&stage.peer("beta")?, "/runtimes/0/status", "live")
}

fn stop_and_start(stage: &mut Stage) -> Result<(), String> {
    stage.iapeer(&["launch", "alpha"])?;
    expect(&stage.peer("alpha")?, "/runtimes/0/status", "live")?;
    stage.iapeer(&["stop", "alpha"])?;
    stage.iapeer(&["supervise", "--once"])?;
    stage.iapeer(&["list"])?;
    expect(&stage.peer("alpha")?, "/runtimes/0/status", "stopped")?;
    let deaths = stage.deaths()?;
    check(deaths.len() == 1, || format!("the stop was recorded as a death: {deaths:?}"))?;
    stage.iapeer(&["start", "alpha"])?;
    expect(&stage.peer("alpha")?, "/runtimes/0/status", "live")
}

fn exit(stage: &mut Stage) -> Result<(), String> {
    let socket = text(&stage.peer("beta")?, "/runtimes/0/socket")?;
    stage.show(&["tmux", "-S", &socket, "send-keys", "-t", "=shell-beta:", "exit 3", "Enter"])?;
    let deaths = stage.until("the record of the end of the session", |stage| {
        // Some versions of tmux forget their hook now and then; the supervisor writes what it owed.
        stage.ask(&["supervise", "--once"])?;
        let deaths = stage.deaths()?;
        Ok((deaths.len() > 1).then_some(deaths))
    })?;
    stage.iapeer(&["deaths"])?;
    let of_beta: Vec<_> = deaths.iter().filter(|death| death["identity"] == "shell-beta").collect();
    let [death] = &of_beta[..] else { return Err(format!("not one record of beta: {deaths:?}")) };
    expect(death, "/kind", "session-exit")?;
    check(death["status"].to_string().contains('3'), || format!("not the exit code: {death}"))?;
    let deaths = stage.deaths()?;
    check(deaths.len() == 2, || format!("one end, more than one record: {deaths:?}"))
}

fn removals(stage: &mut Stage) -> Result<(), String> {
    let folders = [text(&stage.peer("alpha")?, "/cwd")?, text(&stage.peer("beta")?, "/cwd")?];
    stage.iapeer(&["remove", "alpha", "--force"])?;
    stage.iapeer(&["remove", "beta"])?;
    for folder in folders {
        stage.show(&["ls", "-A", &folder])?;
        let surface = std::path::Path::new(&folder).join(".mcp.json");
        check(!surface.exists(), || format!("{} is still there", surface.display()))?;
    }
    let list = stage.ask(&["list"])?;
    check(list["peers"] == Value::Array(Vec::new()), || format!("peers are left: {list}"))
}

fn unregister(stage: &mut Stage) -> Result<(), String> {
    stage.provider(&["unregister"])?;
    stage.iapeer(&["slot", "show"])?;
    expect(&stage.ask(&["slot", "show"])?, "/state", "empty")
}

fn nothing_left(stage: &mut Stage) -> Result<(), String> {
    stage.until("the end of all processes", |stage| {
        let left = stage.processes();
        println!("processes that name {}: {}", stage.root().display(), left.len());
        Ok(left.is_empty().then_some(()))
    })
}

fn expect(document: &Value, pointer: &str, expected: &str) -> Result<(), String> {
    let found = document.pointer(pointer);
    check(found.is_some_and(|value| value == expected), || {
        format!("{pointer} is {}, not {expected:?}", found.unwrap_or(&Value::Null))
    })
}

fn text(document: &Value, pointer: &str) -> Result<String, String> {
    let text = document.pointer(pointer).and_then(Value::as_str);
    text.map(str::to_owned).ok_or_else(|| format!("there is no text at {pointer} in {document}"))
}
