//! Names behind handles: what an event costs that tells or lacks one.
//!
//! The events are those of a busy host: 20,000 files and keys that are open, paths of ordinary length. Each
//! benchmark states how many names must be found.

#![allow(missing_docs, reason = "criterion's macros make public items")]
#![allow(clippy::unwrap_used, reason = "a benchmark that fails must stop")]

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use etwatch_event::{
    Activity, EventBatch, FieldId, LayoutId, LogSourceSetId, Timestamp, Value, Vocabulary,
};
use etwatch_state::ObjectNames;
use etwatch_state::names::{Found, Limits, NameFields};

/// Handles of a kind that are open at once.
const OPEN: u64 = 20_000;

/// Events, and what each means.
struct Events {
    fields: NameFields,
    layout: LayoutId,
    batch: EventBatch,
    activities: Vec<Activity>,
}

impl Events {
    fn new() -> Self {
        let mut vocabulary = Vocabulary::default();
        let fields = NameFields::intern(&mut vocabulary.fields);
        let slots = [
            fields.file_object,
            fields.file_key,
            fields.target_filename,
            fields.key_object,
            fields.base_object,
            fields.relative_name,
            fields.value_name,
            fields.target_object,
            fields.status,
            fields.query_name,
            fields.query_status,
            fields.query_results,
            fields.destination_ip,
        ];
        let layout = vocabulary.add_layout(&slots);
        let batch = EventBatch::new(Arc::new(vocabulary));
        Self { fields, layout, batch, activities: Vec::new() }
    }
    fn push(&mut self, activity: Activity, said: &[(FieldId, Value<'_>)]) {
        let millis = self.activities.len() as u64 / 10;
        let mut event = self.batch.begin(self.layout, LogSourceSetId::NONE);
        event.set_time(Timestamp::from_filetime(millis * 10_000));
        said.iter().for_each(|(field, value)| event.push(*field, *value));
        event.finish();
        self.activities.push(activity);
    }
    /// Takes all events; how many names were found.
    fn take(&self, names: &mut ObjectNames, found: &mut Found) -> usize {
        let mut count = 0;
        for (event, activity) in self.batch.iter().zip(&self.activities) {
            names.take(&event, *activity, Some(4), &self.fields, found);
            count += usize::from(!found.is_empty());
        }
        count
    }
}

/// Numbers from 0 to `OPEN`, each once, in no order that memory has.
fn scattered() -> impl Iterator<Item = u64> {
    (0..OPEN).map(|number| number * 7_919 % OPEN)
}

fn address(number: u64) -> Value<'static> {
    Value::Hex(0xffff_a80b_0000_0000 + number * 0x90)
}

fn file_events(open: bool, used: bool, close: bool) -> Events {
    let mut events = Events::new();
    let NameFields { file_object, file_key, target_filename, .. } = events.fields;
    for number in scattered() {
        let object = (file_object, address(number));
        let handles = [object, (file_key, address(OPEN + number))];
        let name =
            format!("C:\\Users\\somebody\\AppData\\Local\\Temp\\folder-{number}\\document.txt");
        if open {
            events.push(Activity::FileOpen, &[object, (target_filename, Value::Text(&name))]);
        }
        if used {
            events.push(Activity::FileUse, &handles);
        }
        if close {
            events.push(Activity::FileClose, &handles);
        }
    }
    events
}

fn key_events(open: bool, set: bool, close: bool) -> Events {
    let mut events = Events::new();
    let NameFields { key_object, base_object, relative_name, value_name, status, .. } =
        events.fields;
    let done = (status, Value::Unsigned(0));
    let root = (relative_name, Value::Text("\\REGISTRY\\MACHINE\\SOFTWARE"));
    let base = 4 * OPEN;
    events.push(Activity::KeyOpen, &[(key_object, address(base)), root, done]);
    for number in scattered() {
        let key = (key_object, address(number));
        let name = format!("Microsoft\\Windows\\CurrentVersion\\Explorer\\{number}");
        if open {
            let below = [(base_object, address(base)), (relative_name, Value::Text(&name))];
            events.push(Activity::KeyOpen, &[key, below[0], below[1], done]);
        }
        if set {
            events.push(Activity::ValueUse, &[key, (value_name, Value::Text("Setting")), done]);
        }
        if close {
            events.push(Activity::KeyClose, &[key, done]);
        }
    }
    events
}

fn network_events() -> Events {
    let mut events = Events::new();
    let NameFields { query_name, query_status, query_results, destination_ip, .. } = events.fields;
    for number in scattered().take(5_000) {
        let [.., a, b] = number.to_be_bytes();
        let (host, results) =
            (format!("host-{number}.example.org"), format!("::ffff:10.0.{a}.{b};"));
        let asked = [
            (query_name, Value::Text(&host)),
            (query_status, Value::Unsigned(0)),
            (query_results, Value::Text(&results)),
        ];
        events.push(Activity::DnsQuery, &asked);
        events.push(Activity::Connection, &[(destination_ip, Value::Ip([10, 0, a, b].into()))]);
    }
    events
}

fn take(c: &mut Criterion) {
    let open = usize::try_from(OPEN).unwrap();
    // What is told before, what is measured, how many names it must find.
    let lines = [
        (
            "file: use of an open one",
            file_events(true, true, false),
            file_events(false, true, false),
            open,
        ),
        ("file: open, use, close", Events::new(), file_events(true, true, true), 2 * open),
        (
            "key: use of an open one",
            key_events(true, true, false),
            key_events(false, true, false),
            open + 1,
        ),
        (
            "key: open, set a value, close",
            Events::new(),
            key_events(true, true, true),
            2 * open + 1,
        ),
        ("address: answer, connection", Events::new(), network_events(), 5_000),
    ];
    let mut group = c.benchmark_group("names");
    for (name, before, events, count) in lines {
        let mut names = ObjectNames::new(Limits::default());
        let mut found = Found::default();
        before.take(&mut names, &mut found);
        assert_eq!(events.take(&mut names, &mut found), count, "{name}");
        group.throughput(Throughput::Elements(events.batch.len() as u64));
        group.bench_function(name, |b| {
            b.iter(|| black_box(events.take(&mut names, &mut found)));
        });
    }
    group.finish();
}

criterion_group!(benches, take);
criterion_main!(benches);
