//! How bad it is, in the same words for everything that is looked at.

/// How something stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Grade {
    /// As it should be.
    Ok,
    /// As it may be; worth knowing.
    Info,
    /// Something does not work as it could, or soon will not.
    Warn,
    /// Something does not work.
    Fail,
    /// It could not be found out.
    Unknown,
    /// There was nothing to look at.
    Skipped,
}

impl Grade {
    /// All of them, those that matter most first.
    pub const ALL: [Grade; 6] =
        [Grade::Fail, Grade::Unknown, Grade::Warn, Grade::Info, Grade::Skipped, Grade::Ok];

    /// The word that scripts read.
    pub fn as_str(self) -> &'static str {
        match self {
            Grade::Ok => "ok",
            Grade::Info => "info",
            Grade::Warn => "warn",
            Grade::Fail => "fail",
            Grade::Unknown => "unknown",
            Grade::Skipped => "skipped",
        }
    }

    /// Whether somebody has to do something about it.
    pub fn is_problem(self) -> bool {
        matches!(self, Grade::Warn | Grade::Fail | Grade::Unknown)
    }
}
