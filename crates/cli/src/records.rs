//! The records of recordings, decoded and not normalised: one recording after the other, each in its own
//! order.
//!
//! ```text
//! open ─▶ piece ─▶ decode ─▶ record, record …   ─▶ visit
//! ```
//!
//! What could not be read is told in a [`Report`], as a replay does it; a recording that fails takes no
//! other one with it.

use std::ops::ControlFlow;
use std::sync::Arc;

use etwatch_capture::etl::EtlSlice;
use etwatch_capture::source::{DAMAGE_LISTED, Location};
use etwatch_capture::{Damage, Decoded, Decoder, Limits, Piece, RecordTexts, SourceError, open};
use etwatch_decode::{Outcome, Schema};
use etwatch_engine::Report;
use etwatch_engine::etw::{SchemaStores, SliceDecoder};
use etwatch_event::{Record, RecordBatch, Timestamp};

/// A record and what belongs to it.
pub(crate) struct Read<'a> {
    /// The record.
    pub(crate) record: Record<'a>,
    /// When it happened; of a record that does not say, the time of the one before it.
    pub(crate) time: Timestamp,
    /// What the recording has of it, if that is kept.
    pub(crate) text: Option<&'a str>,
    /// The schema that explains a record of ETW.
    pub(crate) schema: Option<&'a Schema>,
    /// The name of its recording.
    pub(crate) file: &'a str,
}

/// Calls `visit` for each record of the recordings until it breaks off; with `texts` the texts of the
/// records are kept. In the report each record that was visited counts as evaluated.
pub(crate) fn each_record(
    inputs: &[Location],
    texts: bool,
    visit: &mut dyn FnMut(Read<'_>) -> ControlFlow<()>,
) -> Report {
    let mut reader = Reader {
        decoder: if texts { Decoder::keeping_texts() } else { Decoder::default() },
        etw: Etw { texts: texts.then(RecordTexts::default), ..Etw::default() },
        records: RecordBatch::default(),
        report: Report::default(),
        visit,
    };
    reader.report.inputs.1 = inputs.len();
    for input in inputs {
        match reader.read(input) {
            Ok(ControlFlow::Continue(())) => reader.report.inputs.0 += 1,
            Ok(ControlFlow::Break(())) => break,
            Err(error) => reader.report.unreadable.push(error.to_string()),
        }
    }
    reader.report
}

struct Reader<'v> {
    decoder: Decoder,
    etw: Etw,
    records: RecordBatch,
    report: Report,
    visit: &'v mut dyn FnMut(Read<'_>) -> ControlFlow<()>,
}

impl Reader<'_> {
    fn read(&mut self, input: &Location) -> Result<ControlFlow<()>, SourceError> {
        let file = input.name();
        let mut source = open(input, Limits::default())?;
        let mut last = Timestamp::UNKNOWN;
        let mut listed = 0;
        while let Some(piece) = source.next_piece()? {
            let is_etw = matches!(piece, Piece::Etl(_));
            let decoded = match piece {
                Piece::Etl(slice) => self.etw.decode(slice, &mut self.records),
                piece => self.decoder.decode(piece, &mut self.records),
            };
            let texts = if is_etw { self.etw.texts.as_ref() } else { self.decoder.texts() };
            self.report.ledger.add(&decoded.ledger);
            let damage: Vec<(String, Damage)> = decoded
                .damage
                .into_iter()
                .take(DAMAGE_LISTED - listed)
                .map(|damage| (file.clone(), damage))
                .collect();
            listed += damage.len();
            self.report.damage.extend(damage);
            for (index, record) in self.records.iter().enumerate() {
                if record.time().is_known() {
                    last = record.time();
                }
                self.report.ledger.evaluated += 1;
                *self.report.shapes.entry(record.shape()).or_default() += 1;
                let text = texts.and_then(|texts| texts.get(index));
                let schema = self.etw.schemas.get(index).filter(|_| is_etw);
                let schema = schema.and_then(|schema| schema.as_deref());
                let read = Read { record, time: last, text, schema, file: &file };
                if (self.visit)(read).is_break() {
                    return Ok(ControlFlow::Break(()));
                }
            }
        }
        Ok(ControlFlow::Continue(()))
    }
}

/// Decodes logs of ETW, and keeps what explains their records.
#[derive(Default)]
struct Etw {
    stores: SchemaStores,
    decoder: SliceDecoder,
    /// Of the slice decoded last, one for each record.
    schemas: Vec<Option<Arc<Schema>>>,
    texts: Option<RecordTexts>,
}

impl Etw {
    fn decode(&mut self, slice: EtlSlice, records: &mut RecordBatch) -> Decoded {
        let Self { stores, decoder, schemas, texts } = self;
        schemas.clear();
        if let Some(texts) = texts {
            texts.clear();
        }
        // With the texts of records all are wanted, those that explain others included.
        let all = texts.is_some();
        let slice = if all { slice.with_bookkeeping() } else { slice };
        let mut decoded = decoder.decode_each(slice, stores, records, &mut |record, outcome| {
            if let Some(texts) = texts {
                texts.push_raw(record);
            }
            schemas.push(match outcome {
                Outcome::Event { schema, .. } => Some(Arc::clone(schema)),
                _ => None,
            });
        });
        if all {
            // They are printed like the others.
            decoded.ledger.bookkeeping = 0;
        }
        decoded
    }
}
