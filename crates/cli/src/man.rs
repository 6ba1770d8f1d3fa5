//! The manual pages, from what `--help` is made of.

use clap::{Command, CommandFactory};
use clap_mangen::Man;

use crate::args::Cli;
use crate::help;

/// What makes an apostrophe one in every reader. Each section begins with it, and a page needs it once.
const APOSTROPHE: &str = ".ie \\n(.g .ds Aq \\(aq\n.el .ds Aq '\n";

/// What is before possible values, of which readers warn.
const DOUBLE_BREAK: &str = ".br\n\n.br\n";

/// The page of one verb, or of iapeer as a whole, as `man` reads it. `path` are its words without `iapeer`.
pub(crate) fn page(command: &Command, path: &str) -> String {
    let title = if path.is_empty() { "iapeer".to_owned() } else { format!("iapeer {path}") };
    let name = title.replace(' ', "-");
    let notes = command.get_after_help().filter(|_| !path.is_empty()).map(ToString::to_string);
    let notes = notes.and_then(|notes| Some(notes.split_once("\n\n")?.1.to_owned()));
    let command = command.clone().bin_name(title).display_name(name.clone()).disable_help_subcommand(true);
    let man = Man::new(command.clone());
    let mut parts = vec![
        Man::render_name_section,
        Man::render_synopsis_section,
        Man::render_description_section,
        Man::render_options_section,
    ];
    if command.get_subcommands().any(|verb| !verb.is_hide_set()) {
        parts.push(Man::render_subcommands_section);
    }
    let mut sections = Vec::new();
    for part in parts {
        part(&man, &mut sections).expect("memory takes whatever is written to it");
    }
    let sections = String::from_utf8(sections).expect("the texts are UTF-8");
    let version = Cli::command().get_version().unwrap_or_default().to_owned();
    // The date is left out, so that two builds of one version have the same pages.
    let head = format!(".TH {} 1 \"\" \"iapeer {version}\" \"iapeer manual\"\n", name.to_uppercase());
    let mut page =
        format!("{APOSTROPHE}{head}{}", sections.replace(APOSTROPHE, "").replace(DOUBLE_BREAK, ".sp\n"));
    let examples: Vec<_> =
        if path.is_empty() { help::first_steps().collect() } else { help::examples(path).collect() };
    if !examples.is_empty() {
        page.push_str(".SH EXAMPLES\n.nf\n");
        examples.iter().for_each(|line| page.push_str(&literal(line)));
        page.push_str(".fi\n");
    }
    if let Some(notes) = notes {
        page.push_str(".SH NOTES\n");
        page.push_str(&literal(&notes.split_whitespace().collect::<Vec<_>>().join(" ")));
    }
    page
}

/// The pages of iapeer and of every verb, each with the name of its file.
pub(crate) fn pages() -> Vec<(String, String)> {
    let mut command = help::command();
    // Only then a verb knows what stands before it.
    command.build();
    let mut pages = Vec::new();
    collect(&command, "", &mut pages);
    pages
}

fn collect(command: &Command, path: &str, pages: &mut Vec<(String, String)>) {
    let name = format!("iapeer {path}").trim_end().replace(' ', "-");
    pages.push((format!("{name}.1"), page(command, path)));
    for verb in command.get_subcommands().filter(|verb| !verb.is_hide_set()) {
        collect(verb, format!("{path} {}", verb.get_name()).trim_start(), pages);
    }
}

/// A line as it is, for a program that takes some characters for commands.
fn literal(line: &str) -> String {
    let escaped = line.replace('\\', "\\e").replace('-', "\\-").replace('`', "\\(ga").replace('\'', "\\(aq");
    // A dot at the beginning would be a request.
    format!("\\&{escaped}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_verb_has_a_page_with_its_examples() {
        let pages = pages();
        let names: Vec<_> = pages.iter().map(|(name, _)| name.as_str()).collect();
        for wanted in ["iapeer.1", "iapeer-create.1", "iapeer-slot.1", "iapeer-slot-check.1", "iapeer-man.1"]
        {
            assert!(names.contains(&wanted), "{wanted} is not among {names:?}");
        }
        assert!(!names.iter().any(|name| name.contains("folder-launch") || name.contains("__")), "{names:?}");
        for (name, page) in &pages {
            let words = name.trim_end_matches(".1").replacen('-', " ", 1);
            assert!(page.contains(".SH NAME") && page.contains(".SH SYNOPSIS"), "{words}: {page}");
        }
    }

    #[test]
    fn a_line_is_no_request() {
        assert_eq!(literal(".so /etc/passwd"), "\\&.so /etc/passwd\n");
        assert_eq!(literal("--a \\ 'b'"), "\\&\\-\\-a \\e \\(aqb\\(aq\n");
    }
}
