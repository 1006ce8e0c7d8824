//! One event as commands look at it, be it a record as it was decoded or an event as it was normalised.
//!
//! What both say of themselves (time, provider, channel, id) has one name here, and their fields are one
//! list of names and values in a fixed order, so that selection, text, JSON and counts are written once.

use std::borrow::Cow;

use etwatch_decode::Schema;
use etwatch_event::{
    Event, FieldId, LogSource, LogSourceSetId, RawValue, Record, Shape, Timestamp, Value,
};

/// A field and its values; none where it is there without a value.
pub(crate) struct FieldView<'a> {
    /// The name.
    pub(crate) name: &'a str,
    /// The values, in the order of the recording.
    pub(crate) values: Vec<Value<'a>>,
}

/// A record or an event.
#[derive(Clone, Copy)]
pub(crate) enum EventView<'a> {
    /// As it was decoded: the names of the recording, and the schema of a record of ETW.
    Record(Record<'a>, Option<&'a Schema>),
    /// As it was normalised: Sigma's names.
    Event(Event<'a>),
}

impl<'a> EventView<'a> {
    /// When it happened; [`Timestamp::UNKNOWN`] if it does not say.
    pub(crate) fn time(&self) -> Timestamp {
        match self {
            Self::Record(record, _) => record.time(),
            Self::Event(event) => event.time(),
        }
    }
    /// Its number in the recording.
    pub(crate) fn number(&self) -> u64 {
        match self {
            Self::Record(record, _) => record.number(),
            Self::Event(event) => event.origin().record,
        }
    }
    /// The form it was written in.
    pub(crate) fn shape(&self) -> Shape {
        match self {
            Self::Record(record, _) => record.shape(),
            Self::Event(event) => event.origin().shape,
        }
    }
    /// The provider that wrote it; empty if it does not say.
    pub(crate) fn provider(&self) -> Cow<'a, str> {
        match self {
            Self::Record(record, _) => Cow::Borrowed(record.provider()),
            Self::Event(event) => first_text(event, FieldId::PROVIDER_NAME),
        }
    }
    /// The channel it was written to; empty if it does not say.
    pub(crate) fn channel(&self) -> Cow<'a, str> {
        match self {
            Self::Record(record, _) => Cow::Borrowed(record.channel()),
            Self::Event(event) => first_text(event, FieldId::CHANNEL),
        }
    }
    /// The id of the event within its provider.
    pub(crate) fn id(&self) -> Option<u32> {
        match self {
            Self::Record(record, _) => record.event_id(),
            Self::Event(event) => first_text(event, FieldId::EVENT_ID).parse().ok(),
        }
    }
    /// What its schema calls it: task and opcode, else its own name; empty if there is none.
    pub(crate) fn name(&self) -> Cow<'a, str> {
        let Self::Record(_, Some(schema)) = self else { return Cow::Borrowed("") };
        match (&*schema.task, &*schema.opcode) {
            ("", "") => Cow::Borrowed(&schema.name),
            ("", one) | (one, "") => Cow::Borrowed(one),
            (task, opcode) => Cow::Owned(format!("{task}/{opcode}")),
        }
    }
    /// What its schema calls a value of a field, such as the name of a flag; false if it has no name.
    pub(crate) fn value_name(&self, field: &str, value: &Value<'_>, out: &mut String) -> bool {
        out.clear();
        let Self::Record(_, Some(schema)) = self else { return false };
        let number = match value {
            Value::Unsigned(number) | Value::Hex(number) => *number,
            _ => return false,
        };
        // Members of structures stand behind their structure's name.
        let name = field.rsplit('.').next().unwrap_or(field);
        let found = schema.fields.iter().position(|field| &*field.name == name);
        found.is_some_and(|index| schema.value_name(index, number, out))
    }
    /// The log sources that it carries; of a record that is not normalised none are known.
    pub(crate) fn log_sources(&self) -> Option<&'a [LogSource]> {
        match self {
            Self::Record(..) => None,
            Self::Event(event) => Some(event.log_sources()),
        }
    }
    /// The number of the set of its log sources.
    pub(crate) fn source_set(&self) -> LogSourceSetId {
        match self {
            Self::Record(..) => LogSourceSetId::NONE,
            Self::Event(event) => event.source_set(),
        }
    }
    /// Whether `test` holds for the values of the field `name`: none if it is absent, `None` among them if
    /// it is there without a value.
    pub(crate) fn asks(&self, name: &str, test: impl FnOnce(Values<'_, 'a>) -> bool) -> bool {
        match self {
            Self::Record(record, _) => {
                let named = record.fields().filter(|(field, _)| *field == name);
                test(&mut named.map(|(_, value)| match value {
                    RawValue::One(value) => Some(value),
                    RawValue::Empty => None,
                }))
            }
            Self::Event(event) => {
                let values = event.get_named(name);
                let present = values.is_present().then_some(None);
                test(&mut present.into_iter().chain(values.iter().map(Some)))
            }
        }
    }
    /// All fields: of a record in the order of the recording; of an event the System header, then the others
    /// in the order of the tables, then those that no table knows. Fields of one name are one, where the
    /// first of them stands; objects are told by their members.
    pub(crate) fn fields(&self) -> Vec<FieldView<'a>> {
        match self {
            Self::Record(record, _) => grouped(record.fields().map(|(name, value)| match value {
                RawValue::One(value) => (name, vec![value]),
                RawValue::Empty => (name, Vec::new()),
            })),
            Self::Event(event) => {
                grouped(event.fields().map(|(name, values)| (name, values.iter().collect())))
            }
        }
    }
}

/// The values of a field as [`EventView::asks`] has them.
pub(crate) type Values<'i, 'a> = &'i mut dyn Iterator<Item = Option<Value<'a>>>;

fn first_text<'a>(event: &Event<'a>, field: FieldId) -> Cow<'a, str> {
    match event.get(field).first() {
        Some(Value::Text(text)) => Cow::Borrowed(text),
        Some(value) => {
            let mut scratch = String::new();
            Cow::Owned(value.text(&mut scratch).unwrap_or_default().to_owned())
        }
        None => Cow::Borrowed(""),
    }
}

/// Joins fields of one name. Sorted by name those of one name lie side by side; then each goes to where
/// the first of its name stood.
fn grouped<'a>(all: impl Iterator<Item = (&'a str, Vec<Value<'a>>)>) -> Vec<FieldView<'a>> {
    let mut all: Vec<(usize, &str, Vec<Value<'_>>)> =
        all.enumerate().map(|(place, (name, values))| (place, name, values)).collect();
    all.sort_by_key(|(place, name, _)| (*name, *place));
    let mut joined: Vec<(usize, FieldView<'_>)> = Vec::with_capacity(all.len());
    for (place, name, mut values) in all {
        let structures = values.len();
        values.retain(|value| *value != Value::Structure);
        if values.is_empty() && structures > 0 {
            continue;
        }
        match joined.last_mut() {
            Some((_, last)) if last.name == name => last.values.append(&mut values),
            _ => joined.push((place, FieldView { name, values })),
        }
    }
    joined.sort_by_key(|(place, _)| *place);
    joined.into_iter().map(|(_, field)| field).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_one_name_are_one_where_the_first_stood() {
        let text = |text| vec![Value::Text(text)];
        let all = [
            ("b", text("1")),
            ("a", text("2")),
            ("o", vec![Value::Structure]),
            ("b", text("3")),
            ("n", Vec::new()),
            ("o", text("4")),
            ("b", Vec::new()),
        ];
        let fields = grouped(all.into_iter());
        let told: Vec<_> = fields.iter().map(|field| (field.name, field.values.clone())).collect();
        let two = vec![Value::Text("1"), Value::Text("3")];
        assert_eq!(told, [("b", two), ("a", text("2")), ("n", vec![]), ("o", text("4"))]);
    }
}
