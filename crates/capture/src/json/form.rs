//! The form of a record: everything about it but the values that differ from record to record.
//!
//! Where two records have the same text but for the content of strings and numbers, parsing and naming
//! do the same to both. What they do is found by example: the record is written once more with a sign in
//! the place of each value, and where the signs come out is where values go.
//!
//! ```text
//! {"Event":{"System":{"EventID":1},"EventData":{"Image":"C:\\a.exe","Hashes":null}}}
//! {"Event":{"System":{"EventID":0},"EventData":{"Image":"\u00011",  "Hashes":null}}}
//!   EventID = value 0      Image = value 1      Hashes = ""
//! ```

use std::ops::Range;
use std::sync::Arc;

use etwatch_event::{FieldNames, RawValue, Record, RecordBuilder, Shape, Value};

use crate::json::header::{Header, SYSMON};
use crate::json::scan::Kind;

/// The first character of a sign that stands for text; its number follows.
const SIGN: char = '\u{1}';

/// Where the value of a field comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    /// The value with this number.
    Value(usize),
    /// It is the same in all records of the form.
    Null,
    Empty,
    Boolean(bool),
    Structure,
    NoText,
    Sysmon,
}

/// What records that are written alike become.
#[derive(Debug)]
pub(crate) struct Form {
    shape: Shape,
    names: Arc<FieldNames>,
    origins: Vec<Origin>,
    header: Header,
}

/// `record` with a sign in the place of each of its `values`.
pub(crate) fn with_signs(record: &[u8], values: &[(Kind, Range<usize>)]) -> Option<Vec<u8>> {
    let mut signed = Vec::new();
    let mut copied = 0;
    for (number, (kind, range)) in values.iter().enumerate() {
        signed.extend_from_slice(record.get(copied..range.start)?);
        let sign = match kind {
            Kind::Text => format!("\\u0001{number}"),
            Kind::Unsigned => number.to_string(),
            Kind::Negative => (number + 1).to_string(),
        };
        signed.extend_from_slice(sign.as_bytes());
        copied = range.end;
    }
    signed.extend_from_slice(record.get(copied..)?);
    Some(signed)
}

/// The value that a sign stands for.
fn origin_of(value: RawValue<'_>, values: &[(Kind, Range<usize>)]) -> Option<Origin> {
    let (kind, number) = match value {
        RawValue::Empty => return Some(Origin::Empty),
        RawValue::One(Value::Null) => return Some(Origin::Null),
        RawValue::One(Value::Boolean(yes)) => return Some(Origin::Boolean(yes)),
        RawValue::One(Value::Structure) => return Some(Origin::Structure),
        RawValue::One(Value::Text("")) => return Some(Origin::NoText),
        RawValue::One(Value::Text(SYSMON)) => return Some(Origin::Sysmon),
        RawValue::One(Value::Text(text)) => (Kind::Text, text.strip_prefix(SIGN)?.parse().ok()?),
        RawValue::One(Value::Unsigned(number)) => (Kind::Unsigned, usize::try_from(number).ok()?),
        RawValue::One(Value::Signed(number)) => {
            let number = number.checked_neg()?.checked_sub(1)?;
            (Kind::Negative, usize::try_from(number).ok()?)
        }
        RawValue::One(_) => return None,
    };
    let (of_kind, _) = values.get(number)?;
    (*of_kind == kind).then_some(Origin::Value(number))
}

impl Form {
    /// The form that `signed`, the record with signs for `values`, shows. There is none if a value
    /// decides more than itself: a name, or what kind of value another one is.
    pub(crate) fn of(
        signed: &Record<'_>,
        header: &Header,
        values: &[(Kind, Range<usize>)],
    ) -> Option<Self> {
        let names = FieldNames::of(signed);
        if names.iter().any(|name| name.contains(SIGN)) {
            return None;
        }
        let origins = signed.values().map(|value| origin_of(value, values));
        let origins = origins.collect::<Option<Vec<_>>>()?;
        Some(Self {
            shape: signed.shape(),
            names: Arc::new(names),
            origins,
            header: header.clone(),
        })
    }

    /// Writes a record of this form; `push` adds the value with a number as the next one of the record. If
    /// it can't, there is no record.
    pub(crate) fn write<'b>(
        &self,
        mut record: RecordBuilder<'b>,
        mut push: impl FnMut(usize, &mut RecordBuilder<'b>) -> Option<()>,
    ) -> Option<()> {
        record.share_names(&self.names);
        for origin in &self.origins {
            match origin {
                Origin::Value(number) => push(*number, &mut record)?,
                Origin::Null => record.push_next(Value::Null),
                Origin::Empty => {
                    record.push_next(Value::Null);
                    record.empty_last();
                }
                Origin::Boolean(yes) => record.push_next(Value::Boolean(*yes)),
                Origin::Structure => record.push_next(Value::Structure),
                Origin::NoText => record.push_next(Value::Text("")),
                Origin::Sysmon => record.push_next(Value::Text(SYSMON)),
            }
        }
        record.set_shape(self.shape);
        self.header.tell(&mut record);
        record.finish();
        Some(())
    }
}
