//! What is wrong with a table, and where.

/// A line of a table is not of the form.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("schemas/{file}:{line}: {problem}")]
pub struct TableError {
    /// The file.
    pub file: &'static str,
    /// The line, from 1.
    pub line: u32,
    /// What is wrong.
    pub problem: TableProblem,
}

/// What is wrong with a line of a table.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TableProblem {
    /// A quote is not closed, or stands where none may.
    #[error("a quote is not closed or stands inside a word")]
    Quote,
    /// The line begins with no word of the format, or stands where it may not.
    #[error("`{0}` may not stand here")]
    Misplaced(String),
    /// Something has to follow that does not.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// An attribute that the line can't have.
    #[error("attribute `{0}` is not known here")]
    Attribute(String),
    /// A word that is no GUID.
    #[error("`{0}` is no GUID")]
    Guid(String),
    /// A word that is no number, or one that is too large.
    #[error("`{0}` is no number that fits")]
    Number(String),
    /// A type that does not exist.
    #[error("type `{0}` is not known")]
    Type(String),
    /// A map that is not told above.
    #[error("map `{0}` is not told above")]
    Map(String),
    /// A field that does not stand before.
    #[error("field `{0}` does not stand before")]
    Field(String),
    /// As many names as numbers are needed, or one.
    #[error("{names} names for {numbers} numbers")]
    Names {
        /// How many names there are.
        names: usize,
        /// How many ids or opcodes.
        numbers: usize,
    },
    /// A GUID or the name of a field occurs a second time.
    #[error("`{0}` is told twice")]
    Twice(String),
    /// More fields than a schema can have.
    #[error("more than 65,535 fields")]
    TooMany,
}
