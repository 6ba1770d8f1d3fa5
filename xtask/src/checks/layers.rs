//! Who may use whom.

use crate::Findings;
use crate::repository::Package;

/// Every package of the workspace and the packages of the workspace that it may use. A new arrow is a
/// decision: write it down here and in the architecture page.
const LAYERS: &[(&str, &[&str])] = &[
    ("iapeer-statefile", &[]),
    ("iapeer-provision-exec", &[]),
    ("iapeer-slot", &["iapeer-statefile"]),
    ("iapeer-registry", &["iapeer-statefile"]),
    ("iapeer-canary", &["iapeer-statefile"]),
    ("iapeer-tmux", &["iapeer-provision-exec"]),
    (
        "iapeer-lifecycle",
        &[
            "iapeer-statefile",
            "iapeer-provision-exec",
            "iapeer-slot",
            "iapeer-registry",
            "iapeer-canary",
            "iapeer-tmux",
        ],
    ),
    (
        "iapeer",
        &[
            "iapeer-statefile",
            "iapeer-provision-exec",
            "iapeer-slot",
            "iapeer-registry",
            "iapeer-canary",
            "iapeer-tmux",
            "iapeer-lifecycle",
        ],
    ),
    // A stranger to us, as every memory provider is.
    ("memory-provider", &[]),
    ("xtask", &[]),
];

pub(super) fn findings(packages: &[Package]) -> Findings {
    let mut all = Vec::new();
    for package in packages {
        let name = &package.name;
        let Some((_, allowed)) = LAYERS.iter().find(|(layer, _)| layer == name) else {
            all.push(format!("{name} is in no layer: add it to LAYERS in xtask"));
            continue;
        };
        for used in package.uses.iter().filter(|used| !allowed.contains(&used.as_str())) {
            all.push(format!("{name} may not use {used}: take the dependency out, or decide for the arrow"));
        }
    }
    for (layer, _) in LAYERS.iter().filter(|(layer, _)| !packages.iter().any(|p| p.name == *layer)) {
        all.push(format!("{layer} is gone: take it out of LAYERS in xtask"));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, uses: &[&str]) -> Package {
        let uses = uses.iter().map(|&u| u.to_owned()).collect();
        Package { name: name.to_owned(), folder: String::new(), uses }
    }

    #[test]
    fn every_wrong_arrow_is_found() {
        let mut packages: Vec<_> = LAYERS.iter().map(|(name, uses)| package(name, uses)).collect();
        assert_eq!(findings(&packages), [""; 0]);

        packages[0].uses = vec!["iapeer-slot".to_owned(), "iapeer".to_owned()];
        packages.pop();
        packages.push(package("iapeer-utils", &[]));
        let expected = [
            "iapeer-statefile may not use iapeer-slot",
            "iapeer-statefile may not use iapeer:",
            "iapeer-utils is in no layer",
            "xtask is gone",
        ];
        let found = findings(&packages);
        assert_eq!(found.len(), expected.len(), "{found:?}");
        for (found, expected) in found.iter().zip(expected) {
            assert!(found.starts_with(expected), "{found}");
        }
    }
}
