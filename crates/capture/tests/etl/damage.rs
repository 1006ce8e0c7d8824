//! Real logs that are cut off or have a bit turned: reading ends, nothing panics, each record is counted.
//!
//! A whole log of megabytes would take a second each time, so a large one is read a few buffers at a time:
//! its first, which has its header, and some that lie one behind the other. Half of the bits are turned
//! where structure is dense: in headers of buffers and their first records.

use std::path::PathBuf;

use etwatch_capture::Limits;
use etwatch_capture::etl::EtlSlice;
use etwatch_capture::source::Location;

use crate::place::corpus;
use crate::reading::{Outcome, read_at, slices_of};

const CUTS: usize = 500;
const FLIPS: usize = 2_000;
/// Bytes of buffers behind the first one that are read at a time.
const SAMPLE: usize = 40 << 10;

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

/// The first buffer and some others of a log.
fn sample(bytes: &[u8], bounds: &[usize], random: &mut Random) -> Vec<u8> {
    let mut sample = bytes[..bounds[1]].to_vec();
    let mut at = 1 + random.below(bounds.len() - 2);
    let most = sample.len() + SAMPLE;
    while sample.len() < most && at + 1 < bounds.len() {
        sample.extend(&bytes[bounds[at]..bounds[at + 1]]);
        at += 1;
    }
    sample
}

fn logs() -> Vec<Vec<u8>> {
    let Some(corpus) = corpus() else { return Vec::new() };
    let files = std::fs::read_dir(corpus.join("etl")).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> =
        files.filter(|path| path.extension().is_some_and(|ending| ending == "etl")).collect();
    files.sort();
    files.into_iter().map(|path| std::fs::read(path).unwrap()).collect()
}

/// Reads bytes by way of one file that is written again and again; `None` if they are no log any more.
fn read(file: &tempfile::TempPath, bytes: &[u8], limits: Limits) -> Option<Outcome> {
    std::fs::write(file, bytes).unwrap();
    let location = Location::File(file.to_path_buf());
    let outcome = read_at(&location, limits, EtlSlice::with_bookkeeping).ok()?;
    let ledger = &outcome.ledger;
    assert_eq!(ledger.read, ledger.lost() + outcome.records.len() as u64);
    Some(outcome)
}

fn any_file() -> tempfile::TempPath {
    tempfile::Builder::new().suffix(".etl").tempfile().unwrap().into_temp_path()
}

#[test]
fn a_log_that_is_cut_off_gives_what_lies_before() {
    let (file, mut random) = (any_file(), Random(0x9e37_79b9_7f4a_7c15));
    for bytes in logs() {
        let bounds = bounds(&bytes);
        for number in 0..CUTS {
            // Ten times whole logs, then parts of them.
            let whole =
                if number < 10 { bytes.clone() } else { sample(&bytes, &bounds, &mut random) };
            let cut = random.below(whole.len());
            let Some(outcome) = read(&file, &whole[..cut], Limits::default()) else {
                // Without the whole header there is no log.
                assert!(cut < bounds[1]);
                continue;
            };
            assert!(outcome.error.is_some(), "cut off at {cut} of {}", whole.len());
            let mut numbers: Vec<_> =
                outcome.records.iter().map(|record| record.header.number).collect();
            numbers.sort_unstable();
            assert!(numbers.iter().copied().eq(1..=numbers.len() as u64), "cut off at {cut}");
            // At most the record, or the packed buffer, that was cut through.
            assert!(outcome.ledger.lost() <= 1, "cut off at {cut}: {:?}", outcome.damage);
        }
    }
}

#[test]
fn a_bit_that_is_turned_costs_what_is_counted() {
    let (file, mut random) = (any_file(), Random(0x2545_f491_4f6c_dd1d));
    for bytes in logs() {
        let bounds = bounds(&bytes);
        let mut harmed = 0;
        for number in 0..FLIPS {
            let mut damaged = sample(&bytes, &bounds, &mut random);
            let at = match number % 4 {
                // Headers of buffers and of records, which a log has few of.
                0 => random.below(0x48),
                1 => bounds[1] + random.below(0x100).min(damaged.len() - bounds[1] - 1),
                _ => random.below(damaged.len()),
            };
            damaged[at] ^= 1 << random.below(8);
            let slices = if number % 8 < 4 { slices_of(1 << 20) } else { slices_of(10_000) };
            let outcome = read(&file, &damaged, slices);
            harmed += usize::from(outcome.is_none_or(|outcome| outcome.ledger.lost() > 0));
        }
        assert!(harmed > 0, "no bit did any harm");
    }
}
