//! Payloads by schemas: decoding ends, the same each time, with one record for each raw record, and takes
//! nothing from behind what it has consumed.
//!
//! The first byte says how the others are used: a schema of any fields with any payload; an event that
//! describes itself; or fields whose values are known, so that the values that come back can be compared
//! with them. A schema that Windows could tell is also decoded as Windows would tell it, which must give
//! the same.

mod generate;

use std::sync::Arc;

use etwatch_decode::encode::{EventDescriptor, trace_event_info};
use etwatch_decode::payload::{Put, Scratch, walk};
use etwatch_decode::{Decoder, Fit, Key, Misfit, NoTables, Outcome, Schema, SchemaStore, payload};
use etwatch_event::raw::push_item;
use etwatch_event::{ExtendedItem, Guid, RawForm, RawHeader, RawRecord, RawValue};
use etwatch_event::{RecordBatch, Timestamp, Value};

use super::choices::Choices;
use generate::Known;

/// Field index and what is shown of the value; `-` for a field without values.
type Shown = Vec<(usize, String)>;

/// Decodes what is chosen.
pub fn check(bytes: &[u8]) {
    values(bytes);
}

/// How many values were decoded.
pub fn values(bytes: &[u8]) -> usize {
    let mut choices = Choices::new(bytes);
    let how = choices.byte();
    let pointer_size = *choices.pick(&[8, 4, 0]);
    match how % 3 {
        0 => {
            let schema = generate::schema(&mut choices);
            any_payload(&schema, choices.rest(), pointer_size)
        }
        1 => described(&mut choices, pointer_size),
        _ => known(&generate::known(&mut choices), &mut choices),
    }
}

/// Values by the walk alone, in room that was used before.
fn walked(
    schema: &Schema,
    payload: &[u8],
    pointer_size: u8,
    scratch: &mut Scratch,
) -> (Result<Fit, Misfit>, Shown) {
    let mut collect = Collect::default();
    let fit = walk(schema, payload, pointer_size, scratch, &mut collect);
    (fit, collect.0)
}

#[derive(Default)]
struct Collect(Shown);

impl Put for Collect {
    fn value(&mut self, index: usize, value: Value<'_>) {
        self.0.push((index, format!("{value:?}")));
    }
    fn empty(&mut self, index: usize) {
        self.0.push((index, "-".to_owned()));
    }
}

fn any_payload(schema: &Schema, payload: &[u8], pointer_size: u8) -> usize {
    let mut scratch = Scratch::default();
    let (fit, values) = walked(schema, payload, pointer_size, &mut scratch);
    let again = walked(schema, payload, pointer_size, &mut scratch);
    assert_eq!(again, (fit, values.clone()), "walked again");
    assert!(values.len() <= 17 * (payload.len() + schema.fields.len()));
    match fit {
        Ok(Fit::Exact) => {}
        Ok(Fit::Trailing(left)) => {
            assert!(left > 0 && left <= payload.len());
            without_trailing(schema, &payload[..payload.len() - left], pointer_size, &values);
        }
        Err(misfit) => {
            assert!(misfit.offset <= payload.len() && misfit.field < schema.fields.len());
        }
    }
    if schema.paths().is_err() {
        return values.len();
    }
    as_windows_tells(schema, payload, pointer_size, &(fit, values.clone()));
    through_decoder(schema, payload, pointer_size, &(fit, values.clone()));
    values.len()
}

/// Bytes behind what was consumed change nothing, but for fields that are only there if bytes are left, and
/// for the number of steps that a payload may take.
fn without_trailing(schema: &Schema, consumed: &[u8], pointer_size: u8, values: &Shown) {
    if schema.fields.iter().any(|field| field.optional) {
        return;
    }
    let (fit, same) = walked(schema, consumed, pointer_size, &mut Scratch::default());
    match fit {
        Err(Misfit { reason: payload::Reason::TooMany, .. }) => {}
        fit => assert_eq!((fit, &same), (Ok(Fit::Exact), values), "without what is behind"),
    }
}

/// The same schema by way of `TRACE_EVENT_INFO`.
fn as_windows_tells(
    schema: &Schema,
    payload: &[u8],
    pointer_size: u8,
    (fit, values): &(Result<Fit, Misfit>, Shown),
) {
    let Ok(bytes) = trace_event_info(schema, &EventDescriptor::default()) else { return };
    let (_, told) = etwatch_decode::trace_event_info::parse(&bytes).expect("it is a schema");
    let (told_fit, told_values) = walked(&told, payload, pointer_size, &mut Scratch::default());
    match fit {
        Ok(fit) => assert_eq!((told_fit, &told_values), (Ok(*fit), values), "as Windows tells it"),
        Err(_) => assert!(told_fit.is_err(), "as Windows tells it"),
    }
}

fn header(form: RawForm, pointer_size: u8) -> RawHeader {
    let (provider, time) = (Guid([9; 16]), Timestamp::from_filetime(77));
    RawHeader { form, provider, time, number: 5, id: 3, pointer_size, ..RawHeader::default() }
}

/// A record by way of a store and a decoder: what the walk gave, under the names of its fields.
fn through_decoder(
    schema: &Schema,
    payload: &[u8],
    pointer_size: u8,
    (fit, values): &(Result<Fit, Misfit>, Shown),
) {
    let header = header(RawForm::Event, pointer_size);
    let store = SchemaStore::new(Arc::new(NoTables), 0);
    store.insert(Key::of(&header, 0), schema.clone()).expect("it can be walked");
    let record = RawRecord { header, extended: &[], payload };
    let (outcome, fields) = decoded(&record, &store);
    match (fit, &outcome) {
        (Ok(fit), Outcome::Event { fit: decoded, newer: false, .. }) => {
            assert_eq!(decoded, fit);
            let paths = schema.paths().expect("it can be walked");
            let named =
                values.iter().map(|(index, value)| (paths[*index].to_string(), value.clone()));
            let named: Vec<_> = named.collect();
            assert_eq!(fields[fields.len() - named.len()..], named);
        }
        (Err(_), Outcome::Generic(_)) => assert_eq!(fields.last(), Some(&bytes_of(payload))),
        other => panic!("{other:?}"),
    }
}

/// The field of a payload that nothing explains.
fn bytes_of(payload: &[u8]) -> (String, String) {
    ("Payload".to_owned(), format!("{:?}", Value::Bytes(payload)))
}

/// Decodes a record three times, twice with the same decoder: always one record, and the same.
fn decoded(record: &RawRecord<'_>, store: &SchemaStore) -> (Outcome, Vec<(String, String)>) {
    let mut batch = RecordBatch::default();
    let mut decoder = Decoder::default();
    let outcome = decoder.decode(record, store, &mut batch);
    assert_eq!(batch.len(), 1);
    assert_eq!(decoder.decode(record, store, &mut batch), outcome);
    assert_eq!(Decoder::default().decode(record, store, &mut batch), outcome);
    assert_eq!(batch.len(), 3);
    let mut shown = batch.iter().map(|record| {
        let show = |(name, value): (&str, RawValue<'_>)| match value {
            RawValue::One(value) => (name.to_owned(), format!("{value:?}")),
            RawValue::Empty => (name.to_owned(), "-".to_owned()),
        };
        record.fields().map(show).collect::<Vec<_>>()
    });
    let first = shown.next().expect("there are three");
    assert!(shown.all(|other| other == first), "decoded again");
    (outcome, first)
}

/// An event of any form that may describe itself.
fn described(choices: &mut Choices<'_>, pointer_size: u8) -> usize {
    let forms = [RawForm::Event, RawForm::Classic, RawForm::Kernel, RawForm::Message];
    let form = *choices.pick(&forms);
    let mut extended = Vec::new();
    let traits = choices.bytes(30);
    push_item(&mut extended, ExtendedItem::PROVIDER_TRAITS, traits, false);
    push_item(&mut extended, choices.byte().into(), choices.bytes(20), false);
    let metadata = choices.bytes(200);
    push_item(&mut extended, ExtendedItem::SCHEMA, metadata, true);
    let payload = choices.rest();
    let store = SchemaStore::new(Arc::new(NoTables), 0);
    let record = RawRecord { header: header(form, pointer_size), extended: &extended, payload };
    let (outcome, fields) = decoded(&record, &store);
    match &outcome {
        Outcome::Event { schema, fit, .. } => {
            assert_eq!(form, RawForm::Event);
            let (walked_fit, values) =
                walked(schema, payload, pointer_size, &mut Scratch::default());
            assert_eq!(walked_fit, Ok(*fit));
            assert!(fields.len() > values.len());
            values.len()
        }
        _ => {
            assert_eq!(fields.last(), Some(&bytes_of(payload)));
            0
        }
    }
}

/// Values that are known come back, whole and with bytes behind them; cut short, those before the cut do.
fn known(known: &[Known], choices: &mut Choices<'_>) -> usize {
    let schema = Schema::of_fields(known.iter().map(|known| known.field.clone()).collect());
    let mut payload: Vec<u8> = known.iter().flat_map(|known| known.bytes.clone()).collect();
    let whole = payload.len();
    let cut = usize::from(choices.number()) % (whole + 1);
    let behind = choices.below(5);
    payload.resize(whole + behind, 0xee);
    let fit = if behind == 0 { Fit::Exact } else { Fit::Trailing(behind) };
    let values = known.iter().enumerate();
    let values: Shown = values
        .flat_map(|(index, known)| known.values.iter().map(move |value| (index, value.clone())))
        .collect();
    let mut scratch = Scratch::default();
    let expected = (Ok(fit), values);
    assert_eq!(walked(&schema, &payload, 8, &mut scratch), expected);
    as_windows_tells(&schema, &payload, 8, &expected);
    through_decoder(&schema, &payload, 8, &expected);
    let (fit, before) = walked(&schema, &payload[..cut], 8, &mut scratch);
    let same = before.iter().zip(&expected.1).filter(|(one, other)| one == other).count();
    assert!(same + 1 >= before.len(), "cut at {cut}: {before:?}");
    assert!(!matches!(fit, Ok(Fit::Trailing(_))), "cut at {cut}");
    expected.1.len()
}
