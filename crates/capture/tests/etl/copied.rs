//! Real logs, read and written again: the copy says what the log said.

use std::collections::BTreeMap;
use std::io::Cursor;

use etwatch_capture::Limits;
use etwatch_capture::etl::{EtlSlice, TraceHeader, Writer, hooks};
use etwatch_capture::source::Location;
use etwatch_event::{RawForm, RawHeader, RawRecord};

use crate::place::corpus;
use crate::reading::{Outcome, Owned, read_at};

/// The records of each processor in their order, without numbers and without the header of the trace.
fn streams(outcome: &Outcome) -> BTreeMap<u16, Vec<Owned>> {
    let mut streams: BTreeMap<u16, Vec<Owned>> = BTreeMap::new();
    for record in outcome.records.iter().filter(|record| !is_header(&record.header)) {
        let header = RawHeader { number: 0, ..record.header };
        streams.entry(header.processor).or_default().push(Owned { header, ..record.clone() });
    }
    streams
}

fn is_header(header: &RawHeader) -> bool {
    (header.form, header.provider, header.opcode) == (RawForm::Kernel, hooks::EVENT_TRACE, 0)
}

#[test]
fn a_copy_of_a_real_log_says_the_same() {
    let Some(folder) = corpus() else { return };
    let mut logs = 0;
    for entry in std::fs::read_dir(folder.join("etl")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|ending| ending != "etl") {
            continue;
        }
        logs += 1;
        let read =
            |path| read_at(&Location::File(path), Limits::default(), EtlSlice::with_bookkeeping);
        let log = read(path.clone()).unwrap();
        let trace = log.trace.clone().unwrap();
        let mut file = Vec::new();
        let mut writer =
            Writer::create(Cursor::new(&mut file), &TraceHeader::from(&*trace)).unwrap();
        for Owned { header, extended, payload } in &log.records {
            if !is_header(header) {
                let record = RawRecord { header: *header, extended, payload };
                writer
                    .write(&record)
                    .unwrap_or_else(|error| panic!("{path:?}: {error}: {header:?}"));
            }
        }
        let written = writer.finish().unwrap();
        assert_eq!(written.records + 1, log.ledger.read, "{path:?}");

        let mut made = tempfile::Builder::new().suffix(".etl").tempfile().unwrap();
        std::io::Write::write_all(&mut made, &file).unwrap();
        let copy = read(made.path().to_owned()).unwrap();
        assert_eq!((copy.ledger.read, copy.damage.len()), (log.ledger.read, 0), "{path:?}");
        assert!(streams(&copy) == streams(&log), "{path:?}");
        let copied = copy.trace.unwrap();
        assert_eq!(TraceHeader::from(&*copied), TraceHeader::from(&*trace), "{path:?}");
        assert_eq!(copied.schemas.len(), trace.schemas.len(), "{path:?}");
        assert_eq!(copied.volumes.len(), trace.volumes.len(), "{path:?}");
        assert_eq!(u64::from(copied.buffers_written), written.buffers, "{path:?}");
    }
    assert!(logs >= 8, "{logs}");
}
