//! What must hold of the module `xpress`, by examples.

use proptest::prelude::*;

use super::*;

/// A packer, and an unpacker that goes byte by byte, which fuzz targets use as well.
#[allow(unreachable_pub, reason = "it belongs to another crate too")]
#[path = "../../../../../fuzz/src/xpress.rs"]
mod plain;

use plain::{FURTHEST, Token, encode, expand, tokens_of, unpack_plainly};

fn unpacked(input: &[u8], length: usize) -> Result<Vec<u8>, XpressError> {
    // Used before: what lies in it must not matter.
    let mut room = vec![0xa5; 100];
    unpack(input, length, &mut room).map(<[u8]>::to_vec)
}

#[test]
fn more_than_the_largest_buffer_is_refused() {
    let most = MOST_BYTES as usize;
    assert_eq!(unpacked(b"", most), Err(XpressError::Short { unpacked: 0 }));
    for length in [most + 1, usize::MAX] {
        assert_eq!(unpacked(b"", length), Err(XpressError::TooMuch { length }));
    }
}

#[test]
fn the_examples_of_the_specification() {
    let letters = b"abcdefghijklmnopqrstuvwxyz";
    let packed = [&[0x3f, 0, 0, 0][..], letters].concat();
    assert_eq!(unpacked(&packed, 26).unwrap(), letters);
    let packed = b"\xff\xff\xff\x1fabc\x17\x00\x0f\xff\x26\x01";
    assert_eq!(unpacked(packed, 300).unwrap(), b"abc".repeat(100));
}

/// The flags behind the last byte announce nothing, so further flags are too much.
#[test]
fn flags_without_anything_behind_them_stand_only_where_all_before_are_used() {
    let tail = [0xff; 4];
    let full = [&[0; 4][..], &[b'a'; 32]].concat();
    assert_eq!(unpacked(&[&full[..], &tail].concat(), 32).unwrap(), [b'a'; 32]);
    let part = [&[0; 4][..], b"abc", &tail].concat();
    assert_eq!(unpacked(&part, 3), Err(XpressError::Long { left: 4 }));
}

#[test]
fn lengths_that_no_writer_writes_so_are_refused() {
    let with =
        |length: &[u8]| [&[0xff, 0xff, 0xff, 0x7f, b'a', 7, 0, 15, 255][..], length].concat();
    assert_eq!(unpacked(&with(&[22, 0]), 26).unwrap(), [b'a'; 26]);
    assert_eq!(unpacked(&with(&[21, 0]), 25), Err(XpressError::Match { unpacked: 1 }));
    let huge = with(&[0, 0, 0xff, 0xff, 0xff, 0xff]);
    assert_eq!(unpacked(&huge, 100), Err(XpressError::Match { unpacked: 1 }));
    assert_eq!(unpacked(&with(&[0, 0, 0]), 26), Err(XpressError::Short { unpacked: 1 }));
}

/// A match that reaches back no further than there are bytes, by where in them it falls.
fn any_tokens() -> impl Strategy<Value = Vec<Token>> {
    let length = prop_oneof![6 => 3..12_usize, 3 => 12..300_usize, 1 => 300..70_000_usize];
    let token = (any::<u8>(), 0..3_u8, any::<prop::sample::Index>(), length);
    prop::collection::vec(token, 1..120).prop_map(|raw| {
        let mut written = 0;
        let mut one = |(byte, kind, place, length): (u8, u8, prop::sample::Index, usize)| {
            if kind == 0 || written == 0 {
                written += 1;
                return Token::Literal(byte);
            }
            // Half of them near, where copies overlap.
            let furthest = if kind == 1 { 8_192 } else { 20 };
            let distance = place.index(written.min(furthest)) + 1;
            written += length;
            Token::Match(distance, length)
        };
        raw.into_iter().map(&mut one).collect()
    })
}

proptest! {
    #[test]
    fn all_that_can_be_written_is_read(tokens in any_tokens()) {
        let (packed, whole) = (encode(&tokens), expand(&tokens));
        prop_assert!(unpacked(&packed, whole.len()).as_ref() == Ok(&whole));
        prop_assert!(unpacked(&packed, whole.len() - 1).is_err());
        prop_assert!(unpacked(&packed, whole.len() + 1).is_err());
        prop_assert!(unpacked(&packed[..packed.len() - 1], whole.len()).is_err());
    }

    #[test]
    fn what_was_packed_comes_out_again(
        parts in prop::collection::vec((prop::collection::vec(0..4_u8, 1..20), 1..20_usize), 1..8)
    ) {
        let data: Vec<u8> = parts.iter().flat_map(|(part, times)| part.repeat(*times)).collect();
        let tokens = tokens_of(&data, FURTHEST);
        prop_assert_eq!(expand(&tokens), data.clone());
        prop_assert_eq!(unpacked(&encode(&tokens), data.len()), Ok(data));
    }

    #[test]
    fn any_bytes_give_what_the_definition_says(
        input in prop::collection::vec(any::<u8>(), 0..400),
        length in 0..5_000_usize,
    ) {
        prop_assert_eq!(unpacked(&input, length).ok(), unpack_plainly(&input, length));
    }
}
