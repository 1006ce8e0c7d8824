//! The header of a raw record as fields, before those of its payload.
//!
//! The names are those that event logs have, so that a rule on `Execution_ProcessID` works on ETW as well.
//! What a record does not say (a process where the header has no room for one, an activity of zeros, an
//! extended item that was not asked for) is no field. Which fields there are is a set of bits: the fields of
//! a record and the names it shares with others both follow from it, in the order of the bits.

use etwatch_event::field::HEADER_FIELDS;
use etwatch_event::{
    ExtendedItem, FieldId, Guid, RawForm, RawHeader, RawRecord, Record, RecordBuilder, Shape, Sid,
    Value,
};

use crate::schema::Schema;

/// Fields of a header, one bit each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct HeaderFields(u32);

/// A field of the header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum HeaderField {
    EventId,
    ProviderName,
    Channel,
    ProviderGuid,
    Version,
    Level,
    Task,
    Opcode,
    Keywords,
    TimeCreated,
    ProcessId,
    ThreadId,
    ProcessorId,
    ActivityId,
    RelatedActivityId,
    UserId,
    SessionId,
    ProcessStartKey,
    MessageGuid,
    MessageNumber,
}

use HeaderField as H;

/// All of them; the place of each is its bit.
const ALL: [HeaderField; 20] = [
    H::EventId,
    H::ProviderName,
    H::Channel,
    H::ProviderGuid,
    H::Version,
    H::Level,
    H::Task,
    H::Opcode,
    H::Keywords,
    H::TimeCreated,
    H::ProcessId,
    H::ThreadId,
    H::ProcessorId,
    H::ActivityId,
    H::RelatedActivityId,
    H::UserId,
    H::SessionId,
    H::ProcessStartKey,
    H::MessageGuid,
    H::MessageNumber,
];
const _: () = assert!(H::MessageNumber as usize == ALL.len() - 1, "the order of both is the same");

/// Those that every event has.
const OF_EVENTS: HeaderFields = HeaderFields::all(&[
    H::EventId,
    H::ProviderGuid,
    H::Version,
    H::Level,
    H::Task,
    H::Opcode,
    H::Keywords,
    H::TimeCreated,
    H::ProcessorId,
]);
/// Those that few records have; the last ones.
const RARE: HeaderFields = HeaderFields::all(&[
    H::RelatedActivityId,
    H::UserId,
    H::SessionId,
    H::ProcessStartKey,
    H::MessageGuid,
    H::MessageNumber,
]);
/// Those that every WPP message has.
const OF_MESSAGES: HeaderFields =
    HeaderFields::all(&[H::TimeCreated, H::ProcessorId, H::MessageGuid, H::MessageNumber]);

impl HeaderField {
    fn name(self) -> &'static str {
        let of_all = |id: FieldId| HEADER_FIELDS.get(id.index()).copied().unwrap_or_default();
        match self {
            H::EventId => of_all(FieldId::EVENT_ID),
            H::ProviderName => of_all(FieldId::PROVIDER_NAME),
            H::Channel => of_all(FieldId::CHANNEL),
            H::ProviderGuid => of_all(FieldId::PROVIDER_GUID),
            H::Version => of_all(FieldId::VERSION),
            H::Level => of_all(FieldId::LEVEL),
            H::Task => of_all(FieldId::TASK),
            H::Opcode => of_all(FieldId::OPCODE),
            H::Keywords => of_all(FieldId::KEYWORDS),
            H::TimeCreated => of_all(FieldId::TIME_CREATED),
            H::ProcessId => of_all(FieldId::EXECUTION_PROCESS_ID),
            H::ThreadId => of_all(FieldId::EXECUTION_THREAD_ID),
            H::ActivityId => of_all(FieldId::CORRELATION_ACTIVITY_ID),
            H::UserId => of_all(FieldId::SECURITY_USER_ID),
            H::ProcessorId => "Execution_ProcessorID",
            H::RelatedActivityId => "Correlation_RelatedActivityID",
            H::SessionId => "Execution_SessionID",
            H::ProcessStartKey => "ProcessStartKey",
            H::MessageGuid => "MessageGuid",
            H::MessageNumber => "MessageNumber",
        }
    }
}

/// The extended items that become fields.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Items<'a> {
    related: Option<Guid>,
    user: Option<Sid<'a>>,
    session: Option<u32>,
    start_key: Option<u64>,
    /// What TraceLogging says of the event.
    pub(crate) metadata: Option<&'a [u8]>,
    /// What the provider says of itself.
    pub(crate) traits: &'a [u8],
}

impl<'a> Items<'a> {
    pub(crate) fn of(record: &RawRecord<'a>) -> Self {
        let mut items = Self::default();
        if record.extended.is_empty() {
            return items;
        }
        for ExtendedItem { kind, data } in record.items() {
            match kind {
                ExtendedItem::RELATED_ACTIVITY => {
                    items.related = data.first_chunk().map(|guid| Guid(*guid));
                }
                ExtendedItem::SID => items.user = Some(Sid(data)),
                ExtendedItem::SESSION => {
                    items.session = data.first_chunk().map(|bytes| u32::from_le_bytes(*bytes));
                }
                ExtendedItem::PROCESS_START_KEY => {
                    items.start_key = data.first_chunk().map(|bytes| u64::from_le_bytes(*bytes));
                }
                ExtendedItem::SCHEMA => items.metadata = Some(data),
                ExtendedItem::PROVIDER_TRAITS => items.traits = data,
                _ => {}
            }
        }
        items
    }
}

impl HeaderFields {
    const fn all(fields: &[HeaderField]) -> Self {
        let mut set = 0;
        let mut rest = fields;
        while let [field, behind @ ..] = rest {
            set |= 1 << *field as u32;
            rest = behind;
        }
        Self(set)
    }
    fn has(self, field: HeaderField) -> bool {
        self.0 & 1 << field as u32 != 0
    }
    #[inline]
    fn add(self, field: HeaderField, there: bool) -> Self {
        Self(self.0 | u32::from(there) << field as u32)
    }
    /// Those of a record that is decoded by `schema`.
    pub(crate) fn of(record: &RawRecord<'_>, items: &Items<'_>, schema: &Schema) -> Self {
        let header = &record.header;
        let message = header.form == RawForm::Message;
        let always = if message { OF_MESSAGES } else { OF_EVENTS };
        always
            .add(H::ProviderName, !schema.provider.is_empty())
            .add(H::Channel, !schema.channel.is_empty())
            .add(H::ProcessId, header.process_id.is_some())
            .add(H::ThreadId, header.thread_id.is_some())
            .add(H::ActivityId, header.activity != Guid::default())
            .add(H::RelatedActivityId, items.related.is_some())
            .add(H::UserId, items.user.is_some())
            .add(H::SessionId, items.session.is_some())
            .add(H::ProcessStartKey, items.start_key.is_some())
    }
    fn iter(self) -> impl Iterator<Item = HeaderField> {
        let mut bits = self.0;
        std::iter::from_fn(move || {
            let next = bits.trailing_zeros() as usize;
            bits &= bits.wrapping_sub(1);
            ALL.get(next).copied()
        })
    }
    /// Their names.
    pub(crate) fn names(self) -> impl Iterator<Item = &'static str> {
        self.iter().map(HeaderField::name)
    }

    /// Writes them to `out`, with a name each, and says what the record is.
    pub(crate) fn write(
        self,
        record: &RawRecord<'_>,
        items: &Items<'_>,
        schema: &Schema,
        out: &mut RecordBuilder<'_>,
    ) {
        out.set_shape(Shape::Etw);
        for field in self.iter() {
            value(field, record, items, schema, |value| out.push(field.name(), value));
            match field {
                H::ProviderName => out.set_provider(out.len() - 1),
                H::Channel => out.set_channel(out.len() - 1),
                _ => {}
            }
        }
    }

    /// Sets what may differ between records of one schema that have these fields, in a record that has them
    /// already; of the `same` event, no more than differs between two of them. (The order is that of the bits;
    /// a loop over them would cost more than the rest.)
    #[inline]
    pub(crate) fn set(
        self,
        record: &RawRecord<'_>,
        items: &Items<'_>,
        same: bool,
        out: &mut RecordBuilder<'_>,
    ) {
        let header = &record.header;
        out.set_time(header.time);
        out.set_number(header.number);
        if self.has(H::EventId) {
            out.set_event_id(header.id.into());
        }
        let number = |number: u32| Value::Unsigned(number.into());
        let mut next = 0;
        let mut set = |field, value: Option<Value<'_>>| {
            if self.has(field) {
                if let Some(value) = value {
                    out.set_value(next, value);
                }
                next += 1;
            }
        };
        let unless_same = |value| if same { None } else { Some(value) };
        set(H::EventId, unless_same(number(header.id.into())));
        set(H::ProviderName, None);
        set(H::Channel, None);
        set(H::ProviderGuid, unless_same(Value::Guid(header.provider)));
        set(H::Version, unless_same(number(header.version.into())));
        set(H::Level, unless_same(number(header.level.into())));
        set(H::Task, unless_same(number(header.task.into())));
        set(H::Opcode, unless_same(number(header.opcode.into())));
        set(H::Keywords, unless_same(Value::Hex(header.keyword)));
        set(H::TimeCreated, Some(Value::Time(header.time)));
        set(H::ProcessId, header.process_id.map(number));
        set(H::ThreadId, header.thread_id.map(number));
        set(H::ProcessorId, Some(Value::Unsigned(header.processor.into())));
        set(H::ActivityId, Some(Value::Guid(header.activity)));
        if self.0 & RARE.0 == 0 {
            return;
        }
        set(H::RelatedActivityId, items.related.map(Value::Guid));
        set(H::UserId, items.user.map(Value::Sid));
        set(H::SessionId, items.session.map(number));
        set(H::ProcessStartKey, items.start_key.map(Value::Hex));
        set(H::MessageGuid, Some(Value::Guid(header.provider)));
        set(H::MessageNumber, Some(Value::Unsigned(header.id.into())));
    }
}

/// Whether two headers describe the same event: the fields up to the keywords have the same values.
#[inline]
pub(crate) fn is_same_event(one: &RawHeader, other: &RawHeader) -> bool {
    one.id == other.id
        && one.version == other.version
        && one.level == other.level
        && one.task == other.task
        && one.opcode == other.opcode
        && one.keyword == other.keyword
        && one.provider == other.provider
}

/// How many of a record's fields are those of its header. They stand first and in one order, so a field of
/// the payload is not taken for one of them although it may have such a name.
pub(crate) fn fields_of_header(record: &Record<'_>) -> usize {
    let mut order = ALL.iter();
    record.fields().take_while(|(name, _)| order.any(|field| field.name() == *name)).count()
}

/// Hands the value of a field to `put`, where it is made.
#[inline]
fn value(
    field: HeaderField,
    record: &RawRecord<'_>,
    items: &Items<'_>,
    schema: &Schema,
    put: impl FnOnce(Value<'_>),
) {
    let header = &record.header;
    let number = |number: u32| Value::Unsigned(number.into());
    match field {
        H::EventId | H::MessageNumber => put(Value::Unsigned(header.id.into())),
        H::ProviderName => put(Value::Text(&schema.provider)),
        H::Channel => put(Value::Text(&schema.channel)),
        H::ProviderGuid | H::MessageGuid => put(Value::Guid(header.provider)),
        H::Version => put(Value::Unsigned(header.version.into())),
        H::Level => put(Value::Unsigned(header.level.into())),
        H::Task => put(Value::Unsigned(header.task.into())),
        H::Opcode => put(Value::Unsigned(header.opcode.into())),
        H::Keywords => put(Value::Hex(header.keyword)),
        H::TimeCreated => put(Value::Time(header.time)),
        H::ProcessId => put(number(header.process_id.unwrap_or_default())),
        H::ThreadId => put(number(header.thread_id.unwrap_or_default())),
        H::ProcessorId => put(Value::Unsigned(header.processor.into())),
        H::ActivityId => put(Value::Guid(header.activity)),
        H::RelatedActivityId => put(items.related.map_or(Value::Null, Value::Guid)),
        H::UserId => put(items.user.map_or(Value::Null, Value::Sid)),
        H::SessionId => put(number(items.session.unwrap_or_default())),
        H::ProcessStartKey => put(Value::Hex(items.start_key.unwrap_or_default())),
    }
}
