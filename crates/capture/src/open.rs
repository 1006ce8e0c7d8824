//! From a place to a source, by what the bytes say.
//!
//! The first bytes decide: gzip and zstd are unpacked, `ElfFile` is an event log, a buffer that begins
//! with the header of a log is a log of ETW, text that begins with `<` is XML, the rest must be JSON. The name of a file decides nothing but
//! one thing: a `.evtx` whose first page is damaged is still searched for chunks, and what is wrong with a
//! `.etl` is told as such. Both have to be read out of order (the oldest chunk or buffer can lie anywhere),
//! so one that comes packed or from a pipe goes through a temporary file.

use std::fs::File;
use std::io::{self, Cursor, Read, Seek};
use std::path::Path;
use std::sync::Arc;

use crate::etl;
use crate::evtx;
use crate::input::Input;
use crate::json;
use crate::limits::Limits;
use crate::packed::{Counted, Packing, unpack};
use crate::reopen::Reopening;
use crate::source::{Location, Source, SourceError};
use crate::xml;

/// Bytes that are looked at to tell what an input is.
const SNIFFED: u64 = etl::SNIFFED as u64;

/// Opens the recording at `location`.
///
/// # Errors
/// [`SourceError`] if it can't be opened or is of no known kind.
pub fn open(location: &Location, limits: Limits) -> Result<Box<dyn Source>, SourceError> {
    let name = location.name();
    let failed = |source| SourceError::Io { path: name.clone(), source };
    let raw: Box<dyn Read + Send> = match location {
        Location::File(path) => Box::new(File::open(path).map_err(failed)?),
        Location::Stdin => Box::new(io::stdin()),
        Location::Text { text, .. } => Box::new(Cursor::new(Arc::<[u8]>::from(Arc::clone(text)))),
    };
    let (counted, count) = Counted::new(raw);
    let (first, input) = sniff(Box::new(counted)).map_err(failed)?;
    let packing = Packing::of(&first);
    let (first, input) = match packing {
        Packing::None => (first, input),
        packing => sniff(unpack(input, packing, Arc::clone(&count), limits)).map_err(failed)?,
    };
    let is_named = |wanted: &str| match location {
        Location::File(path) => has_ending(path, wanted),
        Location::Stdin | Location::Text { .. } => false,
    };
    let is_evtx = first.starts_with(evtx::FILE_MAGIC) || is_named("evtx");
    if is_evtx || etl::is_log(&first) || is_named("etl") {
        let file = match (location, packing) {
            (Location::File(path), Packing::None) => Reopening::at(path.clone()),
            _ => Reopening::kept(spill(input).map_err(failed)?),
        };
        return if is_evtx {
            Ok(Box::new(evtx::Reader::new(file, name)?))
        } else {
            Ok(Box::new(etl::Reader::new(file, name, limits)?))
        };
    }
    let input = match (location, packing) {
        (Location::File(path), Packing::None) => Input::File(Reopening::at(path.clone())),
        _ => Input::Stream(input, count),
    };
    text_source(input, &first, name, limits)
}

fn text_source(
    input: Input,
    first: &[u8],
    path: String,
    limits: Limits,
) -> Result<Box<dyn Source>, SourceError> {
    let refuse = |what, hint| Err(SourceError::NotARecording { path: path.clone(), what, hint });
    match first {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => {
            refuse("text in UTF-16", "write it as UTF-8 (PowerShell: `-Encoding utf8`)")
        }
        [b'L', b'f', b'L', b'e', ..] | [b'E', b'l', b'f', b'C', b'h', b'n', b'k', 0, ..] => refuse(
            "an old or partial event log",
            "only `.evtx` files of Windows Vista and later can be read",
        ),
        first if is_xml(first) => Ok(Box::new(xml::Reader::new(input, path, limits)?)),
        _ => Ok(Box::new(json::Reader::new(input, path, limits)?)),
    }
}

fn is_xml(first: &[u8]) -> bool {
    let text = first.strip_prefix(b"\xef\xbb\xbf").unwrap_or(first);
    text.trim_ascii_start().starts_with(b"<")
}

fn has_ending(path: &Path, wanted: &str) -> bool {
    path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case(wanted))
}

/// The first bytes, and the input as if they had not been read.
fn sniff(mut input: Box<dyn Read + Send>) -> io::Result<(Vec<u8>, Box<dyn Read + Send>)> {
    let mut first = Vec::new();
    input.by_ref().take(SNIFFED).read_to_end(&mut first)?;
    let again = Cursor::new(first.clone()).chain(input);
    Ok((first, Box::new(again)))
}

fn spill(mut input: Box<dyn Read + Send>) -> io::Result<File> {
    let mut file = tempfile::tempfile()?;
    io::copy(&mut input, &mut file)?;
    file.rewind()?;
    Ok(file)
}
