//! One recording being read: pieces in flight, the next event.
//!
//! An input reads pieces ahead and has them decoded, as many at once as it is allowed; its events come
//! out in the recording's order whatever the order in which workers finish. A record that does not say
//! when it happened takes the time of the one before it.

use std::collections::VecDeque;

use etwatch_capture::source::{DAMAGE_LISTED, Location};
use etwatch_capture::{Damage, Decoded, Source, SourceError};
use etwatch_event::{EventBatch, Timestamp};

use crate::engine::EngineError;
use crate::work::{DecodedPiece, Pending, Workers};

/// An input and where it stands.
pub struct Input {
    /// Where it lies.
    pub location: Location,
    /// Its name in alerts and reports.
    pub name: String,
    /// Its number in this run.
    pub number: u32,
    /// Records read and skipped so far; the first damaged places.
    pub decoded: Decoded,
    /// Why it ended early.
    pub error: Option<SourceError>,
    /// Bytes of the file read so far.
    pub position: u64,
    source: Option<Box<dyn Source>>,
    pending: VecDeque<Pending<DecodedPiece>>,
    events: Option<EventBatch>,
    row: usize,
    last_time: Timestamp,
}

impl Input {
    /// An input that is not open.
    #[must_use]
    pub fn new(location: Location, number: u32) -> Self {
        Self {
            name: location.name(),
            location,
            number,
            decoded: Decoded::default(),
            error: None,
            position: 0,
            source: None,
            pending: VecDeque::new(),
            events: None,
            row: 0,
            last_time: Timestamp::UNKNOWN,
        }
    }
    /// Begins to read.
    pub fn begin(&mut self, source: Box<dyn Source>) {
        self.source = Some(source);
    }
    /// The batch and row of the next event, if [`Input::advance`] found one.
    #[must_use]
    pub fn next(&self) -> Option<(&EventBatch, usize)> {
        self.events.as_ref().map(|events| (events, self.row))
    }
    /// Goes past the next event.
    pub fn step(&mut self) {
        self.row += 1;
    }

    /// Makes sure that the next event is at hand and returns its time; `None` at the end. Up to
    /// `ahead` pieces are in flight meanwhile.
    ///
    /// # Errors
    /// [`EngineError::WorkerFailed`].
    pub fn advance(
        &mut self,
        workers: &Workers,
        ahead: usize,
    ) -> Result<Option<Timestamp>, EngineError> {
        loop {
            if let Some(events) = &mut self.events {
                if let Some(event) = events.get(self.row) {
                    let time = event.time();
                    if time.is_known() {
                        self.last_time = time;
                        return Ok(Some(time));
                    }
                    events.set_time(self.row, self.last_time);
                    return Ok(Some(self.last_time));
                }
                if let Some(done) = self.events.take() {
                    workers.give_back(done);
                }
            }
            self.read_ahead(workers, ahead);
            let Some(pending) = self.pending.pop_front() else { return Ok(None) };
            let piece = pending.wait()?;
            self.take_note(piece.decoded);
            self.row = 0;
            self.events = Some(piece.events);
        }
    }

    fn read_ahead(&mut self, workers: &Workers, ahead: usize) {
        let Some(source) = &mut self.source else { return };
        while self.pending.len() < ahead.max(1) {
            match source.next_piece() {
                Ok(Some(piece)) => self.pending.push_back(workers.decode(piece, self.number)),
                Ok(None) => {
                    self.position = source.position();
                    self.source = None;
                    return;
                }
                Err(error) => {
                    self.position = source.position();
                    self.error = Some(error);
                    self.source = None;
                    return;
                }
            }
        }
        self.position = source.position();
    }

    fn take_note(&mut self, piece: Decoded) {
        self.decoded.ledger.add(&piece.ledger);
        let room = DAMAGE_LISTED.saturating_sub(self.decoded.damage.len());
        self.decoded.damage.extend(piece.damage.into_iter().take(room));
    }
    /// The damaged places that are listed one by one.
    #[must_use]
    pub fn damage(&self) -> &[Damage] {
        &self.decoded.damage
    }
}
