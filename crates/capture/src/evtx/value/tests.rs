//! Values are read as the types of `etwatch-event` and the standard library spell them.

use etwatch_event::{Guid, Sid};
use proptest::prelude::*;

use super::*;

fn read_owned(kind: u8, bytes: &[u8], quoted: bool) -> Option<String> {
    let mut room = b"left over".to_vec();
    let value = read(kind, bytes, quoted, &mut room)?;
    match value {
        Value::Text(text) => Some(format!("{text:?}")),
        other => other.text(&mut String::new()).map(str::to_owned),
    }
}

fn units(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

#[test]
fn each_type_is_what_the_json_text_says() {
    let system = [1, 1, 0, 0, 0, 0, 0, 5, 18, 0, 0, 0];
    for (kind, bytes, quoted, expected) in [
        (kind::UINT8, &[200][..], false, Some("200")),
        (kind::INT8, &[200], false, Some("-56")),
        (kind::INT16, &[255, 255], true, Some("\"-1\"")),
        (kind::UINT64, &[255; 8], true, Some("\"18446744073709551615\"")),
        (kind::INT64, &[0, 0, 0, 0, 0, 0, 0, 0x80], true, Some("\"-9223372036854775808\"")),
        (kind::HEX32, &[0, 0, 0, 0], false, Some("\"0x0\"")),
        (kind::HEX64, &[0, 0, 0, 0, 0, 0, 0, 0x80], false, Some("\"0x8000000000000000\"")),
        (kind::SIZE, &[0x10, 2, 0, 0], false, Some("\"0x210\"")),
        (kind::BINARY, &[0xab, 1], false, Some("\"AB01\"")),
        (kind::SID, &system, false, Some("\"S-1-5-18\"")),
        (kind::BOOLEAN, &[1, 0, 0, 0], true, Some("\"true\"")),
        (kind::FILETIME, &[0; 8], false, Some("\"1601-01-01T00:00:00.0000000Z\"")),
        // Not a time that text of four digits for the year has.
        (kind::FILETIME, &[0xff; 8], false, None),
        (kind::FILETIME, &[0, 0, 0, 0, 0, 0, 0, 0x70], false, None),
        (kind::STRING, &[0x3d, 0xd8], false, None),
        (kind::STRING, &[65, 0, 0x3d, 0xd8, 0, 0xde], false, Some("\"A😀\"")),
    ] {
        assert_eq!(read_owned(kind, bytes, quoted).as_deref(), expected, "{kind:#x} {bytes:?}");
    }
}

#[test]
fn a_system_time_is_read_if_the_calendar_has_it() {
    let of = |numbers: [u16; 8]| {
        let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        read_owned(kind::SYSTEMTIME, &bytes, false)
    };
    let leap_day = of([2020, 2, 6, 29, 1, 2, 3, 45]);
    assert_eq!(leap_day.as_deref(), Some("\"2020-02-29T01:02:03.0450000Z\""));
    for wrong in [
        [2019, 2, 6, 29, 1, 2, 3, 45],
        [0; 8],
        [2020, 13, 6, 1, 1, 2, 3, 45],
        [2020, 1, 6, 1, 24, 2, 3, 45],
        [2020, 1, 6, 1, 1, 2, 60, 45],
        [2020, 1, 6, 1, 1, 2, 3, 1_000],
        [10_000, 1, 6, 1, 1, 2, 3, 4],
        [2020, 257, 6, 1, 1, 2, 3, 4],
    ] {
        assert_eq!(of(wrong), None, "{wrong:?}");
    }
}

#[test]
fn a_length_that_the_type_does_not_have_is_not_known() {
    let known = |kind, length| state(kind, &vec![0; length]).is_some();
    for kind in 0..=u8::MAX {
        for length in 0..40 {
            let expected = match kind {
                kind::NULL | kind::BINARY | kind::BINARY_XML => true,
                kind::STRING | kind::STRINGS => length % 2 == 0,
                kind::ANSI_STRING => length == 0,
                kind::INT8 | kind::UINT8 => length == 1,
                kind::INT16 | kind::UINT16 => length == 2,
                kind::INT32 | kind::UINT32 | kind::HEX32 | kind::BOOLEAN => length == 4,
                kind::INT64 | kind::UINT64 | kind::HEX64 | kind::FILETIME | kind::SID => {
                    length == 8
                }
                kind::SIZE => length == 4 || length == 8,
                kind::GUID | kind::SYSTEMTIME => length == 16,
                _ => false,
            };
            assert_eq!(known(kind, length), expected, "{kind:#x} {length}");
        }
    }
    assert_eq!(state(kind::BOOLEAN, &[2, 0, 0, 0]), None);
    assert_eq!(state(kind::STRING, &[0, 0, 65, 0]), Some(State::Empty));
}

proptest! {
    #[test]
    fn text_is_read_up_to_its_first_nul(text in "\\PC{0,30}|[ -~]{0,40}", more in "[ -~\0]{0,20}") {
        let mut room = Vec::new();
        let all = format!("{text}\0{more}");
        let whole = read(kind::STRING, &units(&text), false, &mut room);
        prop_assert_eq!(whole, Some(Value::Text(&text)));
        let cut = read(kind::STRING, &units(&all), false, &mut room);
        prop_assert_eq!(cut, Some(Value::Text(&text)));
    }

    #[test]
    fn guids_sids_and_times_are_spelled_as_their_types_spell_them(
        guid: [u8; 16],
        authority: [u8; 6],
        parts in prop::collection::vec(any::<u32>(), 0..15),
        ticks in 1..2_650_466_808_000_000_000_u64,
    ) {
        let mut room = Vec::new();
        let guid_text = Guid(guid).to_string();
        let read_guid = read(kind::GUID, &guid, false, &mut room);
        prop_assert_eq!(read_guid, Some(Value::Text(&guid_text)));
        let mut sid = vec![1, u8::try_from(parts.len()).unwrap()];
        sid.extend(authority);
        sid.extend(parts.iter().flat_map(|part| part.to_le_bytes()));
        let sid_text = Sid(&sid).to_string();
        let read_sid = read(kind::SID, &sid, false, &mut room);
        prop_assert_eq!(read_sid, Some(Value::Text(&sid_text)));
        let time_text = Timestamp::from_filetime(ticks).to_string();
        let read_time = read(kind::FILETIME, &ticks.to_le_bytes(), false, &mut room);
        prop_assert_eq!(read_time, Some(Value::Text(&time_text)));
    }
}
