//! Any bytes as JSON records, a line each: each is read or refused, and refused ones leave no trace; a parser
//! that remembers the records before reads the same as one that begins.

use etwatch_capture::Limits;
use etwatch_capture::json::RecordParser;
use etwatch_event::RecordBatch;

/// Reads the records twice with one parser, and each with a new one.
pub fn check(bytes: &[u8]) {
    let mut lasting = RecordParser::new(Limits::default());
    let lines = || bytes.split(|byte| *byte == b'\n');
    for line in lines().chain(lines()) {
        let new = parse(&mut RecordParser::new(Limits::default()), line);
        assert_eq!(new, parse(&mut lasting, line));
    }
}

/// The fields of a record, or why it was refused.
fn parse(parser: &mut RecordParser, bytes: &[u8]) -> Result<String, String> {
    let mut batch = RecordBatch::default();
    let read = parser.parse(bytes, None, batch.begin());
    assert_eq!(batch.len(), usize::from(read.is_ok()));
    let record = batch.get(0);
    read.map_err(|error| format!("{}: {error}", error.reason))?;
    Ok(record.map_or(String::new(), |record| {
        let header = (record.time(), record.provider(), record.channel(), record.event_id());
        format!("{:?} {header:?} {:?}", record.shape(), record.fields().collect::<Vec<_>>())
    }))
}
