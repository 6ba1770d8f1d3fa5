//! What `--help` says beside what clap makes of the arguments: the verbs in groups, and examples.

mod examples;

use clap::builder::StyledStr;
use clap::{Command, CommandFactory};

use self::examples::{EXAMPLES, FIRST_STEPS};
use crate::args::Cli;

/// The verbs as they belong together. Each line fits a terminal of 80 columns.
const GROUPS: [(&str, &str); 9] = [
    ("Peers", "init create list show remove rename verify"),
    ("Sessions", "launch attach stop start new refresh interrupt compact up down"),
    ("Workers", "queue self-done self-fresh"),
    ("Deaths", "deaths why logs canary selftest"),
    ("Memory", "slot memory-plugin native-memory"),
    ("Runtimes", "runtime add-runtime default-runtime"),
    ("Host", "status top doctor preflight supervise service"),
    ("State", "backup restore"),
    ("Shell", "completions man schema"),
];

/// The command line with everything that its help says.
pub(crate) fn command() -> Command {
    let command = Cli::command().mut_subcommands(|verb| {
        let path = verb.get_name().to_owned();
        with_examples(verb, &path)
    });
    command.help_template(front_page())
}

/// The examples of a verb, by its words without `iapeer`: each one a line for a shell, with a comment.
pub(crate) fn examples(path: &str) -> impl Iterator<Item = &'static str> {
    let of_path = EXAMPLES.iter().find(|(name, _)| *name == path);
    of_path.into_iter().flat_map(|(_, lines)| lines.lines().map(str::trim)).filter(|line| !line.is_empty())
}

/// What the examples on the first page are.
pub(crate) fn first_steps() -> impl Iterator<Item = &'static str> {
    FIRST_STEPS.lines().map(str::trim).filter(|line| !line.is_empty())
}

fn with_examples(verb: Command, path: &str) -> Command {
    let verb = verb.mut_subcommands(|sub| {
        let path = format!("{path} {}", sub.get_name());
        with_examples(sub, &path)
    });
    let examples = match verb.get_subcommands().next() {
        None => listed(examples(path)),
        // Of a group, the first one of each verb in it.
        Some(_) => {
            let names = verb.get_subcommands().map(|sub| format!("{path} {}", sub.get_name()));
            let firsts: Vec<_> = names.filter_map(|path| examples(&path).next()).collect();
            listed(firsts.into_iter())
        }
    };
    let notes = verb.get_after_help().map(StyledStr::to_string);
    let notes = notes.map(|notes| format!("\n\n{notes}")).unwrap_or_default();
    verb.after_help(format!("{examples}{notes}"))
}

/// The help of the program. It fits a terminal of 80 by 24.
fn front_page() -> String {
    let groups: Vec<_> = GROUPS.iter().map(|(group, verbs)| format!("  {group:<10}{verbs}")).collect();
    format!(
        "{{about}}\n\nUsage: iapeer <COMMAND> [ARGUMENTS]...    More of one: iapeer <COMMAND> --help\n\n\
         {}\n\n{}\n\nOptions: -h, --help    -V, --version    All commands: iapeer man | man -l -",
        groups.join("\n"),
        listed(first_steps()),
    )
}

fn listed<'a>(examples: impl Iterator<Item = &'a str>) -> String {
    let lines: Vec<_> = examples.collect();
    let command =
        |line: &str| line.split_once(" # ").map_or(line.len(), |(command, _)| command.trim_end().len());
    let width = lines.iter().map(|line| command(line)).max().unwrap_or_default();
    let aligned = lines.iter().map(|line| match line.split_once(" # ") {
        Some((command, what)) => format!("\n  {:<width$}  # {what}", command.trim_end()),
        None => format!("\n  {line}"),
    });
    if lines.is_empty() { String::new() } else { format!("Examples:{}", aligned.collect::<String>()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each verb and each verb under it, by its words without `iapeer`.
    fn paths(command: &Command, before: &str) -> Vec<String> {
        let visible = command.get_subcommands().filter(|verb| !verb.is_hide_set());
        let of_one = |verb: &Command| {
            let path = format!("{before}{}", verb.get_name());
            let below = paths(verb, &format!("{path} "));
            if below.is_empty() { vec![path] } else { below }
        };
        visible.flat_map(of_one).collect()
    }

    #[test]
    fn each_verb_is_in_one_group() {
        let mut grouped: Vec<_> = GROUPS.iter().flat_map(|(_, verbs)| verbs.split(' ')).collect();
        grouped.sort_unstable();
        let command = command();
        let mut verbs: Vec<_> =
            command.get_subcommands().filter(|verb| !verb.is_hide_set()).map(Command::get_name).collect();
        verbs.sort_unstable();
        assert_eq!(grouped, verbs);
    }

    #[test]
    fn each_verb_has_examples_and_nothing_else_has() {
        let mut wanted = paths(&command(), "");
        wanted.sort();
        let mut named: Vec<_> = EXAMPLES.iter().map(|(path, _)| (*path).to_owned()).collect();
        named.sort();
        assert_eq!(named, wanted);
        for path in wanted {
            assert_ne!(examples(&path).count(), 0, "{path}");
            let listed = listed(examples(&path));
            assert!(
                listed.lines().all(|line| line.len() <= 80),
                "a line is broken in a small terminal: {listed}"
            );
        }
    }

    #[test]
    fn the_examples_are_understood() {
        let of_verbs = EXAMPLES.iter().flat_map(|(path, _)| examples(path).map(move |line| (*path, line)));
        for (path, line) in of_verbs.chain(first_steps().map(|line| ("", line))) {
            // It may stand within a command of the shell.
            let from = line.find("iapeer").unwrap_or_else(|| panic!("no iapeer in {line}"));
            let typed =
                line[from..].split(['|', '>', '#', ')']).next().expect("there is a first part").trim();
            // What is in quotes is one word.
            let parts = typed.split('"').enumerate();
            let words: Vec<&str> = parts
                .flat_map(|(n, part)| if n % 2 == 1 { vec![part] } else { part.split_whitespace().collect() })
                .collect();
            let typed = words.join(" ");
            assert!(typed.starts_with(format!("iapeer {path}").trim_end()), "{line}");
            command().try_get_matches_from(&words).unwrap_or_else(|e| panic!("{line}: {e}"));
        }
    }

    #[test]
    fn help_fits_a_small_terminal() {
        let command = command().term_width(80);
        let page = command.clone().render_help().to_string();
        // The prompt that comes next needs a line.
        assert!(page.trim_end().lines().count() < 24, "{page}");
        let wide = |text: &str| text.lines().any(|line| line.chars().count() > 80);
        assert!(!wide(&page), "{page}");
        for path in paths(&command, "") {
            let verb = path.split(' ').try_fold(&command, |command, word| command.find_subcommand(word));
            let help = verb.expect("it was listed").clone().term_width(80).render_help().to_string();
            assert!(!wide(&help), "{help}");
        }
    }
}
