//! Why a record was not written.

use std::io;

use etwatch_event::{Guid, RawForm};

/// Why a record was not written. Each is counted in [`crate::etl::Written::refused`]; the file is not
/// harmed, and the next record may be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// A field is set that headers of this form do not have.
    #[error("a header of the form {form:?} has no place for the {field}")]
    NoPlace {
        /// The form of the record.
        form: RawForm,
        /// The field.
        field: &'static str,
    },
    /// A kernel record of a class that no group stands for.
    #[error("the kernel logger has no hook for opcode {opcode} of class {class}")]
    NoHook {
        /// The class.
        class: Guid,
        /// The opcode.
        opcode: u8,
    },
    /// Every file has one header of the trace, and the writer makes it.
    #[error("the header of the trace is written by the writer itself")]
    SecondHeader,
    /// Pointers of a size that Windows does not have.
    #[error("pointers of {0} bytes, not of 4 or 8")]
    PointerSize(u8),
    /// A processor whose number a buffer has no place for.
    #[error("processor {0}, where the last possible one is 2047")]
    Processor(u16),
    /// More bytes than the 16 bits of a record's size can say.
    #[error("the record has {size} bytes, where 65535 are the most")]
    TooLong {
        /// Bytes of the record, its header included.
        size: usize,
    },
    /// Extended items that a reader would take for something else.
    #[error("extended items: {0}")]
    ExtendedItems(&'static str),
    /// A name that would end too early.
    #[error("the {0} has a NUL in it")]
    Name(&'static str),
    /// The file does not take it. What is in buffers is kept and written by the next attempt.
    #[error("the file could not be written")]
    Io(#[from] io::Error),
}
