//! The system prompt of a peer: composed from what the host and the peer have written, general before specific.
//!
//! Only a peer with an `IAPEER.md` of its own has one. The texts are data; nothing in them is run or replaced.

use std::fmt::Write as _;

use camino::{Utf8Path, Utf8PathBuf};
use iapeer_registry::{Facts, Identity, Nature, Peer};
use iapeer_statefile::{list_folder, read_file};

use crate::host::{Host, Warning};

/// No text of a system prompt is larger than this, in bytes.
const LIMIT: u64 = 1 << 20;

/// What a peer must have of its own, and a host may have.
const MAIN: &str = "IAPEER.md";

/// The texts of one place: the root, or `.iapeer` in a peer's folder.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Texts {
    /// `IAPEER.md`.
    main: String,
    /// Every other `*.md`, by name.
    more: Vec<String>,
    /// Every `fragments/*.md`, by name.
    fragments: Vec<String>,
}

/// The system prompt of a session, when the peer has one. A text that cannot be read is left out, with a warning.
pub(crate) fn system_prompt(
    host: &Host,
    identity: &Identity,
    peer: &Peer,
    warnings: &mut Vec<Warning>,
) -> Option<String> {
    let own = peer.cwd.join(".iapeer");
    // A link that leads nowhere is one, too, and is told when it is read.
    own.join(MAIN).symlink_metadata().ok()?;
    let others = match host.peers() {
        Ok(peers) => peers.index.peers().to_vec(),
        Err(e) => {
            warnings.push(Warning::of("the other peers are left out of the system prompt", &e));
            Vec::new()
        }
    };
    let others: Vec<&Facts> = others
        .iter()
        .map(|other| &other.facts)
        .filter(|facts| facts.personality != *identity.personality())
        .collect();
    let common = texts_in(host.layout().root(), warnings);
    let own = texts_in(&own, warnings);
    Some(composed(&identity_facts(identity, peer), &common, &own, &others))
}

/// The layers, general to specific; what is empty drops out.
fn composed(identity: &str, common: &Texts, own: &Texts, others: &[&Facts]) -> String {
    let others = other_peers(others);
    let mut layers = vec![identity, &common.main, &own.main, &others];
    let rest = [&common.more, &own.more, &common.fragments, &own.fragments];
    layers.extend(rest.into_iter().flatten().map(String::as_str));
    let layers = layers.into_iter().map(str::trim).filter(|layer| !layer.is_empty());
    layers.collect::<Vec<_>>().join("\n\n") + "\n"
}

/// Who the session is, as YAML between two lines of dashes.
fn identity_facts(identity: &Identity, peer: &Peer) -> String {
    let facts = &peer.facts;
    let mut text = format!(
        "---\npersonality: {}\nruntime: {}\nidentity: {identity}\nintelligence: {}\ncwd: {}\n",
        facts.personality,
        identity.runtime(),
        nature(facts),
        quoted(peer.cwd.as_str()),
    );
    if !facts.description.is_empty() {
        writeln!(text, "description: {}", quoted(&facts.description)).expect("a text can be written to");
    }
    text + "---"
}

/// The other peers of the host, as YAML under a heading; nothing when there are none.
fn other_peers(others: &[&Facts]) -> String {
    if others.is_empty() {
        return String::new();
    }
    let mut text = "# The other peers on this host\n\n```yaml\n".to_owned();
    for facts in others {
        let runtimes = facts.runtimes().iter().map(|r| r.as_str()).collect::<Vec<_>>().join(", ");
        let (name, nature) = (&facts.personality, nature(facts));
        write!(text, "- personality: {name}\n  runtimes: [{runtimes}]\n  intelligence: {nature}\n")
            .expect("a text can be written to");
        if !facts.description.is_empty() {
            writeln!(text, "  description: {}", quoted(&facts.description))
                .expect("a text can be written to");
        }
    }
    text + "```"
}

fn nature(facts: &Facts) -> &'static str {
    match facts.intelligence.nature() {
        Nature::Artificial => "artificial",
        Nature::Natural => "natural",
        Nature::Absent => "absent",
    }
}

/// A text as JSON has it, which is a double-quoted scalar of YAML, too: one line, whatever is in it.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn texts_in(folder: &Utf8Path, warnings: &mut Vec<Warning>) -> Texts {
    let main = text_of(&folder.join(MAIN), warnings).unwrap_or_default();
    let mut more = markdown_in(folder, warnings);
    more.retain(|path| path.file_name() != Some(MAIN));
    let fragments = markdown_in(&folder.join("fragments"), warnings);
    let mut read = |paths: &[Utf8PathBuf]| paths.iter().filter_map(|path| text_of(path, warnings)).collect();
    Texts { main, more: read(&more), fragments: read(&fragments) }
}

/// The Markdown files of a folder, by name. One whose name begins with a dot is hidden on purpose.
fn markdown_in(folder: &Utf8Path, warnings: &mut Vec<Warning>) -> Vec<Utf8PathBuf> {
    let mut names = list_folder(folder).unwrap_or_else(|e| {
        warnings.push(Warning::of("texts are left out of the system prompt", &e));
        Vec::new()
    });
    names.retain(|name| name.ends_with(".md") && !name.starts_with('.'));
    names.sort();
    names.iter().map(|name| folder.join(name)).collect()
}

fn text_of(path: &Utf8Path, warnings: &mut Vec<Warning>) -> Option<String> {
    let read = read_file(path, LIMIT).map_err(|e| Warning::of("a text is left out of the system prompt", &e));
    let text = read.and_then(|bytes| {
        let not_utf8 =
            |_| Warning::new(format!("a text is left out of the system prompt: {path} is not UTF-8"));
        bytes.map(|bytes| String::from_utf8(bytes).map_err(not_utf8)).transpose()
    });
    text.unwrap_or_else(|warning| {
        warnings.push(warning);
        None
    })
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "the tests write the texts that are read")]
mod tests {
    use std::fs;

    use super::*;
    use crate::Settings;

    fn facts(name: &str, description: &str) -> Facts {
        let mut facts = Facts::new(name.parse().unwrap(), "claude".parse().unwrap());
        description.clone_into(&mut facts.description);
        facts
    }

    #[test]
    fn layers_go_from_general_to_specific_and_empty_ones_drop_out() {
        let common = Texts {
            main: "common main\n\n".to_owned(),
            more: vec!["common more".to_owned(), "  \n".to_owned()],
            fragments: vec!["common fragment".to_owned()],
        };
        let own = Texts {
            main: "own main".to_owned(),
            more: vec!["own more".to_owned()],
            fragments: vec!["own fragment".to_owned()],
        };
        let (beta, gamma) = (facts("beta", "says \"no\"\nand: more"), facts("gamma", ""));
        let beta_told = "# The other peers on this host\n\n```yaml\n- personality: beta\n  runtimes: [claude]\n  \
            intelligence: artificial\n  description: \"says \\\"no\\\"\\nand: more\"\n- personality: gamma\n  \
            runtimes: [claude]\n  intelligence: artificial\n```";
        assert_eq!(
            composed("who", &common, &own, &[&beta, &gamma]).split("\n\n").collect::<Vec<_>>().join("|"),
            [
                "who",
                "common main",
                "own main",
                &beta_told.replace("\n\n", "|"),
                "common more",
                "own more",
                "common fragment",
                "own fragment\n",
            ]
            .join("|")
        );
        assert_eq!(composed("who", &Texts::default(), &Texts::default(), &[]), "who\n");
    }

    #[test]
    fn only_a_peer_with_a_text_of_its_own_has_one_and_what_cannot_be_read_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let top = Utf8Path::from_path(folder.path()).unwrap();
        let put = |path: &str, bytes: &[u8]| {
            let path = top.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        };
        let host = Host::new(Settings::new(top.join("root")));
        let peer = Peer::new(facts("alpha", ""), top.join("alpha"));
        let identity = "claude-alpha".parse().unwrap();
        let prompt = || {
            let mut warnings = Vec::new();
            let prompt = system_prompt(&host, &identity, &peer, &mut warnings);
            (prompt, warnings.into_iter().map(|w| w.message.replace(top.as_str(), "")).collect::<Vec<_>>())
        };
        put("root/IAPEER.md", b"for all");
        put("alpha/.iapeer/more.md", b"more");
        assert_eq!(prompt(), (None, vec![]));
        put("alpha/.iapeer/IAPEER.md", b"own");
        put("alpha/.iapeer/notes.txt", b"not Markdown");
        put("alpha/.iapeer/.hidden.md", b"hidden");
        put("alpha/.iapeer/fragments/2.md", b"second");
        put("alpha/.iapeer/fragments/10.md", b"first");
        put("root/bad.md", b"\xff");
        fs::create_dir(top.join("root/folder.md")).unwrap();
        let (text, warnings) = prompt();
        let who = format!(
            "---\npersonality: alpha\nruntime: claude\nidentity: claude-alpha\nintelligence: artificial\n\
            cwd: \"{top}/alpha\"\n---"
        );
        assert_eq!(text.unwrap(), format!("{who}\n\nfor all\n\nown\n\nmore\n\nfirst\n\nsecond\n"));
        assert_eq!(warnings.len(), 2, "{warnings:?}");
        assert!(warnings[0].contains("/root/bad.md is not UTF-8"), "{warnings:?}");
        assert!(warnings[1].contains("/root/folder.md"), "{warnings:?}");
    }
}
