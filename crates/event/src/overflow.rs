//! Fields of an event that its layout does not know: by their number, or by their name if they had none
//! when the event was written.

use crate::arena::{Cell, Span};
use crate::field::{FieldId, FieldTable};

#[derive(Clone, Copy, Debug)]
pub(crate) enum OverflowName {
    Known(FieldId),
    Text(Span),
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Overflow {
    pub(crate) name: OverflowName,
    pub(crate) value: Cell,
}

impl Overflow {
    /// The same with the number that its name has in `fields`, if it has one; `text` is the event's.
    pub(crate) fn numbered(self, text: &str, fields: &FieldTable) -> Self {
        let name = match self.name {
            OverflowName::Text(span) => fields.id(span.text(text)).map(OverflowName::Known),
            OverflowName::Known(_) => None,
        };
        Self { name: name.unwrap_or(self.name), ..self }
    }
}
