//! What the tests that start themselves as children share.
#![allow(dead_code, clippy::print_stdout, reason = "no test uses all of it")]

use iapeer_statefile::{Fault, Format, Parsed};

/// A list of numbers as JSON.
#[derive(Debug)]
pub(crate) struct Numbers;

impl Format for Numbers {
    type Value = Vec<u32>;
    fn parse(&self, bytes: &[u8]) -> Result<Parsed<Vec<u32>>, Fault> {
        serde_json::from_slice(bytes).map(Parsed::whole).map_err(|e| Fault::syntax(&e))
    }
    fn render(&self, value: &Vec<u32>) -> Vec<u8> {
        serde_json::to_vec(value).expect("numbers are JSON")
    }
}

/// Those of `tests` that the arguments ask for, as with the standard harness; `--list` asks for none.
pub(crate) fn chosen<'a>(tests: &[&'a str], arguments: &[String]) -> Vec<&'a str> {
    if arguments.iter().any(|argument| argument == "--list") {
        tests.iter().for_each(|name| println!("{name}: test"));
        return Vec::new();
    }
    let filters: Vec<_> = arguments.iter().take_while(|argument| !argument.starts_with('-')).collect();
    let wanted = |name: &&&str| filters.is_empty() || filters.iter().any(|filter| name.contains(*filter));
    tests.iter().filter(wanted).copied().collect()
}
