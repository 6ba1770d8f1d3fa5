use jiff::Timestamp;

/// A time stamp as it stands in every file of ours: ISO 8601, UTC, milliseconds.
///
/// ```
/// let t: iapeer_statefile::Timestamp = "2026-11-21T01:02:03.004567Z".parse().unwrap();
/// assert_eq!(iapeer_statefile::iso_millis(t), "2026-11-21T01:02:03.004Z");
/// ```
pub fn iso_millis(t: Timestamp) -> String {
    t.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

/// A time stamp as it stands in file names: no character that a shell or a file system minds.
pub(crate) fn compact(t: Timestamp) -> String {
    t.strftime("%Y%m%dT%H%M%S%3fZ").to_string()
}

/// Reads what [`compact`] wrote.
pub(crate) fn parse_compact(text: &str) -> Option<Timestamp> {
    let digits = |range: std::ops::Range<usize>| text.get(range);
    let iso = format!(
        "{}-{}-{}T{}:{}:{}.{}Z",
        digits(0..4)?,
        digits(4..6)?,
        digits(6..8)?,
        text.get(9..11)?,
        text.get(11..13)?,
        text.get(13..15)?,
        text.get(15..18)?
    );
    let parsed: Timestamp = iso.parse().ok()?;
    (compact(parsed) == text).then_some(parsed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_in_a_file_name_is_read_back_and_nothing_else_is() {
        let t: Timestamp = "2026-11-21T01:02:03.004Z".parse().expect("a time");
        assert_eq!(compact(t), "20261121T010203004Z");
        assert_eq!(parse_compact("20261121T010203004Z"), Some(t));
        for other in ["", "20261121", "20261121T010203004Zx", "20261321T010203004Z", "é0261121T010203004Z"] {
            assert_eq!(parse_compact(other), None, "{other}");
        }
    }
}
