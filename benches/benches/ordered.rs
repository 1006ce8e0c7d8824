//! What events cost on their way from a log of ETW to the rules: decoded, normalised, through the memory of
//! their host; and the ordered stage alone, which is on one thread.
//!
//! Input: `ETWATCH_BENCH_ETL`, a folder of `.etl` files, of which those with 10,000 records and more are
//! read; without it nothing is measured. Unit: records. The memory is a new one in each round. All fields of
//! all events are kept, and again only those of events of which the rules in `ETWATCH_BENCH_RULES` ask, if
//! there are any: this is what a replay does. All facts of processes named by rules, beside none.

#![allow(missing_docs, reason = "criterion's macros make public items")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a benchmark that fails must stop")]
#![allow(clippy::print_stdout, reason = "it tells its input")]

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use etwatch_capture::etl::EtlSlice;
use etwatch_capture::source::Location;
use etwatch_capture::{Limits, Piece, open};
use etwatch_engine::Engine;
use etwatch_engine::etw::{SchemaStores, SliceDecoder, context_of};
use etwatch_event::{EventBatch, Ledger, RecordBatch, Vocabulary};
use etwatch_normalise::Normaliser;
use etwatch_rules::load::LoadOptions;
use etwatch_state::facts::{Holder, TABLE};
use etwatch_state::{Facts, Settings, State, Wanted};

fn slices(path: &Path) -> impl Iterator<Item = EtlSlice> {
    let mut source = open(&Location::File(path.to_owned()), Limits::default()).unwrap();
    std::iter::from_fn(move || match source.next_piece().unwrap()? {
        Piece::Etl(slice) => Some(slice),
        piece => panic!("{piece:?}"),
    })
}

/// What works on a log, warm after the first time.
struct Line {
    engine: Engine,
    stores: SchemaStores,
    decoder: SliceDecoder,
    normaliser: Normaliser,
    records: RecordBatch,
    events: EventBatch,
    ordered: EventBatch,
}

impl Line {
    fn new(engine: Engine) -> Self {
        let (normaliser, vocabulary) = (engine.normaliser(), &engine.vocabulary);
        let events = EventBatch::new(Arc::clone(vocabulary));
        let ordered = EventBatch::new(Arc::clone(vocabulary));
        let (stores, decoder) = (SchemaStores::default(), SliceDecoder::default());
        let records = RecordBatch::default();
        Self { engine, stores, decoder, normaliser, records, events, ordered }
    }
    fn state(&self) -> State {
        State::new(Settings::default(), Arc::clone(&self.engine.outline))
    }
    fn decode(&mut self, path: &Path) -> u64 {
        let mut read = 0;
        for slice in slices(path) {
            read += self.decoder.decode(slice, &self.stores, &mut self.records).ledger.read;
            black_box(self.records.len());
        }
        read
    }
    /// Calls `each` with the events of each slice.
    fn normalise(
        &mut self,
        path: &Path,
        mut each: impl FnMut(&EventBatch, &mut EventBatch),
    ) -> u64 {
        let mut read = 0;
        for slice in slices(path) {
            let context = context_of(slice.trace());
            read += self.decoder.decode(slice, &self.stores, &mut self.records).ledger.read;
            self.events.clear();
            self.normaliser.add(&self.records, 0, &context, &mut self.events);
            each(&self.events, &mut self.ordered);
        }
        read
    }
}

/// All events through the memory of their host; the batch that leaves is emptied as the engine does.
fn remember(state: &mut State, events: &EventBatch, out: &mut EventBatch, ledger: &mut Ledger) {
    for event in events.iter() {
        state.take(&event, out, ledger);
        if out.len() >= 256 {
            black_box(out.len());
            out.clear();
        }
    }
}

fn logs() -> Vec<PathBuf> {
    let Some(given) = std::env::var_os("ETWATCH_BENCH_ETL") else { return Vec::new() };
    let entries = std::fs::read_dir(given).unwrap().map(|entry| entry.unwrap().path());
    let mut logs: Vec<_> =
        entries.filter(|path| path.extension().is_some_and(|end| end == "etl")).collect();
    logs.sort();
    logs
}

fn measure(c: &mut Criterion, kept: &str, line: &mut Line) {
    for log in logs() {
        let count = line.decode(&log);
        if count < 10_000 {
            continue;
        }
        let name = log.file_name().unwrap().to_string_lossy().into_owned();
        let mut group = c.benchmark_group(format!("{kept}, {name}"));
        group.throughput(Throughput::Elements(count));
        group.bench_function("decode", |b| b.iter(|| assert_eq!(line.decode(&log), count)));
        group.bench_function("decode and normalise", |b| {
            b.iter(|| {
                let look = |events: &EventBatch, _: &mut EventBatch| {
                    black_box(events.len());
                };
                assert_eq!(line.normalise(&log, look), count);
            });
        });
        group.bench_function("decode, normalise and remember", |b| {
            b.iter(|| {
                let (mut state, mut ledger) = (line.state(), Ledger::default());
                let read = line.normalise(&log, |events, out| {
                    remember(&mut state, events, out, &mut ledger);
                });
                state.finish(&mut line.ordered, &mut ledger);
                line.ordered.clear();
                let gone = ledger.evaluated + ledger.bookkeeping + ledger.joined;
                let filtered: u64 = ledger.filtered.values().sum();
                assert!(read == count && gone + filtered <= count);
            });
        });
        let mut batches = Vec::new();
        line.normalise(&log, |events, _| batches.push(events.tail(0)));
        group.bench_function("remember alone", |b| {
            b.iter(|| {
                let (mut state, mut ledger) = (line.state(), Ledger::default());
                for events in &batches {
                    remember(&mut state, events, &mut line.ordered, &mut ledger);
                }
                state.finish(&mut line.ordered, &mut ledger);
                line.ordered.clear();
                ledger.evaluated
            });
        });
        let facts = |told: bool| {
            let vocabulary = &line.engine.vocabulary;
            // What is only kept is told to events of no set of log sources.
            let needed = (!told).then(|| vec![false; vocabulary.sets().len()].into());
            Facts::named(&vocabulary.fields, needed)
        };
        for (name, facts) in [("facts kept", facts(false)), ("facts kept and told", facts(true))] {
            if facts.is_empty() {
                continue;
            }
            group.bench_function(format!("remember alone, {} {name}", facts.len()), |b| {
                b.iter(|| {
                    let (mut state, mut ledger) = (line.state(), Ledger::default());
                    state.tell(Wanted { facts: facts.clone(), ..line.engine.wanted() });
                    for events in &batches {
                        remember(&mut state, events, &mut line.ordered, &mut ledger);
                    }
                    state.finish(&mut line.ordered, &mut ledger);
                    line.ordered.clear();
                    ledger.evaluated
                });
            });
        }
        group.finish();
    }
}

fn ordered(c: &mut Criterion) {
    let engine = |vocabulary| {
        Engine::new(Vec::new(), Vec::new(), vocabulary, None).unwrap().with_all_fields()
    };
    measure(c, "all fields", &mut Line::new(engine(Vocabulary::default())));
    for (holders, whose) in
        [(&Holder::ALL[..1], "of the actor"), (&Holder::ALL[..], "of all three")]
    {
        let mut vocabulary = Vocabulary::default();
        for row in &TABLE {
            for holder in holders {
                vocabulary.fields.intern(&row.field(*holder));
            }
        }
        measure(c, &format!("facts {whose}"), &mut Line::new(engine(vocabulary)));
    }
    if let Some(rules) = std::env::var_os("ETWATCH_BENCH_RULES") {
        let (engine, _) = Engine::load(&[rules.into()], &LoadOptions::default(), None).unwrap();
        println!("{} rules", engine.rules.rules().len());
        measure(c, "what rules ask for", &mut Line::new(engine));
    }
}

criterion_group!(benches, ordered);
criterion_main!(benches);
