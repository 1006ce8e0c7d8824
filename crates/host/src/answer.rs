//! What comes of a question about a file.

use std::sync::Arc;

use crate::error::HostError;
use crate::facts::FileFacts;

/// What came of a question about a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// What the asker gave with its question.
    pub token: u64,
    /// The path that was asked about.
    pub path: Arc<str>,
    /// The facts, or why there are none.
    pub outcome: Result<Arc<FileFacts>, NoFacts>,
}

/// Why an asker goes on without facts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum NoFacts {
    /// The host could not tell.
    #[error(transparent)]
    Failed(#[from] HostError),
    /// The host had not told by the deadline.
    #[error("not known by the deadline")]
    Late,
    /// There were too many questions.
    #[error("too many questions")]
    Refused,
}

impl NoFacts {
    /// The reason without a code, as counters and records name it.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::Failed(error) => error.reason(),
            Self::Late => "late",
            Self::Refused => "refused",
        }
    }
    /// Windows' error code; 0 where there is none.
    #[must_use]
    pub fn code(self) -> u32 {
        if let Self::Failed(error) = self { error.code() } else { 0 }
    }
    /// The reason that was written with this code; `None` for one that there is not.
    #[must_use]
    pub fn of(reason: &str, code: u32) -> Option<Self> {
        match reason {
            "late" => Some(Self::Late),
            "refused" => Some(Self::Refused),
            _ => HostError::of(reason, code).map(Self::Failed),
        }
    }
}
