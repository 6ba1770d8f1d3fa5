//! Transcripts as Claude and Codex leave them.

use std::fs;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::Settings;

struct Place {
    _folder: tempfile::TempDir,
    top: Utf8PathBuf,
    host: Host,
}

fn place() -> Place {
    let folder = tempfile::tempdir().unwrap();
    let top = Utf8Path::from_path(folder.path()).unwrap().canonicalize_utf8().unwrap();
    let home = top.join("home");
    fs::create_dir(&home).unwrap();
    fs::create_dir(top.join("alpha")).unwrap();
    let host = Host::new(Settings { home: Some(home), ..Settings::new(top.join("root")) });
    Place { _folder: folder, top, host }
}

impl Place {
    /// Writes a file that was last changed so many seconds after 1970.
    fn put(&self, path: &str, text: &str, seconds: u64) -> Utf8PathBuf {
        let path = self.top.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        let file = fs::File::options().write(true).open(&path).unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)).unwrap();
        path
    }

    fn newest(&self, runtime: &str) -> Option<Transcript> {
        let runtime = Runtime::find(&runtime.parse().unwrap(), self.host.layout()).unwrap();
        newest_transcript(&self.host, &runtime, &self.top.join("alpha")).unwrap()
    }

    fn slug(&self, folder: &str) -> String {
        slug(&self.top.join(folder))
    }
}

#[test]
fn those_of_claude_are_in_a_folder_named_after_the_folder() {
    let place = place();
    assert_eq!(place.newest("claude"), None);
    let (slug, other) = (place.slug("alpha"), place.slug("alpha2"));
    place.put(&format!("home/.claude/projects/{other}/x.jsonl"), "{}", 900);
    place.put(&format!("home/.claude/projects/{slug}/old.jsonl"), "{}", 100);
    let new = place.put(&format!("home/.claude/projects/{slug}/new.jsonl"), "{}", 200);
    place.put(&format!("home/.claude/projects/{slug}/notes.txt"), "{}", 300);
    place.put(&format!("home/.claude/projects/{slug}/sub/agent.jsonl"), "{}", 400);
    std::os::unix::fs::symlink("gone", new.with_file_name("link.jsonl")).unwrap();
    let modified = SystemTime::UNIX_EPOCH + Duration::from_secs(200);
    assert_eq!(place.newest("claude"), Some(Transcript { path: new.clone(), modified }));
    let folder = claude_folder(&place.host, &place.top.join("alpha"));
    assert_eq!(folder.as_deref(), new.parent());
}

#[test]
fn those_of_codex_are_told_by_their_first_line() {
    let place = place();
    let line = |folder: &str| {
        let meta = serde_json::json!({
            "type": "session_meta",
            "payload": { "instructions": "\"cwd\":\"/nowhere\"", "cwd": place.top.join(folder) },
        });
        format!("{meta}\n{{\"cwd\":\"{}\"}}\n", place.top.join("other"))
    };
    place.put("home/.codex/sessions/2026/11/20/rollout-a.jsonl", &line("alpha"), 100);
    let mine = place.put("home/.codex/sessions/2026/11/21/rollout-b.jsonl", &line("alpha"), 200);
    place.put("home/.codex/sessions/2026/11/21/rollout-c.jsonl", &line("alpha2"), 300);
    place.put("home/.codex/sessions/2026/11/21/rollout-d.jsonl", "not even JSON", 400);
    std::os::unix::fs::symlink(".", place.top.join("home/.codex/sessions/2026/round")).unwrap();
    assert_eq!(place.newest("codex").map(|t| t.path), Some(mine));
    let elsewhere = Settings { codex_home: Some(place.top.join("codex")), ..place.host.settings().clone() };
    let place = Place { host: Host::new(elsewhere), ..place };
    assert_eq!(place.newest("codex"), None);
}

#[test]
fn a_runtime_that_says_nothing_has_none_and_what_cannot_be_told_is_an_error() {
    let place = place();
    assert_eq!(place.newest("shell"), None);
    let homeless = Host::new(Settings::new(place.top.join("root")));
    let claude = Runtime::find(&"claude".parse().unwrap(), homeless.layout()).unwrap();
    let told = newest_transcript(&homeless, &claude, &place.top);
    assert!(matches!(told, Err(TranscriptError::NoHome { .. })), "{told:?}");
    // A file where a folder should be holds no transcripts.
    place.put("home/.claude/projects", "", 1);
    assert_eq!(place.newest("claude"), None);
}

#[test]
fn a_slug_is_as_long_as_claude_counts() {
    for (folder, wanted) in [("/home/me/a_b.c", "-home-me-a-b-c"), ("/ü", "--"), ("/🦀x", "---x")] {
        assert_eq!(slug(Utf8Path::new(folder)), wanted, "{folder}");
    }
}

#[test]
fn patterns_of_names() {
    for (pattern, name, wanted) in [
        ("*.jsonl", "a.jsonl", true),
        ("*.jsonl", ".jsonl", true),
        ("*.jsonl", "a.jsonl.bak", false),
        ("rollout-*.jsonl", "rollout-1.jsonl", true),
        ("rollout-*.jsonl", "roll-1.jsonl", false),
        ("a*b*c", "abc", true),
        ("a*b*c", "a--b--c", true),
        ("a*b*c", "acb", false),
        ("*", "", true),
        ("ü*", "üx", true),
        ("plain", "plain", true),
        ("plain", "plainer", false),
    ] {
        assert_eq!(fits(pattern, name), wanted, "{pattern} {name}");
    }
}

proptest! {
    #[test]
    fn no_first_line_is_too_odd(line in any::<Vec<u8>>()) {
        names_folder(&line, Utf8Path::new("/a/b"));
    }

    #[test]
    fn a_folder_is_found_in_the_line_that_names_it(name in "[^\0]{0,20}") {
        let folder = Utf8PathBuf::from(format!("/{name}"));
        let line = serde_json::json!({ "cwd": folder }).to_string();
        prop_assert!(names_folder(line.as_bytes(), &folder));
        prop_assert!(!names_folder(line.as_bytes(), &folder.join("x")));
    }
}
