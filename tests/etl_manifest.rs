//! A provider's manifest explains a recording that says nothing of itself.
//!
//! `Process.etl` of the corpus was written by Microsoft-Windows-Kernel-Process on Windows 7 and carries no
//! schemas; `SystemEvents.man` is the manifest that this provider, among others, was built from.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failure in a test is a finding"
)]

#[path = "support/corpus.rs"]
mod corpus;

use std::collections::BTreeMap;
use std::sync::Arc;

use etwatch_capture::etl::EtlScratch;
use etwatch_capture::source::{Location, Piece};
use etwatch_capture::{Limits, open};
use etwatch_decode::{Decoder, Fit, NoTables, Outcome, SchemaStore};
use etwatch_event::{Guid, RawValue, RecordBatch, Value};

#[test]
fn the_manifest_of_kernel_process_decodes_its_recording() {
    let Some(corpus) = corpus::corpus() else { return };
    let manifest = std::fs::read_to_string(corpus.join("etl/SystemEvents.man")).unwrap();
    let store = SchemaStore::new(Arc::new(NoTables), 7_600);
    // All events of its providers.
    assert_eq!(store.insert_manifest(&manifest).unwrap(), 450);

    let provider = Guid::parse("22fb2cd6-0e7b-422b-a0c7-2fad1fd0e716").unwrap();
    let mut source =
        open(&Location::File(corpus.join("etl/Process.etl")), Limits::default()).unwrap();
    let (mut scratch, mut decoder) = (EtlScratch::default(), Decoder::default());
    let mut records = RecordBatch::default();
    let mut counts: BTreeMap<(u16, u8), u32> = BTreeMap::new();
    let mut images = 0;
    while let Some(piece) = source.next_piece().unwrap() {
        let Piece::Etl(slice) = piece else { panic!("no log") };
        slice.read(&mut scratch, &mut |record, _| {
            let header = record.header;
            if header.provider != provider {
                return;
            }
            records.clear();
            let outcome = decoder.decode(record, &store, &mut records);
            let Outcome::Event { schema, fit: Fit::Exact, newer: false } = outcome else {
                panic!("{header:?}: {outcome:?}");
            };
            assert_eq!(&*schema.provider, "Microsoft-Windows-Kernel-Process");
            *counts.entry((header.id, header.version)).or_default() += 1;
            if (header.id, header.version) == (5, 0) {
                let fields: BTreeMap<_, _> = records.get(0).unwrap().fields().collect();
                let RawValue::One(Value::Text(name)) = fields["ImageName"] else {
                    panic!("{fields:?}");
                };
                assert!(name.starts_with('\\') && !name.ends_with('\0'), "{name}");
                images += 1;
            }
        });
    }
    let of = |id: u16| counts.range((id, 0)..=(id, 255)).map(|(_, count)| count).sum::<u32>();
    let told = [(1, 4), (2, 4), (3, 287), (4, 264), (5, 1_115), (6, 1_153)];
    assert_eq!(told.map(|(id, _)| (id, of(id))), told);
    assert_eq!((7..=10).map(of).sum::<u32>(), 7_516);
    assert_eq!((counts[&(1, 0)], counts[&(2, 1)], counts[&(3, 1)], images), (4, 4, 287, 1_115));
}
