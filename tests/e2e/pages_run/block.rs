//! The blocks of a page that have commands.
//!
//! In an `sh` block each line is a command; in a `console` block each line that begins with `$ `, and what
//! follows is what it prints. A line that ends in `\` goes on in the next. These marks, comments that a reader
//! of the page does not see, stand right before a block:
//!
//! * `<!-- before: COMMAND -->`: what is run first; over several lines, several commands.
//! * `<!-- not run: REASON -->`: nothing of the block is run.
//! * ``<!-- not run `COMMAND`: REASON -->``: this command of the block is not run.

/// A block of commands.
#[derive(Debug)]
pub(super) struct Block {
    pub(super) line: usize,
    pub(super) before: Vec<String>,
    pub(super) commands: Vec<Command>,
}

/// A command of a page.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Command {
    pub(super) line: usize,
    pub(super) text: String,
    /// What the page says that it prints, where it says that.
    pub(super) shows: Option<String>,
    pub(super) exit: i32,
    /// Why it is not run.
    pub(super) not_run: Option<String>,
}

/// What a page says of the block that follows.
enum Mark {
    Before(Vec<String>),
    NotRun { command: Option<String>, reason: String },
}

/// The blocks of a page, or all that is wrong with their marks.
pub(super) fn blocks(page: &str) -> Result<Vec<Block>, Vec<String>> {
    let (mut found, mut wrong) = (Vec::new(), Vec::new());
    let mut marks: Vec<Mark> = Vec::new();
    let mut lines = page.lines().enumerate().map(|(at, line)| (at + 1, line));
    while let Some((at, line)) = lines.next() {
        if let Some(language) = line.strip_prefix("```") {
            let body: Vec<_> = lines.by_ref().take_while(|(_, line)| *line != "```").collect();
            let marks = std::mem::take(&mut marks);
            match language {
                "sh" | "console" => match block(at, language == "console", &body, marks) {
                    Ok(block) => found.push(block),
                    Err(findings) => wrong.extend(findings),
                },
                _ if body.iter().any(|(_, line)| line.starts_with("$ ")) => {
                    wrong.push(format!("line {at}: it shows commands: make it a `console` block"));
                }
                _ if !marks.is_empty() => wrong.push(format!("line {at}: a mark of no commands")),
                _ => {}
            }
        } else if line.starts_with("<!--") {
            let mut comment = line.to_owned();
            while !comment.contains("-->") {
                let Some((_, line)) = lines.next() else { break };
                comment = format!("{comment}\n{line}");
            }
            match mark(&comment) {
                Some(mark) => marks.push(mark),
                None => wrong.push(format!("line {at}: no mark that is known: {comment}")),
            }
        } else if !marks.is_empty() {
            marks.clear();
            wrong.push(format!("line {at}: a mark stands right before its block"));
        }
    }
    if !marks.is_empty() {
        wrong.push("at its end: a mark stands right before its block".to_owned());
    }
    if wrong.is_empty() { Ok(found) } else { Err(wrong) }
}

fn mark(comment: &str) -> Option<Mark> {
    let text = comment.strip_prefix("<!--")?.strip_suffix("-->")?.trim();
    if let Some(commands) = text.strip_prefix("before:") {
        let commands: Vec<_> = commands.trim().lines().map(str::to_owned).collect();
        return (!commands.is_empty()).then_some(Mark::Before(commands));
    }
    let rest = text.strip_prefix("not run")?;
    let (command, reason) = match rest.strip_prefix(" `") {
        Some(rest) => rest.split_once("`:").map(|(command, reason)| (Some(command.to_owned()), reason))?,
        None => (None, rest.strip_prefix(':')?),
    };
    let reason = reason.trim().to_owned();
    (!reason.is_empty()).then_some(Mark::NotRun { command, reason })
}

fn block(line: usize, console: bool, body: &[(usize, &str)], marks: Vec<Mark>) -> Result<Block, Vec<String>> {
    let mut commands = commands(console, body);
    let (mut before, mut wrong) = (Vec::new(), Vec::new());
    if commands.is_empty() {
        wrong.push(format!("line {line}: a block of commands has none"));
    }
    for mark in marks {
        match mark {
            Mark::Before(more) => before.extend(more),
            Mark::NotRun { command, reason } => {
                let mut meant: Vec<_> = commands
                    .iter_mut()
                    .filter(|c| command.as_ref().is_none_or(|meant| without_comment(&c.text) == meant))
                    .collect();
                if meant.is_empty() {
                    wrong.push(format!(
                        "line {line}: the block has no command `{}`",
                        command.unwrap_or_default()
                    ));
                }
                meant.iter_mut().for_each(|command| command.not_run = Some(reason.clone()));
            }
        }
    }
    if wrong.is_empty() { Ok(Block { line, before, commands }) } else { Err(wrong) }
}

fn commands(console: bool, body: &[(usize, &str)]) -> Vec<Command> {
    let mut found: Vec<Command> = Vec::new();
    let mut goes_on = false;
    for (line, text) in body {
        let typed = if console { text.strip_prefix("$ ") } else { Some(*text) };
        match (goes_on, typed, found.last_mut()) {
            (true, _, Some(last)) => last.text = format!("{}\n{text}", last.text),
            (_, Some(typed), _) if typed.trim().is_empty() || typed.starts_with('#') => {}
            (_, Some(typed), _) => {
                let shows = console.then(String::new);
                found.push(Command { line: *line, text: typed.to_owned(), shows, exit: 0, not_run: None });
            }
            (_, None, Some(Command { shows: Some(shows), .. })) => *shows = format!("{shows}{text}\n"),
            // What a page shows before its first command is nobody's.
            (_, None, _) => {}
        }
        goes_on = text.ends_with('\\') && found.last().is_some_and(|last| last.text.ends_with('\\'));
    }
    for command in &mut found {
        let said = command.text.split_once(" #").and_then(|(_, comment)| comment.split_once("exit code "));
        let digits = said.map(|(_, rest)| rest.chars().take_while(char::is_ascii_digit).collect::<String>());
        command.exit = digits.and_then(|digits| digits.parse().ok()).unwrap_or(0);
    }
    found
}

/// A command without the comment behind it.
pub(super) fn without_comment(text: &str) -> &str {
    text.split_once(" #").map_or(text, |(command, _)| command).trim_end()
}

#[test]
fn commands_are_found_with_what_they_show() {
    let page = "\
```text
no command
```
<!-- before:
one
two
-->
<!-- not run `b`: it hurts -->
```console
$ a \\
  more
shown
$ b   # exit code 3
```
<!-- not run: there is none -->
```sh
# a comment

c
```
";
    let found = blocks(page).unwrap();
    let command = |line, text: &str, shows: Option<&str>, exit, not_run: Option<&str>| Command {
        line,
        text: text.to_owned(),
        shows: shows.map(str::to_owned),
        exit,
        not_run: not_run.map(str::to_owned),
    };
    assert_eq!(found[0].before, ["one", "two"]);
    assert_eq!(
        found[0].commands,
        [
            command(10, "a \\\n  more", Some("shown\n"), 0, None),
            command(13, "b   # exit code 3", Some(""), 3, Some("it hurts")),
        ]
    );
    assert_eq!(found[1].commands, [command(19, "c", None, 0, Some("there is none"))]);
}

#[test]
fn what_is_wrong_with_a_mark_is_told() {
    let told = |page: &str| blocks(page).unwrap_err().join("; ");
    for (page, expected) in [
        ("<!-- skipped: why -->\n```sh\na\n```\n", "line 1: no mark that is known"),
        ("<!-- not run -->\n```sh\na\n```\n", "line 1: no mark that is known"),
        ("<!-- not run: -->\n```sh\na\n```\n", "line 1: no mark that is known"),
        ("<!-- not run `b`: why -->\n```sh\na\n```\n", "line 2: the block has no command `b`"),
        ("<!-- not run: why -->\n\n```sh\na\n```\n", "line 2: a mark stands right before its block"),
        ("<!-- not run: why -->\n", "at its end: a mark stands right before its block"),
        ("<!-- not run: why -->\n```json\n{}\n```\n", "line 2: a mark of no commands"),
        ("```text\n$ a\n```\n", "line 1: it shows commands"),
        ("```console\na\n```\n", "line 1: a block of commands has none"),
    ] {
        assert!(told(page).starts_with(expected), "{page}: {}", told(page));
    }
}
