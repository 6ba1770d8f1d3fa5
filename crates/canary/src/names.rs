//! Who is watched, and how the files about it are called.

use camino::{Utf8Path, Utf8PathBuf};

use crate::process::Incarnation;

/// A key longer than this is cut, and told apart by a hash.
const KEY_LIMIT: usize = 100;
const KEY_KEPT: usize = 80;

/// Where a canary's files are. Paths must be absolute: the witness runs in `/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places {
    /// The folder of leases, claims and intents. On a local file system, the same for everybody who
    /// watches the same servers.
    pub state: Utf8PathBuf,
    /// The folder of forensics, one file per death.
    pub forensics: Utf8PathBuf,
    /// The journal of deaths.
    pub exits_log: Utf8PathBuf,
    /// The journal of decisions: deliberate ends, and what the witness says about itself.
    pub lifecycle_log: Utf8PathBuf,
}

/// A server to be watched, and whose it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Subject {
    /// Any string; what the records call it.
    pub identity: String,
    /// The server process.
    pub server: Incarnation,
}

impl Subject {
    /// `server`, known as `identity`.
    pub fn new(identity: impl Into<String>, server: Incarnation) -> Subject {
        Subject { identity: identity.into(), server }
    }

    /// What names this one death, should it come: `<identity>.<boot8>.<pid>.<start>`, with everything in
    /// the identity outside `[A-Za-z0-9_-]` as `%XX`. Equal records have equal deaths.
    pub fn death(&self) -> String {
        let Incarnation { boot, pid, start } = &self.server;
        format!("{}.{}.{pid}.{start}", key(&self.identity), boot.short())
    }
}

/// The identity as a part of a file name. No two identities of a sane length share one, it has no dot,
/// and it is at most [`KEY_LIMIT`] bytes long.
pub(crate) fn key(identity: &str) -> String {
    let mut key = String::with_capacity(identity.len());
    for byte in identity.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' => key.push(byte as char),
            _ => key.push_str(&format!("%{byte:02X}")),
        }
    }
    if key.len() > KEY_LIMIT {
        key.truncate(KEY_KEPT);
        // `~` never comes out of the encoding, so a cut key is never a whole one.
        key.push_str(&format!("~{:016x}", fnv1a(identity.as_bytes())));
    }
    key
}

/// The identity that a key stands for, unless the key was cut.
fn identity_of(key: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(key.len());
    let mut rest = key.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        rest = match first {
            b'%' => {
                let digits = std::str::from_utf8(after.get(..2)?).ok()?;
                bytes.push(u8::from_str_radix(digits, 16).ok()?);
                &after[2..]
            }
            b'~' => return None,
            byte => {
                bytes.push(byte);
                after
            }
        };
    }
    String::from_utf8(bytes).ok()
}

/// FNV-1a, 64 bits: <http://www.isthe.com/chongo/tech/comp/fnv/>. Two texts of one length that differ in
/// one byte never collide, for each step is a bijection.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// The files about one incarnation; all of them begin with its death's name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Files {
    folder: Utf8PathBuf,
    death: String,
}

impl Files {
    pub(crate) fn new(folder: &Utf8Path, death: impl Into<String>) -> Files {
        Files { folder: folder.to_owned(), death: death.into() }
    }

    pub(crate) fn death(&self) -> &str {
        &self.death
    }

    /// The path that all others extend.
    pub(crate) fn base(&self) -> Utf8PathBuf {
        self.folder.join(&self.death)
    }

    /// Who watches; made before the recorder starts.
    pub(crate) fn lease(&self) -> Utf8PathBuf {
        self.with("lease")
    }

    /// The claim of the death: its record, made with `O_EXCL`; a second line `logged` when the record
    /// stands in its journal.
    pub(crate) fn dead(&self) -> Utf8PathBuf {
        self.with("dead")
    }

    /// That what follows is deliberate.
    pub(crate) fn intent(&self) -> Utf8PathBuf {
        self.with("intent")
    }

    /// When a sweep first saw the server dead and its recorder alive, in seconds since boot.
    pub(crate) fn late(&self) -> Utf8PathBuf {
        self.with("late")
    }

    /// The witness's script.
    pub(crate) fn script(&self) -> Utf8PathBuf {
        self.with("witness.sh")
    }

    /// The claim of the end of the session whose pane had this pid, in the form of [`Files::dead`].
    pub(crate) fn exit(&self, pane_pid: u32) -> Utf8PathBuf {
        self.with(&format!("{pane_pid}.exit"))
    }

    fn with(&self, kind: &str) -> Utf8PathBuf {
        self.folder.join(format!("{}.{kind}", self.death))
    }
}

/// What the name of a file about an incarnation tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Name {
    pub(crate) key: String,
    pub(crate) boot8: String,
    pub(crate) pid: u32,
    pub(crate) start: String,
    /// What follows: `lease`, `dead`, `witness.sh`, ….
    pub(crate) kind: String,
}

impl Name {
    pub(crate) fn parse(file_name: &str) -> Option<Name> {
        let mut parts = file_name.splitn(5, '.');
        let mut part = || parts.next().filter(|part| !part.is_empty()).map(str::to_owned);
        let (key, boot8, pid, start, kind) = (part()?, part()?, part()?, part()?, part()?);
        Some(Name { key, boot8, pid: pid.parse().ok()?, start, kind })
    }

    pub(crate) fn death(&self) -> String {
        format!("{}.{}.{}.{}", self.key, self.boot8, self.pid, self.start)
    }

    /// The identity, or the key where it was cut.
    pub(crate) fn identity(&self) -> String {
        identity_of(&self.key).unwrap_or_else(|| self.key.clone())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn keys() {
        let long = "ü".repeat(60);
        let cases = [
            ("claude-x", "claude-x"),
            ("", ""),
            ("a.b", "a%2Eb"),
            ("a/../b", "a%2F%2E%2E%2Fb"),
            ("%41", "%2541"),
            ("Привет", "%D0%9F%D1%80%D0%B8%D0%B2%D0%B5%D1%82"),
        ];
        for (identity, wanted) in cases {
            assert_eq!(key(identity), wanted);
            assert_eq!(identity_of(wanted).as_deref(), Some(identity));
        }
        assert_eq!(key(&long).len(), KEY_KEPT + 17);
        assert_eq!(identity_of(&key(&long)), None);
    }

    #[test]
    fn names_come_back() {
        let name = Name::parse("claude-x.ec5a8d52.17.4711.witness.sh").expect("a name of ours");
        assert_eq!((name.pid, name.kind.as_str()), (17, "witness.sh"));
        assert_eq!(name.death(), "claude-x.ec5a8d52.17.4711");
        for not_ours in ["", ".lock", "claude-x.lease", "a.b.notapid.1.lease", "a.b.1..lease", "exits.log"] {
            assert_eq!(Name::parse(not_ours), None, "{not_ours}");
        }
    }

    proptest! {
        #[test]
        fn a_key_is_bounded_and_safe(identity in any::<String>()) {
            let key = key(&identity);
            prop_assert!(key.len() <= KEY_LIMIT);
            prop_assert!(key.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-%~".contains(&b)));
        }

        #[test]
        fn two_identities_never_share_a_key(bytes in proptest::collection::vec(0u8..128, 1..200),
                                            at in any::<prop::sample::Index>(), other in 0u8..128) {
            let mut changed = bytes.clone();
            let at = at.index(bytes.len());
            prop_assume!(bytes[at] != other);
            changed[at] = other;
            let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("ASCII");
            prop_assert_ne!(key(&text(bytes)), key(&text(changed)));
        }
    }
}
