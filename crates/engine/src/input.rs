//! One recording being read: pieces in flight, the next event.
//!
//! An input reads pieces ahead and has them decoded, as many at once as it is allowed; its events come
//! out in the recording's order whatever the order in which workers finish. A record that does not say
//! when it happened takes the time of the one before it.
//!
//! While other inputs have their turn, an input that is open holds the rest of its decoded piece, first
//! in no more memory than that needs; if there are too many such rests, it *parks*: it keeps the place
//! of the piece and the number of the next event alone, and decodes the piece again when its turn comes.

use std::collections::VecDeque;

use etwatch_capture::source::{DAMAGE_LISTED, Location};
use etwatch_capture::{Decoded, Mark, Source, SourceError};
use etwatch_event::{EventBatch, Timestamp};

use crate::engine::EngineError;
use crate::work::{DecodedPiece, Pending, Workers};

/// What a decoded piece takes, about: a chunk of an event log with all its fields.
const PENDING_BYTES: usize = 256 << 10;

/// The decoded piece that events are taken from.
struct Current {
    events: EventBatch,
    /// Position of the next event in `events`.
    row: usize,
    /// How many events of the piece are no longer in `events`.
    before: usize,
    mark: Option<Mark>,
    /// Whether `events` takes no more memory than it needs.
    compact: bool,
}

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
    /// Whether the source has pieces left; a source is kept as long as its pieces may be asked again.
    more: bool,
    pending: VecDeque<(Option<Mark>, Pending<DecodedPiece>)>,
    /// Pieces that were read ahead and given up again; they come before what the source has left.
    again: VecDeque<Mark>,
    current: Option<Current>,
    /// A piece that is to be decoded again, and how many of its events are done.
    parked: Option<(Mark, usize)>,
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
            more: false,
            pending: VecDeque::new(),
            again: VecDeque::new(),
            current: None,
            parked: None,
            last_time: Timestamp::UNKNOWN,
        }
    }
    /// Begins to read.
    pub fn begin(&mut self, source: Box<dyn Source>) {
        self.source = Some(source);
        self.more = true;
    }
    /// The batch and row of the next event, if [`Input::advance`] found one.
    #[must_use]
    pub fn next(&self) -> Option<(&EventBatch, usize)> {
        self.current.as_ref().map(|current| (&current.events, current.row))
    }
    /// Goes past the next event.
    pub fn step(&mut self) {
        if let Some(current) = &mut self.current {
            current.row += 1;
        }
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
        self.unpark(workers)?;
        loop {
            if let Some(current) = &mut self.current
                && let Some(event) = current.events.get(current.row)
            {
                let time = event.time();
                if time.is_known() {
                    self.last_time = time;
                } else {
                    current.events.set_time(current.row, self.last_time);
                }
                return Ok(Some(self.last_time));
            }
            self.let_go(workers);
            self.read_ahead(workers, ahead);
            let Some((mark, pending)) = self.pending.pop_front() else {
                self.source = None;
                return Ok(None);
            };
            let piece = pending.wait()?;
            self.take_note(piece.decoded);
            let (row, before, compact) = (0, 0, false);
            self.current = Some(Current { events: piece.events, row, before, mark, compact });
        }
    }

    fn let_go(&mut self, workers: &Workers) {
        if let Some(done) = self.current.take()
            && !done.compact
        {
            workers.give_back(done.events);
        }
    }

    fn read_ahead(&mut self, workers: &Workers, ahead: usize) {
        let Some(source) = &mut self.source else { return };
        while self.pending.len() < ahead.max(1) && (self.more || !self.again.is_empty()) {
            let read = match self.again.pop_front() {
                Some(mark) => source.read_again(mark),
                None => source.next_piece(),
            };
            match read {
                Ok(Some(piece)) => {
                    self.pending.push_back((piece.mark(), workers.decode(piece, self.number)));
                }
                Ok(None) => self.more = false,
                Err(error) => {
                    self.error = Some(error);
                    self.more = false;
                    self.again.clear();
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

    /// Other inputs have their turn: holds what is left in as little memory as it needs and returns
    /// about how many bytes that is, if it could be parked.
    pub fn rest(&mut self, workers: &Workers) -> Option<usize> {
        if let Some(source) = &mut self.source {
            source.rest();
        }
        let current = self.current.as_mut()?;
        if !current.compact {
            let tail = current.events.tail(current.row);
            workers.give_back(std::mem::replace(&mut current.events, tail));
            current.before += current.row;
            current.row = 0;
            current.compact = true;
        }
        let pending = self.pending.len() * PENDING_BYTES;
        current.mark.map(|_| current.events.heap_bytes() + pending)
    }

    /// Keeps the place of the next event alone, and those of the pieces in flight. Does nothing if
    /// the source can't go back.
    pub fn park(&mut self) {
        if let Some(Current { mark: Some(mark), .. }) = &self.current
            && self.source.is_some()
        {
            let done = self.current.as_ref().map_or(0, |current| current.before + current.row);
            self.parked = Some((*mark, done));
            self.current = None;
        }
        // From the last on, so that what can't be read again keeps its place.
        while let Some((Some(mark), _)) = self.pending.back() {
            self.again.push_front(*mark);
            self.pending.pop_back();
        }
    }

    fn unpark(&mut self, workers: &Workers) -> Result<(), EngineError> {
        let Some((mark, row)) = self.parked.take() else { return Ok(()) };
        let Some(source) = &mut self.source else { return Ok(()) };
        match source.read_again(mark) {
            Ok(Some(piece)) => {
                // What was skipped in it has been counted the first time.
                let events = workers.decode(piece, self.number).wait()?.events;
                let (mark, before, compact) = (Some(mark), 0, false);
                self.current = Some(Current { events, row, before, mark, compact });
            }
            Ok(None) => {}
            Err(error) => {
                self.error = Some(error);
                self.more = false;
            }
        }
        Ok(())
    }
}
