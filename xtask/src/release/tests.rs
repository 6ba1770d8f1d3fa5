//! Each refusal, on a copy of this tree that has exactly the fault.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use duct::cmd;
use tempfile::TempDir;

use super::archive::{Packable, Packed};
use super::refusals::{self, Occasion, Wish};
use super::{contents, git, newest_glibc, proof};
use crate::repository;

/// A copy of this tree, all of it committed.
struct Tree {
    folder: TempDir,
}

impl Tree {
    fn new() -> Tree {
        let tree = Tree { folder: tempfile::tempdir().expect("a temporary folder") };
        let ours = repository::root();
        // What git would commit, so that nothing of git's own is copied.
        let files = git::git(ours, &["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
        for file in files.expect("git knows this tree").split_terminator('\0') {
            let (from, to) = (ours.join(file), tree.path(file));
            fs::create_dir_all(to.parent().expect("a file is in a folder")).expect("a folder");
            match fs::read_link(&from) {
                Ok(target) => symlink(target, to).expect("a link"),
                // What was removed and not committed is still listed.
                Err(_) if !from.exists() => {}
                Err(_) => drop(fs::copy(from, to).expect("a copy")),
            }
        }
        tree.git(&["init", "--quiet"]);
        tree.commit();
        tree
    }

    fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    fn git(&self, arguments: &[&str]) {
        let who = ["-c", "user.name=test", "-c", "user.email=test@localhost", "-c", "commit.gpgsign=false"];
        git::git(self.folder.path(), &[&who[..], arguments].concat()).expect("git works");
    }

    fn commit(&self) {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--message", "a test"]);
    }

    /// Replaces a text that is there.
    fn replace(&self, file: &str, old: &str, new: &str) {
        let text = fs::read_to_string(self.path(file)).expect("a file");
        assert!(text.contains(old), "{file} has {old:?}");
        fs::write(self.path(file), text.replacen(old, new, 1)).expect("a file");
    }

    fn write(&self, file: &str, text: &str) {
        let path = self.path(file);
        fs::create_dir_all(path.parent().expect("a file is in a folder")).expect("a folder");
        fs::write(path, text).expect("a file");
    }

    /// Another package of the workspace, with the lock file as cargo would write it.
    fn add_package(&self, folder: &str, manifest: &str) {
        self.write(&format!("{folder}/Cargo.toml"), manifest);
        self.write(&format!("{folder}/src/lib.rs"), "");
        let page = "docs/ARCHITECTURE.md";
        let text = fs::read_to_string(self.path(page)).expect("the page");
        fs::write(self.path(page), format!("{text}\n`{folder}`\n")).expect("the page");
        repository::metadata(self.folder.path(), &["--offline"]).expect("cargo mends the lock file");
    }

    fn asked(&self, occasion: Occasion, tag: Option<&str>) -> Result<String, Vec<String>> {
        let root = self.folder.path().canonicalize().expect("it is there");
        refusals::version(&root, &Wish { occasion, tag: tag.map(str::to_owned) })
    }

    /// Commits, and expects exactly one finding of a rehearsal.
    #[track_caller]
    fn is_refused(&self, expected: &str) {
        self.commit();
        only(self.asked(Occasion::Rehearsal, None), expected);
    }
}

/// Exactly one finding, with this in it.
#[track_caller]
fn only(asked: Result<String, Vec<String>>, expected: &str) {
    let found = asked.expect_err(expected);
    assert!(
        found.len() == 1 && found[0].contains(expected),
        "{expected:?} is to be the only one of {found:#?}"
    );
}

#[test]
fn a_clean_tree_is_not_refused() {
    let tree = Tree::new();
    let version = tree.asked(Occasion::Rehearsal, None).expect("nothing stands against it");

    // For a release the changelog has a section, and the commit a tag.
    tree.replace(
        "CHANGELOG.md",
        "## [Unreleased]",
        &format!("## [Unreleased]\n\n## [{version}] - 2000-01-01"),
    );
    tree.commit();
    only(tree.asked(Occasion::Release, None), "this commit has no tag");
    tree.git(&["tag", &format!("v{version}")]);
    assert_eq!(tree.asked(Occasion::Release, None), Ok(version));
}

#[test]
fn a_dirty_tree_is_refused() {
    let tree = Tree::new();
    tree.write("docs/new.txt", "");
    only(tree.asked(Occasion::Rehearsal, None), "commit or undo docs/new.txt");
}

#[test]
fn a_tag_that_differs_from_the_manifests_is_refused() {
    let tree = Tree::new();
    only(tree.asked(Occasion::Rehearsal, Some("v99.0.0")), "the tag v99.0.0 is not that of the manifests");
    // A tag that names no version says nothing.
    tree.git(&["tag", "very-good"]);
    tree.git(&["tag", "v98.0.0"]);
    only(tree.asked(Occasion::Rehearsal, None), "the tag v98.0.0 is not that of the manifests");
}

#[test]
fn a_missing_section_of_the_changelog_is_refused() {
    let tree = Tree::new();
    tree.replace("CHANGELOG.md", "## [Unreleased]", "## [0.0.1]");
    tree.is_refused("CHANGELOG.md says nothing of ");
}

#[test]
fn a_missing_state_of_this_schema_is_refused() {
    let tree = Tree::new();
    fs::remove_file(tree.path("tests/fixtures/existing/v2/peers-profiles.json")).expect("it was there");
    tree.is_refused("there is no state of schema 2");
}

#[test]
fn a_new_schema_without_a_state_is_refused() {
    let tree = Tree::new();
    tree.replace("crates/registry/src/index.rs", "const VERSION: u64 = 2;", "const VERSION: u64 = 3;");
    tree.is_refused("there is no state of schema 3");
}

#[test]
fn a_broken_link_is_refused() {
    let tree = Tree::new();
    let page = fs::read_to_string(tree.path("README.md")).expect("the page");
    tree.write("README.md", &format!("{page}\n[gone](docs/GONE.md)\n"));
    tree.is_refused("README.md has a link to \"docs/GONE.md\"");
}

#[test]
fn a_path_that_leads_nowhere_is_refused() {
    let tree = Tree::new();
    let page = fs::read_to_string(tree.path("docs/ARCHITECTURE.md")).expect("the page");
    tree.write("docs/ARCHITECTURE.md", &format!("{page}\nSee `crates/gone/src/lib.rs`.\n"));
    tree.is_refused("`crates/gone/src/lib.rs` in docs/ARCHITECTURE.md does not exist");
}

#[test]
fn a_licence_outside_the_list_is_refused() {
    let tree = Tree::new();
    let manifest = "[package]\nname = \"odd\"\nversion.workspace = true\nlicense = \"GPL-3.0-only\"\n";
    tree.add_package("crates/odd", manifest);
    tree.is_refused("odd is under \"GPL-3.0-only\"");
}

#[test]
fn a_second_major_version_without_a_reason_is_refused() {
    let tree = Tree::new();
    let manifest = "[package]\nname = \"odd\"\nversion.workspace = true\nlicense = \"MIT\"\n\
        [dependencies]\ncamino = { path = \"camino\" }\n";
    let twin = "[package]\nname = \"camino\"\nversion = \"99.0.0\"\nlicense = \"MIT\"\n";
    tree.write("crates/odd/camino/src/lib.rs", "");
    tree.write("crates/odd/camino/Cargo.toml", twin);
    tree.replace("Cargo.toml", "exclude = [\"fuzz\"]\n", "exclude = [\"fuzz\", \"crates/odd/camino\"]\n");
    tree.add_package("crates/odd", manifest);
    tree.is_refused("camino is there in the versions 1 and 99");
}

#[test]
fn all_that_is_found_is_told_at_once() {
    let tree = Tree::new();
    tree.replace("CHANGELOG.md", "## [Unreleased]", "## [0.0.1]");
    tree.write("docs/new.md", "[gone](GONE.md)\n");
    let found = tree.asked(Occasion::Rehearsal, Some("v99.0.0")).expect_err("four findings");
    assert_eq!(found.len(), 4, "{found:#?}");
}

/// A program of ours that does `body`.
fn program(folder: &Path, body: &str) -> PathBuf {
    let path = folder.join("program");
    // By another process: a file that a fork of ours may have open for writing cannot be executed.
    let write = cmd!("sh", "-c", "cat > \"$0\" && chmod 755 \"$0\"", &path);
    write.stdin_bytes(format!("#!/bin/sh\n{body}\n")).run().expect("it is written");
    path
}

#[test]
fn the_program_writes_its_completions_and_pages() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let packed = |body: &str| contents::contents(repository::root(), &program(folder.path(), body));

    let writes =
        r#"case $1 in completions) echo "for $2" ;; man) mkdir "$3" && echo page > "$3/iapeer.1" ;; esac"#;
    let files = packed(writes).expect("it writes them");
    let paths: Vec<&str> = files.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(
        paths,
        [
            "iapeer",
            "CHANGELOG.md",
            "LICENSE-APACHE",
            "LICENSE-MIT",
            "README.md",
            "completions/iapeer.bash",
            "completions/iapeer.fish",
            "completions/_iapeer",
            "man/iapeer.1",
        ]
    );
    assert_eq!(files[7].bytes, b"for zsh\n");
    assert_eq!((files[0].mode, files[8].mode), (0o755, 0o644));

    let finding = packed("echo 'no such verb' >&2; exit 2").err().expect("it has no verbs");
    assert_eq!(finding, "`iapeer completions bash` failed: no such verb");
    let finding = packed("[ $1 = completions ] || mkdir \"$3\"").err().expect("it writes no page");
    assert_eq!(finding, "`iapeer man --out DIR` wrote no page");
}

#[test]
fn an_archive_has_the_same_bytes_each_time_and_unpacks_to_what_was_packed() {
    let file = |path: &str, mode| Packable { path: path.to_owned(), bytes: path.as_bytes().to_vec(), mode };
    let packed = |files| Packed { name: "x-1.0.0".to_owned(), files, seconds: 1_000_000_000 };
    let archive = packed(vec![file("b/c", 0o644), file("a", 0o755)]).archive().expect("an archive");
    let again = packed(vec![file("a", 0o755), file("b/c", 0o644)]).archive().expect("an archive");
    assert!(archive == again);

    let folder = tempfile::tempdir().expect("a temporary folder");
    proof::unpack(&archive, folder.path()).expect("it unpacks");
    let unpacked = folder.path().join("x-1.0.0");
    let mode = |file: &Path| fs::metadata(file).expect("a file").permissions().mode() & 0o777;
    assert_eq!(fs::read(unpacked.join("b/c")).expect("a file"), b"b/c");
    assert_eq!((mode(&unpacked.join("a")), mode(&unpacked.join("b/c"))), (0o755, 0o644));
    assert_eq!(proof::check_sums(&unpacked), Ok(()));
    fs::write(unpacked.join("a"), "other").expect("a file");
    assert_eq!(proof::check_sums(&unpacked), Err("a is not what SHA256SUMS says".to_owned()));
}

#[test]
fn the_newest_glibc_is_found() {
    assert_eq!(newest_glibc(b"xGLIBC_2.9\0GLIBC_2.34\0GLIBC_2.3.4\0GLIBC_PRIVATE\0"), Some((2, 34)));
    assert_eq!(newest_glibc(b"none"), None);
}
