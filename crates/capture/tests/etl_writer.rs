//! What is written to an `.etl` file is in it: every record once, in the order of its processor.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    dead_code,
    unreachable_pub,
    reason = "a failure in a test is a finding"
)]

#[path = "etl/copied.rs"]
mod copied;
#[path = "../../../tests/support/corpus.rs"]
mod place;
#[path = "etl/reading.rs"]
mod reading;
#[path = "etl/records.rs"]
mod records;
#[path = "etl/walker.rs"]
mod walker;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::io::{self, Cursor, Seek, SeekFrom, Write};
use std::rc::Rc;

use etwatch_capture::etl::{Metadata, TraceHeader, WriteError, Writer, Written};
use etwatch_event::{Guid, RawForm, RawHeader, Timestamp};
use proptest::prelude::*;
use records::Owned;
use walker::{Walked, WalkedBuffer, walk};

fn event(processor: u16, payload: Vec<u8>) -> Owned {
    let header = RawHeader {
        processor,
        pointer_size: 8,
        process_id: Some(4),
        thread_id: Some(8),
        time: Timestamp::from_filetime(133_000_000_000_000_000),
        ..RawHeader::default()
    };
    Owned { header, extended: Vec::new(), payload }
}

fn written(header: &TraceHeader, records: &[Owned]) -> (Written, Vec<u8>) {
    let mut file = Vec::new();
    let mut writer = Writer::create(Cursor::new(&mut file), header).unwrap();
    for record in records {
        writer.write(&record.view()).unwrap();
    }
    (writer.finish().unwrap(), file)
}

/// Checks the buffers' headers, and that each processor's records are those handed in, in order.
fn check(file: &[u8], written: &Written, records: &[Owned]) {
    let buffers = walk(file);
    assert_eq!(buffers.len() as u64, written.buffers);
    assert_eq!(file.len() as u64, written.bytes);
    assert_eq!(records.len() as u64, written.records);
    check_header(file, &buffers);
    let mut streams: BTreeMap<u16, Vec<Walked>> = BTreeMap::new();
    for (index, buffer) in buffers.iter().enumerate() {
        assert_eq!(buffer.sequence, index as u64);
        assert_eq!((buffer.kind, buffer.flags & 0x20), (if index == 0 { 4 } else { 0 }, 0x20));
        assert!(!buffer.records.is_empty());
        assert!(buffer.size == 65_536 || (buffer.size == 131_072 && buffer.records.len() == 1));
        if index > 0 {
            streams.entry(buffer.processor).or_default().extend(buffer.records.iter().cloned());
        }
    }
    let mut expected: BTreeMap<u16, Vec<Walked>> = BTreeMap::new();
    for record in records {
        expected.entry(record.header.processor).or_default().push(record.walked());
    }
    for (processor, stream) in &mut streams {
        for record in stream.iter_mut() {
            record.header.number = 0;
        }
        assert_eq!(Some(&*stream), expected.get(processor));
    }
    assert_eq!(streams.len(), expected.len());
}

/// The first record is the header of the trace, and says how many buffers there are.
fn check_header(file: &[u8], buffers: &[WalkedBuffer]) {
    let [first] = &buffers[0].records[..] else { panic!("{:?}", buffers[0].records) };
    assert_eq!((first.header.form, first.header.opcode), (RawForm::Kernel, 0));
    assert_eq!(first.header.provider, etwatch_capture::etl::hooks::EVENT_TRACE);
    assert_eq!(walker::u32_at(&first.payload, 0x24) as usize, buffers.len());
    let narrow = if first.header.pointer_size == 4 { 8 } else { 0 };
    let start = walker::u64_at(&first.payload, 0x108 - narrow);
    assert_eq!(start, first.header.time.filetime());
    assert_eq!(walker::u64_at(file, 0x10), start);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_records_come_back(
        records in prop::collection::vec(records::any_record(), 0..200),
        pointer_size in prop_oneof![Just(4_u8), Just(8)],
        start: bool,
    ) {
        let start = Timestamp::from_filetime(u64::from(start) * 132_000_000_000_000_000);
        let header = TraceHeader { pointer_size, start, ..TraceHeader::default() };
        let (written, file) = written(&header, &records);
        check(&file, &written, &records);
    }

    #[test]
    fn of_odd_records_those_come_back_that_are_not_refused(
        records in prop::collection::vec(records::odd_record(), 0..60),
    ) {
        let mut file = Vec::new();
        let mut writer = Writer::create(Cursor::new(&mut file), &TraceHeader::default()).unwrap();
        let accepted = |record: &Owned| writer.write(&record.view()).is_ok();
        let (good, refused): (Vec<_>, Vec<_>) = records.into_iter().partition(accepted);
        let written = writer.finish().unwrap();
        prop_assert_eq!(written.refused, refused.len() as u64);
        check(&file, &written, &good);
    }
}

#[test]
fn large_records_have_buffers_of_their_own() {
    let longest = 65_535 - 0x50;
    let fits = 65_536 - 0x48 - 0x50;
    let sizes = [10, fits, longest, 1, fits - 1, fits + 1, longest - 7, 3];
    let records: Vec<_> = sizes.iter().map(|size| event(0, vec![*size as u8; *size])).collect();
    let (written, file) = written(&TraceHeader::default(), &records);
    check(&file, &written, &records);
    let sizes: Vec<_> = walk(&file).iter().map(|buffer| buffer.size >> 16).collect();
    assert_eq!(sizes, [1, 1, 1, 2, 1, 1, 2, 2, 1]);
}

#[test]
fn as_many_processors_as_the_format_knows_have_their_streams() {
    let records: Vec<_> = (0..3)
        .flat_map(|round| (0..2_048).map(move |processor| event(processor, vec![round; 40])))
        .collect();
    let (written, file) = written(&TraceHeader::default(), &records);
    check(&file, &written, &records);
    assert_eq!(written.buffers, 1 + 2_048);
    let buffers = walk(&file);
    let payload = &buffers[0].records[0].payload;
    assert_eq!(walker::u32_at(payload, 0xc), 2_048);
    assert_eq!(payload[4..8], [10, 0, 2, 0]);
}

#[test]
fn full_buffers_go_to_the_file_before_the_end() {
    let mut file = Vec::new();
    let mut writer = Writer::create(Cursor::new(&mut file), &TraceHeader::default()).unwrap();
    for index in 0..2_000_u64 {
        writer.write(&event(0, index.to_le_bytes().repeat(10)).view()).unwrap();
    }
    drop(writer);
    let buffers = walk(&file);
    let kept: usize = buffers.iter().skip(1).map(|buffer| buffer.records.len()).sum();
    // 160 bytes a record, 409 a buffer: four full ones, the rest was not flushed.
    assert_eq!((buffers.len(), kept), (5, 4 * 409));
    assert!(buffers.iter().skip(1).all(|buffer| buffer.flags == 0x20 && buffer.end == 65_512));
}

#[test]
fn a_file_is_whole_after_each_flush() {
    let mut file = Cursor::new(Vec::new());
    let mut writer = Writer::create(&mut file, &TraceHeader::default()).unwrap();
    writer.write(&event(0, vec![1]).view()).unwrap();
    writer.write(&event(1, vec![2]).view()).unwrap();
    writer.flush().unwrap();
    drop(writer);
    let buffers = walk(file.get_ref());
    check_header(file.get_ref(), &buffers);
    let flags: Vec<_> = buffers.iter().map(|buffer| (buffer.processor, buffer.flags)).collect();
    assert_eq!(flags, [(0, 0x21), (0, 0x21), (1, 0x21)]);
}

#[test]
fn metadata_is_among_the_records_of_processor_0() {
    let time = Timestamp::from_filetime(133_000_000_000_000_000);
    let kinds = [
        (Metadata::Schema, "bbccf6c1-6cd1-48c4-80ff-839482e37671", 32),
        (Metadata::ValueMap, "bbccf6c1-6cd1-48c4-80ff-839482e37671", 33),
        (Metadata::Build, "9b79ee91-b5fd-41c0-a243-4248e266e9d0", 32),
        (Metadata::SystemPaths, "9b79ee91-b5fd-41c0-a243-4248e266e9d0", 33),
        (Metadata::Volume, "9b79ee91-b5fd-41c0-a243-4248e266e9d0", 35),
    ];
    let mut file = Vec::new();
    let mut writer = Writer::create(Cursor::new(&mut file), &TraceHeader::default()).unwrap();
    for (kind, ..) in kinds {
        writer.describe(kind, format!("{kind:?}").as_bytes(), time).unwrap();
    }
    let error = writer.describe(Metadata::Schema, &[0; 65_500], time).unwrap_err();
    assert!(matches!(error, WriteError::TooLong { size: 65_548 }), "{error}");
    let written = writer.finish().unwrap();
    assert_eq!((written.records, written.metadata, written.refused), (0, 5, 1));
    let records = &walk(&file)[1].records;
    for ((kind, class, opcode), record) in kinds.iter().zip(records) {
        let header = &record.header;
        assert_eq!((header.form, header.time), (RawForm::Classic, time));
        assert_eq!((Some(header.provider), header.opcode), (Guid::parse(class), *opcode));
        assert_eq!(record.payload, format!("{kind:?}").as_bytes());
    }
    assert_eq!(records.len(), kinds.len());
}

#[test]
fn what_is_refused_is_counted_and_harms_nothing() {
    let good = event(0, vec![1; 20]);
    let mut far = event(2_048, Vec::new());
    let mut file = Vec::new();
    let mut writer = Writer::create(Cursor::new(&mut file), &TraceHeader::default()).unwrap();
    writer.write(&good.view()).unwrap();
    let error = writer.write(&far.view()).unwrap_err();
    assert_eq!(error.to_string(), "processor 2048, where the last possible one is 2047");
    far.header.processor = 0;
    far.header.pointer_size = 6;
    assert!(writer.write(&far.view()).is_err());
    writer.write(&good.view()).unwrap();
    let written = writer.finish().unwrap();
    assert_eq!((written.records, written.refused), (2, 2));
    check(&file, &written, &[good.clone(), good]);
}

/// A disk that is full each second time: it takes half of what is written, then fails, then takes all.
struct Reluctant<'a> {
    file: Cursor<&'a mut Vec<u8>>,
    step: Rc<Cell<u8>>,
}

/// The step in which nothing fails and none follows.
const WILLING: u8 = 3;

impl Write for Reluctant<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let step = self.step.get();
        if step < WILLING {
            self.step.set((step + 1) % WILLING);
        }
        match step {
            0 => self.file.write(&bytes[..bytes.len() / 2]),
            1 => Err(io::ErrorKind::StorageFull.into()),
            _ => self.file.write(bytes),
        }
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for Reluctant<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

/// Each failed attempt leaves half a buffer behind; the next one begins at the same place.
#[test]
fn a_disk_that_is_full_for_a_while_loses_nothing() {
    let records: Vec<_> = (0..3_000_u64)
        .map(|index| event((index % 3) as u16, index.to_le_bytes().repeat(9)))
        .collect();
    let mut file = Vec::new();
    let step = Rc::new(Cell::new(WILLING));
    let output = Reluctant { file: Cursor::new(&mut file), step: Rc::clone(&step) };
    let mut writer = Writer::create(output, &TraceHeader::default()).unwrap();
    step.set(0);
    let mut failures = 0;
    for record in &records {
        while let Err(error) = writer.write(&record.view()) {
            assert!(matches!(error, WriteError::Io(_)), "{error}");
            failures += 1;
        }
    }
    assert!(writer.flush().is_err());
    step.set(WILLING);
    let written = writer.finish().unwrap();
    assert_eq!(written.refused, failures);
    assert_eq!(failures, written.buffers - 1 - 3);
    check(&file, &written, &records);
}
