//! Unpacking gzip and zstd within limits.
//!
//! Both formats can turn a kilobyte into terabytes. Output is streamed, so a bomb costs time and
//! not memory; it is stopped by an absolute limit and by its ratio of output to input.

use std::io::{self, BufRead, BufReader, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

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
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Self::Zstd,
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
        Packing::Zstd => Box::new(ZstdFrames { state: Zstd::Between(BufReader::new(input)) }),
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
    state: Zstd,
}

enum Zstd {
    Between(Packed),
    Within(Box<ruzstd::decoding::StreamingDecoder<Packed, ruzstd::decoding::FrameDecoder>>),
    Done,
}

impl Read for ZstdFrames {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match std::mem::replace(&mut self.state, Zstd::Done) {
                Zstd::Done => return Ok(0),
                Zstd::Between(mut packed) => {
                    if packed.fill_buf()?.is_empty() {
                        return Ok(0);
                    }
                    let decoder = ruzstd::decoding::StreamingDecoder::new(packed);
                    let decoder = decoder.map_err(|error| io::Error::other(error.to_string()))?;
                    self.state = Zstd::Within(Box::new(decoder));
                }
                Zstd::Within(mut decoder) => {
                    let read = decoder.read(buffer)?;
                    if read > 0 || buffer.is_empty() {
                        self.state = Zstd::Within(decoder);
                        return Ok(read);
                    }
                    self.state = Zstd::Between(decoder.into_inner());
                }
            }
        }
    }
}
