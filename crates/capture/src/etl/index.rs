//! The first pass over a log: where its buffers lie, what is in them, what they explain.
//!
//! Records of several processors lie in a file one buffer after the other, up to seconds out of order, and
//! what explains them may stand at the end. So all buffers are walked once, and of each is kept what the
//! second pass needs to take them by time: processor, first and last time, number of the first record.
//! That is 56 bytes a buffer.
//!
//! Within a processor, buffers are taken by their first time (a circular log has its oldest anywhere), and
//! no buffer is said to last longer than to the first time of the next one: [`super::slice`] tells why.
//!
//! What a hostile file may ask for is bounded:
//!
//! - The size of a buffer must lead to the next one. If it can't be right, a log that is not compressed is
//!   taken up again one usual buffer further on, and the loss is counted.
//! - What buffers unpack to is bounded as for other packed inputs ([`Limits`]); reading ends at the bound.
//! - Buffers of one moment, at most one for each processor, must fit into [`OVERLAP`] bytes: so many have
//!   to be unpacked at once. One that does not fit is left out, and its records are counted.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use crate::limits::Limits;
use crate::reopen::Reopening;
use crate::source::{Decoded, SourceError};

use super::buffer::{Buffer, BufferHeader, HEADER};
use super::record::{Step, step};
use super::trace::{Gathering, Trace};

/// Buffers of one file; reading ends at the bound. (128 GiB of usual buffers.)
const MOST_BUFFERS: usize = 2 << 20;
/// Bytes of buffers that overlap in time.
const OVERLAP: u64 = 512 << 20;
/// From so much unpacked on, its ratio to what was read is looked at.
const RATIO_FROM: u64 = 64 << 20;
/// Bytes that are read from the file at once.
const WINDOW: usize = 1 << 20;

const NO_LOG: &str = "the bytes do not begin as a log of ETW does";
const NO_LOG_HINT: &str = "is this really an `.etl` file?";

/// What the first pass found.
#[derive(Debug)]
pub(super) struct Index {
    pub(super) trace: Trace,
    /// The buffers by their first time, then by their place in the file.
    pub(super) buffers: Vec<Buffer>,
    /// Damage that no buffer tells of itself.
    pub(super) damage: Decoded,
    /// Why the file ended before its end.
    pub(super) ended: Option<SourceError>,
}

/// Walks all buffers of `file`; `path` is for messages.
///
/// # Errors
/// [`SourceError`] if the file can't be read or does not begin with the header of a log.
pub(super) fn index(
    file: &mut Reopening,
    path: &str,
    limits: Limits,
) -> Result<Index, SourceError> {
    let failed = |source| SourceError::Io { path: path.to_owned(), source };
    let length = file.length().map_err(failed)?;
    let mut window = Window { file, start: 0, bytes: Vec::new(), length };
    let refused =
        || SourceError::NotARecording { path: path.to_owned(), what: NO_LOG, hint: NO_LOG_HINT };
    let header = BufferHeader::read(window.get(0, HEADER).map_err(failed)?).ok_or_else(refused)?;
    let mut room = Vec::new();
    let first = Buffer::new(header, 0, length);
    let bytes = window.get(0, first.size as usize).map_err(failed)?;
    first.unpack(bytes, &mut room).map_err(|_| refused())?;
    let contents = first.contents(bytes, &room);
    let Step::Record(record) = step(contents, 0, false, Default::default()) else {
        return Err(refused());
    };
    let trace = Trace::read(&record, contents).ok_or_else(refused)?;
    let walk = Walk {
        recent: trace.clock.start_ticks,
        usual: u64::from(header.size),
        gathering: Gathering::new(trace),
        path,
        limits,
        room,
        buffers: Vec::new(),
        damage: Decoded::default(),
        next_number: 1,
        unpacked: 0,
        empty: 0,
        any_compressed: false,
    };
    walk.run(&mut window).map_err(failed)
}

/// A part of the file in memory.
struct Window<'f> {
    file: &'f mut Reopening,
    start: u64,
    bytes: Vec<u8>,
    /// How long the file is.
    length: u64,
}

impl Window<'_> {
    /// Up to `wanted` bytes from `offset` on, fewer at the end of the file.
    fn get(&mut self, offset: u64, wanted: usize) -> std::io::Result<&[u8]> {
        let left = usize::try_from(self.length.saturating_sub(offset)).unwrap_or(usize::MAX);
        let wanted = wanted.min(left);
        let place = |start| usize::try_from(offset.checked_sub(start)?).ok();
        let held = place(self.start).filter(|from| from + wanted <= self.bytes.len());
        let from = match held {
            Some(from) => from,
            None => {
                self.bytes.clear();
                self.file.read_into(offset, wanted.max(WINDOW).min(left), &mut self.bytes)?;
                self.start = offset;
                0
            }
        };
        let held = self.bytes.get(from..).unwrap_or_default();
        Ok(held.get(..wanted).unwrap_or(held))
    }
}

/// A first pass under way.
struct Walk<'p> {
    gathering: Gathering,
    path: &'p str,
    limits: Limits,
    room: Vec<u8>,
    buffers: Vec<Buffer>,
    damage: Decoded,
    next_number: u64,
    /// The first time of the buffer before, for one that has none.
    recent: u64,
    /// Bytes of a buffer in this file, unless it is compressed.
    usual: u64,
    /// Bytes that compressed buffers led to.
    unpacked: u64,
    /// Buffers of zeros since the last one that is none.
    empty: u64,
    any_compressed: bool,
}

impl Walk<'_> {
    fn run(mut self, window: &mut Window<'_>) -> std::io::Result<Index> {
        let mut offset = 0;
        let mut found = 0_u64;
        let mut ended = None;
        while offset < window.length && ended.is_none() {
            let bytes = window.get(offset, HEADER)?;
            if bytes.iter().all(|byte| *byte == 0) {
                self.empty += 1;
                offset += self.usual;
                continue;
            }
            let header = BufferHeader::read(bytes);
            self.tell_empty(offset);
            match header {
                Some(header) if self.leads_on(header, offset, window.length) => {
                    let buffer = Buffer::new(header, offset, window.length);
                    ended = self.beyond_limits(&buffer);
                    if ended.is_none() {
                        let bytes = window.get(offset, buffer.size as usize)?;
                        self.add(buffer, bytes);
                        found += 1;
                    }
                    offset += u64::from(header.size);
                    if offset > window.length && ended.is_none() {
                        let what = "the file ends in the middle of a buffer";
                        ended = Some(self.ends(window.length, what.to_owned()));
                    }
                }
                _ if !self.any_compressed && offset + self.usual <= window.length => {
                    let what = "the header of the buffer states a size that no buffer here has";
                    self.damage.skip("ETL buffer header", 1, offset, what);
                    offset += self.usual;
                }
                _ => {
                    let what = "no buffer begins here, and none can be found behind";
                    ended = Some(self.ends(offset, what.to_owned()));
                }
            }
        }
        if ended.is_none() {
            ended = self.too_few(found, window.length);
        }
        Ok(self.finish(ended))
    }

    /// Whether the next buffer can lie where this header says.
    fn leads_on(&self, header: BufferHeader, offset: u64, length: u64) -> bool {
        let fits = offset + u64::from(header.size) <= length;
        // The last buffer of a file that is cut off, rather than a wrong size.
        let is_last = offset + self.usual > length;
        fits || is_last || header.compressed || self.any_compressed
    }

    /// Buffers of zeros are room that was not used, if nothing follows them.
    fn tell_empty(&mut self, offset: u64) {
        let empty = std::mem::take(&mut self.empty);
        if empty > 0 {
            let what = format!("there are only zeros where {empty} buffers should be before");
            self.damage.skip("ETL buffer header", empty, offset, what);
        }
    }

    fn ends(&self, offset: u64, what: String) -> SourceError {
        SourceError::EndsEarly { path: self.path.to_owned(), offset, what }
    }

    /// Why reading ends at this buffer, if it does.
    fn beyond_limits(&mut self, buffer: &Buffer) -> Option<SourceError> {
        if self.buffers.len() >= MOST_BUFFERS {
            let what = format!("buffer limit: more than {MOST_BUFFERS}");
            return Some(self.ends(buffer.offset, what));
        }
        if !buffer.compressed {
            return None;
        }
        self.any_compressed = true;
        self.unpacked += u64::from(buffer.end);
        let (most, ratio) = (self.limits.unpacked_bytes, self.limits.unpacked_ratio);
        if self.unpacked > most {
            let what = format!("unpacked size limit: more than {most} bytes");
            return Some(self.ends(buffer.offset, what));
        }
        let read = buffer.offset + u64::from(buffer.size);
        if self.unpacked > RATIO_FROM && self.unpacked / read.max(1) > ratio {
            let what =
                format!("unpacking ratio limit: more than {ratio} bytes for each packed one");
            return Some(self.ends(buffer.offset, what));
        }
        None
    }

    /// Walks the records of a buffer.
    fn add(&mut self, mut buffer: Buffer, bytes: &[u8]) {
        buffer.number = self.next_number;
        let mut times = None;
        if buffer.unpack(bytes, &mut self.room).is_err() {
            buffer.count = 1;
        } else {
            let contents = buffer.contents(bytes, &self.room);
            let (is_cut, form) = (buffer.is_cut(contents), self.gathering.trace.form());
            let mut at = 0;
            loop {
                let record = match step(contents, at, is_cut, form) {
                    Step::Record(record) => record,
                    Step::End => break,
                    Step::Bad(_) => {
                        buffer.count += 1;
                        break;
                    }
                };
                buffer.count += 1;
                at = record.next();
                if let Some(ticks) = record.ticks {
                    let (first, last) = times.unwrap_or((ticks, ticks));
                    times = Some((first, ticks.max(last)));
                }
                if record.may_explain || record.tells_host {
                    self.gathering.add(&record.view(contents, form));
                }
            }
        }
        if buffer.count > 0 {
            (buffer.first, buffer.last) = times.unwrap_or((self.recent, self.recent));
            self.recent = buffer.first;
            self.next_number += u64::from(buffer.count);
            self.buffers.push(buffer);
        }
    }

    /// Whether the file has fewer buffers than Windows has written: cut off at the bound of one. (A log that
    /// did not end in order does not know; one that wraps around has written more.)
    fn too_few(&self, found: u64, length: u64) -> Option<SourceError> {
        let trace = &self.gathering.trace;
        let written = u64::from(trace.buffers_written);
        let lacks = found < written && trace.log_mode & Trace::CIRCULAR == 0;
        let what = || format!("{written} buffers were written and {found} are there");
        lacks.then(|| self.ends(length, what()))
    }

    fn finish(self, ended: Option<SourceError>) -> Index {
        let Self { mut gathering, mut buffers, mut damage, .. } = self;
        if gathering.trace.volumes.is_empty() {
            gathering.trace.system_volume = gathering.system_volume.name();
        }
        buffers.sort_unstable_by_key(|buffer| (buffer.first, buffer.offset));
        end_at_the_next(&mut buffers);
        refuse_overlap(&mut buffers, &mut damage);
        buffers.shrink_to_fit();
        Index { trace: gathering.trace, buffers, damage, ended }
    }
}

/// Lets no buffer last longer than to the first time of the next one of its processor.
fn end_at_the_next(buffers: &mut [Buffer]) {
    let mut next = BTreeMap::new();
    for buffer in buffers.iter_mut().rev() {
        let bound = next.insert(buffer.processor, buffer.first).unwrap_or(u64::MAX);
        buffer.last = buffer.last.min(bound);
    }
}

/// Leaves out buffers that would make too many bytes of one moment.
fn refuse_overlap(buffers: &mut Vec<Buffer>, damage: &mut Decoded) {
    let mut held = 0;
    let mut ends = BinaryHeap::new();
    buffers.retain(|buffer| {
        while let Some(Reverse((last, cost))) = ends.peek().copied()
            && last < buffer.first
        {
            ends.pop();
            held -= cost;
        }
        if held + buffer.cost() > OVERLAP {
            let what = format!("buffers of the same time take more than {OVERLAP} bytes");
            damage.skip("ETL overlap limit", u64::from(buffer.count), buffer.offset, what);
            return false;
        }
        held += buffer.cost();
        ends.push(Reverse((buffer.last, buffer.cost())));
        true
    });
}
