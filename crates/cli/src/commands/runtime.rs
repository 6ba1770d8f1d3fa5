//! The definitions of runtimes.

use std::process::ExitCode;

use iapeer_lifecycle::{Class, DefinitionCheck, DefinitionFault, Host, Runtime, Source, check_definition};
use serde::Serialize;

use super::Done;
use super::hints::runtime_hint;
use crate::args::{Output, RuntimeCheckArgs, RuntimeShowArgs};
use crate::env;
use crate::error::{CliError, Kind};
use crate::{out, text};

/// One runtime in a list.
#[derive(Serialize)]
struct RuntimeDoc {
    runtime: String,
    /// Absent when its definition cannot be used.
    #[serde(skip_serializing_if = "Option::is_none")]
    class: Option<&'static str>,
    source: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    program: Option<String>,
    /// Why its definition, or the user's file for it, or its program cannot be used.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

pub(crate) fn list(host: &Host, output: &Output) -> Done {
    let names = Runtime::names(host.layout()).map_err(|e| CliError::of(Kind::Failed, &e))?;
    let runtimes: Vec<_> = names.iter().map(|name| listed(host, name)).collect();
    if output.json {
        #[derive(Serialize)]
        struct Doc {
            runtimes: Vec<RuntimeDoc>,
        }
        out::json("runtime-list", &Doc { runtimes })?;
        return Ok(ExitCode::SUCCESS);
    }
    let row = |doc: RuntimeDoc| {
        let told = [doc.program, doc.reason].into_iter().flatten().collect::<Vec<_>>().join("; ");
        vec![doc.runtime, doc.class.unwrap_or("unusable").to_owned(), doc.source.to_owned(), told]
    };
    let rows: Vec<_> = runtimes.into_iter().map(row).collect();
    for line in text::listed(&["runtime", "class", "definition", "program"], &rows) {
        out::line(line)?;
    }
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn show(host: &Host, args: &RuntimeShowArgs) -> Done {
    let runtime = Runtime::find(&args.name, host.layout())
        .map_err(|e| runtime_hint(CliError::of(Kind::Failed, &e), &e))?;
    if let Some(reason) = &runtime.passed_over {
        out::remark("warning", &format!("{reason}; what is shown is built in, and used instead"));
    }
    if args.output.json {
        #[derive(Serialize)]
        struct Doc<'a> {
            runtime: &'a str,
            source: &'static str,
            definition: serde_json::Value,
        }
        let definition = serde_json::from_str(&runtime.text)
            .map_err(|e| CliError::failed(format!("the definition cannot be told as JSON: {e}")))?;
        out::json(
            "runtime-show",
            &Doc { runtime: args.name.as_str(), source: source(&runtime), definition },
        )?;
    } else {
        out::line(runtime.text.trim_end())?;
    }
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn check(args: &RuntimeCheckArgs) -> Done {
    let file = env::absolute(&args.file)?;
    let checked = check_definition(&file).map_err(|e| CliError::of(Kind::Damaged, &e))?;
    let Some(DefinitionCheck { fault, warnings }) = checked else {
        return Err(CliError::failed(format!("there is no {file}")).into());
    };
    let code = if fault.is_none() { ExitCode::SUCCESS } else { Kind::Damaged.into() };
    if args.output.json {
        #[derive(Serialize)]
        struct Doc {
            state: &'static str,
            #[serde(flatten)]
            fault: Option<FaultDoc>,
            warnings: Vec<FaultDoc>,
        }
        let state = if fault.is_none() { "usable" } else { "unusable" };
        let warnings = warnings.into_iter().map(FaultDoc::of).collect();
        out::json("runtime-check", &Doc { state, fault: fault.map(FaultDoc::of), warnings })?;
        return Ok(code);
    }
    match &fault {
        None => out::line(format!("{file} describes a runtime"))?,
        Some(fault) => out::line(format!("{file} does not describe a runtime: {}", fault.reason))?,
    }
    for warning in &warnings {
        out::remark("warning", &format!("{file}: {warning}"));
    }
    Ok(code)
}

/// What is wrong, and in which line.
#[derive(Serialize)]
struct FaultDoc {
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<usize>,
    reason: String,
}

impl FaultDoc {
    fn of(fault: DefinitionFault) -> FaultDoc {
        FaultDoc { line: fault.line, reason: fault.reason }
    }
}

fn listed(host: &Host, name: &iapeer_registry::RuntimeName) -> RuntimeDoc {
    let runtime = match Runtime::find(name, host.layout()) {
        Ok(runtime) => runtime,
        Err(e) => {
            let error = CliError::of(Kind::Failed, &e);
            let reason = std::iter::once(error.message).chain(error.causes).collect::<Vec<_>>().join(": ");
            let (runtime, source) = (name.to_string(), "file");
            return RuntimeDoc { runtime, class: None, source, program: None, reason: Some(reason) };
        }
    };
    let program = match runtime.class {
        Class::Agent => Some(runtime.program(host.settings())),
        Class::Router => None,
    };
    let (program, missing) = match program {
        Some(Ok(program)) => (Some(program.to_string()), None),
        Some(Err(e)) => (None, Some(e.to_string())),
        None => (None, None),
    };
    let class = match runtime.class {
        Class::Agent => "agent",
        Class::Router => "router",
    };
    let reasons: Vec<_> = [missing, runtime.passed_over.clone()].into_iter().flatten().collect();
    RuntimeDoc {
        runtime: name.to_string(),
        class: Some(class),
        source: source(&runtime),
        program,
        reason: (!reasons.is_empty()).then(|| reasons.join("; ")),
    }
}

fn source(runtime: &Runtime) -> &'static str {
    match runtime.source {
        Source::BuiltIn => "built-in",
        Source::File(_) => "file",
    }
}
