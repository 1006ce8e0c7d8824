//! Any bytes as the chunks of an event log: reading ends and every record is counted once.
//!
//! A log is a page of header and chunks of 64 KiB that are mostly zeros. An input leaves the zeros out:
//! its first byte says how many chunks the header counts, the second by how many KiB the file is cut
//! off; then come the chunks, each beginning with its signature. Whatever comes before the first
//! signature is a chunk too, a damaged one.

use etwatch_capture::Limits;

use super::choices::Choices;
use super::reading::{Outcome, read_file};

const CHUNK: usize = 65_536;
const CHUNK_MAGIC: &[u8] = b"ElfChnk\0";
/// Chunks of one log.
const MOST: usize = 4;

/// Reads the log.
pub fn check(bytes: &[u8]) {
    outcome(bytes);
}

/// What the log led to.
pub fn outcome(bytes: &[u8]) -> Option<Outcome> {
    let mut choices = Choices::new(bytes);
    let (stated, cut) = (choices.byte(), choices.byte());
    let log = log(stated, cut, &chunks(choices.rest()));
    read_file(&log, ".evtx", Limits::default())
}

fn chunks(bytes: &[u8]) -> Vec<&[u8]> {
    let mut begins: Vec<usize> = vec![0];
    let signed = bytes.windows(CHUNK_MAGIC.len()).enumerate().skip(1);
    begins.extend(signed.filter(|(_, window)| *window == CHUNK_MAGIC).map(|(at, _)| at));
    begins.push(bytes.len());
    begins.windows(2).take(MOST).map(|pair| &bytes[pair[0]..pair[1]]).collect()
}

fn log(stated: u8, cut: u8, chunks: &[&[u8]]) -> Vec<u8> {
    let mut log = b"ElfFile\0".to_vec();
    log.resize(42, 0);
    log.extend([stated, 0]);
    log.resize(4_096, 0);
    for chunk in chunks {
        let end = log.len() + CHUNK;
        log.extend(chunk.iter().take(CHUNK));
        log.resize(end, 0);
    }
    log.truncate(log.len() - usize::from(cut) * 1_024 % CHUNK);
    log
}
