//! From the paths of a JSON record to plain field names.
//!
//! Each tool that exports Windows events wraps them in its own way. The wrapping is recognised from
//! the paths of the record itself, so a file may mix shapes, and is taken off:
//!
//! | shape | fields at | header at |
//! |---|---|---|
//! | `Event.System` | `Event.EventData.X`, `Event.UserData.Element.X` | `Event.System.Element.#attributes.Y` → `Element_Y` |
//! | Winlogbeat | `winlog.event_data.X`, `winlog.user_data.X` | `winlog.channel` … |
//! | NXLog, flat | `X` | many spellings, see [`FLAT_HEADER`] |
//!
//! An empty element of an event log is an empty text (`D-NULL` in the language reference), which
//! exporters write as null.

use etwatch_event::{RawValue, RecordBuilder, Shape, Value};

/// Spellings of header fields in flat JSON: as found, as Sigma has it.
const FLAT_HEADER: &[(&str, &str)] = &[
    ("EventId", "EventID"),
    ("event_id", "EventID"),
    ("EventCode", "EventID"),
    ("channel", "Channel"),
    ("LogName", "Channel"),
    ("ComputerName", "Computer"),
    ("Hostname", "Computer"),
    ("computer_name", "Computer"),
    ("MachineName", "Computer"),
    ("ProviderName", "Provider_Name"),
    ("provider_name", "Provider_Name"),
    ("SourceName", "Provider_Name"),
    ("Provider", "Provider_Name"),
    ("ProviderGuid", "Provider_Guid"),
    ("RecordNumber", "EventRecordID"),
    ("RecordId", "EventRecordID"),
    ("RecordID", "EventRecordID"),
];

/// Winlogbeat's header: below `winlog.`, as Sigma has it.
const WINLOG_HEADER: &[(&str, &str)] = &[
    ("channel", "Channel"),
    ("provider_name", "Provider_Name"),
    ("provider_guid", "Provider_Guid"),
    ("event_id", "EventID"),
    ("record_id", "EventRecordID"),
    ("computer_name", "Computer"),
    ("process.pid", "Execution_ProcessID"),
    ("process.thread.id", "Execution_ThreadID"),
    ("user.identifier", "Security_UserID"),
    ("activity_id", "Correlation_ActivityID"),
    ("task", "Task"),
    ("opcode", "Opcode"),
    ("version", "Version"),
    ("keywords", "Keywords"),
    ("level", "Level"),
];

/// Names the fields of a parsed record; `known` is the shape if the source tells it.
pub(crate) fn name_fields(record: &mut RecordBuilder<'_>, known: Option<Shape>) {
    let shape = known.unwrap_or_else(|| detect(record));
    record.set_shape(shape);
    match shape {
        Shape::Evtx | Shape::EventXml => name_event_xml(record),
        Shape::Winlogbeat => name_winlogbeat(record),
        Shape::Nxlog | Shape::Flat | Shape::Etw | Shape::Unknown => name_flat(record),
    }
}

fn detect(record: &RecordBuilder<'_>) -> Shape {
    let (mut source, mut host, mut event_id) = (false, false, false);
    for index in 0..record.len() {
        let Some((name, _)) = record.field(index) else { continue };
        if name.starts_with("Event.System.") {
            return Shape::EventXml;
        }
        if name.starts_with("winlog.") {
            return Shape::Winlogbeat;
        }
        source |= name == "SourceName";
        host |= name == "Hostname" || name == "EventReceivedTime";
        event_id |= name == "EventID"
            || FLAT_HEADER.iter().any(|(found, sigma)| *sigma == "EventID" && name == *found);
    }
    match (source && host, event_id) {
        (true, true) => Shape::Nxlog,
        (_, true) => Shape::Flat,
        _ => Shape::Unknown,
    }
}

/// What becomes of a field's name.
enum Naming {
    Keep,
    Drop,
    /// The `len` bytes from `from` on.
    Cut {
        from: usize,
        len: usize,
    },
    Become(String),
    Static(&'static str),
    /// Its text names the next value (`{"@Name": "Image", "#text": "…"}`).
    NamesNext,
    /// It has the name that the text before it gave.
    NamedBefore,
}

/// Names that say what an event is and where it comes from.
const HEADER: [&str; 5] = ["EventID", "Provider_Name", "Channel", "Computer", "EventRecordID"];

/// Names the fields; those that `is_header` tells by their paths come before a payload field of the
/// same name, in whatever order they were written: the first of a name is the header's.
fn apply(
    record: &mut RecordBuilder<'_>,
    is_header: impl Fn(&str) -> bool,
    naming: impl Fn(&str, &RawValue<'_>) -> Naming,
) {
    let mut dropped = Vec::new();
    let mut names_next = None;
    let mut told = [false; HEADER.len()];
    for index in 0..record.len() {
        let Some((name, value)) = record.field(index) else { continue };
        let of_header = is_header(name);
        match naming(name, &value) {
            Naming::Keep => {}
            Naming::Drop => {
                dropped.push(index);
                continue;
            }
            Naming::Cut { from, len } => record.cut_name(index, from, len),
            Naming::Static(name) => record.set_name(index, name),
            Naming::Become(name) => record.set_name(index, &name),
            Naming::NamesNext => {
                names_next = Some(index);
                dropped.push(index);
            }
            Naming::NamedBefore => match names_next.take() {
                Some(other) => record.set_name_from(index, other),
                None => record.set_name(index, "Data"),
            },
        }
        if of_header {
            put_first(record, index, &mut told);
        }
    }
    if !dropped.is_empty() {
        let mut next = dropped.iter().peekable();
        record.retain(|index| next.next_if_eq(&&index).is_none());
    }
}

/// Exchanges the value of a header field with that of the first field of its name; once for each name.
fn put_first(record: &mut RecordBuilder<'_>, index: usize, told: &mut [bool; HEADER.len()]) {
    let Some((name, _)) = record.field(index) else { return };
    let mut known = HEADER.iter().zip(told);
    let Some((_, told)) = known.find(|(known, told)| **known == name && !**told) else { return };
    *told = true;
    let same = |other: &usize| record.field(*other).is_some_and(|(other, _)| other == name);
    let Some(first) = (0..index).find(same) else { return };
    // Rare, so that the text may be copied twice.
    let (mine, other) = (owned(record, index), owned(record, first));
    record.set_value(first, mine.value());
    record.set_value(index, other.value());
}

/// A value that outlives its record; what is neither text nor a number names no event.
enum Owned {
    Text(String),
    Number(u64),
    Null,
}

impl Owned {
    fn value(&self) -> Value<'_> {
        match self {
            Self::Text(text) => Value::Text(text),
            Self::Number(number) => Value::Unsigned(*number),
            Self::Null => Value::Null,
        }
    }
}

fn owned(record: &RecordBuilder<'_>, index: usize) -> Owned {
    let mut scratch = String::new();
    match record.field(index) {
        Some((_, RawValue::One(Value::Unsigned(number)))) => Owned::Number(number),
        Some((_, RawValue::One(value))) => match value.text(&mut scratch) {
            Some(text) => Owned::Text(text.to_owned()),
            None => Owned::Null,
        },
        _ => Owned::Null,
    }
}

fn name_event_xml(record: &mut RecordBuilder<'_>) {
    let is_header = |name: &str| name.starts_with("Event.System.");
    apply(record, is_header, |name, value| {
        let Some(inner) = name.strip_prefix("Event.") else {
            return if name == "Event" || name.contains("xmlns") {
                Naming::Drop
            } else {
                Naming::Keep
            };
        };
        if let Some(rest) = inner.strip_prefix("System.") {
            return system(rest, value);
        }
        if matches!(value, RawValue::One(Value::Structure)) || inner.ends_with("xmlns") {
            return Naming::Drop;
        }
        let (payload, rest) = inner.split_once('.').unwrap_or((inner, ""));
        let rest = match payload {
            "EventData" => rest,
            // One element wraps the fields of user data; its name says nothing.
            "UserData" => rest.split_once('.').map_or(rest, |(_, fields)| fields),
            "RenderingInfo" if rest == "Message" => rest,
            "System" => return Naming::Drop,
            _ => return Naming::Keep,
        };
        if matches!(value, RawValue::One(Value::Null)) && rest.is_empty() {
            return Naming::Drop;
        }
        payload_name(name.len() - rest.len(), payload, rest)
    });
    for index in 0..record.len() {
        if let Some((_, RawValue::One(Value::Null))) = record.field(index) {
            record.set_value(index, Value::Text(""));
        }
    }
}

/// The name of a payload field, whose path ends in `rest`, which begins at byte `from`.
fn payload_name(from: usize, payload: &str, rest: &str) -> Naming {
    if rest.is_empty() {
        return Naming::Keep;
    }
    if rest == "Data.@Name" {
        return Naming::NamesNext;
    }
    if rest == "Data.#text" || rest == "Data" {
        return Naming::NamedBefore;
    }
    if let Some(attribute) = rest.strip_prefix("#attributes.") {
        return Naming::Become(format!("{payload}_{attribute}"));
    }
    let len = rest.strip_suffix(".#text").unwrap_or(rest).len();
    Naming::Cut { from, len }
}

/// The name of a header field: an element, or an attribute of one.
fn system(rest: &str, value: &RawValue<'_>) -> Naming {
    if matches!(value, RawValue::One(Value::Structure | Value::Null)) {
        return Naming::Drop;
    }
    let (element, attribute) = match rest.split_once('.') {
        None => (rest, ""),
        Some((element, attribute)) => {
            let attribute = attribute.strip_prefix("#attributes.").unwrap_or(attribute);
            (element.strip_suffix("_attributes").unwrap_or(element), attribute)
        }
    };
    let attribute = attribute.strip_prefix('@').unwrap_or(attribute);
    match (element, attribute) {
        ("Provider", "Name") => Naming::Static("Provider_Name"),
        ("Provider", "Guid") => Naming::Static("Provider_Guid"),
        ("TimeCreated", "SystemTime") => Naming::Static("TimeCreated_SystemTime"),
        ("Execution", "ProcessID") => Naming::Static("Execution_ProcessID"),
        ("Execution", "ThreadID") => Naming::Static("Execution_ThreadID"),
        ("Security", "UserID") => Naming::Static("Security_UserID"),
        ("Correlation", "ActivityID") => Naming::Static("Correlation_ActivityID"),
        (element, "" | "#text") => Naming::Cut { from: "Event.System.".len(), len: element.len() },
        (element, attribute) => Naming::Become(format!("{element}_{attribute}")),
    }
}

fn name_winlogbeat(record: &mut RecordBuilder<'_>) {
    let is_header = |name: &str| {
        let inner = name.strip_prefix("winlog.");
        inner.is_some_and(|inner| WINLOG_HEADER.iter().any(|(found, _)| *found == inner))
    };
    apply(record, is_header, |name, value| {
        let Some(inner) = name.strip_prefix("winlog.") else {
            return if name == "message" { Naming::Static("Message") } else { Naming::Keep };
        };
        if matches!(value, RawValue::One(Value::Structure)) {
            return Naming::Drop;
        }
        let from = "winlog.".len();
        for payload in ["event_data.", "user_data."] {
            if let Some(field) = inner.strip_prefix(payload) {
                return Naming::Cut { from: from + payload.len(), len: field.len() };
            }
        }
        let known = WINLOG_HEADER.iter().find(|(found, _)| *found == inner);
        known.map_or(Naming::Keep, |(_, sigma)| Naming::Static(sigma))
    });
}

fn name_flat(record: &mut RecordBuilder<'_>) {
    let has = |record: &RecordBuilder<'_>, wanted: &str| {
        (0..record.len()).any(|index| record.field(index).is_some_and(|(name, _)| name == wanted))
    };
    let nxlog = has(record, "SourceName") && has(record, "Hostname");
    for index in 0..record.len() {
        let Some((name, _)) = record.field(index) else { continue };
        // NXLog's own columns for the header's process and thread; `ProcessId` is a field.
        let header = match name {
            "ProcessID" if nxlog => Some("Execution_ProcessID"),
            "ThreadID" if nxlog => Some("Execution_ThreadID"),
            _ => FLAT_HEADER.iter().find(|(found, _)| *found == name).map(|(_, sigma)| *sigma),
        };
        if let Some(sigma) = header
            && !has(record, sigma)
        {
            record.set_name(index, sigma);
        }
    }
    // There is no payload beside the header here: a key that is repeated changes nothing.
    let is_channel =
        |index: &usize| record.field(*index).is_some_and(|(name, _)| name == "Channel");
    let repeated: Vec<usize> = (0..record.len()).filter(is_channel).skip(1).collect();
    if !repeated.is_empty() {
        record.retain(|index| repeated.binary_search(&index).is_err());
    }
}

#[cfg(test)]
mod tests;
