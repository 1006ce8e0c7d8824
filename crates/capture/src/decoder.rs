//! From pieces to records.
//!
//! Pieces can be decoded in any order; a decoder remembers how the records of earlier ones were written,
//! which makes it faster and changes nothing else.

use etwatch_event::RecordBatch;

use crate::etl::{EachRecord, EtlScratch};
use crate::evtx::EvtxDecoder;
use crate::json::RecordParser;
use crate::limits::Limits;
use crate::source::{Decoded, Piece};
use crate::texts::RecordTexts;
use crate::xml::XmlParser;

/// Decodes pieces one after the other. Each worker has its own.
#[derive(Debug)]
pub struct Decoder {
    /// Event logs, JSON and XML are written differently: each has its own memory.
    evtx: EvtxDecoder,
    json: RecordParser,
    xml: XmlParser,
    etl: EtlScratch,
    /// Of the piece decoded last, if they are asked for.
    texts: Option<RecordTexts>,
}

impl Default for Decoder {
    fn default() -> Self {
        Self {
            evtx: EvtxDecoder::new(false),
            json: RecordParser::new(Limits::default()),
            xml: XmlParser::new(Limits::default()),
            etl: EtlScratch::default(),
            texts: None,
        }
    }
}

impl Decoder {
    /// A decoder that reads all records of event logs in full, with nothing remembered: what the others
    /// are compared with.
    #[must_use]
    pub fn in_full() -> Self {
        Self { evtx: EvtxDecoder::new(true), ..Self::default() }
    }
    /// A decoder that also keeps the texts of the records.
    #[must_use]
    pub fn keeping_texts() -> Self {
        Self { texts: Some(RecordTexts::default()), ..Self::in_full() }
    }
    /// The texts of the records that were decoded last; none unless they are kept.
    #[must_use]
    pub fn texts(&self) -> Option<&RecordTexts> {
        self.texts.as_ref()
    }
    /// Decodes `piece` into `records`, which is cleared first. The records of ETW, of a log or of a live session,
    /// have no names here: they are counted as undecodable. Whoever has schemas reads such a piece instead.
    pub fn decode(&mut self, piece: Piece, records: &mut RecordBatch) -> Decoded {
        records.clear();
        if let Some(texts) = &mut self.texts {
            texts.clear();
        }
        match piece {
            Piece::Evtx(chunk) => {
                let texts = &mut self.texts;
                self.evtx.lend(texts, |decoder| decoder.decode(chunk, records))
            }
            Piece::Json(block) => {
                self.json.lend(&mut self.texts, |parser| block.decode(parser, records))
            }
            Piece::Xml(block) => {
                self.xml.lend(&mut self.texts, |parser| block.decode(parser, records))
            }
            Piece::Etl(slice) => without_schemas(|each| slice.read(&mut self.etl, each)),
            Piece::Live(batch) => without_schemas(|each| batch.read(each)),
            Piece::Damage(decoded) => decoded,
        }
    }
    /// How many records of event logs were read by what was remembered of earlier ones.
    #[must_use]
    pub fn recalled(&self) -> u64 {
        self.evtx.recalled()
    }
}

/// Reads records of ETW that nobody here has schemas for.
fn without_schemas(read: impl FnOnce(EachRecord<'_>) -> Decoded) -> Decoded {
    let mut without = 0;
    let mut decoded = read(&mut |_, _| without += 1);
    if without > 0 {
        decoded.ledger.undecodable.insert("ETL record without schema", without);
    }
    decoded
}
