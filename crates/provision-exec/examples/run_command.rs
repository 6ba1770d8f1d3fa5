//! Runs a command as a provider's command is run, and prints what became of it.
//!
//! ```text
//! cargo run -p iapeer-provision-exec --example run_command -- /bin/echo '--cwd={cwd}' '{occasion}'
//! ```

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "an example prints")]

use std::env;
use std::process::ExitCode;
use std::time::Duration;

use iapeer_provision_exec::{Exit, Outcome, State, Template};

fn main() -> ExitCode {
    let words: Option<Vec<String>> = env::args_os().skip(1).map(|word| word.into_string().ok()).collect();
    let Some((command, args)) = words.as_ref().and_then(|words| words.split_first()) else {
        eprintln!("usage: run_command /ABSOLUTE/PROGRAM [ARGUMENT]…");
        eprintln!("{{cwd}} and {{occasion}} inside an argument are replaced");
        return ExitCode::from(2);
    };
    let here = env::current_dir().unwrap_or_else(|_| "/".into());
    let values = [("cwd", here.as_os_str()), ("occasion", "birth".as_ref())];
    match Template::new(command, args).fill(&values) {
        Ok(run) => {
            let outcome = run.current_dir(&here).time_limit(Duration::from_secs(10)).run();
            print(&outcome);
            if outcome.state == State::Ok { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}

fn print(outcome: &Outcome) {
    let or_none = |text: Option<String>| text.unwrap_or_else(|| "none".to_owned());
    println!("argv       {:?}", outcome.argv);
    println!("state      {}", outcome.state);
    println!("exit       {}", or_none(outcome.exit.as_ref().map(Exit::to_string)));
    println!("elapsed    {:.1?}", outcome.elapsed);
    println!("survivors  {}", outcome.survivors);
    println!("detail     {}", or_none(outcome.detail()));
    for (name, tail) in [("stdout", &outcome.stdout), ("stderr", &outcome.stderr)] {
        let cut = if tail.is_cut() { ", of which this is the end" } else { "" };
        println!("{name}     {} bytes{cut}", tail.total());
        tail.text().lines().for_each(|line| println!("  | {line}"));
    }
}
