//! What a schema is looked up by.

use etwatch_event::{Guid, RawForm, RawHeader};

/// Which event, and on which Windows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// The provider, or the class of a classic event.
    pub guid: Guid,
    /// The id of the event; the opcode of a classic one.
    pub id: u16,
    /// The version of its layout.
    pub version: u8,
    /// Whether it is a classic event.
    pub classic: bool,
    /// The build of Windows that wrote it; 0 if it is not known.
    pub build: u32,
}

impl Key {
    /// What the schema of a record with this header, written by this build, is looked up by.
    #[must_use]
    pub fn of(header: &RawHeader, build: u32) -> Self {
        let classic = matches!(header.form, RawForm::Classic | RawForm::Kernel);
        let id = if classic { header.opcode.into() } else { header.id };
        Self { guid: header.provider, id, version: header.version, classic, build }
    }
    /// The same for any build.
    #[must_use]
    pub fn of_any_build(self) -> Self {
        Self { build: 0, ..self }
    }
}
