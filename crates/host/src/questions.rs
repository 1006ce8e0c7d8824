//! What is asked about a file.
//!
//! Each question has a price: hashes read the whole file, a signature may cost Windows 50 ms. So rules that
//! are loaded decide which are asked, and what is kept says which it answers.

use std::fmt;
use std::ops::{BitAnd, BitOr, Sub};

/// A set of questions about a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct FileQuestions(u8);

/// Each question and its name, in the order in which Sysmon writes hashes.
const NAMES: [(FileQuestions, &str); 6] = [
    (FileQuestions::SHA1, "SHA1"),
    (FileQuestions::MD5, "MD5"),
    (FileQuestions::SHA256, "SHA256"),
    (FileQuestions::IMPHASH, "IMPHASH"),
    (FileQuestions::VERSION, "version"),
    (FileQuestions::SIGNATURE, "signature"),
];

impl FileQuestions {
    /// None.
    pub const NONE: Self = Self(0);
    /// The SHA-1 of the whole file.
    pub const SHA1: Self = Self(1);
    /// The MD5 of the whole file.
    pub const MD5: Self = Self(2);
    /// The SHA-256 of the whole file.
    pub const SHA256: Self = Self(4);
    /// The hash of what an image imports.
    pub const IMPHASH: Self = Self(8);
    /// The version information of an image.
    pub const VERSION: Self = Self(16);
    /// Whether an image is signed, by whom, and whether Windows accepts it.
    pub const SIGNATURE: Self = Self(32);
    /// What reads the whole file.
    pub const WHOLE_FILE: Self = Self(7);
    /// What Sysmon's `Hashes` has.
    pub const HASHES: Self = Self(15);
    /// Everything.
    pub const ALL: Self = Self(63);

    /// Whether all of `others` are among these.
    #[must_use]
    pub const fn contains(self, others: Self) -> bool {
        self.0 & others.0 == others.0
    }
    /// Whether any of `others` is among these.
    #[must_use]
    pub const fn intersects(self, others: Self) -> bool {
        self.0 & others.0 != 0
    }
    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
    /// Reads what [`fmt::Display`] wrote; `None` if a name is not known.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let of = |name| NAMES.iter().find(|(_, known)| *known == name).map(|(one, _)| *one);
        text.split_ascii_whitespace().try_fold(Self::NONE, |set, name| Some(set | of(name)?))
    }
}

impl BitOr for FileQuestions {
    type Output = Self;
    fn bitor(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }
}

impl BitAnd for FileQuestions {
    type Output = Self;
    fn bitand(self, others: Self) -> Self {
        Self(self.0 & others.0)
    }
}

impl Sub for FileQuestions {
    type Output = Self;
    fn sub(self, others: Self) -> Self {
        Self(self.0 & !others.0)
    }
}

impl fmt::Display for FileQuestions {
    /// The names, with a space between them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut space = "";
        for (one, name) in NAMES {
            if self.contains(one) {
                write!(f, "{space}{name}")?;
                space = " ";
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_set_can_be_written_and_read() {
        for bits in 0..=FileQuestions::ALL.0 {
            let set = FileQuestions(bits);
            assert_eq!(FileQuestions::parse(&set.to_string()), Some(set));
        }
        assert_eq!(FileQuestions::parse("MD5 taste"), None);
    }

    #[test]
    fn what_is_answered_can_be_taken_away() {
        let left = FileQuestions::HASHES - FileQuestions::WHOLE_FILE;
        assert_eq!(left, FileQuestions::IMPHASH);
        assert!(!left.intersects(FileQuestions::VERSION));
    }
}
