//! What is executed, with whose environment, and where the doors are: read out of the sources, and held against the
//! page that people review.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::{Findings, repository};

/// The page that says it.
const PAGE: &str = "docs/AUDIT.md";

/// How a process comes to be: in Rust by one of these.
const STARTS: [&str; 2] = ["Run::new(", "Command::new("];

/// Where a call to a door stands.
struct Site {
    file: String,
    function: String,
    /// The first sentence about the function.
    about: String,
    /// What follows, up to the end of the function or a few lines.
    after: String,
}

/// `cargo xtask audit`: prints the page as it should be; with `--write`, writes it.
pub(crate) fn audit(arguments: &[String]) -> Result<(), Findings> {
    let page = page(repository::root()).map_err(|e| vec![e])?;
    match arguments {
        [] => print!("{page}"),
        [flag] if flag == "--write" => {
            fs::write(repository::root().join(PAGE), page).map_err(|e| vec![format!("{PAGE}: {e}")])?;
        }
        other => return Err(vec![format!("takes --write or nothing, got {other:?}")]),
    }
    Ok(())
}

/// Where the page differs from the sources.
pub(crate) fn findings(root: &Path) -> Findings {
    let page = match page(root) {
        Ok(page) => page,
        Err(e) => return vec![e],
    };
    let written = fs::read_to_string(root.join(PAGE)).unwrap_or_default();
    let (is, was): (BTreeSet<_>, BTreeSet<_>) = (page.lines().collect(), written.lines().collect());
    let new = is.difference(&was).map(|line| format!("{PAGE} does not say: {line}"));
    let old = was.difference(&is).map(|line| format!("{PAGE} says what is no more: {line}"));
    let mut all: Findings = new.chain(old).collect();
    if all.is_empty() && page != written {
        all.push(format!("{PAGE} is in another order"));
    }
    if !all.is_empty() {
        all.push("look whether each of these is meant, then: cargo xtask audit --write".to_owned());
    }
    all
}

fn page(root: &Path) -> Result<String, String> {
    let files =
        repository::files(root, &["crates"]).map_err(|e| format!("the sources cannot be listed: {e}"))?;
    let is_delivered = |file: &&String| {
        file.split('/').nth(2) == Some("src") && !file.contains("/tests") && !file.contains("/fuzzing")
    };
    let (mut starts, mut told, mut doors, mut scripts) =
        (Vec::new(), Vec::new(), Vec::new(), BTreeSet::new());
    for file in files.iter().filter(is_delivered) {
        let read = || fs::read_to_string(root.join(file)).map_err(|e| format!("{file}: {e}"));
        if file.ends_with(".rs") {
            let text = read()?;
            let text = without_tests(&text);
            // The command line is made of commands of another kind.
            let is_clap = text.lines().any(|line| line.starts_with("use clap") && line.contains("Command"));
            let starts_none = |word: &&str| is_clap && word.starts_with("Command");
            for word in STARTS.into_iter().filter(|word| !starts_none(word)) {
                starts.extend(sites(file, text, word).iter().map(|site| started(word, site)));
            }
            told.extend(told_to_shells(text));
            let expects = sites(file, text, "expect(clippy::disallowed_methods, reason = \"");
            // One without a function is about a module of tests in a file of its own.
            doors.extend(expects.iter().filter(|site| !site.function.is_empty()).map(|site| {
                let reason = site.after.split('"').next().unwrap_or_default();
                format!("| `{}` | `{}` | {reason} |", site.file, site.function)
            }));
        } else if file.ends_with(".sh") {
            scripts.extend(commands(&read()?));
        }
    }
    let scripts: Vec<_> = scripts.iter().map(|word| format!("`{word}`")).collect();
    Ok(format!(
        "# Audit\n\n\
         Read out of the sources by `cargo xtask audit`, and compared with them by `cargo xtask check`: whoever starts\n\
         another program, or opens another door, is seen in this page. What it means is in\n\
         [SECURITY.md](SECURITY.md). The modes of files are in a snapshot that is taken of a real root\n\
         (`tests/e2e/snapshots/modes.snap`).\n\n\
         ## What is started\n\n\
         A `Run` has the environment of whoever called iapeer, but for what is said here; a `Command` what is said\n\
         here. Nothing is started by way of a shell but where `/bin/sh` is named.\n\n\
         | where | by | program | environment | what the function does |\n|---|---|---|---|---|\n{}\n\n\
         ## What shells are told\n\n\
         Values are arguments or options of tmux, never a part of these texts.\n\n\
         ```rust\n{}\n```\n\n\
         ## What the scripts of the witness and of the exit hook call\n\n\
         Each only where it is there; the witness with a cleared environment, the exit hook with that of its tmux\n\
         server: {}.\n\n\
         ## The doors\n\n\
         Everywhere else `clippy.toml` forbids starting processes, writing files and reading the environment.\n\n\
         | where | function | reason |\n|---|---|---|\n{}\n",
        starts.join("\n"),
        told.join("\n"),
        scripts.join(", "),
        doors.join("\n"),
    ))
}

/// The text up to the tests that stand in it.
fn without_tests(text: &str) -> &str {
    let tests = text.match_indices("\n#[cfg(").find(|(at, _)| {
        let attribute = text[at + 1..].lines().next().unwrap_or_default();
        if !attribute.contains("(test)") && !attribute.contains("all(test") {
            return false;
        }
        let mut lines = text[at + 1..].lines().skip_while(|line| line.starts_with("#["));
        lines.next().is_some_and(|line| line.starts_with("mod ") && line.ends_with('{'))
    });
    tests.map_or(text, |(at, _)| &text[..at])
}

/// Where a word stands in the code of a file.
fn sites(file: &str, text: &str, word: &str) -> Vec<Site> {
    let is_code = |at: usize| {
        let line = text[..at].rsplit('\n').next().unwrap_or_default();
        !line.trim_start().starts_with("//")
    };
    let site = |(at, _): (usize, &str)| {
        // An `expect` stands before its function, a call within it.
        let is_attribute = word.starts_with("expect");
        let ahead = text[at..].find("fn ").map(|found| at + found);
        let head = if is_attribute { ahead } else { function_before(text, at) };
        let head = head.unwrap_or(0);
        let name = text[head..].strip_prefix("fn ").and_then(|rest| rest.split(['(', '<']).next());
        let after: Vec<_> = text[at + word.len()..].lines().take(12).collect();
        let until = after.iter().position(|line| *line == "}" || *line == "    }").unwrap_or(after.len());
        Site {
            file: file.to_owned(),
            function: name.unwrap_or("").to_owned(),
            about: about(&text[..head]),
            after: after[..until].join("\n"),
        }
    };
    text.match_indices(word).filter(|(at, _)| is_code(*at)).map(site).collect()
}

/// Where the function begins in which something stands.
fn function_before(text: &str, at: usize) -> Option<usize> {
    text[..at]
        .match_indices("fn ")
        .filter(|(at, _)| text[..*at].ends_with([' ', '\n']))
        .map(|(at, _)| at)
        .last()
}

/// The first sentence of the comment above.
fn about(before: &str) -> String {
    let lines: Vec<_> =
        before.lines().rev().skip_while(|line| !line.trim_start().starts_with("///")).collect();
    let is_near = before.lines().rev().take(4).any(|line| line.trim_start().starts_with("///"));
    let comment = lines.iter().map_while(|line| line.trim_start().strip_prefix("///"));
    let mut words: Vec<_> = comment.map(str::trim).take_while(|_| is_near).collect();
    words.reverse();
    let text = words.join(" ");
    text.split_once(". ").map_or(text.as_str(), |(first, _)| first).trim_end_matches('.').replace('|', "\\|")
}

/// The constants that are a text for a shell.
fn told_to_shells(text: &str) -> Vec<String> {
    let consts = text.match_indices("const ").filter_map(|(at, _)| text[at..].split(";\n").next());
    let told = consts.filter(|text| text.contains(": &str =") && text.contains("exec "));
    told.map(|text| format!("{};", text.split_whitespace().collect::<Vec<_>>().join(" "))).collect()
}

/// A row about a place where a process is started.
fn started(word: &str, site: &Site) -> String {
    let by = word.trim_end_matches("::new(");
    let program = balanced(&site.after);
    let mut environment = Vec::new();
    if by == "Command" && !site.after.contains(".env_clear()") {
        environment.push("the caller's".to_owned());
    }
    if site.after.contains(".env_clear()") {
        environment.push("cleared".to_owned());
    }
    for method in [".env(", ".envs(", ".env_remove("] {
        for (at, _) in site.after.match_indices(method) {
            let what = balanced(&site.after[at + method.len()..]).replace('\n', " ");
            let sign = if method == ".env_remove(" { "without" } else { "with" };
            environment.push(format!("{sign} `{what}`"));
        }
    }
    let environment = if environment.is_empty() { "as is".to_owned() } else { environment.join(", ") };
    format!(
        "| `{}`, `{}` | `{by}` | `{program}` | {environment} | {} |",
        site.file, site.function, site.about
    )
}

/// The text up to the parenthesis that closes what was opened before it.
fn balanced(text: &str) -> &str {
    let mut depth = 0;
    for (at, c) in text.char_indices() {
        match c {
            '(' | '[' => depth += 1,
            ')' | ']' if depth == 0 => return &text[..at],
            ')' | ']' => depth -= 1,
            _ => {}
        }
    }
    text
}

/// The programs that a shell script calls, as far as they are of the kind that a witness needs.
fn commands(script: &str) -> BTreeSet<&'static str> {
    const PROGRAMS: [&str; 40] = [
        "awk",
        "base64",
        "bash",
        "cat",
        "chmod",
        "cp",
        "curl",
        "cut",
        "date",
        "dd",
        "dmesg",
        "env",
        "find",
        "grep",
        "head",
        "id",
        "journalctl",
        "kill",
        "ln",
        "logger",
        "ls",
        "mkdir",
        "mktemp",
        "mv",
        "nohup",
        "ps",
        "python3",
        "rm",
        "rmdir",
        "sed",
        "setsid",
        "sleep",
        "sort",
        "stat",
        "sysctl",
        "tail",
        "timeout",
        "tmux",
        "touch",
        "wget",
    ];
    let code = script.lines().map(str::trim).filter(|line| !line.starts_with('#'));
    let words: BTreeSet<_> = code
        .flat_map(|line| line.split(|c: char| !c.is_ascii_alphanumeric() && !"-_.=$/".contains(c)))
        .collect();
    PROGRAMS.into_iter().filter(|program| words.contains(program)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_start_is_seen_and_one_in_a_comment_or_a_test_is_not() {
        let text = "/// Asks. More.\nfn ask() {\n    // Run::new(no)\n    Run::new(&self.it[0]).env(\"A\", b()).run()\n}\n\
                    #[cfg(test)]\nmod tests {\n    fn t() { Run::new(x) }\n}\n";
        let found = sites("f.rs", without_tests(text), "Run::new(");
        let rows: Vec<_> = found.iter().map(|site| started("Run::new(", site)).collect();
        assert_eq!(rows, ["| `f.rs`, `ask` | `Run` | `&self.it[0]` | with `\"A\", b()` | Asks |"]);
    }

    #[test]
    fn a_text_for_a_shell_is_seen() {
        let text = "const A: &str = \"x\";\nconst B: &str =\n    \"exec cat\";\nconst C: u8 = 1;\n";
        assert_eq!(told_to_shells(text), ["const B: &str = \"exec cat\";"]);
    }

    #[test]
    fn programs_of_a_script_are_seen() {
        let found = commands("#!/bin/sh\n# rm nothing\nx=$(date +%s) && mv a b\n");
        assert_eq!(found.into_iter().collect::<Vec<_>>(), ["date", "mv"]);
    }
}
