//! What may stand under the root: the one table of all names, with what each is and whose it is.

use camino::Utf8Path;

/// Whose a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// iapeer's: made, changed and removed by it, with an access for the user alone.
    Iapeer,
    /// The user's or the provider's: only read.
    User,
    /// A socket, which tmux makes.
    Tmux,
}

/// One kind of file that may be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Declared {
    /// Its path under the root. `<word>` stands for a part of a name; `**/` at the beginning for
    /// any folder, `/**` at the end for everything below.
    pub pattern: &'static str,
    /// What it is.
    pub what: &'static str,
    /// Whose it is.
    pub owner: Owner,
}

/// What stands for what in a pattern.
const PLACEHOLDERS: [(&str, Class); 11] = [
    ("<identity>", is_name),
    ("<name>", is_name),
    ("<runtime>", is_name),
    ("<boot>", is_word),
    ("<start>", is_word),
    ("<id>", is_word),
    ("<random>", is_word),
    ("<hash>", |c| c.is_ascii_hexdigit()),
    ("<number>", |c| c.is_ascii_digit()),
    ("<time>", |c| c.is_ascii_alphanumeric() || matches!(c, '-' | ':' | '.')),
    ("<file>", |c| c != '/'),
];

type Class = fn(char) -> bool;

/// Everything that may stand under the root.
pub const DECLARED: &[Declared] = &[
    ours("peers-profiles.json", "the index of all peers"),
    ours("peers-profiles.lock", "its lock"),
    theirs("memory-provider.json", "the slot of the memory provider"),
    theirs("peers/**", "folders of peers"),
    theirs("runtimes/<runtime>/runtime.json", "what a runtime is"),
    theirs("runtimes/<runtime>/launch.env", "what sessions of a runtime get in their environment"),
    theirs("<file>.md", "a part of every system prompt"),
    theirs("fragments/<file>.md", "a part of every system prompt"),
    Declared {
        pattern: "socks/tmux-iap-<identity>.sock",
        what: "a tmux server's socket",
        owner: Owner::Tmux,
    },
    ours("state/lifecycle/<identity>.session", "that a session is up"),
    ours("state/lifecycle/<identity>.stopped", "that it was stopped"),
    ours("state/lifecycle/<identity>.idle-reaped", "that the last session ended cleanly"),
    ours("state/lifecycle/<identity>.fresh-next", "that the next session begins anew"),
    ours("state/lifecycle/<identity>.new-eager", "that a session is to be begun anew at once"),
    ours("state/lifecycle/<identity>.deaths", "the times of the last deaths"),
    ours("state/lifecycle/<identity>.topic", "what a session has worked on"),
    ours("state/lifecycle/<identity>.ephemeral-armed", "that a worker has answered"),
    ours("state/lifecycle/<identity>.task.<number>", "a task that waits for a worker"),
    ours("state/lifecycle/<identity>.task-given", "which task is being handed over"),
    ours("state/lifecycle/<identity>.wake.lock", "one wake, stop or burial at a time"),
    ours("state/lifecycle/<identity>.system-prompt.md", "what a session was started with"),
    ours("state/supervisor.lock", "one supervisor at a time"),
    ours("state/canary/.lock", "one arming or sweep at a time"),
    ours("state/canary/<death>.lease", "that a server is watched"),
    ours("state/canary/<death>.lease.<number>", "a lease that is being written"),
    ours("state/canary/<death>.dead", "that a death is claimed"),
    ours("state/canary/<death>.intent", "that an end is deliberate"),
    ours("state/canary/<death>.intent.<number>", "an intent that is being written"),
    ours("state/canary/<death>.late", "that a sweep came before the witness's record"),
    ours("state/canary/<death>.<number>.exit", "that the end of a program is claimed"),
    ours("state/canary/<death>.witness.sh", "the script of a witness"),
    ours("state/canary/<identity>.exit-hook.sh", "the script that tells of a program's end"),
    ours("state/canary/exits.fallback.log", "records that their journal did not take"),
    ours("state/provision/<identity>.<hash>.memory.json", "a command that is owed"),
    ours("state/provision/<identity>.<hash>.notify.json", "a notice that is owed"),
    ours("state/provision/<name>.lock", "one command for a peer at a time"),
    ours("state/native-memory.lock", "one change of the runtimes' settings at a time"),
    ours("state/removed/<name>.<hash>.json", "that a peer was removed"),
    ours("state/rename.json", "a renaming that is under way"),
    ours("state/service.json", "that a service was installed, and which"),
    ours("state/degraded/<file>", "that something is wrong, so that it is told once"),
    ours("logs/iapeer/lifecycle.log", "decisions"),
    ours("logs/iapeer/lifecycle.log.<number>", "older decisions"),
    ours("logs/iapeer/lifecycle.log.lock", "one rotation at a time"),
    ours("logs/iapeer/exits.log", "deaths"),
    ours("logs/iapeer/exits.log.<number>", "older deaths"),
    ours("logs/iapeer/exits.log.lock", "one rotation at a time"),
    ours("logs/iapeer/server-deaths/<death>.txt", "forensics"),
    ours("logs/iapeer/server-deaths/<death>.txt.part", "forensics that are being collected"),
    ours("logs/lifecycle/<identity>.log", "what a pane showed"),
    ours("logs/lifecycle/<identity>.log.<number>", "what a pane showed before"),
    ours("backups/peers-profiles.json/<number>.<time>", "a generation of the index"),
    ours("backups/profiles/<name>/<number>.<time>", "a generation of a profile"),
    ours("backups/memory-provider.json/<number>.<time>", "a copy of the slot"),
    ours("quarantine/<file>.<time>", "what could not be read"),
    ours(TEMPORARY, "a file that is being written"),
    theirs("**/<file>.old", "what the user set aside"),
];

/// What a write leaves that was cut off.
const TEMPORARY: &str = "**/.<file>.<random>.tmp";

const fn ours(pattern: &'static str, what: &'static str) -> Declared {
    Declared { pattern, what, owner: Owner::Iapeer }
}

const fn theirs(pattern: &'static str, what: &'static str) -> Declared {
    Declared { pattern, what, owner: Owner::User }
}

/// What the file at this path under the root is; `None` when nothing of this name belongs there.
pub fn declared(path: &Utf8Path) -> Option<&'static Declared> {
    DECLARED.iter().find(|declared| declared.fits(path))
}

/// Whose the folder at this path under the root is; `None` when none belongs there.
pub(crate) fn declared_folder(path: &Utf8Path) -> Option<Owner> {
    let holds = |declared: &&Declared| {
        let folder = declared.pattern.rsplit_once('/').map_or("", |(folder, _)| folder);
        let ancestors = Utf8Path::new(folder).ancestors().filter(|a| !a.as_str().is_empty() && *a != "**");
        ancestors.map(Utf8Path::as_str).any(|folder| fits_all(folder, path))
    };
    let owners: Vec<_> = DECLARED.iter().filter(holds).map(|declared| declared.owner).collect();
    match owners.as_slice() {
        [] => None,
        owners if owners.contains(&Owner::User) && path != "peers" => Some(Owner::User),
        // What is in `peers` is the users', the folder itself is made by us, as that of the sockets is.
        _ => Some(Owner::Iapeer),
    }
}

/// Whether a file is what a write of ours leaves that was cut off.
pub(crate) fn is_temporary(path: &Utf8Path) -> bool {
    declared(path).is_some_and(|declared| declared.pattern == TEMPORARY)
}

impl Declared {
    fn fits(&self, path: &Utf8Path) -> bool {
        if let Some(folder) = self.pattern.strip_suffix("/**") {
            return path.ancestors().skip(1).any(|above| above == folder);
        }
        match self.pattern.strip_prefix("**/") {
            Some(name) => path.file_name().is_some_and(|found| fits(name, found)),
            None => fits_all(self.pattern, path),
        }
    }
}

/// Whether each part of a path is as its part of the pattern says.
fn fits_all(pattern: &str, path: &Utf8Path) -> bool {
    let (mut wanted, mut found) = (pattern.split('/'), path.as_str().split('/'));
    loop {
        match (wanted.next(), found.next()) {
            (None, None) => return true,
            (Some(wanted), Some(found)) if fits(wanted, found) => {}
            _ => return false,
        }
    }
}

/// Whether a name is as a part of a pattern without `/` says.
fn fits(pattern: &str, name: &str) -> bool {
    if let Some(rest) = pattern.strip_prefix("<death>") {
        return fits(&format!("<identity>.<boot>.<number>.<start>{rest}"), name);
    }
    for (word, class) in PLACEHOLDERS {
        if let Some(rest) = pattern.strip_prefix(word) {
            let run = name.find(|c: char| !class(c)).unwrap_or(name.len());
            // The longest first; what follows decides.
            return (1..=run).rev().any(|n| name.is_char_boundary(n) && fits(rest, &name[n..]));
        }
    }
    match (pattern.chars().next(), name.chars().next()) {
        (None, None) => true,
        (Some(wanted), Some(found)) if wanted == found => {
            fits(&pattern[wanted.len_utf8()..], &name[found.len_utf8()..])
        }
        _ => false,
    }
}

fn is_name(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | ':')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_from_strangers() {
        for (path, pattern) in [
            ("peers-profiles.json", "peers-profiles.json"),
            ("peers/alpha/notes/any thing", "peers/**"),
            ("state/lifecycle/claude-a-b.wake.lock", "state/lifecycle/<identity>.wake.lock"),
            ("state/canary/shell-a.166e8640.13833.105127.lease", "state/canary/<death>.lease"),
            ("state/canary/shell-a.166e8640.1.2.lease.77", "state/canary/<death>.lease.<number>"),
            ("state/canary/shell-a.166e8640.1.2.77.exit", "state/canary/<death>.<number>.exit"),
            ("state/lifecycle/.shell-a.session.Ab12.tmp", TEMPORARY),
            ("backups/profiles/alpha/000003.20260101T000000000Z", "backups/profiles/<name>/<number>.<time>"),
            ("peers-profiles.json.old", "**/<file>.old"),
        ] {
            assert_eq!(declared(path.into()).map(|d| d.pattern), Some(pattern), "{path}");
        }
        for path in [
            "notes.txt",
            "peers",
            "state",
            "state/lifecycle/shell-a",
            "state/lifecycle/Shell-A.session",
            "state/lifecycle/shell-a.session.more",
            "state/lifecycle/below/shell-a.session",
            "state/canary/shell-a.lease",
            "logs/iapeer/lifecycle.log.x",
            "socks/other.sock",
        ] {
            assert_eq!(declared(path.into()), None, "{path}");
        }
    }

    #[test]
    fn folders_come_from_the_files_in_them() {
        for (path, owner) in [
            ("state", Some(Owner::Iapeer)),
            ("state/lifecycle", Some(Owner::Iapeer)),
            ("logs/iapeer/server-deaths", Some(Owner::Iapeer)),
            ("peers", Some(Owner::Iapeer)),
            ("socks", Some(Owner::Iapeer)),
            ("runtimes", Some(Owner::User)),
            ("runtimes/claude", Some(Owner::User)),
            ("stuff", None),
            ("state/lifecycle/more", None),
        ] {
            assert_eq!(declared_folder(path.into()), owner, "{path}");
        }
    }

    #[test]
    fn the_page_names_every_file() {
        let page = include_str!("../../../docs/STATE-FORMAT.md");
        let missing: Vec<_> = DECLARED
            .iter()
            .filter(|d| !page.contains(&format!("`{}`", d.pattern)))
            .map(|d| d.pattern)
            .collect();
        assert!(missing.is_empty(), "docs/STATE-FORMAT.md does not name {missing:#?}");
    }
}
