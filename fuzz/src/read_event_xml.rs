//! Any text as a file of events in XML: the same from a file, which is read piece by piece and can be read
//! again, as from a stream.

use etwatch_capture::Limits;
use etwatch_capture::source::Location;

use super::choices::text;
use super::reading::{Outcome, read, read_file};

/// More than one block of the reader.
const SEVERAL_BLOCKS: usize = 300 << 10;
/// Text that does not show what it is would be no XML; so it begins with an element that is passed over.
const FIRST: &str = "<Events xmlns='http://schemas.microsoft.com/win/2004/08/events/event'>";

/// The first byte says how, as a digit: 1 and 3 have limits that are easily met, 2 and 3 read the text again
/// and again, over several blocks. The rest is the file.
pub fn check(bytes: &[u8]) {
    outcome(bytes);
}

/// What reading came to; `None` without a first byte.
pub fn outcome(bytes: &[u8]) -> Option<Outcome> {
    let (how, recording) = bytes.split_first()?;
    let limits = match how & 1 {
        0 => Limits::default(),
        _ => Limits { record_bytes: 300, depth: 3, values: 8, path_bytes: 40, ..Limits::default() },
    };
    let recording = text(recording);
    let times = match how {
        b'2' | b'3' => SEVERAL_BLOCKS / recording.len().max(64),
        _ => 1,
    };
    let recording = FIRST.to_owned() + &recording.repeat(times);
    let file = read_file(recording.as_bytes(), "", limits).expect("it shows what it is");
    let stream = Location::Text { name: "stream".to_owned(), text: recording.into() };
    assert_eq!(Some(&file), read(&stream, limits).as_ref());
    Some(file)
}
