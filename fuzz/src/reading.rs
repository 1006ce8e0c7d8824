//! Reads a recording to its end and checks that every record is counted once, and that a piece that can
//! be read again gives the same records again, whatever the decoder has learned in between: once more they
//! are read in full, without anything learned.

use std::io::Write as _;

use etwatch_capture::source::Location;
use etwatch_capture::{Decoder, Limits, open};
use etwatch_event::{Ledger, RecordBatch};

/// What a recording led to.
#[derive(Debug, Default, PartialEq)]
pub struct Outcome {
    /// Each record's header and fields.
    pub records: Vec<String>,
    /// How many records of event logs were read by their form.
    pub recalled: u64,
    /// What was read and skipped.
    pub ledger: Ledger,
}

/// Reads bytes as a file whose name ends so; `None` if they are no recording.
pub fn read_file(bytes: &[u8], ending: &str, limits: Limits) -> Option<Outcome> {
    let file = file(bytes, ending);
    read(&Location::File(file.path().to_owned()), limits)
}

/// A file that holds these bytes and whose name ends so, as long as it is kept.
pub fn file(bytes: &[u8], ending: &str) -> tempfile::NamedTempFile {
    let mut file =
        tempfile::Builder::new().suffix(ending).tempfile().expect("a temporary file can be made");
    file.write_all(bytes).expect("and written");
    file
}

/// Reads a recording; `None` if it is none.
pub fn read(location: &Location, limits: Limits) -> Option<Outcome> {
    let mut source = open(location, limits).ok()?;
    source.first_time();
    let mut outcome = Outcome::default();
    let (mut batch, mut decoder) = (RecordBatch::default(), Decoder::default());
    while let Ok(Some(piece)) = source.next_piece() {
        let mark = piece.mark();
        let decoded = decoder.decode(piece, &mut batch);
        let shown = show(&batch);
        outcome.ledger.add(&decoded.ledger);
        if let Some(mark) = mark {
            source.rest();
            if let Some(again) = source.read_again(mark).expect("the file is still there") {
                let decoded_again = Decoder::in_full().decode(again, &mut batch);
                assert_eq!((&shown, &decoded.ledger), (&show(&batch), &decoded_again.ledger));
                assert_eq!(decoded.damage, decoded_again.damage);
            }
        }
        outcome.records.extend(shown);
    }
    outcome.recalled = decoder.recalled();
    let ledger = &outcome.ledger;
    let accounted = outcome.records.len() as u64 + ledger.lost() + ledger.bookkeeping;
    assert_eq!(outcome.ledger.read, accounted);
    Some(outcome)
}

fn show(batch: &RecordBatch) -> Vec<String> {
    let one = |record: etwatch_event::Record<'_>| {
        let header = (record.time(), record.number(), record.shape(), record.event_id());
        let names = (record.provider(), record.channel());
        format!("{header:?} {names:?} {:?}", record.fields().collect::<Vec<_>>())
    };
    batch.iter().map(one).collect()
}

/// libFuzzer ends the process at a panic. The decoder of event logs is not ours, and the reader catches
/// its panics and counts the chunk as lost: they are no finding.
pub fn let_decoder_panic() {
    let ends = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let in_decoder = |place: &std::panic::Location<'_>| place.file().contains("/evtx-");
        if !panic.location().is_some_and(in_decoder) {
            ends(panic);
        }
    }));
}
