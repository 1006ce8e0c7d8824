//! From pieces to records.
//!
//! Pieces can be decoded in any order; a decoder remembers how the records of earlier ones were written,
//! which makes it faster and changes nothing else.

use etwatch_event::RecordBatch;

use crate::json::RecordParser;
use crate::limits::Limits;
use crate::source::{Decoded, Piece};

/// Decodes pieces one after the other. Each worker has its own.
#[derive(Debug)]
pub struct Decoder {
    /// Event logs and JSON are written differently: each has its own memory.
    evtx: RecordParser,
    json: RecordParser,
}

impl Default for Decoder {
    fn default() -> Self {
        let parser = || RecordParser::new(Limits::default());
        Self { evtx: parser(), json: parser() }
    }
}

impl Decoder {
    /// Decodes `piece` into `records`, which is cleared first.
    pub fn decode(&mut self, piece: Piece, records: &mut RecordBatch) -> Decoded {
        records.clear();
        match piece {
            Piece::Evtx(chunk) => chunk.decode(&mut self.evtx, records),
            Piece::Json(block) => block.decode(&mut self.json, records),
            Piece::Damage(decoded) => decoded,
        }
    }
}
