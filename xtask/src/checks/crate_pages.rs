//! The page of each library: whoever meets a crate alone finds the same parts in each, and an example that runs.

use crate::Findings;
use crate::repository::Package;

/// What a page has to tell, in any form of heading.
const PARTS: &[&str] =
    &["What it is", "What it is not", "# Theory of operation", "# Limitations", "# Example"];

/// The pages of the libraries that are delivered.
pub(super) fn of(packages: &[Package]) -> Vec<String> {
    packages.iter().filter(|p| p.is_library()).map(|p| format!("{}/src/lib.rs", p.folder)).collect()
}

pub(super) fn findings(source: &str) -> Findings {
    let page: String =
        source.lines().map_while(|line| line.strip_prefix("//!")).flat_map(|line| [line, "\n"]).collect();
    let has =
        |part: &str| page.lines().any(|line| line.contains(part) && !line.contains(&format!("{part} not")));
    let missing = PARTS.iter().filter(|part| !has(part));
    let mut all: Findings =
        missing.map(|part| format!("the page of the crate has no {part:?}: write it")).collect();
    if !page.contains("\n ```\n") && !page.contains("\n ```no_run\n") {
        all.push("the page of the crate has no example that is compiled: write one".to_owned());
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = "\
//! A thing.
//!
//! **What it is.** That.
//!
//! **What it is not.** This.
//!
//! # Theory of operation
//! # Limitations
//! # Example
//!
//! ```
//! thing();
//! ```

mod thing;
// # Elsewhere
";

    #[test]
    fn each_missing_part_is_found() {
        assert_eq!(findings(WHOLE), [""; 0]);
        for part in ["**What it is.**", "**What it is not.**", "# Theory", "# Limitations", "# Example"] {
            let without = WHOLE.replace(part, "");
            assert_eq!(findings(&without).len(), 1, "without {part}");
        }
        assert_eq!(findings(&WHOLE.replace("```", "'''")).len(), 1);
        assert_eq!(findings("mod thing;\n").len(), PARTS.len() + 1);
    }
}
