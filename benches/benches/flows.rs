//! What deriving flows and beacons adds to an event of a connection, in the ordered stage.
//!
//! Input: 8 processes with 8 connections each, of which every sixteenth event is a new connection and the others
//! are packets, over 20 minutes of event time; the same events with nothing derived, with flows, and with flows
//! and beacons. Unit: events. Goal: 150 ns an event for all that is remembered of a host. The bytes of the flows
//! must be those that were sent.

#![allow(missing_docs, reason = "criterion's macros make public items")]
#![allow(clippy::unwrap_used, reason = "a benchmark that fails must stop")]

use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use etwatch_engine::Engine;
use etwatch_event::{
    Activity, EventBatch, FieldId, Ledger, LogSourceSetId, Origin, Shape, Timestamp, Value,
    Vocabulary,
};
use etwatch_state::flows::KnownGood;
use etwatch_state::{Derivation, Settings, State};

const EVENTS: u32 = 4_096;
const SIZE: u64 = 100;

/// Events as Kernel-Network's are when they are normalised.
fn events(engine: &Engine) -> (EventBatch, u64) {
    let vocabulary = &engine.vocabulary;
    let id = |name: &str| vocabulary.fields.id(name).unwrap();
    let layout = |activity| {
        let tables = engine.taxonomy.kinds().map(|kind| kind.layout);
        let mut own = tables.filter(|layout| {
            let layout = vocabulary.layout(*layout).unwrap();
            layout.role().activity == activity && layout.slot(id("sackopt")).is_some()
                || layout.role().activity == activity && activity == Activity::Send
        });
        own.next().unwrap()
    };
    let (connection, send) = (layout(Activity::Connection), layout(Activity::Send));
    let (mut batch, mut sent) = (EventBatch::new(Arc::clone(vocabulary)), 0);
    for number in 0..EVENTS {
        let is_new = number % 16 == 0;
        let who = number.wrapping_mul(0x9e37_79b1) % 64;
        let mut event = batch.begin(if is_new { connection } else { send }, LogSourceSetId::NONE);
        let ticks = 134_000_000_000_000_000 + u64::from(number) * 3_000_000;
        event.set_time(Timestamp::from_filetime(ticks));
        event.set_origin(Origin { shape: Shape::Etw, ..Origin::default() });
        event.push(FieldId::PROVIDER_NAME, Value::Text("Microsoft-Windows-Kernel-Network"));
        event.push(id("ProcessId"), Value::Unsigned((1_000 + who / 8 * 4).into()));
        event.push(id("Protocol"), Value::Text("tcp"));
        event.push(id("SourceIp"), Value::Ip([10, 0, 0, 1].into()));
        event.push(id("SourcePort"), Value::Unsigned((50_000 + who).into()));
        event.push(id("DestinationIp"), Value::Ip([192, 0, 2, 7].into()));
        event.push(id("DestinationPort"), Value::Unsigned(443));
        if is_new {
            event.push(id("Initiated"), Value::Text("true"));
        } else {
            event.push(id("size"), Value::Unsigned(SIZE));
            sent += SIZE;
        }
        event.finish();
    }
    (batch, sent)
}

fn derive(c: &mut Criterion) {
    let engine = Engine::new(Vec::new(), Vec::new(), Vocabulary::default(), None).unwrap();
    let engine = engine.with_known_good(KnownGood::default()).with_derived();
    let (events, sent) = events(&engine);
    let both = engine.derivation();
    let flows = Derivation { beacons: None, ..both.clone() };
    let bytes = engine.vocabulary.fields.id("BytesSent").unwrap();
    let mut group = c.benchmark_group("flows");
    group.throughput(Throughput::Elements(EVENTS.into()));
    for (name, derivation, times) in [
        ("nothing derived", Derivation::default(), 0),
        ("flows", flows, 2),
        ("flows and beacons", both, 2),
    ] {
        let mut out = EventBatch::new(Arc::clone(&engine.vocabulary));
        group.bench_function(name, |b| {
            b.iter(|| {
                out.clear();
                let mut ledger = Ledger::default();
                let mut state = State::new(Settings::default(), Arc::clone(&engine.outline));
                state.derive(derivation.clone());
                for event in events.iter() {
                    state.take(&event, &mut out, &mut ledger);
                }
                state.finish(&mut out, &mut ledger);
                let told = out.iter().filter_map(|event| event.get(bytes).first()?.number());
                assert_eq!(told.sum::<u64>(), times * sent, "hours and days");
            });
        });
    }
    group.finish();
}

criterion_group!(benches, derive);
criterion_main!(benches);
