//! Makes recordings in which no long text comes twice: 16 hex digits are put behind it.

use etwatch_event::{RawValue, Record, RecordBatch, Value};

/// Fields in which real hosts rarely say the same twice.
const UNIQUE: &[&str] = &[
    "CommandLine", "ParentCommandLine", "ScriptBlockText", "TargetFilename", "TargetObject", "Details",
    "Payload", "ContextInfo", "QueryName", "PipeName", "CallTrace", "Data", "ImagePath",
    "ServiceFileName", "TaskContent", "ObjectName", "Query", "Destination",
];

/// The records with a fresh number behind each long text.
pub fn unique(records: &RecordBatch, number: &mut u64) -> RecordBatch {
    let mut out = RecordBatch::default();
    for record in records.iter() {
        copy(&record, &mut out, number);
    }
    out
}

fn copy(record: &Record<'_>, out: &mut RecordBatch, number: &mut u64) {
    let mut builder = out.begin();
    builder.set_time(record.time());
    builder.set_number(record.number());
    builder.set_shape(record.shape());
    if let Some(id) = record.event_id() {
        builder.set_event_id(id);
    }
    for (name, value) in record.fields() {
        let index = builder.len();
        match value {
            RawValue::Empty => builder.push_empty(name),
            RawValue::One(Value::Text(text)) if UNIQUE.contains(&name) => {
                *number += 1;
                let digits = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
                builder.push(name, Value::Text(&format!("{text} {digits:016x}")));
            }
            RawValue::One(value) => builder.push(name, value),
        }
        match name {
            "Provider_Name" => builder.set_provider(index),
            "Channel" => builder.set_channel(index),
            _ => {}
        }
    }
    builder.finish();
}
