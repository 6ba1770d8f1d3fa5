//! The programs that the tests and the demo run: tmux, shells to try the witness script under, and what looks at
//! processes.

use duct::cmd;

use crate::run::{self, which};

/// Without these, tests fail.
const NEEDED: &[&str] = &["tmux"];

/// Without these, tests cover less. The packages have the same names as the programs.
const WELCOME: &[&str] =
    &["bash", "dash", "busybox", "mksh", "yash", "zsh", "fish", "mandoc", "shellcheck", "strace"];

/// Ways to install for those who are asked to do it themselves.
const BY_HAND: &[(&str, &str)] = &[
    ("apt-get", "sudo apt-get install -y"),
    ("brew", "brew install"),
    ("dnf", "sudo dnf install -y"),
    ("pacman", "sudo pacman -S --needed"),
    ("zypper", "sudo zypper install -y"),
    ("apk", "sudo apk add"),
];

/// Who may install here without asking anybody.
#[derive(Clone, Copy)]
enum Installer {
    AptAsRoot,
    AptWithSudo,
    Brew,
}

/// Installs what is missing where that can be done without a question, and says what to do where not.
/// That a shell is missing is said and is no error.
pub(crate) fn programs() -> Result<(), String> {
    let result = tmux();
    let missing = missing(WELCOME);
    if !missing.is_empty() && !install(&missing) {
        println!("not here, so that less is tried: {} ({})", missing.join(" "), by_hand(&missing));
    }
    result
}

/// Installs tmux if it is missing.
pub(crate) fn tmux() -> Result<(), String> {
    let missing = missing(NEEDED);
    if missing.is_empty() || install(&missing) {
        return Ok(());
    }
    Err(format!("{} is needed and not here: {}", missing.join(" "), by_hand(&missing)))
}

fn missing(programs: &[&'static str]) -> Vec<&'static str> {
    programs.iter().copied().filter(|program| which(program).is_none()).collect()
}

/// Whether all of these are here afterwards.
fn install(programs: &[&'static str]) -> bool {
    let Some(installer) = installer() else { return false };
    for command in installer.commands(programs) {
        let (program, arguments) = command.split_first().expect("a command has a program");
        let run = cmd(*program, arguments).env("DEBIAN_FRONTEND", "noninteractive").stdin_null();
        if let Err(finding) = run::aloud(&command.join(" "), &run) {
            println!("{finding}");
        }
        if missing(programs).is_empty() {
            return true;
        }
    }
    false
}

fn installer() -> Option<Installer> {
    if which("brew").is_some() {
        return Some(Installer::Brew);
    }
    which("apt-get")?;
    let is_root = cmd!("id", "-u").read().is_ok_and(|id| id == "0");
    if is_root {
        return Some(Installer::AptAsRoot);
    }
    // `-n`: a password that would have to be asked for is a no.
    let sudo = which("sudo").map(|sudo| cmd!(sudo, "-n", "true").stderr_null().stdin_null());
    sudo.is_some_and(|sudo| sudo.run().is_ok()).then_some(Installer::AptWithSudo)
}

impl Installer {
    /// What to run, one after the other, until the programs are there.
    fn commands(self, programs: &[&'static str]) -> Vec<Vec<&'static str>> {
        let apt = |sudo: &[&'static str]| {
            let command = |rest: &[&'static str]| [sudo, &["apt-get"], rest].concat();
            let install = command(&[&["install", "-y", "--no-install-recommends"], programs].concat());
            // A machine fresh from an image has no package lists.
            vec![install.clone(), command(&["update"]), install]
        };
        match self {
            Self::AptAsRoot => apt(&[]),
            Self::AptWithSudo => apt(&["sudo", "-n"]),
            Self::Brew => vec![[&["brew", "install"], programs].concat()],
        }
    }
}

/// The one line for a person to run.
fn by_hand(programs: &[&str]) -> String {
    let known = BY_HAND.iter().find(|(manager, _)| which(manager).is_some());
    match known {
        Some((_, line)) => format!("run `{line} {}`", programs.join(" ")),
        None => format!("install {} with the package manager of this system", programs.join(" ")),
    }
}
