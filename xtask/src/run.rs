//! Running programs.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;

use duct::{Expression, cmd};

use crate::repository;

/// Cargo, in the root of the repository.
pub(crate) fn cargo(arguments: &[&str]) -> Expression {
    cargo_in(repository::root(), arguments)
}

/// Cargo, in some folder.
pub(crate) fn cargo_in(folder: &Path, arguments: &[&str]) -> Expression {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    cmd(cargo, arguments).dir(folder)
}

/// What the compiler says that cargo would use.
pub(crate) fn rustc(arguments: &[&str]) -> Result<String, String> {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let said = cmd(rustc, arguments).dir(repository::root()).read();
    said.map_err(|e| format!("`rustc {}` failed: {e}", arguments.join(" ")))
}

/// Where cargo keeps the sources of others.
pub(crate) fn cargo_home() -> Option<PathBuf> {
    env::var_os("CARGO_HOME").map(PathBuf::from).or_else(|| Some(env::home_dir()?.join(".cargo")))
}

/// Says what is run, runs it with its output where ours goes, and makes anything but success an error.
pub(crate) fn aloud(line: &str, command: &Expression) -> Result<(), String> {
    println!("$ {line}");
    let status = command.unchecked().run().map_err(|e| format!("`{line}` could not be started: {e}"))?.status;
    if status.success() { Ok(()) } else { Err(format!("`{line}` ended with {}", ending(status))) }
}

/// [`cargo`], aloud.
pub(crate) fn cargo_aloud(arguments: &[&str]) -> Result<(), String> {
    aloud(&format!("cargo {}", arguments.join(" ")), &cargo(arguments))
}

/// Where `PATH` finds a program.
pub(crate) fn which(program: &str) -> Option<PathBuf> {
    env::split_paths(&env::var_os("PATH")?).map(|folder| folder.join(program)).find(|p| is_program(p))
}

/// A file that may be executed.
pub(crate) fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(path).is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

fn ending(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt;
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => "neither exit code nor signal".to_owned(),
    }
}
