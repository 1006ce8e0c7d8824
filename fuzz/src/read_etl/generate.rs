//! Logs that bytes choose.
//!
//! Buffers of a few processors, plain or packed, with records of each form. The ticks of a processor never
//! go back, and a buffer begins with a record that has some, so its place in time is known. Damage, if
//! any, is done last: bytes changed anywhere, the end cut off.

use etwatch_event::raw::push_item;

use super::super::choices::Choices;
use super::super::etl_log::{Log, event, record, system};
use super::super::xpress::{encode, tokens_of};

/// Buffers of a log, records of a buffer, bytes of a payload at most.
const MOST_BUFFERS: usize = 8;
const MOST_RECORDS: usize = 12;
const MOST_PAYLOAD: usize = 40;
const PROCESSORS: usize = 3;
/// How far what is packed reaches back: to the record before.
const NEAR: usize = 0x60;

/// A log.
#[derive(Debug)]
pub struct Made {
    /// It as a file.
    pub file: Vec<u8>,
    /// Processor and payload of each record but the header of the log, in the order of the file.
    pub records: Vec<(u16, Vec<u8>)>,
    /// Records, not among those, whose header tells nothing.
    pub opaque: u64,
    /// Whether damage was done.
    pub damaged: bool,
}

/// The log that is chosen.
pub fn log(choices: &mut Choices<'_>) -> Made {
    let (cut, changes) = (choices.byte(), choices.below(8));
    let changes: Vec<_> = (0..changes).map(|_| (choices.number(), choices.byte())).collect();
    let mut log = empty_log(choices);
    let mut made = Made { file: Vec::new(), records: Vec::new(), opaque: 0, damaged: false };
    let mut ticks = [log.start.1; PROCESSORS];
    while !choices.rest().is_empty() && log.buffers.len() < MOST_BUFFERS {
        add_buffer(&mut log, choices, &mut ticks, &mut made);
    }
    made.file = log.bytes();
    for (place, change) in changes {
        let length = made.file.len();
        made.file[usize::from(place) % length] ^= change;
        made.damaged = true;
    }
    if cut > 0 {
        made.file.truncate(made.file.len() - usize::from(cut) * 16 % made.file.len());
        made.damaged = true;
    }
    made
}

fn empty_log(choices: &mut Choices<'_>) -> Log {
    Log {
        is_32: choices.below(2) == 1,
        clock: *choices.pick(&[1, 2, 3, 0]),
        frequency: *choices.pick(&[10_000_000, 1, 0, 3_000_000_000, u64::MAX]),
        megahertz: *choices.pick(&[0, 2_400]),
        mode: *choices.pick(&[1, 2]),
        log_version: *choices.pick(&[(1, 5), (2, 0), (1, 0)]),
        start: (132_000_000_000_000_000, choices.number().into()),
        lost: (choices.byte().into(), choices.byte().into()),
        buffer_size: *choices.pick(&[0x400, 0x1000]),
        padding: *choices.pick(&[0xff, 0, 0xcc]),
        buffers: Vec::new(),
    }
}

fn add_buffer(
    log: &mut Log,
    choices: &mut Choices<'_>,
    ticks: &mut [u64; PROCESSORS],
    made: &mut Made,
) {
    let processor = choices.below(PROCESSORS);
    let packed = choices.below(2) == 1;
    let room = log.buffer_size - 0x48;
    let mut records: Vec<Vec<u8>> = Vec::new();
    let mut bytes = 0;
    for number in 0..1 + choices.below(MOST_RECORDS) {
        ticks[processor] += u64::from(choices.byte());
        let kind = if number == 0 { 0 } else { choices.byte() };
        let payload = choices.bytes(MOST_PAYLOAD);
        let record = record_of(kind, ticks[processor], payload, log.log_version, choices);
        bytes += record.len().next_multiple_of(8);
        if bytes > room {
            break;
        }
        records.push(record);
        let number = u16::try_from(processor).expect("there are few");
        match kind % KINDS {
            OPAQUE => made.opaque += 1,
            _ => made.records.push((number, payload.to_vec())),
        }
    }
    let processor = u8::try_from(processor).expect("there are few");
    if !packed {
        log.add(processor, &records);
        return;
    }
    let mut whole = Vec::new();
    for record in &records {
        whole.extend(record);
        whole.resize(whole.len().next_multiple_of(8), 0);
    }
    let end = u32::try_from(0x48 + whole.len()).expect("records are few");
    log.add_packed(processor, &encode(&tokens_of(&whole, NEAR)), end);
}

/// Forms of records, and the one without a known header.
const KINDS: u8 = 9;
const OPAQUE: u8 = 8;

/// A record of this kind with its size and, if it has a place for them, these ticks.
fn record_of(
    kind: u8,
    ticks: u64,
    payload: &[u8],
    log_version: (u8, u8),
    choices: &mut Choices<'_>,
) -> Vec<u8> {
    let ticks_8 = ticks.to_le_bytes();
    match kind % KINDS {
        0 => event(choices.number(), ticks, payload),
        1 => {
            let mut extended = Vec::new();
            let items = 1 + choices.below(3);
            for item in 1..=items {
                push_item(&mut extended, choices.byte().into(), choices.bytes(16), item == items);
            }
            let mut bytes = event(choices.number(), ticks, &[&extended, payload].concat());
            bytes[4] = 1;
            bytes
        }
        2 => system(choices.byte(), choices.byte(), ticks, payload),
        // With values of performance counters before the payload.
        3 => {
            let counters = choices.below(8);
            let before = vec![0xcc; 8 * counters];
            let mut bytes = system(choices.byte(), 1, ticks, &[&before, payload].concat());
            bytes[1] = u8::try_from(counters).expect("there are few");
            bytes
        }
        4 => {
            let marker = [2, 0, *choices.pick(&[3, 4]), 0xc0];
            record(0x18, 4, &[(0, &marker), (0x10, &ticks_8)], payload)
        }
        5 => {
            let marker = [2, 0, *choices.pick(&[0x10, 0x11]), 0xc0];
            record(0x10, 4, &[(0, &marker), (8, &ticks_8)], payload)
        }
        6 => {
            let instance = if log_version < (1, 1) { 0x38 } else { 0x48 };
            let (header, marker) =
                *choices.pick(&[(0x30, 0x0a), (0x30, 0x14), (instance, 0x0b), (instance, 0x15)]);
            let class = [choices.byte(); 16];
            let values = [(2, &[marker, 0xc0][..]), (0x10, &ticks_8), (0x18, &class)];
            record(header, 0, &values, payload)
        }
        7 => {
            // A GUID, ticks, and who wrote it.
            let (flags, header) = *choices.pick(&[(0x2a_u8, 0x28), (0x0a, 0x20), (0x02, 0x18)]);
            let values = [(2, &[0, 0x90][..]), (6, &[flags, 0])];
            let mut bytes = record(header, 0, &values, payload);
            if flags & 8 != 0 {
                bytes[0x18..0x20].copy_from_slice(&ticks_8);
            }
            bytes
        }
        _ => record(8, 0, &[(2, &[*choices.pick(&[0x0c, 0x0d, 0x0e]), 0xc0])], payload),
    }
}
