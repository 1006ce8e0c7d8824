//! What a live record costs on the thread that Windows calls back on.
//!
//! Input: 4,096 headers of six providers as a plan of sessions asks for them, half of them wanted, seed 7; and records of
//! 150 bytes with them. Units: records. Goals on one core: 50 million headers a second through the filter, 20 million
//! records a second through filter, copy and hand-off (read again on the same thread, so that buffers come
//! back). "Two cores" is a simulated session at a million records a second with a feed that counts on another thread, of
//! which nothing may be dropped; its time is fixed, so what counts is that it holds.

#![allow(missing_docs, reason = "criterion's macros make public items")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a benchmark that fails must stop")]
#![allow(clippy::print_stdout, reason = "it tells its input")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use etwatch_capture::etl::Trace;
use etwatch_capture::live::{
    Capture, Feed, Flusher, HeaderFilter, Next, ProcessFilter, ProviderSettings, Receive,
    SessionSettings,
};
use etwatch_capture::sim::{Recording, Session, Speed};
use etwatch_event::clock::SystemClock;
use etwatch_event::{Guid, RawHeader, RawRecord, Timestamp};

const IDS: [u16; 7] = [1, 3, 5, 12, 15, 30, 3_008];
const RECORDS: u64 = 4_096;
const PAYLOAD: [u8; 150] = [7; 150];

fn settings() -> SessionSettings {
    let provider = |number: u8| ProviderSettings {
        provider: guid(number),
        any: if number.is_multiple_of(2) { 0x1c00 } else { 0 },
        level: 4,
        ids: if number == 5 { Vec::new() } else { IDS.to_vec() },
        ..ProviderSettings::default()
    };
    let providers = (0..6).map(provider).collect();
    SessionSettings { providers, may_drop: true, ..SessionSettings::default() }
}

fn guid(number: u8) -> Guid {
    let [a, b, c, d] = (u32::from(number) + 1).wrapping_mul(0x9e37_79b1).to_le_bytes();
    Guid([a, b, c, d, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, number])
}

/// Headers of which every second one is wanted, in no order that a processor could learn.
fn headers() -> Vec<RawHeader> {
    let mut random = 7_u64;
    let header = |number: u64| {
        random =
            random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let drawn = random >> 33;
        let provider = u8::try_from(drawn % 6).unwrap();
        let wanted = *IDS.get(usize::try_from((drawn >> 8) % 7).unwrap()).unwrap();
        // Of those that are not wanted, some have another provider, another id, or are too verbose.
        let (provider, id, level) = match (drawn >> 16) % 6 {
            0..3 => (guid(provider), wanted, 4),
            3 => (guid(200 + provider), wanted, 4),
            4 => (guid(provider % 5), wanted + 1, 4),
            _ => (guid(provider), wanted, 5),
        };
        let time = Timestamp::from_filetime(134_000_000_000_000_000 + number * 10);
        RawHeader {
            provider,
            id,
            level,
            keyword: 0x400,
            time,
            process_id: Some(8),
            ..RawHeader::default()
        }
    };
    (0..RECORDS).map(header).collect()
}

fn read(feed: &mut Feed) -> u64 {
    let mut read = 0;
    while let Next::Batch(batch) = feed.next_batch(Duration::ZERO) {
        read += black_box(batch.len() as u64);
    }
    read
}

fn live(c: &mut Criterion) {
    let headers = headers();
    let filter = HeaderFilter::new(&settings(), ProcessFilter::default());
    let wanted = headers.iter().filter(|header| filter.refuses(header).is_none()).count() as u64;
    println!("{RECORDS} headers, {wanted} wanted");
    assert!((RECORDS * 4 / 10..RECORDS * 6 / 10).contains(&wanted));
    let mut group = c.benchmark_group("live");
    group.throughput(Throughput::Elements(RECORDS));
    group.bench_function("header filter", |b| {
        b.iter(|| {
            let passes = |header: &&RawHeader| filter.refuses(black_box(header)).is_none();
            assert_eq!(headers.iter().filter(passes).count() as u64, wanted);
        });
    });
    for (name, settings) in [
        ("filter, copy, hand-off: half of the records wanted", settings()),
        (
            "filter, copy, hand-off: all wanted",
            SessionSettings { may_drop: true, ..SessionSettings::default() },
        ),
    ] {
        let Capture { mut intake, mut feed, flush } = Capture::builder(&settings).build().unwrap();
        let wanted = if settings.providers.is_empty() { RECORDS } else { wanted };
        group.bench_function(name, |b| {
            b.iter(|| {
                for header in &headers {
                    if intake.wants(black_box(header)) {
                        intake.take(&RawRecord {
                            header: *header,
                            extended: &[],
                            payload: &PAYLOAD,
                        });
                    }
                }
                let before = read(&mut feed);
                flush.tick();
                assert_eq!(before + read(&mut feed), wanted);
            });
        });
        println!("longest callback seen: {:?}", intake.counters().longest());
    }
    group.bench_function("floor: headers and payloads copied", |b| {
        let (mut copied, mut bytes) = (Vec::new(), Vec::new());
        b.iter(|| {
            copied.clear();
            bytes.clear();
            for header in &headers {
                copied.push(*black_box(header));
                bytes.extend_from_slice(black_box(&PAYLOAD));
            }
            black_box((copied.len(), bytes.len()))
        });
    });
    group.finish();
}

/// A million records a second for two seconds, counted on another thread.
fn two_cores(c: &mut Criterion) {
    const RATE: u32 = 1_000_000;
    let records = headers().into_iter();
    let records = records.map(|header| RawRecord { header, extended: &[], payload: &PAYLOAD });
    let recording = Arc::new(Recording::of(&Trace::default(), records));
    let all = SessionSettings { may_drop: true, ..SessionSettings::default() };
    let mut group = c.benchmark_group("live, two cores");
    group.sample_size(10);
    group.throughput(Throughput::Elements(RECORDS * 512));
    group.bench_function("a million records a second, none dropped", |b| {
        b.iter(|| {
            let Capture { intake, mut feed, flush } = Capture::builder(&all).build().unwrap();
            let counters = intake.counters();
            let _flusher = Flusher::start(vec![flush]).unwrap();
            let speed = Speed::PerSecond(RATE.try_into().unwrap());
            let session = Session::new(Arc::clone(&recording)).times(512).speed(speed);
            let clock = Arc::new(SystemClock::start());
            let running = session.start(intake, Arc::clone(&counters), clock).unwrap();
            let (mut read, mut dropped) = (0, 0);
            loop {
                match feed.next_batch(Duration::from_millis(100)) {
                    Next::Batch(batch) => {
                        read += batch.len() as u64;
                        dropped += batch.ledger().dropped.values().sum::<u64>();
                    }
                    Next::Quiet => {}
                    Next::Ended => break,
                }
            }
            let delivered = running.wait().unwrap();
            assert_eq!((read, dropped), (delivered.records, 0));
            println!(
                "{} records in {:?}, longest callback seen {:?}",
                delivered.records,
                delivered.time,
                counters.longest()
            );
        });
    });
    group.finish();
}

criterion_group!(benches, live, two_cores);
criterion_main!(benches);
