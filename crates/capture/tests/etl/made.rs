//! What no real log here has: headers, clocks, orders of buffers, and what a hostile file may ask for.

use etwatch_capture::Limits;
use etwatch_capture::etl::{ClockKind, EtlSlice};
use etwatch_event::{Guid, RawForm, Timestamp};
use proptest::prelude::*;

use crate::reading::{Outcome, Owned, read, read_at, slices_of};
use crate::writer::{Log, event, record};

fn outcome(log: &Log) -> Outcome {
    let outcome = read(&log.bytes(), Limits::default()).unwrap();
    outcome.check();
    outcome
}

/// The record that `bytes` are read as, in a log of 64 bits.
fn one(bytes: Vec<u8>) -> Owned {
    one_of(Log::default(), bytes)
}

fn one_of(mut log: Log, bytes: Vec<u8>) -> Owned {
    let outcome = outcome(log.add(3, &[bytes, event(77, 5_000, b"behind")]));
    assert_eq!(outcome.damage, []);
    let [one, behind] = outcome.records.try_into().unwrap();
    assert_eq!((behind.header.id, &*behind.payload), (77, &b"behind"[..]));
    assert_eq!((one.header.number, one.header.processor), (2, 3));
    one
}

const TICKS: [u8; 8] = 3_000_u64.to_le_bytes();

fn time_of(log: &Log, ticks: u64) -> Timestamp {
    Timestamp::from_filetime(log.start.0 + ticks - log.start.1)
}

#[test]
fn records_of_the_kernel_are_read_with_each_header() {
    let process = Guid::parse("3d6fa8d0-fe05-11d0-9dda-00c04fd7ba7c").unwrap();
    let who: [(usize, &[u8]); 3] = [(6, &[1, 3]), (8, &[5, 0, 0, 0]), (0xc, &[6, 0, 0, 0])];
    for (marker, length, ticks_at, has_who, pointer) in [
        (1_u8, 0x20, 0x10, true, 4),
        (2, 0x20, 0x10, true, 8),
        (3, 0x18, 0x10, true, 4),
        (4, 0x18, 0x10, true, 8),
        (0x10, 0x10, 8, false, 4),
        (0x11, 0x10, 8, false, 8),
    ] {
        // Version 4 behind nothing, two counters, and two with one of sampling.
        for (high, skipped) in [(0, 0), (2, 16), (0x82, 24)] {
            let hook = [4, high, marker, 0xc0];
            let mut values = vec![(0, &hook[..]), who[0]];
            values.extend(if has_who { &who[1..] } else { &[] });
            values.push((ticks_at, &TICKS));
            let payload = [&vec![0xcc; skipped], &b"payload"[..]].concat();
            let read = one(record(length, 4, &values, &payload));
            let header = read.header;
            assert_eq!((header.form, header.provider), (RawForm::Kernel, process));
            assert_eq!((header.version, header.opcode, header.pointer_size), (4, 1, pointer));
            let expected = if has_who { (Some(5), Some(6)) } else { (None, None) };
            assert_eq!((header.thread_id, header.process_id), expected, "{marker:x}");
            assert_eq!(header.time, time_of(&Log::default(), 3_000));
            assert_eq!((&*read.payload, &*read.extended), (&b"payload"[..], &b""[..]));
        }
    }
}

#[test]
fn classic_records_and_instances_are_read() {
    let values: [(usize, &[u8]); 6] = [
        (4, &[9, 2, 1, 0]),
        (8, &[5, 0, 0, 0]),
        (0xc, &[6, 0, 0, 0]),
        (0x10, &TICKS),
        (0x18, &[8; 16]),
        (0x28, &[1, 0, 0, 0, 2, 0, 0, 0]),
    ];
    for (marker, length, pointer, version, class) in [
        (0x0a, 0x30, 4, (1, 5), [8; 16]),
        (0x14, 0x30, 8, (1, 5), [8; 16]),
        (0x0b, 0x48, 4, (1, 1), [8; 16]),
        (0x15, 0x48, 8, (1, 5), [8; 16]),
        // Before, there was a handle in place of the GUID.
        (0x15, 0x38, 8, (1, 0), [0; 16]),
    ] {
        let mut bytes = record(length, 0, &values, b"payload");
        bytes[2..4].copy_from_slice(&[marker, 0xc0]);
        let log = Log { log_version: version, ..Log::default() };
        let read = one_of(log, bytes);
        let header = read.header;
        assert_eq!((header.form, header.provider), (RawForm::Classic, Guid(class)));
        assert_eq!((header.opcode, header.level, header.version), (9, 2, 1));
        assert_eq!((header.thread_id, header.process_id), (Some(5), Some(6)));
        assert_eq!((header.pointer_size, &*read.payload), (pointer, &b"payload"[..]));
    }
}

#[test]
fn messages_have_what_their_flags_announce() {
    let header = |flags: u8| vec![0, 0, 0, 0x90, 12, 0, flags, 0];
    let (number, guid, who) = ([1, 0, 0, 0], [9; 16], [5, 0, 0, 0, 6, 0, 0, 0]);
    let all = [&header(0x2f)[..], &number, &[3, 0, 0, 0], &TICKS, &who, b"x"].concat();
    let by_guid = [&header(0x6a)[..], &guid, &TICKS, &who, b"x"].concat();
    let bare = [&header(0x80)[..], b"x"].concat();
    let time = time_of(&Log::default(), 3_000);
    for (bytes, provider, thread, time, pointer) in [
        (all, [0; 16], Some(5), time, 8),
        (by_guid, guid, Some(5), time, 4),
        (bare, [0; 16], None, Timestamp::UNKNOWN, 8),
    ] {
        let read = one(record(bytes.len(), 0, &[(0, &bytes)], b""));
        let header = read.header;
        assert_eq!((header.form, header.provider), (RawForm::Message, Guid(provider)));
        assert_eq!((header.id, header.thread_id, header.time), (12, thread, time));
        assert_eq!((header.pointer_size, &*read.payload), (pointer, &b"x"[..]));
    }
}

#[test]
fn extended_items_stand_apart_from_the_payload() {
    let mut items = Vec::new();
    etwatch_event::raw::push_item(&mut items, 1, &[1; 16], false);
    etwatch_event::raw::push_item(&mut items, 11, b"abc", true);
    let mut bytes = event(5, 3_000, &[&items, &b"payload"[..]].concat());
    bytes[4] = 1;
    let read = one(bytes.clone());
    assert_eq!((read.extended, &*read.payload), (items.clone(), &b"payload"[..]));
    // An item that reaches beyond the record, is smaller than its data, or one of too many.
    let chain: Vec<u8> = [8, 0, 4, 0, 1, 0, 0, 0].repeat(17);
    for (at, value) in [(0x50, &[0xff, 0xff][..]), (0x50, &[9, 0]), (0x50, &chain)] {
        let mut damaged = bytes.clone();
        damaged.resize(damaged.len().max(0x50 + 17 * 8), 0);
        let size = u16::try_from(damaged.len()).unwrap();
        damaged[..2].copy_from_slice(&size.to_le_bytes());
        damaged[at..at + value.len()].copy_from_slice(value);
        let mut log = Log::default();
        let outcome =
            outcome(log.add(0, &[damaged, event(6, 3_001, b"")]).add(0, &[event(7, 9_000, b"")]));
        // The rest of the buffer is lost with it, and no more.
        assert_eq!(
            (outcome.ledger.skipped["ETL record"], outcome.records.len()),
            (1, 1),
            "{value:?}"
        );
        assert_eq!(outcome.damage[0].offset, 0x1000 + 0x48);
    }
}

#[test]
fn headers_that_nothing_is_known_of_are_counted() {
    let mut log = Log::default();
    let opaque = [0x0c, 0x0d, 0x0e].map(|kind| record(0x20, 0, &[(2, &[kind, 0xc0])], b""));
    let outcome = outcome(log.add(0, &opaque).add(0, &[event(1, 2_000, b"")]));
    assert_eq!((outcome.ledger.undecodable["ETL opaque record"], outcome.records.len()), (3, 1));
    assert_eq!(outcome.records[0].header.number, 5);
}

#[test]
fn a_log_of_32_bits_says_the_same_of_itself() {
    for is_32 in [false, true] {
        let log = Log { is_32, lost: (7, 8), ..Log::default() };
        let outcome = outcome(&log);
        let trace = outcome.trace.unwrap();
        assert_eq!(trace.pointer_size, if is_32 { 4 } else { 8 });
        assert_eq!((trace.os_build, trace.processors, trace.log_version), (19_045, 2, (1, 5)));
        assert_eq!((trace.logger_name.as_str(), &*trace.file_name), ("session", r"C:\a.etl"));
        assert_eq!((trace.time_zone_bias_minutes, trace.start.filetime()), (-60, log.start.0));
        assert_eq!((outcome.ledger.events_lost, outcome.ledger.buffers_lost), (7, 8));
        assert_eq!((outcome.ledger.read, outcome.ledger.bookkeeping), (1, 1));
    }
}

#[test]
fn each_clock_gives_the_time() {
    let start = 132_000_000_000_000_000;
    for (clock, frequency, megahertz, start_ticks, ticks, kind) in [
        (1, 1_000, 0, 500, 1_500, ClockKind::PerformanceCounter),
        (2, 1_000, 0, start, start + 10_000_000, ClockKind::SystemTime),
        (3, 1_000, 2, 0, 2_000_000, ClockKind::Cycles),
        (0, 1_000, 0, 500, 1_500, ClockKind::PerformanceCounter),
        (0, 0, 0, start, start + 10_000_000, ClockKind::SystemTime),
    ] {
        let start = (start, start_ticks);
        let mut log = Log { clock, frequency, megahertz, start, ..Log::default() };
        let outcome = outcome(log.add(0, &[event(1, ticks, b"")]));
        assert_eq!(outcome.trace.unwrap().clock.kind, kind);
        let time = outcome.records[0].header.time;
        assert_eq!(time.filetime(), start.0 + 10_000_000, "clock {clock}");
    }
}

#[test]
fn processors_and_a_log_that_wrapped_come_by_time() {
    for padding in [0, 0xff] {
        let mut log = Log { mode: Log::default().mode | 2, padding, ..Log::default() };
        let events = |times: &[u64]| -> Vec<_> {
            times.iter().map(|time| event(u16::try_from(*time).unwrap(), *time, b"")).collect()
        };
        // The newest buffer of each processor lies before its oldest.
        log.add(0, &events(&[7_000, 7_005])).add(1, &events(&[6_001, 7_003]));
        log.add(0, &events(&[2_000, 2_001, 5_000])).add(1, &events(&[1_999, 2_001, 6_000]));
        let outcome = outcome(&log);
        let ids: Vec<_> = outcome.records.iter().map(|record| record.header.id).collect();
        assert_eq!(ids, [1_999, 2_000, 2_001, 2_001, 5_000, 6_000, 6_001, 7_000, 7_003, 7_005]);
        let processors = outcome.records.iter().map(|record| record.header.processor);
        assert!(processors.eq([1, 0, 1, 0, 0, 1, 1, 0, 1, 0]));
        assert!(outcome.damage.is_empty() && outcome.error.is_none());
    }
}

proptest! {
    /// Whatever times records and buffers claim: none is lost, none comes twice, and the order does not
    /// depend on where slices begin.
    #[test]
    fn each_record_is_in_one_slice(
        buffers in prop::collection::vec((0..4_u8, prop::collection::vec(any_time(), 0..8)), 1..24)
    ) {
        let mut log = Log::default();
        let mut records = 1;
        for (processor, times) in &buffers {
            let events: Vec<_> = times.iter().map(|time| event(1, *time, b"")).collect();
            records += events.len() as u64;
            log.add(*processor, &events);
        }
        let file = tempfile::Builder::new().suffix(".etl").tempfile().unwrap();
        std::fs::write(file.path(), log.bytes()).unwrap();
        let location = etwatch_capture::source::Location::File(file.path().to_owned());
        let read = |bytes| {
            let read = read_at(&location, slices_of(bytes), EtlSlice::with_bookkeeping).unwrap();
            read.records.into_iter().map(|record| record.header.number).collect::<Vec<_>>()
        };
        let whole = read(1 << 30);
        for bytes in [1, 3_000, 10_000] {
            prop_assert_eq!(&read(bytes), &whole);
        }
        let mut numbers = whole;
        numbers.sort_unstable();
        prop_assert!(numbers.into_iter().eq(1..=records));
    }
}

fn any_time() -> impl Strategy<Value = u64> {
    prop_oneof![6 => 1_000..1_020_u64, 1 => any::<u64>(), 1 => Just(0), 1 => Just(u64::MAX)]
}

/// A record and zeros behind it, packed: a buffer that ends at `end` once it is unpacked.
fn bomb(end: u32) -> Vec<u8> {
    let record = event(1, 2_000, b"12345678");
    let (whole, rest) = record.split_at(64);
    let mut packed = Vec::new();
    for group in whole.chunks(32) {
        packed.extend([0; 4]);
        packed.extend(group);
    }
    // The rest of the record and a zero stand for themselves, then that zero is repeated.
    packed.extend((u32::MAX >> (rest.len() + 1)).to_le_bytes());
    packed.extend(rest);
    packed.extend([0, 7, 0, 15, 255, 0, 0]);
    let length = end - 0x48 - u32::try_from(record.len()).unwrap() - 1;
    packed.extend((length - 3).to_le_bytes());
    packed
}

#[test]
fn a_packed_buffer_is_read_and_one_of_another_length_is_not() {
    let mut log = Log::default();
    log.add_packed(0, &bomb(0x1000), 0x1000).add_packed(0, &bomb(0x1000), 0x1001);
    let outcome = outcome(log.add_packed(1, &bomb(0x1000), 0x1000));
    assert_eq!((outcome.records.len(), outcome.ledger.skipped["ETL buffer"]), (2, 1));
    assert_eq!(outcome.records[0].payload, b"12345678");
}

#[test]
fn what_buffers_unpack_to_is_bounded() {
    const MOST: u32 = 64 << 20;
    let mut log = Log::default();
    for processor in 0..12 {
        log.add_packed(processor, &bomb(MOST), MOST);
    }
    let bounded = outcome(&log);
    let error = bounded.error.unwrap().to_string();
    assert!(error.contains("unpacking ratio limit"), "{error}");
    assert!(bounded.records.len() < 2);
    // Without that limit, those of one moment are too many to be unpacked at once.
    let limits = Limits { unpacked_ratio: u64::MAX, ..Limits::default() };
    let outcome = read(&log.bytes(), limits).unwrap();
    outcome.check();
    assert!(outcome.error.is_none());
    // All have the same time; eight of them are 512 MiB.
    assert_eq!((outcome.records.len(), outcome.ledger.skipped["ETL overlap limit"]), (8, 4));
}

#[test]
fn buffers_of_zeros_are_room_unless_others_follow() {
    let mut log = Log::default();
    log.add(0, &[event(1, 2_000, b"")]);
    let bytes = log.bytes();
    let ahead = read(&[&bytes[..], &[0; 0x3000]].concat(), Limits::default()).unwrap();
    assert!(ahead.error.is_none() && ahead.damage.is_empty());
    let (first, second) = bytes.split_at(0x1000);
    let gap = read(&[first, &[0; 0x2000], second].concat(), Limits::default()).unwrap();
    gap.check();
    assert_eq!((gap.ledger.skipped["ETL buffer header"], gap.records.len()), (2, 1));
}

#[test]
fn a_size_that_leads_nowhere_costs_one_buffer() {
    let mut log = Log::default();
    for number in 0..4 {
        log.add(0, &[event(number, 2_000 + u64::from(number), b"")]);
    }
    for size in [0x20_u32, 0x0800_0000, 0x10_0000] {
        let mut bytes = log.bytes();
        bytes[0x2000..0x2004].copy_from_slice(&size.to_le_bytes());
        let outcome = read(&bytes, Limits::default()).unwrap();
        outcome.check();
        assert_eq!(outcome.ledger.skipped["ETL buffer header"], 1, "{size:x}");
        let ids: Vec<_> = outcome.records.iter().map(|record| record.header.id).collect();
        assert_eq!(ids, [0, 2, 3]);
    }
}

#[test]
fn what_is_no_log_is_refused() {
    let bytes = Log::default().bytes();
    for cut in [0, 0x47, 0x60, 0x100] {
        assert!(read(&bytes[..cut], Limits::default()).is_err(), "{cut}");
    }
    let mut other = bytes;
    other[0x48 + 6] = 5;
    let error = read(&other, Limits::default()).unwrap_err().to_string();
    assert!(error.contains("do not begin as a log of ETW"), "{error}");
}
