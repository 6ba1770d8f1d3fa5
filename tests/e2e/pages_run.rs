//! Every command in README.md and in docs/ is run, and says what the page shows.
//!
//! Each page has a host of its own, on which its commands run in their order, in the user's home. A command
//! must succeed, unless the comment behind it says `exit code N`. [`block`] has the marks by which a page says
//! what is needed before, and what is not run and why; [`shown`] says what may differ from what is shown.

mod block;
mod shown;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use self::block::{Block, Command, blocks, without_comment};
use crate::host::{Host, IAPEER, Ran, finish};
use crate::memory::memory_provider;
use crate::pages::pages;

/// Where root and home are in the pages.
const SHOWN_HOME: &str = "/home/me";

/// What only reads may be asked again: it tells of what happens without being asked, as a death.
const READS: [&str; 6] = ["list", "show", "status", "deaths", "why", "logs"];
const PATIENCE: Duration = Duration::from_secs(20);

/// The host of one page.
struct Reader {
    host: Host,
    /// What differs from what the page shows and may be named by a later command, as a pid.
    differs: BTreeMap<String, String>,
}

/// What became of the commands of a page.
#[derive(Default)]
struct Report {
    run: usize,
    not_run: Vec<String>,
    findings: Vec<String>,
}

impl Reader {
    fn new() -> Reader {
        let mut host = Host::new();
        for (name, program) in [("iapeer", Path::new(IAPEER)), ("memory-provider", memory_provider())] {
            symlink(program, host.path("bin").join(name)).unwrap();
        }
        fs::create_dir(host.path("t")).unwrap();
        let temporary = host.path("t").to_str().unwrap().to_owned();
        host.set("TMPDIR", temporary);
        fs::write(host.path("before"), format!("cd {}\n", host.path("home").display())).unwrap();
        Reader { host, differs: BTreeMap::new() }
    }

    fn read(&mut self, page: &str) -> Report {
        let mut report = Report::default();
        let found = blocks(page).unwrap_or_else(|findings| {
            report.findings = findings;
            Vec::new()
        });
        for block in &found {
            self.block(block, &mut report);
        }
        report
    }

    fn block(&mut self, block: &Block, report: &mut Report) {
        for line in &block.before {
            let ran = self.run(line);
            if ran.exit != 0 {
                report.findings.push(format!("line {}: before it, `{line}`: {ran}", block.line));
            }
        }
        for command in &block.commands {
            match &command.not_run {
                Some(reason) => {
                    report.not_run.push(format!("`{}`: {reason}", without_comment(&command.text)));
                }
                None => {
                    report.run += 1;
                    report.findings.extend(self.finding(command));
                }
            }
        }
    }

    /// Runs a command; what is not as the page says.
    fn finding(&mut self, command: &Command) -> Option<String> {
        let mut words = command.text.split_whitespace();
        let reads = words.next() == Some("iapeer") && words.next().is_some_and(|verb| READS.contains(&verb));
        let start = Instant::now();
        loop {
            let ran = self.run(&command.text);
            let told = self.as_shown(&ran.stdout);
            let matched = command.shows.as_ref().map(|shows| shown::differences(shows, &told));
            match matched {
                _ if ran.exit != command.exit => {}
                None => return None,
                Some(Ok(differs)) => {
                    self.differs.extend(differs);
                    return None;
                }
                Some(Err(())) => {}
            }
            if !reads || command.shows.is_none() || start.elapsed() > PATIENCE {
                let (line, text, exit) = (command.line, &command.text, command.exit);
                let shows = command.shows.as_deref().unwrap_or("(nothing is shown)\n");
                return Some(format!(
                    "line {line}: `{text}`\n--- the page: exit code {exit}\n{shows}--- it: exit code {}\n{told}",
                    ran.exit
                ));
            }
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// Runs a line in the shell, in the folder and with the variables that the one before has left.
    fn run(&self, line: &str) -> Ran {
        let line = shown::renamed(line, &self.differs).replace("~/.iapeer", "\"$IAPEER_ROOT\"");
        let before = self.host.path("before");
        let script = format!(
            ". {0}\n{{ {line}\n}} 2>&1\nstatus=$?\n{{ export -p; echo \"cd '$PWD'\"; }} >{0}\nexit $status",
            before.display()
        );
        finish(&mut self.host.command("/bin/sh", ["-c", &script]))
    }

    /// The paths of this host as the pages have them.
    fn as_shown(&self, told: &str) -> String {
        let root = self.host.path("root");
        let home = self.host.path("home");
        told.replace(root.to_str().unwrap(), &format!("{SHOWN_HOME}/.iapeer"))
            .replace(home.to_str().unwrap(), SHOWN_HOME)
    }
}

#[test]
fn every_command_in_the_pages_does_what_they_say() {
    let pages = pages();
    let reports: Vec<_> = thread::scope(|scope| {
        let read = |page| scope.spawn(move || Reader::new().read(page));
        let readers: Vec<_> = pages.iter().map(|(name, page)| (name, read(page))).collect();
        readers.into_iter().map(|(name, reader)| (name, reader.join().unwrap())).collect()
    });
    for (name, report) in &reports {
        report.not_run.iter().for_each(|what| println!("{name}: not run: {what}"));
    }
    let run: usize = reports.iter().map(|(_, report)| report.run).sum();
    println!("{run} commands of {} pages were run", reports.len());
    let findings: Vec<_> = reports
        .iter()
        .flat_map(|(name, report)| report.findings.iter().map(move |finding| format!("{name}: {finding}")))
        .collect();
    assert!(findings.is_empty(), "{}", findings.join("\n\n"));
    assert!(run > 50, "the commands are not found any more: {run}");
}

#[test]
fn a_page_that_is_wrong_is_found_out() {
    let page = r#"
```console
$ echo some pid 123 of 2; echo and >&2
some pid 9 of 2
and
$ test 9 = 123
$ cd /; pwd
/
$ pwd
/home/me
$ false
$ (exit 3)    # exit code 3
```
<!-- before: false -->
```sh
true    # a comment
exit 4  # exit code 4
```
<!-- not run: it never ends -->
```sh
sleep 100000
```
"#;
    let report = Reader::new().read(page);
    let lines: Vec<_> = report.findings.iter().map(|finding| finding.lines().next().unwrap()).collect();
    assert_eq!(lines, ["line 9: `pwd`", "line 11: `false`", "line 15: before it, `false`: exit: 1"]);
    assert_eq!((report.run, report.not_run), (8, vec!["`sleep 100000`: it never ends".to_owned()]));
}
