//! What the text of a single file must not be like.

use crate::Findings;

/// A file of this many lines, or more, is two files.
const LENGTH_LIMIT: usize = 500;

/// Programs that find or end processes by name. Put together here, so that this file passes too.
const BANNED: [[&str; 2]; 3] = [["pk", "ill"], ["pg", "rep"], ["kill", "all"]];

pub(super) fn banned_words(text: &str) -> Findings {
    let mut all = Vec::new();
    for word in BANNED.map(|halves| halves.concat()) {
        for (number, _) in text.lines().enumerate().filter(|(_, line)| line.contains(&word)) {
            let number = number + 1;
            all.push(format!("line {number} has the word {word}: a process is its pid and start time"));
        }
    }
    all
}

/// Whether this is a file that people read as source.
pub(super) fn is_source(file: &str) -> bool {
    file.ends_with(".rs") || file.ends_with(".sh")
}

pub(super) fn too_long(text: &str) -> Findings {
    match text.lines().count() {
        ..LENGTH_LIMIT => Vec::new(),
        lines => vec![format!("has {lines} lines of at most {}: split it", LENGTH_LIMIT - 1)],
    }
}

/// Dependencies of a member whose version does not come from the root.
pub(super) fn own_versions(manifest: &str) -> Findings {
    let mut all = Vec::new();
    let mut section = "";
    for line in manifest.lines().map(str::trim) {
        if line.starts_with('[') && line.ends_with(']') {
            section = line.trim_matches(['[', ']']);
            if section.contains("dependencies.") {
                all.push(format!("[{section}]: write the dependency on one line"));
            }
            continue;
        }
        let Some((name, value)) = line.split_once('=').filter(|_| !line.starts_with('#')) else { continue };
        let (name, value) = (name.trim(), value.trim());
        let from_root = name.ends_with(".workspace") && value == "true" || value.contains("workspace = true");
        if section.ends_with("dependencies") && (!from_root || value.contains("version")) {
            all.push(format!(
                "`{name}`: name the version in the root Cargo.toml, here `{name}.workspace = true`"
            ));
        }
        if section == "package" && name == "version" {
            all.push("the version of the package stands in the root Cargo.toml".to_owned());
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_wherever_they_stand() {
        let line = format!("x{}y", BANNED[1].concat());
        let found = banned_words(&format!("fine\n{line}\npk ill\n"));
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with("line 2"), "{found:?}");
    }

    #[test]
    fn length_has_a_limit() {
        assert_eq!(too_long(&"x\n".repeat(499)), [""; 0]);
        assert_eq!(too_long(&"x\n".repeat(500)), ["has 500 lines of at most 499: split it"]);
        assert!(is_source("crates/x/src/lib.rs") && !is_source("tests/fixtures/x.json"));
    }

    #[test]
    fn versions_of_a_members_own_are_found() {
        let good = "\
[package]
version.workspace = true
[dependencies]
# serde = \"1\"
serde.workspace = true
rustix = { workspace = true, features = [\"fs\"] }
[features]
x = []
";
        assert_eq!(own_versions(good), [""; 0]);
        for bad in [
            "[package]\nversion = \"1\"",
            "[dependencies]\nserde = \"1\"",
            "[dev-dependencies]\nserde = { version = \"1\" }",
            "[target.'cfg(unix)'.dependencies]\nserde = { path = \"x\" }",
            "[dependencies.serde]\n",
        ] {
            assert_eq!(own_versions(bad).len(), 1, "{bad}");
        }
    }
}
