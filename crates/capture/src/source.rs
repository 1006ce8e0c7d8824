//! What every source is: pieces in order, each decodable by itself.

use std::path::PathBuf;
use std::sync::Arc;

use etwatch_event::{Ledger, Reason, RecordBatch, Timestamp};

use crate::decoder::Decoder;
use crate::etl::EtlSlice;
use crate::evtx::EvtxChunk;
use crate::json::JsonBlock;
use crate::live::LiveBatch;
use crate::xml::XmlBlock;

/// Damage is listed one by one up to this many; beyond, it is only counted.
pub const DAMAGE_LISTED: usize = 10;

/// Why an input ended before its end, or could not be begun.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// The operating system or a decompressor refused.
    #[error("{path}: {source}")]
    Io {
        /// The input.
        path: String,
        /// What was refused.
        source: std::io::Error,
    },
    /// The bytes are of no kind that can be read.
    #[error("{path}: {what}; {hint}")]
    NotARecording {
        /// The input.
        path: String,
        /// What was found.
        what: &'static str,
        /// What to do about it.
        hint: &'static str,
    },
    /// Reading could not go on at a place of the input; what lies before it was read.
    #[error("{path}: reading ended at byte {offset}: {what}")]
    EndsEarly {
        /// The input.
        path: String,
        /// Where, in bytes of the (unpacked) input.
        offset: u64,
        /// What was found there.
        what: String,
    },
}

/// One place where an input is damaged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// Offset in the (unpacked) input, in bytes.
    pub offset: u64,
    /// The ledger's reason.
    pub reason: Reason,
    /// What the decoder said.
    pub detail: String,
}

/// What decoding a piece led to besides its records.
#[derive(Clone, Debug, Default)]
pub struct Decoded {
    /// Records read and skipped; `evaluated` is not counted here.
    pub ledger: Ledger,
    /// The first damaged places, at most [`DAMAGE_LISTED`].
    pub damage: Vec<Damage>,
}

impl Decoded {
    /// Counts damage that cost `records` records and lists it if it is among the first.
    pub fn skip(&mut self, reason: Reason, records: u64, offset: u64, detail: impl Into<String>) {
        self.ledger.skip(reason, records);
        self.list(Damage { offset, reason, detail: detail.into() });
    }
    /// Lists damage that is counted elsewhere, if it is among the first.
    pub fn list(&mut self, damage: Damage) {
        if self.damage.len() < DAMAGE_LISTED {
            self.damage.push(damage);
        }
    }
}

/// Bytes of a source that can be decoded without the rest of it.
#[derive(Debug)]
pub enum Piece {
    /// A chunk of an `.evtx` file.
    Evtx(EvtxChunk),
    /// Some records of a JSON input.
    Json(JsonBlock),
    /// Some events in the XML that Windows renders.
    Xml(XmlBlock),
    /// Buffers of an `.etl` file; its records need schemas, so whoever has them reads it
    /// ([`EtlSlice::read`]).
    Etl(EtlSlice),
    /// Records of a live session; likewise ([`LiveBatch::read`]).
    Live(LiveBatch),
    /// Nothing to decode: damage that the reader itself met.
    Damage(Decoded),
}

/// Where a piece lies in its source, so that it can be read once more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// A chunk of an `.evtx` file, by its number.
    Chunk(u64),
    /// Bytes of a JSON file.
    Json {
        /// Offset of the first byte.
        offset: u64,
        /// How many bytes.
        length: usize,
        /// Number of the first line or record.
        first: u64,
        /// Whether they are lines; else records are looked for by their braces.
        lines: bool,
    },
    /// Bytes of an XML file.
    Xml {
        /// Offset of the first byte.
        offset: u64,
        /// How many bytes.
        length: usize,
        /// Number of the first event.
        first: u64,
    },
    /// Buffers of an `.etl` file, by their ranks in the order of time.
    Etl {
        /// The first one that begins in the slice.
        first: u32,
        /// The first one behind it.
        end: u32,
    },
}

impl Piece {
    /// Where it lies; `None` if it can't be read again by itself.
    #[must_use]
    pub fn mark(&self) -> Option<Mark> {
        match self {
            Self::Evtx(chunk) => Some(chunk.mark()),
            Self::Json(block) => block.mark(),
            Self::Xml(block) => block.mark(),
            Self::Etl(slice) => Some(slice.mark()),
            Self::Live(_) | Self::Damage(_) => None,
        }
    }
    /// Decodes into `records`, which is cleared first. (For many pieces, a [`Decoder`] is faster.)
    pub fn decode(self, records: &mut RecordBatch) -> Decoded {
        Decoder::default().decode(self, records)
    }
}

/// Something that records are read from, in order.
pub trait Source: Send {
    /// When its first record happened, as far as can be told without reading on;
    /// [`Timestamp::UNKNOWN`] if it can't.
    fn first_time(&mut self) -> Timestamp;
    /// The next piece; `None` at the end. After an error there is nothing more.
    ///
    /// # Errors
    /// [`SourceError`] if the input can't be read further; what was read before it is valid.
    fn next_piece(&mut self) -> Result<Option<Piece>, SourceError>;
    /// Reads a piece again that was read before; `None` if this source can't go back.
    ///
    /// # Errors
    /// [`SourceError`] if the input can't be read any more.
    fn read_again(&mut self, mark: Mark) -> Result<Option<Piece>, SourceError>;
    /// Gives up what can be had again (file handles) while another input has its turn.
    fn rest(&mut self);
    /// Whether it holds neither a handle nor bytes of the input once it rests, so that any number of such
    /// sources may wait for their turn.
    fn is_light(&self) -> bool {
        false
    }
    /// What stands for the host it was recorded on, if its records do not name it. Sources that were recorded
    /// by one host between its start and its end give the same.
    fn host(&self) -> Option<String> {
        None
    }
    /// The kind of recording, for reports.
    fn format(&self) -> &'static str;
    /// Bytes of the file consumed so far, for progress.
    fn position(&self) -> u64;
}

/// Where an input lies.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Location {
    /// A file.
    File(PathBuf),
    /// Standard input.
    Stdin,
    /// No place at all: the text of a recording, and what to call it.
    Text {
        /// The name shown in reports and alerts.
        name: String,
        /// The recording.
        text: Arc<str>,
    },
}

impl Location {
    /// The name shown in reports and alerts, with `/` between folders on every system.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::File(path) => {
                let name = path.to_string_lossy();
                if cfg!(windows) { name.replace('\\', "/") } else { name.into_owned() }
            }
            Self::Stdin => "-".to_owned(),
            Self::Text { name, .. } => name.clone(),
        }
    }
}
