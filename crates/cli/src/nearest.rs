//! What was probably meant: the one place that suggests names.

use strsim::{damerau_levenshtein, jaro};

/// So alike two words must be, as clap has it for verbs and flags.
const ALIKE: f64 = 0.7;

/// So many suggestions at most: of a fleet, each name is like the next.
const MOST: usize = 3;

/// The names that are most like what was typed, the best first; none when nothing is like it.
pub(crate) fn nearest<'a>(typed: &str, known: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let far = |name: &str| damerau_levenshtein(typed, name);
    // Of a short word, little is left when half of it is another one.
    let is_alike = |name: &&str| jaro(typed, name) > ALIKE && far(name) * 2 <= typed.chars().count();
    let mut alike: Vec<&str> = known.into_iter().filter(is_alike).collect();
    alike.sort_by_key(|name| far(name));
    // What is a slip of the finger away leaves no doubt that something further off could share.
    let best = alike.first().map_or(0, |name| far(name));
    alike.retain(|name| far(name) <= best.max(1));
    alike.truncate(MOST);
    alike
}

/// The hint that names them, if there are any.
pub(crate) fn did_you_mean<'a>(typed: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let names = nearest(typed, known);
    (!names.is_empty()).then(|| format!("did you mean {}?", names.join(" or ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_names_are_suggested() {
        let known = ["alpha", "alpine", "beta", "worker-1", "worker-2", "worker-3", "worker-4"];
        for (typed, wanted) in [
            ("alpah", vec!["alpha"]),
            ("alfa", vec!["alpha"]),
            ("lpha", vec!["alpha"]),
            ("alpin", vec!["alpine"]),
            ("bta", vec!["beta"]),
            ("worker-5", vec!["worker-1", "worker-2", "worker-3"]),
            ("zzz", vec![]),
            ("bat", vec![]),
            ("", vec![]),
        ] {
            assert_eq!(nearest(typed, known), wanted, "{typed}");
        }
        assert_eq!(did_you_mean("bta", known).as_deref(), Some("did you mean beta?"));
        assert_eq!(did_you_mean("zzz", known), None);
    }
}
