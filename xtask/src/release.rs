//! `cargo xtask release`: refuses what must not be released, with all that stands against it at once, and else
//! builds the archive and tries what is in it. `RELEASING.md` says when to run it.

mod archive;
mod contents;
mod git;
mod licences;
mod proof;
mod refusals;
#[cfg(test)]
mod tests;

use std::fs;
use std::path::{Path, PathBuf};

use crate::{Findings, install, repository, run};
use archive::Packed;
use refusals::Wish;

/// Builds what is released, unless something stands against it.
pub(crate) fn release(arguments: &[String]) -> Result<(), Findings> {
    let wish = Wish::parse(arguments).map_err(|finding| vec![finding])?;
    let root = repository::root();
    let version = refusals::version(root, &wish)?;
    println!("nothing stands against {version}");
    build(root, &version).map_err(|finding| vec![finding])
}

fn build(root: &Path, version: &str) -> Result<(), String> {
    let target = target()?;
    let program = program(root, &target)?;
    println!("{target}: {}", linkage(&program)?);
    let packed = Packed {
        name: format!("iapeer-{version}-{target}"),
        files: contents::contents(root, &program)?,
        seconds: git::commit_seconds(root)?,
    };
    let archive = packed.archive()?;
    let folder = repository::workspace()?.target.join("dist");
    let told = |e| format!("cannot write in {}: {e}", folder.display());
    fs::create_dir_all(&folder).map_err(told)?;
    let file = format!("{}.tar.gz", packed.name);
    install::tmux()?;
    proof::prove(&packed.name, &archive, version)?;
    // Only what was tried is put where it is taken from.
    fs::write(folder.join("SHA256SUMS"), archive::sums([(file.as_str(), &archive[..])])).map_err(told)?;
    fs::write(folder.join(&file), &archive).map_err(told)?;
    println!("{} ({} KiB), with SHA256SUMS beside it", folder.join(file).display(), archive.len() / 1024);
    Ok(())
}

/// What is built for: this machine, without a C library to be found at run time where the compiler can.
fn target() -> Result<String, String> {
    let version = run::rustc(&["-vV"])?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    let host = host.ok_or("`rustc -vV` names no host")?;
    let Some(musl) = host.strip_suffix("-gnu").map(|host| format!("{host}-musl")) else {
        return Ok(host.to_owned());
    };
    let library = run::rustc(&["--print", "target-libdir", "--target", &musl])?;
    Ok(if Path::new(library.trim()).is_dir() { musl } else { host.to_owned() })
}

/// Builds the program, with no path of this machine in it.
fn program(root: &Path, target: &str) -> Result<PathBuf, String> {
    let mut flags = std::env::var("RUSTFLAGS").unwrap_or_default();
    for (path, name) in [(Some(root.to_owned()), "iapeer"), (run::cargo_home(), "cargo")] {
        if let Some(path) = path {
            flags += &format!(" --remap-path-prefix={}={name}", path.display());
        }
    }
    let options = ["build", "--release", "--locked", "--package", "iapeer", "--target", target];
    let build = run::cargo(&options).env("RUSTFLAGS", flags.trim());
    run::aloud(&format!("cargo {}", options.join(" ")), &build)?;
    Ok(repository::workspace()?.target.join(target).join("release/iapeer"))
}

/// What the program needs of the C library of its host.
fn linkage(program: &Path) -> Result<String, String> {
    let bytes = fs::read(program).map_err(|e| format!("cannot read {}: {e}", program.display()))?;
    Ok(match newest_glibc(&bytes) {
        Some((major, minor)) => format!(
            "runs with glibc {major}.{minor} or later; for a program that needs none, \
             `rustup target add` the musl target first"
        ),
        None => "needs no glibc".to_owned(),
    })
}

/// The newest version of glibc that a program names. Such names are texts like `GLIBC_2.34`.
fn newest_glibc(bytes: &[u8]) -> Option<(u32, u32)> {
    const NAME: &[u8] = b"GLIBC_";
    let names = bytes.windows(NAME.len()).enumerate().filter(|(_, window)| *window == NAME);
    let versions = names.filter_map(|(at, _)| {
        let rest = &bytes[at + NAME.len()..];
        let end = rest.iter().position(|b| !b.is_ascii_digit() && *b != b'.').unwrap_or(rest.len());
        let (major, minor) = std::str::from_utf8(&rest[..end]).ok()?.split_once('.')?;
        Some((major.parse().ok()?, minor.split('.').next()?.parse().ok()?))
    });
    versions.max()
}
