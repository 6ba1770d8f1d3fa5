//! The memory server that the agent starts: the Model Context Protocol on stdin and stdout, one JSON-RPC
//! message a line, with two tools. Nothing in here has to do with iapeer.

use std::io::{BufRead, ErrorKind, Write};
use std::path::Path;

use fs_err as fs;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{NAME, Result};

/// Answers until the input ends.
pub(crate) fn serve(notes: &Path, input: impl BufRead, mut output: impl Write) -> Result<()> {
    for line in input.lines() {
        if let Some(answer) = answer(notes, &line?) {
            writeln!(output, "{answer}")?;
            output.flush()?;
        }
    }
    Ok(())
}

/// The answer to a message; a notification, which has no id, gets none.
fn answer(notes: &Path, line: &str) -> Option<Value> {
    let message: Value = match serde_json::from_str(line) {
        Ok(message) => message,
        Err(e) => return Some(failure(&Value::Null, -32700, &e.to_string())),
    };
    let id = message.get("id")?;
    let params = &message["params"];
    let result = match message["method"].as_str().unwrap_or_default() {
        "initialize" => json!({
            "protocolVersion": params["protocolVersion"],
            "capabilities": { "tools": {} },
            "serverInfo": { "name": NAME, "version": env!("CARGO_PKG_VERSION") },
        }),
        "ping" => json!({}),
        "tools/list" => tools(),
        "tools/call" => call(notes, params),
        method => return Some(failure(id, -32601, &format!("no method {method:?}"))),
    };
    Some(json!({ "jsonrpc": "2.0", "id": id, "result": result }))
}

fn failure(id: &Value, code: i32, message: &str) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "error": { "code": code, "message": message } })
}

fn tools() -> Value {
    let text = json!({ "text": { "type": "string" } });
    json!({ "tools": [
        { "name": "remember", "description": "Keep a note for later sessions.",
          "inputSchema": { "type": "object", "properties": text, "required": ["text"] } },
        { "name": "recall", "description": "All notes of earlier sessions.",
          "inputSchema": { "type": "object", "properties": {} } },
    ] })
}

fn call(notes: &Path, params: &Value) -> Value {
    let text = params["arguments"]["text"].as_str();
    let result = match (params["name"].as_str(), text) {
        (Some("remember"), Some(text)) => remember(notes, text),
        (Some("recall"), _) => recall(notes),
        _ => Err("there are remember, with a text, and recall".into()),
    };
    let failed = result.is_err();
    let text = result.unwrap_or_else(|e| e.to_string());
    json!({ "content": [{ "type": "text", "text": text }], "isError": failed })
}

fn remember(notes: &Path, text: &str) -> Result<String> {
    let mut file = fs::OpenOptions::new().create(true).append(true).open(notes.join("notes.md"))?;
    let note = format!("- {}: {}\n", Timestamp::now(), text.trim().replace('\n', "\n  "));
    // One write, so that the notes of two sessions do not mix.
    file.write_all(note.as_bytes())?;
    Ok("noted".to_owned())
}

fn recall(notes: &Path) -> Result<String> {
    match fs::read_to_string(notes.join("notes.md")) {
        Err(e) if e.kind() == ErrorKind::NotFound => Ok("no notes yet".to_owned()),
        other => Ok(other?),
    }
}
