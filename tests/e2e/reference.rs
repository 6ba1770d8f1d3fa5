//! The reference of the command line is what the program itself says, verb by verb.

use std::fmt::Write as _;
use std::path::Path;

use crate::host::Host;
use crate::pages::verbs_below;

const HEAD: &str = "# Reference of the command line\n\n\
    What `--help` says of each verb; written by a test from the program (`REFERENCE=write cargo test -p iapeer --test \
    e2e\nreference`). [CLI.md](CLI.md) is the same in one table, with the JSON that each prints.\n";

/// The verbs below some, and below those, in the order of the help.
fn all_below(host: &Host, verbs: &[&str], text: &mut String) {
    for (verb, told) in verbs_below(host, verbs) {
        let told: Vec<_> = told.lines().map(str::trim_end).collect();
        write!(text, "\n## iapeer {verb}\n\n```text\n{}\n```\n", told.join("\n").trim_end()).unwrap();
        all_below(host, &verb.split(' ').collect::<Vec<_>>(), text);
    }
}

#[test]
fn the_reference_is_what_help_says() {
    let mut text = HEAD.to_owned();
    all_below(&Host::new(), &[], &mut text);
    assert!(text.matches("\n## ").count() > 50, "the verbs are not found any more");
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/REFERENCE.md");
    if std::env::var("REFERENCE").is_ok_and(|word| word == "write") {
        std::fs::write(&page, &text).unwrap();
    }
    let written = std::fs::read_to_string(&page).unwrap();
    let differs = std::iter::zip(text.lines(), written.lines()).position(|(is, was)| is != was);
    assert!(
        text == written,
        "docs/REFERENCE.md differs from line {differs:?} on; its head says how it is renewed"
    );
}
