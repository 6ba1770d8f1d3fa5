//! The architecture page: it names every crate, and every path in it exists.

use std::path::Path;

use crate::Findings;
use crate::repository::Package;

pub(super) const PAGE: &str = "docs/ARCHITECTURE.md";

/// What paths of this repository begin with. Other paths in the page are those of a host.
const TOPS: &[&str] = &["crates", "docs", "examples", "tests", "xtask"];

pub(super) fn findings(page: &str, root: &Path, packages: &[Package]) -> Findings {
    let spans = code_spans(page);
    let mut all = Vec::new();
    for package in packages {
        let short = package.name.strip_prefix("iapeer-").unwrap_or(&package.name);
        let names = [package.name.as_str(), short, package.folder.as_str()];
        if !spans.iter().any(|span| names.contains(&span.trim_end_matches('/'))) {
            all.push(format!("`{}` is not named in {PAGE}: say what it is for", package.folder));
        }
    }
    for span in spans.iter().filter(|span| looks_like_a_path(span) && !root.join(span).exists()) {
        all.push(format!("`{span}` in {PAGE} does not exist: mend the page"));
    }
    all
}

/// What stands between single backticks, outside of fenced blocks.
fn code_spans(page: &str) -> Vec<&str> {
    let mut spans = Vec::new();
    let mut in_fence = false;
    for line in page.lines() {
        if line.trim_start().starts_with("```") {
            in_fence = !in_fence;
        } else if !in_fence {
            spans.extend(line.split('`').skip(1).step_by(2));
        }
    }
    spans
}

fn looks_like_a_path(span: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-/".contains(c);
    let Some((top, _)) = span.split_once('/') else { return false };
    span.chars().all(plain) && (TOPS.contains(&top) || span.ends_with(".rs"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unnamed_crates_and_dead_paths_are_found() {
        let package = |name: &str, folder: &str| Package {
            name: name.to_owned(),
            folder: folder.to_owned(),
            uses: Vec::new(),
        };
        let packages = [
            package("iapeer-slot", "crates/slot"),
            package("iapeer-tmux", "crates/tmux"),
            package("iapeer-canary", "crates/canary"),
            package("iapeer", "crates/cli"),
            package("xtask", "xtask"),
        ];
        let page = "\
The crate `slot`, and `crates/tmux/`; see `xtask/src/main.rs`, `src/gone.rs` and `crates/gone`.
On the host there is `state/canary/x.lease`; `docs/{a,b}.md` and canary are no paths.
```
`docs/fenced.md` `crates/canary`
```
After it: `docs/gone.md`, `iapeer`.
";
        let root = crate::repository::root();
        assert_eq!(
            findings(page, root, &packages),
            [
                "`crates/canary` is not named in docs/ARCHITECTURE.md: say what it is for",
                "`xtask` is not named in docs/ARCHITECTURE.md: say what it is for",
                "`src/gone.rs` in docs/ARCHITECTURE.md does not exist: mend the page",
                "`crates/gone` in docs/ARCHITECTURE.md does not exist: mend the page",
                "`docs/gone.md` in docs/ARCHITECTURE.md does not exist: mend the page",
            ]
        );
    }
}
