//! What each stage costs an event, beside a floor measured in the same run.
//!
//! Input: the shipped fixtures (1,050 events) and rules, or `ETWATCH_BENCH_EVENTS`, `ETWATCH_BENCH_RULES`.
//! Unit: events. Every stage must find the same number of events in every pass: a fast wrong answer is no
//! answer.

#![allow(missing_docs, reason = "criterion's macros make public items")]
#![allow(clippy::unwrap_used, reason = "a benchmark that fails must stop")]

use std::hint::black_box;
use std::sync::Arc;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use etwatch_benches::{engine, pieces, recordings};
use etwatch_capture::source::Location;
use etwatch_event::{EventBatch, RecordBatch};
use etwatch_normalise::normalise;
use etwatch_rules::Matcher;

fn stages(c: &mut Criterion) {
    let engine = engine();
    let locations = recordings("fixtures");
    let mut records: Vec<RecordBatch> = Vec::new();
    for piece in pieces(&locations) {
        let mut batch = RecordBatch::default();
        piece.decode(&mut batch);
        records.push(batch);
    }
    let count: usize = records.iter().map(RecordBatch::len).sum();
    let normalised = |batch| normalise(batch, &engine.taxonomy, &Arc::clone(&engine.vocabulary));
    let events: Vec<EventBatch> = records.iter().map(normalised).collect();
    assert_eq!(events.iter().map(EventBatch::len).sum::<usize>(), count);

    let mut group = c.benchmark_group("stages");
    group.throughput(Throughput::Elements(count as u64));
    group.bench_function("decode", |b| {
        let mut batch = RecordBatch::default();
        b.iter_batched(
            || pieces(&locations),
            |pieces| {
                let mut found = 0;
                for piece in pieces {
                    piece.decode(&mut batch);
                    found += batch.len();
                }
                assert_eq!(found, count);
            },
            BatchSize::LargeInput,
        );
    });
    group.bench_function("floor of decode: skip through the JSON text", |b| {
        let texts = json_texts(&locations);
        b.iter(|| {
            for text in &texts {
                let values = serde_json::Deserializer::from_slice(text);
                let count = values.into_iter::<serde::de::IgnoredAny>().count();
                black_box(count);
            }
        });
    });
    group.bench_function("normalise", |b| {
        b.iter(|| records.iter().map(|batch| normalised(batch).len()).sum::<usize>());
    });
    group.bench_function("merge: copy events into one order", |b| {
        let mut ordered = EventBatch::new(Arc::clone(&engine.vocabulary));
        b.iter(|| {
            ordered.clear();
            events.iter().flat_map(EventBatch::iter).for_each(|event| ordered.push_copy(&event));
            assert_eq!(ordered.len(), count);
        });
    });
    group.bench_function("match", |b| {
        let mut matcher = Matcher::default();
        let mut found = Vec::new();
        let mut first = None;
        b.iter(|| {
            found.clear();
            for event in events.iter().flat_map(EventBatch::iter) {
                engine.rules.matches(&event, 0, &mut matcher, &mut found);
            }
            assert_eq!(*first.get_or_insert(found.len()), found.len());
        });
    });
    group.finish();
}

fn json_texts(locations: &[Location]) -> Vec<Vec<u8>> {
    let text = |location: &Location| match location {
        Location::File(path) => std::fs::read(path).ok(),
        Location::Stdin | Location::Text { .. } => None,
    };
    locations.iter().filter_map(text).collect()
}

criterion_group!(benches, stages);
criterion_main!(benches);
