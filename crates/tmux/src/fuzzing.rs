//! What must hold whatever tmux answers; for tests alone. Each says whether it understood what it was given.

use crate::Version;
use crate::session::{PASTE_PIECE, parse_created, parse_pane, pasted, pieces};

/// The answers of tmux: to `-V`, to `new-session`, and the lines of `list-panes`.
pub fn answer(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let version = Version::parse(&text);
    if let Some(version) = &version {
        let again = Version::parse(&format!("tmux {version}")).expect("what is shown is a version");
        assert_eq!(again.to_string(), version.to_string());
    }
    let created = parse_created(&text);
    assert!(created.as_ref().is_none_or(|session| session.session_id.starts_with('$')));
    let panes: Vec<_> = text.lines().filter_map(parse_pane).collect();
    for (number, pane) in &panes {
        assert!(pane.id.strip_prefix('%').and_then(|id| id.parse().ok()) == Some(*number), "{pane:?}");
    }
    version.is_some() || created.is_some() || !panes.is_empty()
}

/// A text that is pasted loses what would press keys, and nothing else, however it is cut.
pub fn paste(bytes: &[u8]) -> bool {
    let text = pasted(&String::from_utf8_lossy(bytes));
    assert!(!text.contains(|c: char| c.is_control() && c != '\n' && c != '\t'));
    for most in [1, 7, PASTE_PIECE] {
        let pieces = pieces(&text, most);
        assert_eq!(pieces.concat(), text);
        assert!(pieces.iter().all(|piece| piece.len() <= most || piece.chars().count() == 1));
    }
    !text.is_empty()
}
