use std::error::Error;

/// An error and all that caused it, in one line: for warnings, logs, and wherever an error becomes data.
///
/// ```
/// let error = iapeer_statefile::read_file("/".into(), 1).unwrap_err();
/// assert_eq!(iapeer_statefile::with_causes(&error), "/ is a folder, not a regular file");
/// ```
pub fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
