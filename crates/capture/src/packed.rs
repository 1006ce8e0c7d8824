//! Unpacking gzip and zstd within limits.
//!
//! Both formats can turn a kilobyte into terabytes. Output is streamed, so a bomb costs time and
//! not memory; it is stopped by an absolute limit and by its ratio of output to input.

use std::io::{self, BufRead, BufReader, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

use crate::limits::Limits;

/// From this much output on the ratio is looked at.
const RATIO_FROM: u64 = 64 << 20;

/// How an input is packed, told by its first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Packing {
    None,
    Gzip,
    Zstd,
}

impl Packing {
    pub(crate) fn of(first: &[u8]) -> Self {
        match first {
            [0x1f, 0x8b, ..] => Self::Gzip,
            // A frame, or one that is to be skipped (RFC 8878, 3.1).
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Self::Zstd,
            _ => Self::None,
        }
    }
}

/// Counts the bytes that pass.
pub(crate) struct Counted<R> {
    inner: R,
    count: Arc<AtomicU64>,
}

impl<R: Read> Counted<R> {
    pub(crate) fn new(inner: R) -> (Self, Arc<AtomicU64>) {
        let count = Arc::new(AtomicU64::new(0));
        (Self { inner, count: Arc::clone(&count) }, count)
    }
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.count.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

/// Unpacked bytes of `input`; `packed` counts what was read of it.
pub(crate) fn unpack(
    input: Box<dyn Read + Send>,
    packing: Packing,
    packed: Arc<AtomicU64>,
    limits: Limits,
) -> Box<dyn Read + Send> {
    let unpacked: Box<dyn Read + Send> = match packing {
        Packing::None => return input,
        Packing::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(BufReader::new(input))),
        Packing::Zstd => Box::new(ZstdFrames::new(BufReader::new(input))),
    };
    Box::new(Bounded { unpacked, packed, out: 0, limits })
}

struct Bounded {
    unpacked: Box<dyn Read + Send>,
    packed: Arc<AtomicU64>,
    out: u64,
    limits: Limits,
}

impl Read for Bounded {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.unpacked.read(buffer)?;
        self.out += read as u64;
        let ratio = self.out / self.packed.load(Ordering::Relaxed).max(1);
        if self.out > self.limits.unpacked_bytes {
            let limit = self.limits.unpacked_bytes;
            return Err(io::Error::other(format!("unpacked size limit: more than {limit} bytes")));
        }
        if self.out > RATIO_FROM && ratio > self.limits.unpacked_ratio {
            let limit = self.limits.unpacked_ratio;
            return Err(io::Error::other(format!(
                "unpacking ratio limit: more than {limit} bytes for each packed one"
            )));
        }
        Ok(read)
    }
}

type Packed = BufReader<Box<dyn Read + Send>>;

/// The frames of a zstd stream one after the other, as `zstd` itself writes for large inputs.
struct ZstdFrames {
    packed: Packed,
    decoder: Box<FrameDecoder>,
    state: Zstd,
}

enum Zstd {
    Between,
    Within,
    /// The frame can't be read further; what of it was unpacked is handed out first.
    Failed(io::Error),
    Done,
}

/// The last block of a frame, empty, and a checksum if the frame has one. A decoder keeps the last
/// bytes it unpacked until the frame ends, since later ones may repeat them; this makes it let go.
const FRAME_END: &[u8] = &[1, 0, 0, 0, 0, 0, 0];

impl ZstdFrames {
    fn new(packed: Packed) -> Self {
        Self { packed, decoder: Box::default(), state: Zstd::Between }
    }

    /// Begins the next frame; false at the end of the input.
    fn begin(&mut self) -> io::Result<bool> {
        while !self.packed.fill_buf()?.is_empty() {
            match self.decoder.init(&mut self.packed) {
                Ok(()) => return Ok(true),
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => {
                    let length = u64::from(length);
                    let mut skipped = self.packed.by_ref().take(length);
                    if io::copy(&mut skipped, &mut io::sink())? < length {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                }
                Err(error) => return Err(io::Error::other(error.to_string())),
            }
        }
        Ok(false)
    }

    /// Unpacks until there is something to hand out; 0 at the end of a sound frame.
    fn within(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.decoder.can_collect() == 0 && !self.decoder.is_finished() {
            let block = BlockDecodingStrategy::UptoBlocks(1);
            let decoded = self.decoder.decode_blocks(&mut self.packed, block);
            decoded.map_err(|error| io::Error::other(error.to_string()))?;
        }
        let read = self.decoder.read(buffer)?;
        let stated = self.decoder.get_checksum_from_data();
        if read == 0 && stated.is_some() && stated != self.decoder.get_calculated_checksum() {
            return Err(io::Error::other(
                "the checksum of a zstd frame does not fit what it holds",
            ));
        }
        Ok(read)
    }
}

impl Read for ZstdFrames {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            match std::mem::replace(&mut self.state, Zstd::Done) {
                Zstd::Done => return Ok(0),
                Zstd::Between => {
                    if !self.begin()? {
                        return Ok(0);
                    }
                    self.state = Zstd::Within;
                }
                Zstd::Within => match self.within(buffer) {
                    Ok(0) => self.state = Zstd::Between,
                    Ok(read) => {
                        self.state = Zstd::Within;
                        return Ok(read);
                    }
                    Err(error) => {
                        // Should even this fail, there is nothing that could be handed out.
                        let _ = self.decoder.decode_blocks(FRAME_END, BlockDecodingStrategy::All);
                        self.state = Zstd::Failed(error);
                    }
                },
                Zstd::Failed(error) => match self.decoder.read(buffer) {
                    Ok(read) if read > 0 => {
                        self.state = Zstd::Failed(error);
                        return Ok(read);
                    }
                    _ => return Err(error),
                },
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `{"EventID":1}` and a line end as one raw block with a checksum, as `zstd --check` writes it.
    const FRAME: &[u8] = b"\x28\xb5\x2f\xfd\x04\x58\x71\0\0{\"EventID\":1}\n\x0d\x95\xfb\xcf";
    const TEXT: &str = "{\"EventID\":1}\n";

    /// What can be read, and whether an error came behind it.
    fn unpacked(packed: &[u8]) -> (String, bool) {
        let mut text = String::new();
        let input: Box<dyn Read + Send> = Box::new(io::Cursor::new(packed.to_vec()));
        let read = ZstdFrames::new(BufReader::new(input)).read_to_string(&mut text);
        (text, read.is_err())
    }

    #[test]
    fn a_checksum_that_does_not_fit_is_an_error_behind_the_text() {
        assert_eq!(unpacked(FRAME), (TEXT.to_owned(), false));
        let mut changed = FRAME.to_vec();
        changed[20] = b'2';
        assert_eq!(unpacked(&changed), (TEXT.replace('1', "2"), true));
    }

    #[test]
    fn a_frame_that_is_cut_off_gives_what_it_holds() {
        // The same block, said to be followed by others, which are not there.
        let mut more = FRAME[..FRAME.len() - 4].to_vec();
        more[6] -= 1;
        assert_eq!(unpacked(&more), (TEXT.to_owned(), true));
        assert_eq!(unpacked(&FRAME[..FRAME.len() - 4]), (TEXT.to_owned(), true));
    }

    #[test]
    fn frames_that_are_to_be_skipped_are_skipped() {
        let skip: &[u8] = b"\x53\x2a\x4d\x18\x03\0\0\0abc";
        assert_eq!(Packing::of(skip), Packing::Zstd);
        assert_eq!(unpacked(&[skip, FRAME, skip, FRAME].concat()), (TEXT.repeat(2), false));
        assert_eq!(unpacked(&[FRAME, &skip[..9]].concat()), (TEXT.to_owned(), true));
    }
}
