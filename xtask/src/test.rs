//! `cargo xtask test`: everything that must hold, as the first command on a clean checkout.

use crate::{Findings, install, no_arguments, package, run, service, standalone};

/// A step and what it does; its error says what to do.
type Step = (&'static str, fn() -> Result<(), String>);

const STEPS: &[Step] = &[
    ("format", || run::cargo_aloud(&["fmt", "--all", "--check"])),
    ("lints", || run::cargo_aloud(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"])),
    ("programs", install::programs),
    // The end-to-end tests run binaries of other packages, which `cargo test` alone would not build.
    ("build", || run::cargo_aloud(&["build", "--workspace", "--bins"])),
    ("tests", || run::cargo_aloud(&["test", "--workspace", "--no-fail-fast"])),
    ("docs", || {
        let doc = run::cargo(&["doc", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings");
        run::aloud("RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps", &doc)
    }),
    ("standalone", standalone::standalone),
    ("package", || package::package(&[]).map_err(|findings| findings.join("\n"))),
    ("service", || service::check(&[]).map_err(|findings| findings.join("\n"))),
];

/// Takes every step, also after one that failed, and sums up.
pub(crate) fn test(arguments: &[String]) -> Result<(), Findings> {
    no_arguments(arguments)?;
    let results: Vec<_> = STEPS
        .iter()
        .map(|(name, step)| {
            println!("\n=== {name}");
            let result = step();
            if let Err(finding) = &result {
                println!("{finding}");
            }
            (name, result)
        })
        .collect();
    println!("\n=== summary");
    for (name, result) in &results {
        println!("{:<8}{name}", if result.is_ok() { "ok" } else { "FAILED" });
    }
    let findings: Findings =
        results.into_iter().filter_map(|(name, r)| Some(format!("{name}: {}", r.err()?))).collect();
    if findings.is_empty() { Ok(()) } else { Err(findings) }
}
