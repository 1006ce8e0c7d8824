//! Real logs that are cut off or have a bit turned: reading ends, nothing panics, each record is counted, and
//! the memory that it takes stays below a bound.
//!
//! Each cut and each bit is one of a whole log. A log lies in a file of its own, which is damaged in place and
//! made whole again, so that only reading takes time: cuts go from the end to the beginning, each shortening
//! the file further; a bit is turned and turned back. Half of the bits are turned where structure is dense: in
//! headers of buffers and their first records. (In all a minute and a half of one processor, most of it
//! unpacking the one log that is compressed; the bits are shared out among processors.)

use std::fs::File;
use std::io::{Seek as _, SeekFrom, Write as _};

use etwatch_capture::Limits;
use etwatch_capture::etl::EtlScratch;
use etwatch_capture::open;
use etwatch_capture::source::Location;

use crate::allocations::most_held;
use crate::place::corpus;
use crate::reading::{Outcome, each_piece, slices_of};

const CUTS: usize = 500;
const FLIPS: usize = 2_000;
/// Bytes of the header of a buffer.
const HEADER: usize = 0x48;
/// Bytes that reading one of these logs may hold: slices, what reaches into them, schemas.
const MOST_HELD: usize = 16 << 20;
/// Bytes of the largest buffer, which a header with a bit turned may promise.
const LARGEST_BUFFER: usize = 64 << 20;

/// Numbers that look random and are the same in each run (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }
}

/// Where the buffers of a sound log begin, and its end.
fn bounds(bytes: &[u8]) -> Vec<usize> {
    let mut bounds = vec![0];
    while let Some(size) = bytes.get(bounds[bounds.len() - 1]..).and_then(<[u8]>::first_chunk::<4>)
    {
        bounds.push(bounds[bounds.len() - 1] + u32::from_le_bytes(*size) as usize);
    }
    bounds
}

/// What a log leads to; its records are only counted.
struct Found {
    outcome: Outcome,
    records: u64,
    /// The highest number of a record.
    last: u64,
}

/// A log in a file that may be damaged.
struct Log {
    name: String,
    bytes: Vec<u8>,
    bounds: Vec<usize>,
    file: File,
    location: Location,
    _path: tempfile::TempPath,
    scratch: EtlScratch,
    /// By their number, whether a record was handed on.
    seen: Vec<bool>,
}

impl Log {
    fn new(name: String, bytes: Vec<u8>) -> Self {
        let (mut file, path) =
            tempfile::Builder::new().suffix(".etl").tempfile().unwrap().into_parts();
        file.write_all(&bytes).unwrap();
        let location = Location::File(path.to_path_buf());
        let (bounds, scratch, seen) = (bounds(&bytes), EtlScratch::default(), Vec::new());
        Self { name, bytes, bounds, file, location, _path: path, scratch, seen }
    }

    fn write(&mut self, at: usize, byte: u8) {
        self.file.seek(SeekFrom::Start(at as u64)).unwrap();
        self.file.write_all(&[byte]).unwrap();
    }

    /// Reads the file as it is now; `None` if it is no log any more.
    fn read(&mut self, limits: Limits, most: usize) -> Option<Found> {
        let Self { location, scratch, seen, .. } = self;
        seen.fill(false);
        let (found, held) = most_held(|| {
            let mut source = open(location, limits).ok()?;
            let mut found = Found { outcome: Outcome::default(), records: 0, last: 0 };
            let Found { outcome, records, last } = &mut found;
            each_piece(&mut *source, outcome, |slice, _| {
                slice.with_bookkeeping().read(scratch, &mut |record, _| {
                    let number = record.header.number as usize;
                    if seen.len() <= number {
                        seen.resize(number + 1, false);
                    }
                    assert!(!std::mem::replace(&mut seen[number], true), "{number} comes twice");
                    *records += 1;
                    *last = record.header.number.max(*last);
                })
            });
            Some(found)
        });
        assert!(held <= most, "{}: {held} bytes were held", self.name);
        if let Some(Found { outcome, records, .. }) = &found {
            assert_eq!(outcome.ledger.read, outcome.ledger.lost() + records, "{}", self.name);
        }
        found
    }

    /// How many records each buffer has: each is read as a log of the first buffer and itself.
    fn counts(&self) -> Vec<u64> {
        let header = &self.bytes[..self.bounds[1]];
        let of = |buffer: &[u8]| {
            let mut log = Self::new(self.name.clone(), [header, buffer].concat());
            log.read(Limits::default(), MOST_HELD).unwrap().records
        };
        let first = of(&[]);
        let others = self.bounds[1..].windows(2).map(|at| of(&self.bytes[at[0]..at[1]]) - first);
        std::iter::once(first).chain(others).collect()
    }
}

fn logs() -> Vec<Log> {
    let Some(corpus) = corpus() else { return Vec::new() };
    let files = std::fs::read_dir(corpus.join("etl")).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> =
        files.filter(|path| path.extension().is_some_and(|ending| ending == "etl")).collect();
    files.sort();
    let log = |path: std::path::PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        Log::new(name, std::fs::read(path).unwrap())
    };
    files.into_iter().map(log).collect()
}

#[test]
fn a_log_that_is_cut_off_gives_what_lies_before() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for mut log in logs() {
        let whole = log.read(Limits::default(), MOST_HELD).unwrap().records;
        let mut cuts: Vec<_> = (0..CUTS).map(|_| random.below(log.bytes.len())).collect();
        cuts.sort_unstable();
        let mut more = whole;
        for cut in cuts.into_iter().rev() {
            let name = format!("{} cut off at {cut}", log.name);
            log.file.set_len(cut as u64).unwrap();
            let Some(found) = log.read(Limits::default(), MOST_HELD) else {
                // Without the whole header there is no log.
                assert!(cut < log.bounds[1], "{name}");
                continue;
            };
            assert!(found.outcome.error.is_some(), "{name}");
            // Each once, so these are all from the first on.
            assert_eq!(found.records, found.last, "{name}");
            assert!(found.records <= more, "{name}");
            more = found.records;
            // At most the record, or the packed buffer, that was cut through.
            assert!(found.outcome.ledger.lost() <= 1, "{name}: {:?}", found.outcome.damage);
        }
        assert!(more < whole, "{}", log.name);
    }
}

/// A bit that is turned: the byte of the log, the bit, the bytes of the slices that it is read in.
struct Flip {
    at: usize,
    bit: u8,
    limits: Limits,
}

fn flips(log: &Log, random: &mut Random) -> Vec<Flip> {
    let mut flip = |number| {
        let at = match number % 4 {
            0 => random.below(HEADER),
            1 => log.bounds[random.below(log.bounds.len() - 1)] + random.below(0x100),
            _ => random.below(log.bytes.len()),
        };
        let limits = if number % 8 < 7 { Limits::default() } else { slices_of(10_000) };
        Flip { at: at.min(log.bytes.len() - 1), bit: 1 << random.below(8), limits }
    };
    (0..FLIPS).map(&mut flip).collect()
}

/// Turns the bits one after the other; returns how many did harm. `counts` are the records of each buffer.
fn turn(log: &mut Log, flips: &[Flip], counts: &[u64]) -> usize {
    let whole = log.read(Limits::default(), MOST_HELD).unwrap().records;
    assert_eq!(counts.iter().sum::<u64>(), whole, "{}", log.name);
    let mut harmed = 0;
    for &Flip { at, bit, limits } in flips {
        log.write(at, log.bytes[at] ^ bit);
        let found = log.read(limits, MOST_HELD + LARGEST_BUFFER);
        log.write(at, log.bytes[at]);
        harmed += usize::from(found.as_ref().is_none_or(|it| it.outcome.ledger.lost() > 0));

        let buffer = log.bounds.partition_point(|bound| *bound <= at) - 1;
        // Headers of buffers, and what the first one says of the log, may cost others.
        if buffer > 0 && at >= log.bounds[buffer] + HEADER {
            let kept = found.map_or(0, |found| found.records);
            let name = format!("{}, bit {bit:#x} of byte {at}", log.name);
            assert!(kept >= whole - counts[buffer], "{name}: {kept} of {whole}");
        }
    }
    assert_eq!(log.read(Limits::default(), MOST_HELD).unwrap().records, whole);
    harmed
}

#[test]
fn a_bit_that_is_turned_costs_at_most_its_buffer() {
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    for log in logs() {
        let (counts, flips) = (log.counts(), flips(&log, &mut random));
        let harmed: usize = std::thread::scope(|scope| {
            let part = |flips| {
                let mut log = Log::new(log.name.clone(), log.bytes.clone());
                let counts = &counts;
                scope.spawn(move || turn(&mut log, flips, counts))
            };
            let parts: Vec<_> = flips.chunks(FLIPS.div_ceil(threads)).map(part).collect();
            parts.into_iter().map(|part| part.join().unwrap()).sum()
        });
        assert!(harmed > 0, "{}: no bit did any harm", log.name);
    }
}
