//! From pieces to records.
//!
//! Pieces can be decoded in any order; a decoder remembers how the records of earlier ones were written,
//! which makes it faster and changes nothing else.

use etwatch_event::RecordBatch;

use crate::etl::EtlScratch;
use crate::json::RecordParser;
use crate::limits::Limits;
use crate::source::{Decoded, Piece};

/// Decodes pieces one after the other. Each worker has its own.
#[derive(Debug)]
pub struct Decoder {
    /// Event logs and JSON are written differently: each has its own memory.
    evtx: RecordParser,
    json: RecordParser,
    etl: EtlScratch,
}

impl Default for Decoder {
    fn default() -> Self {
        let parser = || RecordParser::new(Limits::default());
        Self { evtx: parser(), json: parser(), etl: EtlScratch::default() }
    }
}

impl Decoder {
    /// Decodes `piece` into `records`, which is cleared first. The records of an `.etl` file have no
    /// names here: they are counted as undecodable. Whoever has schemas reads such a piece instead.
    pub fn decode(&mut self, piece: Piece, records: &mut RecordBatch) -> Decoded {
        records.clear();
        match piece {
            Piece::Evtx(chunk) => chunk.decode(&mut self.evtx, records),
            Piece::Json(block) => block.decode(&mut self.json, records),
            Piece::Etl(slice) => {
                let mut without = 0;
                let mut decoded = slice.read(&mut self.etl, &mut |_, _| without += 1);
                if without > 0 {
                    decoded.ledger.undecodable.insert("ETL record without schema", without);
                }
                decoded
            }
            Piece::Damage(decoded) => decoded,
        }
    }
}
