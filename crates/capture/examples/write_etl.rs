//! Writes an `.etl` file with records of every form, and beside it what another reader must find in it.
//!
//! ```sh
//! cargo run -p etwatch-capture --example write_etl -- /tmp/made.etl /tmp/made.jsonl
//! ```
//!
//! `scripts/etl-check.sh` compares the second file with what `scripts/etl-independent.py` reads from the
//! first one, with a reader that others have written.

#![allow(clippy::print_stdout, reason = "an example tells what it did")]

use std::error::Error;
use std::fmt::Write as _;
use std::fs::{self, File};

use etwatch_capture::etl::{Metadata, TraceHeader, Writer, hooks};
use etwatch_event::raw::push_item;
use etwatch_event::{ExtendedItem, Guid, RawForm, RawHeader, RawRecord, Timestamp};
use sha2::{Digest, Sha256};

const RECORDS: u64 = 20_000;
/// 2023-01-15 in 100 ns units since 1601.
const START: u64 = 133_182_720_000_000_000;
/// The extended item of a classic event's instance.
const INSTANCE: u16 = 4;

fn main() -> Result<(), Box<dyn Error>> {
    let mut paths = std::env::args_os().skip(1);
    let (Some(path), Some(expected)) = (paths.next(), paths.next()) else {
        return Err("usage: write_etl FILE.etl EXPECTED.jsonl".into());
    };
    let header = TraceHeader {
        build: 19_045,
        processors: 4,
        start: Timestamp::from_filetime(START),
        boot: Timestamp::from_filetime(START - 36_000_000_000),
        logger_name: "etwatch".to_owned(),
        file_name: r"C:\made.etl".to_owned(),
        ..TraceHeader::default()
    };
    let mut writer = Writer::create(File::create(path)?, &header)?;
    let mut lines = String::new();
    for number in 0..RECORDS {
        let (header, extended) = header_of(number);
        let payload = payload_of(number);
        writer.write(&RawRecord { header, extended: &extended, payload: &payload })?;
        describe(&mut lines, &header, &extended, &payload)?;
    }
    let volume: Vec<u8> =
        "\\Device\\HarddiskVolume3\0C:\0".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let time = Timestamp::from_filetime(START + RECORDS);
    writer.describe(Metadata::Volume, &volume, time)?;
    let (provider, opcode) = Metadata::Volume.class();
    let actor = Some(0);
    let volume_header = RawHeader {
        form: RawForm::Classic,
        time,
        provider,
        opcode,
        pointer_size: 8,
        process_id: actor,
        thread_id: actor,
        ..RawHeader::default()
    };
    describe(&mut lines, &volume_header, &[], &volume)?;
    fs::write(expected, lines)?;
    let written = writer.finish()?;
    println!("{written:?}");
    Ok(())
}

/// A header for each number, the forms in turn, and its extended items.
fn header_of(number: u64) -> (RawHeader, Vec<u8>) {
    let [low, high, ..] = number.to_le_bytes();
    let id = u16::from_le_bytes([low, high]);
    let mut extended = Vec::new();
    let common = RawHeader {
        time: Timestamp::from_filetime(START + number * 7),
        pointer_size: if number.is_multiple_of(7) { 4 } else { 8 },
        processor: u16::from(high % 4),
        process_id: Some(u32::from(id) * 4),
        thread_id: Some(u32::from(id) * 4 + 8),
        provider: Guid([low; 16]),
        ..RawHeader::default()
    };
    let header = match number % 6 {
        0 => {
            let last = number.is_multiple_of(4);
            push_item(&mut extended, ExtendedItem::EVENT_KEY, &number.to_le_bytes(), last);
            if !last {
                push_item(&mut extended, ExtendedItem::RELATED_ACTIVITY, &[high; 16], true);
            }
            RawHeader { id, version: low, level: 4, keyword: number << 40, ..common }
        }
        1 => {
            RawHeader { id, task: id, opcode: low, channel: 11, activity: Guid([7; 16]), ..common }
        }
        2 => {
            if number.is_multiple_of(4) {
                push_item(&mut extended, INSTANCE, &[low; 24], true);
            }
            RawHeader { form: RawForm::Classic, version: 2, opcode: low, level: high, ..common }
        }
        3 => RawHeader {
            form: RawForm::Kernel,
            provider: hooks::IMAGE,
            opcode: 10,
            version: 3,
            processor_times: (1, 2),
            ..common
        },
        4 => RawHeader {
            form: RawForm::Kernel,
            provider: hooks::PROCESS,
            opcode: 1,
            version: 4,
            process_id: None,
            thread_id: None,
            ..common
        },
        _ => RawHeader { form: RawForm::Message, id, ..common },
    };
    (header, extended)
}

/// Bytes that differ from record to record; few are long, one in a thousand longer than a buffer.
fn payload_of(number: u64) -> Vec<u8> {
    let length = match number {
        _ if number % 1_000 == 999 => 65_400,
        _ if number % 100 == 50 => 8_000,
        _ => number % 97,
    };
    let seed = number.to_le_bytes();
    seed.into_iter().chain((0..length).map(|index| index.to_le_bytes()[0] ^ seed[0])).collect()
}

/// The line that another reader must print of this record.
fn describe(
    lines: &mut String,
    header: &RawHeader,
    extended: &[u8],
    payload: &[u8],
) -> std::fmt::Result {
    let form = match header.form {
        RawForm::Event => "event",
        RawForm::Classic => "classic",
        RawForm::Kernel => "kernel",
        RawForm::Message => "message",
    };
    let provider = header.provider.to_string();
    let provider = provider.trim_matches(['{', '}']);
    let number = |actor: Option<u32>| actor.map_or("null".to_owned(), |id| id.to_string());
    let items = RawRecord { extended, ..RawRecord::default() };
    let items: Vec<_> =
        items.items().map(|item| format!("[{}, \"{}\"]", item.kind, sha256(item.data))).collect();
    writeln!(
        lines,
        "{{\"form\": \"{form}\", \"provider\": \"{provider}\", \"id\": {}, \"version\": {}, \
         \"channel\": {}, \"level\": {}, \"opcode\": {}, \"task\": {}, \"keyword\": {}, \
         \"process_id\": {}, \"thread_id\": {}, \"time\": {}, \"processor\": {}, \
         \"pointer_size\": {}, \"items\": [{}], \"payload_bytes\": {}, \"payload_sha256\": \"{}\"}}",
        header.id,
        header.version,
        header.channel,
        header.level,
        header.opcode,
        header.task,
        header.keyword,
        number(header.process_id),
        number(header.thread_id),
        header.time.filetime(),
        header.processor,
        header.pointer_size,
        items.join(", "),
        payload.len(),
        sha256(payload),
    )
}

fn sha256(bytes: &[u8]) -> String {
    let mut text = String::new();
    for byte in Sha256::digest(bytes) {
        let _ = write!(text, "{byte:02x}");
    }
    text
}
