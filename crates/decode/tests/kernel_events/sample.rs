//! A record with its header, as it lies in the files of samples, and the fields it was made of.

use std::path::Path;

use etwatch_decode::Tables;
use etwatch_event::{
    Guid, RawForm, RawHeader, RawRecord, RawValue, Record, RecordBatch, Sid, Timestamp, Value,
};
use serde_json::Value as Json;

/// The last field of the header of a sample.
const LAST_OF_HEADER: &str = "Execution_ProcessorID";

/// A record of a file of samples.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sample {
    pub(crate) header: RawHeader,
    /// How many bytes are left behind the last known field.
    pub(crate) behind: usize,
    /// Whether the version is higher than any known one.
    pub(crate) newer: bool,
    payload: Vec<u8>,
    /// Where it comes from.
    from: String,
    fields: Json,
}

/// The value of a field, owned.
#[derive(Clone, Debug)]
pub(crate) enum Made {
    Null,
    Number(i128),
    Pointer(u64),
    Text(String),
    Bytes(Vec<u8>),
    Sid(Vec<u8>),
    Guid(Guid),
    Ip(std::net::IpAddr),
    Time(Timestamp),
}

impl Made {
    /// By a type and a value, as samples and cases write them.
    pub(crate) fn of(kind: &str, value: &Json) -> Self {
        let text = || value.as_str().unwrap();
        match kind {
            "null" => Self::Null,
            "pointer" => Self::Pointer(value.as_u64().unwrap()),
            "text" => Self::Text(text().to_owned()),
            "bytes" => Self::Bytes(bytes(text())),
            "guid" => Self::Guid(Guid(bytes(text()).try_into().unwrap())),
            "sid" => Self::Sid(sid(text())),
            "ip" => Self::Ip(text().parse().unwrap()),
            "time" => Self::Time(Timestamp::from_filetime(value.as_u64().unwrap())),
            "u8" | "u16" | "u32" | "u64" => Self::Number(value.as_u64().unwrap().into()),
            "i8" | "i16" | "i32" | "i64" => Self::Number(value.as_i64().unwrap().into()),
            other => panic!("no type of a field: {other}"),
        }
    }

    /// As a record has it.
    pub(crate) fn value(&self) -> Value<'_> {
        match self {
            Self::Null => Value::Null,
            Self::Number(number) => match u64::try_from(*number) {
                Ok(number) => Value::Unsigned(number),
                Err(_) => Value::Signed(i64::try_from(*number).unwrap()),
            },
            Self::Pointer(number) => Value::Hex(*number),
            Self::Text(text) => Value::Text(text),
            Self::Bytes(bytes) => Value::Bytes(bytes),
            Self::Sid(bytes) => Value::Sid(Sid(bytes)),
            Self::Guid(guid) => Value::Guid(*guid),
            Self::Ip(address) => Value::Ip(*address),
            Self::Time(time) => Value::Time(*time),
        }
    }

    /// Whether `value` is this one; how a number is meant to be shown does not count.
    pub(crate) fn is(&self, value: RawValue<'_>) -> bool {
        let RawValue::One(value) = value else { return false };
        match (self, value) {
            (Self::Number(made), Value::Unsigned(number) | Value::Hex(number)) => {
                *made == i128::from(number)
            }
            (Self::Number(made), Value::Signed(number)) => *made == i128::from(number),
            (Self::Pointer(made), Value::Unsigned(number)) => *made == number,
            _ => self.value() == value,
        }
    }
}

impl Sample {
    /// The samples of a file beside this one.
    pub(crate) fn read(file: &str) -> Vec<Self> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kernel_events");
        let text = std::fs::read_to_string(folder.join(file)).unwrap();
        let samples: Vec<_> =
            text.lines().map(|line| Self::of(&serde_json::from_str(line).unwrap())).collect();
        assert!(!samples.is_empty(), "{file} is empty");
        samples
    }

    fn of(line: &Json) -> Self {
        let small = |key: &str| u8::try_from(line[key].as_u64().unwrap()).unwrap();
        let number = |key: &str| line[key].as_u64().map(|number| u32::try_from(number).unwrap());
        let header = RawHeader {
            form: match line["form"].as_str().unwrap() {
                "event" => RawForm::Event,
                "classic" => RawForm::Classic,
                "kernel" => RawForm::Kernel,
                other => panic!("no form of a record: {other}"),
            },
            time: Timestamp::parse(line["time"].as_str().unwrap()).unwrap(),
            provider: Guid::parse(line["provider"].as_str().unwrap()).unwrap(),
            id: u16::try_from(line["id"].as_u64().unwrap()).unwrap(),
            version: small("version"),
            opcode: small("opcode"),
            process_id: number("process_id"),
            thread_id: number("thread_id"),
            processor: u16::try_from(number("processor").unwrap_or_default()).unwrap(),
            pointer_size: small("pointer_size"),
            ..RawHeader::default()
        };
        let note = line["note"].as_str().map(|note| format!("synthetic, {note}"));
        let synthetic = || note.unwrap_or_else(|| "synthetic".to_owned());
        Self {
            header,
            behind: usize::try_from(line["behind"].as_u64().unwrap_or_default()).unwrap(),
            newer: line["newer"].as_bool().unwrap_or_default(),
            payload: bytes(line["payload"].as_str().unwrap()),
            from: line["from"].as_str().map_or_else(synthetic, str::to_owned),
            fields: line["fields"].clone(),
        }
    }

    pub(crate) fn record(&self) -> RawRecord<'_> {
        RawRecord { header: self.header, extended: &[], payload: &self.payload }
    }

    /// What it is, in a line.
    pub(crate) fn title(&self) -> String {
        let header = &self.header;
        let provider = Tables::embedded().provider_name(&header.provider).unwrap_or("unknown");
        let number = match header.form {
            RawForm::Event => header.id,
            _ => header.opcode.into(),
        };
        let (version, bits) = (header.version, u32::from(header.pointer_size) * 8);
        format!("{provider} {number} v{version}, {bits} bits, {}", self.from)
    }

    /// The fields it was made of; only synthetic ones have them.
    pub(crate) fn fields(&self) -> Vec<(String, Made)> {
        let field = |field: &Json| {
            let kind = field[1].as_str().unwrap();
            (field[0].as_str().unwrap().to_owned(), Made::of(kind, &field[2]))
        };
        self.fields.as_array().unwrap().iter().map(field).collect()
    }
}

/// A record of these fields alone.
pub(crate) fn batch(fields: &[(String, Made)]) -> RecordBatch {
    let mut batch = RecordBatch::default();
    let mut record = batch.begin();
    for (name, made) in fields {
        record.push(name, made.value());
    }
    record.finish();
    batch
}

/// The fields behind those of the header.
pub(crate) fn payload_fields<'a>(
    record: &Record<'a>,
) -> impl Iterator<Item = (&'a str, RawValue<'a>)> {
    record.fields().skip_while(|(name, _)| *name != LAST_OF_HEADER).skip(1)
}

/// Bytes from hex.
pub(crate) fn bytes(hex: &str) -> Vec<u8> {
    assert!(hex.len().is_multiple_of(2), "{hex}");
    let pair = |place: usize| u8::from_str_radix(hex.get(place..place + 2).unwrap(), 16).unwrap();
    (0..hex.len()).step_by(2).map(pair).collect()
}

/// The bytes of a SID from its text.
fn sid(text: &str) -> Vec<u8> {
    let mut parts = text.strip_prefix("S-").unwrap().split('-').map(|part| part.parse().unwrap());
    let mut next = || -> Option<u64> { parts.next() };
    let revision = u8::try_from(next().unwrap()).unwrap();
    let authority = next().unwrap().to_be_bytes();
    let parts: Vec<u32> =
        std::iter::from_fn(next).map(|part| u32::try_from(part).unwrap()).collect();
    let head = [revision, u8::try_from(parts.len()).unwrap()];
    let authority = authority.get(2..).unwrap().iter().copied();
    head.into_iter()
        .chain(authority)
        .chain(parts.iter().flat_map(|part| part.to_le_bytes()))
        .collect()
}
