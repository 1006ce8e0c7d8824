//! Why the host gave no answer.
//!
//! A look-up fails in the ordinary course of things: a process has ended, a file is open to nobody else. So
//! a failure is a small value that can be counted by its reason, kept, and written into a recording.

use std::fmt;
use std::io;

/// Why the host gave no answer; `code` is Windows' own error code, 0 where there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum HostError {
    /// The process has ended, or there is no such file.
    #[error("gone{}", Code(*code))]
    Gone {
        /// Windows' error code.
        code: u32,
    },
    /// Windows does not let us.
    #[error("access denied{}", Code(*code))]
    AccessDenied {
        /// Windows' error code.
        code: u32,
    },
    /// This system has no such thing.
    #[error("not on this system")]
    NotHere,
    /// The file was written to while it was read.
    #[error("changed while it was read")]
    Changed,
    /// Anything else.
    #[error("failed{}", Code(*code))]
    Other {
        /// Windows' error code.
        code: u32,
    },
}

/// A code in brackets, unless it is 0.
struct Code(u32);

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 { Ok(()) } else { write!(f, " (Windows error {})", self.0) }
    }
}

impl HostError {
    /// The reason without its code, as counters and records name it.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::Gone { .. } => "gone",
            Self::AccessDenied { .. } => "access denied",
            Self::NotHere => "not here",
            Self::Changed => "changed",
            Self::Other { .. } => "other",
        }
    }
    /// Windows' error code; 0 where there is none.
    #[must_use]
    pub fn code(self) -> u32 {
        match self {
            Self::Gone { code } | Self::AccessDenied { code } | Self::Other { code } => code,
            Self::NotHere | Self::Changed => 0,
        }
    }
    /// The error of a reason and a code, as they were written; `None` for a reason that there is not.
    #[must_use]
    pub fn of(reason: &str, code: u32) -> Option<Self> {
        let all = [
            Self::Gone { code },
            Self::AccessDenied { code },
            Self::NotHere,
            Self::Changed,
            Self::Other { code },
        ];
        all.into_iter().find(|error| error.reason() == reason)
    }
}

impl From<&io::Error> for HostError {
    fn from(error: &io::Error) -> Self {
        let code = error.raw_os_error().map_or(0, i32::cast_unsigned);
        match error.kind() {
            io::ErrorKind::NotFound => Self::Gone { code },
            io::ErrorKind::PermissionDenied => Self::AccessDenied { code },
            _ => Self::Other { code },
        }
    }
}

impl From<io::Error> for HostError {
    fn from(error: io::Error) -> Self {
        Self::from(&error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_can_be_written_and_read() {
        for error in [
            HostError::Gone { code: 2 },
            HostError::AccessDenied { code: 5 },
            HostError::NotHere,
            HostError::Changed,
            HostError::Other { code: 32 },
        ] {
            assert_eq!(HostError::of(error.reason(), error.code()), Some(error));
        }
        assert_eq!(HostError::of("tired", 5), None);
    }

    #[test]
    fn a_code_is_told_where_there_is_one() {
        assert_eq!(HostError::Gone { code: 87 }.to_string(), "gone (Windows error 87)");
        assert_eq!(HostError::Gone { code: 0 }.to_string(), "gone");
    }
}
