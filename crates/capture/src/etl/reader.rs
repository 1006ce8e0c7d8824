//! The slices of a log, one after the other.
//!
//! Buffers are taken by their first time. A slice ends when the buffers that begin in it are as many bytes
//! as a piece should have, or as many as those are that reach into it from before, so that however many
//! processors there are, at most about half of the work is done twice.

use std::ops::Range;
use std::sync::Arc;

use etwatch_event::Timestamp;

use crate::limits::Limits;
use crate::reopen::Reopening;
use crate::source::{Decoded, Mark, Piece, Source, SourceError};

use super::buffer::Buffer;
use super::index::{Index, index};
use super::slice::{EtlSlice, Part, Place};
use super::trace::Trace;

/// Reads an `.etl` file by time.
#[derive(Debug)]
pub struct Reader {
    file: Reopening,
    path: String,
    trace: Arc<Trace>,
    buffers: Vec<Buffer>,
    /// Rank of the first buffer of the next slice.
    next: u32,
    /// Ranks of the buffers that reach into it.
    carried: Vec<u32>,
    slice_bytes: u64,
    /// Told at the end.
    damage: Option<Decoded>,
    ended: Option<SourceError>,
    read: u64,
}

impl Reader {
    /// Walks all buffers of `file` once; `path` is for messages.
    ///
    /// # Errors
    /// [`SourceError`] if the file can't be read or does not begin with the header of a log.
    pub(crate) fn new(
        mut file: Reopening,
        path: String,
        limits: Limits,
    ) -> Result<Self, SourceError> {
        let Index { trace, buffers, damage, ended } = index(&mut file, &path, limits)?;
        Ok(Self {
            file,
            path,
            trace: Arc::new(trace),
            buffers,
            next: 0,
            carried: Vec::new(),
            slice_bytes: limits.slice_bytes,
            damage: (damage.ledger.read > 0).then_some(damage),
            ended,
            read: 0,
        })
    }
    /// What the log says of itself.
    #[must_use]
    pub fn trace(&self) -> &Arc<Trace> {
        &self.trace
    }

    fn buffer(&self, rank: u32) -> Option<&Buffer> {
        self.buffers.get(usize::try_from(rank).ok()?)
    }
    fn count(&self) -> u32 {
        u32::try_from(self.buffers.len()).unwrap_or(u32::MAX)
    }
    /// Where a slice begins whose first buffer has this rank; `None` behind the last.
    fn place(&self, rank: u32) -> Option<Place> {
        self.buffer(rank).map(|buffer| (buffer.first, rank))
    }
    /// Whether records of the buffer may lie at `place` or later.
    fn reaches(&self, rank: u32, place: Place) -> bool {
        self.buffer(rank).is_some_and(|buffer| (buffer.last, rank) >= place)
    }
    fn cost(&self, ranks: impl Iterator<Item = u32>) -> u64 {
        ranks.filter_map(|rank| self.buffer(rank)).map(Buffer::cost).sum()
    }

    /// The ranks of the buffers that begin in the next slice.
    fn next_ranks(&self) -> Range<u32> {
        let enough = self.cost(self.carried.iter().copied()).max(self.slice_bytes);
        let (mut end, mut cost) = (self.next, 0);
        while end < self.count() && (cost < enough || end == self.next) {
            cost += self.cost(end..end + 1);
            end += 1;
        }
        self.next..end
    }

    /// Reads the buffers of a slice.
    fn slice(&mut self, ranks: Range<u32>, carried: &[u32]) -> Result<EtlSlice, SourceError> {
        let from = self.place(ranks.start).unwrap_or_default();
        let to = self.place(ranks.end);
        let all = carried.iter().copied().chain(ranks.clone());
        let part =
            |rank| self.buffer(rank).map(|buffer| Part { buffer: *buffer, rank, bytes: 0..0 });
        let mut parts: Vec<_> = all.filter_map(part).collect();
        parts.sort_unstable_by_key(|part| (part.buffer.processor, part.rank));
        let size = parts.iter().map(|part| part.buffer.size as usize).sum();
        let mut bytes = Vec::with_capacity(size);
        for part in &mut parts {
            let begin = bytes.len();
            let read =
                self.file.read_into(part.buffer.offset, part.buffer.size as usize, &mut bytes);
            read.map_err(|source| SourceError::Io { path: self.path.clone(), source })?;
            part.bytes = begin..bytes.len();
        }
        let trace = Arc::clone(&self.trace);
        Ok(EtlSlice { trace, parts, bytes, from, to, ranks, with_bookkeeping: false })
    }
}

impl Source for Reader {
    fn first_time(&mut self) -> Timestamp {
        let first = self.buffers.first();
        first.map_or(self.trace.start, |buffer| self.trace.clock.time(buffer.first))
    }
    fn next_piece(&mut self) -> Result<Option<Piece>, SourceError> {
        let ranks = self.next_ranks();
        if ranks.is_empty() {
            if let Some(damage) = self.damage.take() {
                return Ok(Some(Piece::Damage(damage)));
            }
            return self.ended.take().map_or(Ok(None), Err);
        }
        let carried = std::mem::take(&mut self.carried);
        let slice = match self.slice(ranks.clone(), &carried) {
            Ok(slice) => slice,
            Err(error) => {
                (self.next, self.damage, self.ended) = (self.count(), None, None);
                return Err(error);
            }
        };
        for rank in ranks.clone() {
            self.read += self.buffer(rank).map_or(0, |buffer| u64::from(buffer.size));
        }
        if let Some(place) = slice.to {
            let both = carried.into_iter().chain(ranks.clone());
            self.carried = both.filter(|rank| self.reaches(*rank, place)).collect();
        }
        self.next = ranks.end;
        Ok(Some(Piece::Etl(slice)))
    }
    fn read_again(&mut self, mark: Mark) -> Result<Option<Piece>, SourceError> {
        let Mark::Etl { first, end } = mark else { return Ok(None) };
        let Some(place) = self.place(first) else { return Ok(None) };
        let carried: Vec<_> = (0..first).filter(|rank| self.reaches(*rank, place)).collect();
        Ok(Some(Piece::Etl(self.slice(first..end, &carried)?)))
    }
    fn rest(&mut self) {
        self.file.rest();
    }
    fn is_light(&self) -> bool {
        self.file.can_be_opened_again()
    }
    fn host(&self) -> Option<String> {
        self.trace.host()
    }
    fn format(&self) -> &'static str {
        "etl"
    }
    fn position(&self) -> u64 {
        self.read
    }
}
