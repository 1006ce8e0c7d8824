//! Events with their stacks: `etwatch events --stacks`.
//!
//! A stack comes behind its event, and what explains it may come at the end of the recording, so each log
//! is read twice. First what explains is gathered: stacks that the kernel keeps under a key, and the images
//! that are there at the end. Then events are rendered and held back until their stack has come:
//!
//! ```text
//! log ─▶ keys, images ┐
//! log ─▶ record ──────┴─▶ a stack whose event is held: its addresses go to the event
//!                         a key's addresses: explained others
//!                         all else: rendered, held, printed in the order of the recording
//! ```
//!
//! Standard input can be read once; there keys are known from the record on that tells them. A stack whose
//! event is not held, or whose addresses are not known, is an event like others. Memory is that of
//! [`etwatch_decode::kernel::Hold`], and [`HELD_BYTES`] of text at most.

use std::ops::ControlFlow;

use etwatch_capture::etl::EtlScratch;
use etwatch_capture::source::Location;
use etwatch_capture::{Limits, Piece, SourceError, open};
use etwatch_decode::kernel::stacks::explains_earlier;
use etwatch_decode::kernel::{ExtendedStack, Modules, StackEvent, StackJoin, StackKeys};
use etwatch_decode::{Decoder, KernelEvent};
use etwatch_engine::Report;
use etwatch_engine::etw::SchemaStores;
use etwatch_event::{RecordBatch, Timestamp};

use crate::commands::events::printer::{Printer, Shown};
use crate::event_view::EventView;
use crate::records::{Raw, Read};

/// Bytes of rendered events that are held.
const HELD_BYTES: usize = 64 << 20;

/// Takes records and prints those that are selected, with their stacks.
pub(super) struct Stacks<'p, 'e> {
    printer: &'p mut Printer<'e>,
    inputs: &'p [Location],
    /// The input that is being read.
    input: Option<usize>,
    /// Events that were not selected are held without text: their stacks are not printed either.
    join: StackJoin<Option<Shown>>,
    explained: Explained,
    /// Of events that are held: how many are printed, and bytes of their text.
    shown: usize,
    bytes: usize,
    /// Records of stacks that were joined to events, and that told the addresses of a key.
    joined: u64,
    bookkeeping: u64,
}

/// What explains the stacks of a recording.
#[derive(Default)]
struct Explained {
    keys: StackKeys,
    modules: Modules,
    /// Whether the recording was searched for it.
    is_searched: bool,
}

impl<'p, 'e> Stacks<'p, 'e> {
    /// Prints the records of `inputs` by `printer`.
    pub(super) fn new(printer: &'p mut Printer<'e>, inputs: &'p [Location]) -> Self {
        Self {
            printer,
            inputs,
            input: None,
            join: StackJoin::default(),
            explained: Explained::default(),
            shown: 0,
            bytes: 0,
            joined: 0,
            bookkeeping: 0,
        }
    }

    /// Takes the next record.
    pub(super) fn take(&mut self, read: &Read<'_>) -> ControlFlow<()> {
        if self.input != Some(read.input) {
            self.put_all();
            self.input = Some(read.input);
            let input = self.inputs.get(read.input).filter(|_| read.raw.is_some());
            self.explained = input.map(Explained::by).unwrap_or_default();
        }
        let event = read.raw.map(|raw| (raw, KernelEvent::of(&raw.record.header, &read.record)));
        match &event {
            None => self.hold(read, None),
            Some((_, KernelEvent::StackKey(key))) => {
                if !self.explained.is_searched {
                    self.explained.keys.take(key);
                }
                self.bookkeeping += 1;
            }
            Some((raw, KernelEvent::Stack(stack))) => {
                if self.join(raw, stack) {
                    self.joined += 1;
                } else {
                    self.hold(read, None);
                }
            }
            Some((raw, event)) => {
                self.explained.modules.take(event);
                self.hold(read, Some(raw));
            }
        }
        self.put_ready(read.time)
    }

    /// Gives the addresses of a stack to its event; false if there is none, or they are not known.
    fn join(&mut self, raw: &Raw<'_>, stack: &StackEvent<'_>) -> bool {
        let time = raw.trace.clock.time(stack.event_time_stamp);
        let Explained { keys, modules, .. } = &self.explained;
        let kept = match stack.key.map(|key| keys.addresses(key, stack.context.time)) {
            Some(None) => return false,
            Some(Some(kept)) => kept,
            None => &[],
        };
        let Some(event) = self.join.event_of(stack, time) else { return false };
        if let Some(shown) = event {
            let addresses = kept.iter().copied().chain(stack.addresses());
            self.bytes += push_frames(shown, addresses, stack.process_id, modules);
        }
        true
    }

    /// Holds a record until its turn has come; with `raw`, until its stack has come.
    fn hold(&mut self, read: &Read<'_>, raw: Option<&Raw<'_>>) {
        let view = EventView::Record(read.record, read.schema);
        let wanted = !self.printer.stopped() && self.printer.selects(&view, read.time);
        let mut shown = wanted.then(|| self.printer.show(&view, read.file));
        let own = raw.and_then(|raw| ExtendedStack::of(&raw.record));
        if let (Some(shown), Some(raw), Some(own)) = (&mut shown, raw, &own) {
            let header = &raw.record.header;
            let Explained { keys, modules, .. } = &self.explained;
            let kept = own.key.and_then(|key| keys.addresses(key, header.time));
            let addresses = kept.unwrap_or_default().iter().copied().chain(own.addresses());
            push_frames(shown, addresses, header.process_id.unwrap_or_default(), modules);
        }
        if let Some(shown) = &shown {
            self.shown += 1;
            self.bytes += bytes_of(shown);
        }
        match raw {
            Some(raw) => self.join.hold(&raw.record.header, own.as_ref(), shown),
            None => self.join.pass(read.time, shown),
        }
    }

    /// Prints what has waited long enough; breaks off if nothing more is to be printed.
    fn put_ready(&mut self, now: Timestamp) -> ControlFlow<()> {
        while let Some(shown) = self.join.release(now) {
            self.put(shown);
        }
        while self.bytes > HELD_BYTES
            && let Some(shown) = self.join.release_early()
        {
            self.put(shown);
        }
        if self.printer.failed() || (self.printer.stopped() && self.shown == 0) {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }

    fn put_all(&mut self) {
        while let Some(shown) = self.join.release_any() {
            self.put(shown);
        }
    }

    fn put(&mut self, shown: Option<Shown>) {
        let Some(shown) = shown else { return };
        self.shown = self.shown.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(bytes_of(&shown));
        self.printer.put(&shown);
    }

    /// Prints what is left, and tells the report what became of the records of stacks.
    pub(super) fn finish(mut self, report: &mut Report) {
        self.put_all();
        let ledger = &mut report.ledger;
        ledger.evaluated = ledger.evaluated.saturating_sub(self.joined + self.bookkeeping);
        ledger.joined += self.joined;
        ledger.bookkeeping += self.bookkeeping;
        let (unmatched, crowded) = (self.join.unmatched(), self.join.crowded());
        let forgotten = self.explained.keys.forgotten() + self.explained.modules.forgotten();
        tracing::info!(joined = self.joined, unmatched, crowded, forgotten, "stacks");
    }
}

impl Explained {
    /// What a log tells anywhere; nothing of standard input, which can't be read twice.
    fn by(input: &Location) -> Self {
        let mut explained = Self::default();
        if *input != Location::Stdin {
            explained.is_searched = true;
            if let Err(error) = explained.gather(input) {
                // It is read once more, as far as this time, and what is wrong is told then.
                tracing::debug!(%error, "what explains stacks may be missing");
            }
        }
        explained
    }

    fn gather(&mut self, input: &Location) -> Result<(), SourceError> {
        let mut source = open(input, Limits::default())?;
        let (stores, mut scratch) = (SchemaStores::default(), EtlScratch::default());
        let (mut decoder, mut records) = (Decoder::default(), RecordBatch::default());
        while let Some(piece) = source.next_piece()? {
            let Piece::Etl(slice) = piece else { continue };
            let store = stores.of(slice.trace());
            slice.read(&mut scratch, &mut |record, _| {
                if !explains_earlier(&record.header) {
                    return;
                }
                records.clear();
                decoder.decode(record, &store, &mut records);
                let Some(decoded) = records.get(0) else { return };
                match KernelEvent::of(&record.header, &decoded) {
                    KernelEvent::StackKey(key) => self.keys.take(&key),
                    event => self.modules.take(&event),
                }
            });
        }
        Ok(())
    }
}

/// Adds addresses to the stack of an event; returns the bytes that this takes.
fn push_frames(
    shown: &mut Shown,
    addresses: impl Iterator<Item = u64>,
    process_id: u32,
    modules: &Modules,
) -> usize {
    let before = shown.frames.len();
    shown.frames.extend(addresses.map(|at| modules.frame(process_id, at).to_string()));
    shown.frames.iter().skip(before).map(|frame| frame_bytes(frame)).sum()
}

fn frame_bytes(frame: &str) -> usize {
    size_of::<String>() + frame.len()
}

fn bytes_of(shown: &Shown) -> usize {
    shown.len() + shown.frames.iter().map(|frame| frame_bytes(frame)).sum::<usize>()
}
