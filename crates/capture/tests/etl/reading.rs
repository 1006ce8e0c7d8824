//! A log read to its end, slice by slice.

use std::io::Write as _;
use std::sync::Arc;

use etwatch_capture::etl::{EtlScratch, EtlSlice, Trace};
use etwatch_capture::source::Location;
use etwatch_capture::{Damage, Limits, Piece, Source, SourceError, open};
use etwatch_event::{Ledger, RawHeader};

/// A record, owned.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Owned {
    pub(crate) header: RawHeader,
    pub(crate) extended: Vec<u8>,
    pub(crate) payload: Vec<u8>,
}

/// What a log led to.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) records: Vec<Owned>,
    pub(crate) ledger: Ledger,
    pub(crate) damage: Vec<Damage>,
    pub(crate) error: Option<SourceError>,
    pub(crate) slices: usize,
    pub(crate) trace: Option<Arc<Trace>>,
}

impl Outcome {
    /// Checks that each record read is accounted for.
    pub(crate) fn check(&self) {
        let accounted = self.ledger.lost() + self.ledger.bookkeeping + self.records.len() as u64;
        assert_eq!(self.ledger.read, accounted);
    }
}

pub(crate) fn slices_of(bytes: usize) -> Limits {
    Limits { slice_bytes: bytes as u64, ..Limits::default() }
}

/// Reads bytes as a file whose name ends in `.etl`.
pub(crate) fn read(bytes: &[u8], limits: Limits) -> Result<Outcome, SourceError> {
    let mut file = tempfile::Builder::new().suffix(".etl").tempfile().unwrap();
    file.write_all(bytes).unwrap();
    read_at(&Location::File(file.path().to_owned()), limits, |slice| slice)
}

/// Reads a log; `prepare` is done to each slice.
pub(crate) fn read_at(
    location: &Location,
    limits: Limits,
    prepare: impl Fn(EtlSlice) -> EtlSlice,
) -> Result<Outcome, SourceError> {
    let mut outcome = Outcome::default();
    let mut source = open(location, limits)?;
    let mut scratch = EtlScratch::default();
    each_piece(&mut *source, &mut outcome, |slice, records| {
        prepare(slice).read(&mut scratch, &mut |record, _| {
            records.push(Owned {
                header: record.header,
                extended: record.extended.to_vec(),
                payload: record.payload.to_vec(),
            });
        })
    });
    Ok(outcome)
}

/// Takes all pieces of a source, each slice by `read`.
pub(crate) fn each_piece(
    source: &mut dyn Source,
    outcome: &mut Outcome,
    mut read: impl FnMut(EtlSlice, &mut Vec<Owned>) -> etwatch_capture::Decoded,
) {
    loop {
        let decoded = match source.next_piece() {
            Ok(Some(Piece::Etl(slice))) => {
                outcome.slices += 1;
                outcome.trace = Some(Arc::clone(slice.trace()));
                read(slice, &mut outcome.records)
            }
            Ok(Some(Piece::Damage(decoded))) => decoded,
            Ok(Some(other)) => panic!("{other:?}"),
            Ok(None) => return,
            Err(error) => {
                outcome.error = Some(error);
                return;
            }
        };
        outcome.ledger.add(&decoded.ledger);
        outcome.damage.extend(decoded.damage);
    }
}
