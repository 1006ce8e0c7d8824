//! How the records of a kind begin.
//!
//! Many records differ in few values of their first fields. A template has those fields once; a record that
//! is begun with it has them by plain copies, names included, and only what differs is set anew.

use std::sync::Arc;

use crate::arena::{Arena, Cell, Span};
use crate::names::FieldNames;
use crate::record::{RawField, RawValue, Record};

/// The first fields of records, their values, and the names of all fields that may follow.
#[derive(Clone, Debug, Default)]
pub struct RecordTemplate {
    pub(crate) names: Arc<FieldNames>,
    pub(crate) fields: Vec<RawField>,
    pub(crate) text: String,
    pub(crate) bytes: Vec<u8>,
    pub(crate) provider: Span,
    pub(crate) channel: Span,
    pub(crate) shape: crate::record::Shape,
}

impl RecordTemplate {
    /// The fields of `example`, their values, and what it says of provider, channel and form; `names` begin
    /// with the names of its fields. Of fields beyond `names`, and of lists, nothing is taken.
    #[must_use]
    pub fn of(example: &Record<'_>, names: FieldNames) -> Self {
        let mut arena = Arena::default();
        let mut fields = Vec::new();
        let (mut provider, mut channel) = (Span::default(), Span::default());
        for (index, value) in example.values().enumerate() {
            let (Some(name), RawValue::One(value)) = (names.span(index), value) else { break };
            let value = arena.push(value);
            if let Cell::Text(span) = value {
                let is = |text: &str| !text.is_empty() && span.text(&arena.text) == text;
                if provider.len == 0 && is(example.provider()) {
                    provider = span;
                } else if channel.len == 0 && is(example.channel()) {
                    channel = span;
                }
            }
            fields.push(RawField { name, value });
        }
        let (text, bytes) = (arena.text, arena.bytes);
        let shape = example.shape();
        Self { names: Arc::new(names), fields, text, bytes, provider, channel, shape }
    }
    /// Adds the next `count` names, whose values [`crate::RecordBuilder::set_value`] gives in each record.
    pub fn add_open(&mut self, count: usize) {
        let next = self.fields.len();
        let names = (next..next + count).map_while(|index| self.names.span(index));
        self.fields.extend(names.map(|name| RawField { name, value: Cell::Absent }));
    }
    /// The names.
    #[must_use]
    pub fn names(&self) -> &Arc<FieldNames> {
        &self.names
    }
    /// How many fields it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.fields.len()
    }
    /// Whether it has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{RecordBatch, Shape};
    use crate::value::{Guid, Value};

    #[test]
    fn a_record_begun_with_a_template_has_its_fields_and_those_that_follow() {
        let mut batch = RecordBatch::default();
        let mut example = batch.begin();
        example.push("Channel", Value::Text("System"));
        example.push("Provider", Value::Text("P"));
        example.push("Id", Value::Unsigned(1));
        example.push("Guid", Value::Guid(Guid([7; 16])));
        example.set_channel(0);
        example.set_provider(1);
        example.set_shape(Shape::Etw);
        example.finish();
        let names = ["Channel", "Provider", "Id", "Guid", "A", "B"].into_iter().collect();
        let template = RecordTemplate::of(&batch.get(0).unwrap(), names);
        assert_eq!((template.len(), template.is_empty()), (4, false));

        let mut record = batch.begin_with(&template);
        record.set_value(2, Value::Unsigned(2));
        record.push_named(4, Value::Text("a"));
        record.push_named(5, Value::Text("b"));
        record.finish();
        // A name may come again or be left out; then the names are no longer those of the places.
        let mut record = batch.begin_with(&template);
        record.push_named(5, Value::Text("b"));
        record.push_named(5, Value::Null);
        record.push_named(6, Value::Null);
        record.finish();
        let shown = |index: usize| {
            let record = batch.get(index).unwrap();
            let fields: Vec<_> = record.fields().skip(2).collect();
            (record.provider(), record.channel(), record.shape(), fields)
        };
        let guid = ("Guid", RawValue::One(Value::Guid(Guid([7; 16]))));
        let text = |name, text| (name, RawValue::One(Value::Text(text)));
        let second =
            [("Id", RawValue::One(Value::Unsigned(2))), guid, text("A", "a"), text("B", "b")];
        assert_eq!(shown(1), ("P", "System", Shape::Etw, second.to_vec()));
        let third = [
            ("Id", RawValue::One(Value::Unsigned(1))),
            guid,
            text("B", "b"),
            ("B", RawValue::One(Value::Null)),
        ];
        assert_eq!(shown(2), ("P", "System", Shape::Etw, third.to_vec()));
        let shared = |index: usize| batch.get(index).unwrap().shared_names().is_some();
        assert_eq!([shared(0), shared(1), shared(2)], [false, true, false]);
    }
}
