//! Links of the pages to files of this repository, and to headings in them.

use std::fs;
use std::path::Path;

use crate::Findings;
use crate::repository;

/// Pages that are not below a folder of [`FOLDERS`].
const PAGES: &[&str] = &["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "RELEASING.md"];
const FOLDERS: &[&str] = &["docs", "crates", "examples", "tests", "xtask"];

pub(super) fn findings(root: &Path) -> Findings {
    let files = match repository::files(root, FOLDERS) {
        Ok(files) => files,
        Err(e) => return vec![format!("the pages cannot be listed: {e}")],
    };
    let below = files.into_iter().filter(|file| file.ends_with(".md"));
    let mut all = Vec::new();
    for file in PAGES.iter().map(|page| (*page).to_owned()).chain(below) {
        match fs::read_to_string(root.join(&file)) {
            Ok(page) => all.extend(of_page(root, &file, &page)),
            Err(e) => all.push(format!("{file} cannot be read: {e}")),
        }
    }
    all
}

fn of_page(root: &Path, file: &str, page: &str) -> Findings {
    let folder = root.join(file);
    let folder = folder.parent().expect("a file is in a folder");
    let mut all = Vec::new();
    for target in targets(page) {
        let (path, heading) = target.split_once('#').unwrap_or((target, ""));
        let there = if path.is_empty() { root.join(file) } else { folder.join(path) };
        if !there.exists() {
            all.push(format!("{file} has a link to {target:?}, and there is nothing: mend the link"));
        } else if !heading.is_empty() && !has_heading(&there, heading) {
            all.push(format!("{file} has a link to {target:?}, and there is no such heading: mend the link"));
        }
    }
    all
}

/// What the links of a page lead to, without those that leave the repository.
fn targets(page: &str) -> Vec<&str> {
    let mut all = Vec::new();
    for line in prose(page) {
        for rest in line.split("](").skip(1) {
            if let Some((target, _)) = rest.split_once(')') {
                all.push(target);
            }
        }
        // `[name]: target`
        if let Some((_, target)) = line.strip_prefix('[').and_then(|rest| rest.split_once("]: ")) {
            all.push(target.trim());
        }
    }
    all.retain(|target| !target.contains("://") && !target.starts_with("mailto:"));
    all
}

/// The lines outside of fenced blocks.
fn prose(page: &str) -> impl Iterator<Item = &str> {
    let mut in_fence = false;
    page.lines().filter(move |line| {
        let is_fence = line.trim_start().starts_with("```");
        in_fence ^= is_fence;
        !in_fence && !is_fence
    })
}

/// Whether a page has a heading with this anchor. Of what is no page, nothing is asked.
fn has_heading(file: &Path, wanted: &str) -> bool {
    if file.extension().is_none_or(|extension| extension != "md") {
        return true;
    }
    // That it cannot be read is found where its own links are looked at.
    let page = fs::read_to_string(file).unwrap_or_default();
    prose(&page).any(|line| line.starts_with('#') && anchor(line) == wanted)
}

/// The anchor that forges and mdBook make of a heading.
fn anchor(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = text.chars().filter(|c| c.is_alphanumeric() || "-_ ".contains(*c));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dead_links_are_found() {
        let page = "\
# A page, `with` one heading

See [it](#a-page-with-one-heading), [the docs](docs), [far](https://example.com/gone), [c]: no.
[gone](docs/GONE.md) and [part](README.md#gone), [own](#gone), [source](xtask/src/main.rs#L1).

```sh
[fenced](docs/FENCED.md)
```

[c]: docs/C.md
";
        let folder = tempfile::tempdir().expect("a temporary folder");
        let root = folder.path();
        fs::create_dir_all(root.join("docs")).expect("a folder");
        fs::create_dir_all(root.join("xtask/src")).expect("a folder");
        fs::write(root.join("README.md"), page).expect("a page");
        fs::write(root.join("xtask/src/main.rs"), "").expect("a source");
        let nothing = "there is nothing: mend the link";
        let no_heading = "there is no such heading: mend the link";
        assert_eq!(
            of_page(root, "README.md", page),
            [
                format!("README.md has a link to \"docs/GONE.md\", and {nothing}"),
                format!("README.md has a link to \"README.md#gone\", and {no_heading}"),
                format!("README.md has a link to \"#gone\", and {no_heading}"),
                format!("README.md has a link to \"docs/C.md\", and {nothing}"),
            ]
        );
    }
}
