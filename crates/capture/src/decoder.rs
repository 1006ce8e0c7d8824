//! From pieces to records.
//!
//! Pieces can be decoded in any order; a decoder remembers how the records of earlier ones were written,
//! which makes it faster and changes nothing else.

use etwatch_event::RecordBatch;

use crate::evtx::EvtxDecoder;
use crate::json::RecordParser;
use crate::limits::Limits;
use crate::source::{Decoded, Piece};

/// Decodes pieces one after the other. Each worker has its own.
#[derive(Debug)]
pub struct Decoder {
    /// Event logs and JSON are written differently: each has its own memory.
    evtx: EvtxDecoder,
    json: RecordParser,
}

impl Default for Decoder {
    fn default() -> Self {
        Self { evtx: EvtxDecoder::new(false), json: RecordParser::new(Limits::default()) }
    }
}

impl Decoder {
    /// A decoder that reads all records of event logs in full, with nothing remembered: what the others
    /// are compared with.
    #[must_use]
    pub fn in_full() -> Self {
        Self { evtx: EvtxDecoder::new(true), ..Self::default() }
    }
    /// Decodes `piece` into `records`, which is cleared first.
    pub fn decode(&mut self, piece: Piece, records: &mut RecordBatch) -> Decoded {
        records.clear();
        match piece {
            Piece::Evtx(chunk) => self.evtx.decode(chunk, records),
            Piece::Json(block) => block.decode(&mut self.json, records),
            Piece::Damage(decoded) => decoded,
        }
    }
    /// How many records of event logs were read by what was remembered of earlier ones.
    #[must_use]
    pub fn recalled(&self) -> u64 {
        self.evtx.recalled()
    }
}
