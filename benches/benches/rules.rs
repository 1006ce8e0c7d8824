//! The parts of the rules engine: folding, the index of a field, loading, compiling, matching.
//!
//! Each part stands beside the plain way to the same result, which it must equal. Rules and events are the
//! shipped ones, or those of `ETWATCH_BENCH_RULES` and `ETWATCH_BENCH_EVENTS`.

#![allow(missing_docs, reason = "criterion's macros make public items")]
#![allow(clippy::unwrap_used, reason = "a benchmark that fails must stop")]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use etwatch_benches::{engine, events, rules};
use etwatch_event::{EventBatch, FieldTable, Value};
use etwatch_rules::compile::index::FieldIndex;
use etwatch_rules::compile::literal::{Literal, Place};
use etwatch_rules::fold::{fold, fold_into};
use etwatch_rules::{Evaluator, LoadOptions, Matcher, RuleSet, load};

/// The text values of the events.
fn texts() -> Vec<String> {
    let batches = events(&engine());
    let mut texts = Vec::new();
    for event in batches.iter().flat_map(EventBatch::iter) {
        for (_, values) in event.fields() {
            texts.extend(values.iter().filter_map(|value| match value {
                Value::Text(text) => Some(text.to_owned()),
                _ => None,
            }));
        }
    }
    texts
}

fn folding(c: &mut Criterion) {
    let texts = texts();
    let mut group = c.benchmark_group("fold");
    group.throughput(Throughput::Bytes(texts.iter().map(|text| text.len() as u64).sum()));
    group.bench_function("simple case folding", |b| {
        let mut out = String::new();
        b.iter(|| {
            out.clear();
            texts.iter().for_each(|text| fold_into(text, &mut out));
            black_box(out.len())
        });
    });
    group.bench_function("plain: str::to_lowercase", |b| {
        b.iter(|| texts.iter().map(|text| text.to_lowercase().len()).sum::<usize>());
    });
    group.finish();
}

/// Literals of each place, taken out of the values themselves, so that some are found.
fn literals(texts: &[String]) -> Vec<Literal> {
    let places = [Place::Whole, Place::Start, Place::End, Place::Within];
    let mut literals: Vec<Literal> = Vec::new();
    for (text, place) in texts.iter().step_by(7).zip(places.into_iter().cycle()) {
        let length = text.chars().count();
        let (skip, take) = match place {
            Place::Whole => (0, length),
            Place::Start => (0, 9),
            Place::End => (length.saturating_sub(9), 9),
            Place::Within => (length / 3, length / 3),
        };
        literals.push(Literal { text: text.chars().skip(skip).take(take).collect(), place });
    }
    literals.retain(|literal| !literal.text.is_empty());
    literals.sort();
    literals.dedup();
    literals
}

fn index(c: &mut Criterion) {
    let texts: Vec<String> = texts().iter().map(|text| fold(text)).collect();
    let literals = literals(&texts);
    let index = FieldIndex::new((0..).zip(&literals).map(|(n, literal)| (literal, n)), &|_| 0);
    let plainly = |text: &String, Literal { text: wanted, place }: &Literal| match place {
        Place::Whole => text == wanted,
        Place::Start => text.starts_with(wanted),
        Place::End => text.ends_with(wanted),
        Place::Within => text.contains(wanted),
    };
    let of_index = |text: &String| {
        let mut found = Vec::new();
        index.find(text, text.is_ascii(), &mut |number| found.push(number));
        found.sort_unstable();
        found.dedup();
        found.len()
    };
    let of_plain = |text: &String| literals.iter().filter(|one| plainly(text, one)).count();
    assert!(texts.iter().all(|text| of_index(text) == of_plain(text)));

    let mut group = c.benchmark_group(format!("index of {} literals", literals.len()));
    group.throughput(Throughput::Elements(texts.len() as u64));
    group.bench_function("all in one pass", |b| {
        b.iter(|| {
            let mut found = 0;
            for text in &texts {
                index.find(text, text.is_ascii(), &mut |_| found += 1);
            }
            black_box(found)
        });
    });
    group.sample_size(10);
    group.bench_function("plain: one by one", |b| {
        b.iter(|| texts.iter().map(of_plain).sum::<usize>());
    });
    group.finish();
}

fn loading(c: &mut Criterion) {
    let folder = rules();
    let read =
        || load(std::slice::from_ref(&folder), &LoadOptions::default(), &mut FieldTable::default());
    let count = read().rules.len();
    assert!(count > 0);
    let mut group = c.benchmark_group("rules");
    group.throughput(Throughput::Elements(count as u64));
    group.bench_function("read and check", |b| b.iter(|| assert_eq!(read().rules.len(), count)));
    let engine = engine();
    let all = engine.rules.rules();
    group.bench_function("compile", |b| {
        b.iter(|| RuleSet::new(all.to_vec(), &engine.vocabulary));
    });
    group.bench_function("compile, and all plans", |b| {
        b.iter(|| RuleSet::new(all.to_vec(), &engine.vocabulary).build_all());
    });
    group.finish();
}

fn matching(c: &mut Criterion) {
    let engine = engine();
    let batches = events(&engine);
    let run = |matcher: &mut Matcher| {
        let mut matches = Vec::new();
        for event in batches.iter().flat_map(EventBatch::iter) {
            engine.rules.matches(&event, 0, matcher, &mut matches);
        }
        matches.len()
    };
    let run_plainly = |evaluator: &mut Evaluator| {
        let mut matches = Vec::new();
        for event in batches.iter().flat_map(EventBatch::iter) {
            engine.rules.matches_plainly(&event, 0, evaluator, &mut matches);
        }
        matches.len()
    };
    let (mut matcher, mut evaluator) = (Matcher::default(), Evaluator::default());
    assert_eq!(run(&mut matcher), run_plainly(&mut evaluator));
    let count: usize = batches.iter().map(EventBatch::len).sum();
    let mut group = c.benchmark_group("match");
    group.throughput(Throughput::Elements(count as u64));
    group.bench_function("plans", |b| b.iter(|| run(&mut matcher)));
    group.bench_function("plain: rule by rule", |b| b.iter(|| run_plainly(&mut evaluator)));
    group.finish();
}

criterion_group!(benches, folding, index, loading, matching);
criterion_main!(benches);
