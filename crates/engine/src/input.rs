//! One recording being read: pieces in flight, the next event.
//!
//! An input reads pieces ahead and has them decoded, as many at once as it is allowed; its events come
//! out in the recording's order whatever the order in which workers finish. A record that does not say
//! when it happened takes the time of the one before it.
//!
//! Many recordings have only one piece. So that there are always some in flight, an input can be opened
//! *ahead* of its first turn: a worker opens it and decodes its first piece.
//!
//! While other inputs have their turn, an input that is open holds the rest of its decoded piece, first
//! in no more memory than that needs; if there are too many such rests, it *parks*: it keeps the place
//! of the piece and the number of the next event alone, and decodes the piece again when its turn comes.

use std::collections::VecDeque;

use etwatch_capture::source::{DAMAGE_LISTED, Location};
use etwatch_capture::{Damage, Decoded, Limits, Mark, Piece, Source, SourceError};
use etwatch_event::{EventBatch, Ledger, Timestamp};

use crate::engine::EngineError;
use crate::pending::Pending;
use crate::work::{DecodedPiece, Opened, Workers};

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

/// What is kept of a piece that is to be decoded again.
#[derive(Clone, Copy)]
struct Parked {
    mark: Mark,
    /// How many of its events are done.
    done: usize,
    /// How many it has in all.
    events: usize,
}

/// An input and where it stands. There may be many more of them than are open.
pub struct Input {
    /// Where it lies.
    pub location: Location,
    /// Its number in this run.
    pub number: u32,
    /// The first damaged places.
    pub damage: Vec<Damage>,
    /// Why it ended early.
    pub error: Option<Box<SourceError>>,
    /// Bytes of the file read so far.
    pub position: u64,
    /// Events that were decoded once more after parking.
    pub decoded_again: u64,
    /// A source that waits to be opened ahead.
    source: Option<Box<dyn Source>>,
    /// While it is being opened ahead.
    opening: Option<Pending<Opened>>,
    /// While it is open.
    reading: Option<Box<Reading>>,
}

/// An input that is open.
struct Reading {
    source: Box<dyn Source>,
    /// The input's name, for errors.
    name: String,
    /// Whether the source has pieces left; it is kept as long as its pieces may be asked again.
    more: bool,
    pending: VecDeque<(Option<Mark>, Pending<DecodedPiece>)>,
    /// Pieces that were read ahead and given up again; they come before what the source has left.
    again: VecDeque<Mark>,
    current: Option<Current>,
    /// A piece that is to be decoded again.
    parked: Option<Parked>,
    last_time: Timestamp,
    /// Why the source ended early.
    error: Option<Box<SourceError>>,
}

impl Input {
    /// An input that is not open.
    #[must_use]
    pub fn new(location: Location, number: u32) -> Self {
        let (damage, error, position, decoded_again) = (Vec::new(), None, 0, 0);
        let (source, opening, reading) = (None, None, None);
        Self { location, number, damage, error, position, decoded_again, source, opening, reading }
    }
    /// Keeps a source that was opened before.
    pub fn keep(&mut self, source: Box<dyn Source>) {
        self.source = Some(source);
    }
    /// Has it opened and its first piece decoded.
    pub fn open_ahead(&mut self, workers: &Workers, limits: Limits) {
        let source = self.source.take();
        self.opening = Some(workers.open(self.location.clone(), source, limits, self.number));
    }
    /// Begins to read.
    ///
    /// # Errors
    /// [`EngineError::WorkerFailed`].
    pub fn begin(&mut self, workers: &Workers, limits: Limits) -> Result<(), EngineError> {
        if self.opening.is_none() {
            self.open_ahead(workers, limits);
        }
        let Some(opening) = self.opening.take() else { return Ok(()) };
        let Opened { source, first, error } = opening.wait()?;
        let error = error.map(Box::new);
        match source {
            Some(source) => {
                let name = self.location.name();
                self.reading = Some(Box::new(Reading::new(source, name, first, error)));
            }
            None => self.error = error,
        }
        Ok(())
    }
    /// The host that its events are of if they do not name one.
    #[must_use]
    pub fn host(&self) -> Option<String> {
        self.reading.as_ref()?.source.host()
    }
    /// The batch and row of the next event, if [`Input::advance`] found one.
    #[must_use]
    pub fn next(&self) -> Option<(&EventBatch, usize)> {
        let current = self.reading.as_ref()?.current.as_ref()?;
        Some((&current.events, current.row))
    }
    /// Goes past the next event.
    pub fn step(&mut self) {
        if let Some(current) = self.reading.as_mut().and_then(|reading| reading.current.as_mut()) {
            current.row += 1;
        }
    }

    /// Makes sure that the next event is at hand and returns its time; `None` at the end. Up to
    /// `ahead` further pieces are in flight meanwhile. What was read and skipped is added to `ledger`.
    ///
    /// # Errors
    /// [`EngineError::WorkerFailed`].
    pub fn advance(
        &mut self,
        workers: &Workers,
        ahead: usize,
        ledger: &mut Ledger,
    ) -> Result<Option<Timestamp>, EngineError> {
        let Some(reading) = &mut self.reading else { return Ok(None) };
        self.decoded_again += reading.unpark(workers, self.number, ledger)?;
        let damage = &mut self.damage;
        let time = reading.advance(workers, ahead, self.number, &mut |piece| {
            ledger.add(&piece.ledger);
            let room = DAMAGE_LISTED.saturating_sub(damage.len());
            damage.extend(piece.damage.into_iter().take(room));
        })?;
        self.position = reading.source.position();
        if time.is_none() {
            self.error = reading.error.take();
            self.reading = None;
        }
        Ok(time)
    }

    /// Other inputs have their turn: holds what is left in as little memory as it needs and returns
    /// about how many bytes that is, if it could be parked.
    pub fn rest(&mut self, workers: &Workers) -> Option<usize> {
        self.reading.as_mut()?.rest(workers)
    }

    /// Keeps the place of the next event alone, and those of the pieces in flight. Does nothing if
    /// the source can't go back.
    pub fn park(&mut self) {
        if let Some(reading) = &mut self.reading {
            reading.park();
        }
    }
}

impl Reading {
    fn new(
        source: Box<dyn Source>,
        name: String,
        first: Option<(Option<Mark>, DecodedPiece)>,
        error: Option<Box<SourceError>>,
    ) -> Self {
        Self {
            source,
            name,
            more: first.is_some(),
            pending: first.map(|(mark, piece)| (mark, Pending::ready(piece))).into_iter().collect(),
            again: VecDeque::new(),
            current: None,
            parked: None,
            last_time: Timestamp::UNKNOWN,
            error,
        }
    }

    fn advance(
        &mut self,
        workers: &Workers,
        ahead: usize,
        number: u32,
        take_note: &mut dyn FnMut(Decoded),
    ) -> Result<Option<Timestamp>, EngineError> {
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
            if self.pending.is_empty() {
                self.read_ahead(workers, 1, number);
            }
            let Some((mark, pending)) = self.pending.pop_front() else { return Ok(None) };
            self.read_ahead(workers, ahead, number);
            let piece = pending.wait()?;
            take_note(piece.decoded);
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

    fn read_ahead(&mut self, workers: &Workers, ahead: usize, number: u32) {
        while self.pending.len() < ahead && (self.more || !self.again.is_empty()) {
            let read = match self.again.pop_front() {
                Some(mark) => self.read_again(mark).map(Some),
                None => self.source.next_piece(),
            };
            match read {
                Ok(Some(piece)) => {
                    self.pending.push_back((piece.mark(), workers.decode(piece, number)));
                }
                Ok(None) => self.more = false,
                Err(error) => self.fail(error),
            }
        }
    }

    fn fail(&mut self, error: SourceError) {
        self.error = Some(Box::new(error));
        self.more = false;
        self.again.clear();
    }

    /// Reads a piece once more, which must give what it gave the first time.
    fn read_again(&mut self, mark: Mark) -> Result<Piece, SourceError> {
        self.source.read_again(mark)?.ok_or_else(|| self.changed())
    }

    fn changed(&self) -> SourceError {
        let source = std::io::Error::other("what was read before could not be read once more");
        SourceError::Io { path: self.name.clone(), source }
    }

    fn rest(&mut self, workers: &Workers) -> Option<usize> {
        self.source.rest();
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

    fn park(&mut self) {
        if let Some(Current { mark: Some(mark), before, row, events, .. }) = &self.current {
            let (mark, done, events) = (*mark, before + row, before + events.len());
            self.parked = Some(Parked { mark, done, events });
            self.current = None;
        }
        // From the last on, so that what can't be read again keeps its place.
        while let Some((Some(mark), _)) = self.pending.back() {
            self.again.push_front(*mark);
            self.pending.pop_back();
        }
    }

    /// Decodes the parked piece again; returns how many events that gave. They were counted as read
    /// the first time, so those that can't be had any more are counted as skipped.
    fn unpark(
        &mut self,
        workers: &Workers,
        number: u32,
        ledger: &mut Ledger,
    ) -> Result<u64, EngineError> {
        let Some(Parked { mark, done, events: expected }) = self.parked.take() else {
            return Ok(0);
        };
        let error = match self.read_again(mark) {
            Ok(piece) => {
                // What was skipped in it has been counted the first time.
                let events = workers.decode(piece, number).wait()?.events;
                if events.len() == expected {
                    let (row, mark, before, compact) = (done, Some(mark), 0, false);
                    self.current = Some(Current { events, row, before, mark, compact });
                    return Ok(expected as u64);
                }
                self.changed()
            }
            Err(error) => error,
        };
        let lost = expected.saturating_sub(done) as u64;
        *ledger.skipped.entry("input changed").or_default() += lost;
        self.fail(error);
        Ok(0)
    }
}
