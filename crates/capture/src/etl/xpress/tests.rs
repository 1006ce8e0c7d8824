use proptest::prelude::*;

use super::*;

/// What a stream is made of.
#[derive(Clone, Copy, Debug)]
enum Token {
    Literal(u8),
    /// Distance and length.
    Match(usize, usize),
}

/// Writes tokens as MS-XCA says, byte by byte.
fn encode(tokens: &[Token]) -> Vec<u8> {
    let (mut out, mut half) = (Vec::new(), None);
    for group in tokens.chunks(32) {
        let place = out.len();
        let mut flags = u32::MAX;
        out.extend([0; 4]);
        for (bit, token) in group.iter().enumerate() {
            match *token {
                Token::Literal(byte) => {
                    flags &= !(1 << (31 - bit));
                    out.push(byte);
                }
                Token::Match(distance, length) => {
                    encode_match(&mut out, &mut half, distance - 1, length - 3);
                }
            }
        }
        out[place..place + 4].copy_from_slice(&flags.to_le_bytes());
    }
    out
}

fn encode_match(out: &mut Vec<u8>, half: &mut Option<usize>, distance: usize, length: usize) {
    let word = u16::try_from(distance << 3 | length.min(7)).unwrap();
    out.extend(word.to_le_bytes());
    let Some(more) = length.checked_sub(7) else { return };
    let low = u8::try_from(more.min(15)).unwrap();
    match half.take() {
        Some(place) => out[place] |= low << 4,
        None => {
            *half = Some(out.len());
            out.push(low);
        }
    }
    let Some(more) = more.checked_sub(15) else { return };
    out.push(u8::try_from(more.min(255)).unwrap());
    if more >= 255 {
        match u16::try_from(length) {
            Ok(length) => out.extend(length.to_le_bytes()),
            Err(_) => {
                out.extend([0, 0]);
                out.extend(u32::try_from(length).unwrap().to_le_bytes());
            }
        }
    }
}

/// What tokens stand for, byte by byte.
fn expand(tokens: &[Token]) -> Vec<u8> {
    let mut out: Vec<u8> = Vec::new();
    for token in tokens {
        match *token {
            Token::Literal(byte) => out.push(byte),
            Token::Match(distance, length) => {
                (0..length).for_each(|_| out.push(out[out.len() - distance]));
            }
        }
    }
    out
}

/// Takes the longest match at each place.
fn tokens_of(data: &[u8]) -> Vec<Token> {
    let (mut tokens, mut at) = (Vec::new(), 0);
    while at < data.len() {
        let length_at = |distance: &usize| {
            let earlier = &data[at - distance..];
            data[at..].iter().zip(earlier).take_while(|(a, b)| a == b).count()
        };
        let best = (1..=at.min(8_192)).max_by_key(length_at);
        match best.map(|distance| (distance, length_at(&distance))) {
            Some((distance, length)) if length >= 3 => {
                tokens.push(Token::Match(distance, length));
                at += length;
            }
            _ => {
                tokens.push(Token::Literal(data[at]));
                at += 1;
            }
        }
    }
    tokens
}

fn unpacked(input: &[u8], length: usize) -> Result<Vec<u8>, XpressError> {
    // Used before: what lies in it must not matter.
    let mut room = vec![0xa5; 100];
    unpack(input, length, &mut room)?;
    room.truncate(length);
    Ok(room)
}

#[test]
fn the_examples_of_the_specification() {
    let letters = b"abcdefghijklmnopqrstuvwxyz";
    let packed = [&[0x3f, 0, 0, 0][..], letters].concat();
    assert_eq!(unpacked(&packed, 26).unwrap(), letters);
    let packed = b"\xff\xff\xff\x1fabc\x17\x00\x0f\xff\x26\x01";
    assert_eq!(unpacked(packed, 300).unwrap(), b"abc".repeat(100));
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
        let tokens = tokens_of(&data);
        prop_assert_eq!(expand(&tokens), data.clone());
        prop_assert_eq!(unpacked(&encode(&tokens), data.len()), Ok(data));
    }

    #[test]
    fn any_bytes_end(input in prop::collection::vec(any::<u8>(), 0..400), length in 0..5_000_usize) {
        // That it returns at all, and with as many bytes as it promised.
        if let Ok(whole) = unpacked(&input, length) {
            prop_assert_eq!(whole.len(), length);
        }
    }
}
