//! Versions of tmux.

use std::fmt;

/// A version of tmux.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Version {
    /// A numbered version, such as `3.3a`, or one that is to get that number, such as `next-3.6`.
    Numbered {
        /// `3` of `3.3a`.
        major: u32,
        /// The second `3` of `3.3a`.
        minor: u32,
        /// `a` of `3.3a`; empty for most.
        suffix: String,
    },
    /// A version without a number of its own, such as `master` or `openbsd-7.6`.
    Named(String),
}

impl Version {
    /// The oldest version that will do: since 3.2, `new-session` takes `-e`.
    pub const NEEDED: Self = Self::Numbered { major: 3, minor: 2, suffix: String::new() };

    /// Reads the answer to `tmux -V`; None when it is no such answer.
    pub(crate) fn parse(answer: &str) -> Option<Self> {
        let name = answer.trim().strip_prefix("tmux ")?;
        if name.is_empty() || name.chars().any(char::is_control) {
            return None;
        }
        Some(numbered(name).unwrap_or_else(|| Self::Named(name.to_owned())))
    }

    /// Whether it is that version or a later one. One without a number is taken for new.
    #[must_use]
    pub fn is_at_least(&self, wanted_major: u32, wanted_minor: u32) -> bool {
        match self {
            Self::Numbered { major, minor, .. } => (*major, *minor) >= (wanted_major, wanted_minor),
            Self::Named(_) => true,
        }
    }
}

fn numbered(name: &str) -> Option<Version> {
    let name = name.strip_prefix("next-").unwrap_or(name);
    let (major, rest) = name.split_once('.')?;
    let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    let (minor, suffix) = rest.split_at(digits);
    Some(Version::Numbered {
        major: major.parse().ok()?,
        minor: minor.parse().ok()?,
        suffix: suffix.to_owned(),
    })
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Numbered { major, minor, suffix } => write!(f, "{major}.{minor}{suffix}"),
            Self::Named(name) => f.write_str(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Version;

    #[test]
    fn answers_are_read() {
        for (answer, shown, new_enough) in [
            ("tmux 3.3a\n", "3.3a", true),
            ("tmux 3.2", "3.2", true),
            ("tmux 3.10", "3.10", true),
            ("tmux next-3.6", "3.6", true),
            ("tmux 3.6-rc2", "3.6-rc2", true),
            ("tmux 4.0", "4.0", true),
            ("tmux master", "master", true),
            ("tmux openbsd-7.6", "openbsd-7.6", true),
            ("tmux 3.1c", "3.1c", false),
            ("tmux 2.9", "2.9", false),
        ] {
            let version = Version::parse(answer).expect("it is a version");
            assert_eq!((version.to_string().as_str(), version.is_at_least(3, 2)), (shown, new_enough));
        }
        for answer in ["", "tmux", "tmux ", "screen 4.9", "3.3a", "tmux 3.3\nx"] {
            assert_eq!(Version::parse(answer), None, "{answer:?}");
        }
    }
}
