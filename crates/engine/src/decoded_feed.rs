//! The batches of a live session with their records decoded, raw, or both: a library's way to live events.
//!
//! A [`Feed`] hands out copied records whose payload only a schema explains. This asks the schemas for it: those of our
//! tables, those that came with the batches, and, of what nobody knows, those of Windows
//! ([`DecodedFeed::schemas`]). Field names are the provider's own; the engine's pipeline goes on from there.

use std::sync::Arc;
use std::time::Duration;

use etwatch_capture::etl::Trace;
use etwatch_capture::live::{Describe, Feed, LiveBatch, Next, Schemas};
use etwatch_event::{Ledger, RecordBatch};

use crate::etw::{SchemaStores, SliceDecoder};

/// What is wanted of each batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wanted {
    /// Its records as they came.
    Raw,
    /// Its records with named fields.
    Decoded,
    /// Both; the first raw record that is no bookkeeping is the first decoded one.
    #[default]
    Both,
}

/// A batch of a live session.
#[derive(Debug)]
pub struct DecodedBatch<'f> {
    /// Its records as they came, if they are wanted.
    pub raw: Option<LiveBatch>,
    /// Its records with named fields, if they are wanted.
    pub records: Option<&'f RecordBatch>,
    /// What was counted since the batch before; `evaluated` is left for the caller.
    pub ledger: Box<Ledger>,
}

/// What there is next.
#[derive(Debug)]
pub enum NextDecoded<'f> {
    /// Records, or counts alone.
    Batch(DecodedBatch<'f>),
    /// Nothing came for as long as was to be waited.
    Quiet,
    /// The session is over, and all of it was handed out.
    Ended,
}

/// Reads and decodes the batches of a session; see the module.
#[derive(Debug)]
pub struct DecodedFeed {
    feed: Feed,
    wanted: Wanted,
    stores: Arc<SchemaStores>,
    decoder: SliceDecoder,
    records: RecordBatch,
}

impl DecodedFeed {
    /// `stores`: those that the schemas of [`DecodedFeed::schemas`] look at, if it was used.
    #[must_use]
    pub fn new(feed: Feed, wanted: Wanted, stores: Arc<SchemaStores>) -> Self {
        let (decoder, records) = (SliceDecoder::default(), RecordBatch::default());
        Self { feed, wanted, stores, decoder, records }
    }

    /// Schemas for a capture: what neither our tables nor the stream explain is asked of `describe`.
    ///
    /// # Errors
    /// If the operating system refuses the thread that asks.
    pub fn schemas(
        stores: &Arc<SchemaStores>,
        trace: &Arc<Trace>,
        describe: Box<dyn Describe>,
    ) -> std::io::Result<Schemas> {
        let (stores, trace) = (Arc::clone(stores), Arc::clone(trace));
        Schemas::asking(describe, Box::new(move |header| stores.lacks(&trace, header)))
    }

    /// The next batch; waits for it at most so long.
    pub fn next_batch(&mut self, wait: Duration) -> NextDecoded<'_> {
        let mut batch = match self.feed.next_batch(wait) {
            Next::Batch(batch) => batch,
            Next::Quiet => return NextDecoded::Quiet,
            Next::Ended => return NextDecoded::Ended,
        };
        self.stores.learn(&mut batch);
        if self.wanted == Wanted::Raw {
            let decoded = batch.read(&mut |_, _| {});
            let ledger = Box::new(decoded.ledger);
            return NextDecoded::Batch(DecodedBatch { raw: Some(batch), records: None, ledger });
        }
        let Self { stores, decoder, records, .. } = self;
        let decoded = decoder.decode_live(&batch, stores, records, &mut |_, _| {});
        let raw = (self.wanted == Wanted::Both).then_some(batch);
        let ledger = Box::new(decoded.ledger);
        NextDecoded::Batch(DecodedBatch { raw, records: Some(records), ledger })
    }
}

#[cfg(test)]
mod tests;
