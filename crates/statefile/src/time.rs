use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

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

/// Reads what [`compact`] wrote, and nothing else.
pub(crate) fn parse_compact(text: &str) -> Option<Timestamp> {
    let shape = b"00000000T000000000Z";
    let fits = |(is, wanted): (&u8, &u8)| if *wanted == b'0' { is.is_ascii_digit() } else { is == wanted };
    if text.len() != shape.len() || !std::iter::zip(text.as_bytes(), shape).all(fits) {
        return None;
    }
    let number = |range: std::ops::Range<usize>| text.get(range)?.parse::<i16>().ok();
    let small = |range| i8::try_from(number(range)?).ok();
    let (hour, minute, second) = (small(9..11)?, small(11..13)?, small(13..15)?);
    let nanosecond = i32::from(number(15..18)?) * 1_000_000;
    let civil = DateTime::new(number(0..4)?, small(4..6)?, small(6..8)?, hour, minute, second, nanosecond);
    TimeZone::UTC.to_timestamp(civil.ok()?).ok()
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
