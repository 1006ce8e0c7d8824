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

use etwatch_capture::etl::{EtlSlice, Trace};
use etwatch_capture::source::{DAMAGE_LISTED, Location};
use etwatch_capture::{Damage, Decoded, Decoder, Limits, Piece, RecordTexts, SourceError, open};
use etwatch_decode::{Outcome, Schema};
use etwatch_engine::Report;
use etwatch_engine::etw::{SchemaStores, SliceDecoder};
use etwatch_event::{RawHeader, RawRecord, Record, RecordBatch, Timestamp};

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
    /// What a record of ETW has beside its fields, if that is kept.
    pub(crate) raw: Option<Raw<'a>>,
    /// The name of its recording.
    pub(crate) file: &'a str,
    /// The place of its recording among the inputs.
    pub(crate) input: usize,
}

/// What a record of ETW has beside its fields.
#[derive(Clone, Copy)]
pub(crate) struct Raw<'a> {
    /// Its header and extended items, without the payload.
    pub(crate) record: RawRecord<'a>,
    /// Its log.
    pub(crate) trace: &'a Trace,
}

/// What is kept of a record beside its fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keep {
    /// Nothing.
    Fields,
    /// What the recording has of it.
    Texts,
    /// Header and extended items of a record of ETW.
    Raw,
}

/// Calls `visit` for each record of the recordings until it breaks off. In the report each record that was
/// visited counts as evaluated.
pub(crate) fn each_record(
    inputs: &[Location],
    keep: Keep,
    visit: &mut dyn FnMut(Read<'_>) -> ControlFlow<()>,
) -> Report {
    let texts = keep == Keep::Texts;
    let mut reader = Reader {
        decoder: if texts { Decoder::keeping_texts() } else { Decoder::default() },
        etw: Etw {
            texts: texts.then(RecordTexts::default),
            raws: (keep == Keep::Raw).then(Raws::default),
            ..Etw::default()
        },
        records: RecordBatch::default(),
        report: Report::default(),
        visit,
    };
    reader.report.inputs.1 = inputs.len();
    for (place, input) in inputs.iter().enumerate() {
        match reader.read(place, input) {
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
    fn read(&mut self, input: usize, location: &Location) -> Result<ControlFlow<()>, SourceError> {
        let file = location.name();
        let mut source = open(location, Limits::default())?;
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
                let raw = self.etw.raws.as_ref().filter(|_| is_etw);
                let raw = raw.and_then(|raws| raws.get(index));
                let read = Read { record, time: last, text, schema, raw, file: &file, input };
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
    raws: Option<Raws>,
}

/// Headers and extended items of the slice decoded last.
#[derive(Default)]
struct Raws {
    trace: Option<Arc<Trace>>,
    /// By record; with each header the end of its items in `extended`.
    headers: Vec<(RawHeader, usize)>,
    extended: Vec<u8>,
}

impl Raws {
    fn begin(&mut self, trace: &Arc<Trace>) {
        self.trace = Some(Arc::clone(trace));
        self.headers.clear();
        self.extended.clear();
    }
    fn push(&mut self, record: &RawRecord<'_>) {
        self.extended.extend_from_slice(record.extended);
        self.headers.push((record.header, self.extended.len()));
    }
    fn get(&self, index: usize) -> Option<Raw<'_>> {
        let (header, end) = self.headers.get(index)?;
        let before = index.checked_sub(1).and_then(|before| self.headers.get(before));
        let extended = self.extended.get(before.map_or(0, |(_, end)| *end)..*end)?;
        let record = RawRecord { header: *header, extended, payload: &[] };
        Some(Raw { record, trace: self.trace.as_deref()? })
    }
}

impl Etw {
    fn decode(&mut self, slice: EtlSlice, records: &mut RecordBatch) -> Decoded {
        let Self { stores, decoder, schemas, texts, raws } = self;
        schemas.clear();
        if let Some(raws) = raws {
            raws.begin(slice.trace());
        }
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
            if let Some(raws) = raws {
                raws.push(record);
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
