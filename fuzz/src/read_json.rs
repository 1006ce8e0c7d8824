//! Any text as a JSON recording: the same from a file, which is read piece by piece and can be read
//! again, as from a stream.

use etwatch_capture::Limits;
use etwatch_capture::source::Location;

use super::choices::text;
use super::reading::{read, read_file};

/// More than one block of the reader.
const SEVERAL_BLOCKS: usize = 300 << 10;

/// The first byte says how, as a digit: 1 and 3 have limits that are easily met, 2 and 3 read the text again
/// and again, over several blocks. The rest is the recording.
pub fn check(bytes: &[u8]) {
    let Some((how, recording)) = bytes.split_first() else { return };
    let limits = match how & 1 {
        0 => Limits::default(),
        _ => Limits { record_bytes: 64, depth: 3, values: 8, path_bytes: 12, ..Limits::default() },
    };
    let recording = text(recording);
    let times = match how {
        b'2' | b'3' => SEVERAL_BLOCKS / recording.len().max(64),
        _ => 1,
    };
    let recording = recording.repeat(times);
    let file = read_file(recording.as_bytes(), "", limits);
    let stream = Location::Text { name: "stream".to_owned(), text: recording.into() };
    assert_eq!(file, read(&stream, limits));
}
