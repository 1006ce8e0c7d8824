//! The header of the trace byte by byte, 64-bit and 32-bit.

use super::*;

fn trace() -> TraceHeader {
    TraceHeader {
        build: 19_045,
        pointer_size: 8,
        processors: 4,
        start: Timestamp::from_filetime(0x01d9_0000_0000_0001),
        end: Timestamp::from_filetime(0x01d9_0000_0000_0002),
        boot: Timestamp::from_filetime(0x01d9_0000_0000_0003),
        time_zone_bias: -60,
        timer_resolution: 156_250,
        processor_speed: 3_400,
        events_lost: 5,
        buffers_lost: 6,
        logger_name: "Ab".to_owned(),
        file_name: "ü".to_owned(),
    }
}

fn encoded(trace: &TraceHeader, extent: &Extent) -> Vec<u8> {
    let mut out = Vec::new();
    trace.encode(65_536, extent, &mut out).unwrap();
    out
}

/// The same fields for both sizes of pointers: offset in 64-bit traces, in 32-bit traces, bytes.
fn fields() -> Vec<(usize, usize, Vec<u8>)> {
    let time = |last: u8| vec![last, 0, 0, 0, 0, 0, 0xd9, 1];
    vec![
        (0x00, 0x00, vec![0, 0, 1, 0]),
        (0x04, 0x04, vec![10, 0, 1, 5]),
        (0x08, 0x08, 19_045_u32.to_le_bytes().to_vec()),
        (0x0c, 0x0c, vec![4]),
        (0x10, 0x10, time(2)),
        (0x18, 0x18, 156_250_u32.to_le_bytes().to_vec()),
        (0x20, 0x20, vec![1]),
        (0x24, 0x24, vec![9]),
        (0x28, 0x28, vec![1]),
        (0x30, 0x30, vec![5]),
        (0x34, 0x34, 3_400_u32.to_le_bytes().to_vec()),
        (0x48, 0x40, (-60_i32).to_le_bytes().to_vec()),
        (0xf8, 0xf0, time(3)),
        (0x100, 0xf8, 10_000_000_u64.to_le_bytes().to_vec()),
        (0x108, 0x100, time(1)),
        (0x110, 0x108, vec![2]),
        (0x114, 0x10c, vec![6]),
        (0x118, 0x110, vec![b'A', 0, b'b', 0, 0, 0, 0xfc, 0, 0, 0]),
    ]
}

#[test]
fn fields_are_where_both_layouts_have_them() {
    let extent = Extent { buffers: 9, ..Extent::default() };
    for (pointer_size, kind) in [(8, 2), (4, 1)] {
        let bytes = encoded(&TraceHeader { pointer_size, ..trace() }, &extent);
        let wide = pointer_size == 8;
        let size: u16 = if wide { 0x20 + 0x118 + 10 } else { 0x20 + 0x110 + 10 };
        let mut expected = vec![0; usize::from(size).next_multiple_of(8)];
        expected[..4].copy_from_slice(&[2, 0, kind, 0xc0]);
        expected[4..6].copy_from_slice(&size.to_le_bytes());
        expected[8..0x10].fill(0xff);
        expected[0x10..0x18].copy_from_slice(&[1, 0, 0, 0, 0, 0, 0xd9, 1]);
        expected[0x20 + 0x2c] = pointer_size;
        for (broad, narrow, field) in fields() {
            let at = 0x20 + if wide { broad } else { narrow };
            expected[at..at + field.len()].copy_from_slice(&field);
        }
        assert_eq!(bytes, expected, "{pointer_size}");
    }
}

#[test]
fn what_is_not_known_is_taken_from_the_records() {
    let unknown = Timestamp::UNKNOWN;
    let trace = TraceHeader { start: unknown, end: unknown, processors: 1, ..trace() };
    let times = Some((Timestamp::from_filetime(0x11), Timestamp::from_filetime(0x22)));
    let bytes = encoded(&trace, &Extent { buffers: 2, processors: 300, times });
    let payload = &bytes[0x20..];
    assert_eq!((bytes[0x10], payload[0x108], payload[0x10]), (0x11, 0x11, 0x22));
    assert_eq!(payload[0x0c..0x10], 300_u32.to_le_bytes());
    assert_eq!(payload[4..8], [10, 0, 2, 0]);
}

#[test]
fn the_version_of_windows_follows_from_the_build() {
    for (build, expected) in [
        (6_002, [6, 0]),
        (7_601, [6, 1]),
        (9_200, [6, 2]),
        (9_600, [6, 3]),
        (10_240, [10, 0]),
        (26_100, [10, 0]),
        (0, [10, 0]),
    ] {
        assert_eq!(version(build, 1)[..2], expected, "{build}");
    }
}

#[test]
fn names_that_would_be_cut_are_refused() {
    let refused = |trace: &TraceHeader| {
        trace.encode(65_536, &Extent::default(), &mut Vec::new()).unwrap_err().to_string()
    };
    let nul = TraceHeader { file_name: "a\0b".to_owned(), ..trace() };
    assert_eq!(refused(&nul), "the name of the file has a NUL in it");
    let long = TraceHeader { logger_name: "a".repeat(40_000), ..trace() };
    assert!(refused(&long).starts_with("the record has 80"));
    let odd = TraceHeader { pointer_size: 5, ..trace() };
    assert_eq!(refused(&odd), "pointers of 5 bytes, not of 4 or 8");
}
