//! Whatever bytes come in: reading ends, nothing panics, every record is counted once.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    dead_code,
    unreachable_pub,
    reason = "a failure in a test is a finding"
)]

#[path = "../../../fuzz/src/reading.rs"]
mod reading;

use etwatch_capture::source::Location;
use etwatch_capture::{Limits, open};
use etwatch_event::{RawValue, RecordBatch};
use proptest::prelude::*;

fn check(bytes: &[u8], limits: Limits) {
    reading::read_file(bytes, "", limits);
}

/// Text that is nearly JSON: braces, quotes, escapes, line ends, and whole records in between.
fn nearly_json() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        4 => Just("{\"EventID\":1,\"Image\":\"a\"}".to_owned()),
        1 => Just("{\n \"EventID\": 1,\n \"List\": [1, {\"x\": []}]\n}".to_owned()),
        2 => Just("\n".to_owned()),
        4 => "[\\[\\]{}\",:\\\\ \\n\\ra0-9]{0,8}",
        1 => "\\PC{0,8}",
    ];
    prop::collection::vec(part, 0..24).prop_map(|parts| parts.concat())
}

/// Text that is nearly XML of events: tags, sections, schemas, and whole events in between.
fn nearly_xml() -> impl Strategy<Value = String> {
    const BEGIN: &str = "<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'>";
    let part = prop_oneof![
        4 => Just(format!("{BEGIN}<System><EventID>1</EventID></System></Event>\r\n")),
        2 => Just(format!("{BEGIN}<System>")),
        1 => Just("<Event>".to_owned()),
        2 => Just("</System></Event>".to_owned()),
        1 => Just("<![CDATA[".to_owned()),
        1 => Just("]]>".to_owned()),
        1 => Just("<!--".to_owned()),
        1 => Just("-->".to_owned()),
        2 => "[<>/='!& \\n-]{0,8}",
        1 => "\\PC{0,8}",
    ];
    prop::collection::vec(part, 0..24).prop_map(|parts| format!("{BEGIN}{}", parts.concat()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_text_is_read_to_its_end_and_adds_up(text in nearly_json()) {
        check(text.as_bytes(), Limits::default());
    }

    #[test]
    fn so_is_any_text_under_narrow_limits(text in nearly_json()) {
        check(text.as_bytes(), Limits { record_bytes: 16, depth: 2, ..Limits::default() });
    }

    /// The same over the bounds of blocks, which fall anywhere.
    #[test]
    fn so_is_text_of_many_blocks(text in nearly_json(), other in nearly_json(), narrow: bool) {
        let record_bytes = if narrow { 1 << 16 } else { 1 << 20 };
        let times = 550_000 / text.len().max(8);
        let text = text.repeat(times / 2) + &other + &text.repeat(times / 2) + &other;
        check(text.as_bytes(), Limits { record_bytes, ..Limits::default() });
    }

    #[test]
    fn any_xml_is_read_to_its_end_and_adds_up(text in nearly_xml(), narrow: bool) {
        let record_bytes = if narrow { 150 } else { 16 << 20 };
        check(text.as_bytes(), Limits { record_bytes, ..Limits::default() });
    }

    #[test]
    fn so_is_xml_of_many_blocks(text in nearly_xml(), other in nearly_xml(), narrow: bool) {
        let record_bytes = if narrow { 1 << 16 } else { 1 << 20 };
        let times = 550_000 / text.len();
        let text = text.repeat(times / 2) + &other + &text.repeat(times / 2) + &other;
        check(text.as_bytes(), Limits { record_bytes, ..Limits::default() });
    }

    #[test]
    fn any_bytes_end(bytes in prop::collection::vec(any::<u8>(), 0..2_000), head in 0..5_usize) {
        let heads: [&[u8]; 5] = [b"", b"ElfFile\0", b"\x1f\x8b\x08\0", b"\x28\xb5\x2f\xfd", b"{"];
        check(&[heads[head], &bytes].concat(), Limits::default());
    }

    /// What is written as JSON comes out as it was, by its path.
    #[test]
    fn values_come_out_as_they_went_in(texts in prop::collection::vec(".{0,12}", 1..6), number: i64) {
        let list: Vec<_> = texts.iter().map(|text| serde_json::Value::from(text.as_str())).collect();
        let record = serde_json::json!({"EventID": 7, "Outer": {"List": list, "Number": number}});
        let mut file = tempfile::NamedTempFile::new().unwrap();
        std::io::Write::write_all(&mut file, record.to_string().as_bytes()).unwrap();
        let location = Location::File(file.path().to_owned());
        let mut source = open(&location, Limits::default()).unwrap();
        let mut batch = RecordBatch::default();
        source.next_piece().unwrap().unwrap().decode(&mut batch);
        let of = |wanted: &str| -> Vec<String> {
            let record = batch.get(0).unwrap();
            let named = record.fields().filter(|(name, _)| *name == wanted);
            let text = |value: RawValue<'_>| match value {
                RawValue::One(value) => value.text(&mut String::new()).map(str::to_owned),
                RawValue::Empty => None,
            };
            named.filter_map(|(_, value)| text(value)).collect()
        };
        prop_assert_eq!(of("Outer.List"), texts);
        prop_assert_eq!(of("Outer.Number"), [number.to_string()]);
    }
}
