//! What git knows of a tree.

use std::path::Path;

use duct::cmd;

/// What would make git look at another tree than the one in its folder, as in a hook.
const ELSEWHERE: &[&str] = &["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"];

/// What git says, in a folder.
pub(super) fn git(root: &Path, arguments: &[&str]) -> Result<String, String> {
    let here = cmd("git", arguments).dir(root).stdout_capture().stderr_capture().unchecked();
    let here = ELSEWHERE.iter().fold(here, |command, name| command.env_remove(name));
    let line = format!("git {}", arguments.join(" "));
    let output = here.run().map_err(|e| format!("`{line}` could not be started: {e}"))?;
    if !output.status.success() {
        return Err(format!("`{line}` failed: {}", String::from_utf8_lossy(&output.stderr).trim()));
    }
    String::from_utf8(output.stdout).map_err(|e| format!("`{line}` said what is no text: {e}"))
}

/// The files that are not as they were committed.
pub(super) fn changed(root: &Path) -> Result<Vec<String>, String> {
    let said = git(root, &["status", "--porcelain"])?;
    Ok(said.lines().filter_map(|line| line.get(3..)).map(str::to_owned).collect())
}

/// The tags of what is checked out.
pub(super) fn tags(root: &Path) -> Result<Vec<String>, String> {
    Ok(git(root, &["tag", "--points-at", "HEAD"])?.lines().map(str::to_owned).collect())
}

/// When what is checked out was committed, in seconds since 1970: the time of all that is built from it.
pub(super) fn commit_seconds(root: &Path) -> Result<u64, String> {
    let said = git(root, &["log", "-1", "--format=%ct"])?;
    said.trim().parse().map_err(|e| format!("git told no time of the commit, {said:?}: {e}"))
}
