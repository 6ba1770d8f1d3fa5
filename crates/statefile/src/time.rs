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
