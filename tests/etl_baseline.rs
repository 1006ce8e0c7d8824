//! Recordings decoded by us and by the reference decoder, field by field.
//!
//! The corpus has three recordings of which it knows what microsoft/perfview made of them. Each of its event
//! lines must be a record of ours (time to the microsecond, processor, length of the payload), and each
//! column must say the same as our field; each of its counts must be the number of our records of that
//! kind. What is left out is counted with its reason, see [`baseline::names`]. Of our records the reference
//! leaves out the samples of idle processors alone.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a failure in a test is a finding"
)]

mod baseline;
#[path = "support/corpus.rs"]
mod corpus;

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;

use baseline::line::{self, Line, Shown};
use baseline::names::{self, Is, Ours};
use baseline::spelling;
use baseline::tally::Tally;
use etwatch_capture::etl::EtlScratch;
use etwatch_capture::source::{Location, Piece};
use etwatch_capture::{Limits, open};
use etwatch_decode::schema::{FieldKind, Schema, SchemaSource};
use etwatch_decode::{Decoder, Fit, Key, Outcome, SchemaStore};
use etwatch_engine::etw::schemas_of;
use etwatch_event::{Guid, RawForm, RawHeader, RawRecord, RawValue, RecordBatch, Timestamp, Value};

/// Of the columns that could be compared, at least so many must be, in hundredths.
const LEAST_SHARE: f64 = 95.0;

/// A record that a line may speak of.
struct Candidate {
    header: RawHeader,
    length: usize,
    schema: Option<Arc<Schema>>,
    /// Its place in the batch.
    place: usize,
    used: bool,
}

/// Which event: whether it is classic, provider or class, id or opcode.
type Kind = (bool, Guid, u16);

fn kind(header: &RawHeader) -> Kind {
    let key = Key::of(header, 0);
    (key.classic, key.guid, key.id)
}

/// A recording as far as a baseline speaks of it.
struct Recording {
    candidates: Vec<Candidate>,
    records: RecordBatch,
    counts: BTreeMap<Kind, u64>,
    /// Device and drive, longest device first.
    volumes: Vec<(String, String)>,
    start: Timestamp,
}

/// Microseconds from `start`, rounded as the reference does.
fn micros(start: Timestamp, time: Timestamp) -> u64 {
    u64::try_from((time.since(start).as_nanos() + 500) / 1_000).unwrap()
}

impl Recording {
    /// Reads a recording; decodes what one of `lines` may mean.
    fn read(path: &Path, lines: &[line::Event<'_>]) -> Self {
        let mut wanted: HashMap<(u16, usize), Vec<u64>> = HashMap::new();
        for line in lines {
            wanted.entry((line.processor, line.length)).or_default().push(line.micros);
        }
        let mut new = Self {
            candidates: Vec::new(),
            records: RecordBatch::default(),
            counts: BTreeMap::new(),
            volumes: Vec::new(),
            start: Timestamp::UNKNOWN,
        };
        let mut source = open(&Location::File(path.to_owned()), Limits::default()).unwrap();
        let mut scratch = EtlScratch::default();
        let mut decoder = Decoder::default();
        let mut store = None;
        while let Some(piece) = source.next_piece().unwrap() {
            let Piece::Etl(slice) = piece else { panic!("{}: no log", path.display()) };
            let trace = Arc::clone(slice.trace());
            let store = store.get_or_insert_with(|| {
                new.start = trace.start;
                let volumes = trace.volumes.iter();
                new.volumes = volumes.map(|v| (v.device.clone(), v.drive.clone())).collect();
                new.volumes.sort_by_key(|(device, _)| std::cmp::Reverse(device.len()));
                schemas_of(&trace)
            });
            let decoded = slice.with_bookkeeping().read(&mut scratch, &mut |record, _| {
                new.take(record, &wanted, store, &mut decoder);
            });
            assert!(decoded.ledger.skipped.is_empty(), "{:?}", decoded.ledger);
        }
        new
    }
    fn take(
        &mut self,
        record: &RawRecord<'_>,
        wanted: &HashMap<(u16, usize), Vec<u64>>,
        store: &SchemaStore,
        decoder: &mut Decoder,
    ) {
        let header = record.header;
        if !is_idle_sample(record) {
            *self.counts.entry(kind(&header)).or_default() += 1;
        }
        let micros = micros(self.start, header.time);
        let length = record.payload.len();
        let times = wanted.get(&(header.processor, length));
        if times.is_none_or(|times| !times.iter().any(|time| time.abs_diff(micros) <= 1)) {
            return;
        }
        let place = self.records.len();
        let schema = match decoder.decode(record, store, &mut self.records) {
            Outcome::Event { schema, fit, .. } => {
                // Bytes behind the last field mean that a field is missing, unless the provider
                // itself has written more than it says.
                let fits = fit == Fit::Exact || schema.source == SchemaSource::Recording;
                fits.then_some(schema)
            }
            _ => None,
        };
        self.candidates.push(Candidate { header, length, schema, place, used: false });
    }
    /// Compares a line with the record that agrees best; returns its kind.
    fn compare(&mut self, line: &line::Event<'_>, tally: &mut Tally) -> Option<Kind> {
        let mut best: Option<(usize, Tally)> = None;
        for (index, candidate) in self.candidates.iter().enumerate() {
            let header = &candidate.header;
            let time = micros(self.start, header.time);
            let is_place = (header.processor, candidate.length) == (line.processor, line.length);
            if candidate.used || !is_place || time.abs_diff(line.micros) > 1 {
                continue;
            }
            let found = self.columns(line, candidate);
            let worse = |(_, known): &(usize, Tally)| {
                known.differences.len() + known.missing.len()
                    <= found.differences.len() + found.missing.len()
            };
            if !best.as_ref().is_some_and(worse) {
                best = Some((index, found));
            }
        }
        let Some((index, found)) = best else {
            tally.differences.push(format!("{}: no record at {}", line.kind, line.micros));
            return None;
        };
        tally.add(found);
        let candidate = &mut self.candidates[index];
        candidate.used = true;
        Some(kind(&candidate.header))
    }
    /// Compares all columns of a line with a record.
    fn columns(&self, line: &line::Event<'_>, candidate: &Candidate) -> Tally {
        let mut tally = Tally::default();
        self.header(line, candidate, &mut tally);
        let record = self.records.get(candidate.place).unwrap();
        let fields: Vec<(&str, RawValue<'_>)> = record.fields().collect();
        let find = |name: &str| {
            // A field of a payload stands behind those of the header; of several values of
            // a structure the first is meant.
            let mut found = fields.iter().filter(|(known, _)| *known == name);
            let field = if name.contains('.') { found.next() } else { found.next_back() };
            match field {
                Some((_, RawValue::One(value))) if candidate.schema.is_some() => Some(*value),
                _ => None,
            }
        };
        for (column, theirs) in &line.fields {
            let place = format!("{}: {column}", line.kind);
            let is = names::ours(line.kind, column, |name| find(name).is_some());
            let agrees = match is {
                Is::Same(name) | Is::Ours(Ours::Field(name)) => {
                    let value = find(name).unwrap();
                    names_of_value(candidate, name, value).iter().any(|name| theirs.shows(name))
                        || spelling::agree(*theirs, value, |text| self.by_drive(text))
                }
                Is::Ours(Ours::Bits(name, shift, width, known)) => find(name)
                    .and_then(number_of)
                    .map(|number| (number >> shift) & ((1 << width) - 1))
                    .is_some_and(|number| names::shows_number(*theirs, number, known)),
                Is::Ours(Ours::LowestBit(name, known)) => {
                    let number = find(name).and_then(number_of).map(|number| number & 0x7FFF_FFFF);
                    number.is_some_and(|number| names::shows_lowest_bit(*theirs, number, known))
                }
                Is::Ours(Ours::Seconds(name)) => find(name).is_some_and(|value| {
                    let seconds = theirs.text.get(..17).map(|text| Shown { text, cut: true });
                    seconds.is_some_and(|text| spelling::agree(text, value, |_| Vec::new()))
                }),
                Is::Ours(Ours::Nothing(reason)) => {
                    tally.ignore(reason);
                    continue;
                }
                Is::Missing if names::is_of_later_version(line.kind, column) => {
                    assert!(["", "0"].contains(&theirs.text), "{place}");
                    tally.ignore(names::OF_LATER_VERSION);
                    continue;
                }
                Is::Missing => {
                    *tally.missing.entry(place).or_default() += 1;
                    continue;
                }
            };
            if agrees {
                tally.compared += 1;
            } else {
                let ours = fields.iter().rev().take(40).collect::<Vec<_>>();
                let theirs = theirs.text;
                tally.differences.push(format!("{place}={theirs} at {}, {ours:?}", line.micros));
            }
        }
        tally
    }
    /// Compares what stands in a record's header.
    fn header(&self, line: &line::Event<'_>, candidate: &Candidate, tally: &mut Tally) {
        // Time, processor and length have led here.
        tally.compared += 3;
        tally.ignore("names of processes, which the reference looks up");
        let header = &candidate.header;
        if header.form != RawForm::Event {
            // One of the process, one of the thread.
            for _ in 0..2 {
                tally.ignore("ids that the reference takes from the payload of classic events");
            }
        } else {
            let ids = [(line.process_id, header.process_id), (line.thread_id, header.thread_id)];
            for (theirs, ours) in ids {
                if theirs == ours {
                    tally.compared += 1;
                } else {
                    tally.differences.push(format!("{}: id {theirs:?}, ours {ours:?}", line.kind));
                }
            }
        }
        let Some(schema) = &candidate.schema else { return };
        let provider = line.kind.split('/').next().unwrap_or_default();
        let expected = match provider {
            "Windows Kernel" | "MSNT_SystemTrace" => {
                header.form != RawForm::Event
                    && (schema.provider.starts_with("SystemTraceProvider-")
                        || &*schema.provider == "KernelTraceControl-SystemConfigEx")
            }
            "KernelTraceControl" => schema.provider.starts_with("KernelTraceControl-"),
            name => &*schema.provider == name,
        };
        if expected {
            tally.compared += 1;
        } else {
            tally.differences.push(format!("{}: provider, ours {}", line.kind, schema.provider));
        }
    }
    /// A path as users write it. The reference takes one without a device for one of the drive that
    /// Windows is on.
    fn by_drive(&self, text: &str) -> Vec<String> {
        let begins = |device: &str| {
            let volume = self.volumes.iter().find(|(known, _)| known == device);
            volume.map_or("", |(_, drive)| drive.as_str())
        };
        let by_volume = self.volumes.iter().find_map(|(device, drive)| {
            text.strip_prefix(device.as_str()).map(|rest| format!("{drive}{rest}"))
        });
        let without = text.starts_with('\\').then(|| {
            let system = begins("\\SystemRoot\\");
            format!("{}{text}", system.get(..2).unwrap_or_default())
        });
        by_volume.into_iter().chain(without).collect()
    }
}

/// Samples of an idle processor, which the reference leaves out: thread 0, and neither of the flags that
/// say that an interrupt or a deferred call was served.
fn is_idle_sample(record: &RawRecord<'_>) -> bool {
    let guid = Guid::parse("ce1dbfb4-137e-4da6-87b0-3f59aa102cbc").unwrap();
    kind(&record.header) == (true, guid, 46)
        && record.payload.get(8..12) == Some(&[0; 4])
        && record.payload.get(14).is_some_and(|flags| flags & 3 == 0)
}

/// What the schema calls the value of a field; of several bits also from the lowest on, as the reference does.
fn names_of_value(candidate: &Candidate, name: &str, value: Value<'_>) -> Vec<String> {
    let schema = candidate.schema.as_ref();
    let place = schema.and_then(|schema| schema.fields.iter().position(|f| &*f.name == name));
    let (Some(schema), Some(place), Some(number)) = (schema, place, number_of(value)) else {
        return Vec::new();
    };
    let FieldKind::Value(_, _, Some(map)) = &schema.fields[place].kind else { return Vec::new() };
    let mut text = String::new();
    let mut names = Vec::from_iter(schema.value_name(place, number, &mut text).then_some(text));
    let mut entries = map.entries.clone();
    entries.retain(|(bits, _)| *bits != 0 && number & u64::from(*bits) == u64::from(*bits));
    entries.sort_unstable();
    if map.bits {
        names.push(entries.iter().map(|(_, name)| &**name).collect::<Vec<_>>().join("|"));
    }
    names
}

fn number_of(value: Value<'_>) -> Option<u64> {
    match value {
        Value::Unsigned(number) | Value::Hex(number) => Some(number),
        Value::Signed(number) => Some(number.cast_unsigned()),
        Value::Boolean(yes) => Some(u64::from(yes)),
        _ => None,
    }
}

/// Compares a recording of the corpus with its baseline.
fn compare(name: &str) {
    let Some(corpus) = corpus::corpus() else { return };
    let folder = corpus.join("etl");
    let baseline = std::fs::read_to_string(folder.join(format!("{name}.baseline.txt"))).unwrap();
    let mut events = Vec::new();
    let mut counts = Vec::new();
    for text in baseline.lines() {
        match line::parse(text).unwrap() {
            Some(Line::Event(event)) => events.push(event),
            Some(Line::Count { kind, count }) => counts.push((kind, count)),
            None => {}
        }
    }
    let mut recording = Recording::read(&folder.join(format!("{name}.etl")), &events);
    let mut tally = Tally::default();
    // Which of our kinds an event of theirs is.
    let mut kinds: BTreeMap<Kind, &str> = BTreeMap::new();
    for event in &events {
        if let Some(kind) = recording.compare(event, &mut tally) {
            let known = *kinds.entry(kind).or_insert(event.kind);
            if known != event.kind {
                tally.differences.push(format!("{kind:?} is {known} and {}", event.kind));
            }
        }
    }
    for (theirs, count) in counts {
        let same = kinds.iter().filter(|(_, name)| **name == theirs);
        let ours: u64 = same.map(|(kind, _)| recording.counts[kind]).sum();
        if ours == count {
            tally.compared += 1;
        } else {
            tally.differences.push(format!("{theirs}: {count} records, ours {ours}"));
        }
    }
    println!("{name}: {} events; {tally}", events.len());
    assert!(tally.differences.is_empty(), "{} differences", tally.differences.len());
    assert!(tally.share() >= LEAST_SHARE, "{:.1} % compared", tally.share());
}

#[test]
fn a_trace_of_windows_8_with_kernel_and_net_events() {
    compare("net.4.5.2.x64");
}

#[test]
fn a_trace_of_net_garbage_collection() {
    compare("gcevents");
}

#[test]
fn a_trace_of_self_describing_events() {
    compare("primitive-types");
}
